"""Payments, exceptions and what people did to them, as documents for every way of showing.

Amounts are texts of decimal digits beside the number of decimals that the registry gives them, and
never a number that a reader of JSON could round. Pure.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime

from consumers import standing
from consumers.actions import COMMANDS
from consumers.announcing import ACCOUNT as ANNOUNCER
from consumers.exceptions import HANDLING, Code
from consumers.policy import Policy
from consumers.proposing import ACCOUNT as MATCHER
from consumers.stating import OURSELVES, revision
from consumers.store.cases import Action, Evidence, Item, Line
from consumers.store.kept import Kept
from consumers.store.port import Cause, Changes, Payment, PaymentKey, Statement, Transition
from sealgate.exposure import addresses, report
from sealgate.exposure.instants import show
from sealgate.exposure.report import Document
from sealgate.operations.ages import bucket
from sealgate.operations.words import item_name

Decimals = Mapping[str, int]


# Of these nobody has been told a state.
_KEPT = {
    Kept.PARKED: "Parked (nobody announced it)",
    Kept.DEPOSIT: "Deposit (it names no payment)",
}


def payment(one: Payment, policy: Policy, decimals: Decimals) -> Document:
    """Write how a payment stands."""
    flags = standing.flags(one.facts, policy.terms)
    sums = standing.amounts(one.facts)._asdict()
    since = standing.milestones(one.facts, policy.terms)._asdict()
    return {
        "payment": addresses.write(one.key),
        "label": _KEPT[one.kept] if one.kept else standing.label(one.state, flags),
        "state": str(one.kept or one.state),
        "flags": list(flags),
        "version": revision(one),
        "moves": one.version,
        "since": show(one.changed_ms),
        "posting": standing.posting(one.facts, policy.terms).value,
        "amounts": {name: report.amounts(told, decimals) for name, told in sums.items()},
        "milestones": {name.removesuffix("_ms"): show(ms) for name, ms in since.items()},
    }


def line(one: Line, found: Payment | None, policy: Policy, decimals: Decimals) -> Document:
    """Write one payment of a list."""
    document = {
        "payment": addresses.write(one.key),
        "state": one.state,
        "version": str(one.version),
        "moves": one.version,
        "since": show(one.changed_ms),
        "created_at": show(one.created_ms),
    }
    if found is None:
        return {
            **document,
            "label": one.state,
            "flags": [],
            "amounts": {},
        }
    told = payment(found, policy, decimals)
    kept = ("label", "state", "version", "moves", "since", "flags", "amounts")
    return {**document, **{name: told[name] for name in kept}}


def statement(one: Statement, decimals: Decimals, *, is_void: bool = False) -> Document:
    """Write a fact, and who stated it; a void one does not count."""
    return {
        **report.fact_document(one.fact, decimals),
        "detail": one.fact.detail,
        "event": addresses.write(one.event),
        "is_first": one.is_first,
        "is_void": is_void,
    }


def move(one: Transition) -> Document:
    """Write one move of a payment."""
    return {
        "version": one.version,
        "before": None if one.before is None else one.before.value,
        "after": one.after.value,
        "at": show(one.at_ms),
        "cause": one.cause.value,
        "event": addresses.write(one.event),
        "mapping": one.mapping,
        "policy": one.policy,
    }


def action(one: Action, decimals: Decimals, *, is_withdrawn: bool = False) -> Document:
    """Write what somebody did; `command` is what they typed for it."""
    return {
        "action": one.name,
        "command": next((COMMANDS[act] for act in COMMANDS if act == one.name), one.name),
        "at": show(one.at_ms),
        "by": one.by,
        "role": one.role,
        "approved_by": one.approved_by,
        "reason": one.reason,
        "note": one.note,
        "detail": one.detail,
        "about": about(one.detail, decimals),
        "key": one.key,
        "is_withdrawn": is_withdrawn,
    }


def about(detail: str, decimals: Decimals) -> str:
    """Write for a person what an action was about: amounts in units of their asset."""
    try:
        told = json.loads(detail) if detail.startswith("{") else None
    except json.JSONDecodeError:
        told = None
    if not isinstance(told, dict):
        return detail
    words = [str(told[name]) for name in _ABOUT if told.get(name)]
    if told.get("atomic") and told.get("asset"):
        words.append(report.major(told["asset"], int(told["atomic"]), decimals))
    words += [f"{name} {told[name]}" for name in ("address",) if told.get(name)]
    words += [f"at {show(int(told['at_ms']))}"] if told.get("at_ms") else []
    return " ".join(words)


def cause_text(cause: str, event: str) -> str:
    """Say for a person why a payment moved; `event` is what it was proven by."""
    if cause == Cause.EVENT and event.startswith(f"{OURSELVES}/{ANNOUNCER}/"):
        told = "announced before any money"
    elif cause == Cause.EVENT and event.startswith(f"{OURSELVES}/{MATCHER}/"):
        told = "a rule matched a deposit"
    elif cause == Cause.TIMER and not event.startswith(f"{OURSELVES}/"):
        told = "what was parked counts, since its source expects no announcement any more"
    else:
        told = _CAUSES.get(cause, cause)
    return f"{told} ({cause})"


_CAUSES: Mapping[str, str] = {
    Cause.EVENT: "an event said so",
    Cause.OPERATOR: "a person said so",
    Cause.TIMER: "time was up",
    Cause.POLL: "the provider was asked",
    Cause.VOID: "a person took facts away",
    Cause.UNMATCH: "a person took a deposit back",
    Cause.RESTORE: "a person gave facts back",
    Cause.REPLAY: "events were read again",
}
_ABOUT = ("hold", "refund", "status", "posting", "replacement", "command")


def evidence(one: Evidence) -> Document:
    """Write what was told of an exception later."""
    event = None if one.event is None else addresses.write(one.event)
    return {"evidence": one.text, "event": event, "at": show(one.at_ms)}


def item(one: Item, now_ms: int, decimals: Decimals) -> Document:
    """Write an exception as an item of the queue."""
    raised, end = one.anomaly, one.closing
    until_ms = now_ms if end is None else end.at_ms
    money = raised.at_risk
    at_risk = [] if money is None else report.amounts({money.asset: money.amount}, decimals)
    return {
        "exception": item_name(one.id),
        "code": raised.code,
        "subject": raised.subject,
        "severity": raised.severity,
        "status": one.status.value,
        "owner": owner_of(raised.code),
        "assignee": one.assignee,
        "next_check_at": show(one.next_check_ms),
        "opened_at": show(raised.at_ms),
        "last_at": show(one.last_ms),
        "age": bucket(until_ms - raised.at_ms).name,
        "crosses_period_end": _month(raised.at_ms) != _month(until_ms),
        "times": one.times,
        "reopened": one.reopened,
        "version": one.version,
        "at_risk": at_risk[0] if at_risk else None,
        "evidence": raised.evidence,
        "event": None if raised.event is None else addresses.write(raised.event),
        "closed_at": None if end is None else show(end.at_ms),
        "resolution": None if end is None else end.resolution,
        "resolution_code": None if end is None else end.reason,
        "resolved_by": None if end is None else end.by,
        "approved_by": None if end is None else end.approved_by,
    }


def items(found: Sequence[Item], now_ms: int, decimals: Decimals) -> list[Document]:
    """Write several."""
    return [item(one, now_ms, decimals) for one in found]


def owner_of(code: str) -> str:
    """Name who answers for an exception; nobody for one of another version."""
    return next((HANDLING[one].owner.value for one in Code if one == code), "")


def resolution_of(code: str) -> str:
    """Say how an exception is worked; nothing for one of another version."""
    return next((HANDLING[one].resolution for one in Code if one == code), "")


def notice(changes: Changes, payment: PaymentKey) -> str | None:
    """Name what downstream is told of a payment by some changes; None where it is told nothing."""
    told = [dict(one.headers)["ce_type"] for one in changes.notices if one.payment == payment]
    return told[0].decode() if told else None


def amounts_text(told: Iterable[Document]) -> str:
    """Write amounts for a person."""
    return ", ".join(
        report.major(
            one["asset"],
            int(one["atomic"]),
            {} if one["decimals"] is None else {one["asset"]: one["decimals"]},
        )
        for one in told
    )


def _month(ms: int) -> tuple[int, int]:
    """Return the accounting month of an instant."""
    moment = datetime.fromtimestamp(ms / 1000, UTC)
    return moment.year, moment.month
