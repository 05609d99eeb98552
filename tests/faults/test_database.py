"""Faults 20 and 21: the database is locked, is down, loses its power.

The edge notices nothing. The workers wait, keep their place in the group, bury nothing, and go on
from where the database is: the position and its effects are one transaction, whatever is lost.
"""

import asyncio
import shutil
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import apsw
import pytest

from tests.faults.ground import Ground, metric
from tests.faults.rules import Bound
from tests.support.postgres import FAST, PostgresServer
from tests.support.processes import Running

pytestmark = [pytest.mark.fault, pytest.mark.slow, pytest.mark.timeout(900)]

AWAY_S, AWAY_FULL_S = 5.0, 60.0
CUTS, CUTS_FULL = 1, 20
GROUP = "sealgate-lifecycle"
CLAIMS = f'sealgate_consumer_claims_total{{group="{GROUP}"}}'
PATIENCE_S = 60.0
RETRIES = f'sealgate_consumer_retries_total{{group="{GROUP}",of="store"}}'


@asynccontextmanager
async def _locked(place: Ground) -> AsyncIterator[None]:
    """Hold the writer's lock of the SQLite store."""
    file = apsw.Connection(str(place.directory / "store.db"))
    try:
        file.set_busy_timeout(10_000)
        await asyncio.to_thread(file.execute, "BEGIN IMMEDIATE")
        yield
        file.execute("ROLLBACK")
    finally:
        file.close()


async def _dead_letters(place: Ground) -> int:
    assert place.database is not None
    ((count,),) = await place.database.rows("SELECT count(*) FROM dead_letter")
    return int(str(count))


async def _until_applied(place: Ground) -> None:
    """Wait until something was applied: from then on there is a place in the group to keep."""
    assert place.database is not None
    async with asyncio.timeout(60):
        while not await place.database.rows("SELECT 1 FROM event LIMIT 1"):
            await asyncio.sleep(0.1)


@pytest.mark.kafka
async def test_a_locked_database_is_waited_for(
    place: Ground, kafka_bootstrap: str, *, is_full: bool
) -> None:
    """Somebody's long transaction: nothing is lost, buried, or asked for twice (fault 20)."""
    place.log_url = f"kafka://{kafka_bootstrap}?replication_factor=1"
    await place.serve()
    [worker, _] = await place.consume()
    world = await place.deliver(900.0, rate_per_s=60.0)
    await _until_applied(place)
    claims = await asyncio.to_thread(metric, worker, CLAIMS)
    async with _locked(place):
        await asyncio.sleep(AWAY_FULL_S if is_full else AWAY_S)
    report = await world.stop()
    kept = await asyncio.to_thread(metric, worker, CLAIMS) - claims
    bounds = [
        Bound("claims beyond the first", kept, 0),
        Bound("answers but 2xx", report.refused, 0),
        Bound("dead letters", await _dead_letters(place), 0),
    ]
    assert await place.judge(report, bounds) == []
    assert worker.process.poll() is None


@pytest.mark.postgres
@pytest.mark.kafka
async def test_a_database_that_dies_comes_back_to_the_same_story(
    place: Ground,
    kafka_bootstrap: str,
    postgres_server: Callable[..., PostgresServer],
    *,
    is_full: bool,
) -> None:
    """Stopped at once as by a power cut, with transactions open, and away (faults 20 and 21)."""
    server = postgres_server()
    place.log_url = f"kafka://{kafka_bootstrap}?replication_factor=1"
    place.store_url = server.url
    await place.serve()
    [worker, _] = await place.consume()
    world = await place.deliver(900.0, rate_per_s=60.0)
    await _until_claimed(worker)
    for cut in range(CUTS_FULL if is_full else CUTS):
        await asyncio.sleep(1.0)
        claims = await asyncio.to_thread(metric, worker, CLAIMS)
        await asyncio.to_thread(server.stop, signal.SIGQUIT)
        await asyncio.sleep(AWAY_FULL_S if is_full and not cut else 2.0)
        await asyncio.to_thread(server.start, **FAST)
    await _until_applied(place)
    report = await world.stop()
    bounds = [
        Bound("answers but 2xx", report.refused, 0),
        Bound("claims after the last cut", await _since(worker, claims), 0),
        Bound("dead letters", await _dead_letters(place), 0),
    ]
    assert await place.judge(report, bounds) == []
    assert await asyncio.to_thread(metric, worker, RETRIES) > 0


async def _until_claimed(worker: Running) -> None:
    """Wait until it has something to lose: a group waits for members that were killed before."""
    async with asyncio.timeout(PATIENCE_S):
        while not await asyncio.to_thread(metric, worker, CLAIMS):
            await asyncio.sleep(0.1)


async def _since(worker: Running, claims: float) -> float:
    """Count what was claimed since."""
    return await asyncio.to_thread(metric, worker, CLAIMS) - claims


async def test_a_power_cut_of_the_whole_machine_leaves_position_and_effects_agreeing(
    place: Ground, *, is_full: bool
) -> None:
    """Log and store lose what SQLite had not synced; what is left is one story (fault 21)."""
    node, platter = place.directory / "node", place.directory / "platter"
    node.mkdir()
    place.log_url = f"embedded://{node / 'log.db'}"
    place.store_url = f"sqlite://{node / 'store.db'}"
    assert place.database is not None
    await place.database.prepare(place.environment)
    shutil.copytree(node, platter)
    environ = {"FAULTS_PLATTER": str(platter)}
    await place.start("up", broken="platter", environ=environ)
    for _ in range(CUTS_FULL if is_full else CUTS):
        world = await place.deliver(120.0, retries=False, rate_per_s=80.0)
        await world.until_acked(100)
        await asyncio.to_thread(place.running[-1].kill)
        report = await world.stop()
        shutil.rmtree(node)
        shutil.copytree(platter, node, ignore=shutil.ignore_patterns(".*"))
        await place.start("up", broken="platter", environ=environ)
    assert await place.judge(report) == []
