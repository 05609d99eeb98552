"""The lifecycle: the table, the reducer and the verdicts, against hand-worked expectations."""

from collections import defaultdict
from itertools import permutations, product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumers import standing
from consumers.exceptions import Code
from consumers.facts import Fact, FactKind
from consumers.lifecycle import (
    BELATED,
    ORDINARY,
    TRANSITIONS,
    State,
    Verdict,
    decide,
    reduce,
)
from consumers.weighing import Terms, asked

WINDOW_MS = 1000
ON_TIME_MS = 500
AFTER_MS = 1500

SEEN_100 = Fact(FactKind.SEEN, "tx:1", "USDC", 100, whole=False, late=False, at_ms=ON_TIME_MS)
SEEN_60 = SEEN_100._replace(amount=60)
SEEN_40 = SEEN_100._replace(amount=40, key="tx:2")
FINAL_100 = SEEN_100._replace(kind=FactKind.FINAL)
FINAL_60 = SEEN_60._replace(kind=FactKind.FINAL)
FINAL_40 = SEEN_40._replace(kind=FactKind.FINAL)
WHOLE = Fact(FactKind.SEEN, "agg:shop:1", "", None, whole=True, late=False, at_ms=ON_TIME_MS)
WHOLE_FINAL = WHOLE._replace(kind=FactKind.FINAL)
UNSIZED = WHOLE._replace(whole=False)
TOTAL_100 = WHOLE._replace(whole=False, asset="USDC", amount=100)
EXPIRED = Fact(FactKind.EXPIRED, "", "", None, whole=False, late=False, at_ms=WINDOW_MS)
ASKED = Fact(
    FactKind.EXPECTED, "", "USDC", 100, whole=False, late=False, at_ms=0, expires_ms=WINDOW_MS
)
ASKED_150 = ASKED._replace(amount=150)
ASKED_90_EUR = ASKED._replace(asset="EUR", amount=90)
ASKED_NOTHING = ASKED._replace(asset="", amount=None, expires_ms=None)


def later(fact: Fact) -> Fact:
    """Move an observation behind the end of the window."""
    return fact._replace(at_ms=AFTER_MS)


def called_late(fact: Fact) -> Fact:
    """Let the provider itself call the transfer late."""
    return fact._replace(late=True)


def euros(fact: Fact, amount: int) -> Fact:
    """Observe another transfer, in another asset."""
    return fact._replace(asset="EUR", amount=amount, key="tx:eur")


# The grid of the domain's document, by hand: rows from, columns to; "." is a move only older
# evidence makes. Whatever has no mark may never be written.
GRID = """
           Pending Paid Confirmed Underpaid Late Expired Cancelled Failed Reversed Refunded
Pending    -       o    o         o         o    o       o         o      .        .
Underpaid  -       o    o         -         o    -       -         o      o        o
Paid       -       -    o         -         .    -       -         o      o        o
Late       -       .    .         -         -    -       -         o      o        o
Expired    -       .    .         .         o    -       .         o      .        .
Cancelled  -       .    .         .         o    -       -         o      .        .
Failed     -       -    o         -         o    -       -         -      o        o
Confirmed  -       -    -         -         .    -       -         -      o        o
Reversed   -       o    o         -         o    -       -         o      -        o
Refunded   -       .    .         .         .    -       -         .      .        -
"""


def test_the_table_is_the_grid_over_every_pair_of_states() -> None:
    """A move is legal by being in the grid, and silence is never an answer."""
    head, *rows = (line.split() for line in GRID.strip().splitlines())
    marks = {(row[0], to): mark for row in rows for to, mark in zip(head, row[1:], strict=True)}
    assert set(TRANSITIONS) == set(State)
    for before, after in product(State, State):
        mark = marks[before.value, after.value]
        assert (after in TRANSITIONS[before]) == (mark != "-")
        assert (after in ORDINARY[before]) == (mark == "o")
        assert (after in BELATED[before]) == (mark == ".")


