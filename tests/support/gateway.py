"""An edge in this process, over a real embedded log, and a client made of a socket."""

import asyncio
import hashlib
import hmac
import io
import json
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from prometheus_client import CollectorRegistry, generate_latest

from ingress import app, sealing, sources, telemetry, tls
from ingress.contract import quarantined, topics
from ingress.contract.envelope import Envelope
from ingress.contract.quarantined import Quarantined
from ingress.eventlog.connect import connect
from ingress.eventlog.port import EventLog, Position, Record
from ingress.keysources.fetch import Fetch
from ingress.settings import EdgeSettings, KeySettings, QuarantineSettings, SourceSettings
from tests.support import canary
from tests.support.builders import SERVES
from tests.support.signers.shape import Sent, Signer

OLD_SECRET = canary.secret("the gateway's old key", b"old-secret-of-a-test")
NEW_SECRET = canary.secret("the gateway's new key", b"new-secret-of-a-test")
STRIPE_SECRET = canary.secret("the gateway's key of Stripe", b"whsec_of_a_test")
HOOK = "/hooks/btcpay-shop"
BODY = b'{"deliveryId":"d1","type":"InvoiceSettled","invoiceId":"inv-1","timestamp":1700000000}'


@dataclass(frozen=True, slots=True)
class Reply:
    """A response as bytes, taken apart."""

    status: int
    headers: dict[str, str]
    body: bytes


@dataclass(slots=True)
class Gateway:
    """A running edge, what it counted, and what it published."""

    port: int
    edge: app.EdgeApp
    log: EventLog
    registry: CollectorRegistry

    def count(self, name: str, **labels: str) -> float:
        """Read one sample of a metric; 0 where it is not there."""
        return self.registry.get_sample_value(name, labels) or 0.0

    async def published(self) -> list[Envelope]:
        """Read every envelope on the verified topic."""
        found = []
        for partition, begin in (await self.log.begins(topics.verified("test"))).items():
            records = await self.log.read(Position(partition, begin), 1000)
            found += [Envelope.decode(record.headers, record.value) for record in records]
        return found

    async def quarantined(self) -> list[Quarantined]:
        """Read everything that is kept in the quarantine."""
        found = []
        for record in await self.records(topics.quarantine("test")):
            kept = quarantined.decode(record.headers, record.value)
            assert isinstance(kept, Quarantined)
            found.append(kept)
        return found

    async def records(self, topic: str) -> list[Record]:
        """Read every record of a topic."""
        found: list[Record] = []
        for partition, begin in (await self.log.begins(topic)).items():
            found += await self.log.read(Position(partition, begin), 10_000)
        return found

    async def raw(self, request: bytes, *, ends: bool = False) -> Reply:
        """Send bytes as they are and read one response; `ends`: and the connection's end."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            writer.write(request)
            reply = await read_reply(reader, has_body=not request.startswith(b"HEAD "))
            if ends:
                async with asyncio.timeout(10):
                    assert await reader.read() == b""
            return reply
        finally:
            writer.close()

    async def post(self, path: str, body: bytes, *headers: tuple[str, str]) -> Reply:
        """Post a body with exactly these headers beside Host and Content-Length."""
        return await self.raw(request(path, body, headers))

    async def ask(self, method: str, target: str, *headers: tuple[str, str]) -> Reply:
        """Send a request that brings no body, and names no length."""
        lines = [
            f"{method} {target} HTTP/1.1",
            "Host: hooks.example.com",
            *(f"{name}: {value}" for name, value in headers),
        ]
        return await self.raw("\r\n".join(lines).encode("latin-1") + b"\r\n\r\n")

    async def deliver(self, slug: str, sent: Sent) -> Reply:
        """Bring what a provider sends to a source, with the query that it calls."""
        query = sent.url.partition("?")[2]
        target = f"/hooks/{slug}" + (f"?{query}" if query else "")
        headers = [(name.decode(), value.decode("latin-1")) for name, value in sent.headers]
        if sent.method == "GET":
            return await self.ask("GET", target, *headers)
        return await self.post(target, sent.body, *headers)


def own(signer: Signer) -> Signer:
    """Return a sender with a secret of its own: no two sources of an edge may share one."""
    if signer.old.startswith(b"-----"):
        return signer  # public keys may be shared
    return replace(signer, old=signer.old + signer.name.replace(" ", "-").encode())


def source(
    directory: Path, signer: Signer, slug: str, tokens: Sequence[str] = (), **settings: Any
) -> SourceSettings:
    """Configure a source of a provider, with the sender's old key and handshake tokens."""
    keys = []
    if signer.place:
        file = directory / f"{slug}-key"
        file.write_bytes(signer.shown(signer.old))
        keys.append(KeySettings(id="old", file=file, kid=signer.kid(signer.old)))
    for number, token in enumerate(tokens):
        file = directory / f"{slug}-token-{number}"
        file.write_text(token)
        keys.append(KeySettings(id=f"token-{number}", file=file, role="handshake"))
    settings = {"parameters": dict(signer.parameters), "key": keys} | settings
    return SourceSettings(slug=slug, provider=signer.provider, public_url=signer.url, **settings)


def request(path: str, body: bytes, headers: Sequence[tuple[str, str]] = ()) -> bytes:
    """Write a POST as bytes."""
    lines = [
        f"POST {path} HTTP/1.1",
        "Host: hooks.example.com",
        f"Content-Length: {len(body)}",
        *(f"{name}: {value}" for name, value in headers),
    ]
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body


