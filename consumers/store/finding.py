"""Find what a person holds an id of: an event by its place or key, a payment by transfer or refund.

These are a person's questions, not a worker's, and the same for both databases. So they are written
once: the statements in PostgreSQL's words, which are turned into SQLite's, and the rows' way back.
A store lends its own way to read, as `Store.finder`.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from consumers.store import rows
from consumers.store.port import DeadLetter, Notice, PaymentKey, Recorded
from consumers.store.rows import Row
from ingress.eventlog.port import Position

# A shorter text is part of too many transfers' keys to mean one of them.
PART_CHARS_MIN = 8
PAYMENTS_MAX = 100

_EVENT = """
SELECT e.provider, e.account, e.event_key, e.event_type, e.source, e.reference, e.key_id,
    e.assurance, e.correlation_id, e.body_digest, e.received_ms, e.topic, e.partition,
    e.record_offset, e.scheme, e.mode, e.signed_ms, e.late_ms, e.verdict, e.mapping
FROM event AS e
"""
AT = _EVENT + "WHERE e.topic = $1 AND e.partition = $2 AND e.record_offset = $3"
BURIED_AT = """
SELECT topic, partition, record_offset, reason, key, value, headers, at_ms FROM dead_letter
WHERE topic = $1 AND partition = $2 AND record_offset = $3 ORDER BY id
"""
# From each account to the next, along the primary key: what is between the two is not read.
_ACCOUNTS = """
WITH RECURSIVE told (provider) AS (
    SELECT min(provider) FROM {table}
    UNION ALL
    SELECT (SELECT min(n.provider) FROM {table} AS n WHERE n.provider > told.provider)
    FROM told WHERE told.provider IS NOT NULL
), place (provider, account) AS (
    SELECT told.provider,
        (SELECT min(n.account) FROM {table} AS n WHERE n.provider = told.provider)
    FROM told WHERE told.provider IS NOT NULL
    UNION ALL
    SELECT place.provider, (
        SELECT min(n.account) FROM {table} AS n
        WHERE n.provider = place.provider AND n.account > place.account
    )
    FROM place WHERE place.account IS NOT NULL
)
"""
KEYED = (
    _ACCOUNTS.replace("{table}", "event")
    + _EVENT.replace("FROM event", "FROM place CROSS JOIN event")
    + "WHERE e.provider = place.provider AND e.account = place.account AND e.event_key = $1"
    " ORDER BY e.received_ms, e.provider, e.account"
)
REFERENCED = (
    _ACCOUNTS.replace("{table}", "payment")
    + """
SELECT p.provider, p.account, p.reference FROM place CROSS JOIN payment AS p
WHERE p.provider = place.provider AND p.account = place.account AND p.reference = $1
"""
)
NAMED = "SELECT DISTINCT provider, account, reference FROM event WHERE reference = $1"
# The words after WHERE are the index's own, or it would not be used.
_TRANSFER = """
SELECT DISTINCT provider, account, reference FROM fact
WHERE key <> '' AND substr(key, 1, 4) <> 'agg:'
"""
TRANSFER_BEGINS = _TRANSFER + 'AND key COLLATE "C" >= $1 AND key COLLATE "C" < $2 LIMIT $3'
TRANSFER_HOLDS = _TRANSFER + "AND lower(key) LIKE $1 ESCAPE '\\' LIMIT $2"
# A deposit whose key is the provider's own number of the transfer has the hash beside it.
TRANSFER_OF_DEPOSIT = """
SELECT provider, account, reference FROM deposit
WHERE tx <> '' AND lower(tx) LIKE $1 ESCAPE '\\' LIMIT $2
"""
# What people number themselves: a refund, a posting. A hold has a kind for a key, and no number.
_NUMBERED = """
SELECT DISTINCT provider, account, reference, kind FROM fact
WHERE key <> '' AND substr(key, 1, 4) <> 'agg:' AND kind IN ('refund', 'posted')
"""
NUMBERED = _NUMBERED + 'AND key COLLATE "C" = $1 ORDER BY provider, account, reference LIMIT $2'
ORDERED = "SELECT provider, account, reference, anomaly_id FROM operator_action WHERE key = $1"
NOTICE = "SELECT provider, account, reference, version, delivered FROM notice WHERE id = $1"
# By their ids, which the outbox has an index of: a payment's begin with its name.
NOTICES = """
SELECT sequence, id, provider, account, reference, version, key, value, headers, delivered
FROM notice WHERE id >= $1 AND id < $2 AND provider = $3 AND account = $4 AND reference = $5
ORDER BY sequence
"""

POSTGRES = "$"
_BYTEWISE = 'COLLATE "C"'
_LAST = "\U0010ffff"
Read = Callable[..., Awaitable[list[Row]]]


class Sent(NamedTuple):
    """A notice about a payment's version, and whether it has gone out yet."""

    payment: PaymentKey
    version: int
    is_delivered: bool


