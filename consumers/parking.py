"""Look after what is parked: events about payments that nobody announced, and how long they wait.

A merchant's backend may announce a payment some moments after its provider tells of it, so for a
while nobody is called; the announcement weighs what was parked in its own transaction, whenever it
comes. Apart from it a parked payment is weighed again after each of `retry_s`: under the policy of
now, which may expect nothing of its source any more. After the last of them UNKNOWN_PAYMENT is
raised about the payment, once; whatever makes it known ends that.

As with `timers`, nothing is judged while the consumers are behind: the announcement itself is
written at once, but how long somebody has waited says little after an outage. What came due
meanwhile is done when they have caught up, each payment once.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import accumulate

from consumers import weighing
from consumers.exceptions import Code, subject_of
from consumers.keeping_up import KeepingUp
from consumers.metrics import KeptMetrics
from consumers.moving import Moves, Said, anomaly
from consumers.notices import Occasion
from consumers.patience import PARKED_RETRY_S
from consumers.policy import Policy
from consumers.raising import OPEN_MAX, PAGE, RAISED_MAX, Raising, rest
from consumers.store.cases import Anomaly, AtRisk
from consumers.store.kept import Kept
from consumers.store.kept_reads import BEGINNING, KeptReads, KeptSince
from consumers.store.port import (
    Cause,
    Changes,
    Fenced,
    Payment,
    PaymentKey,
    Recorded,
    Store,
    StoreUnavailable,
)
from consumers.store.rows import AMOUNT_END
from ingress import telemetry
from ingress.contract import cloudevents

ALWAYS_MS = 0


def ages_ms(retry_s: Sequence[float]) -> tuple[int, ...]:
    """Return at which ages a parked payment is weighed again; the last is the end of patience."""
    return tuple(int(age_s * 1000) for age_s in accumulate(retry_s))


@dataclass(slots=True)
class Parking:
    """Looks after parked payments, for one environment."""

    store: Store
    keeping_up: KeepingUp
    environment: str
    policy: Policy
    metrics: KeptMetrics
    every_s: float
    clock: telemetry.Clock
    retry_s: Sequence[float] = PARKED_RETRY_S
    weighed_max: int = RAISED_MAX
    # Until when what came due was weighed again. A process begins with all that there is.
    _done_ms: int = field(default=ALWAYS_MS, init=False)

    async def run(self) -> None:
        """Look for ever."""
        while True:
            await self.look()
            await asyncio.sleep(self.every_s)

    async def look(self) -> None:
        """Measure what is parked; unless time is not judged now, do what is due."""
        frozen = await self.keeping_up.look()
        try:
            self.metrics.show(await self._reads.counts(Kept.PARKED))
            if frozen is None:
                now_ms = self.clock()
                await self._retry(now_ms)
                await self._raise(now_ms)
        except StoreUnavailable as away:
            # What was measured before is no measurement of now.
            self.metrics.drop()
            self.keeping_up.interrupted()
            telemetry.logger("timers").warning("parking_failed", reason=str(away))

    async def _retry(self, now_ms: int) -> None:
        """Weigh again what has come to one of the ages since the last time, so many at most."""
        moved = 0
        async for one in self._due(now_ms):
            moved += await self._weigh(one.key)
            if moved >= self.weighed_max:
                # What is left is due at the next look still.
                return
        self._done_ms = now_ms

    async def _due(self, now_ms: int) -> AsyncIterator[KeptSince]:
        """Walk over what has come to an age; at first, over all that is of the first one."""
        ages = ages_ms(self.retry_s)
        for age_ms in ages if self._done_ms else ages[:1]:
            begin_ms = self._done_ms - age_ms if self._done_ms else ALWAYS_MS
            page = [KeptSince(PaymentKey("", "", ""), begin_ms)]
            while page:
                begun_s = time.monotonic()
                page = [*await self._reads.page(Kept.PARKED, now_ms - age_ms, page[-1], PAGE)]
                for one in page:
                    yield one
                if page:
                    await rest(begun_s)

    async def _weigh(self, key: PaymentKey) -> bool:
        """Weigh a payment whose source is expected to announce nothing any more; say if it was."""
        last = await self._released(key)
        if last is None:
            return False
        with suppress(Fenced):
            async with self.store.transaction() as tx:
                found = await tx.payments([key])
                payment = found.get(key)
                # Its facts may all be void, and others may have been before us.
                if payment is None or payment.kept is not Kept.PARKED or not payment.facts:
                    return False
                moves = Moves(found, self.clock(), self.policy)
                said = self._said(key, last)
                moves.weigh(said, moves.state(said))
                await tx.save(moves.finish())
            telemetry.logger("timers").info("parked_weighed", payment=subject_of(key))
            return True
        # Next time it is read as it is then.
        return False

    async def _released(self, key: PaymentKey) -> Recorded | None:
        """Return the last event of a payment of whose sources none expects first any more."""
        # What nobody sent, such as an answer to a question of ours, says nothing of that.
        known = await self.store.events(key)
        told = [one for one in known if one.event.position.partition.topic]
        expects = any(one.event.source in self.policy.expect_first for one in told)
        return None if expects or not told else told[-1]

    def _said(self, key: PaymentKey, last: Recorded) -> Said:
        """Say nothing new: what is known is weighed, as if the last event came now."""
        event = last.event
        told = Occasion(
            self.environment, event.event_type, event.received_ms, telemetry.traceparent()
        )
        return Said(
            event=event.key,
            payment=key,
            facts=frozenset(),
            occasion=told,
            correlation_id=event.correlation_id,
            mapping=last.mapping,
            cause=Cause.TIMER,
        )

    async def _raise(self, now_ms: int) -> None:
        """Raise an exception about everything that waits too long, and has none yet."""
        known = await Raising(self.store, self.clock).open(Code.UNKNOWN_PAYMENT)
        left = OPEN_MAX - len(known)
        before_ms = now_ms - ages_ms(self.retry_s)[-1]
        page = await self._reads.page(Kept.PARKED, before_ms, BEGINNING, PAGE)
        while page and left > 0:
            late = {one.key: one.since_ms for one in page if subject_of(one.key) not in known}
            if late:
                await self._raise_about(late)
            left -= len(late)
            page = await self._reads.page(Kept.PARKED, before_ms, page[-1], PAGE)

    async def _raise_about(self, late: Mapping[PaymentKey, int]) -> None:
        async with self.store.transaction() as tx:
            # Whoever announces one meanwhile waits for its row, or has taken it from here.
            found = await tx.payments(late)
            changes = Changes(
                anomalies=[
                    self._anomaly(one, late[key])
                    for key, one in found.items()
                    if one.kept is Kept.PARKED
                ]
            )
            await tx.save(changes)

    def _anomaly(self, parked: Payment, since_ms: int) -> Anomaly:
        money = weighing.at_risk(parked.facts)
        risk = None if money is None or money[1] >= AMOUNT_END else AtRisk(*money)
        evidence = (
            f"parked since {cloudevents.timestamp(since_ms)}: its source expects first, and nobody"
            " has announced it"
        )
        subject = subject_of(parked.key)
        return anomaly(Code.UNKNOWN_PAYMENT, subject, evidence, None, self.clock(), risk)

    @property
    def _reads(self) -> KeptReads:
        return KeptReads.of(self.store)
