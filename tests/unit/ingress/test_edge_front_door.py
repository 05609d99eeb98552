"""Who may deliver: lists of addresses, and the headers of real proxies."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest

from ingress.delivery import Reason
from ingress.keysources.declaration import Request
from ingress.keysources.result import FetchFailed, Result
from ingress.settings import SourceSettings
from tests.support.gateway import (
    BODY,
    HOOK,
    Gateway,
    Reply,
    btcpay,
    gateway,
    is_problem,
    log_lines,
    request,
    until_ready,
)
from tests.support.guarded import GUARDED_LABELS, guarded, signed

GOOD = request(HOOK, BODY, [btcpay(BODY)])


def _through(proxied: bytes, *headers: str) -> bytes:
    """Add the header lines that a proxy adds."""
    head, _, body = proxied.partition(b"\r\n\r\n")
    return b"\r\n".join([head, *(one.encode() for one in headers)]) + b"\r\n\r\n" + body


async def test_an_address_that_is_not_allowed_is_refused_and_kept(tmp_path: Path) -> None:
    """The list may be wrong: then what was refused is still there (P8)."""
    more = guarded(tmp_path, allow=["192.0.2.0/24", "2001:db8::/32"])
    async with gateway(tmp_path, more=more) as edge:
        await until_ready(edge)
        is_problem(await edge.raw(signed()), 403)
        (kept,) = await edge.quarantined()
        assert kept.reason == Reason.ADDRESS_REFUSED.value
        reason = Reason.ADDRESS_REFUSED.value
        failures = "sealgate_verification_failures_total"
        assert edge.count(failures, **GUARDED_LABELS, reason=reason) == 1
        assert (await edge.raw(GOOD)).status == 200  # a source without a list takes anybody's
        assert len(await edge.published()) == 1


async def test_an_address_on_the_list_is_let_in(tmp_path: Path) -> None:
    """The other half: or the provider would be refused."""
    async with gateway(tmp_path, more=guarded(tmp_path, allow=["127.0.0.0/8"])) as edge:
        await until_ready(edge)
        assert (await edge.raw(signed())).status == 200


async def test_a_provider_that_never_comes_back_after_a_403_is_not_told_one(tmp_path: Path) -> None:
    """BTCPay gives up at a 4xx; a wrong list must not lose its money."""
    (tmp_path / "shop").write_bytes(b"secret-of-the-other-shop")
    shop = SourceSettings.model_validate(
        {
            "slug": "shop",
            "provider": "btcpay",
            "key": [{"id": "k1", "file": "shop"}],
            "allow": ["192.0.2.0/24"],
        }
    )
    async with gateway(tmp_path, more=[shop]) as edge:
        await until_ready(edge)
        told = is_problem(await edge.post("/hooks/shop", BODY, btcpay(BODY)), 503)
        assert told["type"] == "urn:sealgate:problem:unavailable"


PROXIED = {"trusted_proxies": ["127.0.0.0/8", "10.0.0.0/8"]}


@pytest.mark.parametrize(
    ("header", "lines"),
    [
        # nginx's $proxy_add_x_forwarded_for and Envoy prolong the line that the client sent.
        ("x-forwarded-for", ["X-Forwarded-For: 1.1.1.1, 192.0.2.9"]),
        # HAProxy's `option forwardfor` adds a line of its own behind it.
        ("x-forwarded-for", ["X-Forwarded-For: 1.1.1.1", "X-Forwarded-For: 192.0.2.9"]),
        # A balancer in front of our own proxy; Azure's writes the port too.
        ("x-forwarded-for", ["X-Forwarded-For: 1.1.1.1, 192.0.2.9:50007, 10.1.2.3"]),
        # HAProxy's `option forwarded`, and a client that left a quote open.
        ("forwarded", ['Forwarded: for="1.1.1.1', "Forwarded: proto=https;for=192.0.2.9"]),
        ("forwarded", ["X-Forwarded-For: 1.1.1.1", 'Forwarded: for="192.0.2.9:50007"']),
    ],
)
async def test_behind_a_trusted_proxy_the_clients_own_address_counts(
    tmp_path: Path, header: str, lines: Sequence[str]
) -> None:
    """As real proxies write it, and never as the client did."""
    said = log_lines()
    more = guarded(tmp_path, allow=["192.0.2.0/24"])
    async with gateway(tmp_path, more=more, forwarded_header=header, **PROXIED) as edge:
        await until_ready(edge)
        assert (await edge.raw(_through(signed(), *lines))).status == 200
        is_problem(await edge.raw(signed()), 403)
    assert [one["network"] for one in said("delivery_handled")] == ["192.0.2.0/24", "127.0.0.0/24"]


async def test_a_client_cannot_say_where_it_comes_from(tmp_path: Path) -> None:
    """Without a proxy that is named, such a header is a stranger's claim."""
    lines = ["X-Forwarded-For: 192.0.2.9", "Forwarded: for=192.0.2.9", "X-Real-IP: 192.0.2.9"]
    more = guarded(tmp_path, allow=["192.0.2.0/24"])
    async with gateway(tmp_path, more=more, trusted_proxies=["10.0.0.0/8"]) as edge:
        await until_ready(edge)
        is_problem(await edge.raw(_through(signed(), *lines)), 403)
        assert await edge.published() == []


