"""The loop: fetch, apply, advance; back off, never skip.

Records flow from the log to `apply` in batches; what decides where to read on is the store, asked
each time partitions are assigned. While a backlog is worked off, one batch is fetched ahead, during
the transaction of the one before it; it is dropped where the assignment has changed meanwhile: the
new one begins where the store says.

Three things can go wrong and each has one answer. The log or the store is away: keep the batch and
the group membership, wait, try again; nothing is skipped and nothing buried. Another member took a
partition over while our batch was open: the batch was rolled back, drop it; the new owner reads the
same records. The position is gone from the log: stop with an alarm, because reading on elsewhere
would lose events in silence.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field

from consumers.apply import Applied, Applier
from consumers.lifecycle import Verdict
from consumers.metrics import WorkerMetrics
from consumers.plan import Outcome
from consumers.store.port import Claim, Fenced, Store, StoreUnavailable
from ingress import telemetry
from ingress.eventlog.port import (
    EventLog,
    LogUnavailable,
    Partition,
    Position,
    PositionLost,
    Record,
    Subscription,
)

# Doubling from 0.1 s: an instant for a failover, never more than 5 s behind a recovery.
BACKOFF_FIRST_S = 0.1
BACKOFF_MOST_S = 5.0
# How far back a partition is compared with what was applied, and with how many dead letters.
RECOGNISED = 5
BURIED_MAX = 1000


@dataclass(slots=True)
class Backoff:
    """How long to wait before the next try; reset by the first success."""

    next_s: float = BACKOFF_FIRST_S

    def take(self) -> float:
        """Return the wait, and double the next one."""
        wait_s = self.next_s
        self.next_s = min(BACKOFF_MOST_S, wait_s * 2)
        return wait_s

    def reset(self) -> None:
        """Begin again from the shortest wait."""
        self.next_s = BACKOFF_FIRST_S


@dataclass(frozen=True, slots=True)
class Batch:
    """Records as fetched, and the number of the assignment that they were fetched under."""

    records: Sequence[Record]
    generation: int


@dataclass(slots=True)
class Worker:
    """One member of the group. `owner` names it in the store's position rows."""

    log: EventLog
    store: Store
    applier: Applier
    metrics: WorkerMetrics
    clock: telemetry.Clock
    topic: str
    group: str
    owner: str
    batch_max: int
    wait_s: float
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    member: bool = False
    stopping: bool = False
    _held: dict[Partition, Claim] = field(default_factory=dict)
    _generation: int = 0
    _backoff: Backoff = field(default_factory=Backoff)

    async def run(self) -> None:
        """Work until `stop`. Raises `PositionLost`: a human must decide where to read on."""
        while not self.stopping:
            subscription = self.log.subscription(self.topic, self.group, self._claim)
            try:
                await subscription.start()
                await self._member(subscription)
            except LogUnavailable as away:
                await self._wait("log", away)
            except StoreUnavailable as away:
                await self._wait("store", away)
            except Fenced:
                # Whoever fenced us reads on; ask for an assignment again, but not at once, or two
                # members could go on taking the partition from each other.
                await self._pause("fenced")
            finally:
                self.member = False
                await subscription.stop()

    def stop(self) -> None:
        """Finish the batch in hand, then leave the group."""
        self.stopping = True

    async def _member(self, subscription: Subscription) -> None:
        """Fetch and apply while we are a member. Raises `Fenced` and what the log raises."""
        ahead: asyncio.Task[Batch] | None = None
        try:
            while not self.stopping:
                batch = await (ahead or self._fetch(subscription))
                ahead = None
                self.member = True
                if not batch.records:
                    continue
                if len(batch.records) >= self.batch_max:
                    ahead = asyncio.create_task(self._fetch(subscription))
                await self._apply_until_done(batch)
                await subscription.advise(self._positions())
        finally:
            await _drop(ahead)

    async def _fetch(self, subscription: Subscription) -> "Batch":
        """Fetch the next batch. Raises what the log raises, and the store where it is asked."""
        self.metrics.last_poll.set(self.clock() / 1000)
        records = await subscription.fetch(self.batch_max, self.wait_s)
        # Only a fetch claims an assignment, so this is the one that these records belong to.
        return Batch(records, self._generation)

    async def _claim(self, partitions: frozenset[Partition]) -> Mapping[Partition, int]:
        """Take the assigned partitions over and say where to read on.

        A batch fetched under the assignment before this one is fenced by it.
        """
        claims = await self.store.claim_partitions(self.group, partitions, self.owner)
        for partition, claim in claims.items():
            if claim.next_offset:
                await self._recognise(Position(partition, claim.next_offset))
        self._generation += 1
        self._held = dict(claims)
        self.metrics.claims.inc(len(claims))
        telemetry.logger("worker").info(
            "partitions_claimed",
            partitions=sorted(partition.number for partition in claims),
            owner=self.owner,
        )
        known = {p: claim.next_offset for p, claim in claims.items()}
        return {p: offset for p, offset in known.items() if offset is not None}

    async def _recognise(self, position: Position) -> None:
        """Make sure that what lies before `position` is what was applied. Raises `PositionLost`.

        A log that was made anew counts from zero again: once it has grown past our position, the
        offsets fit and the records between are not ours. Any one of the last few that we know says
        that it is the same log; so does retention that has passed them all.
        """
        partition, offset = position
        first = max(0, offset - RECOGNISED, (await self.log.begins(partition.topic))[partition])
        if first == offset:
            return
        before = await self.log.read(Position(partition, first), offset - first)
        if not before:
            return
        buried = {letter.position for letter in await self.store.dead_letters(BURIED_MAX)}
        for record in before:
            if record.position in buried or await self.applier.is_known(record):
                return
        raise PositionLost(
            f"{partition.topic} partition {partition.number}: none of the records before offset"
            f" {offset} was ever applied here, so the topic was made anew; decide whether to read"
            " it from its beginning (another consumer.group) or to restore the old one"
        )

    async def _apply_until_done(self, batch: "Batch") -> None:
        """Apply a batch, however long the store is away. Raises `Fenced` if it was taken over.

        Not one of an assignment before this one: to move the position from where the claim begins
        to behind such a batch would be to skip what lies between.
        """
        while not self.stopping and batch.generation == self._generation:
            try:
                await self._apply(batch.records)
                return
            except StoreUnavailable as away:
                await self._wait("store", away)
            except Fenced:
                self.metrics.fenced.inc()
                if batch.generation == self._generation:
                    raise
                # A newer assignment reached us meanwhile: the subscription already reads from the
                # positions it claimed, and this batch belongs to the one before.
                return

    async def _apply(self, records: Sequence[Record]) -> None:
        held = self._held
        fresh = [r for r in records if _is_ours(r, held)]
        if not fresh:
            return
        with self.metrics.batch_duration.time():
            applied = await self.applier.apply(fresh, held)
        for record in fresh:
            partition, offset = record.position
            held[partition] = Claim(held[partition].epoch, offset + 1)
        self._backoff.reset()
        self._count(applied)

    def _count(self, applied: Applied) -> None:
        """Count a committed batch."""
        for verdict, count in Counter(o.verdict for o in applied.outcomes).items():
            self.metrics.records[verdict].inc(count)
        for move, count in Counter((t.before, t.after) for t in applied.transitions).items():
            self.metrics.transitions[move].inc(count)
        for passage in applied.passages:
            lasted_s = max(0, passage.lasted_ms) / 1000
            self.metrics.lasted[passage.before, passage.after].observe(lasted_s)
            if passage.repeats:
                self.metrics.suppressed.inc()
        now_ms = self.clock()
        log = telemetry.logger("worker")
        for outcome in applied.outcomes:
            accepted_ms = outcome.accepted_ms
            if accepted_ms is not None:
                self.metrics.end_to_end.observe(max(0, now_ms - accepted_ms) / 1000)
            detected_ms = outcome.detected_ms
            if detected_ms is not None:
                self.metrics.detection.observe(detected_ms / 1000)
            say = log.warning if outcome.verdict is Verdict.BURIED else log.info
            say("envelope_handled", **_facts(outcome))

    def _positions(self) -> list[Position]:
        return [
            Position(partition, claim.next_offset)
            for partition, claim in self._held.items()
            if claim.next_offset is not None
        ]

    async def _wait(self, of: str, away: Exception) -> None:
        self.metrics.retries[of].inc()
        wait_s = self._backoff.take()
        telemetry.logger("worker").warning(f"{of}_unavailable", reason=str(away), retry_in_s=wait_s)
        await self.sleep(wait_s)

    async def _pause(self, why: str) -> None:
        wait_s = self._backoff.take()
        telemetry.logger("worker").warning(why, owner=self.owner, retry_in_s=wait_s)
        await self.sleep(wait_s)


