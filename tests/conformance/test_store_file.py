"""What the store in one file does when the file is locked, foreign, damaged or cannot be written.

Nothing here is simulated: a real lock is held by another connection, a real write is refused by the
kernel, a real process is killed between two commits.
"""

import asyncio
import resource
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import apsw
import pytest

from consumers.store.connect import connect
from consumers.store.port import (
    Changes,
    Notice,
    Store,
    StoreUnavailable,
    WrongDatabase,
)
from consumers.store.sqlite import SqliteStore
from consumers.store.sqlite_connection import Lane
from tests.support.store_builders import (
    GROUP,
    PARTITION,
    PAYMENT,
    advance,
    apply,
    claimed,
    notice,
    saved,
)

ROOT = Path(__file__).parents[2]


async def test_a_sqlite_file_locked_by_another_is_unavailable(tmp_path: Path) -> None:
    """Past the busy timeout it is an outage like any other; and reading goes on meanwhile."""
    path = tmp_path / "store.db"
    store = SqliteStore(path, busy_timeout_ms=100)
    await store.open("sandbox")
    epoch = await claimed(store)
    other = apsw.Connection(str(path))
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreUnavailable, match="locked"):
        await advance(store, epoch, None, 1)
    with pytest.raises(StoreUnavailable, match="locked"):
        await store.delivered([1])
    assert await store.positions(GROUP) == {}
    other.execute("ROLLBACK")
    await advance(store, epoch, None, 1)
    other.close()
    await store.close()


async def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    """A wrong path must not be overwritten, nor be waited for as if it would get better."""
    path = tmp_path / "notes.txt"
    path.write_bytes(b"not a database, and dear to somebody\n" * 50)
    store = connect(f"sqlite://{path}")
    with pytest.raises(WrongDatabase, match="not a sound SQLite database"):
        await store.open("sandbox")
    await store.close()
    assert path.read_bytes().startswith(b"not a database")


async def test_somebody_elses_database_is_refused(tmp_path: Path) -> None:
    """The event log is a SQLite file too, and a slip of the configuration away."""
    path = tmp_path / "log.db"
    with apsw.Connection(str(path)) as other:
        other.execute("CREATE TABLE record (id INTEGER)")
    other.close()
    store = connect(f"sqlite://{path}")
    with pytest.raises(WrongDatabase, match="not the store's"):
        await store.open("sandbox")
    await store.close()


async def test_a_damaged_file_is_refused_at_opening(tmp_path: Path) -> None:
    """Better not to start than to serve payments from torn pages."""
    path = tmp_path / "store.db"
    store = connect(f"sqlite://{path}")
    await store.open("sandbox")
    await apply(store, Changes(notices=[notice(number) for number in range(500)]))
    await store.close()
    raw = bytearray(path.read_bytes())
    # The last pages hold notices: nothing that is read before somebody asks for them.
    raw[-3 * 4096 :] = b"\xff" * (3 * 4096)
    path.write_bytes(raw)
    damaged = connect(f"sqlite://{path}")
    with pytest.raises(WrongDatabase, match="restore a backup"):
        await damaged.open("sandbox")
    await damaged.close()


async def test_a_folder_that_cannot_be_written_is_unavailable(tmp_path: Path) -> None:
    """A mount that is late is not a reason to stay down once it is there."""
    (tmp_path / "folder").write_text("in the way")
    store = connect(f"sqlite://{tmp_path}/folder/store.db")
    with pytest.raises(StoreUnavailable):
        await store.open("sandbox")
    (tmp_path / "folder").unlink()
    await store.open("sandbox")
    await store.close()


async def test_the_files_are_their_owners_alone(tmp_path: Path) -> None:
    """Payments are nobody else's business on the machine, also in the file beside the file."""
    path = tmp_path / "var" / "store.db"
    store = connect(f"sqlite://{path}")
    await store.open("sandbox")
    await apply(store, Changes(notices=[notice(1)]))
    modes = {file.name: file.stat().st_mode & 0o777 for file in path.parent.iterdir()}
    await store.close()
    assert modes == dict.fromkeys(("store.db", "store.db-wal", "store.db-shm"), 0o600)
    path.chmod(0o644)
    again = connect(f"sqlite://{path}")
    await again.open("sandbox")
    await again.close()
    assert path.stat().st_mode & 0o777 == 0o600


async def test_a_commit_waits_for_the_disk(tmp_path: Path) -> None:
    """At synchronous=NORMAL the power takes committed rows with it, and SQLite says nothing."""
    store = SqliteStore(tmp_path / "store.db")
    await store.open("sandbox")
    found = await store._writer.run(lambda connection: connection.pragma("synchronous"))
    mode = await store._writer.run(lambda connection: connection.pragma("journal_mode"))
    await store.close()
    assert (found, mode) == (2, "wal")


