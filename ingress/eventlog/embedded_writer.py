"""The one thread that writes to the embedded log, and its group commit.

The event loop gathers what its callbacks append in one turn and hands it over as a whole; the
thread takes all that was handed over, writes it in one transaction, and only after COMMIT, which is
after the fsync, are the futures resolved. So the disk's pace sets the size of the groups: one
record when it is quiet, hundreds under load. Handed over one by one, the first of those whom one
commit woke would be written alone, and the others would wait for its fsync.

A commit that fails with anything but "busy" makes the file suspect: an fsync must never be tried
again on the same file descriptor, because the kernel forgets the pages it could not write. Every
waiting job fails, the connection is closed, and nothing is accepted until the file has been opened
anew and checked, which the thread tries by itself from time to time. No failure acknowledges.
"""

import asyncio
import queue
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import apsw

from ingress.eventlog import embedded_file as file
from ingress.eventlog import embedded_rows as rows
from ingress.eventlog.embedded_bell import Bell, bell_of
from ingress.eventlog.port import LogUnavailable, Position
from ingress.telemetry import Clock

# As much as Kafka's publisher holds, all of which may come here at once when Kafka goes away; some
# 0.8 s of a small disk.
WAITING_MAX = 16_384
WAITING_BYTES_MAX = 64 * 1_048_576
GROUP_MAX = 1_024
IDLE_S = 1.0
# Opening checks the whole file, which takes some seconds for each GiB.
CALL_S = 60.0
REOPEN_S = 1.0
# How often old records are looked for, and how many of a partition go with one commit: some
# milliseconds, between which everything else is written.
EXPIRE_S = 60.0
EXPIRED_MAX = 100


@dataclass(frozen=True, slots=True)
class Append:
    """A message that waits to be written."""

    row: rows.Row
    bytes: int
    future: asyncio.Future[Any]


@dataclass(frozen=True, slots=True)
class Call:
    """Another change, made inside the transaction of its group; it may refuse with an exception."""

    change: Callable[[apsw.Connection], object]
    future: asyncio.Future[Any]
    bytes: int = 0


Job = Append | Call
Answer = tuple[Job, object]  # what a job's future becomes: a result, or an exception