def _facts(outcome: Outcome) -> dict[str, object]:
    """Collect the canonical log line of an envelope: what came of it, and never what was in it."""
    partition, offset = outcome.position
    facts: dict[str, object] = {
        "verdict": outcome.verdict.value,
        "partition": partition.number,
        "offset": offset,
    }
    if outcome.reason:
        facts["reason"] = outcome.reason
    if outcome.state is not None:
        facts["state"] = outcome.state.value
    if outcome.envelope is not None:
        facts["provider"] = outcome.envelope.provider
        facts["account"] = outcome.envelope.account
        facts["event_key"] = outcome.envelope.event_key
        facts["event_type"] = outcome.envelope.event_type
        facts["payment_ref"] = outcome.envelope.payment_ref
        facts["correlation_id"] = outcome.envelope.correlation_id
        facts["trace_id"] = outcome.envelope.traceparent[3:35]
    return facts


async def _drop(ahead: "asyncio.Task[Batch] | None") -> None:
    """End a fetch that nobody waits for any more; what it got or met is of no interest."""
    if ahead is not None:
        ahead.cancel()
        await asyncio.wait({ahead})
        if not ahead.cancelled():
            ahead.exception()


def _is_ours(record: Record, held: Mapping[Partition, Claim]) -> bool:
    """Say whether the record is still to be applied, and by us."""
    claim = held.get(record.position.partition)
    if claim is None:
        return False
    return claim.next_offset is None or record.position.offset >= claim.next_offset
