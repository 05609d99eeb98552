"""The local durable journal: records that wait for Kafka, in files that outlive the process.

Messages come in by `append` and are acknowledged once the disk has them; `journal_drain` takes them
out, oldest file first, and lets go of them when Kafka has them. One file is written to at a time.
It is given up for a new one when it is large, when it has been drained and is not small, and at
once when a write to it fails: an fsync that failed must not be tried again, but what the file
acknowledged before is still in it, and is read and sent. So a file that is not written to any more
is only drained, whether it was ours or a dead worker's, and deleted when it is empty.

Nothing here decides by itself what goes into the journal: that is `journaled`.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from ingress.eventlog.embedded import EmbeddedLog, checked_bytes
from ingress.eventlog.embedded_file import LogDamaged
from ingress.eventlog.journal_files import Directory, Held
from ingress.eventlog.journal_refused import Refused
from ingress.eventlog.journal_room import Limits, Room
from ingress.eventlog.journal_segment import Segment
from ingress.eventlog.journal_watch import Observer, State
from ingress.eventlog.partitioning import partition_of
from ingress.eventlog.port import (
    LogUnavailable,
    Message,
    Partition,
    Position,
    TopicRefused,
)
from ingress.telemetry import Clock, logger, now_ms

SEGMENT_BYTES_MAX = 64 * 1_048_576
SEGMENT_BYTES_MIN = 1_048_576
RENEW_S = 1.0
ADOPT_S = 10.0
TEND_S = 0.25
CLOSE_S = 2.0


def _no_checkpoint(step: str) -> None:
    """Pass a crash point: only a test puts something here."""


@dataclass(frozen=True, slots=True)
class Terms:
    """Where a journal is, whose, and what it may take. `takes`: new records, not only old ones."""

    directory: Path
    worker: str
    limits: Limits
    takes: bool = True
    clock: Clock = now_ms
    checkpoint: Callable[[str], None] = _no_checkpoint


class Journal:
    """The records of this process that Kafka does not have yet."""

    def __init__(self, terms: Terms, observer: Observer) -> None:
        self.terms = terms
        self.observer = observer
        self.work = asyncio.Event()
        """Set when there may be something to drain."""
        self._directory = Directory(terms.directory)
        self.refused = Refused(terms.directory, terms.clock)
        self._room = Room(self._directory, terms.limits, time.monotonic)
        self._segment_bytes_max = min(
            SEGMENT_BYTES_MAX, max(SEGMENT_BYTES_MIN, terms.limits.bytes_max // 4)
        )
        self._topics: Mapping[str, int] = {}
        self._segments: list[Segment] = []
        self._unread: list[Held] = []
        self._active: Segment | None = None
        self._behind: Counter[Partition] = Counter()
        self._records = 0
        self._fault = "the journal has not been opened"
        self._renew_at_s = 0.0
        self._adopt_at_s = 0.0
        self._tended = asyncio.Event()
        self._tending: asyncio.Task[None] | None = None
        self._settled = asyncio.Event()
        self._log = logger("journal")

    async def open(self, topics: Mapping[str, int]) -> None:
        """Make a file, and take over what nobody holds. What fails is tried again by `tend`."""
        self._topics = topics
        await self.tend()

    def is_behind(self, message: Message) -> bool:
        """Say whether records that come before this one wait in the journal."""
        if not self._records:
            return bool(self._unread)
        partitions = self._topics.get(message.topic)
        if partitions is None:
            return False
        number = partition_of(message.key, partitions)
        return bool(self._unread) or self._behind[Partition(message.topic, number)] > 0

    def lacks(self, wanted_bytes: int = 0) -> str:
        """Return why the journal does not take so many bytes now; empty where it does."""
        if self._active is None or not self._active.is_sound():
            return self._fault or "the journal's file cannot be written: another one is being made"
        return self._room.lacks(wanted_bytes)

    def append(self, message: Message) -> asyncio.Future[Position]:
        """Append durably; nobody else may cancel the future.

        Raises `LogUnavailable` where nothing was stored, and `MessageRefused`; the former may also
        be the future's.
        """
        active = self._active
        if active is None:
            raise LogUnavailable(self.lacks())
        size = checked_bytes(message)
        partition = self._partition(message)
        if lack := self.lacks(size):
            raise LogUnavailable(lack)
        future = active.append(message)
        self._room.take(size)
        self.count(partition, 1)
        future.add_done_callback(partial(self._appended, active, partition))
        return future

    def count(self, partition: Partition | None, change: int) -> None:
        """Note that so many records more, or fewer, are to be sent."""
        self._records += change
        if partition is not None:
            self._behind[partition] += change

    def next(self) -> Segment | None:
        """Return the oldest file with records to be sent."""
        return next((one for one in self._segments if one.backlog()), None)

    def state(self) -> State:
        """Say how much waits, and since when; a file that was not read yet counts as a record."""
        ages = [one.oldest_ms() for one in self._segments]
        ages += [held.began_ms for held in self._unread]
        oldest_ms = min((age for age in ages if age is not None), default=None)
        is_full = self.terms.takes and bool(self._topics) and self._room.is_full()
        return State(self._records + len(self._unread), self._room.size_bytes, oldest_ms, is_full)

    async def tend(self) -> None:
        """Do what is due: a new file, the files of the dead, the end of those that are sent.

        To its end, though we are told to stop: `close` has to know of every file that is ours.
        """
        self._tending = asyncio.create_task(self._tend())
        await asyncio.shield(self._tending)

    async def _tend(self) -> None:
        self._tended.clear()
        self.refused.tell()
        now_s = time.monotonic()
        if now_s >= self._adopt_at_s:
            self._adopt_at_s = now_s + ADOPT_S
            await self._adopt()
        if self.terms.takes and now_s >= self._renew_at_s and self._is_to_be_renewed():
            self._renew_at_s = now_s + RENEW_S
            await self._renew()
        for one in [one for one in self._segments if one is not self._active]:
            if one.is_done():
                await self._end(one)

    async def wait(self) -> None:
        """Wait until something may be due for `tend`."""
        with suppress(TimeoutError):
            async with asyncio.timeout(TEND_S):
                await self._tended.wait()

    async def salvage(self, segment: Segment, damage: str) -> None:
        """Go on with what can be read of a damaged file; it is kept when that is sent.

        Raises `LogUnavailable` where the disk does not give the file: to be tried again.
        """
        if segment is self._active:
            self._active = None
            self._tended.set()
        await self._settled_of(segment)
        lanes, waited = segment.lanes, segment.backlog()
        damaged = max(await segment.salvage(damage), waited - segment.backlog())
        for partition, lane in lanes.items():
            self.count(partition, -lane.backlog())
        self.count(None, segment.backlog())
        self.observer.damaged(max(1, damaged))
        self._log.error(
            "journal_damaged",
            file=str(segment.held.path),
            damage=damage,
            records_read=segment.backlog(),
            records_damaged=damaged,
            do="what could be read is sent; check the disk, and keep the file for the provider's"
            " own list of events",
        )

    async def close(self) -> None:
        """Let appends under way finish, and leave what is not sent for the next start."""
        if self._tending is not None:
            await asyncio.wait({self._tending}, timeout=CLOSE_S)
            self._tending.cancel()
        self._fault = "the journal was closed"
        self._active = None
        with suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_S):
                for one in self._segments:
                    await self._settled_of(one)
                    # Sent just now: left there, it would be sent again by whoever comes next.
                    await one.settled()
        for one in self._segments:
            if one.is_done() and not one.failed:
                await self._finish(one)
            else:
                await one.leave()
        for held in self._unread:
            held.release()
        self._segments, self._unread = [], []

    async def _settled_of(self, segment: Segment) -> None:
        """Wait until no append to a file is under way."""
        while segment.pending:
            self._settled.clear()
            await self._settled.wait()

    def _partition(self, message: Message) -> Partition:
        partitions = self._topics.get(message.topic)
        if partitions is None:
            raise TopicRefused(f"there is no topic {message.topic}: create it first")
        return Partition(message.topic, partition_of(message.key, partitions))

    def _appended(
        self, segment: Segment, partition: Partition, future: asyncio.Future[Position]
    ) -> None:
        segment.pending -= 1
        self._settled.set()
        if future.cancelled() or future.exception() is not None:
            segment.failed = True
            self.count(partition, -1)
            self._tended.set()
            return
        self.count(partition, segment.appended(future.result(), self.terms.clock()) - 1)
        self.observer.appended()
        self.terms.checkpoint("journal.appended")
        self.work.set()

    def _is_to_be_renewed(self) -> bool:
        active = self._active
        # One that was taken away may never say so itself: where the directory is gone with it,
        # nothing is taken any more, and so nothing is written that could fail.
        if active is None or not active.is_sound() or not active.log.is_there():
            return True
        try:
            size = active.size_bytes()
        except OSError:
            return True  # one that nobody can look at is none to go on with
        most = self._segment_bytes_max
        return size >= most or (size >= most // 2 and not active.backlog() and not active.pending)

    async def _renew(self) -> None:
        """Begin a new file; the one before is drained and deleted. Until then it stays."""
        if self._active is not None and not self._active.log.is_there():
            # As soon as there is a directory again, a record would go where nobody finds it.
            self._active = None
        try:
            await asyncio.to_thread(self._directory.make)
            held = await asyncio.to_thread(
                self._directory.claim, self.terms.worker, self.terms.clock()
            )
        except OSError as error:
            self._fail(f"{self.terms.directory} cannot be used ({error}): check it and its owner")
            return
        segment = Segment(held, self._open_log)
        try:
            await segment.begin(self._topics)
        except LogUnavailable as error:
            self._fail(str(error))
            await self._finish(segment)
            return
        self._fault = ""
        self._segments.append(segment)
        self._active = segment

    def _fail(self, fault: str) -> None:
        if fault != self._fault:
            self._log.error("journal_unavailable", reason=fault, retry_in_s=RENEW_S)
        self._fault = fault

    async def _adopt(self) -> None:
        try:
            if not self._directory.path.is_dir():
                return
            found = await asyncio.to_thread(self._directory.orphans)
            if (offered := await self.refused.offer()) is not None:
                found.append(offered)
        except OSError as error:
            self._log.error("journal_not_adopted", reason=str(error), retry_in_s=ADOPT_S)
            return
        self._unread += found

    async def read_adopted(self) -> None:
        """Look into what was taken over; meanwhile everything goes behind it."""
        while self._unread:
            held = self._unread[0]
            segment = Segment(held, self._open_log)
            try:
                await self._read(segment)
            except LogUnavailable as away:
                self._log.error(
                    "journal_not_adopted", file=str(held.path), reason=str(away),
                    retry_in_s=ADOPT_S,
                )  # fmt: skip
                await segment.leave()
            self._unread.remove(held)

    async def _read(self, segment: Segment) -> None:
        """Find out what a file has, and have it sent. Raises `LogUnavailable`."""
        try:
            await segment.open()
        except LogDamaged as damage:
            await self.salvage(segment, str(damage))
        for partition, lane in segment.lanes.items():
            if partition is not None:
                self.count(partition, lane.backlog())
        self._segments.append(segment)
        self._segments.sort(key=lambda one: one.held.began_ms)
        self._log.info("journal_adopted", file=str(segment.held.path), records=segment.backlog())
        self.work.set()

    async def _end(self, segment: Segment) -> None:
        """Let go of a file that is sent; one whose append failed is asked first what it has."""
        if segment.failed and not segment.damage:
            try:
                await self._refresh(segment)
            except LogUnavailable:
                return
            segment.failed = False
            self.work.set()
        if segment.is_done():
            await self._finish(segment)
            self._segments.remove(segment)

    async def _refresh(self, segment: Segment) -> None:
        """Ask a file what it has; salvage it where it is damaged. Raises `LogUnavailable`."""
        try:
            await segment.refresh()
        except LogDamaged as damage:
            await self.salvage(segment, str(damage))
        else:
            for partition, lane in segment.lanes.items():
                self.count(partition, lane.backlog())

    async def _finish(self, segment: Segment) -> None:
        try:
            kept = await segment.end(self.terms.clock())
        except OSError as error:
            self._log.error(
                "journal_not_deleted", file=str(segment.held.path), reason=str(error),
                do="everything in it was sent: delete it, or its records are sent again",
            )  # fmt: skip
            return
        if kept is not None:
            self._log.error("journal_set_aside", file=str(kept), damage=segment.damage)

    def _open_log(self, path: Path) -> EmbeddedLog:
        return EmbeddedLog(path, self.terms.clock)