class Writer:
    """Owns the writing connection and its thread. Every method is for the event loop's thread."""

    def __init__(self, path: Path, clock: Clock) -> None:
        self._path = path
        self._files = file.files(path)
        self._clock = clock
        self._bell: Bell = bell_of(path)
        self._gathered: list[Job] = []
        self._jobs: queue.SimpleQueue[list[Job] | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._connection: apsw.Connection | None = None
        self._topics = rows.Topics()
        self._identity: file.Identity | None = None
        self._waiting = 0
        self._waiting_bytes = 0
        self._fault = "the log has not been opened"
        self._suspect = False
        self._reopen_at_s = 0.0
        self._retention_ms: Mapping[str, int] = {}
        self._expire_at_s = 0.0

    def usable(self) -> bool:
        """Say whether the file is open and its last write succeeded."""
        return not self._fault

    async def open(self) -> None:
        """Open the file unless it is open. Raises `LogUnavailable`."""
        if self.usable():
            return
        if self._thread is None or not self._thread.is_alive():
            self._loop = asyncio.get_running_loop()
            self._thread = threading.Thread(target=self._run, name="event-log", daemon=True)
            self._thread.start()
        # A change of nothing: the thread opens the file before the first job of a group.
        self._reopen_at_s = 0.0
        await self._do(_nothing)

    def retain(self, retention_ms: Mapping[str, int]) -> None:
        """Forget what is older than this, of the topics that are named."""
        self._retention_ms = {**self._retention_ms, **retention_ms}

    def append(self, row: rows.Row, size: int) -> asyncio.Future[Position]:
        """Write a row; the future has its position after the commit. Raises `LogUnavailable`."""
        if self._fault:
            raise LogUnavailable(self._fault)
        return self._put(Append(row, size, asyncio.get_running_loop().create_future()))

    async def call(self, change: Callable[[apsw.Connection], object]) -> None:
        """Make another change, durably. Raises `LogUnavailable`, or what the change raises."""
        await self.open()
        await self._do(change)

    async def flush(self) -> None:
        """Wait until everything put before has been answered."""
        if self.usable():
            with suppress(LogUnavailable):
                await self._do(_nothing)

    async def close(self) -> None:
        """Write what is waiting, then let go of the file."""
        thread, self._thread = self._thread, None
        if thread is None:
            return
        self._hand_over()
        self._jobs.put(None)
        await asyncio.to_thread(thread.join)
        self._fault = "the log has been closed"

    async def _do(self, change: Callable[[apsw.Connection], object]) -> None:
        try:
            async with asyncio.timeout(CALL_S):
                await self._put(Call(change, asyncio.get_running_loop().create_future()))
        except TimeoutError:
            raise LogUnavailable(f"the disk of {self._path} did not answer") from None

    def _put(self, job: Job) -> asyncio.Future[Any]:
        if self._thread is None:  # it was closed while somebody waited for it to open
            raise LogUnavailable(self._fault or "the log has been closed")
        if self._waiting >= WAITING_MAX or self._waiting_bytes + job.bytes > WAITING_BYTES_MAX:
            raise LogUnavailable("the log's queue is full: its disk is slower than the traffic")
        self._waiting += 1
        self._waiting_bytes += job.bytes
        if not self._gathered:
            job.future.get_loop().call_soon(self._hand_over)
        self._gathered.append(job)
        return job.future

    def _hand_over(self) -> None:
        """Give the thread what was gathered in this turn of the event loop."""
        if self._gathered:
            self._jobs.put(self._gathered)
            self._gathered = []

    def _resolve(self, answers: Sequence[Answer]) -> None:
        for job, answer in answers:
            self._waiting -= 1
            self._waiting_bytes -= job.bytes
            if job.future.done():  # the caller's deadline passed, or it went away
                continue
            if isinstance(answer, Exception):
                job.future.set_exception(answer)
            else:
                job.future.set_result(answer)

    # From here on: the thread.

    def _run(self) -> None:
        try:
            while (group := self._gather()) is not None:
                if group:
                    self._answer(self._write(group))
        finally:
            self._let_go(self._fault or "the log has been closed")

    def _gather(self) -> list[Job] | None:
        """Wait for jobs and take all there are; `None` at the end, nothing when it was idle."""
        try:
            first = self._jobs.get(timeout=IDLE_S)
        except queue.Empty:
            self._idle()
            return []
        group: list[Job] = []
        while first is not None:
            group += first
            if len(group) >= GROUP_MAX or self._jobs.empty():
                return group
            first = self._jobs.get()
        if group:
            self._jobs.put(None)  # the end comes after what was put before it
        return group or None

    def _idle(self) -> None:
        try:
            if self._connection is None:
                self._reopen()
            else:
                if self._is_expiry_due():
                    self._write([])
                file.fold(self._connection)
        except LogUnavailable:
            return  # the fault says it, to whoever asks
        except apsw.Error as error:
            self._break(error)

    def _write(self, group: Sequence[Job]) -> list[Answer]:
        live = [job for job in group if not job.future.done()]
        try:
            connection = self._connection or self._reopen()
            answers = self._commit(connection, live)
        except LogUnavailable as error:
            answers = _all(live, str(error))
        except apsw.BusyError as error:
            self._roll_back()
            answers = _all(live, f"another process holds {self._path} ({error})")
        except (apsw.Error, OSError) as error:
            self._break(error)
            answers = _all(live, self._fault)
        except BaseException as error:
            self._break(error)
            self._answer(_all(group, self._fault))
            raise
        gone = set(map(id, group)) - set(map(id, live))
        return answers + [(job, None) for job in group if id(job) in gone]

    def _commit(self, connection: apsw.Connection, group: Sequence[Job]) -> list[Answer]:
        appends = [job for job in group if isinstance(job, Append)]
        connection.execute("BEGIN IMMEDIATE")
        waiting = [job.row for job in appends]
        places = rows.append(connection, self._topics, waiting, self._clock())
        answers: list[Answer] = list(zip(appends, places, strict=True))
        calls = [job for job in group if isinstance(job, Call)]
        answers += [(call, _try(connection, call.change)) for call in calls]
        if self._is_expiry_due():
            self._expire(connection)
        connection.execute("COMMIT")
        self._check_in_place()
        self._bell.ring()
        return answers

    def _is_expiry_due(self) -> bool:
        return bool(self._retention_ms) and time.monotonic() >= self._expire_at_s

    def _expire(self, connection: apsw.Connection) -> None:
        """Delete some of what is too old; go on with the next commit if there may be more."""
        now_ms = self._clock()
        more = [
            rows.expire(connection, topic, now_ms - kept_ms, EXPIRED_MAX)
            for topic, kept_ms in self._retention_ms.items()
        ]
        self._expire_at_s = time.monotonic() + (0.0 if any(more) else EXPIRE_S)

    def _check_in_place(self) -> None:
        """Raise `OSError` where the files are not those that were opened.

        Somebody moved or deleted them: what was just written is on a disk, but not where anybody
        will look for it again, and must not be acknowledged.
        """
        found = file.identity(self._files)
        # The write-ahead log is made by the first commit, so what is right is known from then on.
        self._identity = self._identity or found
        if found != self._identity:
            raise OSError("its files were moved or deleted while they were in use")

    def _answer(self, answers: list[Answer]) -> None:
        if self._loop is not None:
            with suppress(RuntimeError):  # the loop was closed: nobody waits any more
                self._loop.call_soon_threadsafe(self._resolve, answers)

    def _reopen(self) -> apsw.Connection:
        """Open the file, but not so often that checking it becomes the machine's main work."""
        began_s = time.monotonic()
        if began_s < self._reopen_at_s:
            raise LogUnavailable(self._fault)
        try:
            self._connection = file.open_writer(self._path, suspect=self._suspect)
        except LogUnavailable as error:
            self._fault = str(error)
            raise
        finally:
            ended_s = time.monotonic()
            self._reopen_at_s = ended_s + max(REOPEN_S, 10 * (ended_s - began_s))
        self._identity = None
        self._topics = rows.Topics()
        self._suspect = False
        self._fault = ""
        return self._connection

    def _break(self, error: BaseException) -> None:
        self._suspect = True
        self._let_go(f"a write to {self._path} failed ({error}): make room, or check its disk")

    def _let_go(self, fault: str) -> None:
        self._fault = fault
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(apsw.Error):  # a broken disk fails this too
                connection.close(force=True)

    def _roll_back(self) -> None:
        self._topics.forget()
        if self._connection is not None and self._connection.in_transaction:
            self._connection.execute("ROLLBACK")


def _nothing(_: apsw.Connection) -> None:
    """Change nothing."""


def _try(connection: apsw.Connection, change: Callable[[apsw.Connection], object]) -> object:
    """Make a change; return what it returns, or its refusal with nothing changed."""
    connection.execute("SAVEPOINT change")
    try:
        answer = change(connection)
    except ValueError as refusal:
        connection.execute("ROLLBACK TO change")
        answer = refusal
    connection.execute("RELEASE change")
    return answer


def _all(group: Sequence[Job], reason: str) -> list[Answer]:
    return [(job, LogUnavailable(reason)) for job in group]
