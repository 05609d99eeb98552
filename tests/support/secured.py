"""What somebody can do on a broker that asks who comes: rules made, topics written and read."""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka import errors as kafka

from ingress.contract import topics
from ingress.eventlog.kafka import KafkaLog
from ingress.eventlog.kafka_publisher import KafkaPublisher
from ingress.eventlog.port import LogUnavailable, Message, Record, Subscription
from tests.support.processes import Stack, notices, start
from tests.support.secure_kafka import SecureBroker

ENVIRONMENT = "test-guarded"
USERS = ("edge", "worker", "relay", "monitor", "operator")
VERIFIED, LIFECYCLE = topics.verified(ENVIRONMENT), topics.lifecycle(ENVIRONMENT)
ALARMS, QUARANTINE = topics.alarms(ENVIRONMENT), topics.quarantine(ENVIRONMENT)
ALL = (VERIFIED, LIFECYCLE, ALARMS, QUARANTINE)


def administer(broker: SecureBroker, directory: Path, *words: str) -> tuple[int, str]:
    """Run `sealgate topics` by the listener on which everybody may do everything."""
    directory.mkdir(exist_ok=True)
    stack = Stack(directory, f"kafka://{broker.running.bootstrap}?replication_factor=1", "")
    stack.environment = ENVIRONMENT
    users = [word for user in USERS for word in (f"--{user}-user", user)]
    running = start(stack.write(store={"url": "sqlite:./s.db"}), "topics", *words, *users)
    return running.wait(), running.output.read_text()


@asynccontextmanager
async def opened(log: KafkaLog) -> AsyncIterator[KafkaLog]:
    """Close the log in the end."""
    try:
        yield log
    finally:
        await log.close()


async def may_write(log: KafkaLog, topic: str) -> bool:
    """Ask by an idempotent producer, as the publisher's is."""
    producer = AIOKafkaProducer(**log._entrance.options(), enable_idempotence=True)
    try:
        # Who may write to no topic at all gets no producer's id.
        await producer.start()
        await producer.send_and_wait(topic, b"{}", b"k")
    except (kafka.TopicAuthorizationFailedError, kafka.ClusterAuthorizationFailedError):
        return False
    finally:
        await producer.stop()
    return True


async def may_read(log: KafkaLog, topic: str) -> bool:
    """Ask by a consumer of one partition, outside any group."""
    consumer = AIOKafkaConsumer(**log._entrance.options(), auto_offset_reset="earliest")
    await consumer.start()
    consumer.assign([TopicPartition(topic, 0)])
    try:
        for _ in range(50):
            if await consumer.getmany(timeout_ms=200):
                return True
            # The broker's own word. What may not even be seen raises nothing, and never comes.
            if topic in consumer._client.cluster.unauthorized_topics:
                return False
    except kafka.TopicAuthorizationFailedError:
        return False
    finally:
        await consumer.stop()
    return False


async def may_join(log: KafkaLog, topic: str, group: str) -> bool:
    """Ask by a member of a group that reads a record, as a subscriber does."""
    async with opened(log):
        subscription = log.subscription(topic, group, nowhere)
        try:
            await subscription.start()
            return bool(await fetched(subscription))
        except LogUnavailable as refused:
            if "the group" not in str(refused):
                raise
            return False
        finally:
            await subscription.stop()


async def fill(broker: SecureBroker) -> None:
    """Put a record into the first partition of every topic."""
    async with AIOKafkaProducer(bootstrap_servers=broker.running.bootstrap) as producer:
        for topic in ALL:
            await producer.send_and_wait(topic, b"{}", partition=0)


async def fetched(subscription: Subscription) -> Sequence[Record]:
    """Fetch until something comes."""
    until = time.monotonic() + 30
    while not (records := await subscription.fetch(10, 0.5)):
        assert time.monotonic() < until
    return records


async def nowhere(partitions):
    """Know no position."""
    return {}


async def published(publisher: KafkaPublisher) -> None:
    """Publish until something is taken."""
    until = time.monotonic() + 40
    while True:
        try:
            await publisher.publish(Message(VERIFIED, b"k", b"{}"))
        except LogUnavailable:
            assert time.monotonic() < until
            await asyncio.sleep(0.1)
        else:
            return


async def heard(broker: SecureBroker, folder: Path, payment: str) -> bool:
    """Wait for a notice of the payment."""
    async with opened(KafkaLog(broker.running.bootstrap, replication_factor=1)) as log:
        until = time.monotonic() + 40
        while time.monotonic() < until:
            if any(payment.encode() in one.key for one in await notices(log, ENVIRONMENT)):
                return True
            await asyncio.sleep(0.2)
    return False
