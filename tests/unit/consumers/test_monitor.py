"""The monitor: true numbers while the worker is dead, and none at all rather than old ones."""

import math
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from consumers.apply import Applier
from consumers.buried import Buried
from consumers.metrics import COLLECTORS, MonitorMetrics
from consumers.monitor import Monitor
from consumers.state_metrics import StateMetrics
from consumers.store.cases import Anomaly, AtRisk, Resolution
from consumers.store.polls import Freeze
from consumers.store.port import Changes, DeadLetter, Store
from consumers.store.sqlite import SqliteStore
from ingress import telemetry
from ingress.contract import topics
from ingress.eventlog.embedded import EmbeddedLog
from ingress.eventlog.port import Message, Partition, Position
from tests.support.builders import envelope

ENVIRONMENT = "sandbox"
GROUP = "workers"
TOPIC = topics.verified(ENVIRONMENT)
PARTITION = Partition(TOPIC, 0)
LAG = {"group": GROUP, "topic": TOPIC, "partition": "0"}


@dataclass
class Bench:
    """A monitor over a real log and a real store, with a clock that the test holds."""

    log: EmbeddedLog
    store: Store
    monitor: Monitor
    registry: CollectorRegistry
    file: Path
    now_ms: int

    async def publish(self, *words: str) -> None:
        """Put events of one payment on the log."""
        publisher = self.log.publisher()
        await publisher.start()
        for word in words:
            sealed = envelope({}, event_key=word, event_type=f"payment.{word}")
            key, headers, value = sealed.encode()
            await publisher.publish(Message(TOPIC, key, value, headers))
        await publisher.stop()

    async def work(self) -> None:
        """Apply everything that is new, as a worker would before it dies."""
        claims = await self.store.claim_partitions(GROUP, [PARTITION], "us")
        claim = claims[PARTITION]
        records = await self.log.read(Position(PARTITION, claim.next_offset or 0), 100)
        applier = Applier(self.store, ENVIRONMENT, GROUP, lambda: self.now_ms)
        await applier.apply(records, {PARTITION: claim})

    def value(self, name: str, **labels: str) -> float | None:
        """Read one series; None where it is absent."""
        return self.registry.get_sample_value(name, labels)


@pytest.fixture(name="bench")
async def _bench(tmp_path: Path) -> AsyncIterator[Bench]:
    log = EmbeddedLog(tmp_path / "log.db")
    await log.ensure_topics({TOPIC: 1})
    store = SqliteStore(tmp_path / "store.db")
    await store.open(ENVIRONMENT)
    registry = CollectorRegistry()
    bench: Bench
    monitor = Monitor(
        log=log,
        store=store,
        reads={TOPIC: GROUP},
        metrics=MonitorMetrics(registry),
        clock=lambda: bench.now_ms,
        every_s=1.0,
        decimals={"USDT@tron": 6},
        environment=ENVIRONMENT,
        state=StateMetrics(registry, (GROUP,)),
        buried=Buried(store),
    )
    bench = Bench(log, store, monitor, registry, tmp_path / "store.db", telemetry.now_ms())
    yield bench
    await store.close()
    await log.close()


async def test_lag_grows_while_no_worker_lives(bench: Bench) -> None:
    """Records and the age of the oldest one, from the log itself: here 90 s by the clock."""
    await bench.publish("pending", "paid", "confirmed")
    bench.now_ms += 90_000
    await bench.monitor.measure()
    assert bench.value("sealgate_consumer_lag_records", **LAG) == 3
    seconds = bench.value("sealgate_consumer_lag_seconds", **LAG)
    assert seconds is not None
    assert 89 < seconds < 95


async def test_lag_rises_from_the_moment_a_worker_dies(bench: Bench) -> None:
    """In records and in seconds, and for as long as it is dead; nothing of it was ever asked."""
    await bench.publish("pending")
    await bench.work()
    found: list[tuple[float | None, float]] = []
    for word in ("paid", "confirmed"):
        await bench.publish(word)
        bench.now_ms += 60_000
        await bench.monitor.measure()
        seconds = bench.value("sealgate_consumer_lag_seconds", **LAG) or 0.0
        found.append((bench.value("sealgate_consumer_lag_records", **LAG), seconds))
    assert [records for records, _ in found] == [1, 2]
    assert found[0][1] > 50
    assert found[1][1] - found[0][1] == pytest.approx(60)
    await bench.work()
    await bench.monitor.measure()
    assert bench.value("sealgate_consumer_lag_records", **LAG) == 0


