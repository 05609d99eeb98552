"""The payment lifecycle: states, facts, the table of allowed moves, and the reducer. Pure.

A payment's state is a function of the *set* of verified facts about it: the same for every order of
arrival, every repetition, every retry. `reduce` computes it; `TRANSITIONS` says which moves may be
written, and whatever is not in the table never is; `decide` compares the two and says what became
of one event. Amounts are integers of the asset's smallest unit, of any size.

How value is weighed, and why:

- Repeated observations of one transfer are one transfer: the largest amount counts, never the sum.
- A running total (a key that begins with ``agg:``) and single transfers tell the same money twice:
  the larger of the two counts.
- Amounts of different assets are never added. A price is met in its own asset or not at all; prices
  in several assets are alternatives. Of two prices in one asset the higher is asked for.
- A provider that calls the amount whole meets the price by its word. Interpretation lets the word
  pass only where the event's own figures do not contradict it.
- Value without a known price and without that word is Underpaid: goods must not move on a guess,
  and the next fact lifts it.
"""

from collections.abc import Collection, Iterable, Mapping
from enum import StrEnum
from typing import NamedTuple

TOTAL_PREFIX = "agg:"
# The policy's default: a transfer one millisecond after the window closed is late.
GRACE_MS = 0


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


# No event returns a payment to Pending, so that Pending means that no money was ever seen.
TRANSITIONS: Mapping[State, frozenset[State]] = {
    State.PENDING: frozenset(
        {State.PAID, State.CONFIRMED, State.UNDERPAID, State.LATE, State.EXPIRED}
    ),
    State.UNDERPAID: frozenset({State.PAID, State.CONFIRMED, State.LATE}),
    State.PAID: frozenset({State.CONFIRMED, State.LATE}),
    State.LATE: frozenset({State.PAID, State.CONFIRMED}),
    State.EXPIRED: frozenset({State.PAID, State.CONFIRMED, State.UNDERPAID, State.LATE}),
    State.CONFIRMED: frozenset({State.LATE}),
}

# What may be written when an operator takes an event's facts away, or gives them back: whatever the
# remaining facts prove. Only here may a payment return to Pending: then nothing proven remains.
CORRECTIONS: Mapping[State, frozenset[State]] = {
    before: frozenset(State) - {before} for before in State
}


class FactKind(StrEnum):
    """What one verified event can state."""

    __hash__ = str.__hash__

    EXPECTED = "expected"  # we asked for `amount` until `expires_ms`
    SEEN = "seen"  # value was observed; it may still vanish
    FINAL = "final"  # value is final under the mapping's policy
    EXPIRED = "expired"  # the window closed at `at_ms`


_VALUE = frozenset({FactKind.SEEN, FactKind.FINAL})


class Fact(NamedTuple):
    """One statement of one verified event.

    `key` names the transfer the statement is about (``agg:<provider>:<payment>`` where the provider
    reports only a status; empty for EXPECTED and EXPIRED). `amount` is atomic, None where the
    provider names none. `whole` says that the provider itself calls the amount the full one.
    `late` says that the provider itself calls the transfer late. Times are milliseconds since the
    epoch, of the provider's clock where it has one; an expectation has no instant, and 0.
    """

    kind: FactKind
    key: str
    asset: str
    amount: int | None
    whole: bool
    late: bool
    at_ms: int
    expires_ms: int | None = None


_INSTANT = Fact._fields.index("at_ms")


class Verdict(StrEnum):
    """What became of one event: closed, because each value is stored and is a metric label."""

    APPLIED = "applied"  # a new fact moved the payment
    APPLIED_NO_CHANGE = "applied_no_change"  # a new fact, the same state
    DUPLICATE_DELIVERY = "duplicate_delivery"  # the event has been handled before
    DUPLICATE_FACT = "duplicate_fact"  # another event, nothing that was not known
    SUPERSEDED = "superseded"  # older news than what is already proven
    HINT = "hint"  # assurance D or E: may start a fetch, moves nothing
    UNMATCHED = "unmatched"  # about a payment, and names none
    UNKNOWN_TYPE = "unknown_type"  # a word that is not in the provider's mapping
    UNPARSEABLE = "unparseable"  # a known word with a body that cannot be read
    ILLEGAL = "illegal"  # the facts ask for a move that the table does not have
    ENV_MISMATCH = "env_mismatch"  # of another environment: not applied
    ALARM_RAISED = "alarm_raised"  # no event but a word of the edge: an exception was made of it
    BURIED = "buried"  # given up on: a dead letter


