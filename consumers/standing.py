"""How a payment stands beside its one word: flags, the finance axis, milestones, concerns. Pure.

Everything here is a function of the set of a payment's facts, like its state, and so the same for
every order of arrival. `plan` compares the concerns before and after an event: what is new raises
an exception, what has gone ends one by itself.
"""

from collections.abc import Callable, Collection, Iterable
from enum import StrEnum
from typing import NamedTuple

from consumers import books, requests, returns, weighing
from consumers.exceptions import Code
from consumers.facts import (
    ON,
    TOTAL_PREFIX,
    Fact,
    FactKind,
    Failure,
    HoldKind,
    Note,
)
from consumers.lifecycle import State, is_short, reduce
from consumers.weighing import STRICT, Scale, Terms

# Every exception that a set of facts can be reason for, and a fault of our own table.
OF_FACTS = (
    Code.AMOUNT_UNDER,
    Code.AMOUNT_OVER,
    Code.LATE_FUNDS,
    Code.DUPLICATE_PAYMENT,
    Code.ASSET_MISMATCH,
    Code.NETWORK_MISMATCH,
    Code.CONTRADICTORY_OUTCOME,
    Code.FUNDS_REVERSED,
    Code.POSTED_BEFORE_CONFIRMED,
    Code.POSTED_MISMATCH,
    Code.REFUND_REQUESTED,
    Code.REFUND_WITHOUT_FUNDS,
    Code.UNMATCHED_DEPOSIT,
    Code.COMPLIANCE_HOLD,
    Code.ILLEGAL_TRANSITION,
)


class Posting(StrEnum):
    """Where finance's books are. No webhook ever writes it."""

    NOT_DUE = "not_due"
    UNPOSTED = "unposted"
    POSTED = "posted"
    REVERSAL_DUE = "reversal_due"
    REVERSED = "reversed"


class Concern(NamedTuple):
    """An exception that a payment's facts are reason for, and in words why."""

    code: Code
    evidence: str


class Milestones(NamedTuple):
    """When what first happened, in milliseconds since the epoch; None where it has not."""

    detected_ms: int | None
    confirmed_ms: int | None
    settled_ms: int | None
    expired_ms: int | None
    cancelled_ms: int | None
    failed_ms: int | None
    reversed_ms: int | None
    refunded_ms: int | None
    posted_ms: int | None


# Of these two nobody can say that they only lost their way.
_FINAL_REFUSALS = frozenset({Failure.REJECTED, Failure.AML})
_RECOVERED = frozenset({State.CONFIRMED, State.LATE})
_IN_TIME = frozenset({State.PAID, State.CONFIRMED})
_NO_LONGER_OWED = frozenset({State.REVERSED, State.REFUNDED})


class Amounts(NamedTuple):
    """What was asked, seen, final, given back and booked: atomic amounts by asset."""

    asked: dict[str, int]
    detected: dict[str, int]
    confirmed: dict[str, int]
    refunded: dict[str, int]
    posted: dict[str, int]


def amounts(facts: Collection[Fact]) -> Amounts:
    """Add up what stands."""
    stands = weighing.standing(facts, weighing.observed(facts))
    return Amounts(
        weighing.asked(facts),
        weighing.received(stands),
        weighing.received(weighing.finals(stands)),
        dict(weighing.refunds(facts).sums),
        books.posted(facts),
    )


class _Picture(NamedTuple):
    """What every adjective is read from, worked out once."""

    facts: Collection[Fact]
    terms: Terms
    kinds: frozenset[FactKind]
    state: State
    notes: frozenset[str]
    held: frozenset[HoldKind]


def _is_partly_refunded(seen: _Picture) -> bool:
    has_some = FactKind.REFUND in seen.kinds and weighing.refunds(seen.facts).last_ms is not None
    return has_some and seen.state is not State.REFUNDED


