"""Decide whom to ask about, and when. Pure but for what it reads of the store.

Four reasons to ask, in the order of their weight: an event that proves nothing (NEEDS_FETCH is its
exception, and the queue), an answer that showed less than we hold and wants a second one, a payment
that is longer in its state than such payments are, and one that was confirmed a short while ago.
Nobody is asked again at once: five minutes, a quarter of an hour, an hour, six, a day.
"""

from collections.abc import AsyncIterator, Collection, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from consumers import overdue
from consumers.exceptions import Code
from consumers.fetching.comparing import TWICE
from consumers.fetching.port import Account, Why
from consumers.lifecycle import State
from consumers.patience import CODES, Limit
from consumers.store.cases import Item, ItemFilter, place_of
from consumers.store.poll_store import Polls
from consumers.store.port import PaymentKey, Store
from consumers.store.waiting import BEGINNING, Asked, Place, Waits
from consumers.weighing import STRICT, Terms

BACKOFF_MS = tuple(minutes * 60_000 for minutes in (5, 15, 60, 6 * 60, 24 * 60))
# Two hints in one second are one question.
GAP_MS = 5_000
# A payment near its limit is asked about, so that nobody is told of one that has moved.
NEAR = 0.25
AGAIN_MS = 2 * 24 * 60 * 60 * 1000
READS_MAX = len(BACKOFF_MS) + 1
PAGE = 200
# Looked at in one pass; what is left over is there at the next one.
LOOKED_AT_MAX = 2_000
DUE_MAX = 500
_KEY_NAMES = 2


class Due(NamedTuple):
    """A payment that is to be asked about now."""

    payment: PaymentKey
    why: Why


class _Want(NamedTuple):
    """A reason to ask: since when, and when it was last renewed."""

    payment: PaymentKey
    why: Why
    since_ms: int
    renewed_ms: int = 0


@dataclass(frozen=True, slots=True)
class Wishes:
    """What is asked about beside hints. `confirmed_ms` is how long a Confirmed one is; 0 never."""

    limits: Collection[Limit] = ()
    terms: Terms = STRICT
    confirmed_ms: int = 0


def next_ms(since_ms: int, renewed_ms: int, reads: Sequence[int]) -> int:
    """Return when to ask, given when it was read, the last time first.

    Since `since_ms` there is a reason; a hint renews it, and is heard at once.
    """
    if not reads:
        return since_ms
    last_ms = reads[0]
    counted = sum(1 for at_ms in reads if at_ms >= since_ms)
    if not counted or renewed_ms > last_ms:
        return max(since_ms, renewed_ms, last_ms + GAP_MS)
    return last_ms + BACKOFF_MS[min(counted, len(BACKOFF_MS)) - 1]


@dataclass(frozen=True, slots=True)
class Queue:
    """Reads the store for whom to ask about; `accounts` are those that can be asked."""

    store: Store
    accounts: Collection[Account]
    wishes: Wishes

    async def due(self, now_ms: int) -> list[Due]:
        """List whom to ask about now, each payment once. Raises `StoreUnavailable`."""
        found: dict[PaymentKey, Due] = {}
        polls, looked_at = Polls.of(self.store), 0
        async for want in self._wants(now_ms):
            if want.payment in found or Account(*want.payment[:2]) not in self.accounts:
                continue
            looked_at += 1
            reads = [one.at_ms for one in await polls.reads(want.payment, READS_MAX)]
            if next_ms(want.since_ms, want.renewed_ms, reads) <= now_ms:
                found[want.payment] = Due(want.payment, want.why)
            if looked_at >= LOOKED_AT_MAX or len(found) >= DUE_MAX:
                break
        return list(found.values())

    async def _wants(self, now_ms: int) -> AsyncIterator[_Want]:
        async for want in self._hinted():
            yield want
        async for want in self._shown_less(now_ms):
            yield want
        async for want in self._overdue(now_ms):
            yield want
        async for want in self._recent(now_ms):
            yield want

    async def _hinted(self) -> AsyncIterator[_Want]:
        """Walk over the open exceptions that ask for a fetch."""
        wanted = ItemFilter(codes=frozenset({Code.NEEDS_FETCH.value}))
        page = await self.store.cases.items(wanted, None, PAGE)
        while page:
            for item in page:
                payment = await self._payment_of(item)
                if payment is not None:
                    yield _Want(payment, Why.HINT, item.anomaly.at_ms, item.last_ms)
            is_last = len(page) < PAGE
            page = () if is_last else await self.store.cases.items(wanted, place_of(page[-1]), PAGE)

    async def _payment_of(self, item: Item) -> PaymentKey | None:
        """Name the payment of an exception: by its subject, which may be a digest, or its event."""
        provider, *names = item.anomaly.subject.split("/", 2)
        if len(names) == _KEY_NAMES:
            return PaymentKey(provider, *names)
        event = None if item.anomaly.event is None else await self.store.event(item.anomaly.event)
        if event is None:
            return None
        return PaymentKey(*event.event.key[:2], event.event.reference)

    async def _shown_less(self, now_ms: int) -> AsyncIterator[_Want]:
        """Walk over the payments whose last answer wants a second one."""
        since_ms = now_ms - AGAIN_MS
        for account in self.accounts:
            found = await Polls.of(self.store).population(*account, since_ms, TWICE)
            for payment in found.regressing:
                yield _Want(payment, Why.AGAIN, since_ms)

    async def _overdue(self, now_ms: int) -> AsyncIterator[_Want]:
        """Walk over the payments that are near the limit of their state, or over it."""
        near = [
            limit._replace(warn_s=limit.warn_s * NEAR)
            for limit in self.wishes.limits
            if limit.state in CODES
        ]
        for state in CODES if near else ():
            after: Place | None = BEGINNING
            while after is not None:
                asked = Asked(state, now_ms, now_ms, PAGE)
                page = await Waits.of(self.store).page(asked, after)
                for payment in page.payments:
                    one = overdue.overstay(payment, near, self.wishes.terms, now_ms)
                    if one is not None:
                        yield _Want(payment.key, Why.OVERDUE, one.since_ms)
                after = page.after

    async def _recent(self, now_ms: int) -> AsyncIterator[_Want]:
        """Walk over what was confirmed a short while ago: finality can still be lost."""
        if not self.wishes.confirmed_ms:
            return
        after: Place | None = Place(now_ms - self.wishes.confirmed_ms, "", "", "")
        while after is not None:
            asked = Asked(State.CONFIRMED, now_ms, now_ms, PAGE)
            page = await Waits.of(self.store).page(asked, after)
            for payment in page.payments:
                yield _Want(payment.key, Why.RECENT, payment.changed_ms + BACKOFF_MS[0])
            after = page.after