class Decision(NamedTuple):
    """What to write about one payment: the facts that add something, and the state after them.

    `proven` is the state that all facts prove: `after`, unless the move is ILLEGAL.
    """

    verdict: Verdict
    after: State
    facts: frozenset[Fact]
    proven: State


def decide(
    before: State | None,
    known: frozenset[Fact],
    told: frozenset[Fact],
    grace_ms: int = GRACE_MS,
) -> Decision:
    """Weigh the facts `told` by one event against those `known`.

    `before` is the state as written, None at first sight, which always writes a transition. An
    ILLEGAL decision keeps the state and still records the facts: they are verified, and the blank
    arrow is a fault of the mapping or of the provider that a human must see.
    """
    news = _news(told, known) if known else told
    proven = reduce(known | news if known else news, grace_ms)
    if before is None or proven in TRANSITIONS[before]:
        return Decision(Verdict.APPLIED, proven, news, proven)
    if proven is not before:
        return Decision(Verdict.ILLEGAL, before, news, proven)
    if not told:
        return Decision(Verdict.APPLIED_NO_CHANGE, before, news, proven)
    verdict = _unmoved(before, known, news, grace_ms) if news else _repeated(before, told)
    return Decision(verdict, before, news, proven)


def reduce(facts: Collection[Fact], grace_ms: int = GRACE_MS) -> State:
    """Compute the state that a set of facts proves."""
    values = [fact for fact in facts if fact.kind in _VALUE]
    if not values:
        return _unmet(facts, values)
    prices = asked(facts)
    if not _met(values, prices):
        return _unmet(facts, values)
    # Cumulative value first met the price after the window, exactly if what came inside the window
    # does not meet it alone. No fact has to be put in order, so the order of arrival cannot matter.
    on_time = _on_time(values, _window_ms(facts, grace_ms))
    if len(on_time) < len(values) and not _met(on_time, prices):
        return State.LATE
    final = [fact for fact in values if fact.kind is FactKind.FINAL]
    if len(final) == len(values) or _met(final, prices):
        return State.CONFIRMED
    return State.PAID


def is_short(facts: Collection[Fact]) -> bool:
    """Say whether value is known to be missing, rather than not yet known to be whole.

    Between a provider's first sight of a transfer and its word on the whole, a payment of unknown
    price is Underpaid for a moment: nobody need be told before the window closes.
    """
    if reduce(facts) is not State.UNDERPAID:
        return False
    return bool(asked(facts)) or any(fact.kind is FactKind.EXPIRED for fact in facts)


def says_more(told: Iterable[Fact], known: Iterable[Fact]) -> bool:
    """Say whether anything told is not known, whatever its instant."""
    stated = {_statement(fact) for fact in known}
    return any(_statement(fact) not in stated for fact in told)


def asked(facts: Iterable[Fact]) -> dict[str, int]:
    """Return the price in each asset that one is known for: the highest ever told."""
    prices: dict[str, int] = {}
    for fact in facts:
        if fact.kind is FactKind.EXPECTED and fact.amount is not None:
            prices[fact.asset] = max(prices.get(fact.asset, 0), fact.amount)
    return prices


