"""What is owed, since when and how badly: hand-worked, without a store or a clock."""

from datetime import UTC, datetime

import pytest

from consumers.exceptions import Code
from consumers.facts import OFF, ON, Fact, FactKind, RefundStatus, simple
from consumers.lifecycle import State
from consumers.overdue import window_over_ms
from consumers.owing import Books, posting_lag, refund_stuck
from consumers.patience import DEFAULTS, Limit
from consumers.store.port import Payment, PaymentKey
from consumers.weighing import STRICT, Terms

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
# A Monday.
BEGUN_MS = int(datetime(2026, 11, 23, 9, 0, tzinfo=UTC).timestamp() * 1000)
BOOKS = Books(since_ms=0)


def money(kind: FactKind = FactKind.FINAL) -> Fact:
    """Make ten units of money."""
    return simple(kind, BEGUN_MS, key="tx", asset="USDT", amount=10)


def price() -> Fact:
    """Make the price that it meets."""
    return simple(FactKind.EXPECTED, 0, asset="USDT", amount=10)


def refund(status: RefundStatus, *, key: str = "re_1", at_ms: int = BEGUN_MS) -> Fact:
    """Make a word of a refund."""
    return simple(FactKind.REFUND, at_ms, key=key, asset="USDT", amount=4, detail=status)


def posted(detail: str = ON, at_ms: int = BEGUN_MS) -> Fact:
    """Make a word of finance."""
    return simple(FactKind.POSTED, at_ms, key="je-1", asset="USDT", amount=10, detail=detail)


def payment(*facts: Fact, state: State = State.CONFIRMED, changed_ms: int = BEGUN_MS) -> Payment:
    """Make a payment in a state."""
    key = PaymentKey("stripe", "shop", "p")
    return Payment(key, state, 1, frozenset({price(), *facts}), changed_ms)


PENDING = refund(RefundStatus.PENDING)


@pytest.mark.parametrize(
    ("hours", "severity"), [(23.9, None), (24, 2), (71.9, 2), (72, 1), (1000, 1)]
)
def test_a_refund_on_its_way_is_owed_after_a_day_and_worse_after_three(
    hours: float, severity: int | None
) -> None:
    """The customer was told that the money comes; finance hears of it before the customer asks."""
    found = refund_stuck(
        payment(money(), PENDING), DEFAULTS, STRICT, BEGUN_MS + int(hours * HOUR_MS)
    )
    assert (None if found is None else found.severity) == severity
    if found is not None:
        assert (found.code, found.at_risk) == (Code.REFUND_STUCK, {"USDT": 4})
        assert "refund re_1 on its way since 2026-11-23T09:00:00" in found.evidence


def test_what_is_owed_is_told_in_the_units_of_people() -> None:
    """Nobody compares 4 smallest units with a bank's statement."""
    terms, late_ms = Terms(decimals={"USDT": 6}), BEGUN_MS + 9 * DAY_MS
    back = refund_stuck(payment(money(), PENDING), DEFAULTS, terms, late_ms)
    books = posting_lag(payment(money()), BOOKS, terms, late_ms)
    assert back is not None
    assert books is not None
    assert back.evidence.endswith("; 0.000004 USDT")
    assert books.evidence.endswith("; 0.00001 USDT")


@pytest.mark.parametrize("status", [RefundStatus.SUCCEEDED, RefundStatus.FAILED])
def test_a_refund_that_ended_is_owed_no_more(status: RefundStatus) -> None:
    """Arrived or failed: either way it is not on its way."""
    one = payment(money(), PENDING, refund(status, at_ms=BEGUN_MS + 5))
    assert refund_stuck(one, DEFAULTS, STRICT, BEGUN_MS + 9 * DAY_MS) is None


def test_of_several_refunds_the_oldest_on_its_way_counts() -> None:
    """One that arrived says nothing of the next one."""
    done = refund(RefundStatus.SUCCEEDED, key="re_0")
    second = refund(RefundStatus.PENDING, key="re_2", at_ms=BEGUN_MS + HOUR_MS)
    found = refund_stuck(
        payment(money(), done, PENDING, second), DEFAULTS, STRICT, BEGUN_MS + 2 * DAY_MS
    )
    assert found is not None
    assert found.since_ms == BEGUN_MS
    assert found.at_risk == {"USDT": 8}


def test_a_refund_without_a_name_ends_with_any_that_arrived_later() -> None:
    """A provider that names only the second word of it would leave the first open for ever."""
    told = refund(RefundStatus.PENDING, key="agg:cryptomus:p")
    arrived = refund(RefundStatus.SUCCEEDED, at_ms=BEGUN_MS + 1)
    before = refund(RefundStatus.SUCCEEDED, at_ms=BEGUN_MS - 1)
    late_ms = BEGUN_MS + 9 * DAY_MS
    assert refund_stuck(payment(money(), told, arrived), DEFAULTS, STRICT, late_ms) is None
    assert refund_stuck(payment(money(), told, before), DEFAULTS, STRICT, late_ms) is not None


