"""The timers: silence counts only where somebody listens, and everything is done once."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from consumers import timers as module
from consumers.exceptions import Code, subject_of
from consumers.facts import FactKind
from consumers.lifecycle import State
from consumers.moving import anomaly
from consumers.store.port import Cause, Changes, PaymentKey
from consumers.store.sqlite import SqliteStore
from tests.support import timed
from tests.support.timed import EXPIRE_AFTER_S, GRACE_S, Timed

KEY = PaymentKey("kobbopay", "main", "pay_1")
DAY_S = 86_400
DUE_S = EXPIRE_AFTER_S + GRACE_S


@pytest.fixture(name="bench")
async def _bench(tmp_path: Path) -> AsyncIterator[Timed]:
    store = SqliteStore(tmp_path / "store.db")
    await store.open(timed.ENVIRONMENT)
    bench = await timed.made(store, tmp_path)
    yield bench
    await store.close()
    await bench.log.close()


async def test_a_window_that_closed_without_money_expires_by_itself(bench: Timed) -> None:
    """A provider that sends no word of it would leave stock reserved for ever."""
    ends_ms = await bench.expect()
    bench.now_ms = ends_ms + 200_000
    await bench.settle()
    bench.now_ms = ends_ms + DUE_S * 1000 - 1
    await bench.timers.sweep()
    assert await bench.state() is State.PENDING
    bench.now_ms += 1
    await bench.timers.sweep()
    assert await bench.state() is State.EXPIRED
    [*_, move] = await bench.store.transitions(KEY)
    assert (move.cause, move.policy, move.event.provider) == (Cause.TIMER, "timed", "sealgate")
    [told] = [s for s in await bench.store.statements(KEY) if s.fact.kind is FactKind.EXPIRED]
    assert told.fact.at_ms == ends_ms + GRACE_S * 1000
    assert len(await bench.store.pending(10)) == 2
    assert bench.value("sealgate_payments_expired_total") == 1


async def test_nothing_expires_while_records_wait_to_be_applied(bench: Timed) -> None:
    """After a night's outage the money may be in the records that nobody has read yet."""
    ends_ms = await bench.expect()
    await bench.settle()
    bench.now_ms = ends_ms - 1000
    await bench.publish("paid", amount="10", currency="USDT", amount_received="10")
    bench.now_ms = ends_ms + DAY_S * 1000
    for _ in range(5):
        bench.now_ms += 200_000
        await bench.timers.sweep()
    assert await bench.state() is State.PENDING
    assert bench.value("sealgate_timers_frozen", reason="behind") == 1
    await bench.work()
    await bench.settle()
    assert await bench.state() is State.PAID
    assert bench.value("sealgate_timers_frozen", reason="behind") == 0


async def test_after_a_start_time_is_judged_only_once_the_rest_has_settled(bench: Timed) -> None:
    """Providers need a while to deliver what they could not while everything was down."""
    ends_ms = await bench.expect()
    bench.now_ms = ends_ms + DUE_S * 1000
    for _ in range(3):
        await bench.timers.sweep()
        assert bench.value("sealgate_timers_frozen", reason="settling") == 1
        assert await bench.state() is State.PENDING
        bench.now_ms += 40_000
    await bench.timers.sweep()
    assert await bench.state() is State.EXPIRED


async def test_a_log_that_was_away_begins_the_waiting_anew(bench: Timed, tmp_path: Path) -> None:
    """What was accepted meanwhile waits with the edges and is not on the log yet."""
    ends_ms = await bench.expect()
    await bench.settle()
    nowhere = tmp_path / "a-directory"
    nowhere.mkdir()
    log, bench.timers.keeping_up.log = bench.log, timed.EmbeddedLog(nowhere)
    bench.now_ms = ends_ms + DUE_S * 1000
    await bench.timers.sweep()
    assert bench.value("sealgate_timers_frozen", reason="away") == 1
    await bench.timers.keeping_up.log.close()
    bench.timers.keeping_up.log = log
    await bench.timers.sweep()
    assert await bench.state() is State.PENDING
    await bench.settle()
    assert await bench.state() is State.EXPIRED


