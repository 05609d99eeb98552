"""The loop, over a real embedded log and a real SQLite store: what it does when others fail."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import apsw
import pytest
from prometheus_client import CollectorRegistry

from consumers.apply import Applied, Applier
from consumers.lifecycle import State, Verdict
from consumers.metrics import WorkerFamilies, WorkerMetrics
from consumers.store.port import Claim, PaymentKey, Store
from consumers.store.sqlite import SqliteStore
from consumers.worker import Backoff, Worker
from ingress import telemetry
from ingress.contract import topics
from ingress.contract.alarm import Alarm
from ingress.eventlog.embedded import EmbeddedLog
from ingress.eventlog.port import (
    Message,
    Partition,
    Position,
    PositionLost,
    Positions,
    Publisher,
    Record,
    Subscription,
)
from tests.support.builders import envelope

ENVIRONMENT = "sandbox"
GROUP = "workers"
TOPIC = topics.verified(ENVIRONMENT)
PARTITION = Partition(TOPIC, 0)


@dataclass
class Bench:
    """A worker with everything around it real."""

    log: EmbeddedLog
    publisher: Publisher
    store: Store
    worker: Worker
    file: Path
    registry: CollectorRegistry

    async def publish(self, payment: str, word: str) -> None:
        """Put one event on the log."""
        sealed = envelope(
            {"payment_id": payment, "word": word, "amount": "10.00", "currency": "EUR"},
            event_key=f"{payment}-{word}",
            event_type=f"payment.{word}",
            payment_ref=payment,
        )
        key, headers, value = sealed.encode()
        await self.publisher.publish(Message(TOPIC, key, value, headers))

    async def state(self, payment: str) -> State | None:
        """Read a payment's state."""
        found = await self.store.payment(PaymentKey("kobbopay", "main", payment))
        return None if found is None else found.state

    async def until(self, payment: str, state: State) -> None:
        """Wait until a payment is in a state."""
        async with asyncio.timeout(20):
            while await self.state(payment) is not state:
                await asyncio.sleep(0.01)


@pytest.fixture(name="bench")
async def _bench(tmp_path: Path) -> AsyncIterator[Bench]:
    log = EmbeddedLog(tmp_path / "log.db")
    await log.ensure_topics({TOPIC: 1})
    publisher = log.publisher()
    await publisher.start()
    store = SqliteStore(tmp_path / "store.db")
    await store.open(ENVIRONMENT)
    registry = CollectorRegistry()
    worker = Worker(
        log=log,
        store=store,
        applier=Applier(store, ENVIRONMENT, GROUP, telemetry.now_ms),
        metrics=WorkerMetrics(WorkerFamilies(registry), GROUP),
        clock=telemetry.now_ms,
        topic=TOPIC,
        group=GROUP,
        owner="us",
        batch_max=100,
        wait_s=0.05,
    )
    bench = Bench(log, publisher, store, worker, tmp_path / "store.db", registry)
    yield bench
    await bench.publisher.stop()
    await store.close()
    await bench.log.close()


async def _stop(bench: Bench, task: "asyncio.Task[None]") -> None:
    bench.worker.stop()
    async with asyncio.timeout(20):
        await task


async def test_a_worker_applies_what_is_on_the_log_and_reads_on_from_there(bench: Bench) -> None:
    """The next worker asks the store where to begin, and repeats nothing."""
    await bench.publish("p1", "pending")
    task = asyncio.create_task(bench.worker.run())
    await bench.until("p1", State.PENDING)
    await _stop(bench, task)
    assert dict(await bench.store.positions(GROUP)) == {PARTITION: 1}
    await bench.publish("p1", "confirmed")
    bench.worker.stopping = False
    task = asyncio.create_task(bench.worker.run())
    await bench.until("p1", State.CONFIRMED)
    await _stop(bench, task)
    assert bench.worker.metrics.records[Verdict.APPLIED]._value.get() == 2
    assert bench.worker.metrics.records[Verdict.DUPLICATE_DELIVERY]._value.get() == 0


