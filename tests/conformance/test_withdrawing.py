"""One suite for both stores: a command that is taken back no longer counts, and stays written."""

import asyncio
import json

import pytest

from consumers import standing
from consumers.actions import WITHDRAWABLE, Act, Reason, Role
from consumers.facts import Fact, FactKind, HoldKind, RefundStatus, simple
from consumers.lifecycle import State
from consumers.operating import (
    ApprovalRequired,
    NotAllowed,
    Order,
    Particulars,
    Unknown,
    WrongWords,
)
from consumers.refusals import Held, NotWithdrawable
from consumers.stating import KeyReused, Refused, VersionConflict, revision
from consumers.store.cases import ItemFilter
from consumers.store.port import Cause, EventKey, Judgement, PaymentKey, Store
from tests.support.audited import texts
from tests.support.builders import NOW_MS
from tests.support.ordered import LATER_MS, decide, decide_at, order, withdraw
from tests.support.store_builders import tables
from tests.support.store_told import PAYMENT, Teller

PRICE = Fact(FactKind.EXPECTED, "", "USDT", 100, False, False, 0, NOW_MS + 1000)
REFUND = Particulars(refund="re_1", asset="USDT", amount=40)
FINANCE = Role.FINANCE


def came(amount: int, *, at_ms: int = NOW_MS, key: str = "tx:1") -> Fact:
    """State a final transfer."""
    return simple(FactKind.FINAL, at_ms, key=key, asset="USDT", amount=amount)


def back(key: str = "w-1", **changes: object) -> Order:
    """Say that kim takes it back."""
    return order(Act.WITHDRAW, key, **changes)


async def told(store: Store, *facts: Fact) -> Teller:
    """Make a payment of 100 USDT, with these facts beside."""
    teller = Teller(store)
    await teller.tell(("created", [PRICE]), ("paid", facts))
    return teller


async def codes(store: Store) -> list[str]:
    """Name the open exceptions."""
    return [one.anomaly.code for one in await store.cases.items(ItemFilter(), None, 99)]


# Of each: the payment, the order with its particulars, and as whom it is taken back.
GIVEN = [
    ("accept_late", (came(100, at_ms=NOW_MS + 5000),), order(Act.ACCEPT_LATE), Particulars()),
    ("accept_underpaid", (came(40),), order(Act.ACCEPT_UNDERPAID), Particulars()),
    ("a refund of a part", (came(100),), order(Act.RECORD_REFUND, role=FINANCE), REFUND),
    (
        "a refund of all",
        (came(100),),
        order(Act.RECORD_REFUND, role=FINANCE),
        REFUND._replace(amount=100),
    ),
    ("cancelled", (), order(Act.MARK_CANCELLED), Particulars()),
    ("failed", (came(40),), order(Act.MARK_FAILED, approved_by="alice"), Particulars()),
    ("a hold", (came(100),), order(Act.PLACE_HOLD), Particulars(hold=HoldKind.OPERATOR)),
    (
        "a posting",
        (came(100),),
        order(Act.RECORD_POSTING, role=FINANCE),
        Particulars(posting="gl", asset="USDT", amount=100),
    ),
    (
        "a request",
        (came(100),),
        order(Act.REQUEST_REFUND, role=FINANCE, approved_by="alice"),
        Particulars(asset="USDT", amount=10, address="T9yD"),
    ),
]


@pytest.mark.parametrize(
    ("facts", "given", "more"), [row[1:] for row in GIVEN], ids=[row[0] for row in GIVEN]
)
async def test_a_payment_is_as_if_the_command_had_never_been_given(
    store: Store, facts: tuple[Fact, ...], given: Order, more: Particulars
) -> None:
    """State, facts, flags and open exceptions; the history says both, and edits neither."""
    teller = await told(store, *facts)
    before, open_before = await teller.payment(), await codes(store)
    await decide(store, given, more)
    between = await teller.payment()
    assert between.facts != before.facts
    done = await withdraw(store, back(role=given.role, approved_by=given.approved_by), "t-1")
    after = await teller.payment()
    assert (after.state, after.facts) == (before.state, before.facts)
    assert await codes(store) == open_before
    assert done.correction is not None
    assert (done.correction.before, done.correction.after) == (between, after)
    moves = await store.transitions(PAYMENT)
    moved = (between.state is not before.state) * 2
    assert after.version == before.version + moved == len(moves)
    if moved:
        last = moves[-1]
        own = EventKey("sealgate", "operator", "w-1")
        assert (last.cause, last.event, last.after) == (Cause.VOID, own, before.state)
        notice = json.loads((await store.pending(99))[-1].notice.value)
        assert (notice["after"], notice["version"]) == (before.state, after.version)
    one, two = await store.cases.actions(PAYMENT)
    assert (one.name, two.name, two.by, json.loads(two.detail)) == (
        given.act,
        "withdraw",
        "kim",
        {"command": "t-1"},
    )


