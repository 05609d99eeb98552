"""The store in PostgreSQL: for as many machines as there are.

Every statement is set-based (`postgres_sql`), so a batch of any size is about a dozen round trips.
Isolation is READ COMMITTED: what keeps two writers apart is the compare-and-set on positions and
versions and the unique claim, not the snapshot. Locks are in key order; a deadlock is tried again.
"""

import asyncio
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from operator import attrgetter

import asyncpg

from consumers.store import (
    case_store,
    chain,
    finding,
    fulfilled,
    looking,
    postgres_audit,
    rereads,
    rows,
    schema,
)
from consumers.store import postgres_sql as sql
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
)
from consumers.store.postgres_columns import columns, packed
from consumers.store.postgres_connection import (
    Address,
    Patience,
    check_server,
    explained,
    make_pool,
)
from consumers.store.rows import Row
from ingress.eventlog.port import Partition

CONNECTIONS_MAX = 8  # a worker, a relay and a monitor, the console's readers, and some air
CLOSE_S = 10.0
MIGRATE_S = 600.0
# Any number, the same in every version: whoever migrates holds this lock.
_MIGRATING = 0x5EA1_6A7E


class PostgresTransaction:
    """One batch on one connection."""

    def __init__(self, connection: asyncpg.Connection, root: chain.Root) -> None:
        self._connection = connection
        self._root = root
        self._draft = chain.Draft()
        self.deposits = case_store.deposits_held(self._set, sql.CASES)

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
        return await _with_facts(self._connection, found)

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
            (sql.VERDICTS, [(*key, verdict) for key, verdict in changes.verdicts.items()]),
        ]
        # First, because a payment's row is the lock under which its notices get their sequence.
        await self._save_payments(sorted(saved))
        new = {tuple(row) for row in await self._set(sql.INSERT_FACTS, facts)}
        restated += [rows.restatement_row(*facts[row]) for row in facts if row[:4] not in new]
        again = {tuple(row) for row in await self._set(sql.INSERT_RESTATEMENTS, restated)}
        self._draft.stated(facts, new, restated, again)
        for statement, each in writes:
            left = await self._set(statement, each)
            self._draft.wrote(postgres_audit.KINDS[statement], each, left)
        await case_store.save(self._set, sql.CASES, changes, self._draft.tell)
        await rereads.save(self._set, sql.REREADS, changes, self._draft.tell)

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

    async def _set(self, statement: str, each: Collection[Row], *values: str) -> list[Row]:
        """Run a statement over a set of rows, turned into columns; over none, do nothing."""
        return await _set(self._connection, statement, each, *values)


