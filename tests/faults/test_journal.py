"""Faults 12 to 16: the disk under the journal is full, fails, loses power, is damaged; and crashes.

While Kafka is away the journal is all that stands behind a 2xx. So the broker is dead in each of
these tests while the disk is tried, and comes back for the reckoning.
"""

import asyncio
import contextlib
import random
import shutil
import signal
import subprocess
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import orjson
import pytest

from tests.faults import rules
from tests.faults.ground import Ground, journaled, metric
from tests.faults.rules import Bound
from tests.support.processes import CRASHED, Running
from tests.support.services import missing

pytestmark = [
    pytest.mark.fault,
    pytest.mark.slow,
    pytest.mark.kafka,
    pytest.mark.timeout(900),
    pytest.mark.usefixtures("kafka_installed"),
]

DISK_MB = 3
STEPS = ("journal.appended", "journal.published", "journal.trimmed")
PAGE_BYTES = 8192
DAMAGES = 12
# An acknowledged event that lies on a damaged page, with all its neighbours there.
LOST_PER_DAMAGE = 12


@pytest.fixture(name="journal")
async def _journal(place: Ground) -> Ground:
    """Make an environment with a journal, whose broker is not there."""
    place.policy = "journal"
    await place.start_kafka()
    await place.kill_kafka()
    return place


@pytest.fixture(name="small_disk")
def _small_disk(tmp_path: Path) -> Iterator[Path]:
    """Mount a disk of a few megabytes under the journal."""
    directory = tmp_path / "journal"
    directory.mkdir(mode=0o700)
    done = _mount("-t", "tmpfs", "-o", f"size={DISK_MB}m,mode=0700", "tmpfs", str(directory))
    if done.returncode:
        # No service that is absent: a right that a machine does not give.
        pytest.skip(f"no small disk can be mounted here: {done.stderr.decode().strip()}")
    yield directory
    subprocess.run(["umount", "--lazy", str(directory)], check=True)


def _mount(*words: str) -> "subprocess.CompletedProcess[bytes]":
    return subprocess.run(["mount", *words], capture_output=True, check=False)


async def test_a_full_disk_is_503_and_never_a_2xx_without_a_record(
    journal: Ground, small_disk: Path
) -> None:
    """What cannot be kept is not accepted; with room again, nobody restarts anything (fault 12)."""
    edge = await journal.serve()
    await journal.consume()
    world = await journal.deliver(300.0, body_bytes=8000)
    full_s = await _until_refused(world.history)
    # Now the edge's own reckoning is wrong: somebody else took what was left.
    with contextlib.suppress(OSError), (small_disk / "somebody-elses").open("wb", 0) as ballast:
        while True:
            ballast.write(bytes(4096))
    await asyncio.sleep(1.5)
    (small_disk / "somebody-elses").unlink()
    assert _mount("-o", "remount,size=64m", str(small_disk)).returncode == 0
    await _until_accepted(world.history)
    await journal.restart_kafka()
    report = await world.stop()
    journal.figures |= {"full_after_s": round(full_s, 2), "refused": report.refused}
    bounds = [
        Bound("events never accepted", report.unsettled, 0),
        Bound("answers but 2xx and 503", _odd(report.statuses), 0),
    ]
    assert await journal.judge(report, bounds) == []
    assert report.refused > 0
    assert edge.process.poll() is None


async def test_a_disk_that_fails_to_sync_gets_no_acknowledgement(journal: Ground) -> None:
    """After a failed fsync nobody knows what the disk has: not asked again, not believed (13)."""
    if shutil.which("strace") is None:
        missing("strace is not installed: nothing else makes a running disk fail")
    edge = await journal.serve()
    await journal.consume()
    world = await journal.deliver(300.0)
    await asyncio.sleep(1.5)
    async with _failing_syncs(edge):
        await asyncio.sleep(1.0)
        begin_ms = time.time_ns() // 1_000_000
        await asyncio.sleep(2.0)
        end_ms = time.time_ns() // 1_000_000
    accepted = [said for said in _lines(world.history, "ok") if begin_ms < said["at_ms"] < end_ms]
    await _until_accepted(world.history)
    await journal.restart_kafka()
    report = await world.stop()
    bounds = [
        Bound("acknowledged while no sync succeeded", len(accepted), 0),
        Bound("events never accepted", report.unsettled, 0),
    ]
    assert await journal.judge(report, bounds) == []
    assert report.refused > 0


