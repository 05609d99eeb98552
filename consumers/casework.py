"""Do what a person does to one exception: assign it, let it wait, close it, write something down.

Like a command about a payment it is claimed once under its idempotency key, its author says what
they have seen, and a dry run does all of it and rolls it back. Everything done to an item is kept
with it; the evidence it was raised with is never touched. Commands about payments end exceptions
too, by the facts that they state: that is `stating`'s.
"""

from contextlib import suppress
from dataclasses import dataclass
from typing import NamedTuple

from consumers.actions import Act
from consumers.operating import (
    Closed,
    Occurrence,
    Order,
    Unknown,
    WrongWords,
    action,
    check,
    check_closing,
    digest,
    event_key,
    event_of,
)
from consumers.stating import TRIES_MAX, KeyReused, VersionConflict
from consumers.store.cases import Closing, Item, Status, Work
from consumers.store.port import Changes, Fenced, Handled, Store
from ingress.contract import cloudevents

WAITING = frozenset({Status.WAITING_PROVIDER, Status.WAITING_CUSTOMER, Status.WAITING_FINANCE})
_CLOSES = frozenset({Act.RESOLVE, Act.WRITE_OFF})


class Change(NamedTuple):
    """What an action says beside who does it: whose the item is, or for whom it waits."""

    assignee: str = ""
    status: Status = Status.OPEN
    next_check_ms: int | None = None


class Worked(NamedTuple):
    """An item before and after, as written or as it would be; the same where it was done before."""

    before: Item
    after: Item
    is_repeat: bool


@dataclass(frozen=True, slots=True)
class Caseworker:
    """Does orders about items of one store."""

    store: Store
    now: Occurrence

    async def do(
        self, order: Order, number: int, change: Change, *, dry_run: bool = False
    ) -> Worked:
        """Do an order once. Raises `Refused`, and `Fenced` where others go on working the item."""
        check(order)
        for _ in range(TRIES_MAX - 1):
            with suppress(Fenced):
                return await self._attempt(order, number, change, dry_run=dry_run)
        return await self._attempt(order, number, change, dry_run=dry_run)

    async def _attempt(self, order: Order, number: int, change: Change, *, dry_run: bool) -> Worked:
        item = await self.store.cases.item(number)
        if item is None:
            raise Unknown(f"there is no exception {number}: `sealgate exceptions list` shows them")
        done = Worked(item, item, is_repeat=True)
        with suppress(_Undone):
            async with self.store.transaction() as tx:
                detail = "/".join(map(str, change))
                told = digest(order, f"exception {number}", detail)
                event = event_of(order, "", told, self.now)
                if not await tx.claim([event]):
                    if (await tx.digests([event.key]))[event_key(order.key)] != told:
                        raise KeyReused(
                            f"another command was done as {order.key}: choose another key"
                        )
                    return done
                work = decide(order, item, change, self.now.at_ms)
                wrote = action(order, None, number, _detail(order, change), self.now.at_ms)
                verdicts = {event.key: Handled("applied_no_change")}
                await tx.save(Changes(verdicts=verdicts, works=[work], actions=[wrote]))
                done = Worked(item, _after(item, work), is_repeat=False)
                if dry_run:
                    raise _Undone
        return done


def decide(order: Order, item: Item, change: Change, at_ms: int) -> Work:
    """Return what an order leaves of an item. Raises `Refused`."""
    if item.closing is not None:
        raise Closed(f"exception {item.id} is {item.status} already")
    if order.expected_version is not None and item.version != order.expected_version:
        raise VersionConflict(
            f"the exception is at version {item.version} and not at {order.expected_version}:"
            " look at it again"
        )
    kept = Work(item.id, item.version, item.status, item.assignee, item.next_check_ms, None)
    if order.act in _CLOSES:
        check_closing(order, item.anomaly.code)
        end = Closing(at_ms, order.note, str(order.reason), order.by, order.approved_by)
        return kept._replace(status=Status.RESOLVED, next_check_ms=None, closing=end)
    if order.act is Act.ASSIGN:
        if not cloudevents.is_attribute(change.assignee):
            raise WrongWords("to: name whose item it is, in one line")
        return kept._replace(assignee=change.assignee)
    if order.act is Act.WAIT:
        return kept._replace(status=change.status, next_check_ms=change.next_check_ms)
    return kept


def _detail(order: Order, change: Change) -> str:
    """Say in words what was changed."""
    if order.act is Act.ASSIGN:
        return f"to {change.assignee}"
    if order.act is not Act.WAIT:
        return ""
    if change.next_check_ms is None:
        return str(change.status)
    return f"{change.status} until {cloudevents.timestamp(change.next_check_ms)}"


def _after(item: Item, work: Work) -> Item:
    return item._replace(
        status=work.status,
        assignee=work.assignee,
        next_check_ms=work.next_check_ms,
        version=item.version + 1,
        closing=work.closing,
    )


class _Undone(Exception):
    """Leaves the transaction of a dry run."""
