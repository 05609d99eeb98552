"""Enter into the audit log what people did that moves no payment: a drill, a report that was given.

What is kept of it is an action, claimed once for ever under its key and named by the audit chain
like any other: who, as what, why, and the digest of the paper that people keep themselves. The same
key for the same thing does nothing; for another it is refused.
"""

import hashlib
import json
from contextlib import suppress
from typing import NamedTuple

from consumers.actions import Role
from consumers.operating import ACCOUNT, NOWHERE, Occurrence
from consumers.refusals import WrongWords, check_names
from consumers.stating import OURSELVES, KeyReused
from consumers.store.cases import Action
from consumers.store.port import Changes, Event, EventKey, Handled, Store
from ingress.contract import cloudevents
from sealgate.config import Configuration
from sealgate.operations import words


class Order(NamedTuple):
    """Who has it entered, as what, and under which key."""

    by: str
    role: Role
    note: str
    key: str
    approved_by: str = ""


class Entry(NamedTuple):
    """What is entered: the name of the kind, how it ended, and what is kept of it as JSON."""

    name: str
    reason: str
    detail: str


def order_of(by: str, role: str, note: str, key: str, configuration: Configuration) -> Order:
    """Read who has it entered, as they typed it. Raises `Refused`."""
    acts_as = next((one for one in Role if one == role.strip().lower()), None)
    if acts_as is None:
        raise WrongWords(f"--role: one of {', '.join(Role)}")
    order = Order(by, acts_as, note, key)
    for name, text in (("by", order.by), ("note", order.note), ("key", order.key)):
        if not text.strip() or not cloudevents.is_attribute(text):
            raise WrongWords(f"--{name}: say it in one line of printable characters; it is kept")
    check_names(order.by, "")
    words.check_people(order, configuration.settings.operators.people)
    return order


async def enter(store: Store, entry: Entry, order: Order, now: Occurrence) -> bool:
    """Write it down, once for ever; say whether it was new. Raises `KeyReused`."""
    event = _event(entry, order, now)
    with suppress(_Repeated):
        async with store.transaction() as tx:
            if not await tx.claim([event]):
                if (await tx.digests([event.key]))[event.key] != event.body_digest:
                    raise KeyReused(f"another command was done as {order.key}: choose another key")
                raise _Repeated
            action = _action(entry, order, now.at_ms)
            came = {event.key: Handled("applied_no_change")}
            await tx.save(Changes(verdicts=came, actions=[action]))
        return True
    return False


class _Repeated(Exception):
    """Leaves a transaction in which nothing is new."""


def _event(entry: Entry, order: Order, now: Occurrence) -> Event:
    """Make the event that it is claimed as."""
    told = json.dumps([*map(str, order), entry.detail])
    return Event(
        key=EventKey(OURSELVES, ACCOUNT, order.key),
        event_type=f"{ACCOUNT}.{entry.name}",
        source=OURSELVES,
        reference="",
        key_id="",
        assurance="",
        correlation_id=now.correlation_id,
        body_digest="sha256:" + hashlib.sha256(told.encode()).hexdigest(),
        received_ms=now.at_ms,
        position=NOWHERE,
        mode=now.mode,
    )


def _action(entry: Entry, order: Order, at_ms: int) -> Action:
    return Action(
        key=order.key,
        name=entry.name,
        payment=None,
        item=None,
        by=order.by,
        role=str(order.role),
        approved_by=order.approved_by,
        reason=entry.reason,
        note=order.note,
        detail=entry.detail,
        at_ms=at_ms,
    )
