"""Real processes: a provider whose events prove nothing, and the API that says what is so."""

import asyncio
import hashlib
import hmac
import time
import urllib.request
from pathlib import Path
from urllib.parse import urlencode

from consumers.lifecycle import State
from consumers.store.port import Cause, PaymentKey, Recorded, StoreUnavailable, Transition
from sealgate.simulator.api import Mood, ProviderApi
from sealgate.simulator.api_styles import Payment
from tests.support import processes
from tests.support.processes import WAIT_S, Stack

FULL = "0.00049000"
CHARGE = "ch_4711"
SECRET = "hook-7a1c2e9d4b6f8035"
API_KEY = "api-51d3b8f0a2c94e67-canary"
FORM = "application/x-www-form-urlencoded"


def _source(stack: Stack, url: str) -> Path:
    """Add OpenNode, and where it is asked, beside the source that every stack has."""
    for name, secret in (("opennode", SECRET), ("opennode-api", API_KEY)):
        (stack.directory / name).write_text(secret)
        (stack.directory / name).chmod(0o600)
    config = stack.write(fetching={"every_s": 0.2})
    config.write_text(
        config.read_text()
        + f"""
[[source]]
slug = "sats"
provider = "opennode"
[[source.key]]
id = "k1"
file = "opennode"
[source.fetch]
base_url = "{url}"
key_file = "opennode-api"
private = true
rate_per_s = 50
"""
    )
    return config


def _delivery() -> bytes:
    signature = hmac.new(SECRET.encode(), CHARGE.encode(), hashlib.sha256).hexdigest()
    told = {"id": CHARGE, "status": "paid", "price": "49000", "hashed_order": signature}
    return urlencode(told).encode()


def _deliver(url: str) -> int:
    """Post the delivery, as OpenNode does; return the answer's status."""
    asked = urllib.request.Request(url, data=_delivery(), headers={"Content-Type": FORM})
    with urllib.request.urlopen(asked, timeout=WAIT_S) as answer:
        status: int = answer.status
        return status


def _holding(directory: Path, secret: bytes) -> list[str]:
    """Name the files that hold a secret."""
    return [one.name for one in directory.iterdir() if one.is_file() and secret in one.read_bytes()]


async def _found(stack: Stack) -> tuple[list[Transition], list[Recorded]]:
    key = PaymentKey("opennode", "default", CHARGE)
    store = stack.store()
    try:
        await store.look(stack.environment)
        return [*await store.transitions(key)], [*await store.events(key)]
    except StoreUnavailable:
        return [], []
    finally:
        await store.close()


async def test_a_hint_over_the_wire_is_asked_about_and_applied_once(tmp_path: Path) -> None:
    """The whole way: a delivery that anybody could forge, an API that is busy at first, a state."""
    stack = Stack(
        tmp_path, f"embedded://{tmp_path / 'log.db'}", f"sqlite://{tmp_path / 'store.db'}"
    )
    async with ProviderApi("opennode", API_KEY, mood=Mood.BROKEN) as api:
        api.show(Payment(CHARGE, "paid", FULL, FULL, 1_795_424_700_000))
        running = await asyncio.to_thread(
            lambda: processes.start(_source(stack, api.url), "up").wait_started().wait_ready()
        )
        hook = f"{running.edge_url}/hooks/{stack.environment}/sats"
        for _ in range(2):
            assert await asyncio.to_thread(_deliver, hook) == 200
        deadline_s = time.monotonic() + WAIT_S
        while not api.asked:
            assert time.monotonic() < deadline_s
            await asyncio.sleep(0.05)
        assert (await _found(stack))[0] == []
        api.mood = Mood.FRESH
        await asyncio.to_thread(running.terminate)
        # What is due is in the store: another process goes on, and waits for no pause.
        running = await asyncio.to_thread(
            lambda: processes.start(stack.directory / "sealgate.toml", "fetch").wait_started()
        )
        while not (found := await _found(stack))[0]:
            assert time.monotonic() < deadline_s, running.output.read_text()
            await asyncio.sleep(0.05)
        assert await asyncio.to_thread(running.terminate) == 0
    moves, events = found
    assert [(one.after, one.cause) for one in moves] == [(State.CONFIRMED, Cause.POLL)]
    assert {one.event.source.rpartition(":")[2]: one.verdict for one in events} == {
        "sats": "hint_fetched",
        "poll": "applied",
    }
    assert all(one.has_key for one in api.asked)
    assert _holding(tmp_path, API_KEY.encode()) == ["opennode-api"]
