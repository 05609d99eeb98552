"""The chain in PostgreSQL: what appends to it in a transaction, what reads it at one moment.

Workers append without waiting for each other: each writes the chain of a partition whose position
it has just moved, and so locked. Commands share one chain and take turns by a lock, the last they
take, so nobody who waits for it can be in its holder's way. Should two ever see the same head, the
second finds its number taken, and is `Fenced`.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

import asyncpg

from consumers.store import audit_sql, chain
from consumers.store import postgres_sql as sql
from consumers.store.auditing import ENTRIES_PAGE, PAGE, Entry
from consumers.store.port import Fenced, StoreUnavailable
from consumers.store.postgres_connection import explained
from consumers.store.rows import Row

LOCK = "SELECT pg_advisory_xact_lock($1)"
# Any number, the same in every version, and not the one of those who migrate.
_COMMANDING = 0x5EA1_A0D1
HEAD = """
SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint, h.seq, h.hash
FROM (SELECT 1) AS one LEFT JOIN LATERAL (
    SELECT seq, hash FROM audit WHERE chain = $1 ORDER BY seq DESC LIMIT 1
) AS h ON true
"""
APPEND = """
INSERT INTO audit (chain, seq, at_ms, bytes, hash)
SELECT a.chain, a.seq, a.at_ms, a.bytes, a.hash
FROM unnest($1::text[], $2::bigint[], $3::bigint[], $4::bytea[], $5::bytea[])
    AS a (chain, seq, at_ms, bytes, hash)
ON CONFLICT DO NOTHING RETURNING 1
"""
COUNT_S = 600.0
NOW = "SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint"
# A statement that `save` runs and that is not here cannot be forgotten: `save` fails.
KINDS = {
    sql.INSERT_MARKS: "marks",
    sql.RESOLVE_ALL: "resolved",
    sql.INSERT_TRANSITIONS: "transitions",
    sql.INSERT_NOTICES: "notices",
    sql.RAISE_ANOMALIES: "raised",
    sql.INSERT_DEAD_LETTERS: "buried",
    sql.VERDICTS: "verdicts",
}


async def append(connection: asyncpg.Connection, draft: chain.Draft, root: chain.Root) -> None:
    """Append what a transaction did, if it did anything. Raises `Fenced`."""
    if not draft.told:
        return
    with explained():
        if draft.chain == chain.OPERATOR:
            await connection.fetch(LOCK, _COMMANDING)
        [(at_ms, seq, before)] = await connection.fetch(HEAD, draft.chain)
        head = chain.Head(-1, chain.NOTHING) if seq is None else chain.Head(seq, before)
        entries = draft.entries(head, at_ms, root)
        if await _write(connection, entries) != len(entries):
            raise Fenced(f"another has appended to the chain {draft.chain} meanwhile")


async def begin(connection: asyncpg.Connection, environment: str) -> chain.Root:
    """Return what all chains hang on; where there is nothing yet, begin with it."""
    found = await connection.fetchval(audit_sql.FIRST)
    if found is None:
        async with connection.transaction():
            await connection.execute("SET LOCAL statement_timeout = 0")
            counts = {
                table: await connection.fetchval(count, timeout=COUNT_S)
                for table, count in audit_sql.COUNT.items()
            }
            at_ms = await connection.fetchval(NOW)
            await _write(connection, [chain.begun(chain.OPERATOR, at_ms, environment, counts)])
        # Ours, or that of whoever was before us.
        found = await connection.fetchval(audit_sql.FIRST)
    return chain.Root(environment, found)


async def _write(connection: asyncpg.Connection, entries: Sequence[Row]) -> int:
    return len(await connection.fetch(APPEND, *zip(*entries, strict=True)))


@asynccontextmanager
async def moment(connection: asyncpg.Connection) -> AsyncIterator["PostgresAuditing"]:
    """Hold one moment of the database."""
    transaction = connection.transaction(isolation="repeatable_read", readonly=True)
    with explained():
        await transaction.start()
        # A whole table is read here, which workers must never do.
        await connection.execute("SET LOCAL enable_seqscan = on")
    try:
        yield PostgresAuditing(connection)
    finally:
        with suppress(StoreUnavailable), explained():
            await transaction.rollback()


@dataclass(frozen=True, slots=True)
class PostgresAuditing:
    """One moment of the database: a connection inside a transaction that sees no other."""

    connection: asyncpg.Connection

    async def heads(self) -> Sequence[Entry]:
        """Read the last entry of every chain."""
        with explained():
            return [Entry(*row) for row in await self.connection.fetch(audit_sql.HEADS)]

    async def entries(self, name: str, after: int) -> AsyncIterator[Entry]:
        """Read a chain's entries behind the one of a number, in their order."""
        while True:
            with explained():
                page = await self.connection.fetch(audit_sql.ENTRIES, name, after, ENTRIES_PAGE)
            for row in page:
                yield Entry(*row)
            if len(page) < ENTRIES_PAGE:
                return
            after = page[-1]["seq"]

    async def rows(self, table: str) -> AsyncIterator[Row]:
        """Read a table."""
        statement = audit_sql.ROWS[table].replace("amount,", "amount::text,")
        with explained():
            cursor = await self.connection.cursor(statement)
        while True:
            with explained():
                page = await cursor.fetch(PAGE)
            for row in page:
                yield tuple(row)
            if len(page) < PAGE:
                return
