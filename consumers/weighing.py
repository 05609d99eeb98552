"""Weigh the facts of one payment: what was asked, what came, what of it still stands. Pure.

The set of facts flows in, sums and yes-or-no answers flow out; `lifecycle` turns those into the one
word, and `standing` into adjectives and exceptions. How value is weighed, and why:

- Repeated observations of one transfer are one transfer: the largest amount counts, never the sum.
- A running total (a key that begins with ``agg:``) and single transfers tell the same money twice:
  the larger of the two counts. So it is of one transaction that two sources tell (`retold`).
- Amounts of different assets are never added. A price is met in its own asset or not at all; prices
  in several assets are alternatives. Of two prices in one asset the higher is asked for. Where both
  sides name a network, it must be the same one; where one side names none, the symbol decides.
- A provider that calls the amount whole meets the price by its word. Interpretation lets the word
  pass only where the event's own figures do not contradict it. A price that the merchant announced
  is none of the event's: against it the event's figure counts, and its word only without a figure.
- An observation stands until the block it was in is removed, or it is dropped before any block.
  Once final value was removed, a sighting outside any block is no evidence any more.
- Of each refund the last word counts. Where the words have no order, the one that it failed counts:
  money that may have bounced was not given back until somebody has looked.
"""

from collections.abc import Collection, Iterable, Mapping
from typing import NamedTuple, Self

from consumers import retold
from consumers.facts import (
    ANNOUNCED,
    NETWORK_MARK,
    OPEN,
    TOTAL_PREFIX,
    Fact,
    FactKind,
    RefundStatus,
    statement,
)

VALUE = frozenset({FactKind.SEEN, FactKind.FINAL})
LOSSES = frozenset({FactKind.REMOVED, FactKind.DROPPED})
# Words that a payment was closed; where its end was told beforehand, only that it was called off.
CALLED_OFF = frozenset({FactKind.CANCELLED})
CLOSING = frozenset({FactKind.CANCELLED, FactKind.EXPIRED})
_BASIS_POINTS = 10_000
# Assets whose smallest unit is another than that of their bare symbol: amounts of the two are never
# compared. The registry (`interpret.assets`) holds itself to this.
APART = frozenset({"USDC@bsc", "USDT@bsc"})


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
    asset, as the price names it; an asset without one has none. `decimals` are the registry's: they
    decide nothing, and are for sentences that people read.
    """

    grace_ms: int = 0
    tolerances: Mapping[str, Tolerance] = {}
    decimals: Mapping[str, int] = {}

    def shown(self, asset: str, amount: int, whole: int | None = None) -> str:
        """Write an amount as people do: ``10.5 USDC``, or ``4 of 10.5 USDC``."""
        places = self.decimals.get(asset)
        numbers = [amount] if whole is None else [amount, whole]
        told = " of ".join(_number(number, places or 0) for number in numbers)
        return f"{told} {asset}" if places is not None else f"{told} {asset} (atomic units)"


def _number(units: int, places: int) -> str:
    whole, rest = divmod(abs(units), 10**places)
    fraction = str(rest).rjust(places, "0").rstrip("0") if rest else ""
    return ("-" if units < 0 else "") + (f"{whole}.{fraction}" if fraction else str(whole))


# A transfer one millisecond after the window is late, and one unit less is less.
STRICT = Terms()


def observed(facts: Iterable[Fact]) -> list[Fact]:
    """Return every observation of value, whether it still stands or not.

    A word on the whole is taken off where its figure can be held against an announced price.
    """
    values: list[Fact] = []
    announced: set[str] = set()
    for fact in facts:
        if fact.kind in VALUE:
            values.append(fact)
        elif fact.detail == ANNOUNCED and fact.kind is FactKind.EXPECTED:
            announced.add(fact.asset)
    for asset in announced:
        values = [one._replace(whole=one.whole and not _is_figure(one, asset)) for one in values]
    return values


def _is_figure(fact: Fact, asset: str) -> bool:
    return fact.amount is not None and is_same(fact.asset, asset)


def standing(facts: Iterable[Fact], values: list[Fact]) -> list[Fact]:
    """Return those of `values`, all observations of `facts`, that still stand."""
    lost = [fact for fact in facts if fact.kind in LOSSES]
    if not lost:
        return values
    removed = {(fact.key, fact.detail) for fact in lost if fact.kind is FactKind.REMOVED}
    dropped = {fact.key for fact in lost if fact.kind is FactKind.DROPPED}
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
    """Say whether there is any: of unknown size where no amount is told. A zero called whole is."""
    return any(fact.amount != 0 or fact.whole for fact in values)


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
    for (asset, key), amount in retold.once(largest).items():
        if key.startswith(TOTAL_PREFIX):
            totals[asset] = max(totals.get(asset, 0), amount)
        else:
            sums[asset] = sums.get(asset, 0) + amount
    return {a: max(sums.get(a, 0), totals.get(a, 0)) for a in sums.keys() | totals.keys()}


def at_risk(facts: Collection[Fact]) -> tuple[str, int] | None:
    """Return the money that a payment is about: what stands of it, else what came, else its price.

    None where no amount is known, or amounts of several assets.
    """
    values = observed(facts)
    for told in (received(standing(facts, values)), received(values), asked(facts)):
        sums = [(asset, amount) for asset, amount in told.items() if amount]
        if sums:
            return sums[0] if len(sums) == 1 else None
    return None


def symbol(asset: str) -> str:
    """Return an asset's symbol, without its network."""
    return asset.partition(NETWORK_MARK)[0]


