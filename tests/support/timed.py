"""Timers over a real log and a real store, with clocks that the test holds."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from prometheus_client import CollectorRegistry

from consumers.apply import Applier
from consumers.keeping_up import KeepingUp
from consumers.lifecycle import State
from consumers.patience import DEFAULTS, Limit
from consumers.policy import Policy
from consumers.store.cases import Item, ItemFilter
from consumers.store.port import PaymentKey, Store
from consumers.time_metrics import TimerMetrics
from consumers.timers import Timers, Timing
from consumers.weighing import Terms
from ingress.contract import cloudevents, topics
from ingress.eventlog.embedded import EmbeddedLog
from ingress.eventlog.port import Message, Partition, Position
from tests.support.builders import NOW_MS, envelope

ENVIRONMENT = "sandbox"
GROUP = "workers"
TOPIC = topics.verified(ENVIRONMENT)
PARTITION = Partition(TOPIC, 0)
GRACE_S = 60
EXPIRE_AFTER_S = 600
SETTLE_S = 120
POLICY = Policy("timed", Terms(grace_ms=GRACE_S * 1000))
DECIMALS = {"USDT": 6}


@dataclass
class Timed:
    """One environment; `now_ms` is the wall clock, and the timers' other clock goes with it."""

    store: Store
    log: EmbeddedLog
    limits: Sequence[Limit] = DEFAULTS
    registry: CollectorRegistry = field(default_factory=CollectorRegistry)
    now_ms: int = NOW_MS
    timers: Timers = field(init=False)

    def __post_init__(self) -> None:
        self.timers = self.made(self.registry)

    def made(self, registry: CollectorRegistry) -> Timers:
        """Make timers as another process would have them."""
        return Timers(
            store=self.store,
            keeping_up=KeepingUp(
                self.log,
                self.store,
                TOPIC,
                GROUP,
                SETTLE_S,
                uptime=lambda: self.now_ms / 1000,
                patience_s=0,
            ),
            environment=ENVIRONMENT,
            mode="test",
            policy=POLICY,
            timing=Timing(self.limits, expire_after_s=EXPIRE_AFTER_S, every_s=1.0),
            metrics=TimerMetrics(registry, DECIMALS),
            clock=lambda: self.now_ms,
        )

    async def publish(self, word: str, reference: str = "pay_1", **body: object) -> None:
        """Put an event of Kobbopay on the log."""
        told = {"n": f"{word}-{reference}-{self.now_ms}", **body}
        sealed = envelope(told, event_type=f"payment.{word}", payment_ref=reference)
        sealed = replace(sealed, occurred_ms=self.now_ms, received_ms=self.now_ms)
        key, headers, value = sealed.encode()
        publisher = self.log.publisher()
        await publisher.start()
        await publisher.publish(Message(TOPIC, key, value, headers))
        await publisher.stop()

    async def work(self) -> None:
        """Apply everything on the log, as a worker would."""
        claim = (await self.store.claim_partitions(GROUP, [PARTITION], "us"))[PARTITION]
        begin = claim.next_offset or 0
        records = await self.log.read(Position(PARTITION, begin), 1000)
        if records:
            applier = Applier(self.store, ENVIRONMENT, GROUP, lambda: self.now_ms, policy=POLICY)
            await applier.apply(records, {PARTITION: claim})

    async def tell(self, word: str, reference: str = "pay_1", **body: object) -> None:
        """Publish an event and apply it."""
        await self.publish(word, reference, **body)
        await self.work()

    async def expect(self, reference: str = "pay_1", *, window_s: float = 900) -> int:
        """Let a payment of 10 USDT be expected; return when its window ends."""
        ends_ms = self.now_ms + int(window_s * 1000)
        ends = cloudevents.timestamp(ends_ms)
        await self.tell("pending", reference, amount="10", currency="USDT", expires_at=ends)
        return ends_ms

    async def settle(self) -> None:
        """Let the timers look until they trust the silence."""
        await self.timers.sweep()
        self.now_ms += SETTLE_S * 1000
        await self.timers.sweep()

    async def state(self, reference: str = "pay_1") -> State | None:
        """Read where a payment is."""
        found = await self.store.payment(PaymentKey("kobbopay", "main", reference))
        return None if found is None else found.state

    async def open(self) -> list[Item]:
        """Read the open exceptions."""
        return [*await self.store.cases.items(ItemFilter(), None, 1000)]

    async def codes(self) -> list[tuple[str, int]]:
        """Read the open exceptions, as code and severity."""
        return [(one.anomaly.code, one.anomaly.severity) for one in await self.open()]

    def value(self, name: str, **labels: str) -> float | None:
        """Read one series; None where it is absent."""
        return self.registry.get_sample_value(name, labels)


async def made(store: Store, directory: Path) -> Timed:
    """Make one over an open store."""
    log = EmbeddedLog(directory / "timed-log.db")
    await log.ensure_topics({TOPIC: 1})
    return Timed(store, log)
