"""The Kafka publisher where the broker answers with errors, in a protocol played from memory.

What a batch's error means for its messages, and that the next batch succeeds: with aiokafka alone
it would not (https://github.com/aio-libs/aiokafka/issues/1017). Error codes are Kafka's own, from
the table in its protocol guide. That nothing is lost is asked of a real broker elsewhere.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import pytest
from aiokafka import AIOKafkaProducer

from ingress.eventlog import kafka_link, kafka_publisher
from ingress.eventlog.kafka import KafkaLog
from ingress.eventlog.kafka_link import Door
from ingress.eventlog.kafka_publisher import KafkaPublisher, Limits
from ingress.eventlog.observer import Outcome, Rebuild
from ingress.eventlog.port import (
    LogUnavailable,
    Message,
    MessageRefused,
    Position,
    TopicRefused,
)
from tests.support.eventlogs import PATIENCE_S
from tests.support.mock_cluster import NOBODY, PRODUCE, MockCluster, mock_cluster
from tests.support.observing import Witness

TOPIC = "payments"
PARTITIONS = 6
DEADLINE_S = 1.0
CORRUPT, TOO_LARGE, NOT_ENOUGH_REPLICAS, FORBIDDEN = 2, 10, 19, 29
OUT_OF_ORDER, WRONG_EPOCH, UNKNOWN_PRODUCER, INVALID_RECORD = 45, 47, 59, 87


@pytest.fixture
def cluster() -> Iterator[MockCluster]:
    """Return a cluster with one topic."""
    with mock_cluster() as running:
        running.make_topic(TOPIC, PARTITIONS)
        yield running


@pytest.fixture
def witness() -> Witness:
    """Return what hears what the publisher says of itself."""
    return Witness()


@asynccontextmanager
async def publishing(
    cluster: MockCluster, witness: Witness, deadline_s: float = DEADLINE_S, **limits: float
) -> AsyncIterator[KafkaPublisher]:
    """Run a publisher that knows the topic."""
    log = KafkaLog(cluster.bootstrap, replication_factor=1, limits=Limits(**limits))
    publisher = log.publisher(deadline_s=deadline_s, observer=witness)
    await publisher.start()
    assert await publisher.publish(message(b"first"))
    try:
        yield publisher
    finally:
        await publisher.stop()
        await log.close()


def message(value: bytes = b"{}", key: bytes = b"key") -> Message:
    """Make a message; those of the default key share a partition."""
    return Message(TOPIC, key, value)


async def outcomes(publisher: KafkaPublisher, count: int) -> list[object]:
    """Publish so many at once, in one batch; return what came of each."""
    async with asyncio.timeout(PATIENCE_S):
        return await asyncio.gather(
            *(publisher.publish(message()) for _ in range(count)), return_exceptions=True
        )


@pytest.mark.parametrize("code", [TOO_LARGE, INVALID_RECORD, CORRUPT])
async def test_a_batch_refused_once_is_sent_again_one_by_one(cluster, witness, code):
    """Innocent neighbours of a bad record are not told that they failed."""
    async with publishing(cluster, witness) as publisher:
        cluster.fail_produce(code)
        assert all(isinstance(one, Position) for one in await outcomes(publisher, 3))
        assert len(witness.rebuilds) == 1
        assert isinstance(await publisher.publish(message()), Position)


async def test_only_the_record_that_is_refused_alone_is_refused(cluster, witness):
    """A record that the broker never takes must not be tried for ever, nor take others along."""
    async with publishing(cluster, witness) as publisher:
        cluster.fail_produce(TOO_LARGE, TOO_LARGE)
        first, *others = await outcomes(publisher, 3)
        assert type(first) is MessageRefused, "its topic is not at fault"
        assert all(isinstance(one, Position) for one in others)
    assert witness.rebuilds == [Rebuild.REFUSED, Rebuild.REFUSED]
    assert witness.outcomes == {Outcome.ACKED: 3, Outcome.REFUSED: 1}


async def test_an_error_without_a_name_refuses_nobody(cluster, witness):
    """What aiokafka has no word for may be anybody's fault: a refusal for good must be certain."""
    async with publishing(cluster, witness) as publisher:
        cluster.fail_produce(INVALID_RECORD, INVALID_RECORD)
        first, *others = await outcomes(publisher, 2)
        assert isinstance(first, LogUnavailable)
        assert first.is_unknown
        assert all(isinstance(one, Position) for one in others)