SCENARIOS = [
    ("nothing at all", {}, State.PENDING),
    ("a price and no money", {ASKED}, State.PENDING),
    ("the window closed without money", {ASKED, EXPIRED}, State.EXPIRED),
    ("the price, seen in time", {ASKED, SEEN_100}, State.PAID),
    ("one unit less", {ASKED, SEEN_100._replace(amount=99)}, State.UNDERPAID),
    ("the price and more", {ASKED, SEEN_100._replace(amount=150)}, State.PAID),
    ("two transfers make the price", {ASKED, SEEN_60, SEEN_40}, State.PAID),
    (
        "one transfer seen twice is one transfer",
        {ASKED, SEEN_60, SEEN_60._replace(at_ms=600)},
        State.UNDERPAID,
    ),
    ("final without having been seen", {ASKED, FINAL_100}, State.CONFIRMED),
    ("only a part of it is final", {ASKED, SEEN_60, SEEN_40, FINAL_60}, State.PAID),
    ("both parts are final", {ASKED, FINAL_60, FINAL_40}, State.CONFIRMED),
    ("a part is final, and nothing more came", {ASKED, FINAL_60}, State.UNDERPAID),
    ("the price, after the window", {ASKED, later(SEEN_100)}, State.LATE),
    ("final after the window, never seen before", {ASKED, later(FINAL_100)}, State.LATE),
    ("seen in time, final after", {ASKED, SEEN_100, later(FINAL_100)}, State.CONFIRMED),
    ("the second part after the window", {ASKED, SEEN_60, later(SEEN_40)}, State.LATE),
    ("a part, and the window closed", {ASKED, SEEN_60, EXPIRED}, State.UNDERPAID),
    ("seen in time, told after the end", {ASKED, EXPIRED, SEEN_100}, State.PAID),
    ("no end is told but the end itself", {EXPIRED, later(WHOLE)}, State.LATE),
    ("seen before the end itself", {EXPIRED, WHOLE}, State.PAID),
    ("the provider's word, no amount", {WHOLE}, State.PAID),
    ("the provider's final word, no amount", {WHOLE_FINAL}, State.CONFIRMED),
    ("money, and no price to compare with", {ASKED_NOTHING, SEEN_100}, State.UNDERPAID),
    ("money of unknown size", {UNSIZED}, State.UNDERPAID),
    ("a transfer of nothing", {ASKED, SEEN_100._replace(amount=0)}, State.PENDING),
    ("called late by the provider", {ASKED, called_late(SEEN_100)}, State.LATE),
    (
        "called late once, late in all that is told of it",
        {ASKED, called_late(FINAL_100), SEEN_100},
        State.LATE,
    ),
    (
        "paid in time, and again too late",
        {ASKED, SEEN_100, called_late(SEEN_100._replace(key="tx:9"))},
        State.PAID,
    ),
    ("assets are never added", {ASKED, SEEN_60, euros(SEEN_60, 60)}, State.UNDERPAID),
    ("the wrong asset does not pay", {ASKED, euros(SEEN_100, 5000)}, State.UNDERPAID),
    ("any of several prices pays", {ASKED, ASKED_90_EUR, euros(SEEN_100, 90)}, State.PAID),
    ("of two prices the higher is due", {ASKED, ASKED_150, SEEN_100}, State.UNDERPAID),
    (
        "of two ends the earlier holds",
        {ASKED, ASKED._replace(expires_ms=2 * WINDOW_MS), later(SEEN_100)},
        State.LATE,
    ),
    ("a total and its transfer are one money", {ASKED_150, TOTAL_100, SEEN_100}, State.UNDERPAID),
    (
        "amounts beyond 64 bits are exact",
        {ASKED._replace(amount=12 * 10**18 + 1), SEEN_100._replace(amount=12 * 10**18)},
        State.UNDERPAID,
    ),
]


@pytest.mark.parametrize(
    ("facts", "state"), [row[1:] for row in SCENARIOS], ids=[r[0] for r in SCENARIOS]
)
def test_a_set_of_facts_proves_the_state_worked_out_by_hand(facts: set[Fact], state: State) -> None:
    """These are the sentences that finance signs: each is a row of the domain's rules."""
    assert reduce(frozenset(facts)) is state


