"""Measure from outside: lag, payments, open exceptions, dead letters, notices, the quarantine.

The monitor reads the log's ends and the store, never a worker, so its numbers stay true when every
worker is dead. Seconds of lag are the age of the oldest record not applied, read from the log
itself: interpolating between offsets misleads. A collector that fails drops its series and says so;
an old number that looks fresh is worse than none. Several monitors may export the same facts:
take their ``max``, never their sum.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal

from prometheus_client import Gauge

from consumers.ageing import Ageing, Worth
from consumers.buried import Buried
from consumers.lifecycle import State
from consumers.metrics import MonitorMetrics
from consumers.patience import CODES
from consumers.state_metrics import Maybe, StateMetrics
from consumers.store.aged import AgedReader
from consumers.store.poll_store import Polls
from consumers.store.port import Notice, Store, StoreUnavailable
from consumers.store.state_reads import StateReads
from ingress import telemetry
from ingress.contract import cloudevents, topics
from ingress.eventlog.port import (
    EventLog,
    LogUnavailable,
    Partition,
    Position,
    PositionLost,
)


@dataclass(frozen=True, slots=True)
class Monitor:
    """Fills the gauges from the log and the store; `reads` names each topic's group."""

    log: EventLog
    store: Store
    reads: Mapping[str, str]
    metrics: MonitorMetrics
    clock: telemetry.Clock
    every_s: float
    decimals: Mapping[str, int]
    environment: str
    state: StateMetrics
    buried: Buried

    async def run(self) -> None:
        """Measure for ever."""
        while True:
            await self.measure()
            await asyncio.sleep(self.every_s)

    async def measure(self) -> None:
        """Run every collector once; none can stop another."""
        collectors: dict[str, Callable[[], Awaitable[None]]] = {
            "lag": self._lag,
            "payments": self._payments,
            "ages": self._ages,
            "exceptions": self._exceptions,
            "ageing": self._ageing,
            "notices": self._notices,
            "letters": self._letters,
            "quarantine": self._quarantine,
            "freeze": self._freeze,
        }
        for name, collect in collectors.items():
            begun_s = time.monotonic()
            try:
                await collect()
            except (LogUnavailable, StoreUnavailable) as away:
                self._drop(name)
                self.metrics.success.labels(name).set(0)
                telemetry.logger("monitor").warning(
                    "collector_failed", collector=name, reason=str(away)
                )
            else:
                self.metrics.success.labels(name).set(1)
            self.metrics.duration.labels(name).set(time.monotonic() - begun_s)

    def _drop(self, name: str) -> None:
        metrics, state = self.metrics, self.state
        series: dict[str, tuple[Gauge | Maybe, ...]] = {
            "lag": (metrics.lag_records, metrics.lag_seconds),
            "payments": (metrics.payments, metrics.oldest_payments),
            "exceptions": (metrics.exceptions,),
            "ageing": (metrics.queue.ages, metrics.queue.oldest, metrics.queue.worth),
            "ages": (state.ages,),
            "letters": (state.letters,),
            "notices": (state.oldest_notice,),
            "quarantine": (state.quarantined,),
            "freeze": (state.frozen_since,),
        }
        for gauge in series[name]:
            gauge.clear()
        if name == "notices":
            # A gauge without labels cannot be dropped; NaN is Prometheus' word for unknown.
            metrics.notices.set(float("nan"))

    async def _lag(self) -> None:
        for topic, group in self.reads.items():
            await self._lag_of(topic, group)

    async def _lag_of(self, topic: str, group: str) -> None:
        ends = await self.log.ends(topic)
        begins = await self.log.begins(topic)
        positions = await self.store.positions(group)
        ages = {
            partition: await self._age_s(
                partition, positions.get(partition, begins[partition]), end
            )
            for partition, end in ends.items()
        }
        for partition, end in ends.items():
            at = (group, topic, str(partition.number))
            begin = begins[partition]
            offset = positions.get(partition, begin)
            # Beyond the end, the topic was made anew or cut: nothing of what it has was applied.
            behind = end - (begin if offset > end else offset)
            self.metrics.lag_records.labels(*at).set(behind)
            self.metrics.lag_seconds.labels(*at).set(ages[partition])

    async def _age_s(self, partition: Partition, offset: int, end: int) -> float:
        """Return the age of the record at `offset`, 0 where there is none yet."""
        if offset == end:
            return 0.0
        try:
            oldest = await self.log.read(Position(partition, offset), 1)
        except PositionLost:
            # Retention has passed the group, or the topic was made anew: its worker stops there,
            # with an alarm of its own.
            return float("inf")
        return max(0.0, (self.clock() - oldest[0].timestamp_ms) / 1000) if oldest else 0.0

    async def _payments(self) -> None:
        payments = self.metrics.payments
        counts = await self.store.counts()
        payments.clear()
        self.metrics.oldest_payments.clear()
        for provider in {count.provider for count in counts}:
            for state in State:
                payments.labels(provider, state.value).set(0)
        for count in counts:
            at = (count.provider, count.state.value)
            payments.labels(*at).set(count.payments)
            self.metrics.oldest_payments.labels(*at).set(count.oldest_ms / 1000)

    async def _exceptions(self) -> None:
        found = await self.store.anomalies_open()
        self.metrics.exceptions.clear()
        self.metrics.exceptions_at_zero()
        for (code, severity), count in found.items():
            self.metrics.exceptions.labels(code, str(severity)).set(count)

    async def _ageing(self) -> None:
        now_ms = self.clock()
        ageing, worth = Ageing(now_ms, now_ms), Worth()
        async for one in AgedReader.of(self.store).open():
            ageing.add(one)
            worth.add(one)
        # The assets are the registry's, so the series are bounded.
        units = {
            asset: Decimal(amount).scaleb(-self.decimals[asset])
            for asset, amount in worth.sums().items()
            if asset in self.decimals
        }
        self.metrics.queue.show(ageing, units)

    async def _notices(self) -> None:
        self.metrics.notices.set(await self.store.notices_pending())
        oldest = await self.store.pending(1)
        self.state.oldest_notice.value = _written_s(oldest[0].notice) if oldest else None

    async def _ages(self) -> None:
        self.state.show_ages(await StateReads.of(self.store).ages(tuple(CODES), self.clock()))

    async def _letters(self) -> None:
        counts = await self.buried.count()
        self.state.show_letters({self.reads.get(topic, topic): n for topic, n in counts.items()})

    async def _quarantine(self) -> None:
        topic = topics.quarantine(self.environment)
        # The edge makes it, and Kafka has no word for a topic that is not there yet.
        if topic not in await self.log.topics():
            self.state.quarantined.clear()
            return
        begins, ends = await self.log.begins(topic), await self.log.ends(topic)
        self.state.quarantined.value = sum(ends.values()) - sum(begins.values())

    async def _freeze(self) -> None:
        last = await Polls.of(self.store).freeze()
        self.state.frozen_since.value = last.at_ms / 1000 if last and last.is_on else None


def _written_s(notice: Notice) -> float:
    """Return when a notice was written, which stands in its headers."""
    return cloudevents.timestamp_ms(dict(notice.headers)["ce_recordedtime"].decode()) / 1000
