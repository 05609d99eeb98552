"""One suite for both stores: what people decide happens once, under the lock, and is told."""

import asyncio
import json

import pytest

from consumers import standing
from consumers.actions import Act, Reason, Role
from consumers.casework import Change
from consumers.facts import Fact, FactKind, HoldKind, simple
from consumers.lifecycle import State
from consumers.operating import (
    ApprovalRequired,
    Closed,
    ClosesByFacts,
    HoldNotOn,
    NotAllowed,
    Order,
    Particulars,
    Unknown,
    WrongWords,
)
from consumers.stating import IllegalTransition, KeyReused, Refused, VersionConflict
from consumers.store.cases import Item, ItemFilter, Status
from consumers.store.port import Cause, Changes, PaymentKey, Store
from tests.support.builders import NOW_MS
from tests.support.ordered import LATER_MS, decide, order, work
from tests.support.store_builders import apply, raised, tables
from tests.support.store_told import PAYMENT, Teller

PRICE = Fact(FactKind.EXPECTED, "", "USDT", 100, False, False, 0, NOW_MS + 1000)
COMPLIANCE = Particulars(hold=HoldKind.COMPLIANCE)


def came(amount: int, *, at_ms: int = NOW_MS, key: str = "tx:1") -> Fact:
    """State a final transfer."""
    return simple(FactKind.FINAL, at_ms, key=key, asset="USDT", amount=amount)


async def told(store: Store, *facts: Fact) -> Teller:
    """Make a payment of 100 USDT, with these facts beside."""
    teller = Teller(store)
    await teller.tell(("created", [PRICE]), ("paid", facts))
    return teller


async def items(store: Store, *, is_open: bool = True) -> list[Item]:
    """Read the queue."""
    return list(await store.cases.items(ItemFilter(is_open=is_open), None, 99))


async def test_an_accepted_underpayment_is_confirmed_and_told(store: Store) -> None:
    """Downstream hears of it as of any other move, and the exception says who ended it."""
    teller = await told(store, came(40))
    assert await teller.state() is State.UNDERPAID
    done = await decide(store, order(Act.ACCEPT_UNDERPAID))
    payment = await teller.payment()
    assert (payment.state, payment.version) == (State.CONFIRMED, 3)
    assert standing.flags(payment.facts) == ("accepted_underpaid",)
    notice = json.loads((await store.pending(9))[-1].notice.value)
    assert (notice["after"], notice["cause"], notice["flags"]) == (
        "Confirmed",
        "operator",
        ["accepted_underpaid"],
    )
    assert done.transition is not None
    assert done.transition.cause is Cause.OPERATOR
    [item] = await items(store, is_open=False)
    assert (item.anomaly.code, item.status) == ("AMOUNT_UNDER", Status.RESOLVED)
    assert item.closing is not None
    assert (item.closing.by, item.closing.reason) == ("kim", "goodwill")
    [action] = await store.cases.actions(PAYMENT)
    assert (action.key, action.name, action.by, action.at_ms) == (
        "t-1",
        "accept_underpaid",
        "kim",
        LATER_MS,
    )


async def test_accepted_late_money_is_confirmed(store: Store) -> None:
    """The full amount came after the window: somebody decided that the price still holds."""
    teller = await told(store, came(100, at_ms=NOW_MS + 5000))
    assert await teller.state() is State.LATE
    await decide(store, order(Act.ACCEPT_LATE))
    payment = await teller.payment()
    assert payment.state is State.CONFIRMED
    assert standing.flags(payment.facts) == ("accepted_late",)
    assert await items(store) == []


async def test_an_order_done_again_does_nothing(store: Store, store_url: str) -> None:
    """An operator whose connection broke sends it again; a double click does too."""
    await told(store, came(40))
    await decide(store, order(Act.ACCEPT_UNDERPAID))
    before = await tables(store_url)
    assert (await decide(store, order(Act.ACCEPT_UNDERPAID))).is_repeat
    assert {**before, "audit": None} == {**await tables(store_url), "audit": None}


async def test_an_order_sent_twice_at_once_is_done_once(store: Store) -> None:
    """Two browsers, one ticket."""
    teller = await told(store, came(40))
    wanted = order(Act.ACCEPT_UNDERPAID)
    done = await asyncio.gather(*(decide(store, wanted) for _ in range(4)))
    assert [one.is_repeat for one in done].count(False) == 1
    assert (await teller.payment()).version == 3
    assert len(await store.cases.actions(PAYMENT)) == 1


async def test_a_key_is_good_for_one_order(store: Store) -> None:
    """A ticket's number that was used for another decision must not look like a repeat of it."""
    await told(store, came(40))
    await decide(store, order(Act.ACCEPT_UNDERPAID))
    with pytest.raises(KeyReused):
        await decide(store, order(Act.PLACE_HOLD), COMPLIANCE)
    with pytest.raises(KeyReused):
        await decide(store, order(Act.ACCEPT_UNDERPAID, note="another"))


