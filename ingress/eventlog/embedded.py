"""The embedded log: one SQLite file on one machine, with nothing to install.

It keeps the promises that Kafka keeps, in the same words: durable before it is acknowledged, in
order per key, read again from any position. It is for evaluation, development and one small
machine, and it doubles as the local journal in front of Kafka. One thread writes
(`embedded_writer`), one reads (`embedded_reader`); several processes may share the file, each with
its own two.
"""

import asyncio
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path

from ingress.eventlog import embedded_file as file
from ingress.eventlog import embedded_rows as rows
from ingress.eventlog.deadlines import Deadlines
from ingress.eventlog.embedded_reader import Reader
from ingress.eventlog.embedded_subscription import EmbeddedSubscription, is_held
from ingress.eventlog.embedded_writer import Writer
from ingress.eventlog.observer import Observer, Outcome
from ingress.eventlog.port import (
    RECORD_BYTES_MAX,
    LogUnavailable,
    Message,
    MessageRefused,
    Partition,
    Position,
    Positions,
    Record,
    Weakness,
    size_bytes,
)
from ingress.telemetry import Clock, now_ms


class EmbeddedPublisher:
    """Appends to the file; returns when the disk has the record."""

    def __init__(self, writer: Writer, deadline_s: float, observer: Observer | None = None) -> None:
        self._writer = writer
        self._deadline_s = deadline_s
        self._observer = observer
        self._late = Deadlines(deadline_s, "the disk did not confirm in time: outcome unknown")
        self._started = False

    async def start(self) -> None:
        """Open the file and check it. Raises `LogUnavailable`, saying what is wrong with it."""
        await self._writer.open()
        self._started = True

    def publish(self, message: Message) -> asyncio.Future[Position]:
        """Begin to append; the future is the position once the record is on the disk."""
        try:
            future = self._append(message)
        except (LogUnavailable, MessageRefused) as refusal:
            future = asyncio.get_running_loop().create_future()
            future.set_exception(refusal)
            self._tell(Outcome.REJECTED if isinstance(refusal, LogUnavailable) else Outcome.REFUSED)
            return future
        self._late.watch(future)
        if self._observer is not None:
            future.add_done_callback(self._ended)
        return future

    def _append(self, message: Message) -> asyncio.Future[Position]:
        """Hand a message to the writer. Raises `LogUnavailable`, `MessageRefused`."""
        size = checked_bytes(message)
        if not self._started:
            raise LogUnavailable("the publisher has not been started, or was stopped")
        return self._writer.append(rows.row(message), size)

    def _ended(self, future: asyncio.Future[Position]) -> None:
        if future.cancelled() or isinstance(error := future.exception(), LogUnavailable):
            self._tell(Outcome.UNKNOWN)
        else:
            self._tell(Outcome.ACKED if error is None else Outcome.REFUSED)

    def _tell(self, outcome: Outcome) -> None:
        if self._observer is not None:
            self._observer.published(outcome, 1)

    def ready(self) -> bool:
        """Say whether the file takes records."""
        return self._started and self._writer.usable()

    async def stop(self) -> None:
        """Take nothing more, and let what is waiting be written."""
        self._started = False
        with suppress(TimeoutError):
            async with asyncio.timeout(self._deadline_s):
                await self._writer.flush()


def checked_bytes(message: Message) -> int:
    """Return what a message takes. Raises `MessageRefused` where no log takes so much."""
    size = size_bytes(message)
    if size > RECORD_BYTES_MAX:
        raise MessageRefused(f"a record takes {size} bytes, more than {RECORD_BYTES_MAX}")
    return size