@pytest.mark.parametrize("told", [(ASKED, ASKED_150), (ASKED_150, ASKED)])
def test_of_two_prices_the_higher_is_due_whichever_came_last(told: tuple[Fact, Fact]) -> None:
    """The last one told would make the state depend on the order."""
    assert asked(told) == {"USDC": 150}


def test_grace_moves_the_end_of_the_window() -> None:
    """A transfer the policy forgives is not late, and one millisecond more is."""
    facts = frozenset({ASKED, later(SEEN_100)})
    assert reduce(facts, Terms(grace_ms=AFTER_MS - WINDOW_MS)) is State.PAID
    assert reduce(facts, Terms(grace_ms=AFTER_MS - WINDOW_MS - 1)) is State.LATE


POOL = (
    ASKED,
    ASKED_NOTHING,
    ASKED_90_EUR,
    SEEN_60,
    SEEN_40,
    later(SEEN_40),
    later(FINAL_60),
    FINAL_40,
    WHOLE,
    later(WHOLE_FINAL),
    called_late(WHOLE),
    UNSIZED,
    EXPIRED,
    euros(SEEN_100, 90),
)


def test_every_order_of_up_to_four_facts_ends_alike_along_declared_moves() -> None:
    """The promise on order, exhaustively: 26,404 orders, and not one undeclared move."""
    ends = defaultdict(set)
    orders = 0

    def walk(before: State | None, known: frozenset[Fact], told: frozenset[Fact]) -> None:
        nonlocal orders
        for fact in POOL if len(told) < 4 else ():
            if fact in told:
                continue
            orders += 1
            decision = decide(before, known, frozenset({fact}))
            assert decision.verdict is not Verdict.ILLEGAL
            assert before in {None, decision.after} or decision.after in TRANSITIONS[before]
            ends[told | {fact}].add(decision.after)
            walk(decision.after, known | decision.facts, told | {fact})

    walk(None, frozenset(), frozenset())
    assert orders == 14 + 14 * 13 + 14 * 13 * 12 + 14 * 13 * 12 * 11
    assert all(states == {reduce(facts)} for facts, states in ends.items())


FACTS = st.builds(
    Fact,
    kind=st.sampled_from([FactKind.SEEN, FactKind.FINAL]),
    key=st.sampled_from(["tx:1", "tx:2", "agg:shop:1"]),
    asset=st.sampled_from(["USDC", "EUR"]),
    amount=st.none() | st.integers(0, 120),
    whole=st.sampled_from([False, False, False, True]),
    late=st.sampled_from([False, False, False, True]),
    at_ms=st.integers(0, 2000),
) | st.sampled_from([ASKED, ASKED._replace(expires_ms=1200), ASKED_90_EUR, ASKED_NOTHING, EXPIRED])


@given(st.data(), st.lists(st.frozensets(FACTS, max_size=3), max_size=8))
def test_events_in_any_order_with_repetitions_end_in_the_state_of_their_facts(
    data: st.DataObject, events: list[frozenset[Fact]]
) -> None:
    """Whatever a provider sends, retries and mixes up, the end depends on what was said alone."""
    repeated = events + data.draw(
        st.lists(st.sampled_from(events), max_size=4) if events else st.just([])
    )
    before: State | None = None
    known: frozenset[Fact] = frozenset()
    for told in data.draw(st.permutations(repeated)):
        decision = decide(before, known, told)
        assert decision.verdict is not Verdict.ILLEGAL
        assert before in {None, decision.after} or decision.after in TRANSITIONS[before]
        assert decision.proven is decision.after
        before, known = decision.after, known | decision.facts
    if events:
        assert before is reduce(frozenset().union(*events))


def test_the_first_sight_of_a_payment_is_a_move_of_its_own() -> None:
    """History begins with the first event, even where it proves no money."""
    assert decide(None, frozenset(), frozenset({ASKED})).verdict is Verdict.APPLIED
    assert decide(None, frozenset(), frozenset()).after is State.PENDING