async def test_lag_is_zero_once_everything_is_applied(bench: Bench) -> None:
    """Zero, not absent: an alert must be able to end."""
    await bench.publish("pending", "paid")
    await bench.work()
    bench.now_ms += 90_000
    await bench.monitor.measure()
    assert bench.value("sealgate_consumer_lag_records", **LAG) == 0
    assert bench.value("sealgate_consumer_lag_seconds", **LAG) == 0


async def test_a_topic_made_anew_is_no_lag_of_zero(bench: Bench) -> None:
    """The group's place lies beyond the end: all that the topic has waits, and nobody reads it."""
    await bench.publish("pending", "paid", "confirmed")
    await bench.work()
    bench.log = anew = EmbeddedLog(bench.file.parent / "anew.db")
    bench.monitor = replace(bench.monitor, log=anew)
    await anew.ensure_topics({TOPIC: 1})
    await bench.publish("expired", "late")
    await bench.monitor.measure()
    await anew.close()
    assert bench.value("sealgate_consumer_lag_records", **LAG) == 2
    assert bench.value("sealgate_consumer_lag_seconds", **LAG) == float("inf")


async def test_every_topic_that_is_applied_is_measured_under_its_own_group(bench: Bench) -> None:
    """Alarms that nobody turns into exceptions are as silent as events that nobody applies."""
    alarms = topics.alarms(ENVIRONMENT)
    await bench.log.ensure_topics({alarms: 1})
    bench.monitor = replace(bench.monitor, reads={TOPIC: GROUP, alarms: "workers.alarms"})
    publisher = bench.log.publisher()
    await publisher.start()
    await publisher.publish(Message(alarms, b"key", b"value", ()))
    await publisher.stop()
    await bench.publish("pending", "paid")
    await bench.monitor.measure()
    behind = {"group": "workers.alarms", "topic": alarms, "partition": "0"}
    assert bench.value("sealgate_consumer_lag_records", **behind) == 1
    assert bench.value("sealgate_consumer_lag_records", **LAG) == 2


async def test_payments_are_counted_by_state_and_every_state_is_there(bench: Bench) -> None:
    """A rate of something that has no series yet is no zero but nothing."""
    await bench.publish("paid")
    await bench.work()
    await bench.monitor.measure()
    assert bench.value("sealgate_payments", provider="kobbopay", state="Paid") == 1
    assert bench.value("sealgate_payments", provider="kobbopay", state="Late") == 0


async def test_a_collector_that_fails_drops_its_series_and_says_so(bench: Bench) -> None:
    """An old number that looks fresh is worse than none; the others go on."""
    await bench.publish("paid")
    await bench.work()
    await bench.monitor.measure()
    at = {"provider": "kobbopay", "state": "Paid"}
    assert bench.value("sealgate_payments", **at) == 1
    await bench.store.close()
    bench.file.unlink()
    bench.file.write_bytes(b"this is no database any more" * 1000)
    await bench.monitor.measure()
    assert bench.value("sealgate_payments", **at) is None
    assert bench.value("sealgate_collector_success", collector="payments") == 0
    assert bench.value("sealgate_collector_success", collector="lag") == 0


async def test_one_failing_collector_does_not_stop_another(bench: Bench) -> None:
    """The log is gone; what the store knows is still shown."""
    await bench.publish("paid")
    await bench.work()
    nowhere = bench.file.parent / "a-directory"
    nowhere.mkdir()
    away = EmbeddedLog(nowhere)
    await replace(bench.monitor, log=away).measure()
    await away.close()
    assert bench.value("sealgate_collector_success", collector="lag") == 0
    assert bench.value("sealgate_collector_success", collector="payments") == 1
    assert bench.value("sealgate_consumer_lag_records", **LAG) is None


