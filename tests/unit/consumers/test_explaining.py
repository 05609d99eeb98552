"""Why a payment is in its state: the rule, the numbers, the facts that carry it, the way on.

The expectations are worked out by hand from the reducer's document: the price is 100 units of USDC
until the instant 1000, with two decimals when written.
"""

from collections.abc import Collection

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumers import explaining
from consumers.explaining import RULES, Explanation, Writer, explain
from consumers.facts import Fact, FactKind, simple
from consumers.lifecycle import BELATED, ORDINARY, State, reduce
from consumers.weighing import STRICT, Terms, Tolerance

WRITER = Writer(
    lambda asset, amount: f"{amount // 100}.{amount % 100:02} {asset}", lambda ms: f"t{ms}"
)
LENIENT = Terms(grace_ms=500, tolerances={"USDC": Tolerance(atomic=5)})

PRICE = simple(FactKind.EXPECTED, 0, asset="USDC", amount=100)._replace(expires_ms=1000)


def value(kind: FactKind, amount: int | None, at_ms: int, *, key: str = "tx:1") -> Fact:
    """Observe a transfer."""
    return simple(kind, at_ms, key=key, asset="USDC", amount=amount)


SEEN = value(FactKind.SEEN, 100, 500)
FINAL = value(FactKind.FINAL, 100, 700)
PART = value(FactKind.SEEN, 40, 500)
LATE_SEEN = value(FactKind.SEEN, 100, 1200)
LATE_FINAL = value(FactKind.FINAL, 100, 1300)
REMOVED = simple(FactKind.REMOVED, 800, key="tx:1")
EXPIRED = simple(FactKind.EXPIRED, 1000)
CANCELLED = simple(FactKind.CANCELLED, 600)
FAILED = simple(FactKind.FAILED, 900, detail="aml")
REFUND = simple(FactKind.REFUND, 2000, key="refund:1", asset="USDC", amount=100, detail="succeeded")
ACCEPTED = simple(FactKind.ACCEPT_LATE, 1500)
SHORT_ACCEPTED = simple(FactKind.ACCEPT_UNDER, 1500)
WHOLE = simple(FactKind.FINAL, 700, key="agg:shop:1")._replace(whole=True)

# What is known, the state, the rule, words of its reason, and the single facts that carry it.
CASES = {
    "nothing": ((), State.PENDING, 9, "no money was ever seen", ()),
    "asked": ((PRICE,), State.PENDING, 9, "nobody called it off", ()),
    "expired": ((PRICE, EXPIRED), State.EXPIRED, 8, "closed at t1000", (EXPIRED,)),
    "cancelled": (
        (PRICE, EXPIRED, CANCELLED),
        State.CANCELLED,
        7,
        "called off at t600",
        (CANCELLED,),
    ),
    "part": ((PRICE, PART), State.UNDERPAID, 6, "seen: 0.40 USDC; asked: 1.00 USDC", (PART,)),
    "no price": ((PART,), State.UNDERPAID, 6, "asked: no price is known", (PART,)),
    "unknown size": (
        (PRICE, value(FactKind.SEEN, None, 500)),
        State.UNDERPAID,
        6,
        "seen: an amount not told",
        (value(FactKind.SEEN, None, 500),),
    ),
    "seen": (
        (PRICE, SEEN),
        State.PAID,
        5,
        "seen: 1.00 USDC; asked: 1.00 USDC; in time: the window closed at t1000",
        (PRICE, SEEN),
    ),
    "seen late": (
        (PRICE, LATE_SEEN),
        State.LATE,
        5,
        "late: in time came nothing with an amount; the window closed at t1000",
        (PRICE, LATE_SEEN),
    ),
    "failed": ((PRICE, SEEN, FAILED), State.FAILED, 4, "failed at t900 (aml)", (FAILED,)),
    "final": (
        (PRICE, SEEN, FINAL),
        State.CONFIRMED,
        3,
        "final: 1.00 USDC; asked: 1.00 USDC; in time",
        (PRICE, FINAL),
    ),
    "final by word": (
        (PRICE, WHOLE),
        State.CONFIRMED,
        3,
        "final: an amount not told, which the provider calls the full amount",
        (WHOLE,),
    ),
    "final late": (
        (PRICE, LATE_FINAL),
        State.LATE,
        3,
        "late: in time came nothing with an amount",
        (PRICE, LATE_FINAL),
    ),
    "called late": (
        (PRICE, SEEN._replace(late=True)),
        State.LATE,
        5,
        "late: in time came nothing with an amount; the provider calls it late; the window",
        (PRICE, SEEN._replace(late=True)),
    ),
    "late and accepted": (
        (PRICE, LATE_FINAL, ACCEPTED),
        State.CONFIRMED,
        3,
        "and it was accepted late",
        (PRICE, LATE_FINAL, ACCEPTED),
    ),
    "less and accepted": (
        (PRICE, PART, SHORT_ACCEPTED),
        State.PAID,
        5,
        "or the lower amount that was accepted at t1500, when 0.40 USDC stood",
        (PART, SHORT_ACCEPTED),
    ),
    "removed": (
        (PRICE, FINAL, REMOVED),
        State.REVERSED,
        2,
        "nothing with an amount stands of 1.00 USDC that was seen",
        (FINAL, REMOVED),
    ),
    "refunded": (
        (PRICE, SEEN, FINAL, REFUND),
        State.REFUNDED,
        1,
        "given back: 1.00 USDC of 1.00 USDC",
        (REFUND,),
    ),
}