def came(told: Collection[Fact], asset: str) -> int | None:
    """Return what came in `asset`; None where nothing did, not even in another spelling of it.

    Under two spellings of its asset, once with its network and once without, one transfer is still
    one transfer, and a running total still tells the money of the transfers.
    """
    same = [fact for fact in told if fact.amount is not None and is_same(fact.asset, asset)]
    if not same:
        return None
    if len(same) == 1:
        return same[0].amount
    return received(fact._replace(asset=asset) for fact in same)[asset]


def is_same(one: str, other: str) -> bool:
    """Say whether two names may be one asset: where both name a network, it must be the same."""
    if one == other:
        return True
    if one in APART or other in APART:
        return False
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
        for asset, price in self.prices.items():
            sum_ = came(values, asset)
            if sum_ is not None and sum_ >= price - tolerance(self.terms, asset, price):
                return True
        return False


def tolerance(terms: Terms, asset: str, price: int) -> int:
    """Return how far from `price` is as good as the price."""
    found = terms.tolerances.get(asset)
    return 0 if found is None else found.of(price)


def surplus(
    values: Collection[Fact], prices: Mapping[str, int], terms: Terms, back: Collection[Fact] = ()
) -> tuple[str, int] | None:
    """Return by how much which price is exceeded, beyond the tolerance and what is `back`."""
    for asset, price in sorted(prices.items()):
        left = (came(values, asset) or 0) - (came(back, asset) or 0)
        if left > price + tolerance(terms, asset, price):
            return asset, left - price
    return None


def window_ms(facts: Collection[Fact], terms: Terms) -> int | None:
    """Return when the window closed: at the earliest end told, else at the earliest EXPIRED.

    A payment that was cancelled before that was closed then. For people and for timers: whether
    money came in time, `windows` says.
    """
    ends = [fact.expires_ms for fact in facts if fact.expires_ms is not None]
    closing = CALLED_OFF if ends else CLOSING
    closed = [fact.at_ms for fact in facts if fact.kind in closing]
    if ends:
        closed.append(min(ends) + terms.grace_ms)
    return min(closed, default=None)


class Refunds(NamedTuple):
    """What was given back: atomic amounts by asset, or all of it by the provider's word.

    `last_ms` is when the last of them succeeded; None where none has.
    """

    sums: Mapping[str, int]
    is_whole: bool
    last_ms: int | None


_NONE = Refunds({}, is_whole=False, last_ms=None)


def given(facts: Iterable[Fact]) -> list[Fact]:
    """Return every word that a refund succeeded, and that no word of its failure takes back."""
    words = [fact for fact in facts if fact.kind is FactKind.REFUND]
    failed = [fact for fact in words if fact.detail == RefundStatus.FAILED]
    done = [fact for fact in words if fact.detail == RefundStatus.SUCCEEDED]
    if not failed:
        return done
    return [one for one in done if not any(_takes_back(no, one) for no in failed)]


