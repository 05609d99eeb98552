"""Follow topics of the log: positions in, records out, in the order in which they were written.

Nobody joins a group here, so nobody's position moves and no partition changes hands. Where each
partition is read on is known to this process alone, and it is gone with it.

Records come in rounds: one round is all that is in the log when it begins. Within a round the
records of all partitions are merged by the log's own time of writing; records of one partition keep
their order whatever their times say.
"""

from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field

from ingress.eventlog.port import (
    EventLog,
    LogUnavailable,
    Partition,
    Position,
    PositionLost,
    Record,
)
from sealgate.replay.spans import Span, since

# Of each partition are as many records in memory at a time; the log bounds their bytes besides.
CHUNK = 100


@dataclass(slots=True)
class Following:
    """Where each partition of some topics is read on; `tell` hears what a person should know.

    `only` is the one partition that is meant, None for all of them.
    """

    log: EventLog
    topics: Sequence[str]
    tell: Callable[[str], None]
    only: Partition | None = None
    _next: dict[Partition, int] = field(default_factory=dict)
    _waiting: dict[Partition, deque[Record]] = field(default_factory=dict)

    @property
    def partitions(self) -> int:
        """How many partitions are read."""
        return len(self._next)

    async def begin_at_ends(self) -> None:
        """Show only what comes from now on. Raises `LogUnavailable`."""
        self._next = dict(await self._ends())

    async def begin_at_oldest(self) -> None:
        """Show all there is. Raises `LogUnavailable`."""
        self._next = dict(await self._begins())

    async def begin_since(self, at_ms: int) -> None:
        """Show what was written at an instant or later. Raises `LogUnavailable`."""
        ends = await self._ends()
        for partition, oldest in (await self._begins()).items():
            span = Span(partition, oldest, ends.get(partition, oldest), oldest)
            self._next[partition] = await since(self.log, span, at_ms)

    async def begin_at(self, position: Position) -> None:
        """Show what stands at a place or behind it. Raises `LogUnavailable`, `PositionLost`."""
        self.only = position.partition
        begins, ends = await self._begins(), await self._ends()
        begin, end = begins.get(position.partition, 0), ends.get(position.partition, 0)
        if not begin <= position.offset <= end:
            topic, number = position.partition
            raise PositionLost(f"{topic}/{number} holds {begin} to {end}")
        self._next = {position.partition: position.offset}

    async def round(self) -> AsyncIterator[Record]:
        """Return what is there now and was not shown yet.

        Raises `LogUnavailable`, and may be called again: nothing is skipped or shown twice by it.
        """
        ends = await self._ends()
        for partition, end in ends.items():
            if self._next.setdefault(partition, 0) > end:
                self.tell(f"{_name(partition)} was made anew: reading it from its beginning")
                self._next[partition] = 0
            self._waiting.setdefault(partition, deque())
        while found := await self._oldest(ends):
            yield found

    async def _oldest(self, ends: Mapping[Partition, int]) -> Record | None:
        """Return the record that was written first of those that come next; None at the end."""
        for partition, records in self._waiting.items():
            if not records:
                records.extend(await self._read(partition, ends.get(partition, 0)))
        heads = [records[0] for records in self._waiting.values() if records]
        if not heads:
            return None
        first = min(heads, key=self._written)
        return self._waiting[first.position.partition].popleft()

    def _written(self, record: Record) -> tuple[int, int, int]:
        """Sort by the time of writing; of one millisecond events come before their notices."""
        topic, number = record.position.partition
        return record.timestamp_ms, self.topics.index(topic), number

    async def _read(self, partition: Partition, end: int) -> Sequence[Record]:
        """Read the next records of a partition, up to `end`; what retention took is told of."""
        while (at := self._next[partition]) < end:
            try:
                found = await self.log.read(Position(partition, at), CHUNK)
            except PositionLost:
                await self._skip(partition, at)
                continue
            if not found:
                return []
            taken = [one for one in found if one.position.offset < end]
            self._next[partition] = taken[-1].position.offset + 1 if taken else end
            return taken
        return []

    async def _skip(self, partition: Partition, lost: int) -> None:
        """Go on at the oldest record that is left: here nobody was promised more than is kept."""
        begin = (await self.log.begins(partition.topic)).get(partition, 0)
        if begin <= lost:
            raise LogUnavailable(f"{partition.topic} was made anew meanwhile: look again")
        self.tell(f"{begin - lost} records of {_name(partition)} are gone: past their retention")
        self._next[partition] = begin

    async def _ends(self) -> Mapping[Partition, int]:
        return self._meant([await self.log.ends(topic) for topic in self.topics])

    async def _begins(self) -> Mapping[Partition, int]:
        return self._meant([await self.log.begins(topic) for topic in self.topics])

    def _meant(self, found: Sequence[Mapping[Partition, int]]) -> Mapping[Partition, int]:
        """Take the partitions that are meant. Raises `LogUnavailable` where there is no topic."""
        for topic, offsets in zip(self.topics, found, strict=True):
            if not offsets:
                raise LogUnavailable(f"there is no topic {topic} yet: no gateway has made it")
        return {
            partition: offset
            for offsets in found
            for partition, offset in sorted(offsets.items())
            if self.only in {None, partition}
        }


def _name(partition: Partition) -> str:
    return f"{partition.topic}/{partition.number}"
