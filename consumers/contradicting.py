"""Name what does not agree with itself in a set of facts. Pure.

A picture of the facts flows in, and each disagreement flows out by its code, with a sentence. They
are functions of the set alone: which of two words came first decides nothing here.
"""

from collections.abc import Callable, Iterable
from collections.abc import Set as AbstractSet

from consumers import books, requests, returns, weighing
from consumers.exceptions import Code
from consumers.facts import ANNOUNCED, NETWORK_MARK, TOTAL_PREFIX, FactKind, Failure, Note
from consumers.lifecycle import State
from consumers.picture import Picture, transfers, without

# Of these two nobody can say that they only lost their way.
_FINAL_REFUSALS = frozenset({Failure.REJECTED, Failure.AML})
_IN_TIME = frozenset({State.PAID, State.CONFIRMED})


def named(seen: Picture) -> dict[Code, str]:
    """Name each code once, with the first sentence about it."""
    found: dict[Code, str] = {}
    for kinds, tell in _ASKED:
        if kinds & seen.kinds:
            for code, told in tell(seen):
                found.setdefault(code, told)
    return found


def _outcomes(seen: Picture) -> Iterable[tuple[Code, str]]:
    """Two ends that exclude each other."""
    failures = {fact.detail for fact in seen.facts if fact.kind is FactKind.FAILED}
    refused = sorted(failures & _FINAL_REFUSALS)
    if refused and seen.state is State.CONFIRMED:
        told = f"the provider says that it failed ({refused[0]}), and the money is final"
        yield Code.CONTRADICTORY_OUTCOME, told
    # Late money that an operator took although the payment was cancelled contradicts nothing.
    if (
        FactKind.CANCELLED in seen.kinds
        and without(seen.facts, FactKind.ACCEPT_LATE, seen.terms) in _IN_TIME
    ):
        told = "the payment was cancelled, and the full amount came in time"
        yield Code.CONTRADICTORY_OUTCOME, told


def _places(seen: Picture) -> Iterable[tuple[Code, str]]:
    """Money in another asset, or on another network, than was asked for."""
    told: dict[str, set[str]] = {}
    for fact in seen.values:
        if fact.asset and not fact.key.startswith(TOTAL_PREFIX):
            told.setdefault(fact.key, set()).add(weighing.symbol(fact.asset))
    if any(len(symbols) > 1 for symbols in told.values()):
        yield Code.CONTRADICTORY_OUTCOME, "one transfer was told in two assets"
    came = {fact.asset for fact in seen.values if fact.asset and fact.amount}
    prices = _wanted(seen)
    if not prices or came <= prices:
        return
    symbols = {weighing.symbol(asset) for asset in prices}
    strange = sorted(asset for asset in came if weighing.symbol(asset) not in symbols)
    asked = ", ".join(sorted(prices))
    if strange:
        yield Code.ASSET_MISMATCH, f"{strange[0]} came, and {asked} was asked for"
    for asset in sorted(came):
        is_asked = any(weighing.is_same(asset, price) for price in prices)
        if weighing.symbol(asset) in symbols and not is_asked:
            yield Code.NETWORK_MISMATCH, f"{asset} came, and {asked} was asked for"


def _wanted(seen: Picture) -> AbstractSet[str]:
    """Return the assets that were asked for; of a merchant that names the network, its own alone.

    A provider that asks for another asset of its own accord offers what the merchant did not.
    """
    if len(seen.prices) > 1:
        expected = (fact for fact in seen.facts if fact.kind is FactKind.EXPECTED)
        ours = {fact.asset for fact in expected if fact.detail == ANNOUNCED}
        if ours and all(NETWORK_MARK in asset for asset in ours):
            return ours
    return seen.prices.keys()


def _surpluses(seen: Picture) -> Iterable[tuple[Code, str]]:
    """More than was asked for is here, by one transfer or by paying twice.

    Refunds that succeeded make it less, whichever was told first. What is here of a payment that
    was given back whole is no surplus: it is left behind.
    """
    if seen.state is State.REFUNDED:
        return
    if seen.over is None:
        if Note.OVERPAID in seen.notes:
            yield Code.AMOUNT_OVER, "the provider calls it overpaid"
        return
    back = weighing.given(seen.facts)
    left = weighing.surplus(seen.stands, seen.prices, seen.terms, back)
    if left is None:
        return
    asset, amount = left
    verb = "is left" if back else "came"
    yield Code.AMOUNT_OVER, f"{seen.terms.shown(asset, amount)} more {verb} than was asked for"
    least = seen.prices[asset] - weighing.tolerance(seen.terms, asset, seen.prices[asset])
    each = transfers(seen).values()
    whole = [told for told in each if (weighing.came(told, asset) or 0) >= least]
    if len(whole) > 1:
        yield Code.DUPLICATE_PAYMENT, f"{len(whole)} transfers each bring the whole price"


# What can disagree, by the kinds of facts without which it cannot: few payments have any of them.
_ASKED: tuple[tuple[frozenset[FactKind], Callable[[Picture], Iterable[tuple[Code, str]]]], ...] = (
    (frozenset({FactKind.FAILED, FactKind.CANCELLED}), _outcomes),
    (weighing.VALUE, _places),
    (weighing.VALUE | {FactKind.NOTE}, _surpluses),
    (frozenset({FactKind.REFUND}), lambda seen: returns.concerns(seen.facts, seen.terms)),
    (
        frozenset({FactKind.POSTED}),
        lambda seen: books.concerns(seen.facts, seen.terms, seen.state),
    ),
    (frozenset({FactKind.NOTE}), lambda seen: requests.concerns(seen.facts, seen.terms)),
)
