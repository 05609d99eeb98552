"""One file of the journal: what it holds, lane by lane, and how far each lane has been sent.

A lane is a partition's records in their order. A file that is whole has a lane for each partition;
of one that is damaged, what could be read is a single lane, in the order of writing. Whoever drains
need not know which it is.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Protocol

from ingress.eventlog.embedded import EmbeddedLog
from ingress.eventlog.embedded_file import LogDamaged
from ingress.eventlog.embedded_rows import NoPartition
from ingress.eventlog.journal_files import Held
from ingress.eventlog.journal_record import seal, unseal
from ingress.eventlog.journal_salvage import salvage
from ingress.eventlog.journal_wal import committed_frames
from ingress.eventlog.port import LogUnavailable, Message, Partition, Position, PositionLost

# What of one lane is on its way to Kafka at once: of 20 lanes, some 20 MiB of the publisher's 64.
BATCH_RECORDS = 256
BATCH_BYTES = 1_048_576


class Lane(Protocol):
    """Records to be sent in order."""

    partition: Partition | None
    oldest_ms: int | None

    def backlog(self) -> int:
        """Return how many are not sent yet."""

    async def batch(self) -> Sequence[Message]:
        """Return the next ones. Raises `LogUnavailable`, `LogDamaged`."""

    async def forget(self, count: int) -> None:
        """Let go of the first ones of the last batch: they are sent."""

    async def settled(self) -> None:
        """Wait until what is being let go of is gone."""


class FileLane:
    """A partition of a file that is whole."""

    def __init__(self, log: EmbeddedLog, partition: Partition, begin: int, end: int) -> None:
        self.partition: Partition | None = partition
        self.oldest_ms: int | None = None
        self._log = log
        self._place = partition
        self._trimming = asyncio.Lock()
        self._next = begin
        self._end = end

    def backlog(self) -> int:
        """Return how many are not sent yet."""
        return self._end - self._next

    def appended(self, offset: int, now_ms: int) -> int:
        """Note that the disk has a record; return how many more that are with those before it."""
        found = max(0, offset + 1 - self._end)
        self._end += found
        if self.oldest_ms is None and self.backlog():
            self.oldest_ms = now_ms
        return found

    async def batch(self) -> Sequence[Message]:
        """Return the next ones. Raises `LogUnavailable`, `LogDamaged`."""
        place = Position(self._place, self._next)
        # Not beyond what is known: an append that failed may be there; `refresh` counts it.
        most = min(BATCH_RECORDS, self.backlog())
        try:
            with _sound():
                records = await self._log.read(place, most, bytes_max=BATCH_BYTES)
        except LogDamaged:
            raise
        except LogUnavailable as away:
            if self._log.is_there():
                raise
            # Nothing brings it back, and what is behind it must not wait.
            raise LogDamaged("the file was moved or deleted while it was in use") from away
        messages = []
        for count, record in enumerate(records):
            message = unseal(record.key, record.value, record.headers)
            if message is None or record.position.offset != self._next + count:
                raise LogDamaged(f"record {record.position.offset} of {self._place} is not whole")
            messages.append(message)
        if records:
            self.oldest_ms = records[0].timestamp_ms
        return messages

    async def forget(self, count: int) -> None:
        """Let go of what is sent. That the disk does not take it makes duplicates after a crash."""
        async with self._trimming:
            # First, because a file without a backlog is let go of, and this needs it open.
            with suppress(LogUnavailable):
                await self._log.trim(Position(self._place, self._next + count))
            self._next += count
            if not self.backlog():
                self.oldest_ms = None

    async def settled(self) -> None:
        """Wait until what is being let go of is gone."""
        async with self._trimming:
            pass


class SalvagedLane:
    """What could be read of a file that is damaged; it is not written to any more."""

    partition: Partition | None = None

    def __init__(self, messages: Sequence[Message], oldest_ms: int) -> None:
        self.oldest_ms: int | None = oldest_ms
        self._messages = deque(messages)

    def backlog(self) -> int:
        """Return how many are not sent yet."""
        return len(self._messages)

    async def batch(self) -> Sequence[Message]:
        """Return the next ones."""
        return [self._messages[at] for at in range(min(BATCH_RECORDS, len(self._messages)))]

    async def forget(self, count: int) -> None:
        """Let go of what is sent."""
        for _ in range(count):
            self._messages.popleft()

    async def settled(self) -> None:
        """Return: nothing takes time."""


@contextmanager
def _sound() -> Iterator[None]:
    """Raise `LogDamaged` where what comes from a file is not even of the kind that was written."""
    try:
        yield
    except (ValueError, TypeError, AttributeError, PositionLost, NoPartition) as wrong:
        raise LogDamaged(f"a row makes no sense ({type(wrong).__name__}: {wrong})") from wrong


@contextmanager
def _readable() -> Iterator[None]:
    """Raise `LogUnavailable` where the disk fails: that may pass, and ends nobody's work."""
    try:
        yield
    except OSError as error:
        raise LogUnavailable(f"the file cannot be read ({error}): check its disk") from error


