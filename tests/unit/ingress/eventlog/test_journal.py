"""The journal's files: whose they are, what fills them, what breaks them, and what is left."""

import asyncio
import stat
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ingress.eventlog import embedded_writer, journal, journal_room
from ingress.eventlog.embedded import EmbeddedLog
from ingress.eventlog.journal_files import Directory
from ingress.eventlog.journal_room import Limits
from ingress.eventlog.journal_salvage import salvage
from ingress.eventlog.port import LogUnavailable, Partition, Position
from tests.support.disk import watched_disk
from tests.support.journals import MIB, TOPIC, Journaled, Place, message, until

ROOT = Path(__file__).parents[4]
CRASHED = 137
# Appends ten records with the log away, says so, and lets it back; ends at the step it is told.
CRASHING = """
import asyncio, os, sys
from pathlib import Path
from tests.support.journals import Place, message

step = sys.argv[2]

def end(passed):
    if passed == step and (step != "journal.appended" or one.counts.appended_ == 5):
        os._exit(137)

async def main():
    global one
    async with Place(Path(sys.argv[1]), checkpoint=end).journaled("dying", away=True) as one:
        for number in range(10):
            await one.publisher.publish(message(number, b"payment"))
            print(number, flush=True)
        one.behind.is_away = False
        await one.until_drained()
        await asyncio.sleep(30)  # the step after the last record is still to come

asyncio.run(main())
"""


@pytest.fixture
def place(tmp_path) -> Place:
    """Return a place for a journal and the log behind it."""
    return Place(tmp_path)


@pytest.fixture
def _soon(monkeypatch):
    """Try again at once, where in production a moment passes."""
    monkeypatch.setattr(journal, "RENEW_S", 0.05)
    monkeypatch.setattr(journal, "ADOPT_S", 0.05)
    monkeypatch.setattr(journal, "TEND_S", 0.02)
    monkeypatch.setattr(journal_room, "LOOK_S", 0.0)
    monkeypatch.setattr(embedded_writer, "IDLE_S", 0.05)


async def fill(one: Journaled) -> None:
    """Publish large records until one is refused."""
    for number in range(100):
        await one.publisher.publish(message(number, size=100_000))


