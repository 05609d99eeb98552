"""`sealgate send` against a running gateway: what is signed well arrives, and nothing else does."""

import asyncio
import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

from consumers.lifecycle import State
from consumers.store.port import PaymentKey
from tests.support import processes
from tests.support.processes import ROOT, WAIT_S, Running, Stack

KEY = PaymentKey("btcpay", "shop", "FromTheCommandLine")


def _send(
    running: Running, key_file: Path, *words: str, source: str = "shop"
) -> subprocess.CompletedProcess[str]:
    url = f"{running.edge_url}/hooks/{source}"
    return _run("send", url, "--provider", "btcpay", "--key-file", str(key_file), *words)


def _run(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "sealgate", *words],
        cwd=ROOT,
        env=dict(os.environ),
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(name="stack")
def _stack(tmp_path: Path) -> Stack:
    return Stack(tmp_path, f"embedded://{tmp_path / 'log.db'}", f"sqlite://{tmp_path / 'store.db'}")


async def _state(stack: Stack, wanted: State | None) -> list[State]:
    """Return the payment's transitions, once the last one is `wanted` or time is up."""
    store = stack.store()
    await store.open(stack.environment)
    try:
        deadline = time.monotonic() + WAIT_S
        while True:
            found = [one.after for one in await store.transitions(KEY)]
            if (found and found[-1] is wanted) or time.monotonic() > deadline:
                return found
            await asyncio.sleep(0.05)
    finally:
        await store.close()


@pytest.mark.slow
async def test_sent_events_move_a_payment_through_the_gateway(stack: Stack) -> None:
    """The tool an operator has when a provider's dashboard has no "send test event"."""
    running = processes.start(stack.write(), "up").wait_started().wait_ready()
    correlations = []
    for event in ("created", "InvoiceProcessing", "confirmed"):
        sent = _send(
            running, stack.directory / "key", "--event", event, "--reference", KEY.reference
        )
        assert sent.returncode == 0, sent.stdout + sent.stderr
        assert "200" in sent.stdout
        found = re.search(r"correlation\s+(\S+)", sent.stdout)
        assert found is not None
        correlations.append(found[1])
    assert await _state(stack, State.CONFIRMED) == [State.PENDING, State.PAID, State.CONFIRMED]
    handled = {line.get("correlation_id") for line in running.lines()}
    assert set(correlations) <= handled, "the printed id finds the edge's log line"
    assert running.terminate() == 0


@pytest.mark.slow
async def test_what_is_not_proven_is_1_and_moves_nothing(stack: Stack) -> None:
    """A wrong key and an unknown source: refused, explained, and no secret in any word of it."""
    running = processes.start(stack.write(), "up").wait_started().wait_ready()
    wrong = stack.directory / "wrong-key"
    wrong.write_text("a-key-that-is-not-the-sources")
    refused = _send(running, wrong, "--reference", KEY.reference)
    assert refused.returncode == 1
    assert "503" in refused.stdout
    assert "did not verify" in refused.stdout
    unknown = _send(running, wrong, source="none")
    assert unknown.returncode == 1
    assert "404" in unknown.stdout
    shown = refused.stdout + refused.stderr + unknown.stdout + unknown.stderr
    assert "a-key-that-is-not" not in shown
    taken = _send(running, stack.directory / "key", "--event", "created", "--reference", "Other")
    assert taken.returncode == 0
    store = stack.store()
    await store.open(stack.environment)
    deadline = time.monotonic() + WAIT_S
    while not (payments := await store.list_payments(10)) and time.monotonic() < deadline:
        await asyncio.sleep(0.05)
    await store.close()
    # What was sent after the refusals has taken effect, so what was refused never will.
    assert [payment.key.reference for payment in payments] == ["Other"]
    assert running.terminate() == 0


@pytest.mark.slow
async def test_a_body_of_ones_own_is_sent_as_it_is(stack: Stack) -> None:
    """A captured event can be tried again byte for byte."""
    running = processes.start(stack.write(), "up").wait_started().wait_ready()
    body = stack.directory / "body.json"
    body.write_bytes(processes.event(KEY.reference, "InvoiceSettled"))
    sent = _send(running, stack.directory / "key", "--body", str(body))
    assert sent.returncode == 0, sent.stdout + sent.stderr
    assert await _state(stack, State.CONFIRMED) == [State.CONFIRMED]
    assert running.terminate() == 0


@pytest.mark.slow
@pytest.mark.parametrize("provider", ["standard_webhooks_v1a", "ramp", "opennode"])
def test_a_new_key_signs_for_a_source_that_has_its_public_half(stack: Stack, provider: str) -> None:
    """Key pair, sorted JSON, form: `new-key`, a source, `send`; and a forger's key fails."""
    for name in ("own", "forger"):
        made = _run("new-key", provider, "--key-file", str(stack.directory / name))
        assert made.returncode == 0, made.stderr
    public = "own.pub" if (stack.directory / "own.pub").exists() else "own"
    configuration = stack.write()
    with configuration.open("a") as file:
        file.write(
            f'\n[[source]]\nslug = "other"\nprovider = "{provider}"\naccount = "a"\n'
            f'[[source.key]]\nid = "2026-11"\nfile = "{stack.directory / public}"\n'
        )
    running = processes.start(configuration, "up").wait_started().wait_ready()
    url = f"{running.edge_url}/hooks/other"
    words = ("send", url, "--provider", provider, "--key-file")
    sent = _run(*words, str(stack.directory / "own"))
    assert sent.returncode == 0, sent.stdout + sent.stderr
    forged = _run(*words, str(stack.directory / "forger"))
    assert forged.returncode == 1
    assert "did not verify" in forged.stdout
    assert running.terminate() == 0


@pytest.mark.slow
async def test_nobody_there_is_69(stack: Stack) -> None:
    """A gateway that was stopped is not a gateway that refuses."""
    running = processes.start(stack.write(), "up").wait_started().wait_ready()
    assert running.terminate() == 0
    sent = _send(running, stack.directory / "key")
    assert sent.returncode == 69
    assert sent.stdout == ""
    assert "Is Sealgate running?" in sent.stderr
