"""A disk under the journal that fails for a while, and works again: every count comes to zero."""

import asyncio
import errno
import os
import threading

import pytest

from ingress.eventlog import (
    embedded_writer,
    journal,
    journal_files,
    journal_room,
    journal_segment,
)
from ingress.eventlog.embedded_file import LogDamaged
from ingress.eventlog.journal import Journal, Terms
from ingress.eventlog.journal_files import Directory
from ingress.eventlog.journal_segment import Segment
from ingress.eventlog.port import LogUnavailable
from tests.support.disk import watched_disk
from tests.support.journals import TOPICS, Counts, Place, message, until


@pytest.fixture
def place(tmp_path) -> Place:
    """Return a place for a journal and the log behind it."""
    return Place(tmp_path)


@pytest.fixture
def _soon(monkeypatch):
    """Try again soon; the file mends itself sooner than the journal makes another one."""
    monkeypatch.setattr(journal, "RENEW_S", 0.5)
    monkeypatch.setattr(journal, "TEND_S", 0.02)
    monkeypatch.setattr(embedded_writer, "IDLE_S", 0.02)
    monkeypatch.setattr(embedded_writer, "REOPEN_S", 0.02)


@pytest.mark.usefixtures("_soon")
async def test_a_file_whose_sync_failed_is_never_written_to_again(place, tmp_path):
    """What it failed to keep may be in it after all: counted twice or never, it stays for ever."""
    with watched_disk(tmp_path / "platter") as disk:
        async with place.journaled(away=True) as one:
            for number in range(10):
                await one.publisher.publish(message(number, b"payment"))
            [before] = one.files()
            size_bytes = before.stat().st_size
            disk.broken = True
            with pytest.raises(LogUnavailable):
                await one.publisher.publish(message(10, b"payment"))
            disk.broken = False
            await until(one.publisher.ready)
            await one.publisher.publish(message(11, b"payment"))
            assert [file for file in one.files() if file != before], size_bytes
            one.behind.is_away = False
            await until(lambda: not before.exists())
            await one.until_drained()
            assert one.publisher.state().records == 0
            assert {b"%d" % n for n in [*range(10), 11]} <= set(await one.values())


@pytest.mark.usefixtures("_soon")
async def test_files_that_cannot_be_made_leave_nothing_behind(place, monkeypatch):
    """A second's try for an hour of a bad disk would be thousands of locks, and open files."""
    plain, asked = journal_files.sync, []

    def sync(directory):
        asked.append(directory)
        if len(asked) < 4:
            raise OSError(errno.EIO, "the disk is broken")
        plain(directory)

    monkeypatch.setattr(journal, "RENEW_S", 0.02)
    monkeypatch.setattr(journal_files, "sync", sync)
    async with place.journaled(away=True) as one:
        await until(one.publisher.ready)
        await one.publisher.publish(message(1))
        [file] = one.files()
        assert [lock.name for lock in place.directory.glob("*.lock")] == [f"{file.name}.lock"]


async def test_a_file_that_is_being_made_when_we_are_told_to_stop_is_not_left(place, monkeypatch):
    """The thread that makes it goes on; nobody would know of its lock, and of its open file."""
    plain, making, go_on = journal_files.sync, threading.Event(), threading.Event()

    def sync(directory):
        if directory == place.directory:
            making.set()
            go_on.wait(10)
        plain(directory)

    monkeypatch.setattr(journal_files, "sync", sync)
    one = Journal(Terms(place.directory, "0", place.limits), Counts())
    opening = asyncio.create_task(one.open(TOPICS))
    await until(making.is_set)
    opening.cancel()
    await asyncio.wait({opening})
    closing = asyncio.create_task(one.close())
    await asyncio.sleep(0)
    go_on.set()
    await closing
    assert list(place.directory.iterdir()) == []


@pytest.mark.usefixtures("_soon")
async def test_a_file_that_cannot_be_begun_does_not_end_the_journal(place, monkeypatch, tmp_path):
    """Its removal fails too, on such a disk; whoever looks after the files must outlive both."""
    plain = journal_files.sync
    with watched_disk(tmp_path / "platter") as disk:

        def sync(directory):
            # One lock is the first file's; it is no claim that fails, but the removal after it.
            if disk.broken and len(list(directory.glob("*.lock"))) < 2:
                raise OSError(errno.EIO, "the disk is broken")
            plain(directory)

        monkeypatch.setattr(journal, "RENEW_S", 0.02)
        monkeypatch.setattr(journal_files, "sync", sync)
        async with place.journaled(away=True) as one:
            disk.broken = True
            with pytest.raises(LogUnavailable):
                await one.publisher.publish(message(1))
            tried = len(disk.syncs)
            await asyncio.sleep(0.2)
            assert one.running is not None
            assert not one.running.done(), tried
            disk.broken = False
            await until(one.publisher.ready)
            await one.publisher.publish(message(2))