class PostgresStore:
    """A store in a PostgreSQL database."""

    def __init__(
        self,
        address: Address,
        *,
        patience: Patience | None = None,
        connections_max: int = CONNECTIONS_MAX,
    ) -> None:
        self._address = address
        self._patience = patience or Patience()
        self._connections_max = connections_max
        self._pool: asyncpg.Pool | None = None
        self._root = chain.Root("", chain.NOTHING)
        self.cases = case_store.CaseReads(self._fetch, "$")
        self.finder = finding.Finder(self._fetch, "$")

    async def open(self, environment: str) -> None:
        """Connect, check the server and bring the schema up to date."""
        async with self._first() as connection:
            with explained():
                await migrate(connection)
                await connection.execute(sql.OWN, environment)
                await _check_owner(connection, environment)
                self._root = await postgres_audit.begin(connection, environment)

    async def look(self, environment: str) -> None:
        """Connect to read, and check the server, the schema and the owner."""
        async with self._first() as connection:
            with explained():
                looking.check_schema("postgres", await _applied(connection))
                await _check_owner(connection, environment)

    async def claim_partitions(
        self, group: str, partitions: Collection[Partition], owner: str
    ) -> Mapping[Partition, Claim]:
        """Take the partitions over: raise each epoch, return where to read on."""
        wanted = sorted(frozenset(partitions))
        taken = await self._for_each(sql.CLAIM_PARTITIONS, wanted, group, owner)
        return {Partition(row[0], row[1]): Claim(row[2], row[3]) for row in taken}

    def transaction(self) -> AbstractAsyncContextManager[Transaction]:
        """Begin one batch."""
        return self._transaction()

    @asynccontextmanager
    async def _transaction(self) -> AsyncIterator[PostgresTransaction]:
        async with self._connected() as connection:
            transaction = connection.transaction(isolation="read_committed")
            with explained():
                await transaction.start()
            try:
                one = PostgresTransaction(connection, self._root)
                yield one
                await one.seal()
            except BaseException:
                # What is wrong was said already; a connection that cannot roll back is dropped,
                # and the server rolls back for it.
                with suppress(StoreUnavailable), explained():
                    await transaction.rollback()
                raise
            with explained():
                await transaction.commit()

    async def positions(self, group: str) -> Mapping[Partition, int]:
        """Return the next offset of every partition the group has read."""
        found = await self._fetch(sql.POSITIONS, group)
        return {Partition(topic, number): offset for topic, number, offset in found}

    async def pending(self, notices_max: int) -> Sequence[Pending]:
        """Return the oldest notices not delivered, in the order of writing."""
        return [rows.pending(row) for row in await self._fetch(sql.PENDING, notices_max)]

    async def delivered(self, sequences: Sequence[int]) -> None:
        """Mark notices as delivered."""
        await self._fetch(sql.DELIVERED, sequences)

    async def counts(self) -> Sequence[PaymentCount]:
        """Count payments by provider and state."""
        return [rows.payment_count(row) for row in await self._fetch(sql.COUNTS)]

    async def list_anomalies(self, limit: int) -> Sequence[OpenItem]:
        """Read open exceptions: the most severe first, then the oldest."""
        return [rows.open_item(row) for row in await self._fetch(sql.ANOMALIES, limit)]

    async def dead_letters(self, limit: int) -> Sequence[DeadLetter]:
        """Read dead letters, the latest first."""
        return [rows.dead_letter(row) for row in await self._fetch(sql.DEAD_LETTERS, limit)]

    async def anomalies_open(self) -> Mapping[tuple[str, int], int]:
        """Count open exceptions by code and severity."""
        found = await self._fetch(sql.ANOMALIES_OPEN)
        return {(code, severity): count for code, severity, count in found}

    async def notices_pending(self) -> int:
        """Count the notices not delivered yet."""
        [(count,)] = await self._fetch(sql.NOTICES_PENDING)
        return int(count)

    async def payment(self, key: PaymentKey) -> Payment | None:
        """Read one payment, without locking it."""
        return (await self._payments(sql.PAYMENT, *key)).get(key)

    async def list_payments(self, limit: int) -> Sequence[Payment]:
        """Read payments, the latest changed first."""
        return list((await self._payments(sql.PAYMENTS, limit)).values())

    async def transitions(self, key: PaymentKey) -> Sequence[Transition]:
        """Read a payment's history, oldest first."""
        return [rows.transition(row) for row in await self._fetch(sql.TRANSITIONS, *key)]

    async def statements(self, key: PaymentKey) -> Sequence[Statement]:
        """Read a payment's facts with the events that stated them."""
        return [rows.statement(row) for row in await self._fetch(sql.STATEMENTS, *key)]

    async def event(self, key: EventKey) -> Recorded | None:
        """Read one event."""
        return next((rows.recorded(row) for row in await self._fetch(sql.EVENT, *key)), None)

    async def events(self, key: PaymentKey) -> Sequence[Recorded]:
        """Read the events that name a payment."""
        return [rows.recorded(row) for row in await self._fetch(sql.EVENTS, *key)]

    async def key_uses(self) -> Sequence[KeyUse]:
        """Read the first and the last use of every key."""
        return rows.key_uses(await self._fetch(sql.KEY_USES))

    async def proven_with(
        self, source: str, key_id: str, from_ms: int, to_ms: int
    ) -> Sequence[Recorded]:
        """Read the events accepted with a key, received from `from_ms` until `to_ms`."""
        found = await self._fetch(sql.PROVEN_WITH, source, key_id, from_ms, to_ms)
        return [rows.recorded(row) for row in found]

    async def marks(self, keys: Collection[EventKey]) -> Mapping[EventKey, Sequence[Mark]]:
        """Read operators' marks on events."""
        return rows.marks(await self._for_each(sql.MARKS, keys))

    async def correlated(self, correlation_id: str) -> Sequence[Recorded]:
        """Read the events that carry a correlation id."""
        return [rows.recorded(row) for row in await self._fetch(sql.CORRELATED, correlation_id)]

    def auditing(self) -> AbstractAsyncContextManager[Auditing]:
        """Hold one moment of the database, to audit it."""
        return self._auditing()

    @asynccontextmanager
    async def _auditing(self) -> AsyncIterator[Auditing]:
        async with self._connected() as connection, postgres_audit.moment(connection) as held:
            yield held

    async def close(self) -> None:
        """Let go of the connections."""
        pool, self._pool = self._pool, None
        if pool is not None:
            with suppress(TimeoutError):
                await asyncio.wait_for(pool.close(), CLOSE_S)

    @asynccontextmanager
    async def _first(self) -> AsyncIterator[asyncpg.Connection]:
        """Connect to a server that will do."""
        if self._pool is None:
            self._pool = await make_pool(self._address, self._patience, self._connections_max)
        async with self._connected() as connection:
            with explained():
                await check_server(connection)
            yield connection

    @asynccontextmanager
    async def _connected(self) -> AsyncIterator[asyncpg.Connection]:
        if self._pool is None:
            raise StoreUnavailable("the store is not open")
        with explained():
            connection = await self._pool.acquire(timeout=self._patience.connect_s)
        try:
            yield connection
        finally:
            with suppress(StoreUnavailable), explained():
                await self._pool.release(connection)

    async def _fetch(self, statement: str, *values: object) -> list[Row]:
        async with self._connected() as connection:
            with explained():
                found: list[Row] = await connection.fetch(statement, *values)
                return found

    async def _for_each(self, statement: str, each: Collection[Row], *values: str) -> list[Row]:
        async with self._connected() as connection:
            return await _set(connection, statement, each, *values)

    async def _payments(self, statement: str, *values: str | int) -> Mapping[PaymentKey, Payment]:
        """Read payments and their facts as of one moment."""
        async with self._connected() as connection:
            with explained():
                async with connection.transaction(isolation="repeatable_read", readonly=True):
                    return await _with_facts(connection, await connection.fetch(statement, *values))


