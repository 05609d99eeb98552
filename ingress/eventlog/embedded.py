"""The embedded log: one SQLite file on one machine, with nothing to install.

It keeps the promises that Kafka keeps, in the same words: durable before it is acknowledged, in
order per key, read again from any position. It is for evaluation, development and one small
machine, and it doubles as the local journal in front of Kafka. One thread writes
(`embedded_writer`), one reads (`embedded_reader`); several processes may share the file, each with
its own two.
"""

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path

from ingress.eventlog import embedded_rows as rows
from ingress.eventlog.embedded_reader import Reader
from ingress.eventlog.embedded_subscription import EmbeddedSubscription
from ingress.eventlog.embedded_writer import Writer
from ingress.eventlog.port import (
    RECORD_BYTES_MAX,
    LogUnavailable,
    Message,
    MessageRefused,
    Partition,
    Position,
    Positions,
    Record,
    size_bytes,
)
from ingress.telemetry import Clock, now_ms


class EmbeddedPublisher:
    """Appends to the file; returns when the disk has the record."""

    def __init__(self, writer: Writer, deadline_s: float) -> None:
        self._writer = writer
        self._deadline_s = deadline_s
        self._started = False

    async def start(self) -> None:
        """Open the file and check it. Raises `LogUnavailable`, saying what is wrong with it."""
        await self._writer.open()
        self._started = True

    def publish(self, message: Message) -> asyncio.Future[Position]:
        """Begin to append; the future is the position once the record is on the disk."""
        loop = asyncio.get_running_loop()
        try:
            future = self._append(message)
        except (LogUnavailable, MessageRefused) as refusal:
            future = loop.create_future()
            future.set_exception(refusal)
            return future
        late = loop.call_later(self._deadline_s, _expire, future)
        future.add_done_callback(lambda _: late.cancel())
        return future

    def _append(self, message: Message) -> asyncio.Future[Position]:
        """Hand a message to the writer. Raises `LogUnavailable`, `MessageRefused`."""
        size = size_bytes(message)
        if size > RECORD_BYTES_MAX:
            raise MessageRefused(f"a record takes {size} bytes, more than {RECORD_BYTES_MAX}")
        if not self._started:
            raise LogUnavailable("the publisher has not been started, or was stopped")
        return self._writer.append(rows.row(message), size)

    def ready(self) -> bool:
        """Say whether the file takes records."""
        return self._started and self._writer.usable()

    async def stop(self) -> None:
        """Take nothing more, and let what is waiting be written."""
        self._started = False
        with suppress(TimeoutError):
            async with asyncio.timeout(self._deadline_s):
                await self._writer.flush()


def _expire(future: asyncio.Future[Position]) -> None:
    if not future.done():
        future.set_exception(LogUnavailable("the disk did not confirm in time: outcome unknown"))


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

    def publisher(self, *, deadline_s: float = 2.0) -> EmbeddedPublisher:
        """Make a publisher; all of them share one writing thread and its group commits."""
        return EmbeddedPublisher(self._writer, deadline_s)

    def subscription(self, topic: str, group: str, positions: Positions) -> EmbeddedSubscription:
        """Make the member of `group` on `topic`."""
        name = (topic, group)
        return EmbeddedSubscription(self._writer, self._reader, self._path, name, positions)

    async def topics(self) -> Sequence[str]:
        """Return the names of the topics there are, in order. Raises `LogUnavailable`."""
        return await self._reader.ask(rows.topics)

    async def ends(self, topic: str) -> Mapping[Partition, int]:
        """Return the next offset to be written, per partition. Raises `LogUnavailable`."""
        return {extent.lane.partition: extent.end for extent in await self._extents(topic)}

    async def begins(self, topic: str) -> Mapping[Partition, int]:
        """Return the oldest offset kept, per partition. Raises `LogUnavailable`."""
        return {extent.lane.partition: extent.begin for extent in await self._extents(topic)}

    async def read(self, position: Position, records_max: int) -> Sequence[Record]:
        """Read on from `position`. Raises `LogUnavailable`, `PositionLost`."""
        wanted = {position.partition: position.offset}
        return await self._reader.ask(partial(rows.read, wanted=wanted, records_max=records_max))

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
