"""Worker, relay, timers and monitor, each as one thing that starts, says how it is, and stops."""

import asyncio
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from prometheus_client import CollectorRegistry

from consumers import deposits
from consumers.apply import Applier
from consumers.buried import Buried
from consumers.debts import Debts
from consumers.deposits import Pressing
from consumers.interpret import assets, interpreter
from consumers.interpret.interpreter import Interpreters
from consumers.keeping_up import KeepingUp
from consumers.metrics import (
    KeptMetrics,
    MonitorMetrics,
    RelayMetrics,
    WorkerFamilies,
    WorkerMetrics,
)
from consumers.monitor import Monitor
from consumers.operating import Occurrence
from consumers.owing import Books
from consumers.parking import Parking
from consumers.patience import Limit, all_limits
from consumers.policy import NO_POLICY, Policy
from consumers.proposing import Proposing
from consumers.relay import Relay
from consumers.settings import ConsumerSettings
from consumers.state_metrics import StateMetrics
from consumers.store.port import Store, StoreUnavailable
from consumers.time_metrics import DebtMetrics, TimerMetrics
from consumers.timers import Timers, Timing
from consumers.worker import Worker
from ingress import telemetry
from ingress.contract import topics
from ingress.contract.envelope import Mode
from ingress.eventlog.port import EventLog, LogUnavailable, PositionLost

HALTED = "docs/runbooks/position-lost.md"
RETRY_S = 1.0
STOP_S = 10.0
SAY_AGAIN_S = 60.0


@dataclass(frozen=True, slots=True)
class Parts:
    """What the consumers are made of, chosen by whoever composes the process."""

    environment: str
    settings: ConsumerSettings
    log: EventLog
    store: Store
    partitions: int
    registry: CollectorRegistry
    clock: telemetry.Clock
    owner: str
    checkpoint: Callable[[str], None]
    mode: Mode = Mode.UNKNOWN
    policy: Policy = NO_POLICY
    interpreters: Interpreters = field(default_factory=interpreter.load)

    @property
    def reads(self) -> dict[str, str]:
        """Name the topics that are applied, each with the group that reads it."""
        return {
            topics.verified(self.environment): self.settings.group,
            topics.alarms(self.environment): self.settings.alarms_group,
        }


class Background(ABC):
    """A part that runs as a task; the task ends only by `stop` or by a fault for a human."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self.task: asyncio.Task[None] | None = None
        self.is_prepared = False

    def start(self) -> None:
        """Begin, as soon as log and store are there."""
        self.task = asyncio.create_task(self._run())

    def ready(self) -> Sequence[tuple[str, bool]]:
        """Answer ``/readyz``: each check by name, and whether it holds."""
        return ()

    async def stop(self) -> None:
        """End."""
        if self.task is not None:
            self.task.cancel()
        await _ended(self.task)

    @abstractmethod
    async def work(self) -> None:
        """Do the part's work, for ever."""

    async def _run(self) -> None:
        await prepared(self._parts)
        self.is_prepared = True
        await self.work()


class WorkerApp(Background):
    """The workers, of events and of alarms: stopping them finishes the batches in hand.

    A worker whose place is gone from the log halts: it says so and reads nothing more, until a
    human has decided and started the process again. The process lives on: whoever restarts it by
    itself would have it halt again and again, and the alarm would flicker.
    """

    def __init__(self, parts: Parts) -> None:
        super().__init__(parts)
        families = WorkerFamilies(parts.registry)
        self._workers = [
            _worker(parts, families, topic, group) for topic, group in parts.reads.items()
        ]
        self._halted: list[Worker] = []
        self._stopping = asyncio.Event()

    def ready(self) -> Sequence[tuple[str, bool]]:
        """Answer ``/readyz``."""
        # A member without partitions is ready too: there are more workers than partitions.
        members = all(worker.member for worker in self._workers)
        return (
            ("worker is a member of its group", members),
            *((f"the log has the place of {each.group}: {HALTED}", False) for each in self._halted),
        )

    async def stop(self) -> None:
        """Finish the batches in hand and leave the groups."""
        self._stopping.set()
        for worker in self._workers:
            worker.stop()
        if self.task is not None and not self.is_prepared:
            self.task.cancel()  # nothing is in hand yet, and what it waits for may never come
        await _ended(self.task)

    async def work(self) -> None:
        """Apply records for ever; what no worker can mend ends all, but for a lost place."""
        try:
            async with asyncio.TaskGroup() as group:
                for worker in self._workers:
                    group.create_task(self._run_or_halt(worker))
        except ExceptionGroup as faults:
            # A human wants to read why the first one ended, not how many there were.
            raise faults.exceptions[0] from None

    async def _run_or_halt(self, worker: Worker) -> None:
        try:
            await worker.run()
        except PositionLost as lost:
            self._halted.append(worker)
            worker.metrics.halted.set(1)
            telemetry.logger("worker").error(
                "worker_halted",
                topic=worker.topic,
                group=worker.group,
                reason=str(lost),
                runbook=HALTED,
            )
            await self._stopping.wait()


