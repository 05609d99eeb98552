"""What people may do to payments and exceptions: by whom, why, and what it states. Pure.

A person's `Order` flows in; a `Command` for the desk flows out (`stating`), or what is left of an
item of the queue (`casework`). An action states facts, and the reducer says what follows; where
it would follow that the payment does not go where the action leads, the order is refused and
nothing is written.

Some actions need a second person. That the two are two people, and that a person has the role that
they say, is for whoever lets them in to see to: here it is checked that they say so, and kept.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from consumers import standing, weighing
from consumers.actions import (
    ABOUT_MONEY,
    OWNERS,
    RELEASES,
    RULES,
    Act,
    Approval,
    Reason,
    Role,
)
from consumers.exceptions import HANDLING, Code
from consumers.facts import OFF, ON, Fact, FactKind, Failure, HoldKind, RefundStatus, simple
from consumers.moving import Said, Stated
from consumers.notices import Occasion
from consumers.stating import OURSELVES, Command, IllegalTransition, Refused
from consumers.store.cases import Action
from consumers.store.port import Cause, Event, EventKey, PaymentKey
from ingress.contract import cloudevents
from ingress.eventlog.port import Partition, Position

ACCOUNT = "operator"
# No record told of it: an event needs a place, and this is none.
NOWHERE = Position(Partition("", 0), 0)
NOTE_CHARS_MAX = cloudevents.ATTRIBUTE_CHARS_MAX


class NotAllowed(Refused):
    """The role may not do this."""

    code = "role_not_allowed"


class ApprovalRequired(Refused):
    """A second person has to agree."""

    code = "approval_required"


class WrongWords(Refused):
    """Something that has to be said was not, or cannot be said so."""

    code = "invalid_request"


class Unknown(Refused):
    """There is no such payment, or no such item."""

    code = "not_found"


class HoldNotOn(Refused):
    """There is no such hold to release."""

    code = "hold_not_on"


class ClosesByFacts(Refused):
    """The exception ends when the facts end it, and not by hand."""

    code = "closes_by_facts"


class Closed(Refused):
    """The item is closed already."""

    code = "closed"


class Order(NamedTuple):
    """What one person wants done, as whom, and why. `key` makes it happen once."""

    act: Act
    by: str
    role: Role
    reason: Reason
    note: str
    key: str
    expected_version: int | None
    approved_by: str = ""


class Particulars(NamedTuple):
    """What an action on a payment says beside that: the hold, or the refund."""

    hold: HoldKind | None = None
    refund: str = ""
    asset: str = ""
    amount: int | None = None
    status: RefundStatus = RefundStatus.SUCCEEDED


NOTHING_MORE = Particulars()
# By asset, what one person may decide alone, in atomic units.
Limits = Mapping[str, int]


class Occurrence(NamedTuple):
    """What is taken from outside: where and when, and new ids for what is written."""

    environment: str
    mode: str
    at_ms: int
    correlation_id: str
    traceparent: str


def check(order: Order) -> None:
    """Refuse what can be refused without looking at the payment. Raises `Refused`."""
    rule = RULES[order.act]
    for name, text in (("by", order.by), ("note", order.note), ("key", order.key)):
        if not text.strip() or not cloudevents.is_attribute(text):
            raise WrongWords(
                f"{name}: say it in one line of at most {NOTE_CHARS_MAX} printable characters; it"
                " is kept for ever"
            )
    if order.approved_by and not cloudevents.is_attribute(order.approved_by):
        raise WrongWords("approved_by: name the second person in one line")
    if rule.roles and order.role not in rule.roles:
        raise NotAllowed(f"{order.act} is for {_listed(rule.roles)}, and not for {order.role}")
    if rule.reasons and order.reason not in rule.reasons:
        raise WrongWords(f"reason: {order.act} takes one of {_listed(rule.reasons)}")
    if rule.approval is Approval.ALWAYS:
        need_second(order, f"{order.act} is never one person's decision")
    elif order.approved_by:
        need_second(order, "")


def need_second(order: Order, why: str) -> None:
    """Raise `ApprovalRequired` unless a second person has agreed."""
    second = order.approved_by.strip().casefold()
    if not second:
        raise ApprovalRequired(f"{why}: name a second person with --approved-by")
    if second == order.by.strip().casefold():
        raise ApprovalRequired("whoever asks cannot approve: name another person")


def command(
    order: Order,
    payment: PaymentKey,
    more: Particulars,
    limits: Limits,
    now: Occurrence,
) -> Command:
    """Write an order about a payment as a command for the desk. Raises `Refused`."""
    check(order)
    _check_particulars(order, more)
    key = event_key(order.key)
    told = json.dumps(_told(more), sort_keys=True)
    event = event_of(order, payment.reference, digest(order, "/".join(payment), told), now)
    said = Said(
        event=key,
        payment=payment,
        facts=facts(order.act, more, now.at_ms),
        occasion=Occasion(now.environment, event.event_type, now.at_ms, now.traceparent),
        correlation_id=now.correlation_id,
        cause=Cause.OPERATOR,
    )
    return Command(
        event,
        said,
        order.expected_version,
        guard=lambda stated: guard(order, more, limits, stated),
        action=action(order, payment, None, told, now.at_ms),
    )


def facts(act: Act, more: Particulars, at_ms: int) -> frozenset[Fact]:
    """Return what an action states."""
    made = {
        Act.ACCEPT_LATE: lambda: simple(FactKind.ACCEPT_LATE, at_ms),
        Act.ACCEPT_UNDERPAID: lambda: simple(FactKind.ACCEPT_UNDER, at_ms),
        Act.MARK_CANCELLED: lambda: simple(FactKind.CANCELLED, at_ms),
        Act.MARK_FAILED: lambda: simple(FactKind.FAILED, at_ms, detail=Failure.OPERATOR),
        Act.PLACE_HOLD: lambda: _hold(more, at_ms, ON),
        Act.RELEASE_HOLD: lambda: _hold(more, at_ms, OFF),
        Act.RECORD_REFUND: lambda: simple(
            FactKind.REFUND,
            at_ms,
            key=more.refund,
            asset=more.asset,
            amount=more.amount,
            detail=more.status,
        ),
    }
    return frozenset({made[act]()})


def _hold(more: Particulars, at_ms: int, word: str) -> Fact:
    return simple(FactKind.HOLD, at_ms, key=str(more.hold), detail=word)


def guard(order: Order, more: Particulars, limits: Limits, stated: Stated) -> None:
    """Look at what would come of an order, under the lock. Raises `Refused`."""
    before, after = stated.before, stated.after
    rule = RULES[order.act]
    if not before.version:
        raise Unknown("there is no such payment: `sealgate payments list` shows what there is")
    if rule.begins and before.state not in rule.begins:
        raise IllegalTransition(
            f"the payment is {before.state}: {order.act} is for payments that are"
            f" {_listed(rule.begins)}"
        )
    if rule.ends and (after.state not in rule.ends or after.version == before.version):
        stays = "stay" if after.state is before.state else "be"
        raise IllegalTransition(
            f"{order.act} leads to {_listed(rule.ends)}, and the payment would {stays}"
            f" {after.state}: facts cannot be set aside by a word"
        )
    if order.act is Act.RELEASE_HOLD and more.hold not in standing.holds(before.facts):
        raise HoldNotOn(f"no hold of {more.hold} is on")
    why = approval_needed(rule.approval, before.facts, limits)
    if why:
        need_second(order, why)


def approval_needed(approval: Approval, known: frozenset[Fact], limits: Limits) -> str:
    """Say why a second person has to agree; nothing where one is enough."""
    if approval is Approval.IF_MONEY:
        values = weighing.observed(known)
        has_money = weighing.has_value(weighing.standing(known, values))
        return "money came for this payment" if has_money else ""
    if approval is not Approval.ABOVE:
        return ""
    money = weighing.at_risk(known)
    if money is None:
        return "how much money this is about is not known"
    asset, amount = money
    limit = limits.get(asset, limits.get(weighing.symbol(asset), 0))
    return "" if amount <= limit else f"it is about more {asset} than one person may decide"


def _check_particulars(order: Order, more: Particulars) -> None:
    """Refuse an action that lacks what it is about. Raises `Refused`."""
    if order.act is Act.RELEASE_HOLD and more.hold is not None:
        owners = RELEASES[more.hold]
        if order.role not in owners:
            raise NotAllowed(f"a hold of {more.hold} is released by {_listed(owners)} alone")
    if order.act is Act.RECORD_REFUND:
        if not more.refund.strip() or not cloudevents.is_attribute(more.refund):
            raise WrongWords("refund: give the id that the refund has where it was made")
        if more.amount is None or more.amount <= 0:
            raise WrongWords("amount: say how much was given back, in whole units of the asset")


def check_closing(order: Order, code: str) -> None:
    """Refuse to close what is not for this person to close by hand. Raises `Refused`."""
    known = next((one for one in Code if one == code), None)
    if known is None:
        return
    if order.act is Act.WRITE_OFF and known not in ABOUT_MONEY:
        raise WrongWords(f"{code} is not about money: there is nothing to write off")
    if order.act is not Act.RESOLVE:
        return
    handling = HANDLING[known]
    if handling.heals:
        raise ClosesByFacts(
            f"{code} ends by itself when the facts end it: {handling.resolution}. Money that will"
            " not come right is written off"
        )
    owners = OWNERS[handling.owner]
    if order.role not in owners:
        raise NotAllowed(f"{code} is resolved by {_listed(owners)}")


def action(
    order: Order, payment: PaymentKey | None, item: int | None, detail: str, at_ms: int
) -> Action:
    """Write down who did what, and why."""
    return Action(
        key=order.key,
        name=str(order.act),
        payment=payment,
        item=item,
        by=order.by,
        role=str(order.role),
        approved_by=order.approved_by,
        reason=str(order.reason),
        note=order.note,
        detail=detail,
        at_ms=at_ms,
    )


def event_key(key: str) -> EventKey:
    """Name the event that an order is claimed as."""
    return EventKey(OURSELVES, ACCOUNT, key)


def event_of(order: Order, reference: str, body_digest: str, now: Occurrence) -> Event:
    """Make the event that an order is claimed as, once for ever."""
    return Event(
        key=event_key(order.key),
        event_type=f"{ACCOUNT}.{order.act}",
        source=OURSELVES,
        reference=reference,
        key_id="",
        assurance="",
        correlation_id=now.correlation_id,
        body_digest=body_digest,
        received_ms=now.at_ms,
        position=NOWHERE,
        mode=now.mode,
    )


def digest(order: Order, about: str, detail: str) -> str:
    """Tell two orders under one key apart: by all that they say, and not by when."""
    told = json.dumps([*map(str, order), about, detail])
    return "sha256:" + hashlib.sha256(told.encode()).hexdigest()


def _told(more: Particulars) -> dict[str, str]:
    """Write particulars as they are kept."""
    if more.hold is not None:
        return {"hold": str(more.hold)}
    if more.refund:
        amount = str(more.amount)
        return {"refund": more.refund, "asset": more.asset, "atomic": amount, "status": more.status}
    return {}


def _listed(words: Iterable[str]) -> str:
    return ", ".join(sorted(map(str, words)))
