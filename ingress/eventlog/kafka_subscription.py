"""A member of a consumer group on Kafka, whose positions are kept by the caller.

Kafka says which partitions are ours; the caller's `Positions` says where to read on. Between the
two lies a race that loses nothing only if records wait: aiokafka hands records out before an
asynchronous listener has finished, and swallows its exceptions. So the listener does no work here.
It notes what is assigned; `fetch` asks for the positions itself, in the caller's own task, seeks,
and only then asks for records, of those partitions alone. If the assignment changes meanwhile, the
answer is thrown away and asked for again: each assignment is claimed anew, and a failure of the
callback surfaces from `fetch`.
"""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress

from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition
from aiokafka import errors as kafka

from ingress.eventlog.kafka_closing import bounded, close_consumer, has_died
from ingress.eventlog.kafka_salvage import fetch, is_of_a_record, to_record
from ingress.eventlog.kafka_trouble import TROUBLE, Entrance
from ingress.eventlog.port import (
    RECORD_BYTES_MAX,
    LogUnavailable,
    Partition,
    Position,
    PositionLost,
    Positions,
    Record,
)

START_S = 10.0
STOP_S = 2.0
ADVISE_S = 1.0
# What a fetch may take beyond its wait: a rebalance may be under way, which ends by itself or not.
GRACE_S = 0.5
# What reading by hand may take, and the bytes that it asks of a partition.
BY_HAND_S = 5.0
BY_HAND_BYTES = 2 * RECORD_BYTES_MAX


@ConsumerRebalanceListener.register
class Assignment:
    """What this member holds now. `epoch` changes with every change of it."""

    def __init__(self) -> None:
        self.epoch = 0
        self.unclaimed: frozenset[TopicPartition] = frozenset()
        self.ready: frozenset[TopicPartition] = frozenset()
        self.changed = asyncio.Event()

    def on_partitions_revoked(self, revoked: Iterable[TopicPartition]) -> None:
        """Hand nothing out until the next assignment."""
        self._become(frozenset())

    def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        """Note the partitions to ask positions for."""
        self._become(frozenset(assigned))

    def claimed(self) -> None:
        """Hand out records of everything assigned."""
        self.ready, self.unclaimed = self.unclaimed, frozenset()

    def _become(self, unclaimed: frozenset[TopicPartition]) -> None:
        self.epoch += 1
        self.unclaimed = unclaimed
        self.ready = frozenset()
        self.changed.set()


