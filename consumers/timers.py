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
from collections.abc import AsyncIterator, Collection, Sequence
from dataclasses import dataclass, field, replace
from urllib.parse import quote

from consumers import overdue
from consumers.exceptions import Code, subject_of
from consumers.facts import FactKind, simple
from consumers.keeping_up import Frozen, KeepingUp
from consumers.lifecycle import State
from consumers.metrics import TimerMetrics
from consumers.moving import Said, anomaly
from consumers.notices import Occasion
from consumers.overdue import Overstay, Tally
from consumers.patience import CODES, Limit, earliest_warning_s
from consumers.policy import Policy
from consumers.stating import OURSELVES, Command, Desk, Refused
from consumers.store.cases import Anomaly, AtRisk, Item, ItemFilter, Resolution, place_of
from consumers.store.port import (
    Cause,
    Changes,
    Event,
    EventKey,
    Fenced,
    Payment,
    PaymentKey,
    Store,
    StoreUnavailable,
)
from consumers.store.waiting import BEGINNING, Asked, Place, Waits
from ingress import telemetry
from ingress.contract import cloudevents
from ingress.eventlog.port import Partition, Position

ACCOUNT = "timer"
MOVED_ON = "the payment is not stuck there any more"
EXPIRED_TYPE = "timer.expired"
# No record told of it: an event needs a place, and this is none.
NOWHERE = Position(Partition("", 0), 0)
# An account holds no slash: provider/account/reference can be taken apart again.
KEY_NAMES = 2
PAGE = 500
# A page of 500 costs some 5 ms of a core, so a million abandoned carts cost ten seconds at each
# sweep. Resting four times as long as a page took keeps that below a fifth of a core, whatever
# there is; the sweep takes longer instead, and nothing here is a matter of seconds.
REST = 4.0
REST_MIN_S = 0.01
EXPIRED_MAX = 500
RAISED_MAX = 500
# Of one kind. Nobody works through more, and a sweep has to remember them.
OPEN_MAX = 20_000


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
            await self._watch(is_frozen=frozen is not None)
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
            await _rest(begun_s)

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
        budget = RAISED_MAX
        for state, code in CODES.items():
            items = await self._open(code)
            is_full = len(items) >= OPEN_MAX
            worse = await self._compare(state, items, tally, 0 if is_full else budget)
            if not is_frozen:
                rest = [*items.values()][:RAISED_MAX]
                await self._write(worse, [one for one in rest if await self._is_over(one, state)])
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
            is_news = item is None or one.severity < item.anomaly.severity
            if is_news and len(worse) < worse_max:
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
            await _rest(begun_s)

    async def _open(self, code: Code) -> dict[str, Item]:
        """Read the open exceptions of a code, by their subject."""
        found: dict[str, Item] = {}
        wanted = ItemFilter(codes=frozenset({code.value}))
        page = await self.store.cases.items(wanted, None, PAGE)
        while page:
            found.update((item.anomaly.subject, item) for item in page)
            is_last = len(page) < PAGE or len(found) >= OPEN_MAX
            page = () if is_last else await self.store.cases.items(wanted, place_of(page[-1]), PAGE)
        return found

    async def _is_over(self, item: Item, state: State) -> bool:
        """Say whether the payment of an exception has left the state that it is about.

        One that is still there may be stuck by its provider's word, before our limit says so.
        """
        key = await self._payment_of(item)
        payment = None if key is None else await self.store.payment(key)
        return payment is not None and payment.state is not state

    async def _payment_of(self, item: Item) -> PaymentKey | None:
        """Name the payment of an exception: by its subject, which may be a digest, or its event."""
        provider, *names = item.anomaly.subject.split("/", 2)
        if len(names) == KEY_NAMES:
            return PaymentKey(provider, *names)
        event = None if item.anomaly.event is None else await self.store.event(item.anomaly.event)
        if event is None:
            return None
        return PaymentKey(*event.event.key[:2], event.event.reference)

    async def _write(self, worse: Sequence[Overstay], ended: Sequence[Item]) -> None:
        """Raise exceptions and end exceptions, in one transaction."""
        if not worse and not ended:
            return
        now_ms = self.clock()
        changes = Changes(
            anomalies=[await self._raised(one, now_ms) for one in worse],
            resolved=[
                Resolution(item.anomaly.code, item.anomaly.subject, MOVED_ON, now_ms)
                for item in ended
            ],
        )
        async with self.store.transaction() as tx:
            await tx.save(changes)
        for one in worse:
            self.metrics.raised[one.code].inc()

    async def _raised(self, one: Overstay, now_ms: int) -> Anomaly:
        """Make the exception, with the event that brought the payment where it is."""
        key = one.payment.key
        history = await self.store.transitions(key)
        event = history[-1].event if history else None
        told = anomaly(one.code, subject_of(key), one.evidence, event, now_ms)
        [*sums] = one.at_risk.items()
        risk = AtRisk(*sums[0]) if len(sums) == 1 else None
        return replace(told, severity=one.severity, at_risk=risk)

    @property
    def _waits(self) -> Waits:
        return Waits.of(self.store)


async def _rest(begun_s: float) -> None:
    """Let others work for a while, after work that began then."""
    await asyncio.sleep(max(REST_MIN_S, REST * (time.monotonic() - begun_s)))


def _path(payment: Payment) -> str:
    """Name a payment so that no two names meet, whatever an account holds."""
    return "/".join(quote(part, safe="") for part in payment.key)
