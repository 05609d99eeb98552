"""A provider's own list against one event: what it holds, what it denies, what it leaves open."""

import pytest

from consumers.facts import Fact, FactKind
from consumers.ledger import Ledger, LedgerMalformed, Row, Says, original
from consumers.lifecycle import State
from consumers.store.port import EventKey

EVENT = EventKey("btcpay", "shop", "e1")


def fact(kind: FactKind, amount: int | None = None, **changes: object) -> Fact:
    """State something of 1000 units or of none."""
    told = {"asset": "USDT" if amount is not None else "", "whole": False, "late": False}
    return Fact(kind, "tx:a", amount=amount, at_ms=50, **{**told, **changes})


def says(ledger: Ledger, *facts: Fact, event: EventKey = EVENT, told: int = 0) -> Says:
    """Ask about the event of payment `inv-1`; `told` is what all its events tell together."""
    return ledger.judge(event, "inv-1", facts, {"USDT": told}, is_disputed=False).says


# By hand: what a payment's status at the provider says of a fact of each kind: yes, no, or nothing.
STATUSES = """
           expected seen final expired cancelled failed refund removed
Pending    yes      no   no    no      no        no     no     no
Paid       yes      yes  no    -       -         no     -      -
Confirmed  yes      yes  yes   -       no        -      -      -
Underpaid  yes      yes  yes   -       -         -      -      -
Late       yes      yes  yes   yes     -         -      -      -
Expired    yes      no   no    yes     -         -      no     -
Failed     yes      -    -     -       -         yes    -      -
Cancelled  yes      -    no    -       yes       -      -      -
Reversed   yes      -    -     -       -         -      -      yes
Refunded   yes      yes  yes   -       -         -      yes    -
"""
SAYS = {"yes": Says.HOLDS, "no": Says.DENIES, "-": Says.SILENT}


@pytest.mark.parametrize("status", State)
def test_a_status_bears_out_what_it_implies_and_no_more(status: State) -> None:
    """A payment that was confirmed in the end may have expired before: nobody can tell."""
    head, *rows = (line.split() for line in STATUSES.strip().splitlines())
    marks = {row[0]: dict(zip(head, row[1:], strict=True)) for row in rows}
    ledger = Ledger([Row(2, payment="inv-1", status=status)], is_complete=True)
    for kind, mark in marks[status].items():
        assert says(ledger, fact(FactKind(kind))) is SAYS[mark], kind


@pytest.mark.parametrize("status", State)
def test_whole_is_held_only_by_a_status_in_full(status: State) -> None:
    """Goods move on "the full amount": a payment that is short denies it."""
    ledger = Ledger([Row(2, payment="inv-1", status=status)], is_complete=True)
    in_full = {State.PAID, State.CONFIRMED, State.LATE, State.REFUNDED}
    expected = Says.HOLDS if status in in_full else Says.DENIES
    assert says(ledger, fact(FactKind.SEEN, whole=True)) is expected


@pytest.mark.parametrize(
    ("amount", "told", "expected"),
    [
        (1000, 1000, Says.HOLDS),
        (400, 1000, Says.HOLDS),  # a part of it
        (1001, 1001, Says.DENIES),
        (400, 1001, Says.SILENT),  # one of the payment's events is too many: which?
    ],
)
def test_an_amount_is_compared_with_what_the_payment_received(
    amount: int, told: int, expected: Says
) -> None:
    """A forged second transfer of a real payment is less than the total, and one too many."""
    row = Row(2, payment="inv-1", status=State.CONFIRMED, asset="USDT", amount=1000)
    ledger = Ledger([row], is_complete=True)
    assert says(ledger, fact(FactKind.FINAL, amount), told=told) is expected


def test_what_a_row_does_not_say_it_does_not_bear_out() -> None:
    """A list of statuses alone cannot vouch for an amount, one of amounts not for "whole"."""
    status = Ledger([Row(2, payment="inv-1", status=State.CONFIRMED)], is_complete=True)
    assert says(status, fact(FactKind.FINAL, 1000)) is Says.SILENT
    amount = Ledger([Row(2, payment="inv-1", asset="USDT", amount=1000)], is_complete=True)
    assert says(amount, fact(FactKind.FINAL, 1000)) is Says.HOLDS
    assert says(amount, fact(FactKind.FINAL, 1000, whole=True)) is Says.SILENT
    assert says(amount, fact(FactKind.EXPIRED)) is Says.SILENT


