"""Tell the queue of exceptions again, as it was at some entries of the chains. Pure.

An item is raised by an entry, told of again, worked on and ended by others; its number stands in
the table. What was there before the chain began is as the table has it.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from consumers.store.cases import Status
from consumers.store.keys import EventKey
from sealgate.exports.recorded import Act, ItemRow, Recorded


@dataclass(slots=True)
class Item:
    """An exception as of some entries."""

    id: int
    code: str
    subject: str
    severity: int
    evidence: str
    event: EventKey | None
    opened_ms: int
    asset: str | None = None
    amount: int | None = None
    status: str = str(Status.OPEN)
    assignee: str = ""
    closed_ms: int | None = None
    resolution: str = ""
    reason: str = ""
    by: str = ""
    approved_by: str = ""
    reopened: int = 0

    def is_open_at(self, at_ms: int) -> bool:
        """Say whether it was open at an instant."""
        return self.opened_ms < at_ms and (self.closed_ms is None or self.closed_ms >= at_ms)


@dataclass(slots=True)
class _Queue:
    numbers: dict[tuple[str, str, int], list[int]]
    open: dict[tuple[str, str], Item] = field(default_factory=dict)
    items: dict[int, Item] = field(default_factory=dict)
    raised: Counter[tuple[str, str]] = field(default_factory=Counter)

    def take(self, act: Act) -> None:
        for row in act.said.get("resolved", ()):
            self._end(row)
        for row in act.said.get("raised", ()):
            self._raise(row)
        for row in act.said.get("works", ()):
            self._work(row)

    def add(self, item: Item) -> None:
        place = (item.code, item.subject)
        item.reopened = self.raised[place]
        self.raised[place] += 1
        self.items[item.id] = item
        if item.closed_ms is None:
            self.open[place] = item

    def _raise(self, row: Sequence[Any]) -> None:
        code, subject, severity, evidence, *event, first_ms = row[:8]
        asset, amount = row[10:12]
        item = self.open.get((code, subject))
        if item is None:
            numbers = self.numbers.get((code, subject, first_ms), [])
            if not numbers:
                return
            key = None if event[0] is None else EventKey(*event)
            item = Item(numbers.pop(0), code, subject, severity, evidence, key, first_ms)
            self.add(item)
        item.severity = min(item.severity, severity)
        if asset is not None:
            item.asset, item.amount = asset, int(amount)

    def _end(self, row: Sequence[Any]) -> None:
        item = self.open.pop((row[0], row[1]), None)
        if item is not None:
            item.resolution, item.closed_ms, item.status = row[2], row[3], row[4]
            item.reason, item.by, item.approved_by = row[5:8]

    def _work(self, row: Sequence[Any]) -> None:
        item = self.items.get(row[0])
        if item is None:
            return
        item.status, item.assignee = row[2], row[3]
        if row[5] is not None:
            item.closed_ms, item.resolution = row[5], row[6] or ""
            item.reason, item.by, item.approved_by = row[7:10]
            self.open.pop((item.code, item.subject), None)


def items(recorded: Recorded) -> list[Item]:
    """Return the exceptions there were, by their numbers."""
    told = recorded.later_items | {
        (row[0], row[1], row[7]) for act in recorded.acts for row in act.said.get("raised", ())
    }
    numbers: dict[tuple[str, str, int], list[int]] = {}
    for row in recorded.items:
        numbers.setdefault((row.code, row.subject, row.first_ms), []).append(row.id)
    queue = _Queue(numbers)
    for row in recorded.items:
        # Of which no entry tells: it was there before the chain began.
        if (row.code, row.subject, row.first_ms) not in told:
            queue.add(_of_table(row))
    for act in recorded.acts:
        queue.take(act)
    return [queue.items[number] for number in sorted(queue.items)]


def _of_table(row: ItemRow) -> Item:
    item = Item(row.id, row.code, row.subject, row.severity, row.evidence, row.event, row.first_ms)
    return replace(
        item,
        asset=row.risk_asset,
        amount=row.risk_amount,
        status=row.status,
        assignee=row.assignee,
        closed_ms=row.closed_ms,
        resolution=row.resolution or "",
        reason=row.reason,
        by=row.by,
        approved_by=row.approved_by,
    )
