"""Payments that nobody announced, of sources that expect first: kept until somebody does.

A webhook is no order (`lifecycle.md` R8 of the domain): money is not lost, and nothing moves on it.
"""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from consumers.keeping_up import KeepingUp
from consumers.lifecycle import State
from consumers.metrics import KeptMetrics
from consumers.parking import Parking
from consumers.policy import NO_POLICY
from consumers.refusals import WrongWords
from consumers.stating import KeyReused
from consumers.store.cases import PaymentFilter
from consumers.store.kept import Kept
from consumers.store.port import Cause, Judgement, Mark, Store
from consumers.voiding import void
from ingress.contract import topics
from ingress.eventlog.embedded import EmbeddedLog
from tests.support.audited import audit
from tests.support.kept import HOUR_MS, PAY_1, Member, event
from tests.support.replayed import OLD
from tests.support.store_told import RIM

PENDING = event("pending", amount="10", currency="USDT")
PAID = event("paid", amount="10", currency="USDT")
UNDERPAID = event("underpaid", amount="10", currency="USDT")
CONFIRMED = event("confirmed", amount="10", currency="USDT")
# 5 s, 30 s, 2 min, 10 min and 1 h, added up by hand: 1 h 12 min 35 s.
PATIENCE_MS = 4_355_000


async def test_an_event_about_a_payment_nobody_announced_is_parked(store: Store) -> None:
    """Its facts are kept, no state is written, and nobody downstream hears of it."""
    member = Member(store)
    assert await member.verdicts(PAID) == ["parked_no_payment"]
    found = await member.payment()
    assert (found.kept, found.version) == (Kept.PARKED, 0)
    assert found.facts
    assert await store.transitions(PAY_1) == []
    assert (await member.notices(), await member.open()) == (0, set())
    assert await store.counts() == []
    assert await store.cases.lines(PaymentFilter(), None, 10) == []
    assert len(await store.cases.lines(PaymentFilter(state="Parked"), None, 10)) == 1


async def test_an_announcement_weighs_what_was_parked_at_once(store: Store) -> None:
    """The merchant's backend may be slower than the provider: one move, one notice, one state."""
    member = Member(store)
    await member.apply(PAID, CONFIRMED)
    done = await member.expect()
    assert done.transition is not None
    assert (done.transition.before, done.transition.after) == (None, State.CONFIRMED)
    found = await member.payment()
    assert (found.state, found.version, found.kept) == (State.CONFIRMED, 1, None)
    assert await member.notices() == 1


@pytest.mark.parametrize("is_backwards", [False, True])
@pytest.mark.parametrize("place", [0, 1, 2])
async def test_an_announcement_counts_the_same_before_between_and_after(
    store: Store, place: int, *, is_backwards: bool
) -> None:
    """Which of the two was faster must decide nothing: neither the state nor what is open."""
    member = Member(store)
    events = [PENDING, UNDERPAID]
    if is_backwards:
        events.reverse()
    await member.apply(*events[:place])
    await member.expect()
    await member.apply(*events[place:])
    found = await member.payment()
    codes = {code for code, _ in await member.open()}
    assert (found.state, codes) == (State.UNDERPAID, {"AMOUNT_UNDER"})


async def test_a_parked_event_that_comes_again_is_claimed_once(store: Store) -> None:
    """A provider repeats itself for days: the second delivery is a duplicate, parked or not."""
    member = Member(store)
    assert await member.verdicts(PAID, PAID) == ["parked_no_payment", "duplicate_delivery"]
    assert await member.verdicts(PAID) == ["duplicate_delivery"]
    before = await member.payment()
    await member.apply(CONFIRMED)
    assert before.facts < (await member.payment()).facts


async def test_the_same_announcement_again_does_nothing_and_another_is_refused(
    store: Store,
) -> None:
    """A backend that is not sure sends it again; one that changes the price must say so."""
    member = Member(store)
    await member.expect()
    assert (await member.expect()).is_repeat
    with pytest.raises(KeyReused):
        await member.expect(11_000_000)
    assert (await member.payment()).version == 1
    assert not (await member.expect(11_000_000, key="price-2")).is_repeat


async def test_an_announcement_of_nothing_is_refused(store: Store) -> None:
    """A price of zero would be met by no money at all."""
    with pytest.raises(WrongWords, match="more than nothing"):
        await Member(store).expect(0)
    assert await store.payment(PAY_1) is None


async def test_a_source_that_does_not_expect_makes_its_payments_known(store: Store) -> None:
    """The default: a gateway has no call of its own that creates payments."""
    member = Member(store, NO_POLICY)
    assert await member.verdicts(PAID) == ["applied"]


