"""Fault 22: one record in twenty can never be applied, and nobody waits for it.

Some are events whose content is nonsense: they are claimed and raise an exception. The others are
no events at all, or bytes that no client can read: they are buried, each with its place.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from itertools import count

import pytest

from ingress.contract import topics
from ingress.contract.envelope import Envelope
from ingress.eventlog.port import Message, Partition, Position, Publisher
from tests.faults import facts, rules
from tests.faults.ground import Ground
from tests.faults.rules import Bound, Facts
from tests.support.builders import envelope
from tests.support.undecodable import Plain, Raw, batch, unnamed, writing, zstd

pytestmark = [
    pytest.mark.fault,
    pytest.mark.slow,
    pytest.mark.kafka,
    pytest.mark.timeout(600),
]

SECONDS, SECONDS_FULL = 5.0, 60.0
RATE_PER_S = 80.0
EVERY = 20
MARK = "poison-"
HELD_UP_S = 10.0  # promised are 5 s; a machine that runs other tests may need twice that
BOMB = b"[" * 200_000


@dataclass(slots=True)
class Poisoner:
    """Puts poison on the log, and remembers what must become of it."""

    environment: str
    publisher: Publisher
    raw: Raw
    buried: set[Position] = field(default_factory=set)
    claimed: set[str] = field(default_factory=set)
    is_over: bool = False
    _numbers: "count[int]" = field(default_factory=count)

    async def run(self) -> None:
        """Poison the log until it is over, with each kind in turn.

        It is not cancelled: what was published and not noted yet would be nobody's.
        """
        kinds: list[Callable[[int], Awaitable[None]]] = [
            self._no_envelope,
            self._no_name,
            self._no_codec,
            self._no_json,
            self._bomb,
            self._no_type,
        ]
        while not self.is_over:
            number = next(self._numbers)
            await kinds[number % len(kinds)](number)
            await asyncio.sleep(EVERY / RATE_PER_S)

    @property
    def topic(self) -> str:
        """Name what is poisoned."""
        return topics.verified(self.environment)

    async def _no_envelope(self, _: int) -> None:
        message = Message(self.topic, b"key", b"no envelope", (("ce_id", b"\xff"),))
        self.buried.add(await self.publisher.publish(message))

    async def _no_name(self, number: int) -> None:
        partition = Partition(self.topic, number % 3)
        built = batch(unnamed(), Plain(b"and no envelope"), unnamed())
        first = await self.raw.write(built, partition.number)
        self.buried |= {Position(partition, first + place) for place in range(3)}

    async def _no_codec(self, number: int) -> None:
        partition = Partition(self.topic, number % 3)
        first = await self.raw.write(zstd(Plain(b"1"), Plain(b"2")), partition.number)
        # Where the codec is installed, two records that are no envelopes: elsewhere one batch.
        self.buried.add(Position(partition, first + 1))

    async def _no_json(self, number: int) -> None:
        await self._claimable(number, b'{"id": ')

    async def _bomb(self, number: int) -> None:
        await self._claimable(number, BOMB)

    async def _no_type(self, number: int) -> None:
        await self._claimable(number, b"{}", event_type="no.such.type")

    async def _claimable(self, number: int, body: bytes, **more: str) -> None:
        sealed: Envelope = envelope(
            body,
            provider="stripe",
            source="stripe",
            account="shop",
            environment=self.environment,
            event_key=f"{MARK}{number}",
            payment_ref=f"{MARK}payment-{number % 5}",
            **more,
        )
        key, headers, value = sealed.encode()
        await self.publisher.publish(Message(self.topic, key, value, headers))
        self.claimed.add(sealed.event_key)


async def _poisoned(place: Ground, bootstrap: str, seconds: float, broken: str = "") -> Poisoner:
    """Deliver for a while through poison, until everything has come to rest; note how long."""
    place.log_url = f"kafka://{bootstrap}?replication_factor=1"
    await place.serve()
    await place.consume(broken=broken)
    world = await place.deliver(seconds, rate_per_s=RATE_PER_S)
    log = facts.opened(place.log_url)
    async with AsyncExitStack() as stack:
        stack.push_async_callback(log.close)
        raw = await stack.enter_async_context(
            writing(bootstrap, topics.verified(place.environment))
        )
        publisher = log.publisher()
        await publisher.start()
        stack.push_async_callback(publisher.stop)
        poisoner = Poisoner(place.environment, publisher, raw)
        poisoning = asyncio.create_task(poisoner.run())
        await world.report()
        poisoner.is_over = True
        await poisoning
    began_s = time.monotonic()
    await place.rest()
    place.figures["rest_s"] = round(time.monotonic() - began_s, 2)
    place.figures["poison"] = len(poisoner.buried) + len(poisoner.claimed)
    return poisoner


async def _buried(place: Ground) -> list[Position]:
    """Read where the dead letters were, each once for each time that it was buried."""
    assert place.database is not None
    rows = await place.database.rows("SELECT topic, partition, record_offset FROM dead_letter")
    return [
        Position(Partition(str(topic), int(str(number))), int(str(offset)))
        for topic, number, offset in rows
    ]


def _without(there: Facts) -> Facts:
    """Leave the poison out: the history does not know of it."""
    return replace(
        there,
        logged=[one for one in there.logged if MARK not in one.event.key],
        inbox={name: ref for name, ref in there.inbox.items() if MARK not in name.key},
    )


async def test_poison_is_put_aside_and_its_neighbours_go_on(
    place: Ground, kafka_bootstrap: str, *, is_full: bool
) -> None:
    """Exactly what cannot be applied is buried, exactly once; the rest is as if it were not."""
    poisoner = await _poisoned(place, kafka_bootstrap, SECONDS_FULL if is_full else SECONDS)
    there = await place.facts()
    told = place.worlds[0].told()
    held_up = Bound("rest, s", float(str(place.figures["rest_s"])), HELD_UP_S)
    assert rules.check(told, _without(there), [held_up]) == []
    buried = await _buried(place)
    assert len(buried) == len(set(buried))
    assert set(buried) == poisoner.buried
    decided = {name.key: times for name, times in there.decided.items() if MARK in name.key}
    assert decided == dict.fromkeys(poisoner.claimed, 1)
    assert len(poisoner.buried) > 5
    assert len(poisoner.claimed) > 5


@pytest.mark.thorough
async def test_poison_that_is_dropped_is_missed(place: Ground, kafka_bootstrap: str) -> None:
    """The control: whoever drops it in silence is found out."""
    poisoner = await _poisoned(place, kafka_bootstrap, SECONDS, broken="bury")
    assert set(await _buried(place)) != poisoner.buried
