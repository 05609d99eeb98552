"""The table of what an answer may show beside what we hold, and how far it is believed."""

import pytest

from consumers.facts import Fact, FactKind, RefundStatus, simple
from consumers.fetching import comparing
from consumers.fetching.comparing import Comparison, compare, is_confirmed, is_tripped
from consumers.lifecycle import State, reduce
from consumers.store.keys import PaymentKey
from consumers.store.polls import ProviderRead
from consumers.weighing import STRICT

TOTAL = "agg:kobbopay:pay_1"
PRICE = 100


def _value(kind: FactKind, amount: int | None, *, whole: bool = False, at_ms: int = 10) -> Fact:
    asset = "" if amount is None else "USDT"
    return simple(kind, at_ms, key=TOTAL, asset=asset, amount=amount)._replace(whole=whole)


ASKED = simple(FactKind.EXPECTED, 0, asset="USDT", amount=PRICE)
SEEN = _value(FactKind.SEEN, PRICE)
FINAL = _value(FactKind.FINAL, PRICE)
PART = _value(FactKind.SEEN, 40)
EXPIRED = simple(FactKind.EXPIRED, 20)
FAILED = simple(FactKind.FAILED, 20, detail="unconfirmed")
REFUND = simple(FactKind.REFUND, 30, key="r1", asset="USDT", amount=PRICE)._replace(
    detail=RefundStatus.SUCCEEDED
)


def _set(*facts: Fact) -> frozenset[Fact]:
    return frozenset({ASKED, *facts})


@pytest.mark.parametrize(
    ("known", "shown", "expected"),
    [
        # what is not known yet, or known less of
        (frozenset(), _set(), Comparison.WE_BEHIND),
        (_set(), _set(SEEN), Comparison.WE_BEHIND),
        (_set(), _set(EXPIRED), Comparison.WE_BEHIND),
        (_set(SEEN), _set(FINAL), Comparison.WE_BEHIND),
        (_set(PART), _set(SEEN), Comparison.WE_BEHIND),
        (_set(SEEN), _set(FAILED), Comparison.WE_BEHIND),
        # the same
        (_set(), _set(), Comparison.AGREE),
        (_set(SEEN), _set(SEEN), Comparison.AGREE),
        (_set(FINAL), _set(FINAL), Comparison.AGREE),
        (_set(EXPIRED), _set(), Comparison.AGREE),
        # less
        (_set(SEEN), _set(), Comparison.WE_AHEAD),
        (_set(PART), _set(), Comparison.WE_AHEAD),
        (_set(SEEN), _set(EXPIRED), Comparison.WE_AHEAD),
        (_set(FINAL), _set(SEEN), Comparison.WE_AHEAD),
        (_set(FINAL), _set(FAILED), Comparison.WE_AHEAD),
        (_set(FINAL), _set(), Comparison.WE_AHEAD),
        # another sum
        (_set(SEEN), _set(PART), Comparison.AMOUNT_DIFFERS),
        (_set(FINAL), _set(_value(FactKind.FINAL, 40)), Comparison.AMOUNT_DIFFERS),
        # given back
        (_set(FINAL), _set(REFUND), Comparison.LEAVES),
        (_set(SEEN), _set(REFUND), Comparison.WE_BEHIND),
    ],
)
def test_every_pair_has_one_answer(
    known: frozenset[Fact], shown: frozenset[Fact], expected: Comparison
) -> None:
    """The table of 5.8, worked by hand: less is never taken for news."""
    assert compare(known, shown, STRICT) is expected


def test_an_answer_that_counts_no_parts_denies_none() -> None:
    """BTCPay calls an invoice New while a part of it is underway."""
    assert compare(_set(PART), _set(), STRICT, counts_parts=False) is Comparison.AGREE
    assert compare(_set(SEEN), _set(), STRICT, counts_parts=False) is Comparison.WE_AHEAD


@pytest.mark.parametrize(
    ("known", "shown", "state"),
    [
        (_set(SEEN), _set(), State.REVERSED),
        (_set(FINAL), _set(), State.REVERSED),
        (_set(SEEN, FINAL), _set(), State.REVERSED),
        (_set(FINAL), _set(SEEN), State.REVERSED),
        (_set(FINAL), _set(FAILED), State.REVERSED),
        (_set(SEEN), _set(EXPIRED), State.REVERSED),
    ],
)
def test_what_is_withdrawn_leads_to_reversed_by_facts(
    known: frozenset[Fact], shown: frozenset[Fact], state: State
) -> None:
    """Lifecycle 1.3 has no arrow back to Pending or Paid: money that is gone is Reversed."""
    after = known | shown | comparing.withdrawn(known, shown, 50)
    assert reduce(after) is state


def test_what_was_withdrawn_and_is_shown_again_stands() -> None:
    """A removal is for ever, and the same answer as before must still be able to confirm."""
    lost = _set(FINAL) | comparing.withdrawn(_set(FINAL), _set(), 50)
    assert reduce(lost | _set(FINAL)) is State.REVERSED
    again = comparing.returned(lost, _set(FINAL))
    assert reduce(lost | again) is State.CONFIRMED
    assert comparing.returned(lost | again, _set(FINAL)) == again


def _read(minutes: int, comparison: str = "we_ahead", word: str = "Pending") -> ProviderRead:
    key = PaymentKey("kobbopay", "main", "pay_1")
    at_ms = minutes * 60_000
    return ProviderRead(key, "hint", at_ms, word, comparison, True, "kobbopay/2", "", "")


@pytest.mark.parametrize(
    ("earlier", "expected"),
    [
        ([], False),
        ([_read(6)], False),
        ([_read(5)], True),
        ([_read(6), _read(5)], True),
        ([_read(9), _read(8, "agree"), _read(1)], False),
        ([_read(9), _read(5, word="Expired")], False),
    ],
)
def test_two_reads_are_consistent_when_nothing_else_was_read_between(
    earlier: list[ProviderRead], expected: bool
) -> None:
    """Five minutes of the same: what flickers is a replica's, not the chain's."""
    assert is_confirmed(Comparison.WE_AHEAD, "Pending", earlier, 10 * 60_000) is expected


@pytest.mark.parametrize(
    ("regressing", "polled", "expected"),
    [(3, 100, True), (2, 100, False), (3, 151, False), (3, 150, True), (1, 1, False), (3, 3, True)],
)
def test_the_breaker_trips_at_two_percent_and_three_payments(
    regressing: int, polled: int, expected: bool
) -> None:
    """One payment of a small shop is a payment; a fiftieth of many is an outage."""
    assert is_tripped(regressing, polled) is expected