def test_a_payment_that_is_refunded_owes_no_refund() -> None:
    """Everything is back: what another word of it says does not matter."""
    one = payment(money(), PENDING, state=State.REFUNDED)
    assert refund_stuck(one, DEFAULTS, STRICT, BEGUN_MS + 9 * DAY_MS) is None


def test_a_corridor_has_its_own_patience_with_refunds() -> None:
    """A card takes ten days to give money back; nobody is to be called for that."""
    cards = Limit(State.REFUNDED, 10 * 86_400, 20 * 86_400, provider="stripe")
    one = payment(money(), PENDING)
    limits = (*DEFAULTS, cards)
    assert refund_stuck(one, limits, STRICT, BEGUN_MS + 9 * DAY_MS) is None
    assert refund_stuck(one, limits, STRICT, BEGUN_MS + 10 * DAY_MS) is not None


@pytest.mark.parametrize(("days", "severity"), [(0.9, None), (1, 3), (2.9, 3), (3, 2), (30, 2)])
def test_what_is_confirmed_is_to_be_booked_within_business_days(
    days: float, severity: int | None
) -> None:
    """One day: somebody forgot the batch. Three: it would miss the close."""
    found = posting_lag(payment(money()), BOOKS, STRICT, BEGUN_MS + int(days * DAY_MS))
    assert (None if found is None else found.severity) == severity


def test_a_weekend_does_not_count() -> None:
    """Friday evening's payment is looked at on Monday evening."""
    friday_ms = BEGUN_MS + 4 * DAY_MS
    one = payment(money(), changed_ms=friday_ms)
    assert posting_lag(one, BOOKS, STRICT, friday_ms + 3 * DAY_MS - 1) is None
    assert posting_lag(one, BOOKS, STRICT, friday_ms + 3 * DAY_MS) is not None


def test_the_end_of_the_period_makes_it_worse_and_not_earlier() -> None:
    """On the first of a month nobody wants last evening's payments as exceptions at midnight."""
    monday_ms = BEGUN_MS + 7 * DAY_MS  # 30 November
    final = money()._replace(at_ms=monday_ms)
    one = payment(final, changed_ms=monday_ms)
    assert posting_lag(one, BOOKS, STRICT, monday_ms + DAY_MS - 1) is None
    found = posting_lag(one, BOOKS, STRICT, monday_ms + DAY_MS)
    assert found is not None
    assert found.severity == 2
    assert "its period closed at 2026-12-01T00:00:00" in found.evidence


def test_booked_is_not_owed_and_taken_back_is_owed_again() -> None:
    """Only finance's word settles it; and finance can take it back."""
    late_ms = BEGUN_MS + 9 * DAY_MS
    assert posting_lag(payment(money(), posted()), BOOKS, STRICT, late_ms) is None
    back = posted(OFF, at_ms=BEGUN_MS + 1)
    assert posting_lag(payment(money(), posted(), back), BOOKS, STRICT, late_ms) is not None


def test_nothing_of_before_the_books_is_asked_for() -> None:
    """Finance begins on a day; ten thousand old payments are no exceptions on that day."""
    books = Books(since_ms=BEGUN_MS + 1)
    assert posting_lag(payment(money()), books, STRICT, BEGUN_MS + 9 * DAY_MS) is None


def test_a_hold_is_named_where_the_books_wait_for_it() -> None:
    """Who has to move is compliance, and not the bookkeeper."""
    held = simple(FactKind.HOLD, BEGUN_MS, key="compliance", detail=ON)
    found = posting_lag(payment(money(), held), BOOKS, STRICT, BEGUN_MS + 2 * DAY_MS)
    assert found is not None
    assert "the books wait for a hold to be released: compliance" in found.evidence


@pytest.mark.parametrize("state", [one for one in State if one is not State.CONFIRMED])
def test_only_what_is_confirmed_is_to_be_booked(state: State) -> None:
    """Money that may still vanish, or that is the customer's, is no revenue."""
    one = payment(money(), state=state)
    assert posting_lag(one, BOOKS, STRICT, BEGUN_MS + 9 * DAY_MS) is None


def test_a_payment_of_which_only_a_refund_is_told_has_no_window_that_ends() -> None:
    """It was paid, or nothing could be given back: Expired says that no money was seen."""
    ends = price()._replace(expires_ms=BEGUN_MS)
    for status, ends_ms in (
        (RefundStatus.PENDING, None),
        (RefundStatus.SUCCEEDED, None),
        (RefundStatus.FAILED, BEGUN_MS),
    ):
        one = payment(ends, refund(status), state=State.PENDING)
        assert window_over_ms(one, STRICT) == ends_ms
