"""Values for the store's tests, and a look into its tables that goes past the store."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import apsw
import asyncpg

from consumers.facts import Fact, FactKind
from consumers.lifecycle import State
from consumers.store import schema
from consumers.store.cases import Action, Anomaly
from consumers.store.port import (
    Advance,
    Changes,
    Event,
    EventKey,
    Handled,
    Judgement,
    Mark,
    Notice,
    Payment,
    PaymentKey,
    Saved,
    Store,
    Transition,
)
from ingress.eventlog.port import Partition, Position

GROUP = "payments"
TOPIC = "payments.sandbox.verified"
PARTITION = Partition(TOPIC, 0)
PAYMENT = PaymentKey("stripe", "main", "pay-1")
NOW_MS = 1_760_000_000_000


def event_key(key: str = "evt-1") -> EventKey:
    """Name an event."""
    return EventKey("stripe", "main", key)


def event(
    key: str = "evt-1", *, reference: str = "pay-1", offset: int = 0, key_id: str = "k1"
) -> Event:
    """Make an event as the worker would claim it."""
    return Event(
        key=event_key(key),
        event_type="payment.succeeded",
        source="stripe-main",
        reference=reference,
        key_id=key_id,
        assurance="A",
        correlation_id=f"c-{key}",
        body_digest=f"sha256:{key}",
        received_ms=NOW_MS + offset,
        position=Position(PARTITION, offset),
        scheme="mac",
        mode="test",
        signed_ms=NOW_MS - 5,
        late_ms=NOW_MS + offset + 7,
    )


def fact(amount: int | None = 1000, *, key: str = "tx-1", at_ms: int = NOW_MS) -> Fact:
    """Make a fact about a transfer."""
    return Fact(FactKind.FINAL, key, "USDT:tron", amount, whole=True, late=False, at_ms=at_ms)


def saved(
    key: PaymentKey = PAYMENT, state: State = State.PAID, *, was: int = 0, at_ms: int = NOW_MS
) -> Saved:
    """Make a payment's next row."""
    return Saved(Payment(key, state, was + 1, frozenset(), at_ms), was)


def transition(saved_row: Saved, before: State | None, by: str) -> Transition:
    """Make the line of history that goes with a payment's next row."""
    payment = saved_row.payment
    return Transition(
        payment=payment.key,
        version=payment.version,
        before=before,
        after=payment.state,
        event=event_key(by),
        correlation_id=f"c-{by}",
        at_ms=payment.changed_ms,
    )


def notice(number: int, payment: PaymentKey = PAYMENT, version: int = 1) -> Notice:
    """Make a row of the outbox."""
    headers = (("ce_id", str(number).encode()), ("ce_id", b"\x00\xff"), ("a", b""))
    return Notice(f"n-{number}", payment, version, b"key", b"\x00value\xff", headers)


def mark(
    key: str = "evt-1", judgement: Judgement = Judgement.VOID, *, reason: str = "forged"
) -> Mark:
    """Make an operator's word on an event."""
    return Mark(event_key(key), judgement, reason, "alice", NOW_MS + 60_000)


def raised(
    evidence: str = "less came",
    *,
    subject: str = "stripe/main/pay-1",
    at_ms: int = NOW_MS,
    key: str = "evt-1",
    **changes: Any,
) -> Anomaly:
    """Raise an exception; `changes` are of any other field."""
    told = Anomaly("AMOUNT_UNDER", subject, 3, evidence, event_key(key), at_ms)
    return replace(told, **changes)


def action(
    key: str, *, payment: PaymentKey | None = None, item: int | None = None, at_ms: int = NOW_MS
) -> Action:
    """Let an operator do something."""
    about = (payment, item, "kim", "operations", "alice", "goodwill", "asked by mail", "{}", at_ms)
    return Action(key, "accept_late", *about)


async def claimed(store: Store, partition: Partition = PARTITION, owner: str = "worker-1") -> int:
    """Take a partition over and return the epoch."""
    return (await store.claim_partitions(GROUP, [partition], owner))[partition].epoch


async def apply(store: Store, changes: Changes, events: Sequence[Event] = ()) -> None:
    """Write one batch without moving a position."""
    async with store.transaction() as tx:
        if events:
            await tx.claim(events)
        await tx.save(changes)


