"""Weigh the facts of one payment: what was asked, what came, what of it still stands. Pure.

The set of facts flows in, sums and yes-or-no answers flow out; `lifecycle` turns those into the one
word, and `standing` into adjectives and exceptions. How value is weighed, and why:

- Repeated observations of one transfer are one transfer: the largest amount counts, never the sum.
- A running total (a key that begins with ``agg:``) and single transfers tell the same money twice:
  the larger of the two counts.
- Amounts of different assets are never added. A price is met in its own asset or not at all; prices
  in several assets are alternatives. Of two prices in one asset the higher is asked for. Where both
  sides name a network, it must be the same one; where one side names none, the symbol decides.
- A provider that calls the amount whole meets the price by its word. Interpretation lets the word
  pass only where the event's own figures do not contradict it.
- An observation stands until the block it was in is removed, or it is dropped before any block.
  Once final value was removed, a sighting outside any block is no evidence any more.
"""

from collections.abc import Collection, Iterable, Mapping
from typing import NamedTuple, Self

from consumers.facts import (
    NETWORK_MARK,
    OPEN,
    TOTAL_PREFIX,
    Fact,
    FactKind,
    RefundStatus,
)

VALUE = frozenset({FactKind.SEEN, FactKind.FINAL})
_BASIS_POINTS = 10_000


