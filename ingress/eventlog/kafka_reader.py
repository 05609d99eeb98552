"""Reading Kafka outside any group: where partitions begin and end, and records from a position.

One consumer without a group is kept open for it, used by one question at a time and thrown away
when a question fails. Every question has its time; a broker that is away is `LogUnavailable`.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager

from aiokafka import AIOKafkaConsumer, TopicPartition

from ingress.eventlog.kafka_closing import close_consumer
from ingress.eventlog.kafka_salvage import fetch, is_of_a_record, to_record
from ingress.eventlog.kafka_trouble import TROUBLE, Entrance
from ingress.eventlog.port import RECORD_BYTES_MAX, Partition, Position, PositionLost, Record

QUESTION_S = 5.0
CLOSE_S = 1.0
WAIT_MS = 500
BY_HAND_BYTES = 2 * RECORD_BYTES_MAX


class KafkaReader:
    """Answers about positions; `make` makes a consumer that belongs to no group."""

    def __init__(self, make: Callable[[], AIOKafkaConsumer], entrance: Entrance) -> None:
        self._make = make
        self._entrance = entrance
        self._consumer: AIOKafkaConsumer | None = None
        self._turn = asyncio.Lock()

    async def topics(self) -> Sequence[str]:
        """Return the names of the topics there are, in order. Raises `LogUnavailable`."""
        async with self._question() as consumer:
            found = await consumer.topics()
        return sorted(found)

    async def ends(self, topic: str) -> Mapping[Partition, int]:
        """Return the next offset to be written, per partition. Raises `LogUnavailable`."""
        async with self._question() as consumer:
            found = await consumer.end_offsets(await _partitions(consumer, topic))
        return {Partition(*partition): offset for partition, offset in found.items()}

    async def begins(self, topic: str) -> Mapping[Partition, int]:
        """Return the oldest offset kept, per partition. Raises `LogUnavailable`."""
        async with self._question() as consumer:
            found = await consumer.beginning_offsets(await _partitions(consumer, topic))
        return {Partition(*partition): offset for partition, offset in found.items()}

    async def read(self, position: Position, records_max: int) -> Sequence[Record]:
        """Read on from `position`. Raises `LogUnavailable`, `PositionLost`."""
        partition = TopicPartition(*position.partition)
        async with self._question() as consumer:
            begin = (await consumer.beginning_offsets([partition]))[partition]
            end = (await consumer.end_offsets([partition]))[partition]
            if not begin <= position.offset <= end:
                place = f"{partition.topic}/{partition.partition} at {position.offset}"
                raise PositionLost(f"Kafka has nothing at {place}: it holds {begin} to {end}")
            if position.offset == end:
                return []
            consumer.assign([partition])
            consumer.seek(partition, position.offset)
            return await _first(consumer, partition, position.offset, records_max)

    async def close(self) -> None:
        """Let go of the connections."""
        consumer, self._consumer = self._consumer, None
        if consumer is not None:
            await close_consumer(consumer, within_s=CLOSE_S)

    @asynccontextmanager
    async def _question(self) -> AsyncIterator[AIOKafkaConsumer]:
        try:
            async with asyncio.timeout(QUESTION_S), self._turn:
                if self._consumer is None:
                    self._consumer = self._make()
                    await self._consumer.start()
                yield self._consumer
        except TROUBLE as error:
            await self.close()
            raise await self._entrance.unavailable(error, "Kafka does not answer") from error


async def _partitions(consumer: AIOKafkaConsumer, topic: str) -> list[TopicPartition]:
    """Return the topic's partitions; asking about the first one makes the client learn of all."""
    if consumer.partitions_for_topic(topic) is None:
        await consumer.beginning_offsets([TopicPartition(topic, 0)])
    numbers: set[int] = consumer.partitions_for_topic(topic) or set()
    return [TopicPartition(topic, number) for number in sorted(numbers)]


async def _first(
    consumer: AIOKafkaConsumer, partition: TopicPartition, offset: int, most: int
) -> Sequence[Record]:
    """Return the next records that come; they are there, so the question's time bounds it."""
    while True:
        try:
            found = await consumer.getmany(partition, timeout_ms=WAIT_MS, max_records=most)
        except Exception as error:
            if not is_of_a_record(error):
                raise
            consumer.seek(partition, offset)
            if records := await fetch(consumer, {partition: offset}, BY_HAND_BYTES):
                return records[:most]
            continue
        if found:
            return [to_record(each) for each in found[partition]]
