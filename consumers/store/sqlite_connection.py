"""One SQLite connection and the one thread that may touch it.

Work flows in as a function of the connection, its result flows out as an awaitable; a commit that
waits for the disk, or for another process, blocks this thread and never the event loop. Work is
done in the order of its submission, which is what makes a cancelled transaction safe to leave: its
rollback is in the queue before anybody else's BEGIN.

Settings, and why: WAL with ``synchronous=FULL`` (at NORMAL a power cut takes committed rows back),
read back because SQLite keeps silent where it cannot comply; no memory map and a private file. A
connection that met a disk error is dropped and the next use opens the file anew: after a failed
fsync the kernel may believe the pages are written, so the new connection first moves everything
out of the WAL into the database.
"""

import asyncio
import os
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TypeVar

import apsw

from consumers.store.looking import NotMade
from consumers.store.port import StoreUnavailable, Unstorable, WrongDatabase

T = TypeVar("T")
Work = Callable[[apsw.Connection], T]

# What ends by itself, or by a human's hand elsewhere: locks, space, rights, a disk that is away.
_UNAVAILABLE = (
    apsw.BusyError,
    apsw.LockedError,
    apsw.FullError,
    apsw.IOError,
    apsw.CantOpenError,
    apsw.ReadOnlyError,
    apsw.PermissionsError,
    apsw.ProtocolError,
    apsw.NoMemError,
    OSError,
)
# Turning WAL on needs the file to itself for a moment, and SQLite does not wait for that.
_WAL_RETRY_S = 0.02


class Lane:
    """A connection, opened at its first use, and its thread."""

    def __init__(self, path: Path, busy_timeout_ms: int, *, writes: bool) -> None:
        self._path = path
        self._busy_timeout_ms = busy_timeout_ms
        self._writes = writes
        self._connection: apsw.Connection | None = None
        self._thread = ThreadPoolExecutor(1, "store-writer" if writes else "store-reader")

    async def run(self, work: Work[T]) -> T:
        """Do `work` in the thread. Raises `StoreUnavailable`, `WrongDatabase`, `Unstorable`."""
        return await asyncio.wrap_future(self.submit(work))

    def submit(self, work: Work[T]) -> "Future[T]":
        """Queue `work`: it will be done even if nobody waits for it."""
        try:
            return self._thread.submit(self._do, work)
        except RuntimeError:
            raise StoreUnavailable(f"the store {self._path} is closed") from None

    async def close(self) -> None:
        """Finish what is queued, close the connection and end the thread."""
        with suppress(StoreUnavailable):
            future = self.submit(lambda _: self._drop()) if self._connection else None
            self._thread.shutdown(wait=False)
            if future is not None:
                await asyncio.wrap_future(future)

    def _do(self, work: Work[T]) -> T:
        try:
            with _explained(self._path):
                if self._connection is None:
                    self._connection = self._open()
                return work(self._connection)
        except (StoreUnavailable, WrongDatabase) as error:
            if isinstance(error.__cause__, apsw.IOError | apsw.CorruptError):
                self._drop()
            raise

    def _drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _open(self) -> apsw.Connection:
        flags = apsw.SQLITE_OPEN_READWRITE
        if self._writes:
            _make_private(self._path)
            flags |= apsw.SQLITE_OPEN_CREATE
        elif not self._path.exists():
            raise NotMade(f"there is no file {self._path}: the first worker that starts makes it")
        # A reader too: it may find the WAL that a crash left, and tidies up behind itself.
        connection = apsw.Connection(str(self._path), flags=flags)
        try:
            connection.set_busy_timeout(self._busy_timeout_ms)
            # A plan that looks at the values of its parameters is made anew for each value: with
            # the partial indexes of this schema that cost 80 us a payment instead of 3.
            connection.config(apsw.SQLITE_DBCONFIG_ENABLE_QPSG, 1)
            if self._writes:
                self._prepare(connection)
            else:
                connection.execute("PRAGMA query_only=ON")
        except BaseException:
            connection.close()
            raise
        return connection

    def _prepare(self, connection: apsw.Connection) -> None:
        self._turn_wal_on(connection)
        for pragma, wanted in (("journal_mode", "wal"), ("synchronous", 2), ("mmap_size", 0)):
            connection.execute(f"PRAGMA {pragma}={wanted}").fetchall()
            found = connection.pragma(pragma)
            if found != wanted:
                raise WrongDatabase(
                    f"SQLite cannot set {pragma} to {wanted} on {self._path} (it is {found}):"
                    " use a local file system"
                )
        # Keys arrive in no order, so their indexes are touched all over: 64 MiB of cache (the unit
        # of a negative size is the KiB) applied half as many events again as SQLite's own 2 MiB.
        connection.pragma("cache_size", -64 * 1024)
        connection.pragma("journal_size_limit", 64 * 1024 * 1024)
        verdict = connection.pragma("quick_check")
        if verdict != "ok":
            raise WrongDatabase(f"{self._path} is damaged ({verdict}): restore a backup")
        with suppress(apsw.BusyError):
            connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)

    def _turn_wal_on(self, connection: apsw.Connection) -> None:
        deadline = time.monotonic() + self._busy_timeout_ms / 1000
        while True:
            try:
                connection.pragma("journal_mode", "wal")
            except apsw.BusyError:
                if time.monotonic() >= deadline:
                    raise
                time.sleep(_WAL_RETRY_S)
            else:
                return


def begin(connection: apsw.Connection) -> None:
    """Take the write lock now: a lock asked for later would be refused without waiting."""
    connection.execute("BEGIN IMMEDIATE")


def commit(connection: apsw.Connection) -> None:
    """Commit. Raises `StoreUnavailable` if SQLite has rolled back by itself."""
    check_open(connection)
    connection.execute("COMMIT")


def rollback(connection: apsw.Connection) -> None:
    """Roll back whatever is open, if anything is."""
    if connection.in_transaction:
        connection.execute("ROLLBACK")


def check_open(connection: apsw.Connection) -> None:
    """Raise `StoreUnavailable` if the transaction is gone.

    SQLite rolls back by itself on a full or failing disk; a statement after that would commit
    alone.
    """
    if not connection.in_transaction:
        raise StoreUnavailable("SQLite has rolled the transaction back: try the batch again")


@contextmanager
def immediate(connection: apsw.Connection) -> Iterator[None]:
    """Make a whole transaction of one piece of work."""
    try:
        begin(connection)
        yield
        commit(connection)
    except BaseException:
        rollback(connection)
        raise


@contextmanager
def snapshot(connection: apsw.Connection) -> Iterator[None]:
    """Let several reads see one state of the database."""
    connection.execute("BEGIN")
    try:
        yield
    finally:
        rollback(connection)


def _make_private(path: Path) -> None:
    """Create the file for its owner alone; SQLite gives its companions the same mode.

    The file is not opened if it exists: closing it again would drop the locks that another
    connection of this process holds on it (POSIX locks belong to the process).
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
    except FileExistsError:
        if path.stat().st_mode & 0o077:
            path.chmod(0o600)


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    """Turn SQLite's conditions into the port's."""
    try:
        yield
    except _UNAVAILABLE as error:
        raise StoreUnavailable(f"SQLite {path}: {error}") from error
    except (apsw.NotADBError, apsw.CorruptError) as error:
        raise WrongDatabase(
            f"{path} is not a sound SQLite database ({error}): restore a backup, or move the"
            " file away"
        ) from error
    except (apsw.TooBigError, OverflowError, UnicodeError) as error:
        raise Unstorable(f"SQLite cannot hold a value: {error}") from error
