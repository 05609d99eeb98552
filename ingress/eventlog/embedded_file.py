"""The SQLite file of the embedded log: how it is opened, checked and laid out.

A path comes in; a connection that may be trusted goes out, or `LogUnavailable` saying what is wrong
with the file and what to do. The settings are the difference between "committed" and "on the disk",
so those that matter are read back: with ``synchronous=NORMAL`` a power cut takes acknowledged
records with it. Records lie in the order in which they were written, whatever their partition, so
that a commit fills few pages; an index finds them by partition and offset.
"""

import os
from pathlib import Path

import apsw

from ingress.eventlog.port import LogUnavailable

# What SQLite says of a file that is not as it was written. The last: a table's name was hit.
DAMAGES = (apsw.CorruptError, apsw.NotADBError, apsw.SQLError)
APPLICATION_ID = 0x53474C47  # "SGLG", in the file's header: nothing else may pass for a log
SCHEMA_VERSION = 1
BUSY_MS = 5_000
PAGE_BYTES = 8_192  # an envelope takes some 2 KiB: measured, a third faster than 4 KiB pages
WAL_PAGES = 1_000  # 8 MiB: how far the write-ahead log grows before it is folded in
WAL_BYTES_KEPT = 64 * 1_048_576
_MAGIC = b"SQLite format 3\x00"
# One statement is kept for every number of rows that an insertion may have.
_STATEMENTS = 256
_FULL = 2  # what `PRAGMA synchronous` answers for FULL


class LogDamaged(LogUnavailable):
    """The file is not as it was written: no waiting mends it."""


Identity = tuple[tuple[int, int], ...]

_SCHEMA = """
CREATE TABLE IF NOT EXISTS partition (
    id INTEGER PRIMARY KEY,
    topic TEXT NOT NULL,
    number INTEGER NOT NULL,
    begin_offset INTEGER NOT NULL DEFAULT 0,  -- the oldest record kept, or the next one to come
    UNIQUE (topic, number)
) STRICT;
CREATE TABLE IF NOT EXISTS record (
    id INTEGER PRIMARY KEY,  -- in order of writing
    partition INTEGER NOT NULL REFERENCES partition (id),
    offset INTEGER NOT NULL,
    timestamp_ms INTEGER NOT NULL,
    key BLOB NOT NULL,
    value BLOB NOT NULL,
    headers TEXT NOT NULL,   -- JSON [[name, value]], each byte of a value as one character
    UNIQUE (partition, offset)
) STRICT;
CREATE TABLE IF NOT EXISTS advice (
    member_group TEXT NOT NULL,
    partition INTEGER NOT NULL REFERENCES partition (id),
    next_offset INTEGER NOT NULL,
    PRIMARY KEY (member_group, partition)
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS opening (count INTEGER NOT NULL) STRICT;
INSERT INTO opening SELECT 0 WHERE NOT EXISTS (SELECT 1 FROM opening);
"""


def open_writer(path: Path, *, suspect: bool = False) -> apsw.Connection:
    """Open the log for writing, making it if need be. Raises `LogUnavailable`.

    `suspect` says that a write failed before. The kernel may then hold pages that it will never
    write again, so the write-ahead log must be folded in and begun anew before anything follows.
    """
    try:
        _make(path)
        connection = _connect(path)
        try:
            _prepare(connection, path)
            _fold(connection, insist=suspect)
        except BaseException:
            connection.close()
            raise
        _sync_directory(path)
        return connection
    except (apsw.Error, OSError) as error:
        raise LogUnavailable(_explain(path, error)) from error


def files(path: Path) -> tuple[Path, Path]:
    """Return the files that hold a log's records: the database and its write-ahead log."""
    return path, path.with_name(path.name + "-wal")


def identity(files: tuple[Path, Path]) -> Identity:
    """Say which files are at a log's paths now. Raises `OSError` where one is missing."""
    found = [name.stat() for name in files]
    return tuple((each.st_dev, each.st_ino) for each in found)


