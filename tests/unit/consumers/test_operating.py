"""The table of actions is whole, and says of each who may do it and what it states."""

import pytest

from consumers.actions import ABOUT_MONEY, COMMANDS, OWNERS, RELEASES, RULES, Act, Approval, Role
from consumers.exceptions import HANDLING, Owner
from consumers.facts import Fact, FactKind, HoldKind, RefundStatus, simple
from consumers.lifecycle import TRANSITIONS, State
from consumers.operating import Particulars as More
from consumers.operating import (
    WrongWords,
    approval_needed,
    check,
    command,
    digest,
)
from consumers.particulars import facts
from consumers.store.port import PaymentKey
from tests.support.ordered import ALONE, LATER_MS, NOW, order

ON_PAYMENTS = {
    Act.ACCEPT_LATE: (More(), (FactKind.ACCEPT_LATE, "", "")),
    Act.ACCEPT_UNDERPAID: (More(), (FactKind.ACCEPT_UNDER, "", "")),
    Act.MARK_CANCELLED: (More(), (FactKind.CANCELLED, "", "")),
    Act.MARK_FAILED: (More(), (FactKind.FAILED, "", "operator")),
    Act.PLACE_HOLD: (More(hold=HoldKind.FINANCE), (FactKind.HOLD, "finance", "on")),
    Act.RELEASE_HOLD: (More(hold=HoldKind.FINANCE), (FactKind.HOLD, "finance", "off")),
    Act.RECORD_REFUND: (
        More(refund="re", asset="USDT", amount=5, status=RefundStatus.PENDING),
        (FactKind.REFUND, "re", "pending"),
    ),
    Act.RECORD_POSTING: (
        More(posting="gl", asset="USDT", amount=5),
        (FactKind.POSTED, "gl", "on"),
    ),
    Act.RECORD_UNPOSTING: (
        More(posting="gl", asset="USDT", amount=5),
        (FactKind.POSTED, "gl", "off"),
    ),
    Act.REQUEST_REFUND: (
        More(asset="USDT", amount=5, address="T9yD"),
        (FactKind.NOTE, "t-1", "refund_requested"),
    ),
    Act.REISSUE_REFERENCE: (
        More(asset="USDT", amount=5, replacement=PaymentKey("a", "b", "d")),
        (FactKind.NOTE, "a/b/d", "replaced_by"),
    ),
}


def test_every_action_and_every_owner_has_its_row() -> None:
    """What is not in a table is decided by nobody, or by everybody."""
    assert set(RULES) == set(Act)
    assert set(COMMANDS) == set(Act)
    assert set(RELEASES) == set(HoldKind)
    assert set(OWNERS) == set(Owner)
    assert all(RELEASES.values())
    assert all(OWNERS.values())


def test_nothing_sets_a_state() -> None:
    """People append facts; an action that forces a state is the one that must not exist."""
    assert not [act for act in Act if "state" in act or "force" in act]


def test_compliance_alone_lets_go_of_a_hold_of_compliance() -> None:
    """Nobody who wants the goods to move may decide that they do."""
    assert RELEASES[HoldKind.COMPLIANCE] == {Role.COMPLIANCE}


def test_giving_money_up_takes_finance_and_two_people() -> None:
    """One person alone never writes money off."""
    rule = RULES[Act.WRITE_OFF]
    assert rule.approval is Approval.ALWAYS
    assert rule.roles == {Role.FINANCE}


@pytest.mark.parametrize("act", Act)
def test_an_action_leads_where_the_transition_table_does(act: Act) -> None:
    """An arrow that an action promises must be one that finance signed."""
    rule = RULES[act]
    for begin in rule.begins:
        for end in rule.ends:
            assert end in TRANSITIONS[begin]


@pytest.mark.parametrize("act", ON_PAYMENTS)
def test_an_action_on_a_payment_states_one_fact(act: Act) -> None:
    """What is written is what the action is called, and nothing beside."""
    more, expected = ON_PAYMENTS[act]
    [fact] = facts(act, more, "t-1", 7)
    assert (fact.kind, fact.key, fact.detail) == expected
    assert fact.at_ms == 7