def _worker(parts: Parts, families: WorkerFamilies, topic: str, group: str) -> Worker:
    """Make the worker of one topic."""
    settings = parts.settings
    return Worker(
        log=parts.log,
        store=parts.store,
        applier=Applier(
            store=parts.store,
            environment=parts.environment,
            group=group,
            clock=parts.clock,
            checkpoint=parts.checkpoint,
            mode=parts.mode,
            policy=parts.policy,
            interpreters=parts.interpreters,
        ),
        metrics=WorkerMetrics(families, group),
        clock=parts.clock,
        topic=topic,
        group=group,
        owner=parts.owner,
        batch_max=settings.batch_max,
        wait_s=settings.wait_s,
    )


class RelayApp(Background):
    """The relay with its own publisher: what is not marked, the next relay publishes again."""

    def __init__(self, parts: Parts) -> None:
        super().__init__(parts)
        settings = parts.settings
        self._publisher = parts.log.publisher()
        self._relay = Relay(
            store=parts.store,
            publisher=self._publisher,
            environment=parts.environment,
            metrics=RelayMetrics(parts.registry),
            notices_max=settings.notices_max,
            idle_s=settings.relay_idle_s,
            checkpoint=parts.checkpoint,
        )

    def ready(self) -> Sequence[tuple[str, bool]]:
        """Answer ``/readyz``."""
        return (("log accepts notices", self._publisher.ready()),)

    async def stop(self) -> None:
        """Stop draining, then let the publisher go."""
        await super().stop()
        await self._publisher.stop()

    async def work(self) -> None:
        """Drain the outbox for ever."""
        await self._relay.run()


class MonitorApp(Background):
    """The monitor: when it cannot measure, its metrics say so."""

    def __init__(self, parts: Parts) -> None:
        super().__init__(parts)
        settings = parts.settings
        self._monitor = Monitor(
            log=parts.log,
            store=parts.store,
            reads=parts.reads,
            metrics=MonitorMetrics(parts.registry),
            clock=parts.clock,
            every_s=settings.monitor_s,
            decimals=assets.load().decimals,
            environment=parts.environment,
            state=StateMetrics(parts.registry, tuple(parts.reads.values())),
            buried=Buried(parts.store),
        )

    async def work(self) -> None:
        """Measure for ever."""
        await self._monitor.run()