async def test_a_disk_that_refuses_a_write_undoes_the_batch_and_may_recover(
    tmp_path: Path,
) -> None:
    """What was begun is gone, also if the caller goes on; then the file is opened anew."""
    store = connect(f"sqlite://{tmp_path}/store.db")
    await store.open("sandbox")
    await apply(store, Changes(payments=[saved()]))
    # More than the cache holds, so that pages are written before the commit is.
    big = [notice(number)._replace(value=bytes(2**20)) for number in range(80)]
    with pytest.raises(StoreUnavailable):
        await _write_past_a_full_disk(store, big)
    assert await store.notices_pending() == 0
    await apply(store, Changes(notices=big[:5]))
    assert await store.notices_pending() == 5
    assert await store.payment(PAYMENT) is not None
    await store.close()


async def test_a_commit_the_disk_refuses_is_undone(tmp_path: Path) -> None:
    """The last moment at which a batch can fail is the commit itself."""
    store = SqliteStore(tmp_path / "store.db")
    await store.open("sandbox")
    before = await store._writer.run(lambda connection: connection)
    small = [notice(number) for number in range(20_000)]
    with _file_size_limit(2**20), pytest.raises(StoreUnavailable):
        await apply(store, Changes(notices=small))
    assert await store.notices_pending() == 0
    await apply(store, Changes(notices=small))
    assert await store.notices_pending() == len(small)
    # After a failed fsync the kernel may call lost pages written: the old handle is not used again.
    assert await store._writer.run(lambda connection: connection) is not before
    await store.close()


async def test_a_batch_cancelled_twice_is_rolled_back(tmp_path: Path) -> None:
    """A second cancellation ends the waiting for the rollback, never the rollback itself."""
    store = connect(f"sqlite://{tmp_path}/store.db")
    await store.open("sandbox")
    big = [notice(number)._replace(value=bytes(2**16)) for number in range(2_000)]
    writing = asyncio.create_task(apply(store, Changes(notices=big)))
    await asyncio.sleep(0.02)
    for _ in range(3):
        writing.cancel()
        await asyncio.sleep(0)
    await asyncio.gather(writing, return_exceptions=True)
    assert writing.cancelled()
    await apply(store, Changes(notices=big[:1]))
    assert await store.notices_pending() == 1
    await store.close()


async def test_connections_that_open_one_new_file_at_once_all_open_it(tmp_path: Path) -> None:
    """Turning the write-ahead log on needs the file to itself, and SQLite does not wait for it."""
    for number in range(40):
        path = tmp_path / f"{number}.db"
        lanes = [Lane(path, 5000, writes=True) for _ in range(8)]
        await asyncio.gather(*(lane.run(lambda _: None) for lane in lanes))
        await asyncio.gather(*(lane.close() for lane in lanes))


async def test_a_killed_process_loses_no_committed_batch(tmp_path: Path) -> None:
    """SIGKILL comes between any two instructions; what was said to be committed is there."""
    path = tmp_path / "store.db"
    committed = await asyncio.to_thread(_kill_after, path, batches=40)
    store = connect(f"sqlite://{path}")
    await store.open("sandbox")
    position = (await store.positions(GROUP))[PARTITION]
    assert position >= committed >= 40
    assert await store.notices_pending() == position
    payments = await store.list_payments(10_000)
    assert len(payments) == position
    assert all(len(payment.facts) == 1 for payment in payments)
    await store.close()


def _kill_after(path: Path, *, batches: int) -> int:
    """Run a committing process and kill it; return how many batches it said were committed."""
    program = [sys.executable, "-m", "tests.support.store_committer", f"sqlite://{path}"]
    with subprocess.Popen(program, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        assert process.stdout is not None
        for _ in range(batches):
            process.stdout.readline()
        process.kill()
        return batches + len(process.stdout.readlines())


@contextmanager
def _file_size_limit(size_bytes: int) -> Iterator[None]:
    """Let the kernel refuse writes past a size: a real error from a real file system."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


async def _write_past_a_full_disk(store: Store, big: list[Notice]) -> None:
    async with store.transaction() as tx:
        with _file_size_limit(2**20), pytest.raises(StoreUnavailable):
            await tx.save(Changes(notices=big))
        # The transaction is gone: written now, this would be committed alone.
        with pytest.raises(StoreUnavailable):
            await tx.save(Changes(notices=big[:1]))
