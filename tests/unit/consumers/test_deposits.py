"""Scores of payments that a deposit may be for, against a table worked by hand."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from consumers import deposits
from consumers.deposits import DAY_MS, MOVES, Candidate, Known, Pressing
from consumers.facts import Fact, FactKind, simple
from consumers.store.cases import AtRisk
from consumers.store.deposits import Deposit, DepositState
from consumers.store.keys import EventKey, PaymentKey
from consumers.weighing import Terms, Tolerance

AT_MS = 1_767_225_600_000
PRICE = 12_000_000_000_000_000_000
ASSET = "ETH@ethereum"
ADDRESS, PAYER = "0x" + "5" * 40, "0x" + "a" * 40
TERMS = Terms(tolerances={ASSET: Tolerance(atomic=10)})


def key(name: str) -> PaymentKey:
    """Name a payment."""
    return PaymentKey("alchemy", "main", name)


def deposit(memo: str = "", named: str = "") -> Deposit:
    """Make a transfer to the shop's address."""
    event = EventKey("alchemy", "main", "evt-1")
    return Deposit(key("deposit:tx"), "ethereum", "0x1", ADDRESS, PAYER, memo, named, event, AT_MS)


def seen(amount: int) -> frozenset[Fact]:
    """State that so much was seen."""
    return frozenset({simple(FactKind.SEEN, AT_MS, key="tx", asset=ASSET, amount=amount)})


def asks(name: str = "one", price: int = PRICE, *, since_ms: int = AT_MS, **told: object) -> Known:
    """Make an open payment that asks for so much."""
    facts = frozenset({simple(FactKind.EXPECTED, 0, asset=ASSET, amount=price)})
    return Known(key(name), is_open=True, facts=facts, since_ms=since_ms)._replace(**told)


NOVEMBER_MS = int(datetime(2026, 11, 1, tzinfo=UTC).timestamp()) * 1000


def test_a_period_ends_by_the_clocks_of_the_books() -> None:
    """In Tokyo November began nine hours before it did in Greenwich."""
    tokyo = Pressing(zone=ZoneInfo("Asia/Tokyo"))
    hour_ms = 3_600_000
    late, later = NOVEMBER_MS - 10 * hour_ms, NOVEMBER_MS - 8 * hour_ms
    assert tokyo.why(None, late, NOVEMBER_MS - 9 * hour_ms - 1) == ""
    assert "closed at 2026-10-31T15:00:00" in tokyo.why(None, late, NOVEMBER_MS - 9 * hour_ms)
    assert tokyo.why(None, later, NOVEMBER_MS) == ""
    assert "closed at 2026-11-01T00:00:00" in Pressing().why(None, later, NOVEMBER_MS)


@pytest.mark.parametrize(
    ("risk", "is_large"),
    [
        (AtRisk(ASSET, 9), False),
        (AtRisk(ASSET, 10), True),
        (AtRisk("EURC@ethereum", 10**18), False),
        (None, False),
    ],
)
def test_an_amount_is_large_from_the_limit_on(risk: AtRisk | None, *, is_large: bool) -> None:
    """What no limit names is never large, and neither is money of which nobody knows how much."""
    assert bool(Pressing({ASSET: 10}).why(risk, 5, 6)) is is_large


ALONE = {"expected": ((ADDRESS, ""),), "sharing": {ADDRESS: 1}}
SHARED = {"expected": ((ADDRESS, ""),), "sharing": {ADDRESS: 2}}
MEMO = {"expected": ((ADDRESS, "17"),), "sharing": {ADDRESS: 9}}
ELSEWHERE = {"expected": (("0xother", "17"),), "sharing": {"0xother": 1}}