@pytest.mark.thorough
@pytest.mark.parametrize("step", STEPS)
async def test_a_crash_at_any_step_of_the_journal_makes_duplicates_at_most(
    journal: Ground, step: str
) -> None:
    """Between Kafka's word and the journal's forgetting lies every crash there will be (16)."""
    edge = await journal.serve(environ={"SEALGATE_CRASH_AT": step})
    await journal.consume()
    world = await journal.deliver(300.0)
    await asyncio.sleep(1.5)
    await journal.restart_kafka()
    assert await asyncio.to_thread(edge.wait) == CRASHED, f"it never came to {step}"
    await journal.serve()
    await asyncio.sleep(1.5)
    report = await world.stop()
    bounds = [Bound("events never accepted", report.unsettled, 0)]
    assert await journal.judge(report, bounds) == []


async def test_a_power_cut_takes_nothing_from_the_journal(journal: Ground) -> None:
    """What SQLite had synced when the edge died is all there is, and all there need be (14)."""
    assert await _after_a_power_cut(journal, "platter") == set()


@pytest.mark.thorough
async def test_a_journal_that_does_not_sync_is_found_by_a_power_cut(journal: Ground) -> None:
    """The control of the power cut: without the fsync, acknowledged events are gone."""
    assert "L" in await _after_a_power_cut(journal, "fsync,platter")


async def _after_a_power_cut(place: Ground, broken: str) -> set[str]:
    """Fill a journal, cut the power, start again on what was synced; return the broken rules."""
    place.store_url = ""
    platter = place.directory / "platter"
    edge = await place.serve(broken=broken, environ={"FAULTS_PLATTER": str(platter)})
    world = await place.deliver(4.0, retries=False, rate_per_s=100.0)
    await asyncio.sleep(2.0)
    await asyncio.to_thread(edge.kill)
    report = await world.stop()
    assert report.acked > 50
    shutil.rmtree(place.directory / "journal")
    shutil.copytree(platter, place.directory / "journal")
    await place.restart_kafka()
    await place.serve()
    await place.rest()
    return {one.rule for one in rules.check(world.told(), await place.facts())}


@pytest.mark.thorough
async def test_a_copy_of_a_journals_file_doubles_no_effect(journal: Ground) -> None:
    """Somebody restored a backup beside the original: every record comes twice (fault 15)."""
    _, report = await _left_behind(journal)
    (file,) = (journal.directory / "journal").glob("*.db")
    for one in list(file.parent.glob(file.name + "*")):
        shutil.copyfile(one, one.with_name(one.name.replace(file.stem, f"restored-{file.stem}")))
    await journal.restart_kafka()
    await journal.serve()
    await _until_drained(journal.running[-1])
    assert await journal.judge(report) == []


@pytest.mark.parametrize(
    "kind",
    ["bits", *(pytest.param(kind, marks=pytest.mark.thorough) for kind in ("zeroes", "torn"))],
)
async def test_a_damaged_journal_gives_up_what_is_damaged_and_nothing_else(
    journal: Ground, kind: str
) -> None:
    """A disk that rots takes its pages; it must not take the start, or the neighbours (15)."""
    _, report = await _left_behind(journal)
    hits = _damage(journal.directory / "journal", kind, random.Random(journal.seed))
    await journal.restart_kafka()
    edge = await journal.serve()
    await _until_drained(edge)
    await journal.rest()
    told = {name: one for world in journal.worlds for name, one in world.told().items()}
    there = await journal.facts()
    logged = {one.event for one in there.logged}
    lost = rules.acknowledged(told) - logged
    journal.figures |= {"hits": hits, "lost_to_damage": len(lost)}
    remaining = {name: one for name, one in told.items() if name not in lost}
    assert rules.check(remaining, there) == []
    assert len(lost) <= hits * LOST_PER_DAMAGE
    assert len(logged) > report.acked // 3, "the neighbours were given up too"


