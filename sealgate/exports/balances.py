"""What a payment, or a deposit, comes to: seen, final, given back, booked, credited. Pure.

The sums are the product's own (`consumers.weighing`, `consumers.books`), so an export says what
`sealgate payments show` does. Two names of one asset, with its network and without, are one here:
the money of one payment is told once. Where a provider calls the whole final and no event names a
figure, it is the price, where there is one price; so it may be in the books.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

from consumers import books, weighing
from consumers.facts import NETWORK_MARK, Fact, FactKind
from consumers.store.deposits import DepositState

GROSS, NET, FEE = "gross", "net", "fee"


@dataclass(frozen=True, slots=True)
class Balance:
    """Atomic amounts: by asset; of what is booked by posting, too, of what is credited by part."""

    detected: Mapping[str, int] = field(default_factory=dict)
    confirmed: Mapping[str, int] = field(default_factory=dict)
    refunded: Mapping[str, int] = field(default_factory=dict)
    posted: Mapping[tuple[str, str], int] = field(default_factory=dict)
    settled: Mapping[tuple[str, str], int] = field(default_factory=dict)

    def booked(self) -> dict[str, int]:
        """Return what is in the books, by asset."""
        return _by_asset(self.posted)

    def unposted(self) -> dict[str, int]:
        """Return what is final, not given back and not in the books, by asset."""
        left = dict(self.confirmed)
        for taken in (self.refunded, self.booked()):
            for asset, amount in taken.items():
                left[asset] = left.get(asset, 0) - amount
        return left

    def assets(self) -> set[str]:
        """Return the assets that there is anything of."""
        return {
            *self.detected,
            *self.confirmed,
            *self.refunded,
            *self.booked(),
            *_by_asset(self.settled),
        }


NOTHING = Balance()


def spellings(facts: Collection[Fact]) -> dict[str, str]:
    """Say how each asset is written: with its network, where the facts name one network of it."""
    names = {fact.asset for fact in facts}
    named = {one for one in names if NETWORK_MARK in one}
    return {one: _spelling(one, named) for one in names}


def spelled(facts: Collection[Fact]) -> frozenset[Fact]:
    """Write every asset of facts in one way."""
    names = spellings(facts)
    return frozenset(fact._replace(asset=names[fact.asset]) for fact in facts)


def _spelling(asset: str, named: Collection[str]) -> str:
    if not asset or NETWORK_MARK in asset:
        return asset
    fits = [one for one in named if weighing.is_same(one, asset)]
    return fits[0] if len(fits) == 1 else asset


def of(facts: Collection[Fact]) -> Balance:
    """Add up the facts that stand of a payment."""
    told = spelled(facts)
    values = weighing.standing(told, weighing.observed(told))
    final = weighing.finals(values)
    asked = weighing.asked(told)
    price = _only(asked)
    confirmed = _final(final, asked) or _by_word(final, price)
    return Balance(
        detected=weighing.received(values) or _by_word(values, price),
        confirmed=confirmed,
        refunded=_refunded(told, confirmed),
        posted=_posted(told),
        settled=_settled(told),
    )


def of_deposit(facts: Collection[Fact], state: DepositState) -> Balance:
    """Add up a deposit: nothing is left of one that is a payment's now, or was written off."""
    if state in _GONE:
        return NOTHING
    found = of(facts)
    if state is DepositState.RETURNED:
        return Balance(found.detected, found.confirmed, found.confirmed)
    return found


_GONE = frozenset({DepositState.MATCHED, DepositState.WRITTEN_OFF})


def _final(final: Collection[Fact], asked: Mapping[str, int]) -> dict[str, int]:
    """Add up what is final: where the provider calls it the whole, no less than its price.

    As `books.bookable` does, but that a bare name that may be of several networks is none of them.
    """
    prices = asked if any(fact.whole for fact in final) else {}
    return {
        asset: max(amount, prices.get(asset, 0))
        for asset, amount in weighing.received(final).items()
    }


def _only(prices: Mapping[str, int]) -> dict[str, int]:
    """Return the price; of several nobody said which one was paid."""
    return dict(prices) if len(prices) == 1 else {}


def _by_word(values: Iterable[Fact], price: Mapping[str, int]) -> dict[str, int]:
    """Return the price where the provider calls what came the whole, without a figure."""
    return dict(price) if any(fact.whole for fact in values) else {}


def _refunded(facts: Collection[Fact], confirmed: Mapping[str, int]) -> dict[str, int]:
    found = weighing.refunds(facts)
    if found.is_whole and not found.sums:
        return dict(confirmed)
    return dict(found.sums)


def _posted(facts: Iterable[Fact]) -> dict[tuple[str, str], int]:
    return {place: word.amount for place, word in books.words(facts).items() if word.is_on}


def _settled(facts: Iterable[Fact]) -> dict[tuple[str, str], int]:
    """Add up what was credited: of what is told again and again of one transfer, the largest."""
    largest: dict[tuple[str, str, str], int] = {}
    for fact in facts:
        if fact.kind is FactKind.SETTLED and fact.amount is not None:
            place = (fact.asset, fact.detail or GROSS, fact.key)
            largest[place] = max(largest.get(place, 0), fact.amount)
    sums: dict[tuple[str, str], int] = {}
    for (asset, part, _), amount in largest.items():
        sums[asset, part] = sums.get((asset, part), 0) + amount
    return sums


def _by_asset(told: Mapping[tuple[str, str], int]) -> dict[str, int]:
    sums: dict[str, int] = {}
    for (asset, _), amount in told.items():
        sums[asset] = sums.get(asset, 0) + amount
    return sums
