"""Reading Kafka outside any group: where partitions begin and end, and records from a position.

One consumer without a group is kept open for it, used by one question at a time and thrown away
when a question fails. Every question has its time; a broker that is away is `LogUnavailable`.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka import errors as kafka

from ingress.eventlog.kafka_closing import close_consumer
from ingress.eventlog.port import LogUnavailable, Partition, Position, PositionLost, Record

QUESTION_S = 5.0
CLOSE_S = 1.0
WAIT_MS = 500


def to_record(found: ConsumerRecord) -> Record:
    """Read a record as the port has it: what Kafka allows to be absent is empty."""
    place = Position(Partition(found.topic, found.partition), found.offset)
    headers = tuple((name, value or b"") for name, value in found.headers)
    return Record(place, found.key or b"", found.value or b"", headers, found.timestamp)


class KafkaReader:
    """Answers about positions; `make` makes a consumer that belongs to no group."""

    def __init__(self, make: Callable[[], AIOKafkaConsumer]) -> None:
        self._make = make
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
                raise PositionLost(f"{partition} holds {begin} to {end}, not {position.offset}")
            if position.offset == end:
                return []
            consumer.assign([partition])
            consumer.seek(partition, position.offset)
            found = await _first(consumer, partition, records_max)
        return [to_record(each) for each in found]

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
        except (kafka.KafkaError, TimeoutError) as error:
            await self.close()
            raise LogUnavailable(f"Kafka does not answer ({type(error).__name__})") from error


async def _partitions(consumer: AIOKafkaConsumer, topic: str) -> list[TopicPartition]:
    """Return the topic's partitions; asking about the first one makes the client learn of all."""
    if consumer.partitions_for_topic(topic) is None:
        await consumer.beginning_offsets([TopicPartition(topic, 0)])
    numbers: set[int] = consumer.partitions_for_topic(topic) or set()
    return [TopicPartition(topic, number) for number in sorted(numbers)]


async def _first(consumer: AIOKafkaConsumer, partition: TopicPartition, most: int) -> Any:
    """Return the next records that come; they are there, so the question's time bounds it."""
    while True:
        found = await consumer.getmany(partition, timeout_ms=WAIT_MS, max_records=most)
        if found:
            return found[partition]
