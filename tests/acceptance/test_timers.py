"""Real processes: a window closes by itself, but never while nobody reads what came in."""

import asyncio
import time
from dataclasses import replace
from pathlib import Path

import pytest

from consumers.lifecycle import State
from consumers.store.port import Cause, PaymentKey, Store, StoreUnavailable
from ingress import telemetry
from ingress.contract import cloudevents, topics
from ingress.eventlog.port import Message
from tests.support import processes
from tests.support.builders import envelope
from tests.support.processes import WAIT_S, Running, Stack

SETTLE_S = 1.0
WINDOW_MS = 2_000
CONSUMER = {"settle_s": SETTLE_S, "expire_after_s": 0, "timers_s": 0.2}


@pytest.fixture(name="stack")
def _stack(tmp_path: Path) -> Stack:
    return Stack(tmp_path, f"embedded://{tmp_path / 'log.db'}", f"sqlite://{tmp_path / 'store.db'}")


async def _deliver(stack: Stack, word: str, at_ms: int, **body: object) -> None:
    """Put an event on the log, as an edge does once it has verified it."""
    sealed = envelope({"amount": "10", "currency": "USDT", **body}, event_type=f"payment.{word}")
    sealed = replace(sealed, environment=stack.environment, occurred_ms=at_ms, received_ms=at_ms)
    log = stack.log()
    await log.ensure_topics({topics.verified(stack.environment): 3})
    publisher = log.publisher()
    await publisher.start()
    key, headers, value = sealed.encode()
    await publisher.publish(Message(topics.verified(stack.environment), key, value, headers))
    await publisher.stop()
    await log.close()


async def _states(stack: Stack) -> list[tuple[State, Cause]]:
    store: Store = stack.store()
    try:
        await store.look(stack.environment)
        moves = await store.transitions(PaymentKey("kobbopay", "main", "pay_1"))
    except StoreUnavailable:
        return []  # no worker has made it yet
    finally:
        await store.close()
    return [(move.after, move.cause) for move in moves]


async def _until(stack: Stack, *states: tuple[State, Cause]) -> None:
    deadline_s = time.monotonic() + WAIT_S
    while (found := await _states(stack)) != [*states]:
        assert time.monotonic() < deadline_s, found
        await asyncio.sleep(0.1)


def _frozen(running: Running) -> set[str]:
    """Return the reasons for which the process does not judge time."""
    lines = processes.get(running.admin_url + "/metrics")[1].splitlines()
    told = [line for line in lines if line.startswith("sealgate_timers_frozen{")]
    return {line.split('"')[-2] for line in told if line.endswith(" 1.0")}


def _sweep(running: Running) -> float:
    """Return when the process swept last; 0 where it has not yet."""
    lines = processes.get(running.admin_url + "/metrics")[1].splitlines()
    name = "sealgate_timers_last_sweep_timestamp_seconds "
    return max(
        (float(line.removeprefix(name)) for line in lines if line.startswith(name)), default=0
    )


async def _until_swept(running: Running, times: int) -> None:
    """Wait for so many sweeps."""
    deadline_s = time.monotonic() + WAIT_S
    seen = {_sweep(running)}
    while len(seen) <= times:
        assert time.monotonic() < deadline_s, running.output.read_text()
        await asyncio.sleep(0.05)
        seen.add(_sweep(running))


@pytest.mark.slow
async def test_a_window_closes_by_itself_and_not_while_records_wait(stack: Stack) -> None:
    """The worker is down over the window's end, and the money is in what it has not read.

    With the worker back the payment is Paid, and never was Expired; another one, of which nothing
    came, expires by itself; and its money, seen in time and told late, still makes it Paid.
    """
    config = stack.write(consumer=CONSUMER)
    begun_ms = telemetry.now_ms()
    ends = cloudevents.timestamp(begun_ms + WINDOW_MS)
    await _deliver(stack, "pending", begun_ms, expires_at=ends)
    worker = processes.start(config, "consume").wait_started()
    await _until(stack, (State.PENDING, Cause.EVENT))
    assert worker.terminate() == 0
    await _deliver(stack, "paid", begun_ms + WINDOW_MS - 1, amount_received="10")

    timers = processes.start(config, "timers", name="timers").wait_started()
    await asyncio.sleep(max(0.0, (begun_ms + WINDOW_MS - telemetry.now_ms()) / 1000) + SETTLE_S)
    await _until_swept(timers, 2)
    assert _frozen(timers) == {"behind"}
    assert await _states(stack) == [(State.PENDING, Cause.EVENT)]

    worker = processes.start(config, "consume").wait_started()
    await _until(stack, (State.PENDING, Cause.EVENT), (State.PAID, Cause.EVENT))
    await _until_swept(timers, 10)
    assert await _states(stack) == [(State.PENDING, Cause.EVENT), (State.PAID, Cause.EVENT)]
    assert timers.terminate() == 0
    assert worker.terminate() == 0


@pytest.mark.slow
async def test_a_payment_without_money_expires_and_money_told_late_still_counts(
    stack: Stack,
) -> None:
    """Everything in one process, as a small merchant runs it."""
    config = stack.write(consumer=CONSUMER)
    running = processes.start(config, "up").wait_started().wait_ready()
    begun_ms = telemetry.now_ms()
    ends = cloudevents.timestamp(begun_ms + WINDOW_MS)
    await _deliver(stack, "pending", begun_ms, expires_at=ends)
    expired = [(State.PENDING, Cause.EVENT), (State.EXPIRED, Cause.TIMER)]
    await _until(stack, *expired)
    assert telemetry.now_ms() >= begun_ms + WINDOW_MS
    await _deliver(stack, "paid", begun_ms + WINDOW_MS - 1, amount_received="10")
    await _until(stack, *expired, (State.PAID, Cause.EVENT))
    log = stack.log()
    deadline_s = time.monotonic() + WAIT_S
    while len(told := await processes.notices(log, stack.environment)) < 3:  # one for each move
        assert time.monotonic() < deadline_s, told
        await asyncio.sleep(0.1)
    await log.close()
    assert running.terminate() == 0
