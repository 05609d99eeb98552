"""The simulated provider over real HTTP: retries, redeliveries, copies, delays, and its own log."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field

import pytest
from aiohttp import web

from ingress import providers
from sealgate.simulator import events
from sealgate.simulator.events import Occasion
from sealgate.simulator.keys import SigningKey
from sealgate.simulator.provider import Dispatch, Parcel, Provider
from sealgate.simulator.twist import Signer, Twist
from sealgate.simulator.wire import Wire

NOW_MS = 1_790_000_000_000
SECRET = b"secret-of-a-test"


@dataclass
class Receiver:
    """A real HTTP server that keeps what it got and answers what it was told to."""

    url: str = ""
    answers: list[int] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        self.headers.append({name.lower(): value for name, value in request.headers.items()})
        self.bodies.append(await request.read())
        status = self.answers.pop(0) if self.answers else 200
        return web.Response(status=status, headers={"X-Correlation-Id": f"c{len(self.bodies)}"})


@pytest.fixture(name="receiver")
async def _receiver() -> AsyncIterator[Receiver]:
    receiver = Receiver()
    server = web.Server(receiver.handle)
    listener = await asyncio.get_running_loop().create_server(server, "127.0.0.1", 0)
    receiver.url = f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}/hooks/x"
    yield receiver
    listener.close()
    await server.shutdown()


@pytest.fixture(name="wire")
async def _wire() -> AsyncIterator[Wire]:
    async with Wire() as wire:
        yield wire


def _provider(name: str, url: str, wire: Wire, waits_s: list[float]) -> Provider:
    async def sleep(seconds: float) -> None:
        waits_s.append(seconds)

    profile = providers.load(name)
    signers = {
        "first": Signer(profile, SigningKey(SECRET), SigningKey(b"wrong")),
        "second": Signer(profile, SigningKey(b"second-secret"), SigningKey(b"wrong")),
    }
    samples = events.load(name)
    ticks: Iterator[int] = iter(range(NOW_MS, NOW_MS + 1_000_000, 1000))
    return Provider(samples, url, signers, wire, lambda: next(ticks), 0.01, sleep)


def _parcel(event: str = "seen", key: str = "") -> Parcel:
    occasion = Occasion("pay-1", "event-1", NOW_MS, NOW_MS, NOW_MS, NOW_MS + 900_000)
    return Parcel(event, occasion, key)


async def test_a_refused_delivery_is_repeated_after_the_providers_waits(
    receiver: Receiver, wire: Wire
) -> None:
    """BTCPay: 503 twice, so 10 s and 60 s of waiting (scaled), then taken and no more."""
    waits_s: list[float] = []
    receiver.answers = [503, 503, 200]
    provider = _provider("btcpay", receiver.url, wire, waits_s)
    made = await provider.deliver_until_taken(_parcel())
    assert [attempt.status for attempt in made] == [503, 503, 200]
    assert waits_s == pytest.approx([0.1, 0.6])
    assert len(set(receiver.bodies)) == 3, "each of its retries has a delivery id of its own"


async def test_btcpay_gives_up_after_a_401(receiver: Receiver, wire: Wire) -> None:
    """The event is lost for good: the reason why its profile refuses with 503."""
    receiver.answers = [401]
    provider = _provider("btcpay", receiver.url, wire, [])
    made = await provider.deliver_until_taken(_parcel())
    assert [attempt.status for attempt in made] == [401]


async def test_stripe_comes_back_after_a_401_and_signs_anew(receiver: Receiver, wire: Wire) -> None:
    """Same bytes, another timestamp: a late retry is not an old signature."""
    receiver.answers = [401, 200]
    provider = _provider("stripe", receiver.url, wire, [])
    made = await provider.deliver_until_taken(_parcel())
    assert [attempt.status for attempt in made] == [401, 200]
    assert receiver.bodies[0] == receiver.bodies[1]
    assert receiver.headers[0]["stripe-signature"] != receiver.headers[1]["stripe-signature"]


async def test_a_provider_gives_up_in_the_end(receiver: Receiver, wire: Wire) -> None:
    """The schedule has an end: one attempt and eight retries."""
    receiver.answers = [503] * 20
    provider = _provider("btcpay", receiver.url, wire, [])
    assert len(await provider.deliver_until_taken(_parcel())) == 9


async def test_each_attempt_suffers_its_own_twist(receiver: Receiver, wire: Wire) -> None:
    """A wrong key once, and the right one afterwards: what an operator's repair looks like."""
    receiver.answers = [503, 200]
    provider = _provider("btcpay", receiver.url, wire, [])
    made = await provider.deliver_until_taken(_parcel(), [Twist.WRONG_KEY])
    assert [attempt.twist for attempt in made] == [Twist.WRONG_KEY, Twist.GENUINE]


async def test_nobody_there_is_an_attempt_without_an_answer(wire: Wire) -> None:
    """A provider writes it down and tries again; it never crashes."""
    provider = _provider("btcpay", "http://127.0.0.1:1/hooks/x", wire, [])
    made = await provider.deliver_until_taken(_parcel())
    assert {attempt.status for attempt in made} == {None}
    assert len(made) == 9
    assert "127.0.0.1" in made[0].trouble


async def test_copies_are_sent_side_by_side_and_delays_are_kept(
    receiver: Receiver, wire: Wire
) -> None:
    """Three copies of one event, and another one that arrives later though it is listed first."""
    arrived = asyncio.Event()

    async def sleep(_: float) -> None:
        await arrived.wait()

    provider = _provider("stripe", receiver.url, wire, [])
    provider.sleep = sleep
    sending = asyncio.create_task(
        provider.dispatch(
            [Dispatch(_parcel("created"), after_s=1.0), Dispatch(_parcel("confirmed"), copies=3)]
        )
    )
    async with asyncio.timeout(10):
        while len(receiver.bodies) < 3:
            await asyncio.sleep(0.001)
        arrived.set()
        made = await sending
    assert len(made) == 4
    assert all(b"payment_intent.succeeded" in body for body in receiver.bodies[:3])
    assert b"payment_intent.created" in receiver.bodies[3]


async def test_the_delivery_log_has_what_was_sent_and_what_came_back(
    receiver: Receiver, wire: Wire
) -> None:
    """When an engineer and a provider disagree, this log is the provider's half."""
    provider = _provider("stripe", receiver.url, wire, [])
    made = await provider.deliver(_parcel())
    assert provider.attempts == [made]
    assert (made.status, made.correlation_id, made.taken) == (200, "c1", True)
    assert made.latency_s > 0
    assert made.body == receiver.bodies[0]
    assert made.headers["stripe-signature"] == receiver.headers[0]["stripe-signature"]
    assert receiver.headers[0]["content-type"] == "application/json"


async def test_a_parcel_may_name_the_key(receiver: Receiver, wire: Wire) -> None:
    """A rotation has two keys at once, on the provider's side too."""
    provider = _provider("btcpay", receiver.url, wire, [])
    await provider.deliver(_parcel())
    await provider.deliver(_parcel(key="second"))
    signatures = [headers["btcpay-sig"] for headers in receiver.headers]
    assert receiver.bodies[0] == receiver.bodies[1]
    assert signatures[0] != signatures[1]
