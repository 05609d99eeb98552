"""The doctor beside real workers: that nobody works is told, and only where nobody does."""

import asyncio
import io
import json
import time
from pathlib import Path

import pytest

from ingress.contract import topics
from ingress.eventlog.port import Message
from sealgate.doctor.command import Asked, doctor
from tests.support import processes
from tests.support.processes import Stack


@pytest.fixture(params=["embedded", pytest.param("kafka", marks=pytest.mark.kafka)], name="stack")
def _stack(request: pytest.FixtureRequest, tmp_path: Path) -> Stack:
    url = f"embedded://{tmp_path}/log.db"
    if request.param == "kafka":
        bootstrap = request.getfixturevalue("kafka_bootstrap")
        url = f"kafka://{bootstrap}?replication_factor=1"
    return Stack(tmp_path, url, f"sqlite://{tmp_path}/store.db")


def _ask(config: Path) -> tuple[int, list[tuple[str, str]]]:
    out = io.StringIO()
    code = doctor(Asked(config, json=True), {}, time.time_ns() // 1_000_000, out)
    findings = json.loads(out.getvalue())["findings"]
    meant = [one for one in findings if one["subject"] == "log.accepts_unsafe_topics"]
    assert [one["level"] for one in meant] == ["ok"] * ("kafka://" in config.read_text())
    return code, [(one["level"], one["told"]) for one in findings if one["subject"] == "worker"]


async def _publish(stack: Stack) -> None:
    log = stack.log()
    publisher = log.publisher(deadline_s=10.0)
    await publisher.start()
    await publisher.publish(Message(topics.verified(stack.environment), b"k", b"{}"))
    await publisher.stop()
    await log.close()


def test_dead_workers_are_told_though_the_records_are_young(stack: Stack) -> None:
    """A minute after the last worker died nothing is old yet, and goods already wait."""
    config = stack.write(consumer={"group": f"books-{stack.environment}"})
    worker = processes.start(config, "consume").wait_started().wait_ready()
    code, found = _ask(config)
    assert (code, [level for level, _ in found]) == (0, ["ok", "ok"])
    assert worker.terminate() == 0
    code, found = _ask(config)
    assert (code, [level for level, _ in found]) == (0, ["warn", "warn"]), "nothing waits for them"
    asyncio.run(_publish(stack))
    code, found = _ask(config)
    assert (code, [level for level, _ in found]) == (3, ["fail", "warn"])
    assert found[0][1].startswith(f"nobody is in the group books-{stack.environment}, and 1 record")
    worker = processes.start(config, "consume").wait_started().wait_ready()
    code, found = _ask(config)
    assert (code, [level for level, _ in found]) == (0, ["ok", "ok"]), (
        "whoever looked keeps none out"
    )
    assert worker.terminate() == 0
