"""The monitor: true numbers while the worker is dead, and none at all rather than old ones."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from consumers.apply import Applier
from consumers.metrics import MonitorMetrics
from consumers.monitor import Monitor
from consumers.store.cases import Anomaly, AtRisk, Resolution
from consumers.store.port import Changes, Claim, Store
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
        """Apply everything, once, as a worker would before it dies."""
        claims = await self.store.claim_partitions(GROUP, [PARTITION], "us")
        records = await self.log.read(Position(PARTITION, 0), 100)
        applier = Applier(self.store, ENVIRONMENT, GROUP, lambda: self.now_ms)
        await applier.apply(records, {PARTITION: Claim(claims[PARTITION].epoch, None)})

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
