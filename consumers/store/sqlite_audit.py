"""The chain in a SQLite file: what appends to it in a transaction, what reads it as of one moment.

There is one writer, so whoever appends is alone with the head.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import apsw

from consumers.store import audit_sql, chain
from consumers.store import sqlite_sql as sql
from consumers.store.auditing import ENTRIES_PAGE, PAGE, Entry
from consumers.store.rows import Row
from consumers.store.sqlite_connection import Lane, immediate, rollback

NOW = "SELECT CAST(unixepoch('subsec') * 1000 AS INTEGER)"
HEAD = "SELECT seq, hash FROM audit WHERE chain = ? ORDER BY seq DESC LIMIT 1"
APPEND = "INSERT INTO audit (chain, seq, at_ms, bytes, hash) VALUES (?, ?, ?, ?, ?)"
# A statement that `save` runs and that is not here cannot be forgotten: `save` fails.
KINDS = {
    sql.INSERT_MARK: "marks",
    sql.RESOLVE: "resolved",
    sql.INSERT_TRANSITION: "transitions",
    sql.INSERT_NOTICE: "notices",
    sql.RAISE_ANOMALY: "raised",
    sql.INSERT_DEAD_LETTER: "buried",
    sql.VERDICT: "verdicts",
}


def append(connection: apsw.Connection, draft: chain.Draft, root: chain.Root) -> None:
    """Append what a transaction did, if it did anything."""
    if draft.told:
        found = connection.execute(HEAD, (draft.chain,)).fetchone()
        head = chain.Head(-1, chain.NOTHING) if found is None else chain.Head(*found)
        entries = draft.entries(head, connection.execute(NOW).get, root)
        connection.executemany(APPEND, entries)


def begin(connection: apsw.Connection, environment: str) -> chain.Root:
    """Return what all chains hang on; where there is nothing yet, begin with it."""
    if connection.execute(audit_sql.FIRST).get is None:
        with immediate(connection):
            # Somebody else may have been before us.
            if connection.execute(audit_sql.FIRST).get is None:
                counts = {
                    table: connection.execute(count).get for table, count in audit_sql.COUNT.items()
                }
                at_ms = connection.execute(NOW).get
                connection.execute(APPEND, chain.begun(chain.OPERATOR, at_ms, environment, counts))
    return chain.Root(environment, connection.execute(audit_sql.FIRST).get)


@asynccontextmanager
async def moment(path: Path, busy_timeout_ms: int) -> AsyncIterator["SqliteAuditing"]:
    """Hold one moment of the file, on a connection of its own."""
    lane = Lane(path, busy_timeout_ms, writes=False)
    try:
        await lane.run(lambda connection: connection.execute("BEGIN"))
        yield SqliteAuditing(lane)
    finally:
        await lane.run(rollback)
        await lane.close()


@dataclass(frozen=True, slots=True)
class SqliteAuditing:
    """One moment of the file."""

    lane: Lane

    async def heads(self) -> Sequence[Entry]:
        """Read the last entry of every chain."""
        return [Entry(*row) for row in await self._read(audit_sql.HEADS)]

    async def entries(self, name: str, after: int) -> AsyncIterator[Entry]:
        """Read a chain's entries behind the one of a number, in their order."""
        statement = audit_sql.ENTRIES.replace("$", "?")
        while True:
            page = [Entry(*row) for row in await self._read(statement, name, after, ENTRIES_PAGE)]
            for entry in page:
                yield entry
            if len(page) < ENTRIES_PAGE:
                return
            after = page[-1].seq

    async def rows(self, table: str) -> AsyncIterator[Row]:
        """Read a table."""
        cursor = await self.lane.run(lambda connection: connection.execute(audit_sql.ROWS[table]))
        while page := await self.lane.run(lambda _: list(islice(cursor, PAGE))):
            for row in page:
                yield row

    async def _read(self, statement: str, *values: str | int) -> list[Row]:
        return await self.lane.run(lambda connection: list(connection.execute(statement, values)))