async def test_a_topic_that_is_not_ours_to_write_is_named(cluster, witness):
    """The operator has to allow something: what and where must be in the message."""
    async with publishing(cluster, witness) as publisher:
        cluster.fail_produce(FORBIDDEN)
        for one in await outcomes(publisher, 2):
            assert isinstance(one, TopicRefused)
            assert "does not allow somebody without a name" in str(one)
            assert f"to write to the topic {TOPIC}: `sealgate topics plan`" in str(one)
        assert isinstance(await publisher.publish(message()), Position)
    assert witness.rebuilds == [Rebuild.REFUSED]


@pytest.mark.parametrize("code", [OUT_OF_ORDER, UNKNOWN_PRODUCER, WRONG_EPOCH])
async def test_lost_sequence_numbers_cost_a_producer_and_no_message(cluster, witness, code):
    """Trap 1: the fault is the producer's, so its messages go again with another one, once."""
    async with publishing(cluster, witness) as publisher:
        cluster.fail_produce(code)
        assert all(isinstance(one, Position) for one in await outcomes(publisher, 3))
        assert witness.rebuilds == [Rebuild.FAILED]
        cluster.fail_produce(code, code)
        for one in await outcomes(publisher, 2):
            assert isinstance(one, LogUnavailable)
            assert one.is_unknown
        assert isinstance(await publisher.publish(message()), Position)


async def test_too_few_replicas_open_the_breaker_until_there_are_enough(cluster, witness):
    """Below min.insync.replicas nothing is durable: that is an outage, and it ends by itself."""
    async with publishing(cluster, witness, 30.0, stall_s=0.8) as publisher:
        cluster.fail_produce(*[NOT_ENOUGH_REPLICAS] * 20)
        in_flight = publisher.publish(message())
        while publisher.ready():
            await asyncio.sleep(0.01)
        with pytest.raises(LogUnavailable, match="cannot be reached"):
            await publisher.publish(message())
        assert isinstance(await in_flight, Position)
        assert publisher.ready()
    assert witness.breakers == [True, False]
    assert witness.rebuilds == []


async def test_a_partition_that_nobody_leads_fails_in_time_and_recovers(cluster, witness):
    """Fault 5: led by nobody for twice a request's time-out, then led again, with no restart."""
    async with publishing(cluster, witness) as publisher:
        lead(cluster, NOBODY)
        deadline = asyncio.get_running_loop().time() + 2 * DEADLINE_S
        while asyncio.get_running_loop().time() < deadline:
            for one in await outcomes(publisher, 2):
                assert isinstance(one, LogUnavailable)
            await asyncio.sleep(0.02)
        with pytest.raises(LogUnavailable, match="nobody leads partition") as caught:
            await publisher.publish(message())
        assert not caught.value.is_unknown
        lead(cluster, 1)
        async with asyncio.timeout(PATIENCE_S):
            while not isinstance((await outcomes(publisher, 1))[0], Position):
                await asyncio.sleep(0.02)


async def test_what_is_not_sent_is_rejected_at_its_deadline_and_oldest_first(cluster, witness):
    """Each message has its own deadline, and one that was not sent is never called unknown."""
    loop = asyncio.get_running_loop()
    async with publishing(cluster, witness, 0.4) as publisher:
        lead(cluster, NOBODY)
        ended: list[tuple[int, float]] = []
        begun, futures = [], []
        await outcomes(publisher, 1)  # now it is known here that nobody leads
        # Its producer may have been given up for that: then another comes first.
        async with asyncio.timeout(PATIENCE_S):
            while not publisher.ready():
                await asyncio.sleep(0.02)
        for lane in publisher._routes.lanes():
            lane.unled_s = loop.time()
        for n in range(3):
            begun.append(loop.time())
            futures.append(publisher.publish(message()))
            futures[-1].add_done_callback(lambda _, n=n: ended.append((n, loop.time())))
            await asyncio.sleep(0.05)
        for one in await asyncio.gather(*futures, return_exceptions=True):
            assert isinstance(one, LogUnavailable)
            assert not one.is_unknown
        assert [n for n, _ in ended] == [0, 1, 2]
        assert all(end_s - begun[n] >= 0.39 for n, end_s in ended)  # the loop's clock has ticks


