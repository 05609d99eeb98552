"""Publishing to Kafka: messages in, positions out, each within the deadline.

A message goes to the lane of its partition; a lane has one batch in flight and fills the next one
meanwhile, so that batches grow by themselves under load and nobody lingers when it is quiet. A
batch comes out in one of three ways. Acknowledged by all in-sync replicas: every message has its
position. Refused for its content: its messages are sent again one by one, so that only the guilty
one is refused. Anything else, silence above all: nobody knows, and every caller is told so.
After all but the first, the producer is replaced (`kafka_link`).
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka import errors as kafka

from ingress.eventlog.kafka_link import RECORDS_MAX, Link, Session
from ingress.eventlog.partitioning import partition_of
from ingress.eventlog.port import (
    RECORD_BYTES_MAX,
    LogUnavailable,
    Message,
    MessageRefused,
    Partition,
    Position,
    size_bytes,
)

# 16,384 envelopes of 2 KiB: about a second of one partition's best rate, half of the deadline.
WAITING_MAX = 16_384
WAITING_BYTES_MAX = 64 * 1_048_576
BATCH_RECORDS_MAX = 1_024
# A topic just made may not be known to every broker yet: look again this often, then believe it.
TOPIC_LOOKS = 5
TOPIC_LOOK_S = 0.1

_CONTENT = (
    kafka.MessageSizeTooLargeError,
    kafka.RecordListTooLargeError,
    kafka.InvalidTimestampError,
    kafka.UnsupportedForMessageFormatError,
    kafka.PolicyViolationError,
)
_FORBIDDEN = (
    kafka.InvalidTopicError,
    kafka.TopicAuthorizationFailedError,
    kafka.ClusterAuthorizationFailedError,
)


@dataclass(slots=True)
class _Waiting:
    """A message on its way, and whoever awaits its position."""

    message: Message
    future: asyncio.Future[Position]
    alone: bool = False


@dataclass(slots=True)
class _Lane:
    """The messages of one partition, oldest first, and the task that sends them."""

    partition: Partition
    waiting: deque[_Waiting] = field(default_factory=deque)
    task: asyncio.Task[None] | None = None


class KafkaPublisher:
    """Appends messages with ``acks=all``; recovers from a lost broker by itself."""

    def __init__(
        self, connect: Callable[[], Awaitable[AIOKafkaProducer]], *, deadline_s: float
    ) -> None:
        self._link = Link(connect, patience_s=deadline_s)
        self._deadline_s = deadline_s
        self._lanes: dict[Partition, _Lane] = {}
        self._waiting = 0
        self._waiting_bytes = 0
        self._started = False

    async def start(self) -> None:
        """Connect. Raises `LogUnavailable`; the publisher then goes on trying by itself."""
        self._started = True
        await self._link.start()

    def ready(self) -> bool:
        """Say whether a publish would be tried now."""
        return self._started and not self._link.down

    def publish(self, message: Message) -> asyncio.Future[Position]:
        """Begin to append; the future is the position once all in-sync replicas have the record."""
        return asyncio.ensure_future(self._publish(message))

    async def _publish(self, message: Message) -> Position:
        size = size_bytes(message)
        if size > RECORD_BYTES_MAX:
            raise MessageRefused(f"a record takes {size} bytes, more than {RECORD_BYTES_MAX}")
        if not self.ready():
            raise LogUnavailable("Kafka cannot be reached, or the publisher is not started")
        if self._waiting >= WAITING_MAX or self._waiting_bytes + size > WAITING_BYTES_MAX:
            raise LogUnavailable("the publisher's queue is full: Kafka is slower than the traffic")
        self._waiting += 1
        self._waiting_bytes += size
        try:
            async with asyncio.timeout(self._deadline_s):
                return await self._queue(await self._lane_of(message), message)
        except TimeoutError:
            raise LogUnavailable(f"Kafka did not confirm in {self._deadline_s} s") from None
        finally:
            self._waiting -= 1
            self._waiting_bytes -= size

    async def stop(self) -> None:
        """Let what is in flight finish within the deadline, then let go of everything."""
        self._started = False
        tasks = {lane.task for lane in self._lanes.values() if lane.task is not None}
        if tasks:
            await asyncio.wait(tasks, timeout=self._deadline_s)
        await self._link.stop()
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        for lane in self._lanes.values():
            _fail(lane.waiting, LogUnavailable("the publisher was stopped"))

    async def _lane_of(self, message: Message) -> _Lane:
        session = self._link.session or await self._link.wait()
        numbers = session.producer.client.cluster.partitions_for_topic(message.topic)
        if numbers is None:
            numbers = await self._look_for(session, message.topic)
        partition = Partition(message.topic, partition_of(message.key, len(numbers)))
        if partition not in self._lanes:
            self._lanes[partition] = _Lane(partition)
        return self._lanes[partition]

    async def _look_for(self, session: Session, topic: str) -> Any:
        """Ask the broker for a topic that the producer does not know."""
        client = session.producer.client
        client.add_topic(topic)
        for _ in range(TOPIC_LOOKS):
            answered = await client.force_metadata_update()
            if (numbers := client.cluster.partitions_for_topic(topic)) is not None:
                return numbers
            if not answered:
                self._link.broken(session, down=True)
                raise LogUnavailable("Kafka does not answer")
            await asyncio.sleep(TOPIC_LOOK_S)
        raise MessageRefused(f"there is no topic {topic}, or it is not for us: create or allow it")

    def _queue(self, lane: _Lane, message: Message) -> asyncio.Future[Position]:
        future: asyncio.Future[Position] = asyncio.get_running_loop().create_future()
        lane.waiting.append(_Waiting(message, future))
        if lane.task is None:
            lane.task = asyncio.create_task(self._drain(lane))
        return future

    async def _drain(self, lane: _Lane) -> None:
        try:
            while lane.waiting:
                session = self._link.session or await self._link.wait()
                if batch := _fill(session.producer, lane.waiting):
                    await self._send(session, lane, *batch)
        except LogUnavailable as error:
            _fail(lane.waiting, error)
        finally:
            lane.task = None

    async def _send(
        self, session: Session, lane: _Lane, builder: Any, sent: list[_Waiting]
    ) -> None:
        try:
            async with asyncio.timeout(self._deadline_s):
                answer = await _deliver(session, lane.partition, builder)
        except TimeoutError:
            self._link.broken(session, down=True)
            _fail(sent, LogUnavailable("Kafka did not confirm in time: outcome unknown"))
        except asyncio.CancelledError:
            _fail(sent, LogUnavailable("the publisher was stopped: outcome unknown"))
            raise
        except (kafka.KafkaError, AssertionError) as error:  # the latter: the partition is gone
            self._link.broken(session, down=False)
            self._sort_out(lane, sent, error)
        else:
            self._settle(session, lane, sent, answer)

    def _settle(
        self, session: Session, lane: _Lane, sent: list[_Waiting], answer: asyncio.Future[Any]
    ) -> None:
        if answer.cancelled():
            _fail(sent, LogUnavailable("the producer was replaced: outcome unknown"))
        elif error := answer.exception():
            self._link.broken(session, down=False)
            self._sort_out(lane, sent, error)
        else:
            self._confirm(session, lane.partition, answer.result().offset, sent)

    def _confirm(
        self, session: Session, partition: Partition, base: int, sent: list[_Waiting]
    ) -> None:
        for offset, waiting in enumerate(sent, base):
            if not waiting.future.done():
                waiting.future.set_result(Position(partition, offset))
        session.records += len(sent)
        if session.records >= RECORDS_MAX:
            self._link.broken(session, down=False)

    def _sort_out(self, lane: _Lane, sent: list[_Waiting], error: BaseException) -> None:
        """Tell each message of a failed batch what became of it, or send it again by itself."""
        reason = f"{type(error).__name__}: {error}"
        if isinstance(error, _FORBIDDEN):
            _fail(sent, MessageRefused(f"Kafka does not allow it ({reason})"))
        elif not isinstance(error, _CONTENT):
            _fail(sent, LogUnavailable(f"Kafka failed ({reason}): outcome unknown"))
        elif len(sent) == 1:
            _fail(sent, MessageRefused(f"Kafka refuses the record ({reason})"))
        else:
            for waiting in sent:
                waiting.alone = True
            lane.waiting.extendleft(reversed(sent))


async def _deliver(session: Session, partition: Partition, builder: Any) -> asyncio.Future[Any]:
    """Send a batch and return its future, done."""
    topic, number = partition
    future: asyncio.Future[Any]
    future = await session.producer.send_batch(builder, topic, partition=number)
    session.in_flight.add(future)
    future.add_done_callback(session.in_flight.discard)
    # Not awaited itself: to cancel it would hide the batch from the producer's own bookkeeping.
    await asyncio.wait({future})
    return future


def _fill(producer: AIOKafkaProducer, queue: deque[_Waiting]) -> tuple[Any, list[_Waiting]] | None:
    """Take the messages of one batch off the queue; nothing if nobody awaits them any more."""
    builder = producer.create_batch()
    taken: list[_Waiting] = []
    while queue and len(taken) < BATCH_RECORDS_MAX:
        first = queue[0]
        if first.future.done():
            queue.popleft()
            continue
        if first.alone and taken:
            break
        message = first.message
        headers = list(message.headers)
        try:
            added = builder.append(
                timestamp=None, key=message.key, value=message.value, headers=headers
            )
        except UnicodeEncodeError as error:
            _fail([first], MessageRefused(f"a header's name is not text: {error}"))
            continue
        if added is None:
            break
        taken.append(queue.popleft())
        if first.alone:
            break
    return (builder, taken) if taken else None


def _fail(waiting: deque[_Waiting] | list[_Waiting], error: Exception) -> None:
    for each in waiting:
        if not each.future.done():
            each.future.set_exception(error)
    if isinstance(waiting, deque):
        waiting.clear()