def open_reader(path: Path) -> apsw.Connection:
    """Open an existing log for reading. Raises `LogUnavailable`."""
    try:
        connection = _connect(path)
        try:
            connection.set_busy_timeout(BUSY_MS)
            connection.execute("PRAGMA query_only = 1")
            _check_owner(connection, path)
        except BaseException:
            connection.close()
            raise
        return connection
    except DAMAGES as error:
        raise LogDamaged(_explain(path, error)) from error
    except apsw.Error as error:
        raise LogUnavailable(_explain(path, error)) from error


def damage(connection: apsw.Connection) -> str:
    """Return what is wrong inside the file; empty where nothing is."""
    try:
        found = connection.execute("PRAGMA quick_check(1)").fetchall()
    except DAMAGES as error:
        return str(error)
    return "" if found == [("ok",)] else str(found[0][0])


def frames(connection: apsw.Connection) -> int:
    """Return how many frames of the write-ahead log are right, as SQLite sees it."""
    return connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_NOOP)[0]


def _connect(path: Path) -> apsw.Connection:
    flags = apsw.SQLITE_OPEN_READWRITE
    return apsw.Connection(str(path), flags=flags, statementcachesize=_STATEMENTS)


def fold(connection: apsw.Connection) -> None:
    """Fold the write-ahead log into the file if nobody is in the way: done when idle."""
    _fold(connection, insist=False)


def _make(path: Path) -> None:
    """Create the file for its owner alone: it holds what customers paid, and how."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        head = os.read(descriptor, len(_MAGIC))
        if head and head != _MAGIC:
            raise LogUnavailable(f"{path} is not a SQLite file: choose another path for the log")
        if os.fstat(descriptor).st_mode & 0o077:
            os.fchmod(descriptor, 0o600)
    finally:
        os.close(descriptor)


def _prepare(connection: apsw.Connection, path: Path) -> None:
    connection.set_busy_timeout(BUSY_MS)
    if connection.pragma("schema_version") != 0:
        _check_owner(connection, path)
    if connection.pragma("user_version") > SCHEMA_VERSION:
        raise LogUnavailable(f"{path} was written by a newer version: upgrade this one")
    connection.pragma("page_size", PAGE_BYTES)
    connection.pragma("journal_mode", "wal")
    connection.pragma("synchronous", "full")
    if connection.pragma("journal_mode") != "wal" or connection.pragma("synchronous") != _FULL:
        raise LogUnavailable(f"{path} cannot be written durably: it needs a local file system")
    connection.pragma("wal_autocheckpoint", WAL_PAGES)
    connection.pragma("journal_size_limit", WAL_BYTES_KEPT)
    if wrong := damage(connection):
        raise LogUnavailable(f"{path} is damaged: {wrong}; restore it or move it away")
    connection.execute("BEGIN IMMEDIATE")
    connection.execute(_SCHEMA)
    connection.pragma("application_id", APPLICATION_ID)
    connection.pragma("user_version", SCHEMA_VERSION)
    # A write of no use to anybody but us: it fails here, now, if the disk takes none.
    connection.execute("UPDATE opening SET count = count + 1")
    connection.execute("COMMIT")


def _check_owner(connection: apsw.Connection, path: Path) -> None:
    if connection.pragma("application_id") != APPLICATION_ID:
        raise LogDamaged(f"{path} is another program's file, or empty: choose another path")


def _fold(connection: apsw.Connection, *, insist: bool) -> None:
    try:
        connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)
    except apsw.BusyError:
        if insist:
            raise


def _sync_directory(path: Path) -> None:
    """Make the file's name as durable as its content."""
    descriptor = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _explain(path: Path, error: Exception) -> str:
    if isinstance(error, apsw.NotADBError | apsw.CorruptError):
        return f"{path} is damaged or no SQLite file ({error}): restore it or move it away"
    if isinstance(error, apsw.FullError):
        return f"{path} cannot grow ({error}): make room on its disk"
    if isinstance(error, apsw.BusyError):
        return f"{path} is held by another process ({error}): wait, or stop that process"
    return f"{path} cannot be opened ({error}): check the path, its owner and its disk"