def _of(name: str, terms: Terms = STRICT) -> Explanation:
    return explain(CASES[name][0], terms, WRITER)


def test_every_state_is_explained_here() -> None:
    """A state without an example is one whose explanation nobody has read."""
    assert {case[1] for case in CASES.values()} == set(State)


@pytest.mark.parametrize("name", CASES)
def test_the_rule_that_holds_is_named_with_its_numbers(name: str) -> None:
    """An operator who doubts the word must see the sum that it follows from."""
    _, state, number, words, _ = CASES[name]
    found = _of(name)
    assert (found.state, found.rule.number) == (state, number)
    assert words in found.checks[-1].why


@pytest.mark.parametrize("name", CASES)
def test_every_rule_before_it_is_told_and_does_not_hold(name: str) -> None:
    """The first rule that holds names the state: why the others do not is half of the answer."""
    checks = _of(name).checks
    assert [check.rule.number for check in checks] == list(range(1, len(checks) + 1))
    assert [check.holds for check in checks] == [False] * (len(checks) - 1) + [True]
    assert all(check.why for check in checks)


@pytest.mark.parametrize("name", [name for name in CASES if name != "removed"])
def test_the_facts_that_carry_the_state_are_found(name: str) -> None:
    """They are what has to be wrong for the state to be wrong: nothing else need be looked at."""
    found = _of(name)
    assert {fact for one in found.decisive for fact in one.facts} == set(CASES[name][4])
    assert found.is_smallest


def test_a_reversal_is_carried_by_the_loss_and_by_what_was_lost() -> None:
    """Without the removal it is Confirmed, without the money it was never anything."""
    carried = {fact: one.without for one in _of("removed").decisive for fact in one.facts}
    assert carried == {FINAL: State.PENDING, REMOVED: State.CONFIRMED}


def test_more_that_comes_late_makes_no_payment_late() -> None:
    """Who paid in time and then again, too late, has paid in time."""
    again = value(FactKind.SEEN, 100, 1200, key="tx:2")
    found = explain([PRICE, SEEN, again], STRICT, WRITER)
    assert found.state is State.PAID
    assert not found.numbers.is_late
    assert "; in time: the window closed" in found.checks[-1].why


def test_what_two_facts_prove_apart_they_carry_together() -> None:
    """A webhook and a poll state the same: neither alone would be missed."""
    again = FINAL._replace(at_ms=710)
    found = explain([PRICE, FINAL, again], STRICT, WRITER)
    assert found.decisive[0].facts == {PRICE}
    without_price = explain([FINAL, again, WHOLE], STRICT, WRITER)
    assert [one.facts for one in without_price.decisive] == [{WHOLE}]
    twice = explain([WHOLE, WHOLE._replace(at_ms=710)], STRICT, WRITER)
    assert [one.facts for one in twice.decisive] == [{WHOLE, WHOLE._replace(at_ms=710)}]
    assert twice.decisive[0].without is State.PENDING
    assert twice.is_smallest


def test_of_very_many_facts_a_set_is_found_that_needs_each_of_its_own() -> None:
    """A payment with a hundred transfers is explained too, though not by trying all sets."""
    words = [WHOLE._replace(at_ms=700 + number) for number in range(150)]
    found = explain(words, STRICT, WRITER)
    assert not found.is_smallest
    [one] = found.decisive
    assert one.facts == set(words)