class Heard(NamedTuple):
    """A notice as it was written, and whether it has gone out yet."""

    notice: Notice
    is_delivered: bool


class Ordered(NamedTuple):
    """What an operator's order was about: a payment, or an item of the queue."""

    payment: PaymentKey | None
    item: int | None


@dataclass(frozen=True, slots=True)
class Finder:
    """Asks one store, through its own way to `read` a statement with values.

    `mark` is what stands before the number of a parameter in the store's dialect.
    """

    read: Read
    mark: str

    async def at(self, position: Position) -> Recorded | None:
        """Read the event that was claimed at a position of the log. Reads all events to find it.

        An index for this would cost a quarter of what applying an event costs: ask the log first.
        """
        (topic, partition), offset = position
        found = await self._read(AT, topic, partition, offset)
        return next((rows.recorded(row) for row in found), None)

    async def buried_at(self, position: Position) -> Sequence[DeadLetter]:
        """Read what was given up on at a position of the log."""
        (topic, partition), offset = position
        found = await self._read(BURIED_AT, topic, partition, offset)
        return [rows.dead_letter(row) for row in found]

    async def keyed(self, key: str) -> Sequence[Recorded]:
        """Read the events of a key, at every provider and account, by their receipt."""
        return [rows.recorded(row) for row in await self._read(KEYED, key)]

    async def referenced(self, reference: str) -> Sequence[PaymentKey]:
        """Name the payments of a reference, those too of which there are only events."""
        found = [*await self._read(REFERENCED, reference), *await self._read(NAMED, reference)]
        return sorted({PaymentKey(*row) for row in found})

    async def transferred(self, text: str) -> Sequence[PaymentKey]:
        """Name the payments with a transfer, or a refund, whose key begins with or holds `text`.

        And the deposits whose transaction's hash is, or holds it. At most `PAYMENTS_MAX` of each. A
        short text is looked for at the beginning alone. One transaction may be told by a provider,
        and behind its network by a chain: both are found.
        """
        begin = text if text.startswith("tx:") else "tx:" + _escaped(text)
        found = await self._read(TRANSFER_BEGINS, begin, begin + _LAST, PAYMENTS_MAX)
        is_part = len(text) >= PART_CHARS_MIN
        if is_part:
            found = [*found, *await self._read(TRANSFER_HOLDS, _holding(text), PAYMENTS_MAX)]
        hashed = _holding(text) if is_part else _literal(text)
        found = [*found, *await self._read(TRANSFER_OF_DEPOSIT, hashed, PAYMENTS_MAX)]
        return sorted({PaymentKey(*row) for row in found})

    async def numbered(self, text: str) -> Sequence[tuple[str, PaymentKey]]:
        """Name the payments with a refund or a posting of exactly this id, and which of the two."""
        found = await self._read(NUMBERED, text, PAYMENTS_MAX)
        return [(str(kind), PaymentKey(*payment)) for *payment, kind in found]

    async def ordered(self, key: str) -> Ordered | None:
        """Read what the operator's order under an idempotency key was about."""
        for *payment, item in await self._read(ORDERED, key):
            return Ordered(PaymentKey(*payment) if payment[0] is not None else None, item)
        return None

    async def notice(self, notice_id: str) -> Sent | None:
        """Read what became of one notice."""
        for *payment, version, is_delivered in await self._read(NOTICE, notice_id):
            return Sent(PaymentKey(*payment), version, bool(is_delivered))
        return None

    async def notices(self, begin: str, payment: PaymentKey) -> Sequence[Heard]:
        """Read the notices of a payment whose ids start with `begin`, in the order of writing.

        Of a name so long that an id is its digest nothing is found.
        """
        found = await self._read(NOTICES, begin, begin + _LAST, *payment)
        return [Heard(rows.pending(tuple(row)).notice, bool(is_out)) for *row, is_out in found]

    async def _read(self, statement: str, *values: object) -> list[Row]:
        """Read in the store's dialect."""
        if self.mark != POSTGRES:
            statement = statement.replace(POSTGRES, self.mark).replace(_BYTEWISE, "COLLATE BINARY")
        return await self.read(statement, *values)


def _escaped(text: str) -> str:
    """Write a provider's text as the key of a transfer holds it."""
    return text.replace("%", "%25").replace(":", "%3A")


def _holding(text: str) -> str:
    """Write the pattern of what holds `text`, whatever the case of its letters."""
    return f"%{_literal(text)}%"


def _literal(text: str) -> str:
    """Write the pattern of what is `text`, whatever the case of its letters."""
    return text.lower().replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
