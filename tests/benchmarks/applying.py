"""Apply a filled log to an empty store with the real worker, and hold the outcome to account.

What a job did is not believed: the positions, the state of every payment, the number of transitions
and of notices, and the duplicates found must be what the stories say, or the answer lists what is
wrong.
"""

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from prometheus_client import CollectorRegistry

from consumers.apply import Applied, Applier
from consumers.lifecycle import Verdict
from consumers.metrics import WorkerFamilies, WorkerMetrics
from consumers.store.connect import connect as connect_store
from consumers.store.port import Claim, Store
from consumers.worker import Worker
from ingress import telemetry
from ingress.contract import topics
from ingress.eventlog.connect import connect as connect_log
from ingress.eventlog.port import EventLog, Partition, Record
from tests.benchmarks.done import Done, Watch, differ
from tests.benchmarks.events import BLOCK, expected

FETCH_S = 1.0
WITHIN_S = 300.0
GROUP = "bench"


@dataclass(frozen=True, slots=True)
class Apply:
    """Apply a filled log to an empty store."""

    log_url: str
    store_url: str
    environment: str
    blocks: int
    batch: int
    kind: Literal["apply"] = "apply"


@dataclass(slots=True)
class Progress:
    """How far an applier is, for whoever waits for the last record."""

    left: int
    verdicts: Counter[Verdict] = field(default_factory=Counter)
    transitions: int = 0
    over: asyncio.Event = field(default_factory=asyncio.Event)


@dataclass(frozen=True, slots=True)
class Metered(Applier):
    """The real applier, which also says how far it is."""

    progress: Progress = field(default_factory=lambda: Progress(0))

    async def apply(self, records: Sequence[Record], claims: Mapping[Partition, Claim]) -> Applied:
        """Apply a batch, and count it."""
        applied = await Applier.apply(self, records, claims)
        progress = self.progress
        progress.left -= len(records)
        progress.verdicts.update(outcome.verdict for outcome in applied.outcomes)
        progress.transitions += len(applied.transitions)
        if progress.left <= 0:
            progress.over.set()
        return applied


async def apply(job: Apply) -> Done:
    """Let the real worker apply the whole log."""
    log, store = connect_log(job.log_url), connect_store(job.store_url)
    try:
        await store.open(job.environment)
        ends = await log.ends(topics.verified(job.environment))
        records = sum(ends.values())
        worker = _worker(job, log, store, records)
        assert isinstance(worker.applier, Metered)
        progress = worker.applier.progress
        watch = Watch()
        task = asyncio.create_task(worker.run())
        async with asyncio.timeout(WITHIN_S):
            await asyncio.wait(
                {task, over := asyncio.create_task(progress.over.wait())},
                return_when=asyncio.FIRST_COMPLETED,
            )
        spent = watch.read()
        over.cancel()
        worker.stop()
        await task
        wrong = await _wrong(job, store, progress)
        wrong += differ("the positions", dict(await store.positions(GROUP)), dict(ends))
    finally:
        await store.close()
        await log.close()
    return Done(records, *spent, wrong)


def _worker(job: Apply, log: EventLog, store: Store, records: int) -> Worker:
    applier = Metered(
        store=store,
        environment=job.environment,
        group=GROUP,
        clock=telemetry.now_ms,
        progress=Progress(records),
    )
    return Worker(
        log=log,
        store=store,
        applier=applier,
        metrics=WorkerMetrics(WorkerFamilies(CollectorRegistry()), GROUP),
        clock=telemetry.now_ms,
        topic=topics.verified(job.environment),
        group=GROUP,
        owner="bench",
        batch_max=job.batch,
        wait_s=FETCH_S,
    )


async def _wrong(job: Apply, store: Store, progress: Progress) -> tuple[str, ...]:
    """Compare the store with what the stories say."""
    must = expected(job.blocks)
    payments = job.blocks * BLOCK
    counted = {(one.provider, one.state.value): one.payments for one in await store.counts()}
    versions = sum(one.version for one in await store.list_payments(payments + 1))
    exceptions = {code: n for (code, _), n in (await store.anomalies_open()).items()}
    events = sum(n for v, n in progress.verdicts.items() if v is not Verdict.DUPLICATE_DELIVERY)
    return (
        *differ("payments by provider and state", counted, dict(must.states)),
        *differ("transitions told", progress.transitions, must.transitions),
        *differ("transitions by the payments' versions", versions, must.transitions),
        *differ("notices", await store.notices_pending(), must.transitions),
        # Every event of every story moves its payment, so whatever else came was a duplicate.
        *differ("events applied", events, must.transitions),
        *differ("open exceptions", exceptions, dict(must.exceptions)),
    )