async def test_the_age_and_the_worth_of_the_queue_are_told(bench: Bench) -> None:
    """How many is not how bad: one item of a month is worse than ten of this morning."""
    hour_ms = 3_600_000
    money = AtRisk("USDT@tron", 2_500_000)
    raised = [
        Anomaly("LATE_FUNDS", "a", 3, "late", None, bench.now_ms - 2 * hour_ms, money),
        Anomaly("STUCK_LATE", "a", 3, "late", None, bench.now_ms - 1 * hour_ms, money),
        Anomaly("LATE_FUNDS", "b", 3, "late", None, bench.now_ms - 90 * hour_ms, money),
        Anomaly("LATE_FUNDS", "c", 3, "late", None, bench.now_ms, None),
    ]
    async with bench.store.transaction() as tx:
        await tx.save(Changes(anomalies=raised))
    await bench.monitor.measure()
    found = {
        bucket: bench.value("sealgate_exceptions_open_by_age", code="LATE_FUNDS", bucket=bucket)
        for bucket in ("<1h", "1-4h", "4-24h", "3-7d", ">30d")
    }
    assert found == {"<1h": 1, "1-4h": 1, "4-24h": 0, "3-7d": 1, ">30d": 0}
    oldest = bench.value("sealgate_exceptions_oldest_timestamp_seconds", code="LATE_FUNDS")
    assert oldest == (bench.now_ms - 90 * hour_ms) / 1000
    # Two exceptions of one payment are about one money.
    assert bench.value("sealgate_exceptions_value", asset="USDT", network="tron") == 5
    ended = [Resolution("LATE_FUNDS", "b", "accepted", bench.now_ms)]
    async with bench.store.transaction() as tx:
        await tx.save(Changes(resolved=ended))
    await bench.monitor.measure()
    assert bench.value("sealgate_exceptions_value", asset="USDT", network="tron") == 2.5
    assert bench.value("sealgate_exceptions_open_by_age", code="LATE_FUNDS", bucket="3-7d") == 0


async def _bury(bench: Bench, *words: str, value: bytes = b"") -> None:
    """Keep records as given up on, under the names of their events."""
    letters = []
    for offset, word in enumerate(words):
        key, headers, whole = envelope({}, event_key=word, event_type="payment.paid").encode()
        at = Position(PARTITION, 100 + offset)
        letters.append(DeadLetter(at, "our fault", key, value or whole, headers, bench.now_ms))
    async with bench.store.transaction() as tx:
        await tx.save(Changes(dead_letters=letters))


async def test_a_dead_letter_is_open_until_its_event_is_taken_in(bench: Bench) -> None:
    """An alarm that nobody can end is ignored: a replay, or a redelivery, must end this one."""
    await bench.monitor.measure()
    assert bench.value("sealgate_dead_letters", group=GROUP) == 0
    await _bury(bench, "paid", "confirmed")
    await bench.monitor.measure()
    assert bench.value("sealgate_dead_letters", group=GROUP) == 2
    await bench.publish("paid")
    await bench.work()
    await bench.monitor.measure()
    assert bench.value("sealgate_dead_letters", group=GROUP) == 1
    # Another monitor, or this one after its restart, comes to the same.
    bench.monitor = replace(bench.monitor, buried=Buried(bench.store))
    await bench.monitor.measure()
    assert bench.value("sealgate_dead_letters", group=GROUP) == 1


async def test_what_is_no_envelope_stays_a_dead_letter(bench: Bench) -> None:
    """Nobody can replay it: only a person who looks at it can say what it was."""
    at = Position(PARTITION, 100)
    letter = DeadLetter(at, "no envelope", b"k", b"v", (), bench.now_ms)
    async with bench.store.transaction() as tx:
        await tx.save(Changes(dead_letters=[letter]))
    for _ in range(2):
        await bench.monitor.measure()
        assert bench.value("sealgate_dead_letters", group=GROUP) == 1


async def test_the_oldest_notice_that_waits_is_told_and_none_where_none_does(
    bench: Bench,
) -> None:
    """Ten thousand that wait for a second are well, and one that waits for an hour is not."""
    name = "sealgate_notices_oldest_timestamp_seconds"
    await bench.monitor.measure()
    assert bench.value(name) is None
    began_ms = bench.now_ms
    await bench.publish("paid")
    await bench.work()
    bench.now_ms += 60_000
    await bench.publish("confirmed")
    await bench.work()
    await bench.monitor.measure()
    assert bench.value("sealgate_notices_pending") == 2
    assert bench.value(name) == began_ms / 1000
    waiting = await bench.store.pending(10)
    await bench.store.delivered([one.sequence for one in waiting[:1]])
    await bench.monitor.measure()
    assert bench.value(name) == (began_ms + 60_000) / 1000
    await bench.store.delivered([one.sequence for one in waiting[1:]])
    await bench.monitor.measure()
    assert bench.value(name) is None