def test_another_asset_than_the_providers_is_denied() -> None:
    """1000 of a worthless token is not 1000 USDT."""
    row = Row(2, payment="inv-1", status=State.CONFIRMED, asset="BTC", amount=1000)
    assert says(Ledger([row], is_complete=True), fact(FactKind.FINAL, 1000)) is Says.DENIES


def test_a_price_is_held_by_the_same_price_alone() -> None:
    """A forged lower price makes a short payment look whole."""
    asked = fact(FactKind.EXPECTED, 1000)
    row = {"payment": "inv-1", "status": State.PENDING, "asset": "USDT"}
    same = Ledger([Row(2, **row, price=1000)], is_complete=True)
    other = Ledger([Row(2, **row, price=999)], is_complete=True)
    unknown = Ledger([Row(2, **row)], is_complete=True)
    assert [says(one, asked) for one in (same, other, unknown)] == [
        Says.HOLDS,
        Says.DENIES,
        Says.SILENT,
    ]


def test_an_event_is_found_by_its_id_and_its_payment_must_agree() -> None:
    """An id that the forger saw in a log, put on another payment, is no proof for that one."""
    settled = fact(FactKind.FINAL, whole=True)
    assert says(Ledger([Row(2, event="e1")], is_complete=True), settled) is Says.HOLDS
    assert says(Ledger([Row(2, event="e2")], is_complete=True), settled) is Says.DENIES
    assert says(Ledger([Row(2, event="e2")], is_complete=False), settled) is Says.SILENT
    elsewhere = Ledger([Row(2, event="e1", payment="inv-9")], is_complete=True)
    assert says(elsewhere, settled) is Says.DENIES
    short = Ledger([Row(2, event="e1", status=State.UNDERPAID)], is_complete=True)
    assert says(short, settled) is Says.DENIES


def test_a_ledger_is_silent_about_accounts_it_does_not_name() -> None:
    """An export of one shop says nothing about what happened in another."""
    ledger = Ledger([Row(2, account="other", event="e9")], is_complete=True)
    assert says(ledger, fact(FactKind.SEEN)) is Says.SILENT
    named = Ledger([Row(2, account="shop", event="e1")], is_complete=True)
    assert says(named, fact(FactKind.SEEN)) is Says.HOLDS


@pytest.mark.parametrize(
    ("rows", "lines"),
    [
        ([Row(2)], "line 2"),
        ([Row(2, payment="p")], "line 2"),
        ([Row(2, payment="p", amount=5)], "line 2"),
        ([Row(2, event="e"), Row(3, payment="p", status=State.PAID)], "line 3"),
        ([Row(2, event="e"), Row(3, event="e")], "line 3"),
        (
            [
                Row(2, payment="p", status=State.PAID),
                Row(3, payment="p", status=State.LATE, asset="BTC"),
            ],
            "line 3",
        ),
        ([Row(2, payment="p", asset="BTC", amount=n) for n in (1, 2)], "line 2"),
    ],
)
def test_rows_that_cannot_be_a_ledger_are_refused_with_their_line(
    rows: list[Row], lines: str
) -> None:
    """A ledger read half wrong would void true payments or clear forged ones."""
    with pytest.raises(LedgerMalformed, match=lines):
        Ledger(rows, is_complete=True)


def test_the_same_event_of_two_accounts_is_two_events() -> None:
    """Event ids are unique in an account only."""
    rows = [Row(2, account="shop", event="e1"), Row(3, account="other", event="e1")]
    assert says(Ledger(rows, is_complete=True), fact(FactKind.SEEN)) is Says.HOLDS


@pytest.mark.parametrize(
    ("key", "name"),
    [
        ("e1~0123456789abcdef", "e1"),
        ("e1", "e1"),
        ("e1~0123", "e1~0123"),
        ("~0123456789abcdef", "~0123456789abcdef"),
        ("a~b~0123456789abcdef", "a~b"),
        ("e1~0123456789ABCDEF", "e1~0123456789ABCDEF"),
    ],
)
def test_a_second_body_goes_by_the_providers_own_event_id(key: str, name: str) -> None:
    """The provider's list knows its id, not what we put behind it."""
    assert original(key) == name