async def test_a_worker_that_was_taken_over_drops_its_batch_and_begins_anew(bench: Bench) -> None:
    """Two members may believe they hold a partition: the store lets only the later one write."""
    task = asyncio.create_task(bench.worker.run())
    await bench.publish("p1", "pending")
    await bench.until("p1", State.PENDING)
    await bench.store.claim_partitions(GROUP, [PARTITION], "another")
    await bench.publish("p2", "pending")
    await bench.until("p2", State.PENDING)
    await _stop(bench, task)
    assert bench.worker.metrics.fenced._value.get() == 1
    assert dict(await bench.store.positions(GROUP)) == {PARTITION: 2}


async def test_a_store_that_is_busy_is_waited_for_and_nothing_is_skipped(bench: Bench) -> None:
    """Neither buried nor lost: the batch is kept, and applied when the database is there again."""
    waited: list[float] = []

    async def count(wait_s: float) -> None:
        waited.append(wait_s)
        if waited:
            blocker.execute("rollback")

    bench.worker.sleep = count
    task = asyncio.create_task(bench.worker.run())
    await bench.publish("p1", "pending")
    await bench.until("p1", State.PENDING)
    blocker = apsw.Connection(str(bench.file))
    blocker.execute("begin immediate")
    await bench.publish("p2", "pending")
    await bench.until("p2", State.PENDING)
    await _stop(bench, task)
    blocker.close()
    assert waited == [0.1]
    assert bench.worker.metrics.retries["store"]._value.get() == 1
    assert await bench.store.dead_letters(10) == []


async def test_a_position_that_the_log_no_longer_has_stops_the_worker(bench: Bench) -> None:
    """To read on elsewhere would skip events in silence; a human must decide."""
    for payment in ("p1", "p2", "p3"):
        await bench.publish(payment, "pending")
    task = asyncio.create_task(bench.worker.run())
    await bench.until("p3", State.PENDING)
    await _stop(bench, task)
    for payment in ("p4", "p5"):
        await bench.publish(payment, "pending")
    await bench.log.trim(Position(PARTITION, 5))
    bench.worker.stopping = False
    with pytest.raises(PositionLost):
        async with asyncio.timeout(20):
            await bench.worker.run()
    assert await bench.state("p4") is None


async def test_a_log_that_was_made_anew_stops_the_worker_although_its_offsets_fit(
    bench: Bench, tmp_path: Path
) -> None:
    """The events before our position were acknowledged, and none of them was ever applied."""
    for payment in ("p1", "p2"):
        await bench.publish(payment, "pending")
    task = asyncio.create_task(bench.worker.run())
    await bench.until("p2", State.PENDING)
    await _stop(bench, task)
    await bench.publisher.stop()
    await bench.log.close()
    anew = EmbeddedLog(tmp_path / "anew.db")
    await anew.ensure_topics({TOPIC: 1})
    bench.log, bench.worker.log, bench.publisher = anew, anew, anew.publisher()
    await bench.publisher.start()
    for payment in ("p3", "p4", "p5"):
        await bench.publish(payment, "pending")
    bench.worker.stopping = False
    with pytest.raises(PositionLost, match="made anew"):
        async with asyncio.timeout(20):
            await bench.worker.run()
    assert await bench.state("p5") is None


async def test_a_record_that_is_no_envelope_does_not_hold_up_its_neighbours(bench: Bench) -> None:
    """Poison is buried with its bytes; the partition goes on."""
    await bench.publish("p1", "pending")
    await bench.publisher.publish(Message(TOPIC, b"key", b"\xffpoison", ()))
    await bench.publish("p2", "pending")
    task = asyncio.create_task(bench.worker.run())
    await bench.until("p2", State.PENDING)
    await _stop(bench, task)
    (letter,) = await bench.store.dead_letters(10)
    assert (letter.value, letter.position) == (b"\xffpoison", Position(PARTITION, 1))


