"""Ask a store what it can prove of itself: figures over everything that it holds, and exceptions.

Whoever accepts a gateway asks for evidence: how much was proven by which key, whether every move is
one of the declared ones, whether every history hangs together. Each question is one pass over one
table, counted in the database, so that half a million events come back as a handful of rows; what
contradicts a promise comes back itself, the first few rows of it. The questions are the same for
both databases, so they are written once, in PostgreSQL's words, as those of `finding` are.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Self

from consumers.lifecycle import State
from consumers.store.finding import POSTGRES, Read
from consumers.store.keys import PaymentKey
from consumers.store.port import Cause, Store
from consumers.store.rows import Row

GROUPS_MAX = 10_000
"""Groups of one count: far more than sources, keys, verdicts and states come to."""
SHOWN_MAX = 20
"""Of what contradicts a promise, one row is enough, and twenty show whether it is one fault."""

_EVENTS = """
SELECT provider, source, key_id, assurance, coalesce(verdict, ''), count(*), min(received_ms),
    max(received_ms)
FROM event GROUP BY provider, source, key_id, assurance, coalesce(verdict, '')
ORDER BY provider, source, key_id, assurance, 5 LIMIT $1
"""
_MOVES = """
SELECT coalesce(before, ''), after, cause, mapping, policy, count(*), min(at_ms), max(at_ms)
FROM transition GROUP BY coalesce(before, ''), after, cause, mapping, policy
ORDER BY 1, after, cause, mapping, policy LIMIT $1
"""
_UNCONNECTED = """
SELECT t.provider, t.account, t.reference, t.version FROM transition AS t
WHERE (t.version = 1 AND t.before IS NOT NULL) OR (t.version > 1 AND NOT EXISTS (
    SELECT 1 FROM transition AS b
    WHERE b.provider = t.provider AND b.account = t.account AND b.reference = t.reference
        AND b.version = t.version - 1 AND b.after = t.before
)) LIMIT $1
"""
_UNFOUNDED = """
SELECT p.provider, p.account, p.reference, p.version FROM payment AS p
WHERE p.version > 0 AND NOT EXISTS (
    SELECT 1 FROM transition AS t
    WHERE t.provider = p.provider AND t.account = p.account AND t.reference = p.reference
        AND t.version = p.version AND t.after = p.state
) LIMIT $1
"""
_MOVED_TWICE = """
SELECT provider, account, reference, count(*) FROM transition WHERE cause = 'event'
GROUP BY provider, account, reference, event_provider, event_account, event_key
HAVING count(*) > 1 LIMIT $1
"""
_UNCORRELATED = """
SELECT t.provider, t.account, t.reference, t.version FROM transition AS t
WHERE t.cause = 'event' AND NOT EXISTS (
    SELECT 1 FROM event AS e
    WHERE e.provider = t.event_provider AND e.account = t.event_account
        AND e.event_key = t.event_key AND e.correlation_id = t.correlation_id
) LIMIT $1
"""
_UNTOLD = """
SELECT provider, account, reference, version FROM transition
EXCEPT SELECT provider, account, reference, version FROM notice LIMIT $1
"""
_NOTICES = "SELECT delivered, count(*) FROM notice GROUP BY delivered ORDER BY delivered LIMIT $1"
_ITEMS = """
SELECT code, severity, status, resolved_by, count(*), min(first_ms), max(coalesce(closed_ms, 0)),
    sum(CASE WHEN approved_by <> '' THEN 1 ELSE 0 END),
    sum(CASE WHEN status = 'resolved' AND (resolved_by = '' OR resolution_code = '')
        THEN 1 ELSE 0 END)
FROM anomaly GROUP BY code, severity, status, resolved_by
ORDER BY code, severity, status, resolved_by LIMIT $1
"""
_ACTIONS = """
SELECT name, role, done_by, count(*), sum(CASE WHEN approved_by <> '' THEN 1 ELSE 0 END),
    min(at_ms), max(at_ms)
FROM operator_action GROUP BY name, role, done_by ORDER BY name, role, done_by LIMIT $1
"""
_NOTED = """
SELECT key, done_by, reason, detail, at_ms FROM operator_action WHERE name = $1
ORDER BY id DESC LIMIT $2
"""
_POSTINGS = """
SELECT provider, asset, count(*), min(at_ms), max(at_ms) FROM fact WHERE kind = 'posted'
GROUP BY provider, asset ORDER BY provider, asset LIMIT $1
"""
_STRAY_POSTINGS = """
SELECT f.provider, f.account, f.reference, 0 FROM fact AS f
WHERE f.kind = 'posted' AND NOT EXISTS (
    SELECT 1 FROM payment AS p
    WHERE p.provider = f.provider AND p.account = f.account AND p.reference = f.reference
) LIMIT $1
"""

# A file has the clock of whoever asks.
_NOW = "SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint"


class EventCount(NamedTuple):
    """Events of one provider, source, key, assurance and verdict; "" while no batch has said."""

    provider: str
    source: str
    key_id: str
    assurance: str
    verdict: str
    events: int
    first_ms: int
    last_ms: int


class MoveCount(NamedTuple):
    """Transitions of one kind; `before` is None for a payment's first."""

    before: State | None
    after: State
    cause: Cause
    mapping: str
    policy: str
    moves: int
    first_ms: int
    last_ms: int


