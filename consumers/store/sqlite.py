"""The store in one SQLite file: for one machine, with nothing to install.

One connection writes and another reads, each in its own thread (`sqlite_connection`): a reader
never waits for the writer, and neither holds up the event loop. Tasks of this process take turns
at the writer through a lock; other processes on the same file take theirs through SQLite's own,
for at most `busy_timeout_ms`, after which the store is `StoreUnavailable`.
"""

import asyncio
from collections.abc import AsyncIterator, Collection, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from pathlib import Path

import apsw

from consumers.store import (
    case_store,
    chain,
    finding,
    fulfilled,
    looking,
    poll_store,
    rereads,
    rows,
    schema,
    sqlite_audit,
)
from consumers.store import sqlite_sql as sql
from consumers.store.auditing import Auditing
from consumers.store.port import (
    Advance,
    Changes,
    Claim,
    DeadLetter,
    Event,
    EventKey,
    Fenced,
    KeyUse,
    Mark,
    Marked,
    OpenItem,
    Payment,
    PaymentCount,
    PaymentKey,
    Pending,
    Recorded,
    Statement,
    StoreUnavailable,
    Transaction,
    Transition,
    WrongDatabase,
)
from consumers.store.rows import Row
from consumers.store.sqlite_connection import (
    Lane,
    T,
    Work,
    begin,
    check_open,
    commit,
    immediate,
    rollback,
    snapshot,
)
from ingress.eventlog.port import Partition

BUSY_TIMEOUT_MS = 5000


class SqliteTransaction:
    """One batch on the writer's connection."""

    def __init__(self, writer: Lane, root: chain.Root) -> None:
        self._writer = writer
        self._root = root
        self._draft = chain.Draft()
        self.deposits = case_store.deposits_held(self._many, sql.CASES)
        self.freeze = poll_store.HeldFreeze(lambda asked: self._many(asked, [()]))

    async def advance(self, group: str, advances: Sequence[Advance]) -> None:
        """Move the positions. Raises `Fenced` if any is not ours, or not where we left it."""
        moves = [(group, *rows.advance_row(advance)) for advance in advances]
        if len(await self._many(sql.ADVANCE, moves)) != len(moves):
            raise Fenced(f"a partition of {group} was claimed by another, or its position moved")
        self._draft.moved(group, [move[1:] for move in moves])

    async def claim(self, events: Sequence[Event]) -> frozenset[EventKey]:
        """Claim events; return those nobody had claimed before."""
        claims = [rows.event_row(event) for event in events]
        fresh = frozenset(EventKey(*row) for row in await self._many(sql.CLAIM, claims))
        self._draft.claimed(claims, fresh)
        return fresh

    async def digests(self, keys: Collection[EventKey]) -> Mapping[EventKey, str]:
        """Return the body digests of claimed events."""
        return {EventKey(*row[:3]): row[3] for row in await self._many(sql.DIGESTS, keys)}

    async def marked(self, keys: Collection[EventKey]) -> Mapping[EventKey, Marked]:
        """Read claimed events with their marks; BEGIN IMMEDIATE has locked them all."""
        events = await self._many(sql.EVENT, keys)
        return rows.marked(events, await self._many(sql.MARKS, keys))

    async def payments(self, keys: Collection[PaymentKey]) -> Mapping[PaymentKey, Payment]:
        """Read payments with their facts; BEGIN IMMEDIATE has locked them all."""
        return await self._run(lambda connection: _payments(connection, keys))

    async def save(self, changes: Changes) -> None:
        """Write the batch. Raises `Fenced` if a payment's version is not what was read."""
        # Laid out here, so that what cannot be stored is refused before anything is written.
        saved = [rows.saved_row(one) for one in changes.payments]
        facts = {rows.fact_row(*stated): stated for stated in changes.facts}
        restated = [rows.restatement_row(*stated) for stated in changes.restated]
        writes: list[tuple[str, Sequence[Row]]] = [
            (sql.INSERT_MARK, [rows.mark_row(one) for one in changes.marks]),
            (sql.RESOLVE, rows.resolution_rows(changes.resolved)),
            (sql.INSERT_TRANSITION, [rows.transition_row(one) for one in changes.transitions]),
            (sql.INSERT_NOTICE, [rows.notice_row(one) for one in changes.notices]),
            (sql.RAISE_ANOMALY, rows.anomaly_rows(changes.anomalies)),
            (sql.INSERT_DEAD_LETTER, [rows.dead_letter_row(one) for one in changes.dead_letters]),
            (sql.VERDICT, [(*key, *came) for key, came in changes.verdicts.items()]),
        ]

        def write(connection: apsw.Connection) -> None:
            _save_payments(connection, saved)
            new = {tuple(row) for row in connection.executemany(sql.INSERT_FACT, facts)}
            old = [rows.restatement_row(*facts[row]) for row in facts if row[:4] not in new]
            restated.extend(old)
            again = {tuple(row) for row in connection.executemany(sql.INSERT_RESTATEMENT, restated)}
            self._draft.stated(facts, new, restated, again)
            for statement, each in writes:
                left = connection.executemany(statement, each).fetchall()
                self._draft.wrote(sqlite_audit.KINDS[statement], each, left)

        await self._run(write)
        await case_store.save(self._many, sql.CASES, changes, self._draft.tell)
        await rereads.save(self._many, sql.REREADS, changes, self._draft.tell)

    async def seal(self) -> None:
        """Append what was done to the chain: the last thing before the commit."""
        await self._run(lambda connection: sqlite_audit.append(connection, self._draft, self._root))

    async def _many(self, statement: str, each: Iterable[Row]) -> list[Row]:
        def work(connection: apsw.Connection) -> list[Row]:
            return list(connection.executemany(statement, each))

        return await self._run(work)

    async def _run(self, work: Work[T]) -> T:
        def inside(connection: apsw.Connection) -> T:
            check_open(connection)
            return work(connection)

        return await self._writer.run(inside)