async def test_a_dry_run_shows_what_would_be_done_and_writes_nothing(
    store: Store, store_url: str
) -> None:
    """What is shown is what would happen, because it did, and was rolled back."""
    await told(store, came(40))
    before = await tables(store_url)
    dry = await decide(store, order(Act.ACCEPT_UNDERPAID), dry_run=True)
    assert await tables(store_url) == before
    wet = await decide(store, order(Act.ACCEPT_UNDERPAID))
    assert dry.transition == wet.transition
    assert dry.stated == wet.stated


REFUSED = [
    (order(Act.ACCEPT_UNDERPAID, expected_version=1), Particulars(), VersionConflict),
    (order(Act.ACCEPT_UNDERPAID, role=Role.SUPPORT), Particulars(), NotAllowed),
    (order(Act.ACCEPT_UNDERPAID, reason=Reason.FALSE_ALARM), Particulars(), WrongWords),
    (order(Act.ACCEPT_LATE), Particulars(), IllegalTransition),
    (order(Act.MARK_CANCELLED, approved_by="alice"), Particulars(), IllegalTransition),
    (order(Act.MARK_FAILED), Particulars(), ApprovalRequired),
    (order(Act.MARK_FAILED, approved_by=" KIM"), Particulars(), ApprovalRequired),
    (order(Act.RELEASE_HOLD, role=Role.COMPLIANCE), COMPLIANCE, HoldNotOn),
    (order(Act.RELEASE_HOLD), COMPLIANCE, NotAllowed),
    (order(Act.RECORD_REFUND), Particulars(refund="re", asset="USDT", amount=1), NotAllowed),
    (order(Act.ACCEPT_UNDERPAID, note=" "), Particulars(), WrongWords),
    (order(Act.ACCEPT_UNDERPAID, by="a\nb"), Particulars(), WrongWords),
]


@pytest.mark.parametrize(("wanted", "more", "why"), REFUSED)
async def test_what_is_refused_writes_nothing(
    store: Store, store_url: str, wanted: Order, more: Particulars, why: type[Refused]
) -> None:
    """Wrong role, stale look, no second person, no such arrow: the store is as it was."""
    await told(store, came(40))
    before = await tables(store_url)
    with pytest.raises(why):
        await decide(store, wanted, more)
    assert await tables(store_url) == before


async def test_more_than_one_person_may_decide_needs_a_second_one(store: Store) -> None:
    """The limit is of the money that is there when it is written, and not of what was seen."""
    teller = await told(store, came(40))
    wanted = order(Act.ACCEPT_UNDERPAID)
    for limits in ({}, {"USDT": 39}, {"EUR": 10**9}):
        with pytest.raises(ApprovalRequired):
            await decide(store, wanted, limits=limits)
    await decide(store, wanted, limits={"USDT": 40})
    assert await teller.state() is State.CONFIRMED


async def test_a_second_person_is_kept_with_the_decision(store: Store) -> None:
    """Who agreed is asked when the money is missing."""
    await told(store, came(40))
    await decide(store, order(Act.ACCEPT_UNDERPAID, approved_by="alice"), limits={})
    [action] = await store.cases.actions(PAYMENT)
    assert (action.by, action.approved_by) == ("kim", "alice")


async def test_a_hold_is_released_by_its_owner_alone(store: Store) -> None:
    """Operations may not let go what compliance looks at."""
    teller = await told(store, came(100))
    await decide(store, order(Act.PLACE_HOLD, "h-1"), COMPLIANCE)
    payment = await teller.payment()
    assert standing.label(payment.state, standing.flags(payment.facts)) == (
        "Confirmed (hold: compliance)"
    )
    assert [one.anomaly.code for one in await items(store)] == ["COMPLIANCE_HOLD"]
    free = order(Act.RELEASE_HOLD, "h-2")
    with pytest.raises(NotAllowed):
        await decide(store, free, COMPLIANCE)


async def test_a_refund_made_outside_is_stated(store: Store) -> None:
    """All of it given back: the payment is Refunded, by the sum and not by a word."""
    teller = await told(store, came(100))
    first = Particulars(refund="re_1", asset="USDT", amount=60)
    finance = order(Act.RECORD_REFUND, "r-1", role=Role.FINANCE)
    await decide(store, finance, first)
    assert await teller.state() is State.CONFIRMED
    await decide(store, finance._replace(key="r-2"), first._replace(refund="re_2", amount=40))
    assert await teller.state() is State.REFUNDED


