"""A leaked key, end to end: real processes, forged events among true ones, found and taken back."""

import asyncio
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from consumers.lifecycle import State
from consumers.store.port import PaymentKey, Store
from tests.support import canary, processes
from tests.support.gateway import OLD_SECRET
from tests.support.processes import ROOT, WAIT_S, Stack

TRUE = [f"inv-{number}" for number in range(5)]
OPEN = "inv-open"
INVENTED = ["inv-forged-1", "inv-forged-2"]
SENT = [
    *(body for name in TRUE for body in processes.story(name)),
    processes.event(OPEN, "InvoiceCreated"),
]
FORGED = [processes.event(name, "InvoiceSettled") for name in [OPEN, *INVENTED]]


@pytest.fixture(name="stack")
def _stack(tmp_path: Path) -> Stack:
    return Stack(tmp_path, f"embedded://{tmp_path / 'log.db'}", f"sqlite://{tmp_path / 'store.db'}")


def sealgate(config: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run a command to its end, as a person would."""
    done = subprocess.run(
        [sys.executable, "-m", "sealgate", *words, "--config", str(config)],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env=dict(os.environ),
        timeout=WAIT_S,
        check=False,
    )
    # Whatever a command prints may be mailed around.
    canary.saw("outputs", done.stdout + done.stderr)
    assert OLD_SECRET.decode() not in done.stdout + done.stderr
    return done


async def _states(store: Store) -> dict[str, State]:
    names = [*TRUE, OPEN, *INVENTED]
    found = {name: await store.payment(PaymentKey("btcpay", "shop", name)) for name in names}
    return {name: one.state for name, one in found.items() if one is not None}


async def _wait_until(stack: Stack, expected: dict[str, State]) -> None:
    """Wait until the payments are as expected, and every notice has gone out."""
    store = stack.store()
    await store.open(stack.environment)
    deadline = time.monotonic() + WAIT_S
    try:
        while await _states(store) != expected or await store.notices_pending():
            assert time.monotonic() < deadline, await _states(store)
            await asyncio.sleep(0.1)
    finally:
        await store.close()


async def _corrections(stack: Stack) -> set[tuple[str, str]]:
    """Read which payments downstream was told to take back, and to which state."""
    log = stack.log()
    told = [json.loads(one.value) for one in await processes.notices(log, stack.environment)]
    await log.close()
    return {(one["reference"], one["after"]) for one in told if one["cause"] == "void"}


def _ledger(stack: Stack) -> str:
    """Write what the provider really sent."""
    path = stack.directory / "provider.csv"
    rows = [(told["originalDeliveryId"], told["invoiceId"]) for told in map(json.loads, SENT)]
    path.write_text("event,payment\n" + "".join(f"{one},{other}\n" for one, other in rows))
    return str(path)


def _check_exactly_the_forged_are_named(report: Any) -> None:
    standings = {one["event"]: one["standing"] for one in report["events"]}
    names = {f"btcpay/shop/{json.loads(body)['originalDeliveryId']}" for body in FORGED}
    assert {event for event, one in standings.items() if one == "contradicted"} == names
    assert list(standings.values()).count("corroborated") == len(SENT)
    assert report["totals"]["notices_of_unsupported"]["delivered"] == len(FORGED)


@pytest.mark.slow
async def test_forged_events_are_found_by_the_providers_ledger_and_taken_back(
    stack: Stack,
) -> None:
    """The forgeries are named, their payments end as if they had not been, and downstream hears."""
    config = stack.write()
    running = processes.start(config, "up").wait_started().wait_ready()
    for body in [*SENT, *FORGED]:
        assert await asyncio.to_thread(processes.post, running.edge_url, body) == 200
    confirmed = dict.fromkeys([*TRUE, OPEN, *INVENTED], State.CONFIRMED)
    await _wait_until(stack, confirmed)

    asked = ("keys", "exposure", "shop", "k1", "--ledger", _ledger(stack), "--json")
    done = await asyncio.to_thread(sealgate, config, *asked)
    assert done.returncode == 3, done.stderr
    _check_exactly_the_forged_are_named(json.loads(done.stdout))

    report = stack.directory / "exposure.json"
    report.write_text(done.stdout)
    words = ("--from-report", str(report), "--reason", "forged", "--by", "kim")
    dry = await asyncio.to_thread(sealgate, config, "events", "void", *words)
    assert (dry.returncode, "nothing was written" in dry.stdout) == (0, True), dry.stderr
    applied = await asyncio.to_thread(sealgate, config, "events", "void", *words, "--apply")
    assert applied.returncode == 0, applied.stderr
    taken_back = dict.fromkeys([OPEN, *INVENTED], State.PENDING)
    await _wait_until(stack, confirmed | taken_back)
    assert await _corrections(stack) == {(name, "Pending") for name in taken_back}

    again = await asyncio.to_thread(sealgate, config, *asked)
    assert (again.returncode, running.terminate()) == (0, 0), again.stdout
    assert json.loads(again.stdout)["residual_risk"].startswith("No residual risk is known")
