"""What finance says it booked of a payment, against what is final of it. Pure.

Finance keeps the books; here is only what it acknowledges: a posting under the id that it has
there, and that a posting was reversed. Of each posting the last word counts. What may be in the
books is what is final: where a provider calls the whole final without a figure, it is the price.
"""

from collections.abc import Collection, Iterable, Iterator
from typing import NamedTuple

from consumers import weighing
from consumers.exceptions import Code
from consumers.facts import NETWORK_MARK, ON, Fact, FactKind
from consumers.lifecycle import State
from consumers.weighing import Terms


class Word(NamedTuple):
    """The last word on one posting."""

    at_ms: int
    is_on: bool
    amount: int


def words(facts: Iterable[Fact]) -> dict[tuple[str, str], Word]:
    """Return the last word on each posting, by its asset and its id."""
    last: dict[tuple[str, str], Word] = {}
    for fact in facts:
        if fact.kind is FactKind.POSTED:
            word = Word(fact.at_ms, fact.detail == ON, fact.amount or 0)
            place = (fact.asset, fact.key)
            last[place] = max(last.get(place, word), word)
    return last


def posted(facts: Iterable[Fact]) -> dict[str, int]:
    """Add up what is in the books, by asset."""
    sums: dict[str, int] = {}
    for (asset, _), word in words(facts).items():
        if word.is_on:
            sums[asset] = sums.get(asset, 0) + word.amount
    return sums


def since_ms(facts: Iterable[Fact]) -> int | None:
    """Return when the first entry was made that is still in the books; None where none is."""
    return min((word.at_ms for word in words(facts).values() if word.is_on), default=None)


def final(facts: Collection[Fact]) -> list[Fact]:
    """Return the observations of final value that stand."""
    return weighing.finals(weighing.standing(facts, weighing.observed(facts)))


def bookable(facts: Collection[Fact], asset: str) -> int:
    """Return how much of `asset` may be in the books: what is final of it."""
    values = final(facts)
    came = weighing.came(values, asset) or 0
    if not any(fact.whole for fact in values):
        return came
    prices = (price for name, price in weighing.asked(facts).items() if _is_same(name, asset))
    return max(came, *prices, 0)


def due(facts: Collection[Fact]) -> dict[str, int]:
    """Return what is final and not in the books, by asset.

    An asset that is told with its network and without is one. A price that the provider calls paid
    is due where no event named a figure: beside one it would be the same money again.
    """
    values = final(facts)
    sums = weighing.received(values)
    if not sums and any(fact.whole for fact in values):
        sums = weighing.asked(facts)
    booked = posted(facts)
    owed = {}
    for asset in sums:
        if any(_is_named_by(other, asset) for other in sums):
            continue
        done = sum(amount for name, amount in booked.items() if _is_same(name, asset))
        owed[asset] = bookable(facts, asset) - done
    return {asset: amount for asset, amount in owed.items() if amount > 0}


def concerns(facts: Collection[Fact], terms: Terms, state: State) -> Iterator[tuple[Code, str]]:
    """Compare the books with what is final; `state` is what the facts prove."""
    for asset, amount in sorted(posted(facts).items()):
        may_be = bookable(facts, asset)
        if amount > may_be:
            told = f"{terms.shown(asset, amount)} is in the books, and less is final"
            yield Code.POSTED_BEFORE_CONFIRMED, told
        elif 0 < amount < may_be and state is State.CONFIRMED:
            told = f"{terms.shown(asset, amount, may_be)} is in the books"
            yield Code.POSTED_MISMATCH, told


def _is_same(one: str, other: str) -> bool:
    return weighing.is_same(one, other)


def _is_named_by(one: str, other: str) -> bool:
    """Say whether `one` is `other` with its network, which `other` leaves open."""
    return one != other and NETWORK_MARK in one and _is_same(one, other)
