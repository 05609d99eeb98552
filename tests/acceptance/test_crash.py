"""Killed between any two steps: nothing is lost, nothing is doubled, nobody repairs anything.

A provider delivers the events of several payments, again and again until each got its 2xx, while
the process dies at a named step, three times over, and then lives. What must be there in the end is
known by hand: three transitions a payment, in order, each told at least once and under one id.
"""

import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from consumers.lifecycle import State
from tests.support import processes
from tests.support.processes import CRASHED, Stack

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
    return Stack(tmp_path, f"kafka://{kafka_bootstrap}", postgres_url)


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
    return False


def _bodies() -> list[bytes]:
    return [body for payment in PAYMENTS for body in processes.story(payment)]


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
        running.wait_started()
        for body in left[:4]:
            processes.post(running.edge_url, body)
        assert running.wait() == CRASHED
    running = processes.start(config, "up").wait_started().wait_ready()
    while left:
        left = _deliver(running.edge_url, left)
    assert await _ends_right(embedded)
    assert running.terminate() == 0


@pytest.mark.slow
@pytest.mark.kafka
@pytest.mark.postgres
@pytest.mark.parametrize("step", STEPS)
async def test_a_crash_of_a_consumer_loses_and_doubles_nothing(real: Stack, step: str) -> None:
    """On Kafka and PostgreSQL the edge lives on, and another worker takes the partitions over."""
    config = real.write()
    edge = processes.start(config, "serve", name="edge").wait_started().wait_ready()
    other = "relay" if step.startswith("apply") else "consume"
    victim = "consume" if step.startswith("apply") else "relay"
    bystander = processes.start(config, other, name=other).wait_started()
    left = _bodies()
    for _ in range(CRASHES):
        left = _deliver(edge.edge_url, left[:4]) + left[4:]
        crashing = processes.start(config, victim, environ={"SEALGATE_CRASH_AT": step}, name=victim)
        assert crashing.wait() == CRASHED
    survivor = processes.start(config, victim, name=victim).wait_started()
    while left:
        left = _deliver(edge.edge_url, left)
    assert await _ends_right(real)
    for running in (edge, bystander, survivor):
        assert running.terminate() == 0
