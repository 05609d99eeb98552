"""The payment lifecycle: states, the table of allowed moves, and the reducer. Pure.

A payment's state is a function of the *set* of verified facts about it: the same for every order of
arrival, every repetition, every retry. `reduce` computes it; `TRANSITIONS` says which moves may be
written, and whatever is not in the table never is; `decide` compares the two and says what became
of one event. How value is weighed is in `weighing`; adjectives and exceptions, which are functions
of the same set, are in `standing`.

The first of these that holds is the state:

1. Refunded: everything that ever came was given back.
2. Reversed: value that was observed does not stand any more, and what stands does not meet the
   price, or was final before and is not now.
3. Confirmed: final value meets the price; Late, if it came late and nobody accepted that.
4. Failed: the provider said so.
5. Paid: value meets the price; Late, as above.
6. Underpaid: there is value. Value without a known price and without the provider's word is here
   too: goods must not move on a guess, and the next fact lifts it.
7. Cancelled, 8. Expired, 9. Pending.
"""

from collections.abc import Collection, Iterable, Mapping
from enum import StrEnum
from typing import NamedTuple

from consumers import weighing, windows
from consumers.facts import Fact, FactKind, Note, statement
from consumers.weighing import STRICT, Scale, Terms


class State(StrEnum):
    """The one word everybody says about a payment."""

    # A member equals its text, so it hashes as its text; and at the text's price, not at a call's.
    __hash__ = str.__hash__

    PENDING = "Pending"
    PAID = "Paid"
    CONFIRMED = "Confirmed"
    EXPIRED = "Expired"
    UNDERPAID = "Underpaid"
    LATE = "Late"
    FAILED = "Failed"
    CANCELLED = "Cancelled"
    REVERSED = "Reversed"
    REFUNDED = "Refunded"


_S = State

# The moves of ordinary life, by where they lead from.
ORDINARY: Mapping[State, frozenset[State]] = {
    _S.PENDING: frozenset(
        {_S.PAID, _S.CONFIRMED, _S.UNDERPAID, _S.LATE, _S.EXPIRED, _S.CANCELLED, _S.FAILED}
    ),
    _S.UNDERPAID: frozenset({_S.PAID, _S.CONFIRMED, _S.LATE, _S.FAILED, _S.REVERSED, _S.REFUNDED}),
    _S.PAID: frozenset({_S.CONFIRMED, _S.FAILED, _S.REVERSED, _S.REFUNDED}),
    _S.LATE: frozenset({_S.FAILED, _S.REVERSED, _S.REFUNDED}),
    _S.EXPIRED: frozenset({_S.LATE, _S.FAILED}),
    _S.CANCELLED: frozenset({_S.LATE, _S.FAILED}),
    _S.FAILED: frozenset({_S.CONFIRMED, _S.LATE, _S.REVERSED, _S.REFUNDED}),
    _S.CONFIRMED: frozenset({_S.REVERSED, _S.REFUNDED}),
    _S.REVERSED: frozenset({_S.PAID, _S.CONFIRMED, _S.LATE, _S.FAILED, _S.REFUNDED}),
    _S.REFUNDED: frozenset(),
}

# The moves that only older evidence makes when it arrives late, or an operator who accepts.
BELATED: Mapping[State, frozenset[State]] = {
    _S.PENDING: frozenset({_S.REVERSED, _S.REFUNDED}),
    _S.UNDERPAID: frozenset(),
    _S.PAID: frozenset({_S.LATE}),
    _S.LATE: frozenset({_S.PAID, _S.CONFIRMED}),
    _S.EXPIRED: frozenset(
        {_S.PAID, _S.CONFIRMED, _S.UNDERPAID, _S.CANCELLED, _S.REVERSED, _S.REFUNDED}
    ),
    _S.CANCELLED: frozenset({_S.PAID, _S.CONFIRMED, _S.UNDERPAID, _S.REVERSED, _S.REFUNDED}),
    _S.FAILED: frozenset(),
    _S.CONFIRMED: frozenset({_S.LATE}),
    _S.REVERSED: frozenset(),
    _S.REFUNDED: frozenset({_S.PAID, _S.CONFIRMED, _S.UNDERPAID, _S.LATE, _S.FAILED, _S.REVERSED}),
}