class SqliteStore:
    """A store in one file."""

    def __init__(self, path: Path, *, busy_timeout_ms: int = BUSY_TIMEOUT_MS) -> None:
        self.path = path
        self._busy_timeout_ms = busy_timeout_ms
        self._writer = Lane(path, busy_timeout_ms, writes=True)
        self._reader = Lane(path, busy_timeout_ms, writes=False)
        self._turn = asyncio.Lock()
        self._root = chain.Root("", chain.NOTHING)
        self.cases = case_store.CaseReads(self._read, "?")
        self.finder = finding.Finder(self._read, "?")

    async def open(self, environment: str) -> None:
        """Open the file, check it and bring its schema up to date."""
        async with self._turn:
            await self._writer.run(migrate)
            await self._writer.run(lambda connection: _own(connection, environment))
            self._root = await self._writer.run(
                lambda connection: sqlite_audit.begin(connection, environment)
            )

    async def look(self, environment: str) -> None:
        """Open the file to read, and check its schema and its owner."""

        def check(connection: apsw.Connection) -> None:
            with snapshot(connection):
                looking.check_schema("sqlite", _applied(connection))
                _check_owner(connection, environment)

        await self._reader.run(check)

    async def claim_partitions(
        self, group: str, partitions: Collection[Partition], owner: str
    ) -> Mapping[Partition, Claim]:
        """Take the partitions over: raise each epoch, return where to read on."""
        wanted = [(group, *partition, owner) for partition in frozenset(partitions)]
        taken = await self._write(sql.CLAIM_PARTITION, wanted)
        return {Partition(row[0], row[1]): Claim(row[2], row[3]) for row in taken}

    def transaction(self) -> AbstractAsyncContextManager[Transaction]:
        """Begin one batch."""
        return self._transaction()

    @asynccontextmanager
    async def _transaction(self) -> AsyncIterator[SqliteTransaction]:
        async with self._turn:
            try:
                await self._writer.run(begin)
                one = SqliteTransaction(self._writer, self._root)
                yield one
                await one.seal()
                await self._writer.run(commit)
            except BaseException:
                # Queued before anything else can be: a second cancellation stops the waiting,
                # never the rollback.
                undone = asyncio.wrap_future(self._writer.submit(rollback))
                with suppress(StoreUnavailable):
                    await asyncio.shield(undone)
                raise

    async def positions(self, group: str) -> Mapping[Partition, int]:
        """Return the next offset of every partition the group has read."""
        found = await self._read(sql.POSITIONS, group)
        return {Partition(topic, number): offset for topic, number, offset in found}

    async def pending(self, notices_max: int) -> Sequence[Pending]:
        """Return the oldest notices not delivered, in the order of writing."""
        return [rows.pending(row) for row in await self._read(sql.PENDING, notices_max)]

    async def delivered(self, sequences: Sequence[int]) -> None:
        """Mark notices as delivered."""
        await self._write(sql.DELIVERED, [(sequence,) for sequence in sequences])

    async def counts(self) -> Sequence[PaymentCount]:
        """Count payments by provider and state."""
        return [rows.payment_count(row) for row in await self._read(sql.COUNTS)]

    async def list_anomalies(self, limit: int) -> Sequence[OpenItem]:
        """Read open exceptions: the most severe first, then the oldest."""
        return [rows.open_item(row) for row in await self._read(sql.ANOMALIES, limit)]

    async def dead_letters(self, limit: int) -> Sequence[DeadLetter]:
        """Read dead letters, the latest first."""
        return [rows.dead_letter(row) for row in await self._read(sql.DEAD_LETTERS, limit)]

    async def anomalies_open(self) -> Mapping[tuple[str, int], int]:
        """Count open exceptions by code and severity."""
        found = await self._read(sql.ANOMALIES_OPEN)
        return {(code, severity): count for code, severity, count in found}

    async def notices_pending(self) -> int:
        """Count the notices not delivered yet."""
        [(count,)] = await self._read(sql.NOTICES_PENDING)
        return int(count)

    async def payment(self, key: PaymentKey) -> Payment | None:
        """Read one payment, without locking it."""

        def read(connection: apsw.Connection) -> Payment | None:
            with snapshot(connection):
                return _payments(connection, [key]).get(key)

        return await self._reader.run(read)

    async def list_payments(self, limit: int) -> Sequence[Payment]:
        """Read payments, the latest changed first."""

        def read(connection: apsw.Connection) -> list[Payment]:
            with snapshot(connection):
                found = connection.execute(sql.PAYMENTS, (limit,)).fetchall()
                return list(_with_facts(connection, found).values())

        return await self._reader.run(read)

    async def transitions(self, key: PaymentKey) -> Sequence[Transition]:
        """Read a payment's history, oldest first."""
        return [rows.transition(row) for row in await self._read(sql.TRANSITIONS, *key)]

    async def statements(self, key: PaymentKey) -> Sequence[Statement]:
        """Read a payment's facts with the events that stated them."""
        return [rows.statement(row) for row in await self._read(sql.STATEMENTS, *key)]

    async def event(self, key: EventKey) -> Recorded | None:
        """Read one event."""
        return next((rows.recorded(row) for row in await self._read(sql.EVENT, *key)), None)

    async def events(self, key: PaymentKey) -> Sequence[Recorded]:
        """Read the events that name a payment."""
        return [rows.recorded(row) for row in await self._read(sql.EVENTS, *key)]

    async def key_uses(self) -> Sequence[KeyUse]:
        """Read the first and the last use of every key."""
        return rows.key_uses(await self._read(sql.KEY_USES))

    async def proven_with(
        self, source: str, key_id: str, from_ms: int, to_ms: int
    ) -> Sequence[Recorded]:
        """Read the events accepted with a key, received from `from_ms` until `to_ms`."""
        found = await self._read(sql.PROVEN_WITH, source, key_id, from_ms, to_ms)
        return [rows.recorded(row) for row in found]

    async def marks(self, keys: Collection[EventKey]) -> Mapping[EventKey, Sequence[Mark]]:
        """Read operators' marks on events."""

        def read(connection: apsw.Connection) -> list[Row]:
            with snapshot(connection):
                return list(connection.executemany(sql.MARKS, keys))

        return rows.marks(await self._reader.run(read))

    async def correlated(self, correlation_id: str) -> Sequence[Recorded]:
        """Read the events that carry a correlation id."""
        return [rows.recorded(row) for row in await self._read(sql.CORRELATED, correlation_id)]

    def auditing(self) -> AbstractAsyncContextManager[Auditing]:
        """Hold one moment of the file, to audit it."""
        return sqlite_audit.moment(self.path, self._busy_timeout_ms)

    async def close(self) -> None:
        """Let go of the file."""
        async with self._turn:
            await self._reader.close()
            # Last, because the last connection to leave empties the WAL.
            await self._writer.close()

    async def _read(self, statement: str, *values: str | int) -> list[Row]:
        def read(connection: apsw.Connection) -> list[Row]:
            return list(connection.execute(statement, values))

        return await self._reader.run(read)

    async def _write(self, statement: str, each: Iterable[Row]) -> list[Row]:
        """Run one statement for each row, in a transaction of its own."""

        def write(connection: apsw.Connection) -> list[Row]:
            with immediate(connection):
                return list(connection.executemany(statement, each))

        async with self._turn:
            return await self._writer.run(write)