async def _left_behind(place: Ground) -> "tuple[Running, object]":
    """Fill a journal, and kill its edge; return what the world saw."""
    edge = await place.serve()
    await place.consume()
    world = await place.deliver(3.0, retries=False)
    report = await world.report()
    assert await asyncio.to_thread(journaled, edge) > 200
    await asyncio.to_thread(edge.kill)
    return edge, report


def _damage(directory: Path, kind: str, dice: random.Random) -> int:
    """Damage the journal's files, and return at how many places."""
    hits = 0
    for path in [*directory.glob("*.db"), *directory.glob("*.db-wal")]:
        data = bytearray(path.read_bytes())
        if len(data) < 4 * PAGE_BYTES:
            continue
        if kind == "torn":
            del data[-PAGE_BYTES * 2 - 100 :]
            hits += 3
        for _ in range(0 if kind == "torn" else DAMAGES):
            # Past the first page: a file that is no database any more is another matter.
            at = dice.randrange(PAGE_BYTES, len(data) - PAGE_BYTES)
            if kind == "bits":
                data[at] ^= 1 << dice.randrange(8)
            else:
                page = at // PAGE_BYTES * PAGE_BYTES
                data[page : page + PAGE_BYTES] = bytes(PAGE_BYTES)
            hits += 2
        path.write_bytes(data)
    return hits


async def _until_drained(edge: Running) -> None:
    """Wait until an edge has sent what it found."""
    deadline = time.monotonic() + 60.0
    while await asyncio.to_thread(journaled, edge):
        assert time.monotonic() < deadline, "the journal is not drained"
        await asyncio.sleep(0.1)
    assert await asyncio.to_thread(metric, edge, "sealgate_journal_drained_total") > 0


async def _until_refused(file: Path) -> float:
    return await _until_said(file, "fail")


async def _until_accepted(file: Path) -> float:
    return await _until_said(file, "ok")


async def _until_said(file: Path, op: str) -> float:
    """Wait for the next answer of a kind in a history; return after how long."""
    began_s = time.monotonic()
    before = len(_lines(file, op))
    while len(_lines(file, op)) <= before + 20:
        assert time.monotonic() - began_s < 90.0, f"no {op} comes any more"
        await asyncio.sleep(0.1)
    return time.monotonic() - began_s


def _lines(file: Path, op: str) -> list[dict[str, int]]:
    """Read the lines of one kind from a history that is being written."""
    whole = file.read_bytes().rpartition(b"\n")[0].splitlines()
    mark = b'{"op":"%s"' % op.encode()
    lines = [orjson.loads(line) for line in whole if line.startswith(mark)]
    return [said for said in lines if said.get("code") != 401]


def _odd(statuses: dict[int, int]) -> int:
    return sum(n for code, n in statuses.items() if code // 100 != 2 and code != 503)


@contextlib.asynccontextmanager
async def _failing_syncs(edge: Running) -> AsyncIterator[None]:
    """Let every fsync of a running process fail."""
    calls = "fsync,fdatasync,sync_file_range,msync"
    tracer = await asyncio.create_subprocess_exec(
        "strace",
        *("-f", "-q", "-p", str(edge.process.pid), "-e", f"trace={calls}"),
        *("-e", f"inject={calls}:error=EIO", "-o", "/dev/null"),
        stderr=subprocess.PIPE,
    )
    try:
        await asyncio.sleep(0.5)
        if tracer.returncode is not None:
            assert tracer.stderr is not None
            pytest.skip(f"strace may not: {(await tracer.stderr.read()).decode().strip()}")
        yield
    finally:
        with contextlib.suppress(ProcessLookupError):
            tracer.send_signal(signal.SIGINT)
        await tracer.wait()