async def test_a_worker_of_the_alarms_reads_on_where_it_was(bench: Bench) -> None:
    """Alarms claim no event, so there is nothing to recognise them by: that must not stop it."""
    alarms = topics.alarms(ENVIRONMENT)
    await bench.log.ensure_topics({alarms: 1})
    bench.worker.topic = alarms
    for number in range(2):
        told = Alarm(
            f"a{number}", "ENV_MISMATCH", f"shop-{number}", "x", "urn:shop", ENVIRONMENT, "c", 5
        )
        key, headers, value = told.encode()
        await bench.publisher.publish(Message(alarms, key, value, headers))
        bench.worker.stopping = False
        task = asyncio.create_task(bench.worker.run())
        async with asyncio.timeout(20):
            while len(await bench.store.list_anomalies(9)) <= number:
                await asyncio.sleep(0.01)
        await _stop(bench, task)
    assert dict(await bench.store.positions(GROUP)) == {Partition(alarms, 0): 2}
    assert bench.worker.metrics.records[Verdict.ALARM_RAISED]._value.get() == 2


class Reassigning:
    """A member that is given its partition anew when the test says so; it counts its fetches."""

    def __init__(self, inner: Subscription, positions: Positions) -> None:
        self._inner, self._positions = inner, positions
        self.begun = self.ended = 0
        self.start, self.seek = inner.start, inner.seek
        self.advise, self.stop = inner.advise, inner.stop

    async def fetch(self, records_max: int, wait_s: float) -> Sequence[Record]:
        """Fetch, and count."""
        self.begun += 1
        records = await self._inner.fetch(records_max, wait_s)
        self.ended += 1
        return records

    async def reassign(self) -> None:
        """Claim the partition again, and read on from where the store says."""
        known = await self._positions(frozenset({PARTITION}))
        await self._inner.seek(Position(PARTITION, known[PARTITION]))


class ReassigningLog(EmbeddedLog):
    """A log whose one member is assigned anew when the test says so."""

    member: Reassigning

    def subscription(self, topic: str, group: str, positions: Positions) -> Subscription:
        """Make the member."""
        self.member = Reassigning(super().subscription(topic, group, positions), positions)
        return self.member


@dataclass(frozen=True, slots=True)
class Held(Applier):
    """The real applier, held up before its second batch until the gate is opened."""

    gate: asyncio.Event = field(default_factory=asyncio.Event)
    batches: list[list[int]] = field(default_factory=list)

    async def apply(self, records: Sequence[Record], claims: Mapping[Partition, Claim]) -> Applied:
        """Note the offsets of the batch; wait at the gate, if it is the second; apply."""
        self.batches.append([record.position.offset for record in records])
        if len(self.batches) == 2:
            await self.gate.wait()
        return await Applier.apply(self, records, claims)


async def test_a_batch_fetched_ahead_is_dropped_when_the_partition_is_claimed_anew(
    bench: Bench, tmp_path: Path
) -> None:
    """Its position would be moved from where the new claim begins, over what lies between."""
    for number in range(8):
        await bench.publish(f"p{number}", "pending")
    log = ReassigningLog(tmp_path / "log.db")
    held = Held(bench.store, ENVIRONMENT, GROUP, telemetry.now_ms)
    bench.worker.log, bench.worker.applier, bench.worker.batch_max = log, held, 2
    task = asyncio.create_task(bench.worker.run())
    async with asyncio.timeout(20):
        while not (len(held.batches) == 2 and log.member.ended == 3):
            await asyncio.sleep(0.01)
    await asyncio.sleep(0.1)
    # One in hand, which is the second, and one ahead of it.
    assert log.member.begun == 3
    await log.member.reassign()
    held.gate.set()
    await bench.until("p7", State.PENDING)
    await _stop(bench, task)
    await log.close()
    assert held.batches == [[0, 1], [2, 3], [2, 3], [4, 5], [6, 7]]
    assert dict(await bench.store.positions(GROUP)) == {PARTITION: 8}
    assert [await bench.state(f"p{number}") for number in range(8)] == [State.PENDING] * 8
    assert bench.worker.metrics.fenced._value.get() == 1


