"""One suite for both stores: an announcement and the event that it is about meet at one moment.

The merchant's backend announces a payment while a worker parks the event about it. Whoever is held
up, wherever, and whoever goes on first: nothing stays parked once the payment is announced.
"""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import cast

import pytest
from prometheus_client import CollectorRegistry

from consumers.keeping_up import KeepingUp
from consumers.lifecycle import State
from consumers.metrics import KeptMetrics
from consumers.parking import Parking
from consumers.store.connect import connect
from consumers.store.kept import Kept
from consumers.store.kept_reads import BEGINNING, KeptReads
from consumers.store.port import Cause, Fenced, Store
from ingress.contract.envelope import Envelope
from ingress.eventlog.embedded import EmbeddedLog
from tests.support.audited import audit
from tests.support.gates import At, Gate, is_done_soon
from tests.support.kept import PAY_1, Member, event

PAID = event("paid", amount="10", currency="USDT")
CONFIRMED = event("confirmed", amount="10", currency="USDT")
everywhere = pytest.mark.parametrize("at", list(At))


@pytest.fixture(name="other")
async def _other(store: Store, store_url: str) -> AsyncIterator[Store]:
    """Open the same database from elsewhere."""
    opened = connect(store_url)
    await opened.open("sandbox")
    yield opened
    await opened.close()


async def applied(member: Member, told: Envelope) -> str:
    """Apply an event as a worker does: who is fenced claims the partition again and goes on."""
    for _ in range(5):
        try:
            [verdict] = await member.verdicts(told)
        except Fenced:
            member.claims.clear()
        else:
            return verdict
    raise AssertionError("a worker that is alone with one announcement is fenced once at most")


async def meet(store: Store, other: Store, at: At, *, held_up: str) -> set[str]:
    """Let a worker and a merchant meet over one payment; return what the worker said of it."""
    gate = Gate(store, at)
    is_worker = held_up == "the worker"
    # Claimed before, as a worker's partitions are: the gate is for the batch.
    worker = Member(cast("Store", gate) if is_worker else other)
    worker.claims = {**await other.claim_partitions("kept", [worker.partition], "us")}
    merchant = Member(other if is_worker else cast("Store", gate))
    parts = [applied(worker, PAID), merchant.expect()]
    first, second = parts if is_worker else reversed(parts)
    held = asyncio.create_task(first)
    await gate.reached.wait()
    rival = asyncio.create_task(second)
    await is_done_soon(rival)
    gate.open.set()
    ended = await asyncio.gather(held, rival)
    return {one for one in ended if isinstance(one, str)}


@everywhere
@pytest.mark.parametrize("held_up", ["the worker", "the merchant"])
async def test_an_announced_payment_is_not_parked_whoever_was_first(
    store: Store, other: Store, at: At, held_up: str
) -> None:
    """A paid order that stays parked is goods that do not leave, and nobody looks at it again."""
    verdicts = await meet(store, other, at, held_up=held_up)
    assert verdicts <= {"parked_no_payment", "applied"}
    member = Member(store)
    found = await member.payment()
    assert (found.kept, found.state) == (None, State.PAID)
    assert await KeptReads.of(store).page(Kept.PARKED, member.now_ms + 1, BEGINNING, 10) == []
    assert await member.open() == set()
    moves = await store.transitions(PAY_1)
    assert [move.version for move in moves] == [*range(1, found.version + 1)]
    assert await member.notices() == found.version
    assert (await audit(store)).problems == []


@everywhere
async def test_a_second_event_that_is_parked_meanwhile_counts_as_well(
    store: Store, other: Store, at: At
) -> None:
    """The payment's row is there already, and the announcement must not miss what is added."""
    first = Member(store)
    await applied(first, PAID)
    gate = Gate(store, at)
    announcing = asyncio.create_task(Member(cast("Store", gate)).expect())
    await gate.reached.wait()
    applying = asyncio.create_task(applied(Member(other, claims=first.claims), CONFIRMED))
    await is_done_soon(applying)
    gate.open.set()
    await asyncio.gather(announcing, applying)
    found = await first.payment()
    assert (found.kept, found.state) == (None, State.CONFIRMED)
    assert {move.cause for move in await store.transitions(PAY_1)} == {Cause.EVENT}


@everywhere
@pytest.mark.parametrize("held_up", ["who calls", "the merchant"])
async def test_nobody_is_called_about_a_payment_that_is_announced(
    store: Store, other: Store, tmp_path: Path, at: At, held_up: str
) -> None:
    """An exception raised behind the announcement that ends it would stay open for ever."""
    await applied(Member(store), PAID)
    gate = Gate(store, at)
    is_watch = held_up == "who calls"
    watch = looking(cast("Store", gate) if is_watch else other, EmbeddedLog(tmp_path / "log.db"))
    late_ms = watch.clock() + 1000 * int(sum(watch.retry_s)) + 1
    merchant = Member(other if is_watch else cast("Store", gate))
    parts = [watch._raise(late_ms), merchant.expect()]
    first, second = parts if is_watch else reversed(parts)
    held = asyncio.create_task(first)
    await gate.reached.wait()
    rival = asyncio.create_task(second)
    await is_done_soon(rival)
    gate.open.set()
    await asyncio.gather(held, rival)
    await watch.keeping_up.log.close()
    assert (await merchant.payment()).kept is None
    assert await merchant.open() == set()


def looking(store: Store, log: EmbeddedLog) -> Parking:
    """Look after what is parked in a store."""
    member = Member(store)
    seconds = KeepingUp(log, store, "t", "nobody", 120, uptime=lambda: 0.0)
    metrics = KeptMetrics.parked(CollectorRegistry())
    return Parking(store, seconds, "sandbox", member.policy, metrics, 1.0, lambda: member.now_ms)