# No event returns a payment to Pending, so that Pending means that no money was ever seen.
TRANSITIONS: Mapping[State, frozenset[State]] = {
    state: ORDINARY[state] | BELATED[state] for state in State
}

# What may be written when an operator takes an event's facts away, or gives them back: whatever the
# remaining facts prove. Only here may a payment return to Pending: then nothing proven remains.
CORRECTIONS: Mapping[State, frozenset[State]] = {
    before: frozenset(State) - {before} for before in State
}


class Verdict(StrEnum):
    """What became of one event: closed, because each value is stored and is a metric label."""

    APPLIED = "applied"  # a new fact moved the payment
    APPLIED_NO_CHANGE = "applied_no_change"  # a new fact, the same state
    DUPLICATE_DELIVERY = "duplicate_delivery"  # the event has been handled before
    DUPLICATE_FACT = "duplicate_fact"  # another event, nothing that was not known
    SUPERSEDED = "superseded"  # older news than what is already proven
    HINT = "hint"  # assurance D or E: may start a fetch, moves nothing
    HINT_FETCHED = "hint_fetched"  # such a one, and the provider was asked: see the poll event
    PARKED_NO_PAYMENT = "parked_no_payment"  # about a payment nobody announced: facts, no state
    UNMATCHED = "unmatched"  # about a payment, and names none
    UNKNOWN_TYPE = "unknown_type"  # a word that is not in the provider's mapping
    UNPARSEABLE = "unparseable"  # a known word with a body that cannot be read
    CONFLICT = "conflict"  # a new fact and what was known exclude each other
    ILLEGAL = "illegal"  # the facts ask for a move that the table does not have
    ENV_MISMATCH = "env_mismatch"  # of another environment: not applied
    ALARM_RAISED = "alarm_raised"  # no event but a word of the edge: an exception was made of it
    BURIED = "buried"  # given up on: a dead letter


class Decision(NamedTuple):
    """What to write about one payment: the facts that add something, and the state after them.

    `proven` is the state that all facts prove: `after`, unless the move is ILLEGAL. `moves` says
    that a transition is to be written, whatever the verdict is.
    """

    verdict: Verdict
    after: State
    facts: frozenset[Fact]
    proven: State
    moves: bool = False


def decide(
    before: State | None,
    known: frozenset[Fact],
    told: frozenset[Fact],
    terms: Terms = STRICT,
) -> Decision:
    """Weigh the facts `told` by one event against those `known`.

    `before` is the state as written, None at first sight, which always writes a transition. An
    ILLEGAL decision keeps the state and still records the facts: they are verified, and the blank
    arrow is a fault of the mapping or of the provider that a human must see.
    """
    news = _news(told, known) if known else told
    proven = reduce(known | news if known else news, terms)
    if before is None or proven in TRANSITIONS[before]:
        return Decision(Verdict.APPLIED, proven, news, proven, moves=True)
    if proven is not before:
        return Decision(Verdict.ILLEGAL, before, news, proven)
    if not told:
        return Decision(Verdict.APPLIED_NO_CHANGE, before, news, proven)
    verdict = _unmoved(before, known, news, terms) if news else _repeated(before, told)
    return Decision(verdict, before, news, proven)


def reduce(facts: Collection[Fact], terms: Terms = STRICT) -> State:
    """Compute the state that a set of facts proves."""
    kinds = {fact.kind for fact in facts}
    values = weighing.observed(facts)
    if not values:
        return _without_value(kinds)
    if FactKind.REFUND in kinds and weighing.are_all_refunded(facts, values):
        return State.REFUNDED
    scale = Scale.of(facts, terms)
    stands = weighing.standing(facts, values) if kinds & weighing.LOSSES else values
    final = weighing.finals(stands)
    is_whole = scale.is_met(stands)
    is_final = is_whole and (len(final) == len(stands) or scale.is_met(final))
    if len(stands) < len(values) and weighing.has_value(set(values) - set(stands)):
        was_final = scale.is_met(weighing.finals(values))
        if not is_whole or (was_final and not is_final):
            return State.REVERSED
    if FactKind.FAILED in kinds and not is_final:
        return State.FAILED
    if not is_whole:
        return State.UNDERPAID if weighing.has_value(stands) else _without_value(kinds)
    if FactKind.ACCEPT_LATE not in kinds and _is_late(facts, values, stands, scale):
        return State.LATE
    return State.CONFIRMED if is_final else State.PAID