async def test_what_was_parked_counts_when_the_source_expects_no_more(store: Store) -> None:
    """A setting that is taken back must not leave money where nobody looks."""
    await Member(store).apply(PAID)
    member = Member(store, NO_POLICY)
    assert await member.verdicts(CONFIRMED) == ["applied"]
    found = await member.payment()
    assert (found.state, found.version) == (State.CONFIRMED, 1)


async def test_a_void_event_of_a_parked_payment_moves_nothing(store: Store) -> None:
    """Nobody was told of a state, so none is corrected; the announcement weighs what is left."""
    member = Member(store)
    await member.apply(PAID, CONFIRMED)
    keys = [one.event.key for one in await store.events(PAY_1)]
    assert len(keys) == 2
    marks = [Mark(key, Judgement.VOID, "leaked", "kim", member.now_ms) for key in keys]
    await void(store, marks, RIM)
    assert await store.transitions(PAY_1) == []
    await member.expect()
    assert (await member.payment()).state is State.PENDING


async def test_parked_facts_are_in_the_audit_chain(store: Store, store_url: str) -> None:
    """Money that nobody announced is money: nobody changes it unseen."""
    member = Member(store)
    await member.apply(PAID)
    assert (await audit(store)).problems == []
    await member.expect(address="0xA", memo="17")
    assert (await audit(store)).problems == []


def looking(member: Member, registry: CollectorRegistry, log: EmbeddedLog) -> Parking:
    """Look after what is parked in the member's store, by its clock and under its policy."""
    return Parking(
        member.store,
        KeepingUp(
            log,
            member.store,
            topics.verified("sandbox"),
            "nobody",
            120,
            uptime=lambda: member.now_ms / 1000,
            patience_s=0,
        ),
        "sandbox",
        member.policy,
        KeptMetrics.parked(registry),
        1.0,
        lambda: member.now_ms,
    )


@pytest.fixture(name="log")
async def _log(tmp_path: Path) -> AsyncIterator[EmbeddedLog]:
    log = EmbeddedLog(tmp_path / "log.db")
    await log.ensure_topics({topics.verified("sandbox"): 1})
    yield log
    await log.close()


async def test_after_the_last_wait_somebody_is_called_and_the_announcement_ends_it(
    store: Store, log: EmbeddedLog
) -> None:
    """A backend that forgot a payment is found, once, and not while the log is not read."""
    member, registry = Member(store), CollectorRegistry()
    parking = looking(member, registry, log)
    await member.apply(PAID)
    begin_ms = member.now_ms
    for at_ms in (*range(0, PATIENCE_MS, 500_000), PATIENCE_MS):
        member.now_ms = begin_ms + at_ms
        await parking.look()
    assert await member.open() == set()
    # Beyond it, and the machine slept since: nothing is judged before all has settled.
    member.now_ms += 601_000
    await parking.look()
    assert await member.open() == set()
    for _ in range(3):
        member.now_ms += 120_000
        await parking.look()
    [item] = await store.list_anomalies(10)
    assert (item.anomaly.code, item.anomaly.severity, item.times) == ("UNKNOWN_PAYMENT", 2, 1)
    assert item.anomaly.at_ms == begin_ms + PATIENCE_MS + 721_000
    assert item.anomaly.at_risk is not None
    assert item.anomaly.at_risk.amount == 10_000_000
    assert registry.get_sample_value("sealgate_payments_parked", {"provider": "kobbopay"}) == 1
    await member.expect()
    assert await member.open() == set()
    await parking.look()
    assert registry.get_sample_value("sealgate_payments_parked", {"provider": "kobbopay"}) is None


# When an event parked at 12:00:00 is weighed again, worked by hand: 5 s, 30 s, 2 min, 10 min, 1 h.
@pytest.mark.parametrize(
    ("clock", "is_weighed"),
    [
        ("12:00:05", False),
        ("12:00:06", True),
        ("12:00:35", False),
        ("12:00:36", True),
        ("12:02:35", False),
        ("12:02:36", True),
        ("12:12:35", False),
        ("12:12:36", True),
        ("13:12:35", False),
        ("13:12:36", True),
        ("15:00:00", False),
    ],
)
async def test_what_is_parked_is_weighed_again_at_its_ages_and_not_between(
    store: Store, log: EmbeddedLog, clock: str, *, is_weighed: bool
) -> None:
    """A setting is taken back while others go on by the old one: no money waits for an event."""
    member = Member(store)
    begin_ms = member.now_ms
    now_ms = begin_ms + _since_noon_ms(clock)
    member.policy = NO_POLICY
    parking = looking(member, CollectorRegistry(), log)
    # The process has looked until a second before, and was never behind.
    for at_ms in (*range(begin_ms - 200_000, now_ms - 1_000, 500_000), now_ms - 1_000):
        member.now_ms = at_ms
        await parking.look()
    # A worker that was not restarted yet.
    await Member(store, now_ms=begin_ms).apply(PAID)
    member.now_ms = now_ms
    await parking.look()
    found = await member.payment()
    assert found.version == int(is_weighed)