async def test_no_address_is_in_any_metric_or_log_line(tmp_path: Path) -> None:
    """It may be a person's, and every label value is a series that a stranger makes."""
    said = log_lines()
    more = guarded(tmp_path, allow=["192.0.2.0/24"])
    async with gateway(tmp_path, more=more, **PROXIED) as edge:
        await until_ready(edge)
        await edge.raw(_through(signed(), "X-Forwarded-For: 198.51.100.77"))
        labels = [
            value
            for family in edge.registry.collect()
            for sample in family.samples
            for value in sample.labels.values()
        ]
        assert not [value for value in labels if "198.51" in value]
    assert [one["network"] for one in said("delivery_handled")] == ["198.51.100.0/24"]
    assert "198.51.100.77" not in str(said("delivery_handled"))


class _Site:
    """A provider's site, that answers as it is told."""

    def __init__(self, answer: bytes | None = None) -> None:
        self.answer = answer
        self.asked: list[str] = []

    async def __call__(self, asked: Request) -> bytes:
        self.asked.append(asked.address.host + asked.address.path)
        if self.answer is None:
            raise FetchFailed(Result.TIMEOUT, "took more than 5 s")
        return self.answer


async def _until(edge: Gateway, status: int) -> Reply:
    async with asyncio.timeout(10):
        while (reply := await edge.raw(signed())).status != status:
            await asyncio.sleep(0.05)
    return reply


async def test_before_the_published_list_has_arrived_deliveries_are_put_off(tmp_path: Path) -> None:
    """They come again; refused, some providers would not. Then the list decides."""
    site = _Site()
    more = guarded(tmp_path, allow_published=True)
    async with gateway(tmp_path, more=more, fetch=site) as edge:
        reply = await edge.raw(signed())
        is_problem(reply, 503)
        assert int(reply.headers["retry-after"]) > 0
        assert ("the addresses of stripe are here", False) in edge.edge.ready()
        site.answer = b'{"WEBHOOKS": ["127.0.0.1"]}'
        await until_ready(edge)
        assert (await _until(edge, 200)).status == 200
        assert set(site.asked) == {"stripe.com/files/ips/ips_webhooks.json"}
        assert edge.count("sealgate_addresses_fetched", provider="stripe") == 1
        fetched = {"provider": "stripe", "result": "fetched"}
        assert edge.count("sealgate_address_fetch_total", **fetched) == 1
        assert len(await edge.published()) == 1


async def test_who_is_not_on_the_published_list_is_refused(tmp_path: Path) -> None:
    """With a good signature too: this is the point of the list."""
    site = _Site(b'{"WEBHOOKS": ["3.18.12.63"]}')
    more = guarded(tmp_path, allow_published=True)
    async with gateway(tmp_path, more=more, fetch=site) as edge:
        await until_ready(edge)
        is_problem(await _until(edge, 403), 403)
        assert await edge.published() == []
