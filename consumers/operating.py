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

from consumers import bounds, colleagues, particulars, standing, weighing
from consumers.actions import ABOUT_MONEY, OWNERS, RULES, Act, Approval, Reason, Role
from consumers.exceptions import HANDLING, Code
from consumers.facts import Fact
from consumers.moving import Said, Stated
from consumers.notices import Occasion
from consumers.particulars import NOTHING_MORE, Particulars
from consumers.refusals import (
    ApprovalRequired,
    Closed,
    ClosesByFacts,
    HoldNotOn,
    NotAllowed,
    Unknown,
    WrongWords,
    check_names,
)
from consumers.stating import OURSELVES, Command, IllegalTransition
from consumers.store.cases import Action
from consumers.store.port import Cause, Event, EventKey, PaymentKey
from consumers.weighing import STRICT, Terms
from ingress.contract import cloudevents
from ingress.eventlog.port import Partition, Position

# These have modules of their own, and are asked for here by whoever takes orders.
__all__ = [
    "NOTHING_MORE",
    "ApprovalRequired",
    "Closed",
    "ClosesByFacts",
    "HoldNotOn",
    "NotAllowed",
    "Particulars",
    "Unknown",
    "WrongWords",
]

ACCOUNT = "operator"
# No record told of it: an event needs a place, and this is none.
NOWHERE = Position(Partition("", 0), 0)
NOTE_CHARS_MAX = cloudevents.ATTRIBUTE_CHARS_MAX


class Order(NamedTuple):
    """What one person wants done, as whom, and why. `key` makes it happen once.

    `expected_version` and `expected_facts` are of what they looked at: see `stating.revision`.
    """

    act: Act
    by: str
    role: Role
    reason: Reason
    note: str
    key: str
    expected_version: int | None
    approved_by: str = ""
    expected_facts: str = ""


# By asset, what one person may decide alone, in atomic units.
Limits = Mapping[str, int]


class Occurrence(NamedTuple):
    """What is taken from outside: where and when, new ids, and the terms in force."""

    environment: str
    mode: str
    at_ms: int
    correlation_id: str
    traceparent: str
    terms: Terms = STRICT


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
    check_names(order.by, order.approved_by)
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
    if not colleagues.skeleton(order.approved_by):
        raise ApprovalRequired(f"{why}: name a second person with --approved-by")
    if colleagues.is_same(order.approved_by, order.by):
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
    particulars.check(order.act, order.role, more, now.at_ms)
    told = json.dumps(particulars.told(order.act, more), sort_keys=True)
    event = event_of(order, payment.reference, digest(order, "/".join(payment), told), now)
    stated = particulars.facts(order.act, more, order.key, now.at_ms)
    said = _said(event, payment, stated, now)
    return Command(
        event,
        said,
        order.expected_version,
        guard=lambda stated: guard(order, more, limits, now, stated),
        action=action(order, payment, None, told, now.at_ms),
        expected_facts=order.expected_facts,
        also=_also(order, said, more, now),
    )


def _said(event: Event, payment: PaymentKey, facts: frozenset[Fact], now: Occurrence) -> Said:
    return Said(
        event=event.key,
        payment=payment,
        facts=facts,
        occasion=Occasion(now.environment, event.event_type, now.at_ms, now.traceparent),
        correlation_id=now.correlation_id,
        cause=Cause.OPERATOR,
    )


def _also(order: Order, said: Said, more: Particulars, now: Occurrence) -> tuple[Said, ...]:
    """Return what an order states of a payment that is made new."""
    if order.act is not Act.REISSUE_REFERENCE or more.replacement is None:
        return ()
    facts = particulars.of_replacement(said.payment, more, now.at_ms)
    return (said._replace(payment=more.replacement, facts=facts),)


def guard(order: Order, more: Particulars, limits: Limits, now: Occurrence, stated: Stated) -> None:
    """Look at what would come of an order, under the lock. Raises `Refused`, or `NothingNew`."""
    before = stated.before
    if not before.version:
        raise Unknown("there is no such payment: `sealgate payments list` shows what there is")
    _check_move(order, stated)
    if order.act is Act.RELEASE_HOLD and more.hold not in standing.holds(before.facts):
        raise HoldNotOn(f"no hold of {more.hold} is on")
    _check_money(order, more, before.facts, now)
    why = approval_needed(RULES[order.act].approval, before.facts, limits)
    if why:
        need_second(order, why)


def _check_move(order: Order, stated: Stated) -> None:
    """Refuse what leads elsewhere than the action does. Raises `IllegalTransition`."""
    before, after, rule = stated.before, stated.after, RULES[order.act]
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


def _check_money(order: Order, more: Particulars, known: frozenset[Fact], now: Occurrence) -> None:
    """Hold an order about money against what there is. Raises `Refused`, or `NothingNew`."""
    if order.act is Act.RECORD_REFUND:
        bounds.check_refund(known, more, now.terms)
    elif order.act is Act.REQUEST_REFUND:
        bounds.check_request(known, more, now.terms)
    elif order.act in {Act.RECORD_POSTING, Act.RECORD_UNPOSTING}:
        [posting] = particulars.facts(order.act, more, order.key, now.at_ms)
        bounds.check_posting(known, posting, now.terms)
        if order.act is Act.RECORD_POSTING:
            bounds.check_unheld(known, now.terms)


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


def _listed(words: Iterable[str]) -> str:
    return ", ".join(sorted(map(str, words)))