async def test_a_start_weighs_all_that_was_parked_and_is_expected_no_more(
    store: Store, log: EmbeddedLog
) -> None:
    """Money of last week whose provider is done talking must not wait for an event of it."""
    await Member(store).apply(PAID, CONFIRMED)
    member = Member(store, NO_POLICY)
    parking = looking(member, CollectorRegistry(), log)
    member.now_ms += 7 * 24 * HOUR_MS
    await parking.look()
    member.now_ms += 119_000
    await parking.look()
    assert (await member.payment()).kept is Kept.PARKED, "frozen: nothing has settled"
    member.now_ms += 1_000
    await parking.look()
    found = await member.payment()
    assert (found.state, found.version, found.kept) == (State.CONFIRMED, 1, None)
    [move] = await store.transitions(PAY_1)
    assert (move.before, move.cause, move.event.provider) == (None, Cause.TIMER, "kobbopay")
    assert move.mapping == OLD
    assert await member.notices() == 1
    assert await member.open() == set()
    assert (await audit(store)).problems == []
    await parking.look()
    assert (await member.payment()).version == 1


async def test_what_came_to_its_age_while_nothing_was_judged_is_weighed_afterwards(
    store: Store, log: EmbeddedLog
) -> None:
    """An outage over the last of its ages must not leave it parked for ever."""
    member = Member(store, NO_POLICY)
    parking = looking(member, CollectorRegistry(), log)
    for _ in range(2):
        await parking.look()
        member.now_ms += 120_000
    await Member(store, now_ms=member.now_ms).apply(PAID)
    member.now_ms += 3 * HOUR_MS
    await parking.look()
    assert (await member.payment()).kept is Kept.PARKED, "the machine slept: it settles first"
    member.now_ms += 120_000
    await parking.look()
    assert (await member.payment()).version == 1


async def test_what_is_too_much_for_one_look_is_weighed_at_the_next_ones(
    store: Store, log: EmbeddedLog
) -> None:
    """A shop that no longer announces leaves many; gauges and exceptions do not wait for them."""
    references = [f"pay_{number}" for number in range(3)]
    await Member(store).apply(
        *(event("paid", one, amount="10", currency="USDT") for one in references)
    )
    member = Member(store, NO_POLICY)
    parking = looking(member, CollectorRegistry(), log)
    parking.weighed_max = 2
    member.now_ms += 7 * 24 * HOUR_MS
    weighed = []
    for _ in range(4):
        await parking.look()
        member.now_ms += 120_000
        found = [await member.payment(PAY_1._replace(reference=one)) for one in references]
        weighed.append(sum(one.version for one in found))
    assert weighed == [0, 2, 3, 3]


async def test_what_its_source_still_announces_is_left_parked(
    store: Store, log: EmbeddedLog
) -> None:
    """A webhook is no order, however often it is looked at."""
    member = Member(store)
    parking = looking(member, CollectorRegistry(), log)
    await parking.look()
    await member.apply(PAID)
    for _ in range(4):
        member.now_ms += 130_000
        await parking.look()
    assert (await member.payment()).kept is Kept.PARKED
    assert await store.transitions(PAY_1) == []


async def test_what_only_void_events_say_is_left_parked(store: Store, log: EmbeddedLog) -> None:
    """Nothing of it counts, so there is nothing to weigh: no payment begins by a forged event."""
    old = Member(store)
    await old.apply(PAID)
    keys = [one.event.key for one in await store.events(PAY_1)]
    marks = [Mark(key, Judgement.VOID, "leaked", "kim", old.now_ms) for key in keys]
    await void(store, marks, RIM)
    member = Member(store, NO_POLICY)
    parking = looking(member, CollectorRegistry(), log)
    for _ in range(3):
        member.now_ms += 130_000
        await parking.look()
    assert (await member.payment()).kept is Kept.PARKED


def _since_noon_ms(clock: str) -> int:
    hours, minutes, seconds = map(int, clock.split(":"))
    return (((hours - 12) * 60 + minutes) * 60 + seconds) * 1000
