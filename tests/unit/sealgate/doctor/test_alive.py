"""Whether anybody works, judged from what is left behind: by a real log and a real store."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from consumers.store.sqlite import SqliteStore
from sealgate.config import read
from sealgate.doctor.alive import Crew, Looking, calmer, manned
from sealgate.doctor.findings import Level
from sealgate.role import Role
from tests.support.eventlogs import from_the_oldest
from tests.support.timed import ENVIRONMENT, GROUP, TOPIC, Timed, made

HOUR_MS = 3_600_000


@pytest.fixture(name="shop")
async def _shop(tmp_path: Path) -> AsyncIterator[Timed]:
    store = SqliteStore(tmp_path / "store.db")
    await store.open(ENVIRONMENT)
    shop = await made(store, tmp_path)
    yield shop
    await shop.log.close()
    await store.close()


@pytest.fixture(name="looking")
def _looking(shop: Timed, tmp_path: Path) -> Looking:
    config = tmp_path / "sealgate.toml"
    config.write_text(f'environment = "{ENVIRONMENT}"\n[consumer]\ngroup = "{GROUP}"\n')
    return Looking(read(config, {}), shop.store, shop.log, shop.now_ms, again_s=0.5)


async def found(looking: Looking, role: Role, later_ms: int = 0) -> list[tuple[Level, str]]:
    """Look at one role, some time later."""
    now_ms = looking.now_ms + later_ms
    at = Looking(looking.configuration, looking.store, looking.log, now_ms, looking.again_s)
    return [(one.level, one.told) async for one in at.look([role])]


async def test_a_group_that_changes_hands_raises_no_alarm(shop: Timed, looking: Looking) -> None:
    """A worker that is restarted leaves its group empty for a moment, with records before it."""
    await shop.publish("pending")
    ((level, told),) = await found(looking, Role.WORKER)
    assert (level, told.startswith(f"nobody is in the group {GROUP}, and 1 record")) == (
        Level.FAIL,
        True,
    )
    subscription = shop.log.subscription(TOPIC, GROUP, from_the_oldest)
    looks = asyncio.create_task(found(looking, Role.WORKER))
    await asyncio.sleep(0.1)
    await subscription.start()
    assert await looks == [(Level.OK, f"{TOPIC} is read: 1 member in {GROUP}")]
    await subscription.stop()
    await shop.work()
    ((level, _),) = await found(looking, Role.WORKER)
    assert level is Level.WARN, "nothing waits for the dead"


@pytest.mark.parametrize(
    ("first", "again", "level"),
    [
        (Crew(0, 5), Crew(0, 5), Level.FAIL),
        (Crew(0, 5), Crew(2, 5), Level.OK),
        (Crew(1, 5), Crew(0, 5), Level.OK),
        (Crew(0, 5), Crew(0, 0), Level.WARN),
        (Crew(0, 0), Crew(0, 5), Level.WARN),
        (Crew(None, 5), Crew(None, 5), Level.WARN),
    ],
)
def test_two_looks_must_agree_on_what_is_wrong(first: Crew, again: Crew, level: Level) -> None:
    """A rebalance, and a record that came between the two, are no dead workers."""
    assert manned(TOPIC, GROUP, calmer(first, again)).level is level


async def test_a_notice_that_nobody_sends_is_told(shop: Timed, looking: Looking) -> None:
    """Goods wait for it, and its payment looks paid to everybody who asks."""
    await shop.tell("pending")
    well = (Level.OK, "no notice waits for longer than a minute")
    assert await found(looking, Role.RELAY, 60_000) == [well]
    ((level, told),) = await found(looking, Role.RELAY, 61_000)
    assert level is Level.FAIL
    assert told.startswith("the oldest notice has waited for 1 minute 1 second")
    drained = asyncio.create_task(found(looking, Role.RELAY, 61_000))
    await asyncio.sleep(0.1)
    (one,) = await shop.store.pending(10)
    await shop.store.delivered([one.sequence])
    assert await drained == [well], "it was on its way"


async def test_a_window_that_nobody_closes_is_told(shop: Timed, looking: Looking) -> None:
    """Stock is held for a customer who is long gone, and nothing else says so."""
    ends_ms = await shop.expect()
    # The end of the window, its usual grace, and an hour in which timers look sixty times.
    settings = looking.configuration.settings
    slack_ms = int((settings.consumer.expire_after_s + settings.consumer.settle_s) * 1000)
    late_ms = ends_ms - looking.now_ms + slack_ms + HOUR_MS
    ((level, _),) = await found(looking, Role.TIMERS, late_ms - 1)
    assert level is Level.OK
    config = looking.configuration.file
    patient = read(config, {"SEALGATE__POLICY__GRACE_S": "7200"})
    more = Looking(patient, shop.store, shop.log, looking.now_ms)
    ((level, _),) = await found(more, Role.TIMERS, late_ms + HOUR_MS)
    assert level is Level.OK, "the grace of the policy is waited for"
    ((level, told),) = await found(looking, Role.TIMERS, late_ms + HOUR_MS)
    assert (level, "still Pending: is `sealgate timers` running" in told) == (Level.WARN, True)
    await shop.publish("pending", "pay_2")
    ((level, _),) = await found(looking, Role.TIMERS, late_ms + HOUR_MS)
    assert level is Level.OK, "while records wait, nobody may say that no money came"


async def test_a_role_is_asked_for_nothing_of_the_others(shop: Timed, looking: Looking) -> None:
    """A relay's user may not ask who is in the workers' group, and needs not."""
    await shop.publish("pending")
    for role in (Role.EDGE, Role.FETCH, Role.MONITOR):
        assert await found(looking, role) == []
