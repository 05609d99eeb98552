"""What only the embedded log can be asked: its file, its disk, its one writer."""

import asyncio
import os
import resource
import signal
import sqlite3
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import apsw
import pytest

from ingress.eventlog import embedded_subscription, embedded_writer
from ingress.eventlog.connect import connect
from ingress.eventlog.port import (
    LogUnavailable,
    MessageRefused,
    Partition,
    Position,
    PositionLost,
)
from tests.support.disk import watched_disk
from tests.support.eventlogs import PATIENCE_S, Ground, take, values

ROOT = Path(__file__).parents[2]
# Says the number of each record once it is acknowledged, and ends only by a signal.
WRITER = """
import asyncio, sys
from ingress.eventlog.connect import connect
from ingress.eventlog.port import Message

async def main(url, topic):
    log = connect(url)
    await log.ensure_topics({topic: 3})
    publisher = log.publisher(deadline_s=10.0)
    await publisher.start()

    async def write(first):
        number = first
        while True:
            await publisher.publish(Message(topic, b"k%d" % number, b"%d" % number))
            print(number, flush=True)
            number += 8

    await asyncio.gather(*map(write, range(8)))

asyncio.run(main(*sys.argv[1:]))
"""


@pytest.fixture
def file(tmp_path) -> Path:
    """Return the path of a log that is not there yet."""
    return tmp_path / "log.db"


@pytest.fixture
def ground(file) -> Ground:
    """Return an embedded log."""
    return Ground.at(f"embedded://{file}")


@contextmanager
def full_disk(bytes_max: int) -> Iterator[None]:
    """Let no file of this process grow beyond `bytes_max`: the kernel refuses the write."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (bytes_max, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@contextmanager
def held(file: Path) -> Iterator[None]:
    """Hold the file's write lock, as a copy or a second writer would."""
    other = apsw.Connection(str(file))
    other.execute("BEGIN IMMEDIATE")
    try:
        yield
    finally:
        other.execute("ROLLBACK")
        other.close()