class TimersApp(Background):
    """The timers: while they are frozen, nothing expires and nothing new is stuck."""

    def __init__(self, parts: Parts) -> None:
        super().__init__(parts)
        settings, limits = parts.settings, _limits(parts.settings)
        self._debts = Debts(
            store=parts.store,
            keeping_up=_keeping_up(parts),
            policy=parts.policy,
            limits=limits,
            books=_books(settings),
            every_s=settings.timers_s,
            metrics=DebtMetrics(parts.registry),
            clock=parts.clock,
        )
        self._proposing = Proposing(
            store=parts.store,
            policy=parts.policy,
            metrics=KeptMetrics.unmatched(parts.registry),
            every_s=settings.timers_s,
            occurrence=self._occurrence,
            pressing=_pressing(settings),
        )
        self._parking = Parking(
            store=parts.store,
            keeping_up=_keeping_up(parts),
            environment=parts.environment,
            policy=parts.policy,
            metrics=KeptMetrics.parked(parts.registry),
            every_s=settings.timers_s,
            clock=parts.clock,
            retry_s=settings.parked_retry_s,
        )
        self._timers = Timers(
            store=parts.store,
            keeping_up=_keeping_up(parts),
            environment=parts.environment,
            mode=parts.mode,
            policy=parts.policy,
            timing=Timing(
                limits=limits,
                expire_after_s=settings.expire_after_s,
                every_s=settings.timers_s,
            ),
            metrics=TimerMetrics(parts.registry, assets.load().decimals),
            clock=parts.clock,
        )

    def _occurrence(self) -> Occurrence:
        parts = self._parts
        return Occurrence(
            environment=parts.environment,
            mode=str(parts.mode),
            at_ms=parts.clock(),
            correlation_id=telemetry.correlation_id(),
            traceparent=telemetry.traceparent(),
            terms=parts.policy.terms,
        )

    async def work(self) -> None:
        """Sweep for ever; what is owed is looked after beside that, for it takes longer."""
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._timers.run())
                group.create_task(self._debts.run())
                group.create_task(self._parking.run())
                group.create_task(self._proposing.run())
        except ExceptionGroup as faults:
            raise faults.exceptions[0] from None


def _keeping_up(parts: Parts) -> KeepingUp:
    """Make what says whether time may be judged: each that asks has one of its own."""
    return KeepingUp(
        log=parts.log,
        store=parts.store,
        topic=topics.verified(parts.environment),
        group=parts.settings.group,
        settle_s=parts.settings.settle_s,
        uptime=_uptime_s,
    )


def _pressing(settings: ConsumerSettings) -> Pressing:
    """Say when a deposit that waits for a decision cannot wait any longer."""
    zone = UTC if settings.posting is None else ZoneInfo(settings.posting.zone)
    return Pressing(deposits.large(settings.large_deposit, assets.load()), zone)


def _books(settings: ConsumerSettings) -> Books | None:
    """Say when finance owes the books an entry; None where nobody has said that it does."""
    told = settings.posting
    if told is None:
        return None
    zone = ZoneInfo(told.zone)
    since = datetime.combine(told.since, datetime.min.time(), zone)
    since_ms = int(since.timestamp() * 1000)
    return Books(since_ms, told.warn_days, told.critical_days, zone)


def _uptime_s() -> float:
    """Count seconds, those too in which the machine slept, where the system can tell them."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


def _limits(settings: ConsumerSettings) -> Sequence[Limit]:
    given = [
        Limit(one.state, one.warn_s, one.critical_s, one.provider, one.asset, one.network)
        for one in settings.stuck
    ]
    return all_limits(given, settings.stuck_s)


async def prepared(parts: Parts) -> None:
    """Return once the store is open and the topics exist, however long either is away.

    Raises what a human must see: the database of another environment, a schema from the future.
    """
    log = telemetry.logger("consumers")
    said, say_at_s = "", 0.0
    names = (*parts.reads, topics.lifecycle(parts.environment))
    while True:
        try:
            await parts.store.open(parts.environment)
            await parts.log.ensure_topics(dict.fromkeys(names, parts.partitions))
        except (LogUnavailable, StoreUnavailable) as away:
            now_s = time.monotonic()
            if str(away) != said or now_s >= say_at_s:
                said, say_at_s = str(away), now_s + SAY_AGAIN_S
                log.warning("not_yet_there", reason=said, retry_in_s=RETRY_S)
            await asyncio.sleep(RETRY_S)
        else:
            return


async def _ended(task: asyncio.Task[None] | None) -> None:
    """Wait for a task that was told to end; cancel it where it takes too long."""
    if task is None:
        return
    _, running = await asyncio.wait({task}, timeout=STOP_S)
    for late in running:
        late.cancel()
        await asyncio.wait({late})
    if not task.cancelled() and (fault := task.exception()) is not None:
        telemetry.logger("consumers").warning("ended_with", reason=str(fault))
