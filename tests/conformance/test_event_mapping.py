"""One suite for both stores: which mapping read an event, whatever came of it.

A move says by which table and version its words were read. Most events move nothing, and of those
too somebody asks, when a mapping was found wrong, whether it was this one that read them.
"""

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import orjson
import pytest

from consumers.interpret import interpreter
from consumers.policy import NO_POLICY
from consumers.store import chain
from consumers.store.port import Changes, Handled, PaymentKey, Recorded, Store
from ingress.contract.envelope import Assurance, Envelope
from tests.conformance.test_deposits import activity, transfer
from tests.support.audited import audit, fill, tamper, texts
from tests.support.kept import POLICY, Member, event
from tests.support.replayed import NEW, OLD, PAID_IS_FINAL, SHIPPED, Ground, candidate, key, sealed
from tests.support.store_builders import apply, event_key, tables
from tests.support.store_builders import event as stored

TEN: Mapping[str, object] = {"amount": "10", "currency": "USDT"}
PAID, CONFIRMED = event("paid", **TEN), event("confirmed", **TEN)
_ALCHEMY = tomllib.loads(SHIPPED.with_name("alchemy.toml").read_text("utf-8"))
ALCHEMY = f"alchemy/address_activity/{_ALCHEMY['version']}"
# What came of the last of some events, and the mapping that is kept of it.
CAME: Mapping[str, tuple[Sequence[Envelope], str]] = {
    "applied": ([PAID], OLD),
    "applied_no_change": ([PAID, event("paid", **TEN, amount_received="11")], OLD),
    "conflict": ([CONFIRMED, event("failed", **TEN)], OLD),
    "duplicate_delivery": (
        [PAID, replace(event("paid", **TEN, n=3), event_key=PAID.event_key)],
        OLD,
    ),
    "duplicate_fact": ([PAID, event("paid", **TEN, n=2)], OLD),
    "hint": ([replace(PAID, assurance=Assurance.D)], ""),
    "parked_no_payment": ([replace(PAID, source="expects")], OLD),
    "superseded": ([CONFIRMED, PAID], OLD),
    "unknown_type": ([event("teleported", **TEN)], OLD),
    "unmatched": ([activity(transfer())], ALCHEMY),
    "unparseable": ([event("paid", amount="ten", currency="USDT")], OLD),
}


async def came(store: Store, verdict: str) -> Recorded:
    """Return the event of which this came."""
    found = await store.correlated(PAID.correlation_id)
    [one] = [recorded for recorded in found if recorded.verdict == verdict]
    return one


@pytest.mark.parametrize("verdict", CAME)
async def test_whatever_came_of_an_event_its_mapping_is_kept(store: Store, verdict: str) -> None:
    """A payment that did not move is asked about too; what nobody read was read by nothing."""
    events, expected = CAME[verdict]
    policy = NO_POLICY._replace(expect_first=frozenset({"expects"}))
    await Member(store, policy).apply(*events)
    one = await came(store, verdict)
    assert one.mapping == expected
    assert (await audit(store)).problems == []


async def test_every_way_to_an_event_tells_its_mapping(store: Store) -> None:
    """By its key, its payment, its place, and under the lock of whoever marks it."""
    await Member(store, POLICY).apply(PAID)
    one = await came(store, "parked_no_payment")
    assert one.mapping == OLD
    told = one.event
    assert await store.event(told.key) == one
    assert await store.events(PaymentKey(*told.key[:2], told.reference)) == [one]
    assert await store.proven_with(told.source, told.key_id, 0, told.received_ms + 1) == [one]
    assert await store.finder.keyed(told.key.key) == [one]
    assert await store.finder.at(told.position) == one
    async with store.transaction() as tx:
        assert (await tx.marked([told.key]))[told.key].recorded == one


async def test_an_event_that_is_read_again_has_the_mapping_of_its_last_reading(
    store: Store, tmp_path: Path
) -> None:
    """Verdict and mapping are of one reading; and whoever looks is told which it was before."""
    ground = Ground(store)
    paid_final = interpreter.load(candidate(tmp_path / "paid", PAID_IS_FINAL))
    await ground.apply(sealed("e1", "payment.paid"), sealed("e2", "payment.odd", "pay_2"))
    look = await ground.look(paid_final)
    assert look is not None
    assert [one.known.mapping for one in look.readings] == [OLD]
    await ground.replay(paid_final)
    await ground.apply(sealed("e1", "payment.paid"))
    found = [await store.event(key(name)) for name in ("e1", "e2")]
    assert [one.mapping for one in found if one is not None] == [NEW, OLD]
    assert (await audit(store)).problems == []


async def test_a_mapping_given_to_what_nobody_judged_is_found(store: Store, store_url: str) -> None:
    """An entry that leaves an event open says of it that nothing has read it yet."""
    await apply(store, Changes(), [stored("open")])
    assert await texts(store) == []
    await tamper(store_url, "UPDATE event SET mapping = 'shop/9'")
    [found] = await texts(store)
    assert "event: no entry names this row" in found


async def test_entries_of_before_events_had_a_mapping_still_vouch_for_theirs(
    store: Store, store_url: str
) -> None:
    """Until schema 12 an entry named event and verdict alone, and its row has no mapping."""
    await fill(store)
    await _forget_mappings(store_url)
    assert await texts(store) == []
    await apply(store, Changes(verdicts={event_key("evt-3"): Handled("applied", "shop/2")}))
    assert await texts(store) == []
    await tamper(store_url, "UPDATE event SET mapping = 'shop/1' WHERE event_key = 'evt-2'")
    [found] = await texts(store)
    assert "event: no entry names this row" in found


async def _forget_mappings(url: str) -> None:
    """Write the chains and the events as a version of before schema 12 did."""
    written = ["UPDATE event SET mapping = ''"]
    heads: dict[str, bytes] = {}
    named = 0
    # The operator's chain first: the others hang on its first entry.
    found = sorted((await tables(url))["audit"], key=lambda row: (row[0] != chain.OPERATOR, row))
    roots = [bytes(32)]
    for name, seq, _, content, _ in found:
        assert isinstance(content, bytes)
        said = orjson.loads(content)
        named += sum(len(row) == 5 and row[4] == "shop/1" for row in said.get("verdicts", ()))
        if "verdicts" in said:
            said["verdicts"] = [row[:4] for row in said["verdicts"]]
        told = orjson.dumps(said)
        digest = sha256(heads.get(str(name), roots[-1]) + told).digest()
        heads[str(name)] = digest
        if len(roots) == 1:
            roots.append(digest)
        blob = "x'{}'" if url.startswith("sqlite") else "'\\x{}'"
        written.append(
            f"UPDATE audit SET bytes = {blob.format(told.hex())},"
            f" hash = {blob.format(digest.hex())} WHERE chain = '{name}' AND seq = {seq}"
        )
    assert named == 3
    await tamper(url, *written)
