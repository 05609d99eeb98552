"""Faults 17, 18, 19 and 23: consumers die, hang, come and go, and are told everything again.

Whatever becomes of a worker, what the edge acknowledged takes effect once: the database's own count
of verdicts says so.
"""

import asyncio
import random
import signal
import time
from collections.abc import Sequence
from contextlib import suppress
from itertools import count
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry
from typing_extensions import override

from consumers.apply import Applier
from consumers.metrics import WorkerFamilies, WorkerMetrics
from consumers.store.port import Claim
from consumers.store.sqlite import SqliteStore
from consumers.worker import Worker
from ingress import telemetry
from ingress.contract import topics
from ingress.eventlog.port import Message, Partition
from tests.faults import facts
from tests.faults.ground import Ground, metric
from tests.faults.rules import Bound
from tests.faults.traffic import Report
from tests.support.processes import Running

pytestmark = [pytest.mark.fault, pytest.mark.slow, pytest.mark.timeout(900)]

GROUP = "sealgate-lifecycle"
APPLYING = ("apply.begun", "apply.advanced", "apply.claimed", "apply.saved", "apply.committed")
RELAYING = ("relay.published", "relay.marked")
CRASHES, CRASHES_FULL = 2, 100
STORM_S, STORM_FULL_S = 8.0, 60.0
MEMBERS = 4
STANDSTILL_S = 10.0
PATIENCE_S = 60.0
FENCED = f'sealgate_consumer_fenced_total{{group="{GROUP}"}}'


# In full counts 500 processes start one after the other, beside 200 others.
@pytest.mark.timeout(2400)
async def test_consumers_killed_at_every_step_apply_and_tell_everything_once(
    place: Ground, *, is_full: bool
) -> None:
    """Between any two steps of a transaction, again and again, while events arrive (fault 17)."""
    place.log_url = f"embedded://{place.directory / 'log.db'}"
    await place.serve()
    assert place.database is not None
    await place.database.prepare(place.environment)
    times = CRASHES_FULL if is_full else CRASHES
    world = await place.deliver(2300.0, rate_per_s=30.0 if is_full else 60.0)

    async def crash(word: str, steps: Sequence[str]) -> None:
        for _ in range(times):
            for step in steps:
                await place.crash(word, step)

    await asyncio.gather(crash("consume", APPLYING), crash("relay", RELAYING))
    await place.start("consume")
    await place.start("relay")
    report = await world.stop()
    place.figures["crashes"] = times * (len(APPLYING) + len(RELAYING))
    unsettled = Bound("events never accepted", report.unsettled, 0)
    assert await place.judge(report, [unsettled]) == []
    assert report.acked > 200


@pytest.mark.kafka
@pytest.mark.thorough
async def test_consumers_killed_on_kafka_hand_their_partitions_over(
    place: Ground, kafka_bootstrap: str
) -> None:
    """The next worker waits for the dead one's session to end, and repeats nothing (fault 17)."""
    place.log_url = f"kafka://{kafka_bootstrap}?replication_factor=1"
    await place.serve()
    assert place.database is not None
    await place.database.prepare(place.environment)
    await place.start("relay")
    world = await place.deliver(900.0, rate_per_s=60.0)
    for step in APPLYING:
        await place.crash("consume", step)
    await place.start("consume")
    assert await place.judge(await world.stop()) == []


async def _zombie(place: Ground, bootstrap: str, *broken: str) -> tuple[Running, int, Report]:
    """Stop a worker with a batch in hand until another has applied everything; let it go on.

    Return it, and what the sum of the positions was when it woke up.
    """
    place.log_url = f"kafka://{bootstrap}?replication_factor=1"
    await place.serve()
    assert place.database is not None
    await place.database.prepare(place.environment)
    await place.start("relay")
    flag = place.directory / "freeze"
    zombie = await place.start(
        "consume", broken=",".join(("freeze", *broken)), environ={"FAULTS_FREEZE": str(flag)}
    )
    world = await place.deliver(4.0, rate_per_s=100.0)
    await asyncio.sleep(1.0)
    flag.touch()
    await _until_stopped(zombie)
    await place.start("consume")
    report = await world.report()
    await place.rest()
    before = await _applied(place)
    zombie.process.send_signal(signal.SIGCONT)
    return zombie, before, report


