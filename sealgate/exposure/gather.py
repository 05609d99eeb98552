"""Read from the store what the analysis of a key needs, a few payments at a time.

Events flow in once; then payments by the batch, each with its history, so that memory holds the
report and one batch, however large the database is. The outbox is read last: a notice that is not
in it any more has gone out, whatever happened meanwhile.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from consumers.exposure import Stake, Story, Window, disputes, weigh
from consumers.ledger import Ledger
from consumers.store.deposit_reads import DepositReads
from consumers.store.port import EventKey, PaymentKey, Recorded, Store

BATCH = 32
"""Payments asked for at once: what a pool of connections serves without a queue."""
PENDING_MAX = 10_000


@dataclass(frozen=True, slots=True)
class Outbox:
    """The notices that have not gone out, by payment and version; `is_whole` where all are here."""

    waiting: frozenset[tuple[PaymentKey, int]]
    is_whole: bool

    def fate(self, payment: PaymentKey, version: int) -> str:
        """Say what became of the notice of one transition."""
        if (payment, version) in self.waiting:
            return "waiting"
        return "delivered" if self.is_whole else "unknown"


@dataclass(frozen=True, slots=True)
class Gathered:
    """Every payment with an exposed event, judged, and the outbox as it was afterwards."""

    stakes: Sequence[Stake]
    outbox: Outbox


async def gather(store: Store, window: Window, ledger: Ledger | None) -> Gathered:
    """Read and judge everything that the key proved in the window. Raises `StoreUnavailable`."""
    suspects: dict[PaymentKey, list[Recorded]] = {}
    deposits: dict[PaymentKey, set[PaymentKey]] = {}
    for source in sorted(window.sources):
        for one in await store.proven_with(source, window.key_id, window.from_ms, window.to_ms):
            owned = await DepositReads.of(store).told_by(one.event.key)
            told = PaymentKey(one.event.key.provider, one.event.key.account, one.event.reference)
            for key in sorted({key for _, key in owned} or {told}):
                suspects.setdefault(key, []).append(one)
            for deposit, key in owned:
                deposits.setdefault(key, set()).add(deposit)
    disputed = set() if ledger is None else await _disputed(store, window)
    stakes: list[Stake] = []
    payments = list(suspects)
    for begin in range(0, len(payments), BATCH):
        keys = payments[begin : begin + BATCH]
        stories = await asyncio.gather(
            *(_story(store, key, suspects[key], sorted(deposits.get(key, ()))) for key in keys)
        )
        named = {one.event.key for story in stories for one in story.events}
        named |= {statement.event for story in stories for statement in story.statements}
        marks = await store.marks(named)
        stakes += [weigh(window, story, marks, ledger, disputed) for story in stories]
    return Gathered(stakes, await outbox(store))


async def _disputed(store: Store, window: Window) -> set[EventKey]:
    """Find the events that came with two bodies since the window began, with whatever key.

    A ledger of events knows an id, and not what it said: where a forger was first with a real id,
    the real event came later, perhaps with the next key, and about another payment.
    """
    found: set[EventKey] = set()
    for use in await store.key_uses():
        if use.source in window.sources and use.last_ms >= window.from_ms:
            proven = await store.proven_with(
                use.source, use.key_id, window.from_ms, use.last_ms + 1
            )
            found |= disputes(one.event.key for one in proven)
    return found


async def outbox(store: Store, notices_max: int = PENDING_MAX) -> Outbox:
    """Read which notices have not gone out."""
    pending = await store.pending(notices_max)
    waiting = frozenset((one.notice.payment, one.notice.version) for one in pending)
    return Outbox(waiting, is_whole=len(pending) < notices_max)


async def _story(
    store: Store, key: PaymentKey, suspects: Sequence[Recorded], deposits: Sequence[PaymentKey]
) -> Story:
    if not key.reference:
        return Story(key, suspects)
    events, statements = list(await store.events(key)), await store.statements(key)
    known = {one.event.key for one in events}
    if deposits:
        # No event about a transfer names the payment: whoever states a fact of it is looked for.
        strangers = sorted({one.event for one in statements} - known)
        found = [await store.event(name) for name in strangers]
        events += [one for one in found if one is not None]
    return Story(key, events, statements, await store.transitions(key), deposits)
