"""A store with something in every table, an audit of it, and hands that reach past the program."""

import apsw
import asyncpg

from consumers.audit import Audit
from consumers.chainwalk import Anchor, Report
from consumers.store.cases import Action
from consumers.store.polls import Freeze, ProviderRead
from consumers.store.port import Advance, Anomaly, Changes, DeadLetter, Resolution, Store
from consumers.store.readings import Reread, Retraction
from ingress.eventlog.port import Position
from tests.support.kept import matching
from tests.support.store_builders import (
    GROUP,
    NOW_MS,
    PARTITION,
    PAYMENT,
    apply,
    claimed,
    event_key,
    mark,
    whole_batch,
)

CHAIN = f"{GROUP}/{PARTITION.topic}/0"


async def fill(store: Store, batches: int = 3, *, worked: bool = True) -> None:
    """Write something into every table, and so many batches into the chain of a partition.

    Unless `worked` nobody does anything to what the batches raised, and one of them can be undone
    without leaving a trace of it elsewhere.
    """
    epoch = await claimed(store)
    at = None
    for number in range(1, batches + 1):
        came, changes = whole_batch(number)
        changes.anomalies.append(Anomaly("E_TEST", "pay-1", 2, f"x{number}", came.key, NOW_MS))
        changes.dead_letters.append(
            DeadLetter(Position(PARTITION, number), "poison", b"k", b"v\x00", (), NOW_MS)
        )
        async with store.transaction() as tx:
            await tx.advance(GROUP, [Advance(PARTITION, epoch, at, number * 10)])
            await tx.claim([came])
            await tx.save(changes)
        at = number * 10
    done = Action("k-1", "note", PAYMENT, None, "ann", "ops", "", "seen", "", "", NOW_MS)
    ended = [Resolution("E_TEST", "pay-1", "looked at", NOW_MS + 9)] if worked else []
    await apply(store, Changes(marks=[mark()], resolved=ended, actions=[done]))
    await apply(store, Changes(marks=[mark("evt-2", reason="a copy")]))
    await apply(store, answers())
    about = "pay-1" if worked else "pay-9"
    await apply(store, Changes(anomalies=[Anomaly("E_TEST", about, 2, "x9", None, NOW_MS)]))


def answers() -> Changes:
    """Make a reading that was done again, a match, an answer of a provider, and a freeze."""
    gone = (Retraction(PAYMENT, b"\x07", is_retracted=True),)
    again = Reread(event_key(), 1, "shop/2", "unparseable", "applied", "k-1", NOW_MS, gone)
    read = ProviderRead(
        PAYMENT,
        "why",
        NOW_MS,
        "paid",
        "same",
        is_held=True,
        mapping="shop/1",
        request_id="r",
        body_digest="d",
    )
    frozen = Freeze(is_on=True, reason="outage", by="ann", role="ops", approved_by="", at_ms=NOW_MS)
    return Changes(readings=[again], matching=matching(), reads=[read], freezes=[frozen])


async def audit(store: Store, *anchors: Anchor, since: Anchor | None = None) -> Report:
    """Audit the store as it is."""
    async with store.auditing() as moment:
        behind = {} if since is None else {since.chain: since}
        return await Audit(moment, "sandbox", bytes(16), anchors, behind).run()


async def texts(store: Store, *anchors: Anchor) -> list[str]:
    """Say what an audit finds wrong, each with its entry."""
    report = await audit(store, *anchors)
    return [f"{one.chain} {one.seq}: {one.text}" for one in report.problems]


async def anchor(store: Store, chain: str = CHAIN) -> Anchor:
    """See where a chain is, as somebody outside would keep it."""
    async with store.auditing() as moment:
        [head] = [one for one in await moment.heads() if one.chain == chain]
    return Anchor("the notary", head.chain, head.seq, head.hash)


async def tamper(url: str, *statements: str) -> None:
    """Run statements past the program, and past the triggers, as the database's owner can."""
    if url.startswith("sqlite"):
        with apsw.Connection(url.removeprefix("sqlite://")) as file:
            found = file.execute("SELECT name FROM sqlite_schema WHERE type = 'trigger'").fetchall()
            for (name,) in found:
                file.execute(f"DROP TRIGGER {name}")
            for statement in statements:
                file.execute(statement)
        file.close()
        return
    connection = await asyncpg.connect(url)
    try:
        await connection.execute("SET session_replication_role = replica")
        for statement in statements:
            await connection.execute(statement)
    finally:
        await connection.close()
