"""Show the deposits that replayed events tell of: what each is now, and what it would be."""

from collections.abc import Collection, Iterator, Mapping

from consumers import deposits, weighing
from consumers.depositing import Arrived
from consumers.facts import Fact
from sealgate.exposure import addresses, report
from sealgate.exposure.report import Document
from sealgate.operations import documents

Decimals = Mapping[str, int]
NONE = "none"


def document(one: Arrived, decimals: Decimals) -> Document:
    """Write a deposit before and after; one that is not there yet has no state."""
    payment = deposits.payment_of(one.last)
    state = deposits.state_of(one.last).value
    return {
        "deposit": addresses.write(one.before.key),
        "state_before": state if one.before.kept else None,
        "state": state,
        "payment": None if payment is None else addresses.write(payment),
        "amounts_before": _amounts(one.before.facts, decimals),
        "amounts": _amounts(one.after.facts, decimals),
    }


def _amounts(facts: Collection[Fact], decimals: Decimals) -> list[Document]:
    stands = weighing.standing(facts, weighing.observed(facts))
    return report.amounts(weighing.received(stands), decimals)


def lines(told: Document) -> Iterator[str]:
    """Write a deposit for a person."""
    # Events decide nothing about a deposit: one that is there stays where people put it.
    now = f"{told['state']} with {told['payment']}" if told["payment"] else told["state"]
    yield f"  deposit     {told['deposit']}"
    yield f"    state     {_step(now if told['state_before'] else NONE, now)}"
    before, after = (documents.amounts_text(told[name]) for name in ("amounts_before", "amounts"))
    yield f"    amount    {_step(before or NONE, after or NONE)}"


def _step(before: str, after: str) -> str:
    return before if before == after else f"{before} -> {after}"