def test_every_command_that_can_be_taken_back_is_tried() -> None:
    """A row of the table that nobody takes back here may not be taken back at all."""
    assert {row[2].act for row in GIVEN} | {Act.RELEASE_HOLD, Act.RECORD_UNPOSTING} == WITHDRAWABLE


async def test_a_release_that_is_taken_back_holds_again(store: Store) -> None:
    """Goods wait again, the exception is open again, and nobody had to place a second hold."""
    teller = await told(store, came(100))
    compliance = Particulars(hold=HoldKind.COMPLIANCE)
    await decide(store, order(Act.PLACE_HOLD, "h-1"), compliance)
    free = order(Act.RELEASE_HOLD, "h-2", role=Role.COMPLIANCE)
    await decide_at(store, LATER_MS + 1, free, compliance)
    assert await codes(store) == []
    await withdraw(store, back(role=Role.COMPLIANCE), "h-2")
    assert standing.holds((await teller.payment()).facts) == {HoldKind.COMPLIANCE}
    assert await codes(store) == ["COMPLIANCE_HOLD"]
    types = [dict(one.notice.headers)["ce_type"] for one in await store.pending(99)]
    assert types[2:] == [
        b"com.sealgate.payment.held",
        b"com.sealgate.payment.released",
        b"com.sealgate.payment.held",
    ]


async def test_a_reversal_that_is_taken_back_is_booked_again(store: Store) -> None:
    """Finance typed the wrong posting: the books hold it, as they always did."""
    teller = await told(store, came(100))
    posting = Particulars(posting="gl", asset="USDT", amount=100)
    await decide(store, order(Act.RECORD_POSTING, "p-1", role=FINANCE), posting)
    gone = order(Act.RECORD_UNPOSTING, "p-2", role=FINANCE)
    await decide_at(store, LATER_MS + 1, gone, posting)
    hold = Particulars(hold=HoldKind.FINANCE)
    await decide_at(store, LATER_MS + 2, order(Act.PLACE_HOLD, "h-1"), hold)
    with pytest.raises(Held):
        await withdraw(store, back(role=FINANCE), "p-2")
    free = order(Act.RELEASE_HOLD, "h-2", role=FINANCE)
    await decide_at(store, LATER_MS + 3, free, hold)
    await withdraw(store, back(role=FINANCE), "p-2")
    payment = await teller.payment()
    assert standing.posting(payment.facts) is standing.Posting.POSTED


async def test_a_hold_is_not_let_go_by_taking_it_back(store: Store) -> None:
    """Whoever may place a hold of compliance may not release it by another name."""
    teller = await told(store, came(100))
    await decide(store, order(Act.PLACE_HOLD), Particulars(hold=HoldKind.COMPLIANCE))
    for role in (Role.OPERATIONS, Role.SUPPORT, Role.FINANCE):
        with pytest.raises(NotAllowed, match="compliance alone"):
            await withdraw(store, back(role=role), "t-1")
    assert standing.holds((await teller.payment()).facts) == {HoldKind.COMPLIANCE}


async def test_what_two_people_decided_one_does_not_take_back(store: Store) -> None:
    """Whoever alone could undo it would have the last word."""
    await told(store, came(40))
    await decide(store, order(Act.ACCEPT_UNDERPAID, approved_by="alice"))
    for second in ("", "KIM", "k\u0131m"):
        with pytest.raises(ApprovalRequired):
            await withdraw(store, back(approved_by=second), "t-1")
    await withdraw(store, back(approved_by="alice"), "t-1")


async def test_above_the_limit_it_takes_two_to_take_it_back(store: Store) -> None:
    """The limit may have been lowered since: it is that of now."""
    await told(store, came(40))
    await decide(store, order(Act.ACCEPT_UNDERPAID))
    with pytest.raises(ApprovalRequired):
        await withdraw(store, back(), "t-1", limits={})


REFUSED = [
    (back(role=Role.FINANCE), "t-1", NotAllowed),
    (back(reason=Reason.GOODWILL), "t-1", WrongWords),
    (back(expected_version=2), "t-1", VersionConflict),
    (back(expected_version=3, expected_facts="00000000"), "t-1", VersionConflict),
    (back(), "t-9", Unknown),
    (back("t-1"), "t-1", KeyReused),
]


@pytest.mark.parametrize(("wanted", "command", "why"), REFUSED)
async def test_what_is_refused_writes_nothing(
    store: Store, store_url: str, wanted: Order, command: str, why: type[Refused]
) -> None:
    """Another role, a stale look, no such command: the store is as it was."""
    await told(store, came(40))
    await decide(store, order(Act.ACCEPT_UNDERPAID))
    before = await tables(store_url)
    with pytest.raises(why):
        await withdraw(store, wanted, command)
    assert await tables(store_url) == before


