"""Find the facts that carry a payment's state: without them, together, it would be another. Pure.

A set of facts flows in, and the smallest of its parts flow out that cannot be left out. Each is
found by leaving facts out and reducing again: nothing is decided here a second time. `explaining`
is next.
"""

from collections.abc import Collection
from itertools import combinations
from typing import NamedTuple

from consumers.facts import Fact
from consumers.lifecycle import State, reduce
from consumers.weighing import Terms

# Sets are tried out one by one: this many cost a tenth of a second.
TRIALS_MAX = 5_000


class Decisive(NamedTuple):
    """Facts without which, together, the payment would be in the state `without`."""

    facts: frozenset[Fact]
    without: State


def decisive(facts: Collection[Fact], terms: Terms) -> tuple[tuple[Decisive, ...], bool]:
    """Return the smallest sets of facts without which the state is another.

    First each fact alone, then each pair and so on, as far as `TRIALS_MAX` trials reach; beyond it
    one set of which every fact is needed. The second word says whether all smaller sets were tried.
    """
    state, ordered = reduce(facts, terms), sorted(facts, key=_order)
    trials = 0
    for size in range(1, len(ordered) + 1):
        found = []
        for chosen in combinations(ordered, size):
            trials += 1
            if trials > TRIALS_MAX:
                return _narrowed(ordered, state, terms), False
            without = reduce([fact for fact in ordered if fact not in chosen], terms)
            if without is not state:
                found.append(Decisive(frozenset(chosen), without))
        if found:
            return tuple(found), True
    return (), True


def _narrowed(facts: Collection[Fact], state: State, terms: Terms) -> tuple[Decisive, ...]:
    """Give facts back one by one, as long as the state does not come back with them."""
    if reduce([], terms) is state:
        return ()
    kept: list[Fact] = []
    for fact in facts:
        if reduce([*kept, fact], terms) is not state:
            kept.append(fact)
    taken = frozenset(facts) - frozenset(kept)
    return (Decisive(taken, reduce(kept, terms)),)


def _order(fact: Fact) -> tuple[object, ...]:
    """Put facts in one order, whatever they say: None is not compared."""
    return (fact.at_ms, str(fact.kind), fact.key, fact.asset, fact.amount or 0, fact.detail)