async def test_payments_are_counted_by_how_long_they_wait(bench: Bench) -> None:
    """Of those that are stuck it matters whether it is since lunch or since last month."""
    hour_ms = 3_600_000
    await bench.publish("paid")
    await bench.work()
    ages = {"<1h": 0, "1-4h": hour_ms, "4-24h": 4 * hour_ms, ">30d": 30 * 24 * hour_ms}
    name, began_ms = "sealgate_payments_by_age", bench.now_ms
    for bucket, age_ms in ages.items():
        bench.now_ms = began_ms + age_ms
        await bench.monitor.measure()
        found = {one: bench.value(name, state="Paid", bucket=one) for one in ages}
        assert found == dict.fromkeys(ages, 0) | {bucket: 1}
    assert bench.value(name, state="Late", bucket="<1h") == 0
    assert bench.value(name, state="Confirmed", bucket="<1h") is None


async def test_what_the_quarantine_holds_is_counted_once_there_is_one(bench: Bench) -> None:
    """Where no edge has made it yet there is no figure, and no failure either."""
    name = "sealgate_quarantine_deliveries"
    await bench.monitor.measure()
    assert bench.value(name) is None
    assert bench.value("sealgate_collector_success", collector="quarantine") == 1
    topic = topics.quarantine(ENVIRONMENT)
    await bench.log.ensure_topics({topic: 3})
    publisher = bench.log.publisher()
    await publisher.start()
    for key in (b"one", b"two", b"three", b"four"):
        await publisher.publish(Message(topic, key, b"kept", ()))
    await publisher.stop()
    await bench.monitor.measure()
    assert bench.value(name) == 4


async def test_a_freeze_is_told_wherever_a_monitor_runs(bench: Bench) -> None:
    """Nothing expires and nothing is posted meanwhile: it must not last for being forgotten."""
    name = "sealgate_freeze_since_timestamp_seconds"
    await bench.monitor.measure()
    assert bench.value(name) is None
    word = Freeze(True, "the provider is down", "ada", "finance", "", bench.now_ms)
    async with bench.store.transaction() as tx:
        await tx.save(Changes(freezes=[word]))
    await bench.monitor.measure()
    assert bench.value(name) == bench.now_ms / 1000
    cleared = word._replace(is_on=False, at_ms=bench.now_ms + 1)
    async with bench.store.transaction() as tx:
        await tx.save(Changes(freezes=[cleared]))
    await bench.monitor.measure()
    assert bench.value(name) is None


async def test_every_collector_that_fails_drops_all_that_it_had(bench: Bench) -> None:
    """Log and store are gone: of what was measured nothing is left but that it failed."""
    await bench.log.ensure_topics({topics.quarantine(ENVIRONMENT): 1})
    await _bury(bench, "buried")
    await bench.publish("paid")
    await bench.work()
    word = Freeze(True, "the provider is down", "ada", "finance", "", bench.now_ms)
    async with bench.store.transaction() as tx:
        await tx.save(Changes(freezes=[word]))
    await bench.monitor.measure()
    assert all(_told(bench, name) for name in DROPPED)
    await bench.store.close()
    bench.file.unlink()
    bench.file.write_bytes(b"this is no database any more" * 1000)
    nowhere = bench.file.parent / "a-directory"
    nowhere.mkdir()
    away = EmbeddedLog(nowhere)
    await replace(bench.monitor, log=away).measure()
    await away.close()
    assert {name: _told(bench, name) for name in DROPPED} == {name: [] for name in DROPPED}
    pending = bench.value("sealgate_notices_pending")
    assert pending is not None
    assert math.isnan(pending)
    failed = [bench.value("sealgate_collector_success", collector=one) for one in COLLECTORS]
    assert failed == [0] * len(COLLECTORS)


DROPPED = (
    "sealgate_consumer_lag_records",
    "sealgate_consumer_lag_seconds",
    "sealgate_payments",
    "sealgate_payments_oldest_timestamp_seconds",
    "sealgate_payments_by_age",
    "sealgate_exceptions_open",
    "sealgate_exceptions_open_by_age",
    "sealgate_dead_letters",
    "sealgate_notices_oldest_timestamp_seconds",
    "sealgate_quarantine_deliveries",
    "sealgate_freeze_since_timestamp_seconds",
)


def _told(bench: Bench, name: str) -> list[float]:
    """Read all series of a metric."""
    families = bench.registry.collect()
    return [sample.value for one in families for sample in one.samples if sample.name == name]