def _is_accepted_late(seen: _Picture) -> bool:
    if FactKind.ACCEPT_LATE not in seen.kinds:
        return False
    return _without(seen.facts, FactKind.ACCEPT_LATE, seen.terms) is not seen.state


# In the order in which they are always shown.
_ADJECTIVES: tuple[tuple[str, Callable[[_Picture], bool]], ...] = (
    ("overpaid", lambda seen: _is_over(seen.facts, seen.terms)),
    ("partially_refunded", _is_partly_refunded),
    ("accepted_late", _is_accepted_late),
    ("accepted_underpaid", lambda seen: FactKind.ACCEPT_UNDER in seen.kinds),
    (
        "window_closed",
        lambda seen: FactKind.EXPIRED in seen.kinds and seen.state is State.UNDERPAID,
    ),
    ("recovered", lambda seen: FactKind.FAILED in seen.kinds and seen.state in _RECOVERED),
    ("multiple_transfers", lambda seen: len(_transfers(seen.facts)) > 1),
    ("manually_marked", lambda seen: Note.MANUALLY_MARKED in seen.notes),
    ("inferred", lambda seen: Note.INFERRED in seen.notes),
    ("disputed", lambda seen: HoldKind.DISPUTE in seen.held),
)


def flags(facts: Collection[Fact], terms: Terms = STRICT) -> tuple[str, ...]:
    """Return the adjectives of a payment, in the fixed order in which they are always shown."""
    held = in_force(facts, contradictions(facts, terms))
    notes = frozenset(fact.detail for fact in facts if fact.kind is FactKind.NOTE)
    kinds = frozenset(fact.kind for fact in facts)
    seen = _Picture(facts, terms, kinds, reduce(facts, terms), notes, held)
    found = [name for name, holds_of in _ADJECTIVES if holds_of(seen)]
    kept = [kind for kind in HoldKind if kind in held and kind is not HoldKind.DISPUTE]
    return (*found, *(f"hold: {kind}" for kind in kept))


def label(state: State, adjectives: Iterable[str]) -> str:
    """Return what everybody is shown: ``Confirmed (overpaid, hold: compliance)``."""
    told = ", ".join(adjectives)
    return f"{state} ({told})" if told else str(state)


def holds(facts: Iterable[Fact]) -> frozenset[HoldKind]:
    """Return the holds that are on.

    Of each kind the last word counts, and of two words at one instant the hold. A release without
    an instant lets nothing go: nobody knows which hold it came after.
    """
    last: dict[str, tuple[int, bool]] = {}
    for fact in facts:
        if fact.kind is FactKind.HOLD and (fact.detail == ON or not fact.untold):
            word = (fact.at_ms, fact.detail == ON)
            last[fact.key] = max(last.get(fact.key, word), word)
    return frozenset(HoldKind(kind) for kind, (_, is_on) in last.items() if is_on)


def in_force(facts: Iterable[Fact], concerned: Iterable[Concern]) -> frozenset[HoldKind]:
    """Return the holds that are on, with the one that facts which disagree ask for."""
    held = holds(facts)
    is_disputed = any(concern.code in _HOLDING for concern in concerned)
    return held | {HoldKind.OPERATOR} if is_disputed else held


def posting(facts: Collection[Fact], terms: Terms = STRICT) -> Posting:
    """Say where the books are, and what finance owes them."""
    last = books.words(facts)
    is_booked = any(word.is_on for word in last.values())
    state = reduce(facts, terms)
    if is_booked:
        return Posting.REVERSAL_DUE if state in _NO_LONGER_OWED else Posting.POSTED
    if state is State.CONFIRMED:
        return Posting.UNPOSTED
    return Posting.REVERSED if last else Posting.NOT_DUE


