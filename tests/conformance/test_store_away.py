"""What a store does when its database is away, locked, full, damaged or killed, and afterwards.

Nothing here is simulated: a real PostgreSQL is stopped the hard way, a real lock is held by another
connection, a real write is refused by the kernel, a real process is killed between two commits.
"""

import asyncio
import signal
from collections.abc import Callable
from pathlib import Path

import asyncpg
import pytest

from consumers.lifecycle import State
from consumers.store import postgres_sql as sql
from consumers.store.connect import connect, postgres_address
from consumers.store.port import (
    Advance,
    Changes,
    Handled,
    Store,
    StoreUnavailable,
    Unstorable,
)
from consumers.store.postgres import PostgresStore
from consumers.store.postgres_columns import columns, packed
from consumers.store.postgres_connection import Patience
from consumers.store.rows import Row
from tests.support.postgres import PostgresServer
from tests.support.store_builders import (
    GROUP,
    PARTITION,
    PAYMENT,
    advance,
    apply,
    claimed,
    event,
    event_key,
    saved,
    whole_batch,
)

IMPATIENT = Patience(connect_s=1.0, lock_s=0.2, statement_s=0.6, idle_in_transaction_s=0.4)
Servers = Callable[..., PostgresServer]
ROOT = Path(__file__).parents[2]


async def test_a_postgres_store_not_opened_yet_is_unavailable() -> None:
    """Start-up may have to try again; whoever asks meanwhile backs off like everybody."""
    with pytest.raises(StoreUnavailable, match="not open"):
        await connect("postgresql://u@h/d").positions(GROUP)


async def test_a_closed_store_is_unavailable(store: Store) -> None:
    """A task that outlives the shutdown gets an answer, not a crash; closing twice is allowed."""
    await store.close()
    await store.close()
    with pytest.raises(StoreUnavailable):
        await store.positions(GROUP)
    with pytest.raises(StoreUnavailable):
        await advance(store, 1, None, 1)


async def test_what_the_block_raises_is_passed_on_unchanged(store: Store) -> None:
    """An outage of something else must not be taken for the database's."""
    for error in (TimeoutError("elsewhere"), OSError("elsewhere"), ValueError("elsewhere")):
        with pytest.raises(type(error), match="elsewhere"):
            await _raise_inside(store, error)


async def test_a_text_that_is_no_text_is_unstorable(store: Store) -> None:
    """A lone surrogate has no UTF-8: trying again is no use, the event is to be buried."""
    for came in (Handled("\ud800"), Handled("applied", "\ud800")):
        with pytest.raises(Unstorable):
            await apply(store, Changes(verdicts={event_key("a"): came}))
    await apply(store, Changes(), [event("b")])


async def test_reading_does_not_wait_for_a_batch(store: Store) -> None:
    """A console that waits for the worker, or holds it up, is worse than none."""
    await apply(store, Changes(payments=[saved()]))
    async with asyncio.timeout(2), store.transaction() as tx:
        await tx.save(Changes(payments=[saved(state=State.CONFIRMED, was=1)]))
        payment = await store.payment(PAYMENT)
        assert payment is not None
        assert payment.state is State.PAID
        assert len(await store.list_payments(5)) == 1


@pytest.mark.postgres
async def test_a_postgres_that_comes_back_is_used_again(postgres_server: Servers) -> None:
    """The database is restarted at night; nobody restarts us afterwards."""
    server = postgres_server()
    store = connect(server.url)
    await store.open("sandbox")
    epoch = await claimed(store)
    await advance(store, epoch, None, 1)

    server.stop(signal.SIGQUIT)
    for _ in range(3):
        with pytest.raises(StoreUnavailable):
            await advance(store, epoch, 1, 2)
        with pytest.raises(StoreUnavailable):
            await store.pending(5)
    server.start()

    await advance(store, epoch, 1, 2)
    assert await store.positions(GROUP) == {PARTITION: 2}
    await store.close()


@pytest.mark.postgres
async def test_a_postgres_killed_under_a_batch_makes_it_unavailable(
    postgres_server: PostgresServer,
) -> None:
    """Nothing of the batch is kept, and the next one goes through."""
    server = postgres_server()
    store = connect(server.url)
    await store.open("sandbox")
    epoch = await claimed(store)
    with pytest.raises(StoreUnavailable):
        await _crash_under_a_batch(store, epoch, server)
    server.start()
    assert await store.positions(GROUP) == {}
    await advance(store, epoch, None, 1)
    await store.close()


@pytest.mark.postgres
async def test_a_postgres_that_is_not_there_yet_may_be_opened_later(
    postgres_server: PostgresServer,
) -> None:
    """On a fresh boot we may be up before the database."""
    server = postgres_server()
    server.stop()
    store = connect(server.url)
    with pytest.raises(StoreUnavailable):
        await store.open("sandbox")
    server.start()
    await store.open("sandbox")
    assert await store.positions(GROUP) == {}
    await store.close()


