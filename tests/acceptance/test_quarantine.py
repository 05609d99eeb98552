"""A key was missing: what was refused meanwhile is found, verified again and applied, once."""

import asyncio
import json
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from consumers.store.port import Store
from ingress import telemetry
from ingress.contract import topics
from ingress.contract.envelope import Envelope
from ingress.eventlog.port import Message, Position
from ingress.sealing import Seals
from sealgate import config
from sealgate.building import build_sources
from sealgate.quarantine import archive
from sealgate.quarantine.fetched import Keys
from sealgate.quarantine.reverify import Court, reverify
from sealgate.quarantine.wanted import Wanted
from tests.support import canary, processes
from tests.support.gateway import NEW_SECRET, btcpay
from tests.support.processes import ROOT, Stack
from tests.support.quarantined import everything

MOVES = ["Pending", "Paid", "Confirmed"]


class _Crash(Exception):
    """The process ended here."""


@pytest.fixture(name="stack", params=["embedded", pytest.param("kafka", marks=pytest.mark.kafka)])
def _stack(request: pytest.FixtureRequest, tmp_path: Path) -> Stack:
    log_url = f"embedded://{tmp_path / 'log.db'}"
    if request.param == "kafka":
        bootstrap = request.getfixturevalue("kafka_bootstrap")
        log_url = f"kafka://{bootstrap}?replication_factor=1"
    return Stack(tmp_path, log_url, f"sqlite://{tmp_path / 'store.db'}")


def _quarantine(stack: Stack, *words: str) -> tuple[int, str]:
    """Run the command as an operator does, beside whatever is running."""
    config_file = str(stack.directory / "sealgate.toml")
    done = subprocess.run(
        [sys.executable, "-m", "sealgate", "quarantine", *words, "--config", config_file],
        capture_output=True,
        cwd=ROOT,
        timeout=60,
        check=False,
        text=True,
    )
    assert "Traceback" not in done.stderr, done.stderr
    canary.saw("outputs", done.stdout + done.stderr)
    return done.returncode, done.stdout


def _post(url: str, body: bytes, secret: bytes) -> int:
    name, value = btcpay(body, secret)
    asked = urllib.request.Request(url + "/hooks/shop", data=body, headers={name: value})
    try:
        with urllib.request.urlopen(asked, timeout=20) as reply:
            status: int = reply.status
            return status
    except urllib.error.HTTPError as refused:
        with refused:
            return refused.code


def _add_key(stack: Stack) -> None:
    (stack.directory / "key2").write_bytes(NEW_SECRET)
    path = stack.write()
    path.write_text(path.read_text() + '[[source.key]]\nid = "k2"\nfile = "key2"\n')


@asynccontextmanager
async def _opened(stack: Stack) -> AsyncIterator[Store]:
    store = stack.store()
    await store.open(stack.environment)
    try:
        yield store
    finally:
        await store.close()


async def _states(stack: Stack, payment: str, wanted: int) -> list[str]:
    """Wait until a payment has moved so often; return its states."""
    async with _opened(stack) as store:
        deadline = time.monotonic() + processes.WAIT_S
        while len(found := await processes.history(store, payment)) < wanted:
            if time.monotonic() > deadline:
                break
            await asyncio.sleep(0.05)
        return [str(one.after) for one in found]


async def _published(stack: Stack) -> Sequence[Envelope]:
    log = stack.log()
    try:
        found = await everything(log, topics.verified(stack.environment))
    finally:
        await log.close()
    return [Envelope.decode(record.headers, record.value) for record in found]


async def _crash_before_a_release(stack: Stack) -> None:
    """Publish the first event that verifies, and end before the release is written."""
    configuration = config.read(stack.directory / "sealgate.toml", {})
    sources, log = build_sources(configuration), stack.log()
    publisher = log.publisher(deadline_s=20)
    await publisher.start()

    async def publish(message: Message) -> Position:
        if message.topic == topics.quarantine(stack.environment):
            raise _Crash
        return await publisher.publish(message)

    opened = await archive.opened(log, stack.environment)
    look = await opened.look(Wanted())
    court = Court(sources, Seals(), Keys(sources, (), telemetry.now_ms), telemetry.now_ms)
    with pytest.raises(_Crash):
        await reverify(opened, look, Wanted(), court, publish, lambda *_: None)
    await publisher.stop()
    await log.close()