def received(values: Iterable[Fact]) -> dict[str, int]:
    """Return the value in each asset: the sum over transfers, or a larger running total."""
    largest: dict[tuple[str, str], int] = {}
    for fact in values:
        if fact.amount is not None:
            place = (fact.asset, fact.key)
            largest[place] = max(largest.get(place, 0), fact.amount)
    totals: dict[str, int] = {}
    sums: dict[str, int] = {}
    for (asset, key), amount in largest.items():
        if key.startswith(TOTAL_PREFIX):
            totals[asset] = max(totals.get(asset, 0), amount)
        else:
            sums[asset] = sums.get(asset, 0) + amount
    return {a: max(sums.get(a, 0), totals.get(a, 0)) for a in sums.keys() | totals.keys()}


def _met(values: Collection[Fact], prices: Mapping[str, int]) -> bool:
    """Say whether `values` meet a price, by the provider's word or by our own sums."""
    for fact in values:
        if fact.whole:
            return True
    if not prices:
        return False
    sums = received(values)
    return any(sums[asset] >= price for asset, price in prices.items() if asset in sums)


def _unmet(facts: Collection[Fact], values: Collection[Fact]) -> State:
    """Name the state of a payment whose price is not met."""
    # An amount that is not told is value of unknown size; a zero is no value.
    for fact in values:
        if fact.amount != 0:
            return State.UNDERPAID
    for fact in facts:
        if fact.kind is FactKind.EXPIRED:
            return State.EXPIRED
    return State.PENDING


def _window_ms(facts: Collection[Fact], grace_ms: int) -> int | None:
    """Return when the window closed: the earliest end told, else the earliest EXPIRED."""
    ends = [fact.expires_ms for fact in facts if fact.expires_ms is not None]
    if ends:
        return min(ends) + grace_ms
    return min([fact.at_ms for fact in facts if fact.kind is FactKind.EXPIRED], default=None)


def _on_time(values: Collection[Fact], window_ms: int | None) -> list[Fact]:
    """Keep what came inside the window; a transfer once called late is late in all its facts."""
    late = {fact.key for fact in values if fact.late}
    return [
        fact
        for fact in values
        if fact.key not in late and (window_ms is None or fact.at_ms <= window_ms)
    ]


def _news(told: frozenset[Fact], known: frozenset[Fact]) -> frozenset[Fact]:
    """Leave out what a known fact states the same, at the same instant or earlier.

    Such a repetition cannot change what any set of facts proves, so it is not stored: a provider
    that repeats itself at every confirmation does not make its payment slower to read.
    """
    # Nearly always a provider repeats the very same, or says what is new altogether.
    unknown = told - known
    if not unknown:
        return unknown
    earliest: dict[tuple[object, ...], int] = {}
    for fact in known:
        what = _statement(fact)
        earliest[what] = min(earliest.get(what, fact.at_ms), fact.at_ms)
    return frozenset(
        fact
        for fact in unknown
        if (since := earliest.get(_statement(fact))) is None or since > fact.at_ms
    )


def _statement(fact: Fact) -> tuple[object, ...]:
    """Return everything a fact says but the instant."""
    return (*fact[:_INSTANT], *fact[_INSTANT + 1 :])


def _unmoved(
    before: State, known: frozenset[Fact], news: frozenset[Fact], grace_ms: int
) -> Verdict:
    """Tell an older snapshot from a new detail, where the state stays as it is."""
    if reduce(news, grace_ms) is not before and _proof(known) == _proof(known | news):
        return Verdict.SUPERSEDED
    return Verdict.APPLIED_NO_CHANGE


def _repeated(before: State, told: frozenset[Fact]) -> Verdict:
    """Tell "created", arriving last, from a repetition, where all that is told was known."""
    older = reduce(told) is State.PENDING and before is not State.PENDING
    return Verdict.SUPERSEDED if older else Verdict.DUPLICATE_FACT


def _proof(facts: Collection[Fact]) -> tuple[object, ...]:
    """Return what the facts prove about value: seen and final, by sums and by word."""
    seen = [fact for fact in facts if fact.kind in _VALUE]
    final = [fact for fact in seen if fact.kind is FactKind.FINAL]
    return (
        received(seen),
        received(final),
        any(fact.whole for fact in seen),
        any(fact.whole for fact in final),
    )
