"""Compare what a provider shows with what we hold, and decide how far one answer is believed. Pure.

An answer that shows as much as we hold, or more, is stated like an event. One that shows less is
not: a stale replica and half an outage look the same as a reorg. It has to be shown twice, five
minutes apart, and by few payments at once; where many show less in one cycle, it is the provider's
API that is wrong, and everything freezes (`is_tripped`).

Even then nothing goes backwards by a direct arrow. What was seen and is not shown any more is
stated as dropped or removed (`withdrawn`), and the reducer says what follows: Reversed, as for any
money that is gone. That a provider does not know a payment at all says nothing about its money: it
is told to people, and states nothing.
"""

from collections.abc import Collection, Iterable, Sequence
from enum import StrEnum

from consumers import weighing
from consumers.facts import Fact, FactKind, simple
from consumers.lifecycle import State, decide, reduce
from consumers.store.polls import ProviderRead
from consumers.weighing import Scale, Terms

# A second read so much later is a second observation, and not the same replica's.
APART_MS = 5 * 60 * 1000
# So much of what was read in a cycle, and so many: one payment of three is no outage.
SHARE_MAX = 0.02
REGRESSING_MIN = 3
# What is read within so long is one cycle.
CYCLE_MS = 60 * 60 * 1000
# Before the instant of a loss: the detail of value that is shown again after it.
SINCE = "since "
# Reads of one payment that are looked at to find a second one: those of a day, by the back-off.
READS_MAX = 20


class Comparison(StrEnum):
    """How an answer stands to what we hold: closed, because each value is stored and counted."""

    AGREE = "agree"  # it shows what we hold
    WE_BEHIND = "we_behind"  # it shows more: state it
    WE_AHEAD = "we_ahead"  # it shows less: not on one read
    AMOUNT_DIFFERS = "amount_differs"  # it counts less money: not on one read
    MISSING_THERE = "missing_there"  # the provider knows no such payment
    LEAVES = "leaves_confirmed"  # it shows a Confirmed payment given back: not on one read
    UNREADABLE = "unreadable"  # nobody can read it, or it is about another payment


# An answer that shows less than we hold, where we hold any money.
LESS = frozenset({Comparison.WE_AHEAD, Comparison.AMOUNT_DIFFERS, Comparison.MISSING_THERE})
# What is believed when it was shown twice.
TWICE = LESS | {Comparison.LEAVES}


def compare(
    known: frozenset[Fact], shown: frozenset[Fact], terms: Terms, *, counts_parts: bool = True
) -> Comparison:
    """Say how an answer's facts stand to the payment's own.

    Without `counts_parts` an answer that speaks of no money says nothing about a part of it.
    """
    held, there = standing(known), weighing.observed(shown)
    kinds = {fact.kind for fact in shown}
    # What is given back is not seen any more, and that is no loss.
    if FactKind.REFUND not in kinds:
        scale = Scale.of(known | shown, terms)
        is_refused = FactKind.FAILED in kinds and not _is_final(held, scale)
        if not is_refused and _shows_less(held, there, scale, counts_parts=counts_parts):
            return Comparison.WE_AHEAD
        if _counts_less(held, there):
            return Comparison.AMOUNT_DIFFERS
    if not known or not shown:
        return Comparison.WE_BEHIND if shown else Comparison.AGREE
    state = reduce(known, terms)
    proven = decide(state, known, shown, terms).proven
    if proven is not state:
        return Comparison.LEAVES if state is State.CONFIRMED else Comparison.WE_BEHIND
    return Comparison.WE_BEHIND if _is_more(held, there) else Comparison.AGREE


def standing(facts: Collection[Fact]) -> list[Fact]:
    """Return the value that stands."""
    return weighing.standing(facts, weighing.observed(facts))


def is_held(facts: Collection[Fact]) -> bool:
    """Say whether we hold any money of a payment."""
    return weighing.has_value(standing(facts))