@pytest.mark.parametrize(
    ("told", "known", "amount", "score"),
    [
        (deposit(), asks(**ALONE), 1, 100),
        (deposit(), asks(**SHARED), 1, 0),
        (deposit(memo="17"), asks(**MEMO), 1, 100),
        (deposit(memo="18"), asks(**MEMO), 1, 0),
        (deposit(memo="17"), asks(**ELSEWHERE), 1, 0),
        (deposit(named="one"), asks(), 1, 95),
        (deposit(named="two"), asks(), 1, 0),
        (deposit(), asks(payers=frozenset({PAYER})), 1, 70),
        (deposit(), asks(payers=frozenset({PAYER}), is_open=False), 1, 0),
        (deposit(), asks(), PRICE, 60),
        (deposit(), asks(), PRICE - 10, 30),
        (deposit(), asks(), PRICE + 10, 30),
        (deposit(), asks(), PRICE - 11, 0),
        (deposit(), asks(is_open=False), PRICE, 0),
        (deposit(), asks(since_ms=AT_MS - DAY_MS), PRICE, 60),
        (deposit(), asks(since_ms=AT_MS - DAY_MS - 1), PRICE, 0),
        (deposit(), asks(since_ms=AT_MS + DAY_MS + 1), PRICE, 0),
    ],
)
def test_a_score_is_that_of_the_strongest_reason(
    told: Deposit, known: Known, amount: int, score: int
) -> None:
    """Each row is one line of the domain's table, or one step beyond it."""
    found = deposits.candidates(told, seen(amount), [known], TERMS)
    assert [one.score for one in found] == ([score] if score else [])


def test_an_amount_that_several_ask_for_is_worth_less() -> None:
    """It is exact for each of them, and so for none."""
    found = deposits.candidates(deposit(), seen(PRICE), [asks("one"), asks("two")], TERMS)
    assert [(one.payment.reference, one.score) for one in found] == [("one", 30), ("two", 30)]


def test_what_is_missing_is_compared_and_not_the_price() -> None:
    """The second part of a payment fits what is left to pay."""
    partly = asks()._replace(facts=asks().facts | {*seen(PRICE - 5)})
    other = simple(FactKind.SEEN, AT_MS, key="tx2", asset=ASSET, amount=5)
    found = deposits.candidates(deposit(), frozenset({other}), [partly], TERMS)
    assert [one.score for one in found] == [60]


def test_reasons_are_told_the_strongest_first_and_never_added_up() -> None:
    """Two weak reasons are not one strong one: 0.7 and 0.6 stay below what a rule may match."""
    known = asks(payers=frozenset({PAYER}))
    [found] = deposits.candidates(deposit(), seen(PRICE), [known], TERMS)
    assert (found.score, len(found.reasons)) == (70, 2)
    assert deposits.certain([found]) is None


@pytest.mark.parametrize(
    ("scores", "expected"),
    [((100,), 0), ((95, 70), 0), ((94,), None), ((100, 95), None), ((100, 100), None), ((), None)],
)
def test_a_rule_matches_the_only_certain_candidate(
    scores: tuple[int, ...], expected: int | None
) -> None:
    """Below 0.95, or with two that are likely enough, a person decides."""
    found = [Candidate(key(str(number)), score, ()) for number, score in enumerate(scores)]
    certain = deposits.certain(found)
    assert certain == (None if expected is None else found[expected])


def test_money_in_another_asset_fits_no_price() -> None:
    """Ten of one coin are not ten of another, whatever the digits."""
    other = simple(FactKind.SEEN, AT_MS, key="tx", asset="USDC@ethereum", amount=PRICE)
    assert deposits.candidates(deposit(), frozenset({other}), [asks()], TERMS) == []


def test_what_was_returned_or_written_off_is_decided_for_good() -> None:
    """Money that went back cannot be somebody's payment afterwards; a held one still can."""
    ended = {state for state, ways in MOVES.items() if not ways}
    assert ended == {DepositState.RETURNED, DepositState.WRITTEN_OFF}
    assert DepositState.MATCHED in MOVES[DepositState.HELD]
    assert MOVES.keys() == set(DepositState)