@pytest.mark.usefixtures("_soon")
async def test_a_file_that_failed_and_is_damaged_too_is_counted_once(place, monkeypatch, tmp_path):
    """What is read of it is sent, and kept; counted twice, the journal would never be empty."""

    async def refresh(self):
        raise LogDamaged("a page is not what was written")

    monkeypatch.setattr(Segment, "refresh", refresh)
    with watched_disk(tmp_path / "platter") as disk:
        async with place.journaled(away=True) as one:
            for number in range(10):
                await one.publisher.publish(message(number, b"payment"))
            disk.broken = True
            with pytest.raises(LogUnavailable):
                await one.publisher.publish(message(10, b"payment"))
            disk.broken = False
            one.behind.is_away = False
            await until(lambda: _kept(place))
            assert one.publisher.state().records == 0


def _kept(place: Place) -> bool:
    return any(".damaged-" in name.name for name in place.directory.iterdir())


def test_a_file_that_is_let_go_of_twice_closes_no_other(tmp_path):
    """An end and a shutdown may meet; the number of a closed lock belongs to the next file."""
    held = Directory(tmp_path).claim("0", 1_700_000_000_000)
    number = held.lock
    held.release()
    another = os.open(tmp_path, os.O_RDONLY)
    try:
        assert another == number
        held.release()
        os.fstat(another)
    finally:
        os.close(another)


@pytest.mark.usefixtures("_soon")
async def test_a_file_that_cannot_be_read_now_is_read_later(place, monkeypatch):
    """A disk that answers with an error answers right the next time, or on another machine."""
    async with place.journaled("dead", away=True) as one:
        await one.publisher.publish(message(1))
    plain, asked = journal_segment.committed_frames, []

    def committed_frames(path):
        asked.append(path)
        if len(asked) < 3:
            raise OSError(errno.EIO, "the disk is broken")
        return plain(path)

    monkeypatch.setattr(journal_segment, "committed_frames", committed_frames)
    monkeypatch.setattr(journal, "ADOPT_S", 0.05)
    async with place.journaled() as one:
        await until(lambda: one.counts.drained_ == 1)
        assert await one.values() == [b"1"]


@pytest.mark.usefixtures("_soon")
async def test_a_damaged_file_that_cannot_be_read_now_is_read_later(place, monkeypatch):
    """Damage and a disk's error come together; neither may end the drain of all other files."""
    async with place.journaled("dead", away=True) as one:
        await one.publisher.publish(message(1))
    plain, asked = journal_segment.salvage, []

    def salvage(path):
        asked.append(path)
        if len(asked) < 3:
            raise OSError(errno.EIO, "the disk is broken")
        return plain(path)

    async def damaged(self):
        raise LogDamaged("a page is not what was written")

    monkeypatch.setattr(Segment, "open", damaged)
    monkeypatch.setattr(journal_segment, "salvage", salvage)
    monkeypatch.setattr(journal, "ADOPT_S", 0.05)
    async with place.journaled() as one:
        await until(lambda: one.counts.drained_ == 1)
        assert len(asked) == 3
        assert one.publisher.state().records == 0


def _delete(one):
    for file in one.files():
        file.unlink()


def _move(one):
    for file in one.files():
        file.rename(file.with_name("moved"))


def _move_directory(one):
    one.directory.rename(one.directory.with_name("moved"))


@pytest.mark.usefixtures("_soon")
@pytest.mark.parametrize("taken", [_delete, _move, _move_directory])
async def test_a_file_that_is_taken_away_keeps_nothing_behind_it_waiting(place, taken):
    """What was in it is gone from here, and is told; what came after is acknowledged too."""
    async with place.journaled(away=True) as one:
        for number in range(10):
            await one.publisher.publish(message(number, b"payment"))
        [before] = one.files()
        taken(one)
        with pytest.raises(LogUnavailable):
            await one.publisher.publish(message(10, b"payment"))
        await until(one.publisher.ready)
        await one.publisher.publish(message(11, b"payment"))
        if taken is not _move_directory:
            # Begun anew in its place: until then its write-ahead log is there, and can be sent.
            await until(lambda: before.exists() and before.stat().st_size > 0)
        one.behind.is_away = False
        await until(lambda: not one.publisher.state().records and one.counts.damaged_)
        assert b"11" in await one.values()
        assert one.counts.damaged_ == 10