def test_beyond_the_trials_a_pending_payment_has_nothing_that_carries_it() -> None:
    """No fact makes a payment Pending: it is what is left where none says anything."""
    notes = [simple(FactKind.NOTE, at_ms, detail="inferred") for at_ms in range(150)]
    assert explain(notes, STRICT, WRITER).decisive == ()


def test_tolerance_and_grace_are_part_of_the_numbers() -> None:
    """The same facts under other terms are another state, and the reason must say which terms."""
    short = value(FactKind.FINAL, 96, 1400)
    strict = explain([PRICE, short], STRICT, WRITER)
    lenient = explain([PRICE, short], LENIENT, WRITER)
    assert (strict.state, lenient.state) == (State.UNDERPAID, State.CONFIRMED)
    assert "asked: 1.00 USDC less at most 0.05 USDC" in lenient.checks[-1].why
    assert "closed at t1500 (the end that was told, with 500 ms of grace)" in lenient.checks[-1].why
    assert lenient.numbers.window_ms == 1500
    assert lenient.numbers.tolerated == {"USDC": 5}


@pytest.mark.parametrize(
    ("facts", "by"),
    [
        ([PRICE, CANCELLED], "it was called off then"),
        ([EXPIRED], "the provider's word that it expired"),
        ([PRICE], "the end that was told"),
        ([], ""),
    ],
)
def test_what_closed_the_window_is_named(facts: list[Fact], by: str) -> None:
    """Late money is judged against an instant: somebody set it, and the customer will ask who."""
    assert explaining.weigh(facts, STRICT).window_by == by


def test_what_is_missing_is_told_in_figures() -> None:
    """The customer is asked for the rest: the figure must be the one that lifts the payment."""
    steps = {step.to: step.by for step in _of("part").steps}
    assert "0.60 USDC more" in steps[State.PAID]
    topped_up = [PRICE, PART, value(FactKind.SEEN, 60, 600, key="tx:2")]
    assert reduce(topped_up) is State.PAID
    lenient = {step.to: step.by for step in _of("part", LENIENT).steps}
    assert "0.55 USDC more" in lenient[State.CONFIRMED]


@pytest.mark.parametrize("name", CASES)
def test_the_way_on_is_the_table_of_moves(name: str) -> None:
    """A step that the table does not have would send somebody to wait for nothing."""
    state = CASES[name][1]
    steps = [step.to for step in _of(name).steps]
    accepted = {State.PAID, State.CONFIRMED} if state is State.LATE else set()
    assert len(steps) == len(set(steps))
    assert set(steps) == ORDINARY[state] | (accepted & BELATED[state])


def test_amounts_of_any_size_are_exact() -> None:
    """Ten coins of an 18-decimal token pass 64 bits: the sum that is shown must be the sum."""
    huge = 10**30 + 1
    facts = [PRICE._replace(amount=huge), value(FactKind.SEEN, huge - 1, 500)]
    found = explain(facts, STRICT, Writer(lambda asset, amount: f"{amount} {asset}", str))
    assert found.state is State.UNDERPAID
    assert {step.to: step.by for step in found.steps}[State.PAID].startswith("1 USDC more")


POOL = (
    *(PRICE, SEEN, FINAL, PART, LATE_SEEN, LATE_FINAL, REMOVED, EXPIRED, CANCELLED, FAILED),
    *(REFUND, ACCEPTED, SHORT_ACCEPTED, WHOLE, value(FactKind.SEEN, 60, 600, key="tx:2")),
    *(simple(FactKind.DROPPED, 800, key="tx:1"), value(FactKind.SEEN, 0, 500, key="tx:3")),
)


@given(st.frozensets(st.sampled_from(POOL), max_size=9), st.sampled_from([STRICT, LENIENT]))
def test_of_any_set_the_reasons_agree_with_the_state(facts: Collection[Fact], terms: Terms) -> None:
    """The explanation decides nothing: where its numbers would, they must say what is said."""
    found = explain(facts, terms, WRITER)
    numbers = found.numbers
    assert found.state is reduce(facts, terms)
    assert found.rule in RULES
    says = {
        State.CONFIRMED: numbers.is_final,
        State.PAID: numbers.is_met and not numbers.is_final,
        State.LATE: numbers.is_met and numbers.is_late and ACCEPTED not in facts,
        State.UNDERPAID: not numbers.is_met,
        State.PENDING: not numbers.is_met,
        State.EXPIRED: not numbers.is_met,
        State.CANCELLED: not numbers.is_met,
    }
    assert says.get(found.state, True)
    for one in found.decisive:
        assert reduce(set(facts) - one.facts, terms) is one.without
        assert one.without is not found.state
