"""Let time speak: windows that closed without money, and payments that stay too long.

No provider sends these words, so nobody redelivers them either: they are read from the store again
at every sweep. A payment whose window is over gets an EXPIRED fact, claimed under a key of its own,
so that two processes do it once; it is a fact like any other, and a sighting from inside the window
that comes later still wins by the reducer. A payment that stays too long is an exception, raised
once, made worse as it ages, and ended when the payment has moved on.

All of it is judged only while the consumers keep up (`keeping_up`): silence of a log that nobody
reads proves nothing. The gauges are filled all the same. Every sweep writes so many rows and no
more; what is left over is there at the next one.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Collection
from dataclasses import dataclass, field
from urllib.parse import quote

from consumers import overdue
from consumers.exceptions import subject_of
from consumers.facts import FactKind, simple
from consumers.keeping_up import Frozen, KeepingUp
from consumers.lifecycle import State
from consumers.moving import Said
from consumers.notices import Occasion
from consumers.overdue import Overstay, Tally
from consumers.patience import CODES, Limit, earliest_warning_s
from consumers.policy import Policy
from consumers.raising import OPEN_MAX, PAGE, RAISED_MAX, Raising, is_news, rest
from consumers.stating import OURSELVES, Command, Desk, Refused
from consumers.store.cases import Item
from consumers.store.port import (
    Cause,
    Event,
    EventKey,
    Fenced,
    Payment,
    Store,
    StoreUnavailable,
)
from consumers.store.waiting import BEGINNING, Asked, Place, Waits
from consumers.time_metrics import TimerMetrics
from ingress import telemetry
from ingress.contract import cloudevents
from ingress.eventlog.port import Partition, Position

ACCOUNT = "timer"
MOVED_ON = "the payment is not stuck there any more"
EXPIRED_TYPE = "timer.expired"
# No record told of it: an event needs a place, and this is none.
NOWHERE = Position(Partition("", 0), 0)
EXPIRED_MAX = 500


@dataclass(frozen=True, slots=True)
class Timing:
    """What is due when: the limits, and how long after a window nobody is waited for."""

    limits: Collection[Limit]
    expire_after_s: float
    every_s: float


@dataclass(slots=True)
class Timers:
    """Sweeps over the payments that wait, for one environment."""

    store: Store
    keeping_up: KeepingUp
    environment: str
    mode: str
    policy: Policy
    timing: Timing
    metrics: TimerMetrics
    clock: telemetry.Clock
    _frozen: Frozen | None = field(default=None, init=False)
    _has_looked: bool = field(default=False, init=False)
    _providers: set[str] = field(default_factory=set, init=False)

    async def run(self) -> None:
        """Sweep for ever."""
        while True:
            await self.sweep()
            await asyncio.sleep(self.timing.every_s)

    async def sweep(self) -> None:
        """Judge what time has done, once."""
        begun_s = time.monotonic()
        frozen = await self.keeping_up.look()
        self._say(frozen)
        try:
            if frozen is None:
                await self._expire()
            # A freeze is about what sources say: who waits too long is no less stuck.
            await self._watch(is_frozen=frozen not in {None, Frozen.ORDERED})
        except StoreUnavailable as away:
            # What was measured before is no measurement of now.
            self.metrics.drop()
            self.keeping_up.interrupted()
            self._say(Frozen.AWAY)
            telemetry.logger("timers").warning("sweep_failed", reason=str(away))
        else:
            self.metrics.last_sweep.set(self.clock() / 1000)
        self.metrics.duration.set(time.monotonic() - begun_s)

    def _say(self, frozen: Frozen | None) -> None:
        """Tell whether time is judged: always as a gauge, and once as a line of the log."""
        self.metrics.say(frozen)
        if self._has_looked and frozen is self._frozen:
            return
        log = telemetry.logger("timers")
        if frozen is None:
            log.info("timers_run")
        else:
            log.info("timers_frozen", reason=frozen.value)
        self._frozen, self._has_looked = frozen, True

    async def _expire(self) -> None:
        """State that windows are over; whoever expired has left Pending, and is not met again."""
        now_ms = self.clock()
        last_ms = now_ms - int(self.timing.expire_after_s * 1000)
        done = 0
        after: Place | None = BEGINNING
        while after is not None and done < EXPIRED_MAX:
            begun_s = time.monotonic()
            asked = Asked(State.PENDING, now_ms, last_ms, PAGE)
            page = await self._waits.page(asked, after)
            for payment in page.payments:
                over_ms = overdue.window_over_ms(payment, self.policy.terms)
                if over_ms is not None and over_ms <= last_ms:
                    done += await self._expire_one(payment, over_ms)
            after = page.after
            await rest(begun_s)

    async def _expire_one(self, payment: Payment, over_ms: int) -> bool:
        """State it, unless the payment has moved since it was read; say whether it was new."""
        desk = Desk(self.store, self.policy, self.clock)
        try:
            done = await desk.do(self._command(payment, over_ms))
        except (Refused, Fenced) as moved:
            # Next time it is read as it is then.
            telemetry.logger("timers").info("not_expired", reason=str(moved))
            return False
        if done.is_repeat:
            return False
        self.metrics.expired.inc()
        telemetry.logger("timers").info(
            "payment_expired",
            provider=payment.key.provider,
            payment=subject_of(payment.key),
            window_over=cloudevents.timestamp(over_ms),
        )
        return True

    def _command(self, payment: Payment, over_ms: int) -> Command:
        """Say it as an operator would: claimed once, and only of the payment as it was read."""
        # The window's end stands in the key: a payment expires once for each end it was told.
        name = f"expired/{_path(payment)}/{overdue.first_end_ms(payment)}"
        key = EventKey(OURSELVES, ACCOUNT, cloudevents.attribute(name))
        correlation_id = telemetry.correlation_id()
        event = Event(
            key=key,
            event_type=EXPIRED_TYPE,
            source=OURSELVES,
            reference=payment.key.reference,
            key_id="",
            assurance="",
            correlation_id=correlation_id,
            body_digest="",
            received_ms=self.clock(),
            position=NOWHERE,
            mode=self.mode,
        )
        said = Said(
            event=key,
            payment=payment.key,
            facts=frozenset({simple(FactKind.EXPIRED, over_ms)}),
            occasion=Occasion(self.environment, EXPIRED_TYPE, over_ms, telemetry.traceparent()),
            correlation_id=correlation_id,
            cause=Cause.TIMER,
        )
        return Command(event, said, expected_version=payment.version)

    async def _watch(self, *, is_frozen: bool) -> None:
        """Measure who is stuck; unless frozen, make the open exceptions the same as those."""
        if not self._providers:
            self._providers = {count.provider for count in await self.store.counts()}
        tally = Tally(self._providers)
        raising = Raising(self.store, self.clock)
        budget = RAISED_MAX
        for state, code in CODES.items():
            items = await raising.open(code)
            is_full = len(items) >= OPEN_MAX
            worse = await self._compare(state, items, tally, 0 if is_full else budget)
            if not is_frozen:
                left = [*items.values()][:RAISED_MAX]
                over = [one for one in left if await _is_over(raising, one, state)]
                await raising.write(worse, {code: over}, MOVED_ON)
                self.metrics.raised[code].inc(len(worse))
            budget -= len(worse)
        self._providers.update(provider for provider, _ in tally.payments)
        self.metrics.show(tally)

    async def _compare(
        self, state: State, items: dict[str, Item], tally: Tally, worse_max: int
    ) -> list[Overstay]:
        """Take from `items` those that stand; return what is to be raised, or to be made worse."""
        worse: list[Overstay] = []
        async for one in self._overstays(state):
            tally.add(one)
            item = items.pop(subject_of(one.payment.key), None)
            if is_news(one, item) and len(worse) < worse_max:
                worse.append(one)
        return worse

    async def _overstays(self, state: State) -> AsyncIterator[Overstay]:
        """Walk over the payments of a state, the longest waiting first."""
        limits, now_ms = self.timing.limits, self.clock()
        patience_s = earliest_warning_s(limits, state)
        if patience_s is None:
            return
        before_ms = now_ms - int(patience_s * 1000)
        after: Place | None = BEGINNING
        while after is not None:
            begun_s = time.monotonic()
            page = await self._waits.page(Asked(state, before_ms, before_ms, PAGE), after)
            for payment in page.payments:
                found = overdue.overstay(payment, limits, self.policy.terms, now_ms)
                if found is not None:
                    yield found
            after = page.after
            await rest(begun_s)

    @property
    def _waits(self) -> Waits:
        return Waits.of(self.store)


async def _is_over(raising: Raising, item: Item, state: State) -> bool:
    """Say whether the payment of an exception has left the state that it is about.

    One that is still there may be stuck by its provider's word, before our limit says so.
    """
    payment = await raising.payment(item)
    return payment is not None and payment.state is not state


def _path(payment: Payment) -> str:
    """Name a payment so that no two names meet, whatever an account holds."""
    return "/".join(quote(part, safe="") for part in payment.key)