class ItemCount(NamedTuple):
    """Exceptions of one code, severity and status, by who ended them: "" where facts did, or none.

    `nameless` were ended by people, of whom there is no name or no reason.
    """

    code: str
    severity: int
    status: str
    by: str
    items: int
    first_ms: int
    last_closed_ms: int
    approved: int
    nameless: int


class ActionCount(NamedTuple):
    """What one person did under one name, in one role."""

    name: str
    role: str
    by: str
    actions: int
    approved: int
    first_ms: int
    last_ms: int


class Noted(NamedTuple):
    """One action that keeps a document's digest: a drill that was played, evidence given."""

    key: str
    by: str
    reason: str
    detail: str
    at_ms: int


class PostingCount(NamedTuple):
    """Postings of one provider's payments in one asset."""

    provider: str
    asset: str
    postings: int
    first_ms: int
    last_ms: int


class At(NamedTuple):
    """A payment, at one of its versions."""

    payment: PaymentKey
    version: int


@dataclass(frozen=True, slots=True)
class ProvingReads:
    """Asks one store, through its own way to `read` a statement. Raises `StoreUnavailable`."""

    read: Read
    mark: str

    @classmethod
    def of(cls, store: Store) -> Self:
        """Ask `store`, by the way that it lends to its finder."""
        return cls(store.finder.read, store.finder.mark)

    async def now_ms(self) -> int | None:
        """Read the database's own clock; None of one that has none."""
        if self.mark != POSTGRES:
            return None
        return int((await self._ask(_NOW))[0][0])

    async def events(self) -> Sequence[EventCount]:
        """Count the events by what proved them and what came of them."""
        return [EventCount(*row) for row in await self._ask(_EVENTS, GROUPS_MAX)]

    async def moves(self) -> Sequence[MoveCount]:
        """Count the transitions by their kind."""
        return [
            MoveCount(State(before) if before else None, State(after), Cause(cause), *rest)
            for before, after, cause, *rest in await self._ask(_MOVES, GROUPS_MAX)
        ]

    async def unconnected(self) -> Sequence[At]:
        """Find transitions that do not begin where the one before them ended."""
        return await self._places(_UNCONNECTED)

    async def unfounded(self) -> Sequence[At]:
        """Find payments whose state is not what their last transition left."""
        return await self._places(_UNFOUNDED)

    async def moved_twice(self) -> Sequence[At]:
        """Find payments that one event moved more than once; as version, how often."""
        return await self._places(_MOVED_TWICE)

    async def uncorrelated(self) -> Sequence[At]:
        """Find moves of an event that is not kept, or that has another correlation id."""
        return await self._places(_UNCORRELATED)

    async def untold(self) -> Sequence[At]:
        """Find transitions of which there is no notice."""
        return await self._places(_UNTOLD)

    async def stray_postings(self) -> Sequence[At]:
        """Find postings of payments that there are not."""
        return await self._places(_STRAY_POSTINGS)

    async def notices(self) -> tuple[int, int]:
        """Count the notices: waiting, and delivered."""
        found = {bool(out): int(count) for out, count in await self._ask(_NOTICES, GROUPS_MAX)}
        return found.get(False, 0), found.get(True, 0)

    async def items(self) -> Sequence[ItemCount]:
        """Count the exceptions ever raised."""
        found = await self._ask(_ITEMS, GROUPS_MAX)
        # A sum is another kind of number in one of the databases.
        return [
            ItemCount(code, severity, status, by, count, first, last, int(approved), int(nameless))
            for code, severity, status, by, count, first, last, approved, nameless in found
        ]

    async def actions(self) -> Sequence[ActionCount]:
        """Count what people did."""
        found = await self._ask(_ACTIONS, GROUPS_MAX)
        return [
            ActionCount(name, role, by, count, int(approved), first, last)
            for name, role, by, count, approved, first, last in found
        ]

    async def noted(self, name: str) -> Sequence[Noted]:
        """Read the last actions of a name, the last one first."""
        return [Noted(*row) for row in await self._ask(_NOTED, name, GROUPS_MAX)]

    async def postings(self) -> Sequence[PostingCount]:
        """Count what finance booked."""
        return [PostingCount(*row) for row in await self._ask(_POSTINGS, GROUPS_MAX)]

    async def _places(self, statement: str) -> Sequence[At]:
        return [At(PaymentKey(*row[:3]), row[3]) for row in await self._ask(statement, SHOWN_MAX)]

    async def _ask(self, statement: str, *values: str | int) -> list[Row]:
        return await self.read(statement.replace(POSTGRES, self.mark), *values)
