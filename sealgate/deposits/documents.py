"""Deposits as documents for every way of showing. Pure."""

import json
from collections.abc import Iterator, Sequence

from consumers import deposits, weighing
from consumers.store.deposits import Deposit, DepositMove
from consumers.store.port import Payment
from sealgate.exposure import addresses, report
from sealgate.exposure.instants import show
from sealgate.exposure.report import Document
from sealgate.operations import documents
from sealgate.operations.documents import Decimals


def deposit(
    one: Deposit, kept: Payment | None, history: Sequence[DepositMove], decimals: Decimals
) -> Document:
    """Write how a deposit stands."""
    facts = frozenset() if kept is None else kept.facts
    values = weighing.observed(facts)
    stands = weighing.standing(facts, values)
    last = history[-1] if history else None
    payment = deposits.payment_of(last)
    return {
        "deposit": addresses.write(one.key),
        "state": deposits.state_of(last).value,
        "version": 0 if last is None else last.version,
        "since": show(one.at_ms if last is None else last.at_ms),
        "first_seen": show(one.at_ms),
        "amounts": report.amounts(weighing.received(stands), decimals),
        "is_final": bool(stands) and len(weighing.finals(stands)) == len(stands),
        "is_removed": bool(values) and not stands,
        "network": one.network,
        "transaction": one.tx,
        "to": one.address_to,
        "from": one.address_from,
        "memo": one.memo,
        "names": one.named,
        "payment": None if payment is None else addresses.write(payment),
        "event": addresses.write(one.event),
    }


def move(one: DepositMove) -> Document:
    """Write one decision."""
    return {
        "version": one.version,
        "state": one.state.value,
        "payment": None if one.payment is None else addresses.write(one.payment),
        "at": show(one.at_ms),
        "event": addresses.write(one.event),
        "why": json.loads(one.detail),
    }


def lines(told: Document) -> Iterator[str]:
    """Write a deposit for a person."""
    yield f"deposit {told['deposit']}"
    money = documents.amounts_text(told["amounts"]) or "nothing stands"
    final = ", removed" if told["is_removed"] else ", final" if told["is_final"] else ""
    yield f"  {told['state']}, version {told['version']}, since {told['since']}"
    yield f"  {'amount':<12} {money}{final}"
    for name in ("first_seen", "network", "transaction", "to", "from", "memo", "names", "payment"):
        if told[name]:
            yield f"  {name.replace('_', ' '):<12} {told[name]}"


def why(told: object) -> Iterator[str]:
    """Write why a payment may be the deposit's, or was taken for it."""
    for one in told if isinstance(told, list) else [told]:
        if not isinstance(one, dict) or not one.get("payment"):
            continue
        score = one.get("score", "no score")
        reasons = one.get("reasons") or "somebody's own decision"
        text = reasons if isinstance(reasons, str) else "; ".join(map(str, reasons))
        yield f"{one['payment']}  {score}  {text}"