def _takes_back(failed: Fact, done: Fact) -> bool:
    """Say whether a refund that succeeded failed after all: a refund that failed for good cannot.

    Providers tell a success and then its bounce; where they try again they name another refund, or
    an instant. So without an order, the failure is the later word.
    """
    return failed.key == done.key and (is_unordered(failed, done) or failed.at_ms > done.at_ms)


def is_unordered(one: Fact, other: Fact) -> bool:
    """Say whether nobody told which of two facts came first."""
    return one.untold or other.untold or one.at_ms == other.at_ms


def is_disputed(facts: Iterable[Fact]) -> bool:
    """Say whether a refund was told to have succeeded and failed, and not which came last."""
    words = [fact for fact in facts if fact.kind is FactKind.REFUND]
    failed = [fact for fact in words if fact.detail == RefundStatus.FAILED]
    standing_ = {fact.key for fact in given(words)}
    return any(
        no.key == done.key and is_unordered(no, done)
        for no in failed
        for done in words
        if done.detail == RefundStatus.SUCCEEDED and done.key not in standing_
    )


def refunds(facts: Iterable[Fact]) -> Refunds:
    """Add up the refunds that succeeded; each counts once, with the largest amount told of it."""
    done = given(facts)
    if not done:
        return _NONE
    first_ms: dict[str, int] = {}
    for fact in done:
        first_ms[fact.key] = min(first_ms.get(fact.key, fact.at_ms), fact.at_ms)
    return Refunds(received(done), any(fact.whole for fact in done), max(first_ms.values()))


def are_all_refunded(facts: Iterable[Fact], values: Collection[Fact]) -> bool:
    """Say whether, at any refund, everything that had come until then was given back.

    What was first seen after that is another customer's money, or the same one's again: it is for
    people, and neither it nor what is given back of it makes the full refund undone. Value without
    an instant may have come before any refund, and a refund without one may have come last.
    """
    return _all_back_at(values, given(facts)) is not None


def came_anew(facts: Iterable[Fact], values: Collection[Fact]) -> list[Fact]:
    """Return the value that came after all that had come until then was given back."""
    until = _all_back_at(values, given(facts))
    if until is None:
        return []
    covered = {_told_of(fact) for fact in _until(values, until)}
    return [fact for fact in values if _told_of(fact) not in covered]


def _all_back_at(values: Collection[Fact], done: Collection[Fact]) -> int | None:
    """Return the last instant of a refund at which everything was given back."""
    instants = {_LAST if first == _FIRST else first for first in _first_ms(done).values()}
    return max(
        (at for at in instants if _are_back(_until(values, at), _until(done, at))), default=None
    )


# Before and after every instant that can be told.
_FIRST, _LAST = -(1 << 63), 1 << 63


def _first_ms(told: Iterable[Fact]) -> dict[tuple[object, ...], int]:
    """Return when each transfer, or each refund, was first told of; untold is the earliest."""
    first_ms: dict[tuple[object, ...], int] = {}
    for fact in told:
        what, at_ms = _told_of(fact), _FIRST if fact.untold else fact.at_ms
        first_ms[what] = min(first_ms.get(what, at_ms), at_ms)
    return first_ms


def _told_of(fact: Fact) -> tuple[object, ...]:
    """Say what a fact tells of: a running total that has grown tells of new money."""
    return statement(fact) if fact.key.startswith(TOTAL_PREFIX) else (fact.key,)


def _until(told: Collection[Fact], instant: int) -> list[Fact]:
    """Keep what was first told of by an instant."""
    first_ms = _first_ms(told)
    return [fact for fact in told if first_ms[_told_of(fact)] <= instant]


def _are_back(values: Collection[Fact], done: Collection[Fact]) -> bool:
    """Say whether `done` gave back all of `values`, in each asset or by the provider's word."""
    if not has_value(values):
        return False
    if any(fact.whole for fact in done):
        return True
    ever = {asset for asset, amount in received(values).items() if amount}
    return bool(ever) and all(
        (back := came(done, asset)) is not None and back >= (came(values, asset) or 0)
        for asset in ever
    )
