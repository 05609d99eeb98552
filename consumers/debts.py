"""Watch what is owed: refunds on their way, and Confirmed money that is not in the books.

The payments flow in page by page, each so many of them in the order of an index; what flows out are
the exceptions REFUND_STUCK and POSTING_LAG, and the gauges. A walk over all of them may be long,
where millions are Confirmed, so it is done piece by piece: a piece ends after some time, and the
next one goes on at its place. Only a whole walk is shown, and only after a whole walk is an
exception ended whose payment was not met: after it was read once more.

As with `timers`, nothing is judged while the consumers are behind: the word that a refund arrived
may be among what nobody has read.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass, field

from consumers import owing
from consumers.exceptions import subject_of
from consumers.keeping_up import KeepingUp
from consumers.lifecycle import State
from consumers.overdue import Overstay, Tally
from consumers.owing import Books
from consumers.patience import OWED, Limit
from consumers.policy import Policy
from consumers.raising import OPEN_MAX, PAGE, RAISED_MAX, Raising, is_news, rest
from consumers.store.cases import Item
from consumers.store.port import Payment, Store, StoreUnavailable
from consumers.store.waiting import BEGINNING, Page, Place, Waits
from consumers.time_metrics import DebtMetrics
from ingress import telemetry

SETTLED = "what was owed is settled, or nobody owes it any more"
# After so long a piece ends, whatever is left.
PIECE_S = 30.0
Read = Callable[[int, Place], Awaitable[Page]]
Judge = Callable[[Payment], Overstay | None]


@dataclass(slots=True)
class _Walk:
    """One walk over all payments of which something may be owed under a state's name."""

    state: State
    tally: Tally
    after: Place | None = BEGINNING
    met: set[str] = field(default_factory=set)


@dataclass(slots=True)
class Debts:
    """Looks after what is owed, for one environment; no `books`: finance tells us of none."""

    store: Store
    keeping_up: KeepingUp
    policy: Policy
    limits: Collection[Limit]
    books: Books | None
    every_s: float
    metrics: DebtMetrics
    clock: telemetry.Clock
    piece_s: float = PIECE_S
    _walks: dict[State, _Walk] = field(default_factory=dict, init=False)
    _providers: set[str] = field(default_factory=set, init=False)

    async def run(self) -> None:
        """Look after it for ever."""
        while True:
            await self.look()
            await asyncio.sleep(self.every_s)

    async def look(self) -> None:
        """Go on with every walk for a piece."""
        is_frozen = await self.keeping_up.look() is not None
        try:
            if not self._providers:
                self._providers = {count.provider for count in await self.store.counts()}
            for state in OWED:
                if state is State.REFUNDED or self.books is not None:
                    await self._piece(state, is_frozen=is_frozen)
        except StoreUnavailable as away:
            # What was measured before is no measurement of now.
            self._walks.clear()
            self.metrics.drop()
            self.keeping_up.interrupted()
            telemetry.logger("timers").warning("debts_failed", reason=str(away))

    async def _piece(self, state: State, *, is_frozen: bool) -> None:
        """Go on with a walk until its end, or until time is up; write what was found."""
        walk = self._walks.pop(state, None) or _Walk(state, Tally(self._providers))
        raising, code = Raising(self.store, self.clock), OWED[state]
        items = await raising.open(code)
        worse_max = 0 if is_frozen or len(items) >= OPEN_MAX else RAISED_MAX
        worse = await self._go_on(walk, items, worse_max)
        is_whole = walk.after is None
        ended = []
        if is_whole and not is_frozen:
            unmet = [one for subject, one in items.items() if subject not in walk.met]
            ended = [one for one in unmet[:RAISED_MAX] if await self._is_settled(raising, one)]
        await raising.write(worse, {code: ended}, SETTLED)
        self.metrics.raised[code].inc(len(worse))
        if not is_whole:
            self._walks[state] = walk
            return
        self._providers.update(provider for provider, _ in walk.tally.payments)
        self.metrics.show(state, walk.tally)

    async def _go_on(self, walk: _Walk, items: dict[str, Item], worse_max: int) -> list[Overstay]:
        """Read further pages; return what is to be raised, or to be made worse."""
        worse: list[Overstay] = []
        until_s = time.monotonic() + self.piece_s
        read = self._reads[walk.state]
        while walk.after is not None:
            begun_s = time.monotonic()
            page = await read(PAGE, walk.after)
            for payment in page.payments:
                found = self._meet(walk, payment)
                if found is None:
                    continue
                item = items.get(subject_of(payment.key))
                if is_news(found, item) and len(worse) < worse_max:
                    worse.append(found)
            walk.after = page.after
            await rest(begun_s)
            if time.monotonic() >= until_s:
                break
        return worse

    def _meet(self, walk: _Walk, payment: Payment) -> Overstay | None:
        """Count a payment; return what is owed for it, where that is overdue."""
        if walk.state is State.CONFIRMED and self.books is not None:
            since_ms = owing.unposted_since_ms(payment, self.books, self.policy.terms)
            if since_ms is not None:
                walk.tally.owes(payment, since_ms)
        found = self._judge(walk.state, payment)
        if found is not None:
            walk.tally.add(found)
            walk.met.add(subject_of(payment.key))
        return found

    def _judge(self, state: State, payment: Payment) -> Overstay | None:
        """Say what is overdue under a state's name."""
        if state is State.REFUNDED:
            return owing.refund_stuck(payment, self.limits, self.policy.terms, self.clock())
        if self.books is None:
            return None
        return owing.posting_lag(payment, self.books, self.policy.terms, self.clock())

    async def _is_settled(self, raising: Raising, item: Item) -> bool:
        """Say whether nothing is overdue any more for the payment of an exception."""
        payment = await raising.payment(item)
        state = next(state for state, code in OWED.items() if code == item.anomaly.code)
        return payment is not None and self._judge(state, payment) is None

    @property
    def _reads(self) -> dict[State, Read]:
        waits = Waits.of(self.store)
        return {State.REFUNDED: waits.refunding, State.CONFIRMED: waits.unposted}