def test_what_is_written_off_is_about_money() -> None:
    """A fault that is written off stays a fault."""
    assert set(HANDLING) > ABOUT_MONEY


def seen(amount: int | None, asset: str = "USDT") -> Fact:
    """State a transfer."""
    return simple(FactKind.SEEN, 5, key="tx:1", asset=asset, amount=amount)


PRICE = simple(FactKind.EXPECTED, 0, asset="USDT", amount=100)


@pytest.mark.parametrize(
    ("approval", "known", "limits", "is_needed"),
    [
        (Approval.NEVER, {seen(10**30)}, {}, False),
        (Approval.ABOVE, {seen(40), PRICE}, {"USDT": 40}, False),
        (Approval.ABOVE, {seen(41), PRICE}, {"USDT": 40}, True),
        (Approval.ABOVE, {seen(40), PRICE}, {}, True),
        (Approval.ABOVE, {seen(None), PRICE}, {"USDT": 100}, False),  # the price is known
        (Approval.ABOVE, {seen(None)}, {"USDT": 100}, True),
        (Approval.ABOVE, {seen(1), seen(1, "EUR")}, {"USDT": 9, "EUR": 9}, True),
        (Approval.ABOVE, {seen(40, "USDT@tron")}, {"USDT": 40}, False),
        (Approval.ABOVE, {seen(40, "USDT@tron")}, {"USDT": 99, "USDT@tron": 39}, True),
        (Approval.IF_MONEY, {PRICE}, {}, False),
        (Approval.IF_MONEY, {PRICE, seen(1)}, {"USDT": 9}, True),
        (Approval.IF_MONEY, {seen(None)}, {}, True),
        (Approval.IF_MONEY, {seen(1), simple(FactKind.DROPPED, 6, key="tx:1")}, {}, False),
    ],
)
def test_a_second_person_is_needed_above_what_one_may_decide(
    approval: Approval, known: set[Fact], limits: dict[str, int], *, is_needed: bool
) -> None:
    """Money that nobody can count is not a small amount."""
    assert bool(approval_needed(approval, frozenset(known), limits)) is is_needed


def test_two_orders_under_one_key_are_told_apart() -> None:
    """Whatever differs, the second is refused and not taken for a repeat."""
    one = order(Act.PLACE_HOLD)
    others = [one._replace(note="b"), one._replace(by="lee"), one._replace(expected_version=3)]
    told = {digest(each, "a/b/c", "{}") for each in (one, *others)}
    told |= {digest(one, "a/b/d", "{}"), digest(one, "a/b/c", "x")}
    assert len(told) == 6
    assert digest(one, "a/b/c", "{}") == digest(one._replace(), "a/b/c", "{}")


@pytest.mark.parametrize("more", [More(), More(refund="re"), More(refund="re", amount=0)])
def test_a_refund_says_which_and_how_much(more: More) -> None:
    """A refund without an id counts again each time that it is told."""
    wanted = order(Act.RECORD_REFUND, role=Role.FINANCE)
    with pytest.raises(WrongWords):
        command(wanted, PaymentKey("a", "b", "c"), more, ALONE, NOW)


@pytest.mark.parametrize("field", ["by", "note", "key"])
@pytest.mark.parametrize("text", ["", "  ", "two\nlines", "x" * 513])
def test_who_and_why_is_said_in_a_line(field: str, text: str) -> None:
    """It is kept for ever, and shown in terminals."""
    with pytest.raises(WrongWords, match=field):
        check(order(Act.NOTE, **{field: text}))


def test_an_order_is_an_event_that_names_its_author() -> None:
    """It can be traced and looked up like any other."""
    told = command(order(Act.ACCEPT_LATE), PaymentKey("a", "b", "c"), More(), ALONE, NOW)
    assert told.event.key == ("sealgate", "operator", "t-1")
    assert (told.event.event_type, told.event.received_ms) == ("operator.accept_late", LATER_MS)
    assert told.action is not None
    assert (told.action.by, told.action.role) == ("kim", "operations")
    assert State.LATE in RULES[Act.ACCEPT_LATE].begins
