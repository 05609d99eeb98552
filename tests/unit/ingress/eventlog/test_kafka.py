"""The Kafka log where there is no Kafka: it says so in time, and lets go of everything."""

import asyncio
import logging
import socket

import pytest
from aiokafka import TopicPartition

from ingress.eventlog.kafka import KafkaLog
from ingress.eventlog.kafka_closing import bounded
from ingress.eventlog.kafka_subscription import Assignment
from ingress.eventlog.port import RECORD_BYTES_MAX, LogUnavailable, Message, MessageRefused

MESSAGE = Message("topic", b"key", b"value")


@pytest.fixture
def closed_port() -> int:
    """Return a port of this machine where nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


async def test_a_publisher_without_a_broker_says_so_and_stops(closed_port):
    """The edge starts without Kafka: that is an answer, not a crash."""
    log = KafkaLog(f"127.0.0.1:{closed_port}")
    publisher = log.publisher(deadline_s=0.2)
    with pytest.raises(LogUnavailable, match="cannot be reached"):
        await publisher.start()
    assert not publisher.ready()
    with pytest.raises(LogUnavailable):
        await publisher.publish(MESSAGE)
    with pytest.raises(LogUnavailable, match="still trying"):
        await publisher.start()
    await publisher.stop()
    await log.close()


async def test_a_port_that_never_answers_is_given_up():
    """Something else may listen there, or a firewall may swallow what is sent."""
    async with await asyncio.start_server(swallow, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        publisher = KafkaLog(f"127.0.0.1:{port}").publisher(deadline_s=0.2)
        async with asyncio.timeout(30):
            with pytest.raises(LogUnavailable):
                await publisher.start()
            await publisher.stop()


async def test_what_is_too_large_is_refused_without_asking_the_broker(closed_port):
    """A broker that refuses a record costs the producer, and with it everybody's next moment."""
    publisher = KafkaLog(f"127.0.0.1:{closed_port}").publisher()
    with pytest.raises(MessageRefused, match="more than"):
        await publisher.publish(Message("topic", b"key", bytes(RECORD_BYTES_MAX)))


async def test_nothing_is_handed_out_from_a_revocation_to_the_next_claim():
    """In between, another member may own the partitions and have moved their positions."""
    assignment, partition = Assignment(), TopicPartition("topic", 0)
    assignment.on_partitions_assigned([partition])
    assert (assignment.ready, assignment.unclaimed) == (frozenset(), {partition})
    assignment.claimed()
    assert (assignment.ready, assignment.unclaimed) == ({partition}, frozenset())
    epoch = assignment.epoch
    assignment.on_partitions_revoked([partition])
    assert (assignment.ready, assignment.unclaimed) == (frozenset(), frozenset())
    assert assignment.epoch > epoch


@pytest.mark.parametrize("level", [logging.NOTSET, logging.DEBUG, logging.INFO])
async def test_aiokafka_never_logs_below_warning(level):
    """At DEBUG it writes keys, values and whole requests: payment data in a log file."""
    logger = logging.getLogger("aiokafka")
    before = logger.level
    try:
        logger.setLevel(level)
        KafkaLog("127.0.0.1:9092")
        assert not logging.getLogger("aiokafka.producer.producer").isEnabledFor(logging.INFO)
    finally:
        logger.setLevel(before)


async def test_bounded_work_cannot_hang_fail_or_cancel_its_caller():
    """The driver's own goodbye does all three when the broker is away."""

    async def hang() -> None:
        await asyncio.Event().wait()

    async def fail() -> None:
        raise RuntimeError("on the way")

    async def cancel() -> None:
        raise asyncio.CancelledError

    for work in (hang, fail, cancel):
        async with asyncio.timeout(30):
            await bounded(work(), within_s=0.05)


async def swallow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Read everything and answer nothing."""
    while await reader.read(1024):
        pass
    writer.close()