async def migrate(connection: asyncpg.Connection) -> None:
    """Bring the schema up to date, once, whoever else is starting.

    The lock is taken only if there is something to do, and a role without the right to create
    tables may open a database that is up to date.
    """
    known = schema.migrations("postgres")
    if not schema.outstanding(known, await _applied(connection)):
        return
    async with connection.transaction():
        # A long migration is not a stuck one, and neither is waiting for another's.
        await connection.execute("SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = 0")
        await connection.execute("SELECT pg_advisory_xact_lock($1)", _MIGRATING, timeout=MIGRATE_S)
        await connection.execute(sql.MIGRATION)
        for step in schema.outstanding(known, await _applied(connection)):
            await connection.execute(step.sql, timeout=MIGRATE_S)
            await connection.execute(sql.APPLY, step.number, step.name, step.checksum)


async def _check_owner(connection: asyncpg.Connection, environment: str) -> None:
    owner = await connection.fetchval(sql.OWNER)
    read = [topic for (topic,) in await connection.fetch(sql.READ)]
    schema.check_environment(looking.check_owner(owner), environment, read)


async def _applied(connection: asyncpg.Connection) -> dict[int, str]:
    is_ours = await connection.fetchval(sql.HAS_MIGRATION)
    return dict(await connection.fetch(sql.APPLIED)) if is_ours else {}


async def _with_facts(
    connection: asyncpg.Connection, found: Sequence[Row]
) -> Mapping[PaymentKey, Payment]:
    """Read the facts of payments, but those of void events, and which goods left."""
    facts = await _set(connection, sql.FACTS, [row[:3] for row in found])
    stands, partly_void = rows.standing(facts)
    payments = rows.payments(found, [*stands, *await _set(connection, sql.RESTATED, partly_void)])
    moved = fulfilled.moved(found)
    return fulfilled.told(payments, await _set(connection, fulfilled.POSTGRES, moved))


async def _set(
    connection: asyncpg.Connection, statement: str, each: Collection[Row], *values: str
) -> list[Row]:
    if not each:
        return []
    separator, null, *written = columns(each)
    with explained():
        found: list[Row] = await connection.fetch(
            packed(statement), separator, null, *values, *written
        )
        return found