async def test_a_payment_that_nobody_knows_is_not_made(store: Store) -> None:
    """A slip of the finger must not write a payment into being."""
    await told(store, came(100))
    nobody = PaymentKey("kobbopay", "main", "typo")
    with pytest.raises(Unknown):
        await decide(store, order(Act.PLACE_HOLD), COMPLIANCE, payment=nobody)
    assert await store.payment(nobody) is None


async def one_item(store: Store, code: str) -> Item:
    """Raise one exception."""
    await apply(store, Changes(anomalies=[raised(code=code, subject="x")]))
    [item] = await items(store)
    return item


async def test_an_item_is_worked_and_every_step_is_kept(store: Store) -> None:
    """The next shift reads what the last one did."""
    item = await one_item(store, "LATE_FUNDS")
    await work(store, order(Act.ASSIGN, "a-1"), item.id, Change(assignee="lee"))
    waits = Change(status=Status.WAITING_CUSTOMER, next_check_ms=LATER_MS + 5)
    await work(store, order(Act.WAIT, "a-2"), item.id, waits)
    await work(store, order(Act.NOTE, "a-3", note="no answer yet"), item.id)
    [found] = await items(store)
    assert (found.assignee, found.status, found.next_check_ms, found.version) == (
        "lee",
        Status.WAITING_CUSTOMER,
        LATER_MS + 5,
        3,
    )
    steps = await store.cases.actions(item.id)
    assert [(one.name, one.note) for one in steps] == [
        ("assign", "asked by mail"),
        ("wait", "asked by mail"),
        ("note", "no answer yet"),
    ]


async def test_an_item_is_worked_once_under_one_key(store: Store) -> None:
    """A repeated command is no second step, and another command under the key is refused."""
    item = await one_item(store, "LATE_FUNDS")
    wanted = order(Act.ASSIGN)
    await work(store, wanted, item.id, Change(assignee="lee"))
    assert (await work(store, wanted, item.id, Change(assignee="lee"))).is_repeat
    with pytest.raises(KeyReused):
        await work(store, wanted, item.id, Change(assignee="pat"))
    assert len(await store.cases.actions(item.id)) == 1


async def test_a_dry_run_leaves_an_item_as_it_was(store: Store, store_url: str) -> None:
    """It shows the item as it would be."""
    item = await one_item(store, "LATE_FUNDS")
    before = await tables(store_url)
    done = await work(store, order(Act.ASSIGN), item.id, Change(assignee="lee"), dry_run=True)
    assert (done.before.assignee, done.after.assignee, done.after.version) == ("", "lee", 1)
    assert await tables(store_url) == before


async def test_only_what_no_fact_ends_is_closed_by_hand(store: Store) -> None:
    """Closing what still is so would hide it."""
    item = await one_item(store, "LATE_FUNDS")
    with pytest.raises(ClosesByFacts):
        await work(store, order(Act.RESOLVE), item.id)
    await apply(store, Changes(anomalies=[raised(code="UNKNOWN_TYPE", subject="y")]))
    [other] = await store.cases.items(ItemFilter(subject="y"), None, 9)
    with pytest.raises(NotAllowed):
        await work(store, order(Act.RESOLVE), other.id)
    engineer = order(Act.RESOLVE, role=Role.ENGINEERING)
    done = await work(store, engineer, other.id)
    assert done.after.status is Status.RESOLVED
    with pytest.raises(Closed):
        await work(store, engineer._replace(key="t-2"), other.id)


async def test_writing_off_takes_finance_and_a_second_person(store: Store) -> None:
    """Money is given up by two people, and only where there is money."""
    item = await one_item(store, "AMOUNT_UNDER")
    with pytest.raises(NotAllowed):
        await work(store, order(Act.WRITE_OFF, approved_by="alice"), item.id)
    wanted = order(Act.WRITE_OFF, role=Role.FINANCE)
    for second in ("", "Kim"):
        with pytest.raises(ApprovalRequired):
            await work(store, wanted._replace(approved_by=second), item.id)
    await work(store, wanted._replace(approved_by="alice"), item.id)
    [closed] = await items(store, is_open=False)
    assert closed.closing is not None
    assert (closed.closing.by, closed.closing.approved_by, closed.closing.reason) == (
        "kim",
        "alice",
        "immaterial",
    )
    drift = await one_item(store, "SCHEMA_DRIFT")
    with pytest.raises(WrongWords):
        await work(store, wanted._replace(key="t-2", approved_by="alice"), drift.id)


async def test_an_item_that_another_worked_on_is_looked_at_again(store: Store) -> None:
    """What was decided upon is not so any more."""
    item = await one_item(store, "LATE_FUNDS")
    await work(store, order(Act.NOTE, "a-1"), item.id)
    with pytest.raises(VersionConflict):
        await work(store, order(Act.NOTE, "a-2", expected_version=0), item.id)
    with pytest.raises(Unknown):
        await work(store, order(Act.NOTE, "a-3"), item.id + 100)
