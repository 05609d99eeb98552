"""What a set of facts shows, worked out once for all who look at it. Pure.

A payment's facts flow in; its observations of value, what of them stands, the prices and the state
flow out together. `standing` reads adjectives from it, and `contradicting` what does not agree.
"""

from collections.abc import Collection, Iterable, Mapping
from typing import NamedTuple

from consumers import weighing
from consumers.facts import TOTAL_PREFIX, Fact, FactKind
from consumers.lifecycle import State, reduce
from consumers.weighing import STRICT, Terms


class Picture(NamedTuple):
    """What adjectives and exceptions are read from, worked out once for a set of facts.

    `state` is what they prove, `values` every observation of value, and `stands` those that stand.
    `over` is by how much more came than was asked, by our sums.
    """

    facts: Collection[Fact]
    terms: Terms
    kinds: frozenset[FactKind]
    state: State
    values: list[Fact]
    stands: list[Fact]
    prices: Mapping[str, int]
    over: tuple[str, int] | None
    notes: frozenset[str]


def look(facts: Collection[Fact], terms: Terms = STRICT, proven: State | None = None) -> Picture:
    """Make a picture of the facts; `proven` is the state that they prove, where it is known."""
    values = weighing.observed(facts)
    kinds = frozenset([fact.kind for fact in facts])
    stands = weighing.standing(facts, values)
    prices = weighing.asked(facts)
    return Picture(
        facts,
        terms,
        kinds,
        proven or reduce(facts, terms),
        values,
        stands,
        prices,
        weighing.surplus(stands, prices, terms) if values else None,
        _notes(facts) if FactKind.NOTE in kinds else _NO_NOTES,
    )


_NO_NOTES: frozenset[str] = frozenset()


def _notes(facts: Iterable[Fact]) -> frozenset[str]:
    return frozenset(fact.detail for fact in facts if fact.kind is FactKind.NOTE)


def transfers(seen: Picture) -> dict[str, list[Fact]]:
    """Return what stands of each single transfer."""
    found: dict[str, list[Fact]] = {}
    for fact in seen.stands:
        if not fact.key.startswith(TOTAL_PREFIX) and fact.amount != 0:
            found.setdefault(fact.key, []).append(fact)
    return found


def without(facts: Iterable[Fact], kind: FactKind, terms: Terms) -> State:
    """Return the state without the facts of one kind."""
    return reduce([fact for fact in facts if fact.kind is not kind], terms)