async def advance(store: Store, epoch: int, expected: int | None, to: int) -> None:
    """Move the position of the partition in a batch of its own."""
    await advance_all(store, [Advance(PARTITION, epoch, expected, to)])


async def advance_all(store: Store, moves: Sequence[Advance]) -> None:
    """Move positions in a batch of their own."""
    async with store.transaction() as tx:
        await tx.advance(GROUP, moves)


def whole_batch(number: int = 1) -> tuple[Event, Changes]:
    """Make a batch that writes a row to every table a batch writes to, but the dead letters."""
    payment = PaymentKey("stripe", "main", f"pay-{number}")
    came = event(f"evt-{number}", reference=payment.reference, offset=number)
    row = saved(payment)
    changes = Changes(
        verdicts={came.key: Handled("applied", "shop/1")},
        facts=[(payment, fact(key=f"tx-{number}"), came.key)],
        restated=[(payment, fact(key=f"tx-{number}", at_ms=NOW_MS + 1), came.key)],
        payments=[row],
        transitions=[transition(row, None, f"evt-{number}")],
        notices=[notice(number, payment)],
    )
    return came, changes


async def run(url: str, statement: str) -> None:
    """Run statements past the store."""
    if url.startswith("sqlite"):
        with apsw.Connection(url.removeprefix("sqlite://")) as file:
            file.execute(statement)
        file.close()
        return
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


async def make_first_version(url: str) -> None:
    """Make a database as the first version left it, with two events that say the same."""
    first = schema.migrations("sqlite" if url.startswith("sqlite") else "postgres")[0]
    bytes_of = "x'00'" if url.startswith("sqlite") else "'\\x00'"
    yes, no = ("1", "0") if url.startswith("sqlite") else ("true", "false")
    await run(url, first.sql)
    await run(
        url,
        "CREATE TABLE migration (number INTEGER PRIMARY KEY, name TEXT NOT NULL,"
        " checksum TEXT NOT NULL);"
        f"INSERT INTO migration VALUES (1, '{first.name}', '{first.checksum}');"
        "INSERT INTO meta VALUES ('environment', 'sandbox');"
        "INSERT INTO event VALUES ('stripe', 'main', 'old', 'paid', 'stripe-main', 'pay-1', 'k1',"
        " 'A', 'c', 'sha256:0', 5, 'payments.sandbox.verified', 0, 0, 'applied'),"
        " ('stripe', 'main', 'again', 'paid', 'stripe-main', 'pay-1', 'k2',"
        " 'A', 'c', 'sha256:1', 6, 'payments.sandbox.verified', 0, 1, 'duplicate');"
        "INSERT INTO payment VALUES ('stripe', 'main', 'pay-1', 'Confirmed', 1, 5, 5);"
        f"INSERT INTO fact VALUES ('stripe', 'main', 'pay-1', {bytes_of}, 'final', '', '', NULL,"
        f" {yes}, {no}, 5, NULL, 'stripe', 'main', 'old');"
        "INSERT INTO transition VALUES ('stripe', 'main', 'pay-1', 1, NULL, 'Confirmed',"
        " 'stripe', 'main', 'old', 'c', 5);",
    )


async def tables(url: str) -> dict[str, list[tuple[object, ...]]]:
    """Read every table of the store's database, past the store."""
    if url.startswith("sqlite"):
        return await asyncio.to_thread(_sqlite_tables, url.removeprefix("sqlite://"))
    connection = await asyncpg.connect(url)
    try:
        names = await connection.fetch(
            "SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'"
        )
        return {
            name: [tuple(row) for row in await connection.fetch(f"SELECT * FROM {name}")]
            for (name,) in names
        }
    finally:
        await connection.close()


def _sqlite_tables(path: str) -> dict[str, list[tuple[object, ...]]]:
    with apsw.Connection(path, flags=apsw.SQLITE_OPEN_READONLY) as connection:
        names = connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'").fetchall()
        found = {str(name): list(connection.execute(f"SELECT * FROM {name}")) for (name,) in names}
    connection.close()
    return {name: held for name, held in found.items() if name != "sqlite_sequence"}