class KafkaSubscription:
    """One member of a group; `make` makes a consumer of the group that commits nothing itself."""

    def __init__(
        self,
        make: Callable[[], AIOKafkaConsumer],
        topic: str,
        positions: Positions,
        entrance: Entrance,
    ) -> None:
        self._make = make
        self._entrance = entrance
        self._stamp = entrance.access.stamp()
        self._topic = topic
        self._positions = positions
        self._consumer: AIOKafkaConsumer | None = None
        self._assignment = Assignment()
        self._lost: dict[TopicPartition, int] = {}
        self._unanswered: Exception | None = None
        # The next offset to hand out. aiokafka's own has moved on over what it read and then threw
        # away, because another partition's records could not be read.
        self._next: dict[TopicPartition, int] = {}

    async def start(self) -> None:
        """Connect, and join the group in the background. Raises `LogUnavailable`."""
        if self._consumer is not None:
            return
        self._stamp = self._entrance.access.stamp()
        consumer = self._make()
        try:
            async with asyncio.timeout(START_S):
                await consumer.start()
        except TROUBLE as error:
            await close_consumer(consumer, within_s=STOP_S)
            raise await self._entrance.unavailable(error, "Kafka cannot be reached") from error
        except BaseException:
            await close_consumer(consumer, within_s=STOP_S)
            raise
        self._assignment = Assignment()
        consumer.subscribe([self._topic], listener=self._assignment)
        self._consumer = consumer

    async def fetch(self, records_max: int, wait_s: float) -> Sequence[Record]:
        """Return the next records of the partitions that are ours and whose position is known."""
        consumer = self._usable()
        until_s = asyncio.get_running_loop().time() + wait_s
        try:
            if not self._assignment.ready and not await self._claim(consumer, wait_s):
                return []
            left_s = max(0.0, until_s - asyncio.get_running_loop().time())
            return await self._read(consumer, records_max, left_s)
        except kafka.NoOffsetForPartitionError:
            return []  # aiokafka's view between an assignment and our claim of it: no position
        except kafka.OffsetOutOfRangeError as error:
            self._lost = dict(error.args[0])
            raise PositionLost(_explain(self._lost)) from error
        except TROUBLE as error:
            if error is self._unanswered:
                raise  # the caller's own trouble, by whatever name
            raise await self._entrance.unavailable(error, "Kafka failed") from error

    def _usable(self) -> AIOKafkaConsumer:
        """Return the consumer, if it can still read. Raises `LogUnavailable`, `PositionLost`."""
        if self._consumer is None:
            raise LogUnavailable("the subscription has not been started")
        if self._stamp != self._entrance.access.stamp():
            # aiokafka would go on with the old ones, and fail for ever once they are taken back.
            raise LogUnavailable("the files that let us in were replaced: start again with them")
        if has_died(self._consumer):
            raise LogUnavailable("Kafka's client gave up after a lost connection: start again")
        if self._lost:
            raise PositionLost(_explain(self._lost))
        return self._consumer

    async def seek(self, position: Position) -> None:
        """Read on from `position`, if the partition is still ours."""
        partition = TopicPartition(*position.partition)
        self._lost.pop(partition, None)
        if self._consumer is not None and partition in self._assignment.ready:
            self._move(self._consumer, partition, position.offset)

    async def advise(self, positions: Sequence[Position]) -> None:
        """Commit the positions, for Kafka's own tools to see; whatever comes of it."""
        offsets = {TopicPartition(*partition): offset for partition, offset in positions}
        # One partition that is not ours any more would spoil the commit of all.
        ours = {key: offset for key, offset in offsets.items() if key in self._assignment.ready}
        if self._consumer is not None and ours:
            await bounded(self._consumer.commit(ours), within_s=ADVISE_S)

    async def stop(self) -> None:
        """Leave the group."""
        consumer, self._consumer = self._consumer, None
        if consumer is not None:
            await close_consumer(consumer, within_s=STOP_S)

    async def _claim(self, consumer: AIOKafkaConsumer, wait_s: float) -> bool:
        """Ask where to read on, once for each assignment; say whether anything is ours."""
        assignment = self._assignment
        if not assignment.unclaimed:
            await self._await_assignment(consumer, wait_s)
        while unclaimed := assignment.unclaimed:
            epoch = assignment.epoch
            offsets = await self._ask(consumer, unclaimed)
            if assignment.epoch != epoch:
                continue  # another assignment came while we asked: its answer may be another
            for partition, offset in offsets.items():
                consumer.seek(partition, offset)
            self._next = offsets
            assignment.claimed()
        return bool(assignment.ready)

    async def _ask(
        self, consumer: AIOKafkaConsumer, unclaimed: frozenset[TopicPartition]
    ) -> dict[TopicPartition, int]:
        names = {partition: Partition(*partition) for partition in unclaimed}
        try:
            known = await self._positions(frozenset(names.values()))
        except Exception as error:
            self._unanswered = error
            raise
        new = [partition for partition, name in names.items() if name not in known]
        oldest = await consumer.beginning_offsets(new) if new else {}
        return {p: oldest[p] if p in oldest else known[name] for p, name in names.items()}

    async def _await_assignment(self, consumer: AIOKafkaConsumer, wait_s: float) -> None:
        """Wait until something is assigned, and let the coordinator's errors out."""
        with suppress(TimeoutError):
            async with asyncio.timeout(wait_s):
                # Asking for nothing in particular raises what went wrong. Records cannot come of
                # it: none are assigned; if some are at this very moment, the claim seeks back.
                await consumer.getmany(timeout_ms=0)
                while not self._assignment.unclaimed:
                    self._assignment.changed.clear()
                    await self._assignment.changed.wait()

    async def _read(
        self, consumer: AIOKafkaConsumer, records_max: int, wait_s: float
    ) -> Sequence[Record]:
        epoch, ready = self._assignment.epoch, self._assignment.ready
        try:
            async with asyncio.timeout(wait_s + GRACE_S):
                found = await consumer.getmany(
                    *ready, timeout_ms=int(wait_s * 1000), max_records=records_max
                )
        except TimeoutError:
            return []
        except Exception as error:
            if not is_of_a_record(error):
                raise
            return await self._read_by_hand(consumer, records_max)
        if self._assignment.epoch != epoch:
            return []  # of another assignment, perhaps from another position
        for partition, records in found.items():
            self._next[partition] = records[-1].offset + 1
        return [to_record(record) for records in found.values() for record in records]

    async def _read_by_hand(self, consumer: AIOKafkaConsumer, records_max: int) -> Sequence[Record]:
        """Read once past what aiokafka cannot read. Raises `KafkaError`."""
        epoch = self._assignment.epoch
        wanted = {partition: self._next[partition] for partition in self._assignment.ready}
        try:
            async with asyncio.timeout(BY_HAND_S):
                records = await fetch(consumer, wanted, BY_HAND_BYTES)
        except TimeoutError as slow:
            raise kafka.KafkaTimeoutError("a broker did not answer in time") from slow
        if self._assignment.epoch != epoch:
            return []
        handed = records[:records_max]
        for record in handed:
            wanted[TopicPartition(*record.position.partition)] = record.position.offset + 1
        for partition, offset in wanted.items():
            # Also where nothing came: aiokafka may have moved on there.
            self._move(consumer, partition, offset)
        return handed

    def _move(self, consumer: AIOKafkaConsumer, partition: TopicPartition, offset: int) -> None:
        self._next[partition] = offset
        with suppress(kafka.IllegalStateError):
            consumer.seek(partition, offset)


def _explain(lost: dict[TopicPartition, int]) -> str:
    places = ", ".join(f"{p.topic}/{p.partition} at {offset}" for p, offset in lost.items())
    return f"Kafka has nothing at {places}: decide where to read on, nothing is skipped by itself"