@pytest.mark.usefixtures("_soon")
async def test_a_directory_that_goes_while_nothing_is_written_is_made_again(place, monkeypatch):
    """Its room cannot be looked at, so nothing is taken, and no write would ever find out."""
    monkeypatch.setattr(journal_room, "LOOK_S", 0.0)
    async with place.journaled(away=True) as one:
        for number in range(10):
            await one.publisher.publish(message(number, b"payment"))
        _move_directory(one)
        with pytest.raises(LogUnavailable, match="directory cannot be read"):
            await one.publisher.publish(message(10, b"payment"))
        await until(one.publisher.ready)
        await one.publisher.publish(message(11, b"payment"))
        one.behind.is_away = False
        await until(lambda: not one.publisher.state().records and one.counts.damaged_)
        assert await one.values() == [b"11"]
        assert one.counts.damaged_ == 10


@pytest.mark.parametrize("taken", [_delete, _move])
async def test_what_is_left_beside_a_file_that_is_taken_away_is_sent(place, taken, monkeypatch):
    """Its write-ahead log has what was acknowledged since it was folded in: here, everything."""
    monkeypatch.setattr(embedded_writer, "IDLE_S", 60.0)
    async with place.journaled(away=True) as one:
        for number in range(10):
            await one.publisher.publish(message(number, b"payment"))
        taken(one)
        with pytest.raises(LogUnavailable):
            await one.publisher.publish(message(10, b"payment"))
        one.behind.is_away = False
        await until(lambda: not one.publisher.state().records and one.counts.damaged_)
        assert {b"%d" % number for number in range(10)} <= set(await one.values())


@pytest.mark.usefixtures("_soon")
async def test_what_cannot_be_kept_aside_yet_stays_and_ends_nothing(place):
    """A disk without an inode left, or read-only by now, must not take the edge with it."""
    async with place.journaled(away=True) as one:
        await one.publisher.publish(message(1))
        obstacle = place.directory / "refused.lock"
        obstacle.mkdir()
        one.behind.lacks_topic = True
        one.behind.is_away = False
        await until(lambda: len(one.behind.published) > 1)
        assert one.publisher.state().records == 1
        obstacle.rmdir()
        await until(lambda: one.counts.refused_ == 1)
        await one.until_drained()


@pytest.mark.usefixtures("_soon")
async def test_a_file_of_the_dead_that_the_disk_does_not_give_ends_nothing(place, monkeypatch):
    """It would end every edge that is started beside it, until a person takes it away."""
    monkeypatch.setattr(journal, "ADOPT_S", 0.2)
    async with place.journaled(away=True) as one:
        await one.publisher.publish(message(1))
    [file] = place.directory.glob("*.db")
    wal = file.with_name(file.name + "-wal")
    wal.unlink(missing_ok=True)
    wal.mkdir()
    async with place.journaled("1") as one:
        await one.publisher.publish(message(2))
        await until(lambda: b"2" in _sent(one))
        wal.rmdir()
        await until(lambda: {b"1", b"2"} <= _sent(one))


def _sent(one):
    """Return what reached the log behind the journal."""
    return {sent.value for sent in one.behind.published}


@pytest.mark.usefixtures("_soon")
async def test_a_file_that_cannot_be_looked_at_is_followed_by_another(place, monkeypatch):
    """Whoever looks after the files outlives a directory that is closed to us for a while."""
    plain, asked = Segment.size_bytes, []

    def size_bytes(segment):
        asked.append(segment)
        if len(asked) < 4:
            raise PermissionError(errno.EACCES, "closed to us")
        return plain(segment)

    monkeypatch.setattr(journal, "RENEW_S", 0.02)
    monkeypatch.setattr(Segment, "size_bytes", size_bytes)
    async with place.journaled(away=True) as one:
        await until(lambda: len(asked) > 4)
        await one.publisher.publish(message(1))
        one.behind.is_away = False
        await one.until_drained()
        assert await one.values() == [b"1"]