def _kept_out(stack: Stack) -> None:
    """Run a gateway without the key: a payment's whole story is refused, and a forgery with it."""
    running = processes.start(stack.write(), "up").wait_started().wait_ready()
    story = processes.story("inv-1")
    assert {_post(running.edge_url, body, NEW_SECRET) for body in story} == {503}
    assert _post(running.edge_url, processes.event("inv-2", "InvoiceSettled"), b"guessed") == 503
    code, told = _quarantine(stack, "list", "--json")
    assert code == 0
    (summary,) = json.loads(told)["summary"]
    assert (summary["reason"], summary["kept"]) == ("no_matching_signature", 4)
    assert _reverified(stack) == (3, "0 would be published; 4 still refused")
    assert running.terminate() == 0


def _reverified(stack: Stack, *words: str) -> tuple[int, str]:
    """Return the exit code and the summary."""
    code, told = _quarantine(stack, "reverify", *words)
    return code, next(line for line in told.splitlines() if "published; " in line)


@pytest.mark.slow
async def test_what_a_missing_key_kept_out_is_taken_back_and_applied_once(stack: Stack) -> None:
    """The whole promise: refused, kept, key added, seen, published, and each payment moved once.

    A crash between an event and its release is in between, and is seen by nobody.
    """
    _kept_out(stack)
    _add_key(stack)
    running = processes.start(stack.directory / "sealgate.toml", "up").wait_started().wait_ready()
    assert _reverified(stack) == (3, "3 would be published; 1 still refused")
    assert await _published(stack) == []
    await _crash_before_a_release(stack)
    assert await _states(stack, "inv-1", 1) == MOVES[:1]
    assert _reverified(stack, "--apply") == (3, "3 published; 1 still refused")
    assert await _states(stack, "inv-1", 3) == MOVES
    code, told = _reverified(stack, "--apply")
    assert (code, set(told.split("; "))) == (
        3,
        {"0 published", "3 already released", "1 still refused"},
    )
    published = await _published(stack)
    assert len(published) == 4
    assert len({event.event_key for event in published}) == 3
    assert {event.key_id for event in published} == {"k2"}
    assert all(event.late_ms is not None for event in published)
    # What comes behind shows that everything before it has been applied.
    after = processes.story("inv-3")
    assert {_post(running.edge_url, body, NEW_SECRET) for body in after} == {200}
    assert await _states(stack, "inv-3", 3) == MOVES
    assert await _states(stack, "inv-1", 3) == MOVES
    assert await _states(stack, "inv-2", 0) == []
    assert running.terminate() == 0


@pytest.mark.slow
async def test_a_gateway_at_work_does_not_feel_the_operator_at_the_quarantine(
    tmp_path: Path,
) -> None:
    """Two processes write one SQLite file: neither may make the other miss its deadline."""
    stack = Stack(tmp_path, f"embedded://{tmp_path / 'log.db'}", f"sqlite://{tmp_path / 's.db'}")
    running = processes.start(stack.write(), "serve").wait_started().wait_ready()
    refused = [processes.event(f"inv-{count}", "InvoiceSettled") for count in range(100)]
    assert {_post(running.edge_url, body, NEW_SECRET) for body in refused} == {503}
    assert running.terminate() == 0
    _add_key(stack)
    config_file = stack.directory / "sealgate.toml"
    running = processes.start(config_file, "serve").wait_started().wait_ready()
    statuses: list[int] = []
    done = asyncio.Event()

    async def deliver() -> None:
        while not done.is_set():
            body = processes.event(f"live-{len(statuses)}", "InvoiceSettled")
            statuses.append(await asyncio.to_thread(processes.post, running.edge_url, body))

    delivering = asyncio.create_task(deliver())
    code, told = await asyncio.to_thread(_quarantine, stack, "reverify", "--apply")
    done.set()
    await delivering
    assert (code, told.splitlines()[-1]) == (0, "100 published")
    assert set(statuses) == {200}
    assert len(statuses) > 20
    keys = {event.event_key for event in await _published(stack)}
    assert len(keys) == len(statuses) + 100
    assert running.terminate() == 0