class Segment:
    """A file of the journal that is ours: written to while it is the active one, then drained."""

    def __init__(self, held: Held, open_log: Callable[[Path], EmbeddedLog]) -> None:
        self.held = held
        self.log = open_log(held.path)
        self.lanes: Mapping[Partition | None, Lane] = {}
        self.damage = ""
        self.pending = 0
        """Appends under way."""
        self._closed = False
        self.failed = False
        """An append failed: what is in the file is for the file to say."""

    async def begin(self, topics: Mapping[str, int]) -> None:
        """Make the file. Raises `LogUnavailable`."""
        await self.log.ensure_topics(topics)
        partitions = [Partition(name, n) for name, count in topics.items() for n in range(count)]
        self.lanes = {one: FileLane(self.log, one, 0, 0) for one in partitions}

    async def open(self) -> None:
        """Find out what is in a file of somebody else. Raises `LogUnavailable`, `LogDamaged`."""
        with _readable():
            committed = await asyncio.to_thread(committed_frames, self.held.path)
        if wrong := await self.log.check():
            raise LogDamaged(wrong)
        if committed is None or await self.log.frames() < committed:
            raise LogDamaged("its write-ahead log goes on after a frame that is not right")
        lanes: dict[Partition | None, Lane] = {}
        with _sound():
            for topic in await self.log.topics():
                begins, ends = await self.log.begins(topic), await self.log.ends(topic)
                for partition, begin in begins.items():
                    lane = FileLane(self.log, partition, begin, ends[partition])
                    lane.oldest_ms = self.held.began_ms if lane.backlog() else None
                    lanes[partition] = lane
        self.lanes = lanes

    async def refresh(self) -> None:
        """Ask the file for records that it has and never confirmed. Raises `LogUnavailable`.

        Those are in no count yet.
        """
        for topic in {lane.partition.topic for lane in self.lanes.values() if lane.partition}:
            for partition, end in (await self.log.ends(topic)).items():
                self.appended(Position(partition, end - 1), self.held.began_ms)

    def append(self, message: Message) -> asyncio.Future[Position]:
        """Append durably. Raises `LogUnavailable`, `MessageRefused`."""
        future = self.log.append(seal(message))
        self.pending += 1
        return future

    def appended(self, position: Position, now_ms: int) -> int:
        """Note that the disk has a record; return how many are to be sent more than before.

        That is one, unless a write before it failed and the disk has what it said it had not.
        """
        lane = self.lanes[position.partition]
        return lane.appended(position.offset, now_ms) if isinstance(lane, FileLane) else 1

    def is_sound(self) -> bool:
        """Say whether it may be written to: a file that mends itself after a failure may not."""
        return not self.failed and self.log.usable()

    def backlog(self) -> int:
        """Return how many records are not sent yet."""
        return sum(lane.backlog() for lane in self.lanes.values())

    def oldest_ms(self) -> int | None:
        """Return when the oldest record that is not sent was written, or before."""
        return min(
            (lane.oldest_ms for lane in self.lanes.values() if lane.oldest_ms is not None),
            default=None,
        )

    async def settled(self) -> None:
        """Wait until what is being let go of is gone."""
        for lane in self.lanes.values():
            await lane.settled()

    def is_done(self) -> bool:
        """Say whether nothing is in it that is to be sent, and nothing can come."""
        return not self.pending and not self.backlog()

    def size_bytes(self) -> int:
        """Return what the file takes with its write-ahead log."""
        path = self.held.path
        names = (path, path.with_name(path.name + "-wal"))
        return sum(name.stat().st_size for name in names if name.exists())

    async def salvage(self, damage: str) -> int:
        """Read what can be read; return how many records were seen that are not whole.

        Raises `LogUnavailable` where the disk does not even give the bytes: nothing changed then.
        """
        # Before it is closed: SQLite then folds in what it sees, and forgets the rest.
        with _readable():
            found = await asyncio.to_thread(salvage, self.held.path)
        self.damage = damage
        await self._close()
        self.lanes = {None: SalvagedLane(found.messages, self.held.began_ms)}
        return found.damaged

    async def end(self, now_ms: int) -> Path | None:
        """Let go of the file for good; where it is damaged, return where it is kept."""
        await self._close()
        if self.damage:
            return await asyncio.to_thread(self.held.set_aside, now_ms)
        await asyncio.to_thread(self.held.delete)
        return None

    async def leave(self) -> None:
        """Let go of the file, and leave what is in it to whoever comes next."""
        await self._close()
        self.held.release()

    async def _close(self) -> None:
        if not self._closed:
            self._closed = True
            await self.log.close()