@pytest.mark.postgres
async def test_a_refused_password_is_said_without_saying_it(
    postgres_server: PostgresServer,
) -> None:
    """Errors are logged; a password in one is a password in the log."""
    server = postgres_server(password="right-s3cret")
    wrong = connect(server.url, password="wrong-s3cret")
    with pytest.raises(StoreUnavailable, match="password authentication failed") as refused:
        await wrong.open("sandbox")
    assert "s3cret" not in f"{refused.value!r}{wrong!r}{vars(wrong)}"
    right = connect(server.url, password="right-s3cret")
    await right.open("sandbox")
    await right.close()


@pytest.mark.postgres
async def test_a_lock_held_too_long_is_unavailable(postgres_url: str) -> None:
    """Waiting for ever would outlive the group's session timeout."""
    store = PostgresStore(postgres_address(postgres_url, None), patience=IMPATIENT)
    await store.open("sandbox")
    await apply(store, Changes(payments=[saved()]))
    other = await asyncpg.connect(postgres_url)
    await other.execute("BEGIN; SELECT * FROM payment FOR UPDATE")
    with pytest.raises(StoreUnavailable, match="lock timeout"):
        await _read_payment_in_a_batch(store)
    await other.close()
    await _read_payment_in_a_batch(store)
    await store.close()


@pytest.mark.postgres
async def test_a_batch_that_stands_still_loses_its_locks(postgres_url: str) -> None:
    """A frozen worker must not hold up whoever takes its partitions over."""
    store = PostgresStore(postgres_address(postgres_url, None), patience=IMPATIENT)
    await store.open("sandbox")
    epoch = await claimed(store)
    with pytest.raises(StoreUnavailable):
        await _stand_still(store, epoch)
    await advance(store, epoch, None, 1)
    await store.close()


@pytest.mark.postgres
async def test_a_deadlock_is_unavailable_for_one_and_nothing_for_the_other(
    postgres_url: str,
) -> None:
    """The database ends a deadlock by refusing one side; trying again is the caller's part."""
    store = connect(postgres_url)
    await store.open("sandbox")
    keys = [PAYMENT, PAYMENT._replace(reference="pay-2")]
    await apply(store, Changes(payments=[saved(key) for key in keys]))
    both = asyncio.Barrier(2)

    async def batch(first: int) -> None:
        async with store.transaction() as tx:
            await tx.payments([keys[first]])
            await both.wait()
            await tx.payments([keys[1 - first]])

    outcomes = await asyncio.gather(batch(0), batch(1), return_exceptions=True)
    await store.close()
    assert sorted(type(outcome).__name__ for outcome in outcomes) == [
        "NoneType",
        "StoreUnavailable",
    ]


@pytest.mark.postgres
@pytest.mark.parametrize(
    ("statement", "row", "index"),
    [
        (sql.VERDICTS, ("p", "a", "e", "applied", "shop/1"), "event_pkey"),
        (sql.DIGESTS, ("p", "a", "e"), "event_pkey"),
        (sql.LOCK_PAYMENTS, ("p", "a", "r"), "payment_pkey"),
        (sql.FACTS, ("p", "a", "r"), "fact_pkey"),
        (sql.UPDATE_PAYMENTS, ("p", "a", "r", "Paid", 2, 0, 1), "payment_pkey"),
    ],
)
async def test_a_batch_looks_rows_up_by_key_in_a_young_database(
    postgres_url: str, statement: str, row: Row, index: str
) -> None:
    """Before its first ANALYZE the planner guesses; one wrong guess made a batch take seconds."""
    store = PostgresStore(postgres_address(postgres_url, None))
    await store.open("sandbox")
    for number in range(300):
        came, changes = whole_batch(number)
        await apply(store, changes, [came])
    assert store._pool is not None
    plan = await store._pool.fetch(f"EXPLAIN {packed(statement)}", *columns([row]))
    await store.close()
    told = "\n".join(line for (line,) in plan)
    assert f"using {index}" in told
    assert "Seq Scan" not in told


@pytest.mark.postgres
async def test_a_nul_in_a_text_is_unstorable(postgres_url: str) -> None:
    """PostgreSQL holds no NUL in a text; the batch must learn that trying again is no use."""
    store = connect(postgres_url)
    await store.open("sandbox")
    with pytest.raises(Unstorable):
        await apply(store, Changes(), [event("a\x00b")])
    await store.close()


async def _raise_inside(store: Store, error: Exception) -> None:
    async with store.transaction():
        raise error


async def _read_payment_in_a_batch(store: Store) -> None:
    async with store.transaction() as tx:
        await tx.payments([PAYMENT])


async def _stand_still(store: Store, epoch: int) -> None:
    async with store.transaction() as tx:
        await tx.advance(GROUP, [Advance(PARTITION, epoch, None, 1)])
        await asyncio.sleep(IMPATIENT.idle_in_transaction_s * 2)


async def _crash_under_a_batch(store: Store, epoch: int, server: PostgresServer) -> None:
    came, changes = whole_batch()
    async with store.transaction() as tx:
        await tx.advance(GROUP, [Advance(PARTITION, epoch, None, 1)])
        await tx.claim([came])
        server.stop(signal.SIGQUIT)
        await tx.save(changes)
