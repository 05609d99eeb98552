"""One batch in PostgreSQL, on one connection: claims, locks, and everything that it writes.

Every statement is set-based (`postgres_sql`), so a batch of any size is about a dozen round trips.
Isolation is READ COMMITTED: what keeps two writers apart is the compare-and-set on positions and
versions and the unique claim, not the snapshot. Locks are in key order; a deadlock is tried again.
"""

from collections.abc import Collection, Mapping, Sequence
from operator import attrgetter

import asyncpg

from consumers.store import case_store, chain, fulfilled, postgres_audit, rereads, rows
from consumers.store import postgres_sql as sql
from consumers.store.poll_store import HeldFreeze
from consumers.store.port import (
    Advance,
    Changes,
    Event,
    EventKey,
    Fenced,
    Marked,
    Payment,
    PaymentKey,
)
from consumers.store.postgres_cases_sql import CASES, REREADS
from consumers.store.postgres_columns import columns, packed
from consumers.store.postgres_connection import explained
from consumers.store.rows import Row

# Any number, the same in every version, and no other lock's. Who reads the last word on the freeze
# shares the lock until the commit; who says one has it alone, so after every commit of a reader.
_FREEZING = 0x5EA1_F4EE
_LOCK_SHARED = f"SELECT pg_advisory_xact_lock_shared({_FREEZING})"
_LOCK = f"SELECT pg_advisory_xact_lock({_FREEZING})"


class PostgresTransaction:
    """One batch on one connection."""

    def __init__(self, connection: asyncpg.Connection, root: chain.Root) -> None:
        self._connection = connection
        self._root = root
        self._draft = chain.Draft()
        self.deposits = case_store.deposits_held(self._set, CASES)
        self.freeze = HeldFreeze(self._ask, shared=_LOCK_SHARED, alone=_LOCK)

    async def advance(self, group: str, advances: Sequence[Advance]) -> None:
        """Move the positions. Raises `Fenced` if any is not ours, or not where we left it."""
        moves = [rows.advance_row(advance) for advance in advances]
        if len(await self._set(sql.ADVANCE, moves, group)) != len(moves):
            raise Fenced(f"a partition of {group} was claimed by another, or its position moved")
        self._draft.moved(group, moves)

    async def claim(self, events: Sequence[Event]) -> frozenset[EventKey]:
        """Claim events; return those nobody had claimed before."""
        # In the order of their keys: two batches with the same events wait, and never deadlock.
        claims = [rows.event_row(event) for event in sorted(events, key=attrgetter("key"))]
        fresh = frozenset(EventKey(*row) for row in await self._set(sql.CLAIM, claims))
        self._draft.claimed(claims, fresh)
        return fresh

    async def digests(self, keys: Collection[EventKey]) -> Mapping[EventKey, str]:
        """Return the body digests of claimed events."""
        return {EventKey(*row[:3]): row[3] for row in await self._set(sql.DIGESTS, keys)}

    async def marked(self, keys: Collection[EventKey]) -> Mapping[EventKey, Marked]:
        """Read and lock claimed events, with their marks."""
        return rows.marked(await self._set(sql.LOCK_EVENTS, keys), await self._set(sql.MARKS, keys))

    async def payments(self, keys: Collection[PaymentKey]) -> Mapping[PaymentKey, Payment]:
        """Read and lock payments, with their facts."""
        found = await self._set(sql.LOCK_PAYMENTS, keys)
        # Read after the lock was granted: what the holder before us stated is in it.
        return await with_facts(self._connection, found)

    async def save(self, changes: Changes) -> None:
        """Write the batch. Raises `Fenced` if a payment's version is not what was read."""
        saved = [rows.saved_row(one) for one in changes.payments]
        facts = {rows.fact_row(*stated): stated for stated in changes.facts}
        restated = [rows.restatement_row(*stated) for stated in changes.restated]
        writes: list[tuple[str, Sequence[Row]]] = [
            (sql.INSERT_MARKS, [rows.mark_row(one) for one in changes.marks]),
            (sql.RESOLVE_ALL, rows.resolution_rows(changes.resolved)),
            (sql.INSERT_TRANSITIONS, [rows.transition_row(one) for one in changes.transitions]),
            (sql.INSERT_NOTICES, [rows.notice_row(one) for one in changes.notices]),
            (sql.RAISE_ANOMALIES, rows.anomaly_rows(changes.anomalies)),
            (sql.INSERT_DEAD_LETTERS, [rows.dead_letter_row(one) for one in changes.dead_letters]),
            (sql.VERDICTS, [(*key, *came) for key, came in changes.verdicts.items()]),
        ]
        if changes.freezes:
            # Whoever says a word waits for those who have read the last one, and does not forget.
            await self.freeze.take()
        # First, because a payment's row is the lock under which its notices get their sequence.
        await self._save_payments(sorted(saved))
        new = {tuple(row) for row in await self._set(sql.INSERT_FACTS, facts)}
        restated += [rows.restatement_row(*facts[row]) for row in facts if row[:4] not in new]
        again = {tuple(row) for row in await self._set(sql.INSERT_RESTATEMENTS, restated)}
        self._draft.stated(facts, new, restated, again)
        for statement, each in writes:
            left = await self._set(statement, each)
            self._draft.wrote(postgres_audit.KINDS[statement], each, left)
        await case_store.save(self._set, CASES, changes, self._draft.tell)
        await rereads.save(self._set, REREADS, changes, self._draft.tell)

    async def seal(self) -> None:
        """Append what was done to the chain: the last thing before the commit."""
        await postgres_audit.append(self._connection, self._draft, self._root)

    async def _save_payments(self, saved: Sequence[Row]) -> None:
        """Write the payments, each by compare-and-set on its version."""
        for statement, chosen in (
            (sql.INSERT_PAYMENTS, [row[:6] for row in saved if row[7]]),
            (sql.UPDATE_PAYMENTS, [row[:7] for row in saved if not row[7]]),
        ):
            if len(await self._set(statement, chosen)) != len(chosen):
                raise Fenced("a payment was changed by another since it was read")

    async def _ask(self, statement: str) -> list[Row]:
        """Run a statement that takes no values."""
        with explained():
            found: list[Row] = await self._connection.fetch(statement)
            return found

    async def _set(self, statement: str, each: Collection[Row], *values: str) -> list[Row]:
        """Run a statement over a set of rows, turned into columns; over none, do nothing."""
        return await run_set(self._connection, statement, each, *values)


async def with_facts(
    connection: asyncpg.Connection, found: Sequence[Row]
) -> Mapping[PaymentKey, Payment]:
    """Read the facts of payments, but those of void events, and which goods left."""
    facts = await run_set(connection, sql.FACTS, [row[:3] for row in found])
    stands, partly_void = rows.standing(facts)
    payments = rows.payments(
        found, [*stands, *await run_set(connection, sql.RESTATED, partly_void)]
    )
    moved = fulfilled.moved(found)
    return fulfilled.told(payments, await run_set(connection, fulfilled.POSTGRES, moved))


async def run_set(
    connection: asyncpg.Connection, statement: str, each: Collection[Row], *values: str
) -> list[Row]:
    """Run a statement over a set of rows, turned into columns; over none, do nothing."""
    if not each:
        return []
    separator, null, *written = columns(each)
    with explained():
        found: list[Row] = await connection.fetch(
            packed(statement), separator, null, *values, *written
        )
        return found
