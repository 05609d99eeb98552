"""The store in PostgreSQL: for as many machines as there are.

What it is asked is answered here, from a pool of connections; a batch is a `PostgresTransaction`.
"""

import asyncio
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress

import asyncpg

from consumers.store import case_store, chain, finding, looking, postgres_audit, rows
from consumers.store import postgres_reads_sql as asking
from consumers.store import postgres_sql as sql
from consumers.store.auditing import Auditing
from consumers.store.port import (
    Claim,
    DeadLetter,
    EventKey,
    KeyUse,
    Mark,
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
from consumers.store.postgres_connection import (
    Address,
    Patience,
    check_server,
    explained,
    make_pool,
)
from consumers.store.postgres_schema import OWN, applied, check_owner, migrate
from consumers.store.postgres_transaction import PostgresTransaction, run_set, with_facts
from consumers.store.rows import Row
from ingress.eventlog.port import Partition

CONNECTIONS_MAX = 8  # a worker, a relay and a monitor, the console's readers, and some air
CLOSE_S = 10.0


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
                await connection.execute(OWN, environment)
                await check_owner(connection, environment)
                self._root = await postgres_audit.begin(connection, environment)

    async def look(self, environment: str) -> None:
        """Connect to read, and check the server, the schema and the owner."""
        async with self._first() as connection:
            with explained():
                looking.check_schema("postgres", await applied(connection))
                await check_owner(connection, environment)

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
        found = await self._fetch(asking.POSITIONS, group)
        return {Partition(topic, number): offset for topic, number, offset in found}

    async def pending(self, notices_max: int) -> Sequence[Pending]:
        """Return the oldest notices not delivered, in the order of writing."""
        return [rows.pending(row) for row in await self._fetch(asking.PENDING, notices_max)]

    async def delivered(self, sequences: Sequence[int]) -> None:
        """Mark notices as delivered."""
        await self._fetch(sql.DELIVERED, sequences)

    async def counts(self) -> Sequence[PaymentCount]:
        """Count payments by provider and state."""
        return [rows.payment_count(row) for row in await self._fetch(asking.COUNTS)]

    async def list_anomalies(self, limit: int) -> Sequence[OpenItem]:
        """Read open exceptions: the most severe first, then the oldest."""
        return [rows.open_item(row) for row in await self._fetch(asking.ANOMALIES, limit)]

    async def dead_letters(self, limit: int) -> Sequence[DeadLetter]:
        """Read dead letters, the latest first."""
        return [rows.dead_letter(row) for row in await self._fetch(asking.DEAD_LETTERS, limit)]

    async def anomalies_open(self) -> Mapping[tuple[str, int], int]:
        """Count open exceptions by code and severity."""
        found = await self._fetch(asking.ANOMALIES_OPEN)
        return {(code, severity): count for code, severity, count in found}

    async def notices_pending(self) -> int:
        """Count the notices not delivered yet."""
        [(count,)] = await self._fetch(asking.NOTICES_PENDING)
        return int(count)

    async def payment(self, key: PaymentKey) -> Payment | None:
        """Read one payment, without locking it."""
        return (await self._payments(asking.PAYMENT, *key)).get(key)

    async def list_payments(self, limit: int) -> Sequence[Payment]:
        """Read payments, the latest changed first."""
        return list((await self._payments(asking.PAYMENTS, limit)).values())

    async def transitions(self, key: PaymentKey) -> Sequence[Transition]:
        """Read a payment's history, oldest first."""
        return [rows.transition(row) for row in await self._fetch(asking.TRANSITIONS, *key)]

    async def statements(self, key: PaymentKey) -> Sequence[Statement]:
        """Read a payment's facts with the events that stated them."""
        return [rows.statement(row) for row in await self._fetch(asking.STATEMENTS, *key)]

    async def event(self, key: EventKey) -> Recorded | None:
        """Read one event."""
        return next((rows.recorded(row) for row in await self._fetch(asking.EVENT, *key)), None)

    async def events(self, key: PaymentKey) -> Sequence[Recorded]:
        """Read the events that name a payment."""
        return [rows.recorded(row) for row in await self._fetch(asking.EVENTS, *key)]

    async def key_uses(self) -> Sequence[KeyUse]:
        """Read the first and the last use of every key."""
        return rows.key_uses(await self._fetch(asking.KEY_USES))

    async def proven_with(
        self, source: str, key_id: str, from_ms: int, to_ms: int
    ) -> Sequence[Recorded]:
        """Read the events accepted with a key, received from `from_ms` until `to_ms`."""
        found = await self._fetch(asking.PROVEN_WITH, source, key_id, from_ms, to_ms)
        return [rows.recorded(row) for row in found]

    async def marks(self, keys: Collection[EventKey]) -> Mapping[EventKey, Sequence[Mark]]:
        """Read operators' marks on events."""
        return rows.marks(await self._for_each(sql.MARKS, keys))

    async def correlated(self, correlation_id: str) -> Sequence[Recorded]:
        """Read the events that carry a correlation id."""
        return [rows.recorded(row) for row in await self._fetch(asking.CORRELATED, correlation_id)]

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
            return await run_set(connection, statement, each, *values)

    async def _payments(self, statement: str, *values: str | int) -> Mapping[PaymentKey, Payment]:
        """Read payments and their facts as of one moment."""
        async with self._connected() as connection:
            with explained():
                async with connection.transaction(isolation="repeatable_read", readonly=True):
                    return await with_facts(connection, await connection.fetch(statement, *values))
