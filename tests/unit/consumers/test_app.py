"""The consumers as parts of a process, over a real embedded log and a real SQLite store."""

import asyncio
import io
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from consumers import app as app_module
from consumers.app import STOP_S, Parts, WorkerApp, prepared
from consumers.lifecycle import State
from consumers.settings import ConsumerSettings
from consumers.store.port import PaymentKey
from consumers.store.sqlite import SqliteStore
from ingress import telemetry
from ingress.contract import topics
from ingress.contract.alarm import Alarm
from ingress.contract.envelope import Envelope, Mode
from ingress.eventlog import connect as log_connect
from ingress.eventlog.embedded import EmbeddedLog
from ingress.eventlog.port import Message, Position
from tests.support.builders import envelope

ROOT = Path(__file__).parents[3]
ENVIRONMENT = "sandbox"
PAYMENT = PaymentKey("kobbopay", "main", "pay_1")


def _pass(_: str) -> None:
    """Go on past every crash point."""


@pytest.fixture(name="parts")
async def _parts(tmp_path: Path) -> AsyncIterator[Parts]:
    store, log = SqliteStore(tmp_path / "store.db"), EmbeddedLog(tmp_path / "log.db")
    parts = Parts(
        environment=ENVIRONMENT,
        settings=ConsumerSettings(wait_s=0.05),
        log=log,
        store=store,
        partitions=1,
        registry=CollectorRegistry(),
        clock=telemetry.now_ms,
        owner="us",
        checkpoint=_pass,
        mode=Mode.TEST,
    )
    await prepared(parts)
    yield parts
    await store.close()
    await log.close()


async def test_a_worker_whose_log_is_away_says_so_once_and_ends_at_once(
    parts: Parts, lines: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A line a second for hours fills a disk; and who waits for nothing needs no time to end."""
    monkeypatch.setattr(app_module, "RETRY_S", 0.01)
    away = log_connect.connect("kafka://127.0.0.1:1?replication_factor=1")
    app = WorkerApp(replace(parts, log=away, registry=CollectorRegistry()))
    app.start()
    await asyncio.sleep(1.0)
    async with asyncio.timeout(0.8 * STOP_S):
        await app.stop()
    await away.close()
    said = [json.loads(line) for line in lines.getvalue().splitlines()]
    assert [line["event"] for line in said].count("not_yet_there") == 1


async def _publish(parts: Parts, *said: Envelope | Alarm) -> None:
    publisher = parts.log.publisher()
    await publisher.start()
    for one in said:
        key, headers, value = one.encode()
        is_alarm = isinstance(one, Alarm)
        topic = topics.alarms(ENVIRONMENT) if is_alarm else topics.verified(ENVIRONMENT)
        await publisher.publish(Message(topic, key, value, headers))
    await publisher.stop()


ALARM = Alarm(
    "a-1", "KEY_EXPOSURE_UNCORROBORATED", "shop", "x", "urn:shop", ENVIRONMENT, "c", 1_000
)


async def _until_open(parts: Parts, codes: set[str]) -> None:
    async with asyncio.timeout(20):
        while {code for code, _ in await parts.store.anomalies_open()} != codes:
            await asyncio.sleep(0.01)


async def test_the_worker_applies_events_and_alarms(parts: Parts) -> None:
    """One role, two topics: an alarm is worked without anybody starting anything more."""
    app = WorkerApp(parts)
    app.start()
    await _publish(parts, ALARM, envelope({}, event_type="payment.paid"))
    await _publish(parts, envelope({}, event_key="leak", mode=Mode.LIVE))
    await _until_open(parts, {"KEY_EXPOSURE_UNCORROBORATED", "ENV_MISMATCH"})
    async with asyncio.timeout(20):
        while await parts.store.payment(PAYMENT) is None:
            await asyncio.sleep(0.01)
    assert app.ready() == (("worker is a member of its group", True),)
    await app.stop()
    payment = await parts.store.payment(PAYMENT)
    assert payment is not None
    assert payment.state is State.PAID
    positions = {
        partition.topic: offset
        for group in parts.reads.values()
        for partition, offset in (await parts.store.positions(group)).items()
    }
    assert positions == {topics.verified(ENVIRONMENT): 2, topics.alarms(ENVIRONMENT): 1}


async def _halted(parts: Parts) -> WorkerApp:
    """Return the workers where retention has passed the events' group, and not the alarms'."""
    first = WorkerApp(parts)
    first.start()
    await _publish(parts, *(envelope({}, event_key=name) for name in "abc"))
    async with asyncio.timeout(20):
        while set((await parts.store.positions(parts.settings.group)).values()) != {3}:
            await asyncio.sleep(0.01)
    await first.stop()
    await _publish(parts, *(envelope({}, event_key=name) for name in "defg"))
    [partition] = await parts.log.ends(topics.verified(ENVIRONMENT))
    assert isinstance(parts.log, EmbeddedLog)
    await parts.log.trim(Position(partition, 6))
    second = WorkerApp(replace(parts, registry=CollectorRegistry()))
    second.start()
    async with asyncio.timeout(20):
        while len(second.ready()) == 1:
            await asyncio.sleep(0.01)
    return second


async def test_of_two_workers_the_one_that_cannot_go_on_says_why(
    parts: Parts, lines: io.StringIO
) -> None:
    """A human reads the reason, not that there was a group of them; and where to read on."""
    app = await _halted(parts)
    await app.stop()
    group = parts.settings.group
    assert app.ready() == (
        ("worker is a member of its group", False),
        (f"the log has the place of {group}: docs/runbooks/position-lost.md", False),
    )
    telemetry.flush()
    told = [json.loads(line) for line in lines.getvalue().splitlines()]
    [said] = [line for line in told if line["event"] == "worker_halted"]
    assert (said["level"], said["group"]) == ("error", group)
    assert "3" in said["reason"]
    assert (ROOT / said["runbook"]).exists()


async def test_a_halted_worker_skips_nothing_and_neither_ends_nor_begins_again(
    parts: Parts,
) -> None:
    """A process that ended would be started again for ever; one that reset would lose events."""
    app = await _halted(parts)
    await _publish(parts, ALARM)
    await _until_open(parts, {"KEY_EXPOSURE_UNCORROBORATED"})
    assert app.task is not None
    assert not app.task.done()
    assert set((await parts.store.positions(parts.settings.group)).values()) == {3}
    began_s = asyncio.get_running_loop().time()
    await app.stop()
    assert app.task.done()
    assert asyncio.get_running_loop().time() - began_s < STOP_S
