"""How a payment stands beside its one word: flags, the finance axis, milestones, concerns. Pure.

Everything here is a function of the set of a payment's facts, like its state, and so the same for
every order of arrival. `plan` compares the concerns before and after an event: what is new raises
an exception, what has gone ends one by itself.
"""

from collections.abc import Callable, Collection, Iterable
from enum import StrEnum
from typing import NamedTuple

from consumers import books, contradicting, picture, returns, weighing
from consumers.exceptions import Code
from consumers.facts import (
    ON,
    Fact,
    FactKind,
    HoldKind,
    Note,
)
from consumers.lifecycle import State, reduce
from consumers.picture import Picture, look
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


_RECOVERED = frozenset({State.CONFIRMED, State.LATE})
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


def _is_partly_refunded(seen: Picture) -> bool:
    has_some = FactKind.REFUND in seen.kinds and weighing.refunds(seen.facts).last_ms is not None
    return has_some and seen.state is not State.REFUNDED


def _is_accepted_late(seen: Picture) -> bool:
    if FactKind.ACCEPT_LATE not in seen.kinds:
        return False
    return picture.without(seen.facts, FactKind.ACCEPT_LATE, seen.terms) is not seen.state


# In the order in which they are always shown.
_ADJECTIVES: tuple[tuple[str, Callable[[Picture], bool]], ...] = (
    ("overpaid", lambda seen: Note.OVERPAID in seen.notes or seen.over is not None),
    ("partially_refunded", _is_partly_refunded),
    ("accepted_late", _is_accepted_late),
    ("accepted_underpaid", lambda seen: FactKind.ACCEPT_UNDER in seen.kinds),
    (
        "window_closed",
        lambda seen: FactKind.EXPIRED in seen.kinds and seen.state is State.UNDERPAID,
    ),
    ("recovered", lambda seen: FactKind.FAILED in seen.kinds and seen.state in _RECOVERED),
    ("multiple_transfers", lambda seen: len(seen.stands) > 1 and len(picture.transfers(seen)) > 1),
    ("manually_marked", lambda seen: Note.MANUALLY_MARKED in seen.notes),
    ("inferred", lambda seen: Note.INFERRED in seen.notes),
)


# A payment of these alone, with one observation at the most and no surplus, has no adjective.
_PLAIN = weighing.VALUE | {FactKind.EXPECTED}


def flags(facts: Collection[Fact], terms: Terms = STRICT) -> tuple[str, ...]:
    """Return the adjectives of a payment, in the fixed order in which they are always shown."""
    seen = look(facts, terms)
    return flags_of(seen, _disagreeing(seen))


def flags_of(seen: Picture, concerned: Iterable[Concern]) -> tuple[str, ...]:
    """Return the same from a picture, and from what the facts are reason for."""
    is_plain = seen.kinds <= _PLAIN and seen.over is None and len(seen.stands) <= 1
    found = [] if is_plain else [name for name, holds_of in _ADJECTIVES if holds_of(seen)]
    held = in_force(seen.facts, concerned)
    if not held:
        return tuple(found)
    if HoldKind.DISPUTE in held:
        found.append("disputed")
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
    return concerns_of(look(facts, terms), state)


def concerns_of(seen: Picture, state: State) -> tuple[Concern, ...]:
    """Name the same from a picture."""
    found = []
    if state is State.LATE:
        told = "the full amount came after the window closed"
        found.append(Concern(Code.LATE_FUNDS, told))
    elif state is State.UNDERPAID and _is_short(seen):
        found.append(Concern(Code.AMOUNT_UNDER, _shortage(seen)))
    elif state is State.REVERSED:
        told = "money that was seen is gone: its block was removed, or it was dropped"
        found.append(Concern(Code.FUNDS_REVERSED, told))
    elif state is State.REFUNDED and (told := returns.left_behind(seen.facts, seen.terms)):
        found.append(Concern(Code.UNMATCHED_DEPOSIT, told))
    if FactKind.HOLD in seen.kinds and HoldKind.COMPLIANCE in holds(seen.facts):
        told = "it is held for compliance: a check is under way, or found something"
        found.append(Concern(Code.COMPLIANCE_HOLD, told))
    return (*found, *_disagreeing(seen))


def _is_short(seen: Picture) -> bool:
    """Say whether value is known to be missing, rather than not yet known to be whole.

    Between a provider's first sight of a transfer and its word on the whole, a payment of unknown
    price is Underpaid for a moment: nobody need be told before the window closes, or the provider
    says so itself.
    """
    is_told = bool(seen.prices) or FactKind.EXPIRED in seen.kinds or Note.UNDERPAID in seen.notes
    return is_told and seen.state is State.UNDERPAID


def _shortage(seen: Picture) -> str:
    """Say how much of which price came; by whose word it is short, where no price is known."""
    sums = [
        seen.terms.shown(asset, weighing.came(seen.stands, asset) or 0, price)
        for asset, price in sorted(seen.prices.items())
    ]
    if sums:
        return f"less came than was asked: {', or '.join(sums)}"
    return "the provider says that less came than was asked"


# What goods and books must wait for, because the facts do not agree with each other.
_HOLDING = frozenset({Code.CONTRADICTORY_OUTCOME, Code.ASSET_MISMATCH, Code.NETWORK_MISMATCH})


def contradictions(facts: Collection[Fact], terms: Terms = STRICT) -> tuple[Concern, ...]:
    """Name what does not agree with itself in a set of facts, each code once."""
    return _disagreeing(look(facts, terms))


def _disagreeing(seen: Picture) -> tuple[Concern, ...]:
    return tuple(Concern(code, told) for code, told in contradicting.named(seen).items())