def milestones(facts: Collection[Fact], terms: Terms = STRICT) -> Milestones:
    """Say when what first happened, by the providers' clocks."""
    values = weighing.observed(facts)
    scale = Scale.of(facts, terms)
    confirmed_ms = None
    final: list[Fact] = []
    for fact in sorted(weighing.finals(values), key=lambda one: one.at_ms):
        final.append(fact)
        if scale.is_met(final):
            confirmed_ms = fact.at_ms
            break

    def first_ms(*kinds: FactKind) -> int | None:
        return min((fact.at_ms for fact in facts if fact.kind in kinds), default=None)

    return Milestones(
        detected_ms=min((fact.at_ms for fact in values), default=None),
        confirmed_ms=confirmed_ms,
        settled_ms=first_ms(FactKind.SETTLED),
        expired_ms=first_ms(FactKind.EXPIRED),
        cancelled_ms=first_ms(FactKind.CANCELLED),
        failed_ms=first_ms(FactKind.FAILED),
        reversed_ms=first_ms(FactKind.REMOVED, FactKind.DROPPED),
        refunded_ms=weighing.refunds(facts).last_ms,
        posted_ms=books.since_ms(facts),
    )


def concerns(state: State, facts: Collection[Fact], terms: Terms = STRICT) -> tuple[Concern, ...]:
    """Name every exception that the facts are reason for, where `state` is what they prove."""
    found = []
    if state is State.LATE:
        told = "the full amount came after the window closed"
        found.append(Concern(Code.LATE_FUNDS, told))
    elif state is State.UNDERPAID and is_short(facts, terms):
        found.append(Concern(Code.AMOUNT_UNDER, _shortage(facts, terms)))
    elif state is State.REVERSED:
        told = "money that was seen is gone: its block was removed, or it was dropped"
        found.append(Concern(Code.FUNDS_REVERSED, told))
    elif state is State.REFUNDED and (told := returns.left_behind(facts, terms)):
        found.append(Concern(Code.UNMATCHED_DEPOSIT, told))
    if HoldKind.COMPLIANCE in holds(facts):
        told = "it is held for compliance: a check is under way, or found something"
        found.append(Concern(Code.COMPLIANCE_HOLD, told))
    return (*found, *contradictions(facts, terms))


def _shortage(facts: Collection[Fact], terms: Terms) -> str:
    """Say how much of which price came; by whose word it is short, where no price is known."""
    stands = weighing.standing(facts, weighing.observed(facts))
    sums = [
        terms.shown(asset, weighing.came(stands, asset) or 0, price)
        for asset, price in sorted(weighing.asked(facts).items())
    ]
    if sums:
        return f"less came than was asked: {', or '.join(sums)}"
    return "the provider says that less came than was asked"


# What goods and books must wait for, because the facts do not agree with each other.
_HOLDING = frozenset({Code.CONTRADICTORY_OUTCOME, Code.ASSET_MISMATCH, Code.NETWORK_MISMATCH})


def contradictions(facts: Collection[Fact], terms: Terms = STRICT) -> tuple[Concern, ...]:
    """Name what does not agree with itself in a set of facts, each code once."""
    found: dict[Code, str] = {}
    for code, told in (
        *_outcomes(facts, terms),
        *_places(facts),
        *_surpluses(facts, terms),
        *returns.concerns(facts, terms),
        *books.concerns(facts, terms, lambda: reduce(facts, terms)),
        *requests.concerns(facts, terms),
    ):
        found.setdefault(code, told)
    return tuple(Concern(code, told) for code, told in found.items())


def _outcomes(facts: Collection[Fact], terms: Terms) -> Iterable[tuple[Code, str]]:
    """Two ends that exclude each other."""
    refused = sorted(
        {fact.detail for fact in facts if fact.kind is FactKind.FAILED} & _FINAL_REFUSALS
    )
    is_cancelled = any(fact.kind is FactKind.CANCELLED for fact in facts)
    if not refused and not is_cancelled:
        return
    if refused and reduce(facts, terms) is State.CONFIRMED:
        told = f"the provider says that it failed ({refused[0]}), and the money is final"
        yield Code.CONTRADICTORY_OUTCOME, told
    # Late money that an operator took although the payment was cancelled contradicts nothing.
    if is_cancelled and _without(facts, FactKind.ACCEPT_LATE, terms) in _IN_TIME:
        told = "the payment was cancelled, and the full amount came in time"
        yield Code.CONTRADICTORY_OUTCOME, told