def test_waiting_doubles_up_to_its_limit_and_begins_anew_after_a_success() -> None:
    """An instant for a failover, and never more than five seconds behind a recovery."""
    backoff = Backoff()
    assert [backoff.take() for _ in range(8)] == [0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0]
    backoff.reset()
    assert backoff.take() == 0.1


def _sample(bench: Bench, name: str, **labels: str) -> float | None:
    return bench.registry.get_sample_value(name, labels)


async def test_how_long_a_payment_was_in_a_state_is_measured_when_it_leaves(bench: Bench) -> None:
    """By our own clock: a payment that is new was nowhere, and has no duration."""
    now_ms = 1_800_000_000_000
    bench.worker.applier = replace(bench.worker.applier, clock=lambda: now_ms)
    await bench.publish("p1", "pending")
    task = asyncio.create_task(bench.worker.run())
    await bench.until("p1", State.PENDING)
    name = "sealgate_payment_transition_seconds"
    moved = {"before": "Pending", "after": "Confirmed"}
    assert _sample(bench, f"{name}_count", **moved) == 0
    now_ms += 90_000
    await bench.publish("p1", "confirmed")
    await bench.until("p1", State.CONFIRMED)
    await _stop(bench, task)
    assert _sample(bench, f"{name}_count", **moved) == 1
    assert _sample(bench, f"{name}_sum", **moved) == 90
    assert _sample(bench, f"{name}_bucket", le="60.0", **moved) == 0
    assert _sample(bench, f"{name}_bucket", le="600.0", **moved) == 1


async def test_how_late_we_learn_of_an_event_is_measured_once_and_only_where_it_is_told(
    bench: Bench,
) -> None:
    """A redelivery is no news; and where no instant is told, receipt stands in and proves none."""
    told = envelope({}, event_key="told", event_type="payment.pending", payment_ref="p1")
    told = replace(told, occurred_ms=told.received_ms - 7_000, untold=False)
    silent = envelope({}, event_key="untold", event_type="payment.pending", payment_ref="p2")
    silent = replace(silent, occurred_ms=silent.received_ms, untold=True)
    for sealed in (told, told, silent):
        key, headers, value = sealed.encode()
        await bench.publisher.publish(Message(TOPIC, key, value, headers))
    await bench.publish("p3", "pending")
    task = asyncio.create_task(bench.worker.run())
    await bench.until("p3", State.PENDING)
    await _stop(bench, task)
    name = "sealgate_event_detection_seconds"
    counts = [_sample(bench, f"{name}_bucket", le=le, group=GROUP) for le in ("10.0", "+Inf")]
    assert counts == [2, 2]
    # The builder's own events are a quarter of a second old at their receipt.
    assert _sample(bench, f"{name}_sum", group=GROUP) == pytest.approx(7 + 0.25)


async def test_what_is_taken_out_of_the_quarantine_was_not_applied_late(bench: Bench) -> None:
    """It waited for people to mend a key, and the promise of freshness is about the consumers."""
    now_ms = 1_800_000_000_000
    bench.worker.clock = lambda: now_ms
    for number, late_ms in enumerate([None, now_ms - 2_000]):
        name = f"p{number}"
        sealed = envelope({}, event_key=name, event_type="payment.pending", payment_ref=name)
        sealed = replace(sealed, received_ms=now_ms - 3_600_000, late_ms=late_ms)
        key, headers, value = sealed.encode()
        await bench.publisher.publish(Message(TOPIC, key, value, headers))
    task = asyncio.create_task(bench.worker.run())
    await bench.until("p1", State.PENDING)
    await _stop(bench, task)
    name = "sealgate_consumer_end_to_end_seconds"
    counts = [_sample(bench, f"{name}_bucket", le=le, group=GROUP) for le in ("10.0", "+Inf")]
    assert counts == [1, 2], "what was refused first, and what was accepted an hour ago"
