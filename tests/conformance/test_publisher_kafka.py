"""The Kafka publisher's supervisor on a real broker: why producers are replaced, and what it costs.

Sequence numbers are upset from inside, because no broker can be made to lose them on demand; what
the broker then does about it is real, as are the records that must be there in the end.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest
from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.errors import OutOfOrderSequenceNumber

from ingress.eventlog.kafka import KafkaLog
from ingress.eventlog.kafka_publisher import KafkaPublisher, Limits
from ingress.eventlog.observer import Outcome, Rebuild
from ingress.eventlog.port import EventLog, LogUnavailable, Position
from tests.support.eventlogs import PARTITIONS, PATIENCE_S, Ground
from tests.support.observing import Witness

pytestmark = pytest.mark.kafka

DEADLINE_S = 2.0


@pytest.fixture
def ground(kafka_bootstrap) -> Ground:
    """Return a log on the broker of the session."""
    return Ground.at(f"kafka://{kafka_bootstrap}?replication_factor=1")


@pytest.fixture
def witness() -> Witness:
    """Return what hears what the publisher says of itself."""
    return Witness()


@asynccontextmanager
async def publishing(
    ground: Ground, bootstrap: str, witness: Witness, **limits: float
) -> AsyncIterator[tuple[EventLog, KafkaPublisher]]:
    """Run a publisher with other limits than usual."""
    log = KafkaLog(bootstrap, replication_factor=1, limits=Limits(**limits))
    await log.ensure_topics({ground.topic: PARTITIONS})
    publisher = log.publisher(deadline_s=DEADLINE_S, observer=witness)
    await publisher.start()
    try:
        yield log, publisher
    finally:
        await publisher.stop()
        await log.close()


def upset(producer: AIOKafkaProducer, position: Position, by: int) -> None:
    """Let the producer believe that it sent so many more records than it did."""
    tp = TopicPartition(*position.partition)
    producer._txn_manager._sequence_numbers[tp] += by


@pytest.mark.parametrize("by", [3, 2**31 - 10], ids=["gap", "nearly wrapped"])
async def test_a_poisoned_partition_costs_a_producer_and_no_message(
    ground, kafka_bootstrap, witness, by
):
    """Trap 1: the broker takes nothing more from that producer, and nobody is told or restarted."""
    async with publishing(ground, kafka_bootstrap, witness) as (log, publisher):
        sent = [await publisher.publish(ground.message(b"0"))]
        upset(publisher._link.session.producer, sent[0], by)
        sent += [await publisher.publish(ground.message(b"%d" % n)) for n in range(1, 6)]
        found = await log.read(sent[0], 10)
        assert [record.value for record in found] == [b"0", b"1", b"2", b"3", b"4", b"5"]
        assert [record.position for record in found] == sent
    assert witness.rebuilds == [Rebuild.FAILED]
    assert witness.breakers == []


async def test_without_a_rebuild_a_poisoned_partition_stays_so(ground, kafka_bootstrap):
    """The control of the test above: were this to pass, the supervisor would guard against nothing.

    aiokafka alone: https://github.com/aio-libs/aiokafka/issues/1017.
    """
    async with (
        ground.log(),
        AIOKafkaProducer(bootstrap_servers=kafka_bootstrap, enable_idempotence=True) as producer,
    ):
        sent = await producer.send_and_wait(ground.topic, b"0", b"key")
        upset(producer, Position((ground.topic, sent.partition), 0), 3)
        for _ in range(3):
            with pytest.raises(OutOfOrderSequenceNumber):
                await producer.send_and_wait(ground.topic, b"1", b"key")


@pytest.mark.parametrize(
    ("limits", "reason"),
    [({"age_s": 0.05}, Rebuild.AGE), ({"records": 10}, Rebuild.RECORDS)],
    ids=["age", "records"],
)
async def test_a_producer_is_replaced_before_it_wears_out(
    ground, kafka_bootstrap, witness, limits, reason
):
    """Trap 13: sequence numbers end; a planned change loses, doubles and reorders nothing."""
    async with publishing(ground, kafka_bootstrap, witness, **limits) as (log, publisher):
        sent = []
        async with asyncio.timeout(PATIENCE_S):
            while len(witness.rebuilds) < 3:
                batch = [ground.message(b"%d" % (len(sent) + n)) for n in range(4)]
                sent += await asyncio.gather(*map(publisher.publish, batch))
        found = await log.read(sent[0], len(sent))
        assert [record.position for record in found] == sent
        assert [int(record.value) for record in found] == list(range(len(sent)))
    assert set(witness.rebuilds) == {reason}
    assert witness.breakers == []
    assert witness.outcomes == {Outcome.ACKED: len(sent)}


async def test_a_producer_whose_task_has_ended_is_replaced(ground, kafka_bootstrap, witness):
    """What is left of it takes messages and never sends them; nobody would notice until later."""
    async with publishing(ground, kafka_bootstrap, witness) as (_, publisher):
        await publisher.publish(ground.message())
        publisher._link.session.producer._sender._sender_task.cancel()
        async with asyncio.timeout(PATIENCE_S):
            while not witness.rebuilds:
                await asyncio.sleep(0.01)
        assert await publisher.publish(ground.message())
    assert witness.rebuilds == [Rebuild.ENDED]


async def test_a_silent_broker_opens_the_breaker_and_closes_it(ground, private_broker, witness):
    """Nobody waits for a broker that hangs, what was sent is called unknown, the rest is not."""
    async with publishing(ground, private_broker.bootstrap, witness, stall_s=0.3) as (log, some):
        await some.publish(ground.message(b"0"))
        private_broker.pause()
        sent = some.publish(ground.message(b"sent"))
        await asyncio.sleep(0.05)
        queued = some.publish(ground.message(b"queued"))
        with pytest.raises(LogUnavailable) as rejected:
            await queued
        assert not rejected.value.is_unknown
        assert not some.ready()
        assert not sent.done()
        with pytest.raises(LogUnavailable) as doubted:
            await sent
        assert doubted.value.is_unknown
        private_broker.resume()
        async with asyncio.timeout(PATIENCE_S):
            while not some.ready():
                await asyncio.sleep(0.02)
        await some.publish(ground.message(b"after"))
        ends = await log.ends(ground.topic)
    # A zombie: told unknown, and written once all the same. What was rejected never is.
    assert sum(ends.values()) == 3
    assert witness.breakers == [True, False]
    assert witness.rebuilds == []


async def test_a_long_silence_costs_the_producer_and_leaves_nothing_behind(
    ground, private_broker, witness
):
    """After silence of `silence_s` it may be the producer that is stuck; its end is bounded too."""
    tasks, sockets = asyncio.all_tasks(), open_sockets()
    async with publishing(
        ground, private_broker.bootstrap, witness, stall_s=0.2, silence_s=0.5
    ) as (_, publisher):
        await publisher.publish(ground.message())
        private_broker.pause()
        futures = [publisher.publish(ground.message()) for _ in range(5)]
        assert all(
            isinstance(one, LogUnavailable)
            for one in await asyncio.gather(*futures, return_exceptions=True)
        )
        async with asyncio.timeout(PATIENCE_S):
            while not witness.rebuilds:
                await asyncio.sleep(0.02)
        private_broker.resume()
        async with asyncio.timeout(PATIENCE_S):
            while not publisher.ready():
                await asyncio.sleep(0.02)
        assert await publisher.publish(ground.message())
    assert witness.rebuilds == [Rebuild.SILENT]
    async with asyncio.timeout(PATIENCE_S):
        while asyncio.all_tasks() - tasks or open_sockets() > sockets:
            await asyncio.sleep(0.02)


def open_sockets() -> int:
    """Count the sockets that this process has open."""
    found = 0
    for entry in Path("/proc/self/fd").iterdir():
        with suppress(FileNotFoundError):  # that of the listing itself
            found += entry.readlink().name.startswith("socket:")
    return found
