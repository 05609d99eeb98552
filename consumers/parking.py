"""Watch what is parked: events about payments that nobody announced, and how long they wait.

A merchant's backend may announce a payment some moments after its provider tells of it, so for an
hour nobody is called. Then UNKNOWN_PAYMENT is raised about the payment, once; the announcement ends
it, in the transaction that weighs what was parked. As with `timers`, nothing is judged while the
consumers are behind: the announcement itself is written at once, but how long somebody has waited
says little after an outage.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass

from consumers import weighing
from consumers.exceptions import Code, subject_of
from consumers.keeping_up import KeepingUp
from consumers.metrics import KeptMetrics
from consumers.moving import anomaly
from consumers.raising import OPEN_MAX, PAGE, Raising
from consumers.store.cases import Anomaly, AtRisk
from consumers.store.kept import Kept
from consumers.store.kept_reads import BEGINNING, KeptReads
from consumers.store.port import Changes, Payment, PaymentKey, Store, StoreUnavailable
from consumers.store.rows import AMOUNT_END
from ingress import telemetry
from ingress.contract import cloudevents

# What providers and merchants need to tell the two halves of one sale, and then some.
PATIENCE_S = 3600.0


@dataclass(slots=True)
class Parking:
    """Looks after parked payments, for one environment."""

    store: Store
    keeping_up: KeepingUp
    metrics: KeptMetrics
    every_s: float
    clock: telemetry.Clock
    patience_s: float = PATIENCE_S

    async def run(self) -> None:
        """Look for ever."""
        while True:
            await self.look()
            await asyncio.sleep(self.every_s)

    async def look(self) -> None:
        """Measure what is parked; unless time is not judged now, raise what waits too long."""
        frozen = await self.keeping_up.look()
        try:
            self.metrics.show(await self._reads.counts(Kept.PARKED))
            if frozen is None:
                await self._raise()
        except StoreUnavailable as away:
            # What was measured before is no measurement of now.
            self.metrics.drop()
            self.keeping_up.interrupted()
            telemetry.logger("timers").warning("parking_failed", reason=str(away))

    async def _raise(self) -> None:
        """Raise an exception about everything that waits too long, and has none yet."""
        known = await Raising(self.store, self.clock).open(Code.UNKNOWN_PAYMENT)
        left = OPEN_MAX - len(known)
        before_ms = self.clock() - int(self.patience_s * 1000)
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