def _shows_less(
    held: Collection[Fact], there: Collection[Fact], scale: Scale, *, counts_parts: bool
) -> bool:
    """Say whether money that stands here is not seen there, or is final here and not there."""
    if not weighing.has_value(held):
        return False
    if not weighing.has_value(there):
        return counts_parts or scale.is_met(held)
    if scale.is_met(held) and not scale.is_met(there) and not weighing.received(there):
        return True
    return _is_final(held, scale) and not weighing.has_value(weighing.finals(there))


def _is_final(values: Collection[Fact], scale: Scale) -> bool:
    return scale.is_met(weighing.finals(values))


def _counts_less(held: Collection[Fact], there: Collection[Fact]) -> bool:
    """Say whether the answer names less of an asset than stands here."""
    ours, theirs = weighing.received(held), weighing.received(there)
    for asset, amount in ours.items():
        told = weighing.came(there, asset)
        if told is not None and told < amount:
            return True
        if told is None and theirs and amount:
            # It counts money, and none of this asset.
            return True
    return False


def _is_more(held: Collection[Fact], there: Collection[Fact]) -> bool:
    """Say whether the answer names more of an asset than stands here, or makes more of it final."""
    for mine, other in ((held, there), (weighing.finals(held), weighing.finals(there))):
        for asset, amount in weighing.received(other).items():
            if amount > (weighing.came(mine, asset) or 0):
                return True
    return False


def withdrawn(known: Collection[Fact], shown: Collection[Fact], at_ms: int) -> frozenset[Fact]:
    """State that what stands here and is not shown any more does not stand.

    A transfer that was final is removed from where it was; a sighting is dropped. What is shown
    still, and as far, stays as it is.
    """
    there = {(fact.key, fact.kind) for fact in weighing.observed(shown)}
    gone: set[Fact] = set()
    for fact in standing(known):
        if (fact.key, fact.kind) in there or (fact.key, FactKind.FINAL) in there:
            continue
        is_placed = fact.kind is FactKind.FINAL or fact.detail
        kind = FactKind.REMOVED if is_placed else FactKind.DROPPED
        detail = fact.detail if is_placed else ""
        gone.add(simple(kind, at_ms, key=fact.key, detail=detail))
    return frozenset(gone)


def returned(known: Collection[Fact], shown: frozenset[Fact]) -> frozenset[Fact]:
    """Let value that is shown again, after it was withdrawn, stand under a name of its own.

    What was removed stays removed for ever, so that late words of before cannot bring it back. The
    name is made of the instant of the removal: whoever reads it again says the same.
    """
    lost = _lost_ms(known)
    return frozenset(
        fact._replace(detail=f"{SINCE}{lost[fact.key]}")
        if fact.kind in weighing.VALUE and fact.key in lost and not fact.detail
        else fact
        for fact in shown
    )


def _lost_ms(known: Iterable[Fact]) -> dict[str, int]:
    """Return when each transfer was last withdrawn."""
    lost: dict[str, int] = {}
    for fact in known:
        if fact.kind in _LOSSES:
            lost[fact.key] = max(lost.get(fact.key, 0), fact.at_ms)
    return lost


_LOSSES = frozenset({FactKind.REMOVED, FactKind.DROPPED})


def is_confirmed(
    comparison: Comparison, word: str, earlier: Sequence[ProviderRead], at_ms: int
) -> bool:
    """Say whether the reads before, the last one first, showed the same for five minutes."""
    for read in earlier:
        if (read.comparison, read.word) != (comparison, word):
            return False
        if at_ms - read.at_ms >= APART_MS:
            return True
    return False


def share(regressing: int, polled: int) -> float:
    """Return how much of what was read shows less than we hold."""
    return regressing / polled if polled else 0.0


def is_tripped(regressing: int, polled: int) -> bool:
    """Say whether so much shows less at once that the provider's API must be what is wrong."""
    return regressing >= REGRESSING_MIN and share(regressing, polled) >= SHARE_MAX
