"""Environments at the edge: what belongs to another one, by its own word or by its path."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import stripe

from ingress import telemetry
from ingress.contract import alarm, topics
from ingress.eventlog.port import Position, Record
from ingress.settings import KeySettings, SourceSettings
from tests.support.gateway import (
    BODY,
    HOOK,
    STRIPE_SECRET,
    Gateway,
    btcpay,
    gateway,
    is_problem,
    until_ready,
)

TEST_SECRET = b"a-secret-of-another-source"


@pytest.fixture(name="edge")
async def _edge(tmp_path: Path) -> AsyncIterator[Gateway]:
    (tmp_path / "other").write_bytes(TEST_SECRET)
    twin = SourceSettings(
        slug="test", provider="btcpay", key=[KeySettings(id="k", file=Path("other"))]
    )
    async with gateway(tmp_path, more=[twin]) as running:
        await until_ready(running)
        yield running


def _signed(body: str) -> tuple[str, str]:
    seconds = telemetry.now_ms() // 1000
    signature = stripe.WebhookSignature._compute_signature(
        f"{seconds}.{body}", STRIPE_SECRET.decode()
    )
    return "Stripe-Signature", f"t={seconds},v1={signature}"


def _event(livemode: str) -> str:
    return f'{{"id":"evt_1","type":"charge.succeeded",{livemode}"data":{{"object":{{"id":"pi"}}}}}}'


async def _records(edge: Gateway, topic: str) -> list[Record]:
    found: list[Record] = []
    for partition, begin in (await edge.log.begins(topic)).items():
        found += await edge.log.read(Position(partition, begin), 1000)
    return found


async def test_a_live_event_at_a_test_source_is_published_to_nobody(edge: Gateway) -> None:
    """Its sender hears success, for some send both by design; people hear of it at once."""
    body = _event('"livemode":true,')
    reply = await edge.post("/hooks/stripe-eu", body.encode(), _signed(body))
    assert reply.status == 200
    assert await edge.published() == []
    (record,) = await _records(edge, topics.alarms("test"))
    told = alarm.Alarm.decode(record.headers, record.value)
    assert told.code == "ENV_MISMATCH"
    assert len(await _records(edge, topics.quarantine("test"))) == 1


@pytest.mark.parametrize("livemode", ['"livemode":false,', "", '"livemode":null,'])
async def test_an_event_that_is_ours_or_says_nothing_is_published(
    edge: Gateway, livemode: str
) -> None:
    """Most providers say nothing, and older bodies of those that do: refusing them loses money."""
    body = _event(livemode)
    reply = await edge.post("/hooks/stripe-eu", body.encode(), _signed(body))
    assert reply.status == 200
    (envelope,) = await edge.published()
    assert envelope.body == body.encode()
    assert envelope.mode.value == ("test" if "false" in livemode else "unknown")


async def test_a_forgery_cannot_raise_an_alarm(edge: Gateway) -> None:
    """The body is looked at behind the signature: a stranger's livemode is nobody's evidence."""
    body = _event('"livemode":true,')
    reply = await edge.post("/hooks/stripe-eu", body.encode(), ("Stripe-Signature", "t=1,v1=00"))
    assert reply.status in {400, 401}
    assert await _records(edge, topics.alarms("test")) == []


async def test_the_path_may_say_the_environment(edge: Gateway) -> None:
    """Registered so, an endpoint that a balancer sends to the wrong place is found."""
    reply = await edge.post("/hooks/test/btcpay-shop", BODY, btcpay(BODY))
    assert reply.status == 200
    assert len(await edge.published()) == 1


@pytest.mark.parametrize(
    "path",
    [
        "/hooks/production/btcpay-shop",
        "/hooks//btcpay-shop",
        "/hooks/test//btcpay-shop",
        "/hooks/test/btcpay-shop/",
        "/hooks/test/test/btcpay-shop",
        "/hooks/TEST/btcpay-shop",
        "/hooks/test/nobody",
        "/hooks/test/",
        "/hooks/te%73t/btcpay-shop",
    ],
)
async def test_a_path_of_another_environment_is_as_unknown_as_any(edge: Gateway, path: str) -> None:
    """A correct signature does not help: the delivery was meant for somebody else."""
    reply = await edge.post(path, BODY, btcpay(BODY))
    assert (
        is_problem(reply, 404)["title"]
        == is_problem(await edge.post("/hooks/unheard-of", BODY, btcpay(BODY)), 404)["title"]
    )
    assert await edge.published() == []


async def test_a_source_that_is_called_like_its_environment_is_found(edge: Gateway) -> None:
    """No slug has a slash in it, so neither name can be taken for the other."""
    for number, path in enumerate(["/hooks/test", "/hooks/test/test"]):
        body = BODY.replace(b'"d1"', b'"d-%d"' % number)
        reply = await edge.post(path, body, btcpay(body, TEST_SECRET))
        assert reply.status == 200
    assert (await edge.post(HOOK, BODY, btcpay(BODY, TEST_SECRET))).status != 200
    assert {envelope.source for envelope in await edge.published()} == {"urn:sealgate:test:test"}
