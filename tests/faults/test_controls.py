"""Negative controls: with a protection switched off, the same fault must turn the checker red.

Each runs the gateway as `broken` makes it, under the traffic and the fault of the test that the
protection belongs to, and demands the violation that its absence must cause.
"""

import asyncio
import shutil

import pytest

from tests.faults import rules
from tests.faults.ground import Ground

pytestmark = [
    pytest.mark.fault,
    pytest.mark.slow,
    pytest.mark.timeout(600),
]


async def _broken_rules(place: Ground) -> set[str]:
    """Read what is there now, and name the rules that are broken."""
    told = {name: one for world in place.worlds for name, one in world.told().items()}
    return {violation.rule for violation in rules.check(told, await place.facts())}


@pytest.mark.kafka
@pytest.mark.usefixtures("kafka_installed")
async def test_an_answer_before_the_publish_is_found_by_killing_the_edge(place: Ground) -> None:
    """The oldest fault of all: 200 first, the log afterwards (controls 1, 3, 9)."""
    place.store_url = ""
    await place.start_kafka()
    edge = await place.serve(broken="ack-before-publish")
    assert place.kafka is not None
    world = await place.deliver(6.0, retries=False)
    await asyncio.sleep(1.5)
    # What is answered while the broker hangs is in memory alone.
    place.kafka.pause()
    await asyncio.sleep(1.0)
    await asyncio.to_thread(edge.kill)
    place.kafka.resume()
    await world.stop()
    assert "L" in await _broken_rules(place)


@pytest.mark.kafka
@pytest.mark.usefixtures("kafka_installed")
async def test_a_worker_that_claims_nothing_is_found_by_the_providers_retries(
    place: Ground,
) -> None:
    """Without the claim, every delivery of an event takes effect (controls 7, 9, 17, 23)."""
    await place.start_kafka()
    await place.serve()
    await place.consume(broken="claim")
    world = await place.deliver(4.0)
    await world.report()
    await place.rest()
    assert "D" in await _broken_rules(place)


async def test_a_commit_that_does_not_wait_for_the_disk_is_found_by_a_power_cut(
    place: Ground,
) -> None:
    """The page cache outlives a kill, and no power cut: the platter tells (controls 12, 13, 14)."""
    assert "L" in await _after_a_power_cut(place, "fsync,platter")


async def test_a_power_cut_takes_nothing_that_was_acknowledged(place: Ground) -> None:
    """What SQLite had synced when the edge died is all there is, and all there need be (14)."""
    assert await _after_a_power_cut(place, "platter") == set()


async def _after_a_power_cut(place: Ground, broken: str) -> set[str]:
    """Serve, cut the power under load, and return the rules that what is left breaks."""
    place.store_url = ""
    log, platter = place.directory / "log", place.directory / "platter"
    place.log_url = f"embedded://{log / 'log.db'}"
    edge = await place.serve(broken=broken, environ={"FAULTS_PLATTER": str(platter)})
    world = await place.deliver(120.0, retries=False, rate_per_s=100.0)
    await world.until_acked(150)
    await asyncio.to_thread(edge.kill)
    await world.stop()
    shutil.rmtree(log)
    shutil.copytree(platter, log)
    return await _broken_rules(place)