class EmbeddedLog:
    """One SQLite file as an event log."""

    def __init__(self, path: Path, clock: Clock = now_ms) -> None:
        self._path = path.absolute()
        self._writer = Writer(self._path, clock)
        self._reader = Reader(self._path)

    async def ensure_topics(
        self, partitions: Mapping[str, int], retention_ms: Mapping[str, int] | None = None
    ) -> None:
        """Create the topics that are missing. Raises `LogUnavailable`, `ValueError`.

        Who names a retention keeps it, from now on, for as long as this log is open.
        """
        self._writer.retain(retention_ms or {})
        await self._writer.call(partial(rows.make_topics, partitions=dict(partitions)))

    async def open(self) -> None:
        """Open the file for writing, making it if need be. Raises `LogUnavailable`."""
        await self._writer.open()

    def usable(self) -> bool:
        """Say whether the file is open and its last write succeeded."""
        return self._writer.usable()

    def is_there(self) -> bool:
        """Say whether the file is where it was opened, as far as anybody can tell."""
        try:
            return self._path.exists()
        except OSError:
            return True

    def append(self, message: Message) -> asyncio.Future[Position]:
        """Append without a deadline, so that what became of a record is always told.

        Raises `LogUnavailable` and `MessageRefused` at once; they may also be the future's.
        """
        return self._writer.append(rows.row(message), size_bytes(message))

    async def flush(self) -> None:
        """Wait until every record that was appended before has been answered."""
        await self._writer.flush()

    async def check(self) -> str:
        """Return what is wrong inside the file; empty where nothing is. Raises `LogUnavailable`."""
        return await self._reader.ask(file.damage)

    async def frames(self) -> int:
        """Return how many frames of the write-ahead log are right. Raises `LogUnavailable`."""
        return await self._reader.ask(file.frames)

    async def weaknesses(self, topics: Collection[str]) -> Sequence[Weakness]:
        """Return nothing: an acknowledgement means that this disk has the record."""
        return ()

    def publisher(
        self, *, deadline_s: float = 2.0, observer: Observer | None = None
    ) -> EmbeddedPublisher:
        """Make a publisher; all of them share one writing thread and its group commits."""
        return EmbeddedPublisher(self._writer, deadline_s, observer)

    def subscription(self, topic: str, group: str, positions: Positions) -> EmbeddedSubscription:
        """Make the member of `group` on `topic`."""
        name = (topic, group)
        return EmbeddedSubscription(self._writer, self._reader, self._path, name, positions)

    async def members(self, topic: str, group: str) -> int:
        """Return 1 where a member holds the group's lock, 0 else. Raises `LogUnavailable`."""
        return int(is_held(self._path, topic, group))

    async def topics(self) -> Sequence[str]:
        """Return the names of the topics there are, in order. Raises `LogUnavailable`."""
        return await self._reader.ask(rows.topics)

    async def ends(self, topic: str) -> Mapping[Partition, int]:
        """Return the next offset to be written, per partition. Raises `LogUnavailable`."""
        return {extent.lane.partition: extent.end for extent in await self._extents(topic)}

    async def begins(self, topic: str) -> Mapping[Partition, int]:
        """Return the oldest offset kept, per partition. Raises `LogUnavailable`."""
        return {extent.lane.partition: extent.begin for extent in await self._extents(topic)}

    async def read(
        self, position: Position, records_max: int, *, bytes_max: int = rows.READ_BYTES_MAX
    ) -> Sequence[Record]:
        """Read on from `position`. Raises `LogUnavailable`, `PositionLost`."""
        wanted = {position.partition: position.offset}
        most = rows.Most(records_max, bytes_max)
        return await self._reader.ask(partial(rows.read, wanted=wanted, most=most))

    async def trim(self, position: Position) -> None:
        """Forget the records before `position`, for good: a journal does it once they are sent."""
        await self._writer.call(partial(rows.trim, position=position))

    async def advised(self, topic: str, group: str) -> Mapping[Partition, int]:
        """Return how far a group last said it was."""
        return await self._reader.ask(partial(rows.advised, group=group, topic=topic))

    async def close(self) -> None:
        """Write what is waiting, then let go of the file."""
        await self._writer.close()
        await self._reader.close()

    async def _extents(self, topic: str) -> Sequence[rows.Extent]:
        found = await self._reader.ask(partial(rows.extents, topic=topic))
        if not found:
            raise LogUnavailable(f"there is no topic {topic} yet")
        return found
