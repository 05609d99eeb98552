"""An operator's day, end to end: real deliveries, real processes, decisions at the command line."""

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
from consumers.store.port import PaymentKey
from tests.support import canary, processes
from tests.support.gateway import OLD_SECRET
from tests.support.processes import ROOT, WAIT_S, Stack

TRANSFER = {"payment": {"id": "tx-1", "value": "12.5"}, "paymentMethodId": "USDT-CHAIN"}
SHORT = json.loads(processes.event("inv-short", "InvoicePaymentSettled"))
SENT = [
    json.dumps({**SHORT, **TRANSFER}).encode(),
    processes.event("inv-late", "InvoiceExpired"),
    processes.event("inv-late", "InvoicePaidAfterExpiration"),
]
BEGUN = {"inv-short": State.UNDERPAID, "inv-late": State.LATE}


@pytest.fixture(name="stack")
def _stack(tmp_path: Path) -> Stack:
    return Stack(tmp_path, f"embedded://{tmp_path / 'log.db'}", f"sqlite://{tmp_path / 'store.db'}")


async def sealgate(config: Path, *words: str) -> tuple[int, Any]:
    """Run a command to its end, and read what it says as a script would."""
    done = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-m", "sealgate", *words, "--json", "--config", str(config)],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env=dict(os.environ),
        timeout=WAIT_S,
        check=False,
    )
    canary.saw("outputs", done.stdout + done.stderr)
    assert OLD_SECRET.decode() not in done.stdout + done.stderr
    assert done.stdout, done.stderr
    return done.returncode, json.loads(done.stdout)


def said(key: str, seen: str, role: str = "operations", second: str = "alice") -> list[str]:
    """Say what kim decides, who has seen that much."""
    words = ["--by", "kim", "--role", role, "--reason", "goodwill", "--note", "asked by mail"]
    agreed = ["--approved-by", second] if second else []
    return [*words, "--key", key, "--expect-version", seen, *agreed]


async def _wait_until(stack: Stack, expected: dict[str, State]) -> None:
    """Wait until the payments are as expected, and every notice has gone out."""
    store = stack.store()
    await store.open(stack.environment)
    deadline = time.monotonic() + WAIT_S
    found: dict[str, State] = {}
    try:
        while found != expected or await store.notices_pending():
            assert time.monotonic() < deadline, found
            await asyncio.sleep(0.1)
            keys = {name: PaymentKey("btcpay", "shop", name) for name in expected}
            read = {name: await store.payment(key) for name, key in keys.items()}
            found = {name: one.state for name, one in read.items() if one is not None}
    finally:
        await store.close()


async def _told(stack: Stack) -> list[tuple[str, str, list[str]]]:
    """Read what downstream was told because of operators."""
    log = stack.log()
    told = [json.loads(one.value) for one in await processes.notices(log, stack.environment)]
    await log.close()
    return sorted(
        (one["reference"], one["after"], one["flags"]) for one in told if one["cause"] == "operator"
    )


async def _refusals(config: Path, seen: str) -> list[str]:
    """Try what must not be done, and return the codes of the refusals."""
    short = ("payments", "accept-underpaid", "inv-short")
    tried = [
        (*short, *said("t-1", seen, role="support")),
        (*short, *said("t-1", "9.00000000")),
        (*short, *said("t-1", seen, second="")),
        ("payments", "accept-late", "inv-short", *said("t-1", seen)),
    ]
    codes = []
    for words in tried:
        exit_code, told = await sealgate(config, *words)
        assert exit_code == 1
        codes.append(told["error"])
    return codes


async def _hold_and_release(config: Path, seen: str) -> None:
    """Hold a payment, and let go of it as its owner alone may."""
    kind = ("inv-short", "--kind", "compliance")
    held = await sealgate(config, "payments", "hold", *kind, *said("t-3", seen))
    assert held[1]["after"]["label"] == "Confirmed (accepted_underpaid, hold: compliance)"
    stale = await sealgate(config, "payments", "release", *kind, *said("t-4", "2.00000000"))
    assert stale[1]["error"] == "role_not_allowed"
    free = said("t-4", held[1]["after"]["version"], role="compliance")
    assert (await sealgate(config, "payments", "release", *kind, *free))[0] == 0
    shown = await sealgate(config, "payments", "show", "inv-short")
    assert shown[1]["label"] == "Confirmed (accepted_underpaid)"
    assert [one["action"] for one in shown[1]["actions"]] == [
        "accept_underpaid",
        "place_hold",
        "release_hold",
    ]


async def _withdraw(config: Path, seen: str) -> None:
    """Take the acceptance of late money back."""
    words = said("w-1", seen)
    words[words.index("goodwill")] = "mistake"
    undone = (await sealgate(config, "payments", "withdraw", "t-2", *words))[1]
    assert (undone["after"]["label"], undone["notice"]) == ("Late", "com.sealgate.payment.late")


@pytest.mark.slow
async def test_operators_decide_and_downstream_hears(stack: Stack) -> None:
    """Short and late money are accepted once; what is refused or dry changes nothing."""
    config = stack.write()
    running = processes.start(config, "up").wait_started().wait_ready()
    for body in SENT:
        assert await asyncio.to_thread(processes.post, running.edge_url, body) == 200
    await _wait_until(stack, BEGUN)

    listed = (await sealgate(config, "payments", "list"))[1]["payments"]
    seen = {one["payment"].rpartition("/")[2]: one["version"] for one in listed}
    assert await _refusals(config, seen["inv-short"]) == [
        "role_not_allowed",
        "version_conflict",
        "approval_required",
        "illegal_transition",
    ]
    accept = ("payments", "accept-underpaid", "inv-short", *said("t-1", seen["inv-short"]))
    dry = await sealgate(config, *accept, "--dry-run")
    assert (dry[0], dry[1]["after"]["label"]) == (0, "Confirmed (accepted_underpaid)")
    await _wait_until(stack, BEGUN)
    assert await _told(stack) == []

    done = (await sealgate(config, *accept))[1]
    assert done["is_written"] is True
    assert (await sealgate(config, *accept))[1]["is_repeat"] is True
    words = said("t-2", seen["inv-late"])
    late = await sealgate(config, "payments", "accept-late", "inv-late", *words)
    assert late[1]["after"]["label"] == "Paid (accepted_late)"
    await _wait_until(stack, {"inv-short": State.CONFIRMED, "inv-late": State.PAID})
    assert await _told(stack) == [
        ("inv-late", "Paid", ["accepted_late"]),
        ("inv-short", "Confirmed", ["accepted_underpaid"]),
    ]

    await _hold_and_release(config, done["after"]["version"])
    await _withdraw(config, late[1]["after"]["version"])
    await _wait_until(stack, {"inv-short": State.CONFIRMED, "inv-late": State.LATE})
    queue = await sealgate(config, "exceptions", "list")
    assert [one["code"] for one in queue[1]["exceptions"]] == ["LATE_FUNDS"]
    assert running.terminate() == 0