async def test_a_command_is_taken_back_once(store: Store, store_url: str) -> None:
    """The same again does nothing; under another key there is nothing left to take back."""
    await told(store, came(40))
    await decide(store, order(Act.ACCEPT_UNDERPAID))
    dry = await withdraw(store, back(), "t-1", dry_run=True)
    wet = await withdraw(store, back(), "t-1")
    assert (dry.correction, dry.changes.anomalies) == (wet.correction, wet.changes.anomalies)
    before = await tables(store_url)
    assert (await withdraw(store, back(), "t-1")).is_repeat
    with pytest.raises(NotWithdrawable, match="already"):
        await withdraw(store, back("w-2"), "t-1")
    with pytest.raises(NotWithdrawable, match="give the command again"):
        await withdraw(store, back("w-2"), "w-1")
    assert await tables(store_url) == before


async def test_taken_back_at_once_it_is_taken_back_once(store: Store) -> None:
    """Two browsers, two tickets, one command."""
    teller = await told(store, came(40))
    await decide(store, order(Act.ACCEPT_UNDERPAID))
    tries = (withdraw(store, back(f"w-{number}"), "t-1") for number in range(4))
    found = await asyncio.gather(*tries, return_exceptions=True)
    assert sorted(type(one).__name__ for one in found) == ["NotWithdrawable"] * 3 + ["Withdrawn"]
    assert (await teller.payment()).version == 4


async def test_a_command_that_was_taken_back_is_given_again(store: Store) -> None:
    """Another amount, the same refund: what counts is the last that was left to stand."""
    teller = await told(store, came(100))
    wrong = REFUND._replace(amount=90)
    await decide(store, order(Act.RECORD_REFUND, role=FINANCE), wrong)
    await withdraw(store, back(role=FINANCE), "t-1")
    right = order(Act.RECORD_REFUND, "t-2", role=FINANCE)
    await decide_at(store, LATER_MS + 2000, right, REFUND)
    payment = await teller.payment()
    assert standing.amounts(payment.facts).refunded == {"USDT": 40}
    own = EventKey("sealgate", "operator", "t-1")
    [mark] = (await store.marks([own]))[own]
    assert (mark.judgement, mark.by) == (Judgement.VOID, "kim")


async def test_what_others_said_too_stands(store: Store) -> None:
    """The provider told of the same hold: taking ours back does not let go of it."""
    teller = await told(store, came(100))
    hold = Particulars(hold=HoldKind.SECURITY)
    await decide(store, order(Act.PLACE_HOLD, role=Role.SECURITY), hold)
    await teller.tell(("held", [simple(FactKind.HOLD, LATER_MS, key="security", detail="on")]))
    await withdraw(store, back(role=Role.SECURITY), "t-1")
    assert standing.holds((await teller.payment()).facts) == {HoldKind.SECURITY}


async def test_news_after_the_look_is_a_conflict(store: Store) -> None:
    """A command is taken back by who has seen what came since."""
    teller = await told(store, came(100))
    await decide(store, order(Act.RECORD_REFUND, role=FINANCE), REFUND)
    seen = revision(await teller.payment())
    version, digest = seen.split(".")
    await decide(store, order(Act.PLACE_HOLD, "h-1"), Particulars(hold=HoldKind.OPERATOR))
    stale = back(role=FINANCE, expected_version=int(version), expected_facts=digest)
    with pytest.raises(VersionConflict, match="it has not moved"):
        await withdraw(store, stale, "t-1")


async def test_a_status_of_a_refund_is_taken_back_alone(store: Store) -> None:
    """A refund that succeeded, told too early: it is pending again, not gone."""
    teller = await told(store, came(100))
    pending = REFUND._replace(status=RefundStatus.PENDING)
    await decide(store, order(Act.RECORD_REFUND, "r-1", role=FINANCE), pending)
    await decide(store, order(Act.RECORD_REFUND, "r-2", role=FINANCE), REFUND)
    await withdraw(store, back(role=FINANCE), "r-2")
    words = [fact.detail for fact in (await teller.payment()).facts if fact.key == "re_1"]
    assert words == ["pending"]


async def test_the_audit_chain_tells_of_what_was_taken_back(store: Store) -> None:
    """A withdrawal that the chain did not name would be a quiet edit."""
    await told(store, came(40))
    await decide(store, order(Act.ACCEPT_UNDERPAID))
    await withdraw(store, back(), "t-1")
    assert await texts(store) == []


async def test_a_payment_asked_for_again_is_cancelled_and_not_taken_back(store: Store) -> None:
    """The customer has the new reference."""
    await told(store)
    new = PaymentKey(*PAYMENT[:2], "pay_2")
    more = Particulars(asset="USDT", amount=100, replacement=new)
    await decide(store, order(Act.REISSUE_REFERENCE), more)
    with pytest.raises(NotWithdrawable, match="cancel the payment"):
        await withdraw(store, back(), "t-1")
    found = await store.payment(new)
    assert found is not None
    assert found.state is State.PENDING