CONFIRMED = frozenset({ASKED, SEEN_100, FINAL_100})
VERDICTS = [
    ("the same statement", State.CONFIRMED, CONFIRMED, FINAL_100, Verdict.DUPLICATE_FACT),
    ("it again, later", State.CONFIRMED, CONFIRMED, later(FINAL_100), Verdict.DUPLICATE_FACT),
    ("created, told before", State.CONFIRMED, CONFIRMED, ASKED, Verdict.SUPERSEDED),
    ("created, twice", State.PENDING, frozenset({ASKED}), ASKED, Verdict.DUPLICATE_FACT),
    ("expired, overtaken", State.CONFIRMED, CONFIRMED, EXPIRED, Verdict.SUPERSEDED),
    ("paid, overtaken", State.CONFIRMED, frozenset({WHOLE_FINAL}), WHOLE, Verdict.SUPERSEDED),
    ("created, overtaken", State.PAID, frozenset({WHOLE}), ASKED_NOTHING, Verdict.SUPERSEDED),
    ("expired beside a part", State.UNDERPAID, frozenset({SEEN_60}), EXPIRED, Verdict.SUPERSEDED),
    ("one more transfer", State.CONFIRMED, CONFIRMED, SEEN_40, Verdict.APPLIED_NO_CHANGE),
    ("another price", State.PENDING, frozenset({ASKED}), ASKED_150, Verdict.APPLIED_NO_CHANGE),
    ("a top-up", State.UNDERPAID, frozenset({ASKED, SEEN_60}), SEEN_40, Verdict.APPLIED),
]


@pytest.mark.parametrize(
    ("before", "known", "told", "verdict"),
    [row[1:] for row in VERDICTS],
    ids=[r[0] for r in VERDICTS],
)
def test_an_event_gets_the_verdict_its_news_deserve(
    before: State, known: frozenset[Fact], told: Fact, verdict: Verdict
) -> None:
    """Verdicts are counted and shown: "superseded" must not hide a second payment."""
    assert decide(before, known, frozenset({told})).verdict is verdict


def test_a_word_without_facts_moves_nothing() -> None:
    """A refund that has begun is known and has no fact yet: neither a repetition nor old news."""
    decision = decide(State.CONFIRMED, CONFIRMED, frozenset())
    assert (decision.verdict, decision.after) == (Verdict.APPLIED_NO_CHANGE, State.CONFIRMED)


def test_a_repetition_is_not_stored_again() -> None:
    """A provider that repeats itself at each confirmation must not make its payment slower."""
    assert decide(State.CONFIRMED, CONFIRMED, frozenset({later(FINAL_100)})).facts == frozenset()


def test_a_blank_move_is_never_taken_and_its_facts_are_kept() -> None:
    """A provider that raises the price after payment is a fault for a human, not a new state."""
    decision = decide(State.PAID, frozenset({ASKED, SEEN_100}), frozenset({ASKED_150}))
    assert (decision.verdict, decision.after) == (Verdict.ILLEGAL, State.PAID)
    assert (decision.proven, decision.facts) == (State.UNDERPAID, {ASKED_150})


def test_a_payment_is_short_only_where_that_is_known() -> None:
    """Between a first sighting and the word on the whole, nobody should be sent after money."""
    assert is_short(ASKED, SEEN_60)
    assert is_short(ASKED_NOTHING, UNSIZED, EXPIRED)
    assert not is_short(ASKED_NOTHING, SEEN_60)
    assert not is_short(ASKED, SEEN_100)


def is_short(*facts: Fact) -> bool:
    """Say whether people are told that less came than was asked."""
    told = standing.concerns(reduce(facts), facts)
    return Code.AMOUNT_UNDER in {concern.code for concern in told}


def test_all_orders_of_a_real_invoice_end_confirmed() -> None:
    """Six events of one BTCPay invoice, in all 720 orders."""
    told = (ASKED_NOTHING, SEEN_60, SEEN_40, WHOLE, FINAL_60, later(WHOLE_FINAL))
    for order in permutations(told):
        before, known = None, frozenset()
        for fact in order:
            decision = decide(before, known, frozenset({fact}))
            before, known = decision.after, known | decision.facts
        assert before is State.CONFIRMED
