"""Refunds that people decided upon, and what of them is still to be given back. Pure.

A request moves no money and no state: it is a note, under the id of its command. It is met by the
refunds that are told of afterwards, by whomever: which of them was made because of it nobody says,
so amounts are compared, by asset, from the instant of the first request.
"""

from collections.abc import Collection, Iterator, Mapping

from consumers import weighing
from consumers.exceptions import Code
from consumers.facts import Fact, FactKind, OwnNote
from consumers.weighing import Terms


def requested(facts: Collection[Fact]) -> list[Fact]:
    """Return the requests."""
    return [
        fact
        for fact in facts
        if fact.kind is FactKind.NOTE and fact.detail == OwnNote.REFUND_REQUESTED
    ]


def open_amounts(facts: Collection[Fact]) -> Mapping[str, int]:
    """Return what is still to be given back, by asset."""
    wanted = requested(facts)
    if not wanted:
        return {}
    since_ms = min(fact.at_ms for fact in wanted)
    done = [fact for fact in weighing.given(facts) if fact.at_ms >= since_ms]
    still: dict[str, int] = {}
    for fact in wanted:
        still[fact.asset] = still.get(fact.asset, 0) + (fact.amount or 0)
    owed = {asset: amount - (weighing.came(done, asset) or 0) for asset, amount in still.items()}
    return {asset: amount for asset, amount in owed.items() if amount > 0}


def at_risk(code: Code, facts: Collection[Fact]) -> tuple[str, int] | None:
    """Return the money that an exception is about: of a refund that is wanted, what is owed of it.

    None where no amount is known, or amounts of several assets.
    """
    if code is not Code.REFUND_REQUESTED:
        return weighing.at_risk(facts)
    owed = list(open_amounts(facts).items())
    return owed[0] if len(owed) == 1 else None


def concerns(facts: Collection[Fact], terms: Terms) -> Iterator[tuple[Code, str]]:
    """Say what is still to be given back."""
    for asset, amount in sorted(open_amounts(facts).items()):
        yield Code.REFUND_REQUESTED, f"{terms.shown(asset, amount)} is to be given back"