def _is_late(
    facts: Collection[Fact], values: Collection[Fact], stands: Collection[Fact], scale: Scale
) -> bool:
    """Say whether value first met the price after the window.

    It did exactly if what came inside the window does not meet it alone. No fact has to be put in
    order, so the order of arrival cannot matter.
    """
    timely = windows.on_time(values, stands, windows.Window.of(facts, scale.terms))
    return len(timely) < len(values) and not scale.is_met(timely)


def _without_value(kinds: Collection[FactKind]) -> State:
    """Name the state of a payment for which nothing came."""
    for kind, state in _EMPTY.items():
        if kind in kinds:
            return state
    return State.PENDING


# In the order of their weight.
_EMPTY = {
    FactKind.FAILED: State.FAILED,
    FactKind.CANCELLED: State.CANCELLED,
    FactKind.EXPIRED: State.EXPIRED,
}


def says_more(told: Iterable[Fact], known: Iterable[Fact]) -> bool:
    """Say whether anything told is not known, whatever its instant."""
    stated = {statement(fact) for fact in known}
    return any(statement(fact) not in stated for fact in told)


def _news(told: frozenset[Fact], known: frozenset[Fact]) -> frozenset[Fact]:
    """Leave out what a known fact states the same, at the same instant or earlier.

    Such a repetition cannot change what any set of facts proves, so it is not stored: a provider
    that repeats itself at every confirmation does not make its payment slower to read. Of what can
    be switched on and off, refunds among them, the last instant counts, and every one is stored.
    """
    # Nearly always a provider repeats the very same, or says what is new altogether.
    unknown = told - known
    if not unknown:
        return unknown
    earliest: dict[tuple[object, ...], int] = {}
    for fact in known:
        what = statement(fact)
        earliest[what] = min(earliest.get(what, fact.at_ms), fact.at_ms)
    return frozenset(
        fact
        for fact in unknown
        if fact.kind in _SWITCHED
        or (since := earliest.get(statement(fact))) is None
        or since > fact.at_ms
    )


_SWITCHED = frozenset({FactKind.HOLD, FactKind.POSTED, FactKind.REFUND})
# What older snapshots are made of. Anything else is a detail of its own, whenever it comes.
_SNAPSHOT = frozenset(
    {
        FactKind.EXPECTED,
        FactKind.SEEN,
        FactKind.FINAL,
        FactKind.EXPIRED,
        FactKind.CANCELLED,
        FactKind.FAILED,
    }
)


def _unmoved(before: State, known: frozenset[Fact], news: frozenset[Fact], terms: Terms) -> Verdict:
    """Tell an older snapshot from a new detail, where the state stays as it is."""
    if (
        reduce(news, terms) is not before
        and all(fact.kind in _SNAPSHOT or fact.detail == Note.UNDERPAID for fact in news)
        and _proof(known) == _proof(known | news)
    ):
        return Verdict.SUPERSEDED
    return Verdict.APPLIED_NO_CHANGE


def _repeated(before: State, told: frozenset[Fact]) -> Verdict:
    """Tell "created", arriving last, from a repetition, where all that is told was known."""
    older = reduce(told) is State.PENDING and before is not State.PENDING
    return Verdict.SUPERSEDED if older else Verdict.DUPLICATE_FACT


def _proof(facts: Collection[Fact]) -> tuple[object, ...]:
    """Return what the facts prove about value: seen and final, by sums and by word."""
    seen = weighing.standing(facts, weighing.observed(facts))
    final = weighing.finals(seen)
    return (
        weighing.received(seen),
        weighing.received(final),
        any(fact.whole for fact in seen),
        any(fact.whole for fact in final),
    )
