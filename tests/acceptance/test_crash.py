"""Killed between any two steps: nothing is lost, nothing is doubled, nobody repairs anything.

A provider delivers the events of several payments, again and again until each got its 2xx, while
the process dies at a named step, three times over, and then lives. What must be there in the end is
known by hand: three transitions a payment, in order, each told at least once and under one id.
"""

import asyncio
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from consumers.lifecycle import State
from tests.support import processes
from tests.support.processes import CRASHED, Running, Stack

STEPS = (
    "apply.begun",
    "apply.advanced",
    "apply.claimed",
    "apply.saved",
    "apply.committed",
    "relay.published",
    "relay.marked",
)
PAYMENTS = ("inv-1", "inv-2", "inv-3", "inv-4")
CRASHES = 3


@pytest.fixture(name="embedded")
def _embedded(tmp_path: Path) -> Stack:
    return Stack(tmp_path, f"embedded://{tmp_path / 'log.db'}", f"sqlite://{tmp_path / 'store.db'}")


@pytest.fixture(name="real")
def _real(tmp_path: Path, kafka_bootstrap: str, postgres_url: str) -> Stack:
    return Stack(tmp_path, f"kafka://{kafka_bootstrap}?replication_factor=1", postgres_url)


def _deliver(url: str, bodies: Sequence[bytes]) -> list[bytes]:
    """Deliver each body once, some twice; return those that got no 2xx."""
    left = [body for body in bodies if processes.post(url, body) // 100 != 2]
    for body in bodies[::3]:
        processes.post(url, body)
    return left


async def _has_ended_right(stack: Stack) -> bool:
    """Check the end: every payment confirmed by three moves, every move told under one id."""
    store, log = stack.store(), stack.log()
    try:
        await store.open(stack.environment)
        told = processes.notice_ids(await processes.notices(log, stack.environment))
        expected = {f"btcpay/shop/{p}/{version}" for p in PAYMENTS for version in (1, 2, 3)}
        moved = [
            [(t.version, t.after) for t in await processes.history(store, payment)]
            for payment in PAYMENTS
        ]
        whole = [(1, State.PENDING), (2, State.PAID), (3, State.CONFIRMED)]
        assert set(told) <= expected, "a notice that nothing justifies"
        assert all(len(moves) <= 3 for moves in moved), "a transition too many"
        return set(told) == expected and moved == [whole] * len(PAYMENTS)
    finally:
        await store.close()
        await log.close()


async def _ends_right(stack: Stack) -> bool:
    deadline = time.monotonic() + processes.WAIT_S
    while time.monotonic() < deadline:
        if await _has_ended_right(stack):
            return True
        await asyncio.sleep(0.1)
    return False


def _bodies() -> list[bytes]:
    return [body for payment in PAYMENTS for body in processes.story(payment)]


def _deliver_until_it_crashes(running: Running, bodies: list[bytes]) -> list[bytes]:
    """Deliver one event after the other until the process is dead; return those without a 2xx."""
    left = list(bodies)
    deadline = time.monotonic() + processes.WAIT_S
    while running.process.poll() is None:
        assert time.monotonic() < deadline, "it did not crash"
        if left and processes.post(running.edge_url, left[0]) // 100 == 2:
            left.pop(0)
        time.sleep(0.1)
    assert running.wait() == CRASHED
    return left


@pytest.mark.slow
@pytest.mark.parametrize("step", STEPS)
async def test_a_crash_of_the_whole_process_loses_and_doubles_nothing(
    embedded: Stack, step: str
) -> None:
    """On one machine edge, worker and relay die together; the disk alone remembers."""
    config = embedded.write()
    left = _bodies()
    for _ in range(CRASHES):
        running = processes.start(config, "up", environ={"SEALGATE_CRASH_AT": step})
        left = _deliver_until_it_crashes(running.wait_started(), left)
    running = processes.start(config, "up").wait_started().wait_ready()
    while left:
        left = _deliver(running.edge_url, left)
    assert await _ends_right(embedded)
    assert running.terminate() == 0


@pytest.mark.slow
@pytest.mark.kafka
@pytest.mark.postgres
async def test_crashes_of_consumers_lose_and_double_nothing(real: Stack) -> None:
    """On Kafka and PostgreSQL the edge lives on, and the next worker takes the partitions over.

    One worker after the other dies, each at the next step; then the relays; then both live.
    """
    config = real.write()
    edge = processes.start(config, "serve", name="edge").wait_started().wait_ready()
    left = _bodies()
    for step in STEPS:
        left = _deliver(edge.edge_url, left[:2]) + left[2:]
        victim = "consume" if step.startswith("apply") else "relay"
        crashing = processes.start(config, victim, environ={"SEALGATE_CRASH_AT": step}, name=victim)
        assert crashing.wait() == CRASHED
    survivors = [processes.start(config, name, name=name) for name in ("consume", "relay")]
    while left:
        left = _deliver(edge.edge_url, left)
    assert await _ends_right(real)
    for running in (edge, *(survivor.wait_started() for survivor in survivors)):
        assert running.terminate() == 0