def _places(facts: Collection[Fact]) -> Iterable[tuple[Code, str]]:
    """Money in another asset, or on another network, than was asked for."""
    values = weighing.observed(facts)
    told: dict[str, set[str]] = {}
    for fact in values:
        if fact.asset and not fact.key.startswith(TOTAL_PREFIX):
            told.setdefault(fact.key, set()).add(weighing.symbol(fact.asset))
    if any(len(symbols) > 1 for symbols in told.values()):
        yield Code.CONTRADICTORY_OUTCOME, "one transfer was told in two assets"
    prices = weighing.asked(facts)
    if not prices:
        return
    came = {fact.asset for fact in values if fact.asset and fact.amount}
    symbols = {weighing.symbol(asset) for asset in prices}
    strange = sorted(asset for asset in came if weighing.symbol(asset) not in symbols)
    if strange:
        asked = ", ".join(sorted(prices))
        yield Code.ASSET_MISMATCH, f"{strange[0]} came, and {asked} was asked for"
    for asset in sorted(came):
        is_asked = any(weighing.is_same(asset, price) for price in prices)
        if weighing.symbol(asset) in symbols and not is_asked:
            asked = ", ".join(sorted(prices))
            yield Code.NETWORK_MISMATCH, f"{asset} came, and {asked} was asked for"


def _surpluses(facts: Collection[Fact], terms: Terms) -> Iterable[tuple[Code, str]]:
    """More than was asked for is here, by one transfer or by paying twice.

    Refunds that succeeded make it less, whichever was told first. What is here of a payment that
    was given back whole is no surplus: it is left behind.
    """
    if not _is_over(facts, terms) or reduce(facts, terms) is State.REFUNDED:
        return
    stands = weighing.standing(facts, weighing.observed(facts))
    asked = weighing.asked(facts)
    back = weighing.given(facts)
    over = weighing.surplus(stands, asked, terms, back)
    if over is None:
        if weighing.surplus(stands, asked, terms) is None:
            yield Code.AMOUNT_OVER, "the provider calls it overpaid"
        return
    asset, amount = over
    verb = "is left" if back else "came"
    yield Code.AMOUNT_OVER, f"{terms.shown(asset, amount)} more {verb} than was asked for"
    price = asked[asset]
    whole = [
        key
        for key, told in _transfers(facts).items()
        if (weighing.came(told, asset) or 0) >= price - weighing.tolerance(terms, asset, price)
    ]
    if len(whole) > 1:
        yield Code.DUPLICATE_PAYMENT, f"{len(whole)} transfers each bring the whole price"


def _transfers(facts: Collection[Fact]) -> dict[str, list[Fact]]:
    """Return what stands of each single transfer."""
    found: dict[str, list[Fact]] = {}
    for fact in weighing.standing(facts, weighing.observed(facts)):
        if not fact.key.startswith(TOTAL_PREFIX) and fact.amount != 0:
            found.setdefault(fact.key, []).append(fact)
    return found


def _is_over(facts: Collection[Fact], terms: Terms) -> bool:
    """Say whether more came than was asked, by our sums or by the provider's word."""
    if any(fact.kind is FactKind.NOTE and fact.detail == Note.OVERPAID for fact in facts):
        return True
    stands = weighing.standing(facts, weighing.observed(facts))
    return weighing.surplus(stands, weighing.asked(facts), terms) is not None


def _without(facts: Iterable[Fact], kind: FactKind, terms: Terms) -> State:
    """Return the state without the facts of one kind."""
    return reduce([fact for fact in facts if fact.kind is not kind], terms)
