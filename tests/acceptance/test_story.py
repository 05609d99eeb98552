"""`sealgate trace` and `why` beside a running gateway: what was sent is found by each id of it."""

import asyncio
import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from consumers.lifecycle import State
from consumers.store.port import PaymentKey, Store
from ingress.contract import topics
from ingress.eventlog.port import Position, Record
from tests.support import canary, processes
from tests.support.gateway import OLD_SECRET
from tests.support.processes import ROOT, WAIT_S, Running, Stack

KEY = PaymentKey("btcpay", "shop", "FromTheCommandLine")
NAME = "btcpay/shop/FromTheCommandLine"


@pytest.fixture(name="stack")
def _stack(tmp_path: Path) -> Stack:
    return Stack(tmp_path, f"embedded://{tmp_path / 'log.db'}", f"sqlite://{tmp_path / 'store.db'}")


def sealgate(*words: str) -> subprocess.CompletedProcess[str]:
    """Run a command to its end, as a person would."""
    done = subprocess.run(
        [sys.executable, "-m", "sealgate", *words],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env=dict(os.environ),
        timeout=WAIT_S,
        check=False,
    )
    canary.saw("outputs", done.stdout + done.stderr)
    assert OLD_SECRET.decode() not in done.stdout + done.stderr
    return done


def _send(running: Running, stack: Stack, event: str) -> str:
    """Send an event, and return the correlation id that the answer carried."""
    words = ("--key-file", str(stack.directory / "key"), "--reference", KEY.reference)
    url = f"{running.edge_url}/hooks/shop"
    sent = sealgate("send", url, "--provider", "btcpay", "--event", event, *words)
    assert sent.returncode == 0, sent.stdout + sent.stderr
    found = re.search(r"correlation\s+(\S+)", sent.stdout)
    assert found is not None
    return found[1]


async def _wait_confirmed(stack: Stack) -> Store:
    """Wait until the payment is Confirmed and every notice has gone out; return the store."""
    store = stack.store()
    await store.open(stack.environment)
    deadline = time.monotonic() + WAIT_S
    while time.monotonic() < deadline:
        payment = await store.payment(KEY)
        is_there = payment is not None and payment.state is State.CONFIRMED
        if is_there and not await store.notices_pending():
            return store
        await asyncio.sleep(0.05)
    raise AssertionError("the payment was not confirmed in time")


async def _records(stack: Stack, topic: str) -> list[Record]:
    log = stack.log()
    try:
        begins = await log.begins(topic)
        return [
            one
            for partition, begin in begins.items()
            for one in await log.read(Position(partition, begin), 1000)
        ]
    finally:
        await log.close()


def _place(record: Record) -> str:
    (topic, partition), offset = record.position
    return f"{topic}/{partition}/{offset}"


def _tell(config: Path, *words: str) -> Any:
    """Ask for JSON."""
    done = sealgate(*words, "--json", "--config", str(config))
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.slow
async def test_a_payment_is_traced_by_every_id_that_anybody_holds(stack: Stack) -> None:
    """The answer's id, the event's, the notice's, a place in either topic: one story."""
    config = stack.write()
    running = processes.start(config, "up").wait_started().wait_ready()
    correlations = [_send(running, stack, event) for event in ("created", "confirmed")]
    store = await _wait_confirmed(stack)
    last = (await store.events(KEY))[-1].event
    # The provider delivers it again: the same event at another place of the log.
    again = processes.event(KEY.reference, "InvoiceSettled")
    assert [processes.post(running.edge_url, again) for _ in range(2)] == [200, 200]
    verified = await _records(stack, topics.verified(stack.environment))
    told = await _records(stack, topics.lifecycle(stack.environment))
    await store.close()
    notice = next(value.decode() for name, value in told[-1].headers if name == "ce_id")
    ids = [
        *(NAME, KEY.reference, *correlations, last.key.key, f"btcpay/shop/{last.key.key}"),
        *(notice, _place(told[0]), *map(_place, verified)),
    ]
    await _wait_read(config, _place(verified[-1]))
    for one in ids:
        story = _tell(config, "trace", one)
        assert story["payment"]["payment"] == NAME, one
        assert story["payment"]["label"] == "Confirmed"
    moves = [one for one in story["entries"] if one["kind"] == "transition"]
    assert [one["after"] for one in moves] == ["Pending", "Confirmed"]
    assert {one["notice_is"] for one in moves} == {"delivered"}

    reasons = _tell(config, "why", correlations[0])
    assert (reasons["rule"], reasons["proven"]) == (3, "Confirmed")
    evidence = {by["correlation_id"] for fact in reasons["facts"] for by in fact["stated_by"]}
    assert set(correlations) <= evidence
    assert sealgate("why", NAME, "--config", str(config)).stdout.startswith(f"payment {NAME}")
    assert running.terminate() == 0


async def _wait_read(config: Path, place: str) -> None:
    """Wait until a worker has read a record: its event is known from then on."""
    deadline = time.monotonic() + WAIT_S
    while sealgate("trace", place, "--config", str(config)).returncode != 0:
        assert time.monotonic() < deadline
        await asyncio.sleep(0.1)


@pytest.mark.slow
async def test_what_was_refused_is_in_no_story_and_the_answer_says_where_it_is(
    stack: Stack,
) -> None:
    """Its correlation id is all that the provider's support has: it must lead somewhere."""
    config = stack.write()
    running = processes.start(config, "up").wait_started().wait_ready()
    (stack.directory / "wrong").write_text("not-the-key-of-this-source")
    url = f"{running.edge_url}/hooks/shop"
    words = ("--key-file", str(stack.directory / "wrong"), "--provider", "btcpay")
    refused = sealgate("send", url, *words)
    assert refused.returncode == 1
    found = re.search(r"correlation\s+(\S+)", refused.stdout)
    assert found is not None
    asked = sealgate("trace", found[1], "--config", str(config))
    assert asked.returncode == 1
    assert "`sealgate quarantine show` with it" in asked.stderr
    shown = sealgate("quarantine", "show", found[1], "--config", str(config))
    assert (shown.returncode, "no_matching_signature" in shown.stdout) == (0, True)
    assert running.terminate() == 0
