"""What a store holds at the end of a drill, read for comparing: payments, events, positions, items.

Everything is taken from the tables and from the audit chain, not from what a worker says of itself:
a worker that was killed says nothing any more.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import orjson

from consumers.exceptions import Code
from consumers.facts import Fact, statement
from consumers.ledger import original
from consumers.lifecycle import State
from consumers.store.poll_store import Polls
from consumers.store.polls import Freeze
from consumers.store.port import EventKey, PaymentKey, Store
from consumers.weighing import symbol
from ingress.eventlog.port import EventLog

PAYMENTS_MAX = 100_000
ITEMS_MAX = 10_000


class Moved(NamedTuple):
    """One committed batch: how far it moved a partition."""

    partition: int
    begin: int
    end: int


@dataclass(frozen=True, slots=True)
class Books:
    """Everything that two runs are compared by.

    There are facts of more than payments: money that names none has them too, and no state.
    """

    states: Mapping[PaymentKey, State]
    facts: Mapping[PaymentKey, frozenset[Fact]]
    items: frozenset[tuple[str, str]]
    """Open exceptions: code and subject."""

    def differing(self, other: "Books") -> list[PaymentKey]:
        """Name what has another state or other facts."""
        return sorted(
            key
            for key in self.facts.keys() | other.facts.keys()
            if self.states.get(key) is not other.states.get(key)
            or _first(self.facts.get(key, ())) != _first(other.facts.get(key, ()))
        )

    def about(self, part: str) -> set[Fact]:
        """Return the facts whose key names a transaction, whatever they are of."""
        return {fact for told in self.facts.values() for fact in told if part in fact.key}


def _first(facts: Iterable[Fact]) -> Mapping[tuple[object, ...], int]:
    """Return every statement with its earliest instant: what the order cannot change."""
    first: dict[tuple[object, ...], int] = {}
    for fact in facts:
        what = statement(fact)
        first[what] = min(first.get(what, fact.at_ms), fact.at_ms)
    return first


async def books(store: Store) -> Books:
    """Read what there is."""
    payments = await store.list_payments(PAYMENTS_MAX)
    items = await store.list_anomalies(ITEMS_MAX)
    async with store.auditing() as moment:
        keys = {PaymentKey(*map(str, row[:3])) async for row in moment.rows("fact")}
    told = {key: await store.statements(key) for key in keys}
    return Books(
        {payment.key: payment.state for payment in payments},
        {key: frozenset(one.fact for one in told[key] if one.is_first) for key in keys},
        frozenset((item.anomaly.code, item.anomaly.subject) for item in items),
    )


async def verdicts(store: Store) -> dict[EventKey, list[str]]:
    """Return what came of each event, by its rows: there must be one of each, and no empty word.

    What came under an event's id with another body has a key of its own.
    """
    found: dict[EventKey, list[str]] = defaultdict(list)
    async with store.auditing() as moment:
        async for row in moment.rows("event"):
            found[EventKey(*map(str, row[:3]))].append(str(row[-2] or ""))
    return found


def originals(keys: Iterable[EventKey]) -> set[EventKey]:
    """Return the events, without what tells a second body apart."""
    return {key._replace(key=original(key.key)) for key in keys}


async def moves(store: Store, topic: str, group: str) -> list[Moved]:
    """Read from the audit chain how far each committed batch of a group moved a partition."""
    found = []
    async with store.auditing() as moment:
        for head in await moment.heads():
            async for entry in moment.entries(head.chain, -1):
                found += [
                    Moved(int(partition), int(begin or 0), int(end))
                    for by, of, partition, begin, end in orjson.loads(entry.content).get(
                        "moved", ()
                    )
                    if (by, of) == (group, topic)
                ]
    return found


def covers(moved: Sequence[Moved], ends: Mapping[int, int]) -> bool:
    """Say whether the batches follow each other, each record in exactly one, up to the ends."""
    by_partition: dict[int, list[Moved]] = defaultdict(list)
    for one in sorted(moved):
        by_partition[one.partition].append(one)
    for partition, end in ends.items():
        at = 0
        for one in by_partition[partition]:
            if one.begin != at:
                return False
            at = one.end
        if at != end:
            return False
    return True


async def caught_up(store: Store, log: EventLog, topic: str, group: str) -> bool:
    """Say whether every record was applied."""
    at = await store.positions(group)
    ends = await log.ends(topic)
    return all(at.get(partition) == end for partition, end in ends.items() if end)


def by_symbol(amounts: Mapping[str, int]) -> dict[str, int]:
    """Add up by symbol, whichever network an asset is on."""
    sums: Counter[str] = Counter()
    for asset, amount in amounts.items():
        sums[symbol(asset)] += amount
    return dict(sums)


class Diverging(NamedTuple):
    """An open exception that says that a provider and we disagree."""

    subject: str
    severity: int


async def versions(store: Store) -> dict[PaymentKey, int]:
    """Return how often each payment has moved."""
    return {one.key: one.version for one in await store.list_payments(PAYMENTS_MAX)}


async def diverging(store: Store) -> list[Diverging]:
    """Return the open exceptions about divergence."""
    return [
        Diverging(item.anomaly.subject, item.anomaly.severity)
        for item in await store.list_anomalies(ITEMS_MAX)
        if item.anomaly.code == Code.STATE_DIVERGENCE.value
    ]


async def freezes(store: Store) -> Sequence[Freeze]:
    """Return every word on the freeze, the last one first."""
    return await Polls.of(store).freezes(ITEMS_MAX)


async def frozen_entries(store: Store) -> list[list[object]]:
    """Return every word on the freeze that the audit chain holds, the first one first."""
    found: list[tuple[int, list[object]]] = []
    async with store.auditing() as moment:
        for head in await moment.heads():
            async for entry in moment.entries(head.chain, -1):
                rows = orjson.loads(entry.content).get("freezes", ())
                found += [(entry.at_ms, row) for row in rows]
    return [row for _, row in sorted(found, key=lambda one: one[0])]