def btcpay(body: bytes, secret: bytes = OLD_SECRET) -> tuple[str, str]:
    """Sign as BTCPay Server does (WebhookSender.cs): the hex HMAC-SHA256 of the body."""
    return "BTCPay-Sig", "sha256=" + hmac.new(secret, body, hashlib.sha256).hexdigest()


async def read_reply(reader: asyncio.StreamReader, *, has_body: bool = True) -> Reply:
    """Read one response; no response ever holds a secret."""
    async with asyncio.timeout(30):
        head = await reader.readuntil(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")
        pairs = (line.split(": ", 1) for line in lines[1:] if line)
        headers = {name.lower(): value for name, value in pairs}
        length = int(headers.get("content-length", "0")) if has_body else 0
        body = await reader.readexactly(length)
    canary.saw("replies", head + body)
    return Reply(int(lines[0].split(" ")[1]), headers, body)


LogLines = Callable[[str], list[dict[str, Any]]]
"""Returns what was logged so far under the name of an event."""


class _Said(io.StringIO):
    """Log lines, which never hold a secret."""

    def write(self, text: str) -> int:
        """Write, and have it searched."""
        canary.saw("log lines", text)
        return super().write(text)


def log_lines() -> LogLines:
    """Collect what the loggers of this process say from now on, if they have said nothing yet."""
    out = _Said()
    telemetry.configure("json", out=out)

    def said(event: str) -> list[dict[str, Any]]:
        telemetry.flush()
        lines = [json.loads(line) for line in out.getvalue().splitlines()]
        return [line for line in lines if line["event"] == event]

    return said


def _sources(rate_per_s: float | None, more: Sequence[SourceSettings]) -> list[SourceSettings]:
    return [
        SourceSettings(
            slug="btcpay-shop",
            provider="btcpay",
            account="shop",
            key=[
                KeySettings(id="old", file=Path("old")),
                KeySettings(id="new", file=Path("new")),
            ],
        ),
        SourceSettings(
            slug="stripe-eu",
            provider="stripe",
            account="eu",
            rate_per_s=rate_per_s,
            key=[KeySettings(id="only", file=Path("stripe"))],
        ),
        *more,
    ]


@asynccontextmanager
async def gateway(
    directory: Path,
    rate_per_s: float | None = None,
    more: Sequence[SourceSettings] = (),
    fetch: Fetch | None = None,
    quarantine: Mapping[str, Any] | None = None,
    state_file: Path | None = None,
    **settings: Any,
) -> AsyncIterator[Gateway]:
    """Run an edge with a BTCPay source of two keys, and a Stripe source of one key and a rate.

    And with `more`; profiles of the user's own stand in `providers` under the directory.
    """
    parts = _parts(directory, _sources(rate_per_s, more), quarantine or {}, settings)
    edge = app.EdgeApp(replace(parts, fetch=fetch, state_file=state_file))
    port = await edge.start()
    try:
        yield Gateway(port, edge, parts.log, parts.registry)
    finally:
        await edge.stop()
        await parts.log.close()
        canary.saw("metrics", generate_latest(parts.registry))


def _parts(
    directory: Path,
    configured: Sequence[SourceSettings],
    quarantine: Mapping[str, Any],
    settings: Mapping[str, Any],
) -> app.Parts:
    """Write the keys, and put together what an edge is made of."""
    for name, secret in (("old", OLD_SECRET), ("new", NEW_SECRET), ("stripe", STRIPE_SECRET)):
        (directory / name).write_bytes(secret)
    edge_settings = EdgeSettings.model_validate(
        {"port": 0, "drain_s": 0.0, "stop_s": 5.0, "shed_lag_s": 60, **settings}
    )
    keeping = QuarantineSettings.model_validate(quarantine)
    held = {key.id: key.file for key in keeping.key}
    held |= {f"{key.id} of {one.slug}": key.file for one in configured for key in one.key}
    for name, file in held.items():
        canary.key_file(f"the gateway's key {name}", directory / file)
    origin = sources.Origin(directory, profiles=directory / "providers")
    return app.Parts(
        environment="test",
        settings=edge_settings,
        sources=sources.build(SERVES, configured, edge_settings, origin),
        log=connect(f"embedded://{directory / 'log.db'}"),
        partitions=3,
        registry=CollectorRegistry(),
        clock=telemetry.now_ms,
        quarantine=keeping,
        seals=sealing.seals(keeping, directory),
        tls=tls.load(files, directory, telemetry.now_ms())
        if (files := edge_settings.tls)
        else None,
    )


async def until_ready(running: Gateway) -> None:
    """Wait until the edge has its log."""
    async with asyncio.timeout(10):
        while not all(holds for _, holds in running.edge.ready()):
            await asyncio.sleep(0.01)


def is_problem(reply: Reply, status: int) -> dict[str, object]:
    """Check that a reply is a whole problem document of `status`, and return it."""
    assert reply.status == status
    assert reply.headers["content-type"] == "application/problem+json"
    problem: dict[str, object] = json.loads(reply.body)
    assert problem["status"] == status
    assert problem["instance"] == "urn:uuid:" + reply.headers["x-correlation-id"]
    return problem
