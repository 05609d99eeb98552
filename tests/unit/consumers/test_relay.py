"""The relay over a real store and a real log, where single publishes fail."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from consumers.metrics import RelayMetrics
from consumers.relay import Relay
from consumers.store.port import Changes, PaymentKey
from consumers.store.sqlite import SqliteStore
from ingress.contract import topics
from ingress.eventlog.embedded import EmbeddedLog
from ingress.eventlog.port import LogUnavailable, Message, Partition, Position, Publisher
from tests.support.store_builders import apply, notice

TOPIC = topics.lifecycle("sandbox")
ONE, OTHER = PaymentKey("stripe", "main", "pay-1"), PaymentKey("stripe", "main", "pay-2")


@dataclass
class Failing:
    """A real publisher that fails for the notices named, and keeps the order of what was begun."""

    inner: Publisher
    fails: set[bytes] = field(default_factory=set)
    begun: list[bytes] = field(default_factory=list)

    def publish(self, message: Message) -> "asyncio.Future[Position]":
        """Begin to publish, or fail."""
        name = message.headers[0][1]
        self.begun.append(name)
        if name not in self.fails:
            return self.inner.publish(message)
        future = asyncio.get_running_loop().create_future()
        future.set_exception(LogUnavailable("it fails"))
        return future

    async def start(self) -> None:
        """Connect."""
        await self.inner.start()

    def ready(self) -> bool:
        """Say whether the log is there."""
        return self.inner.ready()

    async def stop(self) -> None:
        """Let go."""
        await self.inner.stop()


@dataclass
class Bench:
    """A relay with everything around it."""

    relay: Relay
    publisher: Failing
    log: EmbeddedLog
    store: SqliteStore

    async def published(self) -> list[bytes]:
        """Read the ids of the notices on the log, in order."""
        records = await self.log.read(Position(Partition(TOPIC, 0), 0), 100)
        return [record.headers[0][1] for record in records]


@pytest.fixture(name="bench")
async def _bench(tmp_path: Path) -> AsyncIterator[Bench]:
    log = EmbeddedLog(tmp_path / "log.db")
    await log.ensure_topics({TOPIC: 1})
    publisher = Failing(log.publisher())
    await publisher.start()
    store = SqliteStore(tmp_path / "store.db")
    await store.open("sandbox")
    told = [
        notice(1, ONE, 1),
        notice(2, ONE, 2),
        notice(3, OTHER, 1),
        notice(4, ONE, 3),
        notice(5, OTHER, 2),
    ]
    await apply(store, Changes(notices=told))
    relay = Relay(store, publisher, "sandbox", RelayMetrics(CollectorRegistry()), 100, 0.01)
    yield Bench(relay, publisher, log, store)
    await publisher.stop()
    await store.close()
    await log.close()


async def test_all_payments_are_told_at_once_and_each_in_its_order(bench: Bench) -> None:
    """A round with many payments waits for the log as often as the longest of them is long."""
    assert await bench.relay.drain() == 5
    assert await bench.published() == [b"1", b"3", b"2", b"5", b"4"]
    assert await bench.store.notices_pending() == 0


async def test_a_payments_later_notices_wait_for_the_one_that_failed(bench: Bench) -> None:
    """Version 3 before version 2 would look like a hole; other payments need not wait."""
    bench.publisher.fails = {b"2"}
    with pytest.raises(LogUnavailable):
        await bench.relay.drain()
    assert b"4" not in bench.publisher.begun
    assert await bench.published() == [b"1", b"3", b"5"]
    bench.publisher.fails = set()
    assert await bench.relay.drain() == 2
    assert await bench.published() == [b"1", b"3", b"5", b"2", b"4"]


async def test_what_arrived_is_marked_although_the_round_failed(bench: Bench) -> None:
    """Else one notice that cannot go would have its neighbours told again and again."""
    bench.publisher.fails = {b"1", b"3"}
    with pytest.raises(LogUnavailable):
        await bench.relay.drain()
    assert await bench.store.notices_pending() == 5
    bench.publisher.fails = {b"1"}
    with pytest.raises(LogUnavailable):
        await bench.relay.drain()
    assert [one.notice.id for one in await bench.store.pending(10)] == ["n-1", "n-2", "n-4"]