async def test_a_machine_that_slept_begins_the_waiting_anew(bench: Timed) -> None:
    """A virtual machine that was stopped heard nothing either, and the log looks as it did."""
    ends_ms = await bench.expect()
    await bench.settle()
    bench.now_ms = ends_ms + DAY_S * 1000
    await bench.timers.sweep()
    assert await bench.state() is State.PENDING
    bench.now_ms += timed.SETTLE_S * 1000
    await bench.timers.sweep()
    assert await bench.state() is State.EXPIRED


async def test_money_from_inside_the_window_wins_however_late_its_word_comes(bench: Timed) -> None:
    """A provider redelivers for days; who paid in time has paid in time."""
    ends_ms = await bench.expect()
    bench.now_ms = ends_ms + DUE_S * 1000
    await bench.settle()
    assert await bench.state() is State.EXPIRED
    bench.now_ms = ends_ms - 1000
    await bench.tell("paid", amount="10", currency="USDT", amount_received="10")
    assert await bench.state() is State.PAID
    bench.now_ms = ends_ms + 2 * DUE_S * 1000
    await bench.timers.sweep()
    assert await bench.state() is State.PAID


async def test_two_processes_let_a_payment_expire_once(bench: Timed) -> None:
    """Two timers run during every deployment; downstream hears of it once."""
    ends_ms = await bench.expect()
    other = bench.made(CollectorRegistry())
    bench.now_ms = ends_ms + DUE_S * 1000
    await other.sweep()
    await bench.timers.sweep()
    bench.now_ms += 200_000
    await asyncio.gather(bench.timers.sweep(), other.sweep())
    assert [m.after for m in await bench.store.transitions(KEY)] == [State.PENDING, State.EXPIRED]
    assert len(await bench.store.pending(10)) == 2


async def test_a_payment_that_moved_since_it_was_read_does_not_expire(bench: Timed) -> None:
    """Between the read and the write there may be money; then there is nothing to state."""
    ends_ms = await bench.expect()
    stale = await bench.store.payment(KEY)
    assert stale is not None
    bench.now_ms = ends_ms - 1000
    await bench.tell("paid", amount="10", currency="USDT", amount_received="10")
    assert not await bench.timers._expire_one(stale, ends_ms)
    assert FactKind.EXPIRED not in {one.fact.kind for one in await bench.store.statements(KEY)}


