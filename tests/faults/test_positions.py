"""Fault 25: the workers' place is gone from the log, or the log is not to be trusted.

Nothing is skipped in silence, and nothing is reset: the worker halts, says so, and stays; a human
gives the group another name, and what was applied before moves nothing when it comes again.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete

from ingress.contract import topics
from tests.faults import facts
from tests.faults.ground import PARTITIONS, Ground, is_ready, metric
from tests.faults.traffic import Report
from tests.support.processes import Running, get

pytestmark = [pytest.mark.fault, pytest.mark.slow, pytest.mark.timeout(600)]

GROUP, NEXT_GROUP = "sealgate-lifecycle", "sealgate-lifecycle-2"
PATIENCE_S = 60.0
# Longer than a heartbeat: a member is told that its topic is gone, and is assigned nothing.
AWAY_S = 3.0


@asynccontextmanager
async def _admin(bootstrap: str) -> AsyncIterator[AIOKafkaAdminClient]:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        yield admin
    finally:
        await admin.close()


async def _positions(place: Ground, group: str) -> dict[int, int]:
    assert place.database is not None
    topic = topics.verified(place.environment)
    rows = await place.database.rows(
        f"SELECT partition, next_offset FROM position"
        f" WHERE topic = '{topic}' AND group_name = '{group}'"
    )
    return {int(str(number)): int(str(offset or 0)) for number, offset in rows}


async def _halted(worker: Running, group: str = GROUP) -> None:
    """Wait until a worker says that it has halted: in its metric, its readiness and its log."""
    name = f'sealgate_consumer_halted{{group="{group}"}}'
    async with asyncio.timeout(PATIENCE_S):
        while not await asyncio.to_thread(metric, worker, name):
            await asyncio.sleep(0.1)
    status, told = await asyncio.to_thread(get, worker.admin_url + "/readyz?verbose")
    assert status == 503
    assert "docs/runbooks/position-lost.md" in told
    await asyncio.sleep(1.0)
    said = [line for line in worker.lines() if line["event"] == "worker_halted"]
    assert len(said) == 1, "once, and not for ever"
    assert worker.process.poll() is None


async def _begin(place: Ground, bootstrap: str) -> tuple[Running, Report]:
    """Deliver and apply for a while, and stop the worker."""
    worker, report = await _begin_and_stay(place, bootstrap)
    await asyncio.to_thread(worker.terminate)
    return worker, report


async def _begin_and_stay(place: Ground, bootstrap: str) -> tuple[Running, Report]:
    """Deliver and apply for a while; the worker lives on."""
    place.log_url = f"kafka://{bootstrap}?replication_factor=1"
    await place.serve()
    [worker, _] = await place.consume()
    report = await (await place.deliver(3.0, rate_per_s=60.0)).report()
    assert await place.judge(report) == []
    return worker, report


async def _resumed(place: Ground) -> None:
    """Do as the runbook says: another group, from the beginning of what there is."""
    place.settings["consumer"] = {"group": NEXT_GROUP}
    await place.start("consume")
    log = facts.opened(place.log_url)
    ends = await log.ends(topics.verified(place.environment))
    await log.close()
    async with asyncio.timeout(PATIENCE_S):
        while await _positions(place, NEXT_GROUP) != {p.number: end for p, end in ends.items()}:
            await asyncio.sleep(0.1)


@pytest.mark.kafka
async def test_a_worker_that_retention_has_passed_halts_and_resets_nothing(
    place: Ground, kafka_bootstrap: str
) -> None:
    """It was away for longer than the topic keeps records (fault 25)."""
    await _begin(place, kafka_bootstrap)
    report = await (await place.deliver(2.0, rate_per_s=60.0)).report()
    topic = topics.verified(place.environment)
    log = facts.opened(place.log_url)
    ends = {p.number: end for p, end in (await log.ends(topic)).items()}
    await log.close()
    before = await _positions(place, GROUP)
    async with _admin(kafka_bootstrap) as admin:
        await admin.delete_records(
            {TopicPartition(topic, n): RecordsToDelete(end - 1) for n, end in ends.items()}
        )
    worker = await place.start("consume")
    await _halted(worker)
    assert await _positions(place, GROUP) == before
    await asyncio.to_thread(worker.terminate)
    await _resumed(place)
    there = await place.facts()
    assert max(there.decided.values()) == 1
    assert report.acked > 50


@pytest.mark.kafka
@pytest.mark.thorough
async def test_a_topic_made_anew_halts_the_worker(place: Ground, kafka_bootstrap: str) -> None:
    """Somebody deleted it; its offsets begin again, and ours mean nothing (fault 25)."""
    await _begin(place, kafka_bootstrap)
    before = await _positions(place, GROUP)
    topic = topics.verified(place.environment)
    async with _admin(kafka_bootstrap) as admin:
        await admin.delete_topics([topic])
    worker = await place.start("consume")
    await _halted(worker)
    assert await _positions(place, GROUP) == before
    assert before


@pytest.mark.kafka
@pytest.mark.thorough
async def test_a_topic_made_anew_under_a_worker_halts_it(
    place: Ground, kafka_bootstrap: str
) -> None:
    """A member whose topic is gone holds nothing; it must hear that there is one again (25)."""
    worker, _ = await _begin_and_stay(place, kafka_bootstrap)
    before = await _positions(place, GROUP)
    topic = topics.verified(place.environment)
    async with _admin(kafka_bootstrap) as admin:
        await admin.delete_topics([topic])
    await asyncio.sleep(AWAY_S)
    log = facts.opened(place.log_url)
    await log.ensure_topics({topic: PARTITIONS})
    await log.close()
    await _halted(worker)
    assert await _positions(place, GROUP) == before


@pytest.mark.kafka
@pytest.mark.thorough
async def test_reading_everything_again_changes_nothing(
    place: Ground, kafka_bootstrap: str
) -> None:
    """What the runbook asks for is safe at any time (faults 23 and 25)."""
    await _begin(place, kafka_bootstrap)
    before = await place.facts()
    await _resumed(place)
    after = await place.facts()
    assert (after.decided, after.payments, after.moves) == (
        before.decided,
        before.payments,
        before.moves,
    )
    assert len(before.decided) > 50


@pytest.mark.kafka
async def test_an_edge_writes_nothing_to_topics_that_can_lose_it(
    place: Ground, kafka_bootstrap: str
) -> None:
    """One replica acknowledges from memory: without the operator's word it is no log (25)."""
    place.store_url = ""
    place.log_url = f"kafka://{kafka_bootstrap}?replication_factor=1"
    place.settings["log"] = {"accepts_unsafe_topics": False}
    edge = await place.start("serve")
    world = await place.deliver(2.0, rate_per_s=50.0, retries=False)
    report = await world.report()
    assert not await asyncio.to_thread(is_ready, edge)
    assert report.acked == 0
    assert (await place.facts()).logged == []
