"""Requests that nobody sensible sends, by the thousand, and what brings them to an edge.

They go through a connection of the edge as from a socket, parser and all; only the kernel is left
out, so that twenty thousand take seconds.
"""

import asyncio
import random
import string
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from prometheus_client import CollectorRegistry

from ingress import providers
from ingress.listener import Server
from ingress.settings import KeySettings, SourceSettings
from sealgate.simulator.keys import new_secret
from tests.support import canary
from tests.support.gateway import BODY, NEW_SECRET, Gateway, btcpay

Series = frozenset[tuple[str, tuple[tuple[str, str], ...]]]
PROVIDERS = (
    "adyen_standard",
    "bvnk",
    "checkout",
    "coinbase_commerce",
    "coingate",
    "cryptomus",
    "flutterwave_v3",
    "github",
    "gocardless",
    "intercom",
    "kobbopay",
    "moonpay",
    "nowpayments",
    "openai",
    "opennode",
    "paddle",
    "standard_webhooks",
    "svix",
)
_METHODS = ("GET", "PUT", "HEAD", "DELETE", "OPTIONS", "PATCH", "BREW", "post", "CONNECT")
_HEADERS = (
    "BTCPay-Sig",
    "Stripe-Signature",
    "X-CC-Webhook-Signature",
    "webhook-id",
    "webhook-timestamp",
    "webhook-signature",
    "X-Correlation-Id",
    "traceparent",
    "Content-Encoding",
    "Content-Type",
    "Expect",
    "X-Forwarded-For",
)
_LETTERS = string.ascii_letters + string.digits + "-_.~=,;:+/\"'<>{}%"


def sources(directory: Path) -> list[SourceSettings]:
    """Configure a source of each of these providers, with two keys; the edge has two more."""
    return [_source(directory, name) for name in PROVIDERS]


def _source(directory: Path, name: str) -> SourceSettings:
    profile, keys = providers.load(name, {}), []
    for number in range(2):
        file = directory / f"{name}-{number}"
        text = new_secret(profile, f"{name} {number}".ljust(32, "*").encode())
        file.write_bytes(canary.secret(f"key {number} of {name}", text.encode()))
        keys.append(KeySettings(id=f"k{number}", file=file))
    return SourceSettings(
        slug=name.replace("_", "-"),
        provider=name,
        account="main",
        public_url=f"https://hooks.example.com/hooks/{name}",
        experimental=True,
        key=keys,
    )


class Wire(asyncio.Transport):
    """The other end of a connection, which throws away what it hears."""

    def __init__(self) -> None:
        super().__init__({"peername": ("192.0.2.7", 4711)})
        self.statuses: list[bytes] = []

    def write(self, data: "bytes | bytearray | memoryview[Any]") -> None:
        """Hear an answer, and remember its status."""
        self.statuses.append(bytes(data[9:12]))

    def close(self) -> None:
        """Close nothing."""

    def abort(self) -> None:
        """Drop nothing."""

    def get_write_buffer_size(self) -> int:
        """Have read everything."""
        return 0

    def pause_reading(self) -> None:
        """Send nothing more anyway."""

    def resume_reading(self) -> None:
        """Send nothing more anyway."""


async def send(edge: Gateway, requests: Sequence[bytes]) -> None:
    """Bring each request by a connection of its own, and wait until all are answered."""
    server = Server(edge.edge._edge)
    for one in requests:
        connection = server()
        connection.connection_made(Wire())
        connection.data_received(one)
        connection.connection_lost(None)
        await asyncio.sleep(0)
    async with asyncio.timeout(30):
        while edge.count("sealgate_requests_in_flight"):
            await asyncio.sleep(0.01)
    server.stop()


def requests(draw: random.Random, slugs: Sequence[str], count: int) -> Iterator[bytes]:
    """Make requests: some nearly right, some well signed with odd words, most of them nonsense."""
    for number in range(count):
        path = f"/hooks/{draw.choice(slugs)}" if draw.random() < 0.7 else "/" + _text(draw, 24)
        if draw.random() < 0.2:
            path += "?" + _text(draw, 12)
        method = "POST" if draw.random() < 0.8 else draw.choice(_METHODS)
        body = draw.randbytes(draw.randrange(40))
        headers = {name: _text(draw, 40) for name in draw.sample(_HEADERS, draw.randrange(5))}
        if number % 10 == 0:
            path, method, body = "/hooks/btcpay-shop", "POST", _odd(draw, number)
            # One in two is forged: its last digits are others.
            name, value = btcpay(body, NEW_SECRET)
            headers = {name: value if draw.random() < 0.5 else value[:-2] + "00"}
        yield _written(method, path, headers, body)


def _odd(draw: random.Random, number: int) -> bytes:
    """Write an event whose type, invoice and id nobody has ever heard of."""
    body = BODY.replace(b"d1", b"d%d" % number)
    return body.replace(b"InvoiceSettled", b"Odd%d" % draw.randrange(10**6))


def _written(method: str, path: str, headers: Mapping[str, str], body: bytes) -> bytes:
    lines = [f"{method} {path} HTTP/1.1", "Host: hooks.example.com"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body


def _text(draw: random.Random, length_max: int) -> str:
    return "".join(draw.choices(_LETTERS, k=draw.randrange(1, length_max)))


def series(registry: CollectorRegistry) -> Series:
    """Return every series that is told: names and labels, without values.

    A process of ours does not tell when each of them began.
    """
    return frozenset(
        (sample.name, tuple(sorted(sample.labels.items())))
        for family in registry.collect()
        for sample in family.samples
        if not sample.name.endswith("_created")
    )