def _is_stopped(one: Running) -> bool:
    """Say whether the kernel holds a process."""
    return Path(f"/proc/{one.process.pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"


async def _until_stopped(one: Running) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not _is_stopped(one):
            await asyncio.sleep(0.05)


async def _moved_back(place: Ground) -> int:
    """Count how often a position was set back: others may have moved it on again since."""
    assert place.database is not None
    return len(await place.database.rows("SELECT * FROM fault_backwards"))


async def _applied(place: Ground) -> int:
    """Sum the positions up."""
    assert place.database is not None
    rows = await place.database.rows("SELECT next_offset FROM position")
    return sum(int(str(offset or 0)) for (offset,) in rows)


@pytest.mark.kafka
async def test_a_worker_that_wakes_up_with_an_old_batch_is_fenced(
    place: Ground, kafka_bootstrap: str
) -> None:
    """Its session ended long ago, and another owner has read on: nothing of it (fault 18)."""
    zombie, before, report = await _zombie(place, kafka_bootstrap)
    async with asyncio.timeout(PATIENCE_S):
        while not await asyncio.to_thread(metric, zombie, FENCED):
            await asyncio.sleep(0.1)
    assert await place.judge(report) == []
    assert await _applied(place) == before
    assert await _moved_back(place) == 0


@pytest.mark.kafka
@pytest.mark.thorough
async def test_without_the_fence_a_zombie_moves_the_positions_back(
    place: Ground, kafka_bootstrap: str
) -> None:
    """The control of the test above: it would be red (fault 18)."""
    zombie, _, _ = await _zombie(place, kafka_bootstrap, "fence")
    async with asyncio.timeout(PATIENCE_S):
        while not await _moved_back(place):
            await asyncio.sleep(0.05)
    assert await asyncio.to_thread(metric, zombie, FENCED) == 0


class SlowStore(SqliteStore):
    """A store whose claims take their time, and that notes them."""

    def __init__(self, path: Path, dice: random.Random) -> None:
        super().__init__(path)
        self._dice = dice
        self.claims = 0

    @override
    async def claim_partitions(self, group, partitions, owner) -> dict[Partition, Claim]:
        await asyncio.sleep(self._dice.uniform(0.0, 0.4))
        claims = await super().claim_partitions(group, partitions, owner)
        await asyncio.sleep(self._dice.uniform(0.0, 0.4))
        self.claims += len(claims)
        return dict(claims)


class _Members:
    """Four places for workers: every half a second to two somebody joins or leaves."""

    def __init__(self, place: Ground, store: SlowStore, dice: random.Random) -> None:
        self._place = place
        self._store = store
        self._dice = dice
        self._log = facts.opened(place.log_url)
        self._families = WorkerFamilies(CollectorRegistry())
        self._names = count()
        self._there: dict[int, tuple[Worker, asyncio.Task[None]]] = {}

    async def storm(self, seconds: float) -> int:
        """Come and go for a while, and then all leave; return how often somebody did."""
        until_s = time.monotonic() + seconds
        changes = 0
        while time.monotonic() < until_s:
            changes += 1
            await self._change(self._dice.randrange(MEMBERS))
            await asyncio.sleep(self._dice.uniform(0.5, 2.0))
        for number in list(self._there):
            await self._change(number)
        return changes

    async def close(self) -> None:
        """Let go of the log."""
        await self._log.close()

    async def stay(self) -> None:
        """Apply what is left."""
        await self._worker().run()

    async def _change(self, number: int) -> None:
        if number in self._there:
            worker, running = self._there.pop(number)
            worker.stop()
            await running
        else:
            worker = self._worker()
            self._there[number] = worker, asyncio.create_task(worker.run())

    def _worker(self) -> Worker:
        environment = self._place.environment
        return Worker(
            log=self._log,
            store=self._store,
            applier=Applier(self._store, environment, GROUP, telemetry.now_ms),
            metrics=WorkerMetrics(self._families, GROUP),
            clock=telemetry.now_ms,
            topic=topics.verified(environment),
            group=GROUP,
            owner=f"member-{next(self._names)}",
            batch_max=50,
            wait_s=0.2,
        )


async def _longest_standstill_s(place: Ground) -> float:
    """Watch the positions until cancelled; return the longest time without progress."""
    longest_s, moved_s, at = 0.0, time.monotonic(), -1
    try:
        while True:
            now = await _applied(place)
            if now != at:
                at, moved_s = now, time.monotonic()
            longest_s = max(longest_s, time.monotonic() - moved_s)
            await asyncio.sleep(0.2)
    except asyncio.CancelledError:
        return longest_s


@pytest.mark.kafka
async def test_members_that_come_and_go_all_the_time_still_get_on(
    place: Ground, kafka_bootstrap: str, slack: float, *, is_full: bool
) -> None:
    """Each assignment is claimed, slowly, before anything of it is applied (fault 19)."""
    place.log_url = f"kafka://{kafka_bootstrap}?replication_factor=1"
    await place.serve()
    assert place.database is not None
    await place.database.prepare(place.environment)
    await place.start("relay")
    dice = random.Random(place.seed)
    store = SlowStore(place.directory / "store.db", dice)
    await store.open(place.environment)
    world = await place.deliver(900.0, rate_per_s=60.0)
    members = _Members(place, store, dice)
    watching = asyncio.create_task(_longest_standstill_s(place))
    changes = await members.storm(STORM_FULL_S if is_full else STORM_S)
    staying = asyncio.create_task(members.stay())
    report = await world.stop()
    watching.cancel()
    standstill_s = await watching
    place.figures |= {"changes": changes, "claims": store.claims}
    place.figures["standstill_s"] = round(standstill_s, 1)
    try:
        bound = Bound("standstill, s", standstill_s, slack * STANDSTILL_S)
        assert await place.judge(report, [bound]) == []
    finally:
        staying.cancel()
        with suppress(asyncio.CancelledError):
            await staying
        await members.close()
        await store.close()
    assert store.claims > MEMBERS


async def test_everything_again_in_any_order_changes_nothing(place: Ground) -> None:
    """Duplicates by the dozen, shuffled, an hour later and with clocks off by ten minutes (23).

    The provider's own word for the time is in the body; ours is only told, never believed.
    """
    place.log_url = f"embedded://{place.directory / 'log.db'}"
    edge = await place.serve()
    [worker, relay] = await place.consume()
    world = await place.deliver(3.0, rate_per_s=60.0)
    report = await world.report()
    assert await place.judge(report) == []
    before = await place.facts()
    await asyncio.to_thread(edge.kill)
    await asyncio.to_thread(worker.kill)
    dice = random.Random(place.seed)
    log = facts.opened(place.log_url)
    topic = topics.verified(place.environment)
    known = await facts.records(log, topic)
    again = [one for one in known for _ in range(dice.randint(1, 4))]
    again += [dice.choice(known)] * 20
    dice.shuffle(again)
    publisher = log.publisher(deadline_s=PATIENCE_S)
    await publisher.start()
    # Each clock gets its half: a worker with nothing to read would prove nothing.
    for skew_ms, half in (("600000", again[::2]), ("-600000", again[1::2])):
        for one in half:
            await publisher.publish(Message(topic, one.key, one.value, one.headers))
        worker = await place.start("consume", broken="skew", environ={"FAULTS_SKEW_MS": skew_ms})
        await place.rest()
        await asyncio.to_thread(worker.kill)
    await publisher.stop()
    await log.close()
    after = await place.facts()
    assert (after.decided, after.payments, after.moves) == (
        before.decided,
        before.payments,
        before.moves,
    )
    assert len(after.logged) == len(before.logged) + len(again)
    assert relay.process.poll() is None