@pytest.mark.slow
async def test_a_killed_writer_loses_no_acknowledged_record(ground):
    """P1: whatever was acknowledged before SIGKILL is read by the next process."""
    writer = await asyncio.create_subprocess_exec(
        sys.executable, "-c", WRITER, ground.url, ground.topic,
        cwd=ROOT, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    acknowledged = [int(await writer.stdout.readline()) for _ in range(500)]
    writer.send_signal(signal.SIGKILL)
    acknowledged += [int(line) for line in (await writer.stdout.read()).split(b"\n")[:-1]]
    await writer.wait()
    async with ground.log() as log:
        ends = await log.ends(ground.topic)
        async with ground.reading(log) as subscription:
            found = {int(v) for v in values(await take(subscription, sum(ends.values())))}
    assert set(acknowledged) <= found


@pytest.mark.slow
async def test_a_record_of_another_process_is_seen(ground):
    """On one machine the edge and a worker may be two processes with one file."""
    async with ground.log() as log, ground.reading(log) as subscription:
        writer = await asyncio.create_subprocess_exec(
            sys.executable, "-c", WRITER, ground.url, ground.topic,
            cwd=ROOT, stdout=asyncio.subprocess.DEVNULL,
        )  # fmt: skip
        try:
            assert len(await take(subscription, 20)) >= 20
        finally:
            writer.kill()
            await writer.wait()


async def test_every_acknowledgement_follows_a_sync(ground, tmp_path):
    """synchronous=FULL is really on: between asking and the answer the disk was told to sync."""
    with watched_disk(tmp_path / "platter") as disk:
        async with ground.log() as log, ground.publishing(log) as publisher:
            for _ in range(20):
                before = disk.syncs.count("log.db-wal")
                await publisher.publish(ground.message())
                assert disk.syncs.count("log.db-wal") > before


async def test_a_power_cut_loses_no_acknowledged_record(ground, tmp_path):
    """Only what was synced is on the platter; the log opened from it has every record."""
    with watched_disk(tmp_path / "platter"):
        async with ground.log() as log, ground.publishing(log) as publisher:
            positions = [
                await publisher.publish(ground.message(b"%d" % n, b"k%d" % n)) for n in range(100)
            ]
            (tmp_path / "platter").rename(tmp_path / "after")
            (tmp_path / "platter").mkdir()  # for what closing still syncs
    after = Ground(f"embedded://{tmp_path}/after/log.db", ground.topic)
    async with after.log() as log:
        for n, position in enumerate(positions):
            assert values(await log.read(position, 1)) == [b"%d" % n]


async def test_many_records_share_a_sync(ground, tmp_path):
    """Group commit: the disk's pace must not be the limit of every single delivery."""
    with watched_disk(tmp_path / "platter") as disk:
        async with ground.log() as log, ground.publishing(log) as publisher:
            before = len(disk.syncs)
            messages = [ground.message(b"%d" % n, b"k%d" % n) for n in range(2000)]
            await asyncio.gather(*map(publisher.publish, messages))
            assert len(disk.syncs) - before < 200


async def test_a_failed_sync_acknowledges_nobody_and_the_log_recovers(
    ground, tmp_path, monkeypatch
):
    """After a failed fsync the kernel has forgotten the pages: the file must be opened anew."""
    monkeypatch.setattr(embedded_writer, "REOPEN_S", 0.05)
    monkeypatch.setattr(embedded_writer, "IDLE_S", 0.05)
    with watched_disk(tmp_path / "platter") as disk:
        async with ground.log() as log, ground.publishing(log) as publisher:
            kept = await publisher.publish(ground.message(b"kept"))
            disk.broken = True
            outcomes = await asyncio.gather(
                *(publisher.publish(ground.message(b"%d" % n)) for n in range(50)),
                return_exceptions=True,
            )
            assert {type(outcome) for outcome in outcomes} == {LogUnavailable}
            assert not publisher.ready()
            with pytest.raises(LogUnavailable, match=r"failed|cannot be opened"):
                await publisher.publish(ground.message(b"not now"))
            with pytest.raises(LogUnavailable):
                await publisher.start()
            disk.broken = False
            await until_ready(publisher)
            again = await publisher.publish(ground.message(b"again"))
            assert values(await log.read(kept, 1)) == [b"kept"]
            assert values(await log.read(again, 1)) == [b"again"]


async def test_a_full_disk_refuses_and_recovers_when_there_is_room(ground, monkeypatch):
    """Full means 503, never a false 2xx, and nobody has to restart anything (P10)."""
    monkeypatch.setattr(embedded_writer, "REOPEN_S", 0.05)
    monkeypatch.setattr(embedded_writer, "IDLE_S", 0.05)
    async with ground.log() as log, ground.publishing(log) as publisher:
        kept = await publisher.publish(ground.message(b"kept"))
        with full_disk(4096):
            with pytest.raises(LogUnavailable):
                await publisher.publish(ground.message(b"x" * 100_000))
            assert not publisher.ready()
        await until_ready(publisher)
        assert await publisher.publish(ground.message(b"again"))
        assert values(await log.read(kept, 1)) == [b"kept"]


async def test_a_file_held_by_another_is_unavailable_within_the_deadline(ground, file):
    """A copy or a backup tool that holds the file must not hold the edge."""
    async with ground.log() as log, ground.publishing(log, deadline_s=0.3) as publisher:
        with held(file):
            async with asyncio.timeout(PATIENCE_S):
                with pytest.raises(LogUnavailable, match="in time"):
                    await publisher.publish(ground.message())
        async with ground.publishing(log) as patient:
            assert await patient.publish(ground.message())


async def test_a_full_queue_refuses_at_once(ground, file, monkeypatch):
    """Memory is bounded: when the disk stands still, waiting longer helps nobody."""
    monkeypatch.setattr(embedded_writer, "WAITING_MAX", 10)
    async with ground.log() as log, ground.publishing(log, deadline_s=PATIENCE_S) as publisher:
        with held(file):
            waiting = [publisher.publish(ground.message()) for _ in range(10)]
            await asyncio.sleep(0)
            with pytest.raises(LogUnavailable, match="queue is full"):
                await publisher.publish(ground.message())
        await asyncio.gather(*waiting)
        assert await publisher.publish(ground.message())


async def test_the_file_is_for_its_owner_alone(ground, file):
    """It holds payment data; a file that was left open to others is closed to them."""
    file.touch(mode=0o644)
    async with ground.log() as log, ground.publishing(log) as publisher:
        await publisher.publish(ground.message())
        modes = {stat.S_IMODE(path.stat().st_mode) for path in file.parent.glob("log.db*")}
    assert modes == {0o600}


async def test_a_file_that_is_not_ours_is_refused(ground, file):
    """A typing error in a path must not overwrite somebody's file."""
    file.write_bytes(b"name,amount\nsomebody,12\n" * 100)
    with pytest.raises(LogUnavailable, match="not a SQLite file"):
        async with ground.log():
            pass
    assert file.read_bytes().startswith(b"name,amount")


async def test_a_database_that_is_not_ours_is_refused(ground, file):
    """The consumers' own database lies in the same folder, with the same suffix."""
    with sqlite3.connect(file) as other:
        other.execute("CREATE TABLE payment (id TEXT)")
    other.close()
    with pytest.raises(LogUnavailable, match="another program's"):
        async with ground.log():
            pass


async def test_a_damaged_file_is_refused(ground, file):
    """A log that has lost pages must not be written on as if it were whole."""
    async with ground.log() as log, ground.publishing(log) as publisher:
        messages = [ground.message(bytes(1000), b"k%d" % n) for n in range(300)]
        await asyncio.gather(*map(publisher.publish, messages))
    with file.open("r+b") as damaged:
        damaged.seek(file.stat().st_size // 2)
        damaged.write(os.urandom(50_000))
    with pytest.raises(LogUnavailable, match="is damaged"):
        async with ground.log():
            pass


async def test_a_group_has_one_member_and_the_next_stands_by(ground):
    """Two members would each apply everything; the lock goes with the member, however it ends."""
    async with ground.log() as log, ground.log() as another:
        async with ground.reading(log, group="workers"):
            with pytest.raises(LogUnavailable, match="has a member"):
                async with ground.reading(another, group="workers"):
                    pass
            async with ground.reading(another, group="others"):
                pass
        async with ground.reading(another, group="workers"):
            pass


async def test_the_bell_rings_across_logs_of_one_process(ground, monkeypatch):
    """The all-in-one process opens the file once for the edge and once for the worker."""
    monkeypatch.setattr(embedded_subscription, "POLL_S", 10 * PATIENCE_S)
    async with (
        ground.log() as log,
        ground.log() as another,
        ground.publishing(log) as publisher,
        ground.reading(another) as subscription,
    ):
        waiting = asyncio.create_task(subscription.fetch(10, 10 * PATIENCE_S))
        await asyncio.sleep(0.2)
        await publisher.publish(ground.message(b"now"))
        async with asyncio.timeout(PATIENCE_S):
            assert values(await waiting) == [b"now"]


async def test_trimming_forgets_the_oldest_and_keeps_the_count(ground, file):
    """A journal drops what was sent; its offsets must go on, even over a restart, even empty."""
    async with ground.log() as log, ground.publishing(log) as publisher:
        positions = [await publisher.publish(ground.message(b"%d" % n)) for n in range(4)]
        partition = positions[0].partition
        await log.trim(positions[2])
        assert (await log.begins(ground.topic))[partition] == 2
        with pytest.raises(PositionLost):
            await log.read(positions[1], 1)
        assert values(await log.read(positions[2], 9)) == [b"2", b"3"]
        await log.trim(Position(partition, 1000))
    async with ground.log() as log, ground.publishing(log) as publisher:
        assert (await log.begins(ground.topic))[partition] == 4
        assert await publisher.publish(ground.message(b"4")) == Position(partition, 4)


async def test_advice_is_kept_for_those_who_ask(ground):
    """`sealgate` shows how far a group is, from the log alone."""
    async with ground.log() as log, ground.publishing(log) as publisher:
        position = await publisher.publish(ground.message())
        async with ground.reading(log, group="workers") as subscription:
            await subscription.advise([Position(position.partition, 1)])
        assert await log.advised(ground.topic, "workers") == {position.partition: 1}
        assert await log.advised(ground.topic, "others") == {}


async def test_a_log_that_is_not_there_is_unavailable(ground):
    """A reader must not make the file: it would stand before the writer with nothing in it."""
    log = connect(ground.url)
    with pytest.raises(LogUnavailable):
        await log.ends(ground.topic)
    with pytest.raises(LogUnavailable):
        await log.read(Position(Partition(ground.topic, 0), 0), 1)
    await log.close()


def test_sqlite_is_newer_than_its_corruption_bug():
    """Two connections to one WAL file corrupt it before 3.51.3 (trap 6)."""
    assert tuple(map(int, apsw.sqlite_lib_version().split("."))) >= (3, 51, 3)


async def until_ready(publisher) -> None:
    """Wait until the publisher has recovered by itself."""
    async with asyncio.timeout(PATIENCE_S):
        while not publisher.ready():
            await asyncio.sleep(0.02)


def _take_away(file: Path) -> None:
    file.unlink()


@pytest.mark.parametrize("suffix", ["", "-wal"])
async def test_files_that_were_taken_away_acknowledge_nothing_more(ground, file, suffix):
    """SQLite writes on into a file that no name leads to: nobody would ever read it again."""
    async with ground.log() as log, ground.publishing(log) as publisher:
        await publisher.publish(ground.message(b"kept"))
        _take_away(Path(f"{file}{suffix}"))
        with pytest.raises((LogUnavailable, MessageRefused)):
            await publisher.publish(ground.message(b"into nowhere"))
