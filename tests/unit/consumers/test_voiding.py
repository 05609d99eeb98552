"""Marks and corrections where no database looks at them, against facts, marks and payments by hand.

The property is that of the whole: whatever is voided, and whenever, a payment ends as if the void
events had never come. Here a few lines play the store; the stores themselves are held to the same
in tests/conformance/test_store_void.py.
"""

from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumers.facts import Fact, FactKind
from consumers.lifecycle import CORRECTIONS, TRANSITIONS, State, Verdict, decide, reduce
from consumers.store.port import (
    Cause,
    EventKey,
    Judgement,
    Mark,
    Marked,
    Payment,
    Recorded,
)
from consumers.voiding import (
    OwnEvents,
    Rim,
    UnknownEvents,
    payment_of,
    plan_corrections,
    plan_marks,
)
from tests.support.store_builders import NOW_MS, PAYMENT, event, event_key, mark

RIM = Rim("sandbox", lambda: NOW_MS, lambda: "00-" + "1" * 32 + "-" + "2" * 16 + "-00")
ASKED = Fact(FactKind.EXPECTED, "", "USDC", 100, whole=False, late=False, at_ms=0, expires_ms=1000)
EXPIRED = Fact(FactKind.EXPIRED, "", "", None, whole=False, late=False, at_ms=1000)
FACTS = st.builds(
    Fact,
    kind=st.sampled_from([FactKind.SEEN, FactKind.FINAL]),
    key=st.sampled_from(["tx:1", "tx:2", "agg:shop:1"]),
    asset=st.sampled_from(["USDC", "EUR"]),
    amount=st.sampled_from([None, 0, 40, 60, 100]),
    whole=st.sampled_from([False, False, False, True]),
    late=st.sampled_from([False, False, False, True]),
    at_ms=st.sampled_from([500, 600, 1500]),
) | st.sampled_from([ASKED, ASKED._replace(expires_ms=1200), EXPIRED])

UNWRITTEN = Payment(PAYMENT, State.PENDING, 0, frozenset(), 0)


@dataclass
class Ledger:
    """One payment and who stated what of it, as the stores keep it."""

    stated: dict[Fact, int] = field(default_factory=dict)
    restated: list[tuple[Fact, int]] = field(default_factory=list)
    void: set[int] = field(default_factory=set)
    payment: Payment = UNWRITTEN

    def standing(self) -> frozenset[Fact]:
        """Return the facts that some event states which is not void."""
        facts = {fact for fact, by in self.stated.items() if by not in self.void}
        if self.void & set(self.stated.values()):
            facts |= {fact for fact, by in self.restated if by not in self.void}
        return frozenset(facts)

    def tell(self, number: int, told: frozenset[Fact]) -> None:
        """Apply an event as a worker does."""
        known = self.standing()
        before = self.payment.state if self.payment.version else None
        decision = decide(before, known, told)
        assert decision.verdict is not Verdict.ILLEGAL
        for fact in told:
            if fact in decision.facts and fact not in self.stated:
                self.stated[fact] = number
            else:
                self.restated.append((fact, number))
        moved = decision.verdict is Verdict.APPLIED
        self.payment = self.payment._replace(
            state=decision.after, version=self.payment.version + moved
        )

    def take_out(self, number: int) -> None:
        """Void an event, and let the code under test correct the payment."""
        before = self.payment._replace(facts=self.standing())
        self.void.add(number)
        after = self.payment._replace(facts=self.standing())
        came = event(str(number))
        changes, _ = plan_corrections(
            {PAYMENT: before}, {PAYMENT: after}, {came.key: (came, Cause.VOID)}, RIM
        )
        for row in changes.payments:
            assert row.payment.state in CORRECTIONS[self.payment.state]
            self.payment = row.payment


@given(st.data(), st.lists(st.frozensets(FACTS, max_size=3), min_size=1, max_size=7))
def test_a_payment_ends_as_if_the_void_events_had_never_come(
    data: st.DataObject, events: list[frozenset[Fact]]
) -> None:
    """Any events in any order, any of them voided, each at any moment after it came."""
    order = data.draw(st.permutations(range(len(events))))
    voided = data.draw(st.sets(st.sampled_from(order)))
    when = {number: data.draw(st.integers(order.index(number), len(order))) for number in voided}
    ledger, clean = Ledger(), Ledger()
    for place, number in enumerate(order):
        ledger.tell(number, events[number])
        if number not in voided:
            clean.tell(number, events[number])
        for out in sorted(one for one, at in when.items() if at == place):
            ledger.take_out(out)
    for out in sorted(one for one, at in when.items() if at == len(order)):
        ledger.take_out(out)
    assert ledger.payment.state is clean.payment.state
    assert ledger.payment.state is reduce(ledger.standing())
    remaining = [told for number, told in enumerate(events) if number not in voided]
    assert ledger.payment.state is reduce(frozenset().union(*remaining))