class Tolerance(NamedTuple):
    """How much less than the price, or more, is as good as the price: the larger of the two.

    `atomic` counts smallest units of the asset, `bps` hundredths of a percent of the price.
    """

    atomic: int = 0
    bps: int = 0

    def of(self, price: int) -> int:
        """Return it in smallest units."""
        return max(self.atomic, price * self.bps // _BASIS_POINTS)


class Terms(NamedTuple):
    """What a merchant's policy says about amounts and time.

    `grace_ms` is what a transfer may come after the window and not be late. `tolerances` are by
    asset, as the price names it; an asset without one has none.
    """

    grace_ms: int = 0
    tolerances: Mapping[str, Tolerance] = {}


# A transfer one millisecond after the window is late, and one unit less is less.
STRICT = Terms()


def observed(facts: Iterable[Fact]) -> list[Fact]:
    """Return every observation of value, whether it still stands or not."""
    return [fact for fact in facts if fact.kind in VALUE]


def standing(facts: Iterable[Fact], values: list[Fact]) -> list[Fact]:
    """Return those of `values`, all observations of `facts`, that still stand."""
    removed = {(fact.key, fact.detail) for fact in facts if fact.kind is FactKind.REMOVED}
    dropped = {fact.key for fact in facts if fact.kind is FactKind.DROPPED}
    if not removed and not dropped:
        return values
    unsettled = dropped | {
        fact.key
        for fact in values
        if fact.kind is FactKind.FINAL and (fact.key, fact.detail) in removed
    }
    return [
        fact
        for fact in values
        if (fact.key, fact.detail) not in removed
        and not (fact.kind is FactKind.SEEN and not fact.detail and fact.key in unsettled)
    ]


def finals(values: Iterable[Fact]) -> list[Fact]:
    """Return the observations of final value."""
    return [fact for fact in values if fact.kind is FactKind.FINAL]


def has_value(values: Iterable[Fact]) -> bool:
    """Say whether there is any: an amount not told is value of unknown size, a zero is none."""
    return any(fact.amount != 0 for fact in values)


def asked(facts: Iterable[Fact]) -> dict[str, int]:
    """Return the price in each asset that one is known for: the highest ever told."""
    prices: dict[str, int] = {}
    for fact in facts:
        if fact.kind is FactKind.EXPECTED and fact.amount is not None:
            prices[fact.asset] = max(prices.get(fact.asset, 0), fact.amount)
    return prices


def takes_any_amount(facts: Iterable[Fact]) -> bool:
    """Say whether any value will do: the payment is open, or an operator took less."""
    return any(
        fact.kind is FactKind.ACCEPT_UNDER
        or (fact.kind is FactKind.EXPECTED and fact.detail == OPEN)
        for fact in facts
    )


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


def symbol(asset: str) -> str:
    """Return an asset's symbol, without its network."""
    return asset.partition(NETWORK_MARK)[0]


def in_asset(sums: Mapping[str, int], asset: str) -> int | None:
    """Return what came in `asset`; None where nothing did, not even in another spelling of it."""
    if asset in sums and len(sums) == 1:
        return sums[asset]
    fitting = [amount for other, amount in sums.items() if _is_same(other, asset)]
    return sum(fitting) if fitting else None


def _is_same(one: str, other: str) -> bool:
    if one == other:
        return True
    name, _, network = one.partition(NETWORK_MARK)
    other_name, _, other_network = other.partition(NETWORK_MARK)
    return name == other_name and not (network and other_network)


class Scale(NamedTuple):
    """What value is weighed against. `takes_any`: any amount will do."""

    prices: Mapping[str, int]
    terms: Terms
    takes_any: bool

    @classmethod
    def of(cls, facts: Collection[Fact], terms: Terms) -> Self:
        """Take it from a payment's facts."""
        return cls(asked(facts), terms, takes_any_amount(facts))

    def is_met(self, values: Collection[Fact]) -> bool:
        """Say whether `values` meet a price, by the provider's word or by our own sums."""
        for fact in values:
            if fact.whole:
                return True
        if self.takes_any and has_value(values):
            return True
        if not self.prices:
            return False
        sums = received(values)
        for asset, price in self.prices.items():
            came = in_asset(sums, asset)
            if came is not None and came >= price - tolerance(self.terms, asset, price):
                return True
        return False


def tolerance(terms: Terms, asset: str, price: int) -> int:
    """Return how far from `price` is as good as the price."""
    found = terms.tolerances.get(asset)
    return 0 if found is None else found.of(price)


def surplus(
    values: Collection[Fact], prices: Mapping[str, int], terms: Terms
) -> tuple[str, int] | None:
    """Return by how much which price is exceeded; None where none is, beyond the tolerance."""
    sums = received(values)
    for asset, price in sorted(prices.items()):
        came = in_asset(sums, asset)
        if came is not None and came > price + tolerance(terms, asset, price):
            return asset, came - price
    return None


def window_ms(facts: Collection[Fact], terms: Terms) -> int | None:
    """Return when the window closed: at the earliest end told, else at the earliest EXPIRED.

    A payment that was cancelled before that was closed then.
    """
    ends = [fact.expires_ms for fact in facts if fact.expires_ms is not None]
    if not ends:
        ends = [fact.at_ms for fact in facts if fact.kind is FactKind.EXPIRED]
        closed = min(ends, default=None)
    else:
        closed = min(ends) + terms.grace_ms
    cancelled = [fact.at_ms for fact in facts if fact.kind is FactKind.CANCELLED]
    if closed is not None:
        cancelled.append(closed)
    return min(cancelled, default=None)


def on_time(values: Collection[Fact], stands: Collection[Fact], window: int | None) -> list[Fact]:
    """Keep what came inside the window; a transfer once called late is late in all its facts.

    What was seen in time and then mined again, later, came in time: the observations of every
    transfer that stands count, those that were removed too.
    """
    late = {fact.key for fact in values if fact.late}
    keys = {fact.key for fact in stands} - late if late or len(stands) < len(values) else None
    return [
        fact
        for fact in values
        if (keys is None or fact.key in keys) and (window is None or fact.at_ms <= window)
    ]


class Refunds(NamedTuple):
    """What was given back: atomic amounts by asset, or all of it by the provider's word.

    `last_ms` is when the last of them succeeded; None where none has.
    """

    sums: Mapping[str, int]
    is_whole: bool
    last_ms: int | None


_NONE = Refunds({}, is_whole=False, last_ms=None)


def refunds(facts: Iterable[Fact]) -> Refunds:
    """Add up the refunds that succeeded; each counts once, with the largest amount told of it."""
    done = [
        fact
        for fact in facts
        if fact.kind is FactKind.REFUND and fact.detail == RefundStatus.SUCCEEDED
    ]
    if not done:
        return _NONE
    largest: dict[tuple[str, str], int] = {}
    first_ms: dict[str, int] = {}
    for fact in done:
        place = (fact.asset, fact.key)
        largest[place] = max(largest.get(place, 0), fact.amount or 0)
        first_ms[fact.key] = min(first_ms.get(fact.key, fact.at_ms), fact.at_ms)
    sums: dict[str, int] = {}
    for (asset, _), amount in largest.items():
        sums[asset] = sums.get(asset, 0) + amount
    is_whole = any(fact.whole for fact in done)
    return Refunds(sums, is_whole, max(first_ms.values()))


def are_all_refunded(values: Collection[Fact], given: Refunds) -> bool:
    """Say whether everything that ever came was given back.

    What was first seen after the last refund is another customer's money, or the same one's again:
    it is for people, and does not make the refund undone.
    """
    if given.last_ms is None:
        return False
    came_before = {fact.key for fact in values if fact.at_ms <= given.last_ms}
    values = [fact for fact in values if fact.key in came_before]
    if not has_value(values):
        return False
    if given.is_whole:
        return True
    ever = {asset: amount for asset, amount in received(values).items() if amount}
    return bool(ever) and all(
        (back := in_asset(given.sums, asset)) is not None and back >= amount
        for asset, amount in ever.items()
    )