async def crash(place: Place, step: str) -> list[bytes]:
    """Run a process that ends at a step; return what it acknowledged."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", CRASHING, str(place.base), step,
        cwd=ROOT, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    told, _ = await process.communicate()
    assert process.returncode == CRASHED
    return told.split()


@pytest.mark.slow
@pytest.mark.parametrize("step", ["journal.appended", "journal.published", "journal.trimmed"])
async def test_a_process_that_ends_at_any_step_leaves_duplicates_at_worst(place, step):
    """Fault 16: between an acknowledgement and its note lies a moment, and no record in it."""
    acknowledged = await crash(place, step)
    async with place.journaled("survivor") as one:
        await one.until_drained()
        found = await one.values()
        assert set(acknowledged) <= set(found)
        assert [v for n, v in enumerate(found) if v not in found[:n]] == sorted(set(found))


@pytest.mark.slow
@pytest.mark.usefixtures("_soon")
async def test_a_dead_worker_s_file_is_adopted_by_exactly_one_survivor(place):
    """Two survivors that send one file make duplicates for nothing; none that does is a loss."""
    async with place.journaled("a") as first, place.journaled("b") as second:
        acknowledged = await crash(place, "journal.appended")
        await until(lambda: len(first.files()) == 2)
        assert {file.name[0] for file in first.files()} == {"a", "b"}
        assert first.counts.drained_ + second.counts.drained_ >= len(acknowledged)
        assert set(acknowledged) <= set(await first.values())
        assert 0 in {first.counts.drained_, second.counts.drained_}


async def test_a_file_in_use_is_nobody_else_s(place):
    """Whoever is slow is not dead."""
    async with place.journaled("a", away=True) as one:
        await one.publisher.publish(message(1))
        assert Directory(place.directory).orphans() == []


async def test_everything_is_for_its_owner_alone(place):
    """The journal holds what customers paid, and to whom."""
    async with place.journaled(away=True) as one:
        await one.publisher.publish(message(1))
        modes = {stat.S_IMODE(name.stat().st_mode) for name in place.directory.iterdir()}
        assert modes == {0o600}
        assert stat.S_IMODE(place.directory.stat().st_mode) == 0o700


async def test_every_acknowledgement_follows_a_sync(place, tmp_path):
    """P1 is about the disk, and the journal is where it is kept while Kafka is away."""
    with watched_disk(tmp_path / "platter") as disk:
        async with place.journaled(away=True) as one:
            for number in range(10):
                before = len(disk.syncs)
                await one.publisher.publish(message(number))
                assert len(disk.syncs) > before


async def test_a_power_cut_loses_no_acknowledged_record(place, tmp_path):
    """Fault 14: only what was synced is on the platter."""
    with watched_disk(tmp_path / "platter"):
        async with place.journaled(away=True) as one:
            for number in range(50):
                await one.publisher.publish(message(number))
            (tmp_path / "platter").rename(tmp_path / "cut")
            (tmp_path / "platter").mkdir()
    after = Place(tmp_path / "after")
    (after.directory).mkdir(parents=True)
    for file in (tmp_path / "cut").glob("0-*"):
        file.rename(after.directory / file.name)
    async with after.journaled() as one:
        await one.until_drained()
        assert sorted(await one.values()) == sorted(b"%d" % number for number in range(50))


@pytest.mark.usefixtures("_soon")
async def test_a_full_journal_refuses_and_takes_again_when_there_is_room(place):
    """Full means 503, never a false 2xx; when it is drained it takes again, without a restart."""
    place.limits = Limits(2 * MIB, 0)
    async with place.journaled(away=True) as one:
        with pytest.raises(LogUnavailable, match="full") as refusal:
            await fill(one)
        stored = one.counts.appended_
        assert not refusal.value.is_unknown
        assert 5 < stored < 30
        assert one.publisher.state().is_full
        one.behind.is_away = False
        await one.until_drained()
        assert len(await one.values()) == stored
        one.behind.is_away = True
        await until(one.publisher.ready)
        await one.publisher.publish(message(1000))


@pytest.mark.usefixtures("_soon")
async def test_the_files_of_all_workers_count(place):
    """The disk is shared, so the limit is: many workers must not fill it one by one."""
    place.limits = Limits(2 * MIB, 0)
    async with place.journaled("a", away=True) as one, place.journaled("b", away=True) as other:
        for number in range(10):
            await one.publisher.publish(message(number, size=100_000))
        with pytest.raises(LogUnavailable, match="full"):
            await fill(other)
        assert other.counts.appended_ < 10


async def test_some_of_the_disk_is_left_for_others(place):
    """A journal that fills the disk takes the database and the log lines with it."""
    place.limits = Limits(256 * MIB, 1 << 60)
    async with place.journaled(away=True) as one:
        assert not one.publisher.ready()
        with pytest.raises(LogUnavailable, match="free_bytes_min"):
            await one.publisher.publish(message(1))


@pytest.mark.usefixtures("_soon")
async def test_a_failed_sync_acknowledges_nobody_and_a_new_file_takes_over(place, tmp_path):
    """After a failed fsync the file is only read: what it acknowledged before is still sent."""
    with watched_disk(tmp_path / "platter") as disk:
        async with place.journaled(away=True) as one:
            for number in range(10):
                await one.publisher.publish(message(number))
            [before] = one.files()
            disk.broken = True
            with pytest.raises(LogUnavailable):
                await one.publisher.publish(message(10))
            disk.broken = False
            await until(one.publisher.ready)
            await one.publisher.publish(message(11))
            assert before in one.files()
            assert len(one.files()) == 2
            one.behind.is_away = False
            await one.until_drained()
            assert {b"%d" % n for n in [*range(10), 11]} <= set(await one.values())
            assert not before.exists()


@pytest.mark.usefixtures("_soon")
async def test_a_directory_that_cannot_be_made_keeps_nothing_from_starting(place):
    """The log alone is enough on a good day; and the journal comes when its directory does."""
    place.directory.write_text("in the way")
    async with place.journaled() as one:
        assert (await one.publisher.publish(message(1))).offset >= 0
        one.behind.is_away = True
        assert not one.publisher.ready()
        with pytest.raises(LogUnavailable, match="cannot be used"):
            await one.publisher.publish(message(2))
        place.directory.unlink()
        await until(one.publisher.ready)
        await one.publisher.publish(message(3))


@pytest.mark.usefixtures("_soon")
async def test_a_large_file_is_followed_by_another(place, monkeypatch):
    """A file is deleted whole, so that room comes back while there is still much to send."""
    monkeypatch.setattr(journal, "SEGMENT_BYTES_MAX", MIB)
    async with place.journaled(away=True) as one:
        for number in range(60):
            await one.publisher.publish(message(number, b"payment", size=100_000))
            await asyncio.sleep(0.01)
        assert len(one.files()) > 2
        one.behind.is_away = False
        await one.until_drained()
        assert [value.rstrip(b"x") for value in await one.values()] == [
            b"%d" % n for n in range(60)
        ]
    # A look for files of the dead may still be under way, in a thread.
    await until(lambda: not list(place.directory.iterdir()))


async def test_what_a_crash_left_of_a_deletion_is_swept(place):
    """Sides and locks of no file are rubbish, and must not be taken for records."""
    place.directory.mkdir()
    for name in ("w-1.db-wal", "w-1.db-shm", "w-1.db.lock"):
        (place.directory / name).write_bytes(b"rubbish")
    async with place.journaled():
        pass
    assert list(place.directory.iterdir()) == []


async def written(place: Place, count: int) -> Path:
    """Leave a journal of so many records behind; return its file."""
    async with place.journaled("dead", away=True) as one:
        for number in range(count):
            await one.publisher.publish(message(number, size=300))
        [file] = one.files()
    return file


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> bytes:
    """Return the bytes of a journal of 200 records."""
    place = Place(tmp_path_factory.mktemp("whole"))
    return asyncio.run(written(place, 200)).read_bytes()


def whole_values() -> set[bytes]:
    """Return what the journal of 200 records carries."""
    return {message(number, size=300).value for number in range(200)}


@pytest.mark.parametrize("part", [0.02, 0.3, 0.5, 0.7, 0.95])
async def test_a_damaged_file_gives_what_is_whole_and_is_kept(tmp_path, whole, part):
    """Fault 15: it starts, it sends what can be read, it says so, and it deletes nothing."""
    place = Place(tmp_path)
    place.directory.mkdir()
    damaged = bytearray(whole)
    at = int(len(whole) * part)
    damaged[at : at + 8192] = bytes(8192)
    (place.directory / "dead-1.db").write_bytes(damaged)
    async with place.journaled() as one:
        await one.until_drained()
        values = set(await one.values())
        assert values <= whole_values()
        assert len(values) > 150
        assert one.counts.damaged_ >= 1
        assert (await one.publisher.publish(message(1000))).offset >= 0
    [kept] = [name for name in place.directory.iterdir() if ".damaged-" in name.name]
    assert kept.read_bytes() == bytes(damaged)


async def test_a_changed_byte_inside_a_record_is_found(tmp_path, whole):
    """SQLite sees nothing wrong; another amount in a verified event must not be published."""
    place = Place(tmp_path)
    place.directory.mkdir()
    (place.directory / "dead-1.db").write_bytes(whole.replace(b"100xxx", b"900xxx", 1))
    async with place.journaled() as one:
        await one.until_drained()
        assert set(await one.values()) == whole_values() - {message(100, size=300).value}
        assert one.counts.damaged_ == 1


@pytest.mark.slow
@pytest.mark.parametrize("at", [3, 20, 32 + 3 * 8216 + 5000, -8216 * 4])
async def test_a_damaged_write_ahead_log_is_noticed(place, at):
    """SQLite takes the first bad frame for the end; what was acknowledged after it is in there."""
    acknowledged = await crash(place, "journal.published")
    [file] = place.directory.glob("*.db")
    wal = file.with_name(file.name + "-wal")
    damaged = bytearray(wal.read_bytes())
    damaged[at] ^= 1
    wal.write_bytes(damaged)
    async with place.journaled() as one:
        await one.until_drained()
        assert one.counts.damaged_ >= 1
        assert set(acknowledged) <= set(await one.values())
    assert [name for name in place.directory.iterdir() if ".damaged-" in name.name]


@pytest.mark.parametrize("rubbish", [b"", b"not a database", b"SQLite format 3\x00" + bytes(500)])
async def test_what_is_no_journal_at_all_is_set_aside(tmp_path, rubbish):
    """Whatever lies in the directory, the edge starts."""
    place = Place(tmp_path)
    place.directory.mkdir()
    (place.directory / "dead-1.db").write_bytes(rubbish)
    async with place.journaled() as one:
        await until(lambda: one.counts.damaged_ == 1)
        assert (await one.publisher.publish(message(1))).offset >= 0


@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_whatever_happens_to_its_bytes_a_journal_gives_no_false_record(tmp_path, whole, data):
    """Bits flip, tails go missing, pages turn to zero: what comes out went in, or nothing."""
    damaged = bytearray(whole)
    for _ in range(data.draw(st.integers(1, 40))):
        at = data.draw(st.integers(0, len(damaged) - 1))
        damaged[at] ^= 1 << data.draw(st.integers(0, 7))
    del damaged[data.draw(st.integers(len(damaged) // 2, len(damaged))) :]
    file = tmp_path / "damaged.db"
    file.write_bytes(damaged)
    found = {one.value for one in salvage(file).messages}
    assert found <= whole_values()


def test_a_whole_file_is_salvaged_whole(tmp_path, whole):
    """What reads damaged files is itself right: it finds every record of a sound one."""
    (tmp_path / "whole.db").write_bytes(whole)
    found = salvage(tmp_path / "whole.db")
    assert [one.value.rstrip(b"x") for one in found.messages] == [b"%d" % n for n in range(200)]
    assert found.damaged == 0


async def test_large_records_are_salvaged_too(place):
    """A record that goes over many pages is put together again."""
    async with place.journaled(away=True) as one:
        for number in range(5):
            await one.publisher.publish(message(number, size=100_000))
        [file] = one.files()
        found = salvage(file)  # some of it is still in the write-ahead log
    assert [m.value for m in found.messages] == [message(n, size=100_000).value for n in range(5)]


def test_a_lock_that_was_got_too_late_is_the_lock_of_nothing(tmp_path):
    """Between opening a lock and getting it, its holder may have deleted the file and the lock."""
    directory = Directory(tmp_path)
    held = directory.claim("a", 1)
    held.path.write_bytes(b"")
    assert directory.orphans() == []
    held.delete()
    assert list(tmp_path.iterdir()) == []
    assert directory.orphans() == []


async def test_a_file_that_is_closed_while_it_is_being_opened_keeps_nobody_waiting(tmp_path):
    """One who drains waits for nothing else: a minute for no answer is a minute of backlog."""
    log = EmbeddedLog(tmp_path / "log.db")
    await log.ensure_topics({TOPIC: 1})
    await log.close()
    again = EmbeddedLog(tmp_path / "log.db")
    trimmed = asyncio.create_task(again.trim(Position(Partition(TOPIC, 0), 0)))
    await asyncio.sleep(0)
    await again.close()
    async with asyncio.timeout(10):
        with pytest.raises(LogUnavailable):
            await trimmed