async def test_a_round_of_all_partitions_is_one_request(cluster, witness):
    """Requests are what publishing costs: everything that waits for a broker goes in one."""
    async with publishing(cluster, witness, 10.0) as publisher:
        cluster.watch()
        sent = await asyncio.gather(
            *(publisher.publish(message(key=b"key %d" % n)) for n in range(600))
        )
        assert {position.partition.number for position in sent} == set(range(PARTITIONS))
        assert cluster.seen(PRODUCE) == 1


@pytest.mark.parametrize(
    ("size", "taken"), [(0, kafka_publisher.WAITING_MAX), (1_048_576, 63)], ids=["count", "bytes"]
)
async def test_the_queue_is_bounded_in_count_and_in_bytes(cluster, witness, size, taken):
    """Without bounds a slow broker would end as our own memory: over them, rejected at once."""
    # A megabyte after the other takes a busy machine a while: that is no stall.
    async with publishing(cluster, witness, 30.0, stall_s=25.0) as publisher:
        value = bytes(size)
        futures = [publisher.publish(message(value, b"%d" % n)) for n in range(taken + 1)]
        assert not any(future.done() for future in futures[:-1])
        with pytest.raises(LogUnavailable, match="queue is full") as caught:
            await futures[-1]
        assert not caught.value.is_unknown
        await asyncio.gather(*futures[:-1])
        assert isinstance(await publisher.publish(message()), Position)
    assert witness.held == (0, 0)


async def test_a_message_that_nobody_awaits_any_more_is_not_sent(cluster, witness):
    """A caller that gave up frees its place at once, if nothing was sent for it yet."""
    async with publishing(cluster, witness) as publisher:
        publisher.publish(message()).cancel()
        assert (await publisher.publish(message())).offset == 1
    assert witness.outcomes == {Outcome.ACKED: 2}
    assert witness.held == (0, 0)


async def test_refusal_after_refusal_leaves_nothing_behind(cluster, witness):
    """Each rebuild has a producer to let go of: tasks and connections must not pile up."""
    before = asyncio.all_tasks()
    async with publishing(cluster, witness) as publisher:
        for _ in range(10):
            cluster.fail_produce(FORBIDDEN)
            with pytest.raises(MessageRefused):
                await publisher.publish(message())
        assert isinstance(await publisher.publish(message()), Position)
    assert witness.rebuilds == [Rebuild.REFUSED] * 10
    async with asyncio.timeout(PATIENCE_S):
        while asyncio.all_tasks() - before:
            await asyncio.sleep(0.02)


def lead(cluster: MockCluster, broker: int) -> None:
    """Let this broker lead every partition."""
    for partition in range(PARTITIONS):
        cluster.set_leader(TOPIC, partition, broker)


async def test_a_replaced_password_is_used_without_a_lost_publish(cluster, witness, monkeypatch):
    """A producer lives for hours; the old one works on until the brokers have let in the new."""
    monkeypatch.setattr(kafka_link, "LOOK_EVERY_S", 0.02)
    log = KafkaLog(cluster.bootstrap, replication_factor=1)
    stamp, refused = [1], [0]

    async def connect() -> AIOKafkaProducer:
        if stamp[0] == 2:
            refused[0] += 1
            raise LogUnavailable("refused: the brokers do not know that password yet")
        return await log._connect(DEADLINE_S)

    door = Door(connect, lambda: tuple(stamp))
    publisher = KafkaPublisher(door, deadline_s=DEADLINE_S, observer=witness)
    await publisher.start()
    before = publisher._link.session
    async with asyncio.timeout(PATIENCE_S):
        stamp[0] = 2
        while refused[0] < 3:
            assert isinstance(await publisher.publish(message()), Position)
        assert publisher._link.session is before
        stamp[0] = 3
        while Rebuild.ACCESS not in witness.rebuilds:
            sent = await asyncio.gather(*(publisher.publish(message()) for _ in range(50)))
            assert all(isinstance(one, Position) for one in sent)
    assert isinstance(await publisher.publish(message()), Position)
    assert witness.rebuilds == [Rebuild.ACCESS]
    assert witness.breakers == []
    assert set(witness.outcomes) == {Outcome.ACKED}
    await publisher.stop()
    await log.close()