async def test_a_sweep_lets_only_so_many_expire_and_the_next_goes_on(
    bench: Timed, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After an outage there may be a million; nobody else must starve meanwhile."""
    monkeypatch.setattr(module, "EXPIRED_MAX", 2)
    monkeypatch.setattr(module, "PAGE", 2)
    for number in range(5):
        ends_ms = await bench.expect(f"pay_{number}")
        bench.now_ms += 1
    bench.now_ms = ends_ms + DUE_S * 1000
    await bench.settle()
    done = []
    for _ in range(4):
        states = [await bench.state(f"pay_{number}") for number in range(5)]
        done.append(states.count(State.EXPIRED))
        await bench.timers.sweep()
    assert done == [2, 4, 5, 5]


async def test_a_payment_without_a_window_waits_for_nobody(bench: Timed) -> None:
    """An abandoned cart is no exception: nobody was promised anything, and nobody paid."""
    await bench.tell("pending", amount="10", currency="USDT")
    bench.now_ms += 30 * DAY_S * 1000
    await bench.settle()
    assert await bench.state() is State.PENDING
    assert await bench.codes() == []


async def test_a_payment_that_stays_paid_is_raised_once_and_gets_worse(bench: Timed) -> None:
    """Two hours: look at it today. A day: this shift. Two days: now."""
    await bench.tell("paid", amount="10", currency="USDT", amount_received="10")
    begun_ms = bench.now_ms
    await bench.settle()
    seen = []
    for hours in (1.9, 2.1, 3, 24.1, 25, 48.1, 100):
        bench.now_ms = begun_ms + int(hours * 3_600_000)
        await bench.settle()
        seen.append(await bench.codes())
    stuck = [[("STUCK_PAID", severity)] for severity in (3, 3, 2, 2, 1, 1)]
    assert seen == [[], *stuck]
    [item] = await bench.open()
    assert item.times == 3
    assert item.anomaly.at_risk == ("USDT", 10_000_000)
    assert "the limit is 7200 s" in item.anomaly.evidence
    assert item.anomaly.event is not None


async def test_an_exception_ends_when_the_payment_has_moved_on(bench: Timed) -> None:
    """Timing exceptions heal by themselves; a queue of what is over is not read."""
    await bench.tell("paid", amount="10", currency="USDT", amount_received="10")
    await bench.settle()
    bench.now_ms += 3 * 3_600_000
    await bench.settle()
    assert await bench.codes() == [("STUCK_PAID", 3)]
    await bench.tell("confirmed", amount="10", currency="USDT", amount_received="10")
    await bench.publish("pending", "another")
    await bench.timers.sweep()
    assert await bench.codes() == [("STUCK_PAID", 3)], "while behind, nothing is decided"
    await bench.work()
    await bench.settle()
    assert await bench.codes() == []


async def test_an_exception_of_the_provider_stays_until_the_payment_moves(bench: Timed) -> None:
    """A provider may know that a transfer is stuck long before our limit says so."""
    await bench.tell("paid", amount="10", currency="USDT", amount_received="10")
    said = anomaly(Code.STUCK_PAID, subject_of(KEY), "the provider's own alert", None, bench.now_ms)
    async with bench.store.transaction() as tx:
        await tx.save(Changes(anomalies=[said]))
    await bench.settle()
    assert await bench.codes() == [("STUCK_PAID", 3)]
    await bench.tell("confirmed", amount="10", currency="USDT", amount_received="10")
    await bench.timers.sweep()
    assert await bench.codes() == []


@pytest.mark.parametrize("reference", ["a/b/../c", "r" * 512, "支払い №1"])
async def test_an_exception_ends_whatever_the_payment_is_called(
    bench: Timed, reference: str
) -> None:
    """A long name is a digest in the queue: its event still says which payment it was."""
    money = {"amount": "10", "currency": "USDT", "amount_received": "10"}
    await bench.tell("paid", reference, **money)
    bench.now_ms += 3 * 3_600_000
    await bench.settle()
    assert await bench.codes() == [("STUCK_PAID", 3)]
    await bench.tell("confirmed", reference, **money)
    await bench.timers.sweep()
    assert await bench.codes() == []


async def test_nothing_is_raised_or_ended_while_behind_and_all_is_measured(bench: Timed) -> None:
    """The record that ends it may be on the log; the figure is true as far as it goes."""
    await bench.tell("paid", amount="10", currency="USDT", amount_received="10")
    begun_ms = bench.now_ms
    await bench.publish("confirmed", amount="10", currency="USDT", amount_received="10")
    bench.now_ms += 3 * 3_600_000
    await bench.settle()
    assert await bench.codes() == []
    at = {"provider": "kobbopay", "state": "Paid"}
    assert bench.value("sealgate_payments_stuck", **at) == 1
    assert bench.value("sealgate_payments_stuck_amount", asset="USDT", **at) == 10
    oldest = bench.value("sealgate_payments_oldest_stuck_timestamp_seconds", **at)
    assert oldest == begun_ms / 1000
    await bench.work()
    await bench.timers.sweep()
    assert bench.value("sealgate_payments_stuck", **at) == 0
    assert bench.value("sealgate_payments_stuck_amount", asset="USDT", **at) == 0
    assert bench.value("sealgate_payments_oldest_stuck_timestamp_seconds", **at) is None


async def test_a_store_that_is_away_leaves_no_figures_and_freezes(bench: Timed) -> None:
    """An old number that looks fresh is worse than none."""
    await bench.tell("paid", amount="10", currency="USDT", amount_received="10")
    bench.now_ms += 3 * 3_600_000
    await bench.settle()
    at = {"provider": "kobbopay", "state": "Paid"}
    assert bench.value("sealgate_payments_stuck", **at) == 1
    await bench.store.close()
    await bench.timers.sweep()
    assert bench.value("sealgate_payments_stuck", **at) is None
    assert bench.value("sealgate_timers_frozen", reason="away") == 1
