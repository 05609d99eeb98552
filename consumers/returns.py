"""What was given back of a payment, against what came of it: where people must look. Pure.

A refund names an amount, or is one of everything by the provider's word. Facts flow in, exceptions
flow out. A payment that is Refunded moves no more, so money of it that is still here would be
seen by nobody: whoever holds it must be told.
"""

from collections.abc import Collection, Iterator

from consumers import weighing
from consumers.exceptions import Code
from consumers.facts import TOTAL_PREFIX, Fact, FactKind
from consumers.weighing import Scale, Terms


def concerns(facts: Collection[Fact], terms: Terms) -> Iterator[tuple[Code, str]]:
    """Name what does not agree between refunds and money, whatever the state is."""
    if not any(fact.kind is FactKind.REFUND for fact in facts):
        return
    if weighing.is_disputed(facts):
        told = "a refund is told to have succeeded and to have failed, and not which came last"
        yield Code.CONTRADICTORY_OUTCOME, told
    done = weighing.given(facts)
    if not done:
        return
    values = weighing.observed(facts)
    if not weighing.has_value(values):
        yield Code.REFUND_WITHOUT_FUNDS, "a refund is told, and no money was ever seen"
        return
    for asset in sorted(weighing.received(done)):
        back, came = weighing.came(done, asset), weighing.came(values, asset)
        if back is not None and came is not None and back > came:
            told = f"{terms.shown(asset, back, came)} were given back"
            yield Code.CONTRADICTORY_OUTCOME, told
    if _is_needed_back(facts, values, done, terms):
        told = "a transfer was given back, and nobody told whether the rest came before it or after"
        yield Code.CONTRADICTORY_OUTCOME, told


def _is_needed_back(
    facts: Collection[Fact], values: Collection[Fact], done: Collection[Fact], terms: Terms
) -> bool:
    """Say whether the price is met only by a transfer that was given back, nobody told when.

    Given back after the rest had come it is a refund of a part, which a merchant decides upon.
    Given back before, it paid for nothing, and goods would move for the rest alone.
    """
    gone = {fact.key for fact in done if fact.untold and _is_whole_transfer(fact, values)}
    if not gone or weighing.are_all_refunded(facts, values):
        return False
    stands = weighing.standing(facts, list(values))
    # A total tells the money of all transfers, those that went back among it.
    left = [one for one in stands if not one.key.startswith(TOTAL_PREFIX) and one.key not in gone]
    scale = Scale.of(facts, terms)
    return weighing.has_value(left) and scale.is_met(stands) and not scale.is_met(left)


def _is_whole_transfer(refund: Fact, values: Collection[Fact]) -> bool:
    """Say whether a refund is of one transfer, which it names, and of all of it."""
    if refund.key.startswith(TOTAL_PREFIX) or refund.amount is None:
        return False
    came = weighing.came([one for one in values if one.key == refund.key], refund.asset)
    return came is not None and refund.amount >= came > 0


def left_behind(facts: Collection[Fact], terms: Terms) -> str:
    """Say what is here of a payment of which everything was given back; nothing where nothing is.

    Either it came after that, or the provider's word was that all went back, and its figures say
    that it was less, by more than the tolerance.
    """
    values = weighing.observed(facts)
    if weighing.has_value(weighing.came_anew(facts, values)):
        return "money came after everything had been given back"
    done = weighing.given(facts)
    for asset in sorted(weighing.received(values)):
        back, sum_ = weighing.came(done, asset), weighing.came(values, asset)
        if back is None or sum_ is None:
            continue
        if sum_ > back + weighing.tolerance(terms, asset, sum_):
            return f"no more than {terms.shown(asset, back, sum_)} were given back"
    return ""
