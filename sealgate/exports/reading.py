"""Read what an export is made of: the chains entry by entry, and the tables, as of one moment.

An entry names a fact by its digest, and the row of the table says it. What an entry behind `as_of`
names is left out; what no entry names was there before the chain began, and comes first.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from consumers.chainwalk import parsed
from consumers.store import deposit_store, rows
from consumers.store.auditing import Auditing
from consumers.store.keys import EventKey, PaymentKey
from sealgate.exports.recorded import (
    BEFORE,
    Act,
    AsOf,
    ItemRow,
    Place,
    Recorded,
    Seen,
    Statement,
    Told,
)

_KINDS = (
    "actions",
    "deposit_moves",
    "events",
    "facts",
    "marks",
    "raised",
    "resolved",
    "restated",
    "retractions",
    "works",
)
_LATER = ("deposits", "expectations", "transitions", "raised")
# Of a chain that there is nothing of.
_NONE = Seen(-1, "")
# In the row of an event as an entry has it.
_CORRELATION, _RECEIVED, _POSITION = 8, 10, slice(11, 14)


class NotThere(ValueError):
    """The chains do not hold what an export was made as of; the message says which."""


@dataclass(slots=True)
class _Sorting:
    """What entries said, sorted into what counts and what is behind `as_of`."""

    recorded: Recorded
    named: set[Place] = field(default_factory=set)
    marks: set[tuple[Any, ...]] = field(default_factory=set)
    later: dict[str, set[tuple[Any, ...]]] = field(default_factory=dict)

    def take(self, act: Act) -> None:
        """Keep an entry that counts."""
        self.recorded.acts.append(act)
        for row in act.said.get("events", ()):
            position: Any = tuple(row[_POSITION])
            told = Told(row[_RECEIVED], row[_CORRELATION], position)
            self.recorded.events[EventKey(*row[:3])] = told
        self.named.update(_places(act.said))
        self.marks.update(map(tuple, act.said.get("marks", ())))

    def leave(self, said: Mapping[str, Sequence[Sequence[Any]]]) -> None:
        """Leave an entry out: so its rows do not count either."""
        self.recorded.is_now = False
        self.marks.update(map(tuple, said.get("marks", ())))
        for kind in _LATER:
            self.later.setdefault(kind, set()).update(map(tuple, said.get(kind, ())))
        self.later.setdefault("statements", set()).update(_places(said))

    def is_later(self, kind: str, row: Sequence[Any]) -> bool:
        """Say whether an entry that does not count names the row."""
        return tuple(row) in self.later.get(kind, ())


async def read(moment: Auditing, environment: str, as_of: AsOf | None = None) -> Recorded:
    """Read a moment, as of some entries or of the last ones.

    Raises `NotThere`, and `StoreUnavailable`.
    """
    heads = {one.chain: Seen(one.seq, one.hash.hex()) for one in await moment.heads()}
    wanted = heads if as_of is None else as_of
    recorded = Recorded(environment, dict(sorted(wanted.items())))
    missing = [name for name, seen in wanted.items() if heads.get(name, _NONE).seq < seen.seq]
    if missing:
        raise NotThere(f"the chain {missing[0]} ends before what the export was made as of")
    sorting = _Sorting(recorded)
    for name in sorted(heads):
        await _walk(moment, name, wanted.get(name, _NONE), sorting)
    await _statements(moment, sorting)
    await _tables(moment, sorting)
    recorded.acts.sort(key=lambda act: act.order)
    return recorded


async def _walk(moment: Auditing, name: str, until: Seen, sorting: _Sorting) -> None:
    async for entry in moment.entries(name, -1):
        said = parsed(entry)
        if entry.seq > until.seq:
            sorting.leave(said)
            continue
        if entry.seq == until.seq and entry.hash.hex() != until.hash:
            raise NotThere(f"entry {entry.seq} of the chain {name} is another one by now")
        sorting.recorded.at_ms = max(sorting.recorded.at_ms, entry.at_ms)
        kept = {kind: said[kind] for kind in _KINDS if kind in said}
        if kept:
            sorting.take(Act(name, entry.seq, entry.at_ms, kept))


async def _statements(moment: Auditing, sorting: _Sorting) -> None:
    """Read facts and restatements; make acts of those of which no entry tells."""
    recorded, strange = sorting.recorded, dict[EventKey, dict[str, list[list[Any]]]]()
    for table, kind, into in (
        ("fact", "facts", recorded.facts),
        ("restatement", "restated", recorded.restated),
    ):
        async for row in _rows(moment, table):
            one = _statement(row)
            place = (one.payment, bytes(row[3]).hex())
            if sorting.is_later("statements", place):
                continue
            into[place] = one
            if place not in sorting.named:
                named = [*one.payment, place[1], *one.event]
                strange.setdefault(one.event, {}).setdefault(kind, []).append(named)
    known = recorded.facts.keys() | recorded.restated.keys()
    recorded.lost = sorted(f"{'/'.join(key)} {digest}" for key, digest in sorting.named - known)
    if strange:
        await _before(moment, recorded, strange)


async def _before(
    moment: Auditing,
    recorded: Recorded,
    strange: Mapping[EventKey, Mapping[str, list[list[Any]]]],
) -> None:
    """Put what was there before the chain first, by when its events were received."""
    async for row in _rows(moment, "event"):
        with suppress(KeyError):
            found = rows.recorded(tuple(row)).event
            said = strange[found.key]
            place = (*found.position.partition, found.position.offset)
            told = Told(found.received_ms, found.correlation_id, place)
            recorded.events.setdefault(found.key, told)
            recorded.acts.append(Act(BEFORE, -1, found.received_ms, said))


async def _tables(moment: Auditing, sorting: _Sorting) -> None:
    recorded = sorting.recorded
    async for row in _kept(moment, sorting, "transition", "transitions"):
        move = rows.transition(tuple(row))
        recorded.transitions.setdefault(move.payment, []).append(move)
    async for row in _kept(moment, sorting, "deposit", "deposits"):
        one = deposit_store.deposit(tuple(row))
        recorded.deposits[one.key] = one
    async for row in _kept(moment, sorting, "expectation", "expectations"):
        [told] = deposit_store.expectations([tuple(row)])
        recorded.expectations[told.payment] = told
    async for row in _rows(moment, "anomaly"):
        recorded.items.append(_item(row))
    for table, into in (
        ("mark", recorded.marks),
        ("retraction", recorded.retractions),
        ("deposit_move", recorded.moves),
    ):
        into += [row async for row in _rows(moment, table)]
    unnamed = [list(row[1:]) for row in recorded.marks if tuple(row[1:]) not in sorting.marks]
    recorded.acts += [Act(BEFORE, -1, row[-1], {"marks": [row]}) for row in unnamed]
    for moves in recorded.transitions.values():
        moves.sort(key=lambda move: move.version)
    recorded.items.sort()
    recorded.later_items = {(row[0], row[1], row[7]) for row in sorting.later.get("raised", ())}


async def _kept(
    moment: Auditing, sorting: _Sorting, table: str, kind: str
) -> AsyncIterator[Sequence[Any]]:
    async for row in _rows(moment, table):
        if not sorting.is_later(kind, row):
            yield row


async def _rows(moment: Auditing, table: str) -> AsyncIterator[tuple[Any, ...]]:
    """Read a table: what is in it is the schema's business."""
    async for row in moment.rows(table):
        yield row


def _places(said: Mapping[str, Sequence[Sequence[Any]]]) -> list[Place]:
    """Name the statements of an entry."""
    return [
        (PaymentKey(*row[:3]), row[3])
        for kind in ("facts", "restated")
        for row in said.get(kind, ())
    ]


def _statement(row: Sequence[Any]) -> Statement:
    return Statement(PaymentKey(*row[:3]), rows.fact(tuple(row[4:14])), EventKey(*row[14:17]))


def _item(row: Sequence[Any]) -> ItemRow:
    number, _, code, subject, severity, evidence, *event, first_ms, _, _ = row[:12]
    resolution, closed_ms, status, assignee, _, asset, amount = row[12:19]
    *_, reason, by, approved_by = row[19:24]
    return ItemRow(
        id=number,
        code=code,
        subject=subject,
        severity=severity,
        evidence=evidence,
        event=None if event[0] is None else EventKey(*event),
        first_ms=first_ms,
        resolution=resolution,
        closed_ms=closed_ms,
        status=status,
        assignee=assignee,
        risk_asset=asset,
        risk_amount=None if amount is None else int(amount),
        reason=reason,
        by=by,
        approved_by=approved_by,
    )