def test_the_table_of_corrections_is_total_and_goes_anywhere() -> None:
    """What the facts prove is what is written, and no state is left out of the table."""
    assert set(CORRECTIONS) == set(State)
    for before in State:
        assert CORRECTIONS[before] == set(State) - {before}
        assert CORRECTIONS[before] >= TRANSITIONS[before]


def _found(*marks: Mark, name: str = "e") -> dict[EventKey, Marked]:
    return {event_key(name): Marked(Recorded(event(name), "applied"), marks)}


C, X, V = Judgement.CORROBORATED, Judgement.CONTRADICTED, Judgement.VOID


@pytest.mark.parametrize(
    ("before", "said", "news"),
    [
        ([], [C], [C]),
        ([], [V, V], [V]),
        ([V], [V], []),
        ([V], [X], []),
        ([V], [C], [C]),
        ([V], [C, X], [C, X]),
        ([X], [V], [V]),
        ([C], [X], [X]),
        ([V, C], [V], [V]),
    ],
)
def test_only_what_says_something_new_is_written(
    before: list[Judgement], said: list[Judgement], news: list[Judgement]
) -> None:
    """To contradict a void event gives nothing back: only a corroboration does."""
    found = _found(*(mark("e", judgement) for judgement in before))
    planned = plan_marks([mark("e", judgement) for judgement in said], found)
    assert [one.judgement for one in planned] == news


def test_events_that_are_not_there_are_named_all_at_once() -> None:
    """An operator corrects a list once, not once for each line."""
    with pytest.raises(UnknownEvents, match="stripe/main/b, stripe/main/c") as refused:
        plan_marks([mark("c"), mark("e"), mark("b")], _found())
    assert refused.value.keys == [event_key("b"), event_key("c")]


def test_a_payment_whose_facts_stay_is_left_alone() -> None:
    """A void event that added nothing moves nothing: not even what an illegal move left behind."""
    paid = Payment(PAYMENT, State.PAID, 3, frozenset({ASKED}), NOW_MS)
    causes = {event_key(): (event(), Cause.VOID)}
    changes, corrections = plan_corrections({PAYMENT: paid}, {PAYMENT: paid}, causes, RIM)
    assert (changes.payments, changes.notices, corrections) == ([], [], ())
    assert (changes.resolved, changes.anomalies) == ([], [])


def test_a_correction_names_the_event_that_was_taken_out() -> None:
    """Where one event goes and another comes back, the loss is what people must look into."""
    value = Fact(FactKind.FINAL, "tx:1", "USDC", 100, whole=False, late=False, at_ms=500)
    before = Payment(PAYMENT, State.CONFIRMED, 2, frozenset({ASKED, value}), NOW_MS)
    after = before._replace(facts=frozenset({ASKED}))
    causes = {
        event_key("back"): (event("back"), Cause.RESTORE),
        event_key("gone"): (event("gone"), Cause.VOID),
        event_key("too"): (event("too"), Cause.RESTORE),
    }
    changes, [correction] = plan_corrections({PAYMENT: before}, {PAYMENT: after}, causes, RIM)
    [move] = changes.transitions
    assert correction.transition == move
    assert (move.before, move.after, move.version) == (State.CONFIRMED, State.PENDING, 3)
    assert (move.event, move.cause) == (event_key("gone"), Cause.VOID)
    assert move.correlation_id == event("gone").correlation_id
    assert payment_of(event("gone")) == PAYMENT


@pytest.mark.parametrize(
    ("before", "word"), [(None, Judgement.VOID), (Judgement.VOID, Judgement.CORROBORATED)]
)
def test_what_we_said_ourselves_is_not_made_void_nor_given_back(
    before: Judgement | None, word: Judgement
) -> None:
    """Who may give a command may withdraw it: a mark on its event would go past the roles."""
    own = EventKey("sealgate", "operator", "k1")
    was = () if before is None else (Mark(own, before, "a slip", "ann", 1),)
    found = {own: Marked(Recorded(event("k1")._replace(key=own), "applied"), was)}
    with pytest.raises(OwnEvents, match="sealgate payments withdraw"):
        plan_marks([Mark(own, word, "a slip", "ann", 2)], found)