def migrate(connection: apsw.Connection) -> None:
    """Bring the schema up to date, once, whoever else is opening the file.

    The write lock is taken only if there is something to do: a reader that opens a busy store does
    not wait for its writer.
    """
    known = schema.migrations("sqlite")
    if not schema.outstanding(known, _applied(connection)):
        return
    with immediate(connection):
        connection.execute(sql.MIGRATION)
        for step in schema.outstanding(known, _applied(connection)):
            connection.execute(step.sql)
            connection.execute(sql.APPLY, (step.number, step.name, step.checksum))


def _applied(connection: apsw.Connection) -> dict[int, str]:
    tables = {name for (name,) in connection.execute(sql.TABLES)}
    if "migration" in tables:
        return {int(number): str(checksum) for number, checksum in connection.execute(sql.APPLIED)}
    if tables:
        raise WrongDatabase("the file holds tables that are not the store's: give it its own file")
    return {}


def _own(connection: apsw.Connection, environment: str) -> None:
    if connection.execute(sql.OWNER).get is None:
        with immediate(connection):
            connection.execute(sql.OWN, (environment,))
    _check_owner(connection, environment)


def _check_owner(connection: apsw.Connection, environment: str) -> None:
    owner: str | None = connection.execute(sql.OWNER).get
    read = [str(topic) for (topic,) in connection.execute(sql.READ)]
    schema.check_environment(looking.check_owner(owner), environment, read)


def _payments(
    connection: apsw.Connection, keys: Collection[PaymentKey]
) -> Mapping[PaymentKey, Payment]:
    return _with_facts(connection, connection.executemany(sql.PAYMENT, keys).fetchall())


def _with_facts(connection: apsw.Connection, found: Sequence[Row]) -> Mapping[PaymentKey, Payment]:
    """Read the facts of payments, but those of void events, and which goods left."""
    facts = connection.executemany(sql.FACTS, [row[:3] for row in found])
    stands, partly_void = rows.standing(facts)
    stated = [*stands, *connection.executemany(sql.RESTATED, partly_void)]
    moves = connection.executemany(fulfilled.SQLITE, fulfilled.moved(found))
    return fulfilled.told(rows.payments(found, stated), moves)


def _save_payments(connection: apsw.Connection, saved: Sequence[Row]) -> None:
    """Write the payments, each by compare-and-set on its version."""
    for statement, chosen in (
        (sql.INSERT_PAYMENT, [row[:6] for row in saved if row[7]]),
        (sql.UPDATE_PAYMENT, [row[:7] for row in saved if not row[7]]),
    ):
        if len(list(connection.executemany(statement, chosen))) != len(chosen):
            raise Fenced("a payment was changed by another since it was read")
