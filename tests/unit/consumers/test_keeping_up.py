"""Whether silence is evidence: compared with a real log and a real store, by a clock held here."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from consumers.keeping_up import Frozen, _is_read
from consumers.store.port import Advance
from consumers.store.sqlite import SqliteStore
from ingress.eventlog.embedded import EmbeddedLog
from tests.support import timed
from tests.support.timed import GROUP, PARTITION, SETTLE_S, Timed


@pytest.fixture(name="bench")
async def _bench(tmp_path: Path) -> AsyncIterator[Timed]:
    store = SqliteStore(tmp_path / "store.db")
    await store.open(timed.ENVIRONMENT)
    bench = await timed.made(store, tmp_path)
    yield bench
    await store.close()
    await bench.log.close()


async def _look(bench: Timed, later_s: float = 0) -> Frozen | None:
    bench.now_ms += int(later_s * 1000)
    return await bench.timers.keeping_up.look()


async def test_an_empty_log_is_trusted_once_it_has_settled(bench: Timed) -> None:
    """A new installation has nothing to apply, and time goes on there too."""
    assert await _look(bench) is Frozen.SETTLING
    assert await _look(bench, SETTLE_S - 1) is Frozen.SETTLING
    assert await _look(bench, 1) is None
    assert await _look(bench, 1) is None


async def test_one_record_that_waits_begins_the_waiting_anew(bench: Timed) -> None:
    """Not the time since the start counts but the time since all was applied."""
    assert await _look(bench) is Frozen.SETTLING
    assert await _look(bench, SETTLE_S) is None
    await bench.publish("paid")
    assert await _look(bench, 1) is Frozen.BEHIND
    await bench.work()
    assert await _look(bench, 1) is Frozen.SETTLING
    assert await _look(bench, SETTLE_S) is None


async def test_a_log_or_a_store_that_was_away_begins_the_waiting_anew(
    bench: Timed, tmp_path: Path
) -> None:
    """What came meanwhile waits with the edges and the providers, and is not on the log yet."""
    assert await _look(bench) is Frozen.SETTLING
    assert await _look(bench, SETTLE_S) is None
    nowhere = tmp_path / "a-directory"
    nowhere.mkdir()
    log, bench.timers.keeping_up.log = bench.log, EmbeddedLog(nowhere)
    assert await _look(bench, 1) is Frozen.AWAY
    await bench.timers.keeping_up.log.close()
    bench.timers.keeping_up.log = log
    assert await _look(bench, 1) is Frozen.SETTLING
    assert await _look(bench, SETTLE_S) is None


async def test_a_place_beyond_the_log_is_no_place(bench: Timed) -> None:
    """The topic was made anew: nothing of what it holds was applied, whatever the number says."""
    claim = (await bench.store.claim_partitions(GROUP, [PARTITION], "us"))[PARTITION]
    async with bench.store.transaction() as tx:
        await tx.advance(GROUP, [Advance(PARTITION, claim.epoch, None, 99)])
    assert await _look(bench) is Frozen.BEHIND


async def test_a_batch_in_hand_is_not_behind(bench: Timed) -> None:
    """Under load there is always one: who had to find the log empty would never judge time."""
    await bench.publish("paid")
    bench.timers.keeping_up.patience_s = 30
    working = asyncio.create_task(_soon(bench))
    assert await _look(bench) is Frozen.SETTLING
    await working


async def _soon(bench: Timed) -> None:
    await asyncio.sleep(0.1)
    await bench.work()


@pytest.mark.parametrize(
    ("position", "begin", "end", "is_read"),
    [
        (None, 0, 0, True),  # nothing was ever there
        (None, 5, 5, True),  # nor is anything now
        (None, 0, 1, False),  # the group has never read, and there is something
        (7, 0, 7, True),
        (6, 0, 7, False),
        (8, 0, 7, True),  # written and applied since the end was read
        (3, 5, 5, False),  # retention took what was not read
    ],
)
def test_a_partition_is_read_only_to_its_end(
    position: int | None, begin: int, end: int, is_read: bool
) -> None:
    """Every way in which a position and a log can stand to each other."""
    assert _is_read(position, begin, end) is is_read
