"""The task that keeps keys: when it asks, how often, and what it holds on to. Time is virtual."""

import asyncio
import json
import secrets
import uuid
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from ingress.keysources.declaration import Declaration, Request
from ingress.keysources.result import FetchFailed, Result
from ingress.keysources.source import KeySource
from tests.support.key_sources import (
    CANARY,
    CIRCLE,
    FIREBLOCKS,
    OTHER,
    PAYPAL,
    PLAID,
    START_MS,
    UUID,
    World,
    answering,
    by_path,
    kids,
    running,
)

pytestmark = pytest.mark.looptime


async def test_a_set_is_there_before_the_first_delivery_and_refreshed_every_hour() -> None:
    """Nothing is fetched while a delivery waits."""
    world = World(answering("a", "b"))
    source = world.source(FIREBLOCKS)
    with running(source):
        await asyncio.sleep(1)
        assert kids(source) == ["a", "b"]
        world.answer = answering("b", "c")
        await asyncio.sleep(3 * 3600)
        assert kids(source) == ["b", "c"]
    assert world.asked_s == [0, 3600, 7200, 10800]
    assert world.noted == [(Result.FETCHED, 2)] * 4


async def test_an_unknown_name_fetches_the_set_anew() -> None:
    """The provider has rotated: its retry must find the new key."""
    world = World(answering("old"))
    source = world.source(FIREBLOCKS)
    with running(source):
        await asyncio.sleep(100)
        world.answer = answering("old", "new")
        source.want("new")
        await asyncio.sleep(0.1)
        assert kids(source) == ["old", "new"]
    assert world.asked_s == [0, 100]


@pytest.mark.parametrize("answer", [answering("a"), lambda _: FetchFailed(Result.STATUS, "busy")])
async def test_ten_thousand_names_cause_one_fetch_in_thirty_seconds(
    answer: Callable[[Request], Any],
) -> None:
    """A flood of made-up names must reach neither the provider nor our memory."""
    world = World(answering("a"))
    source = world.source(FIREBLOCKS)
    with running(source):
        await asyncio.sleep(1)
        world.answer = answer
        for _ in range(100):
            for _ in range(100):
                source.want(secrets.token_hex(16))
            await asyncio.sleep(3)
        assert kids(source) == ["a"]
    gaps = [after - before for before, after in zip(world.asked_s, world.asked_s[1:], strict=False)]
    assert min(gaps) >= 30
    assert 3 <= len(world.asked_s) <= 11
    book = source._cache
    assert len(book._wishes) <= 512
    assert len(book._misses) <= 128


async def test_a_flood_of_ids_stays_within_the_budget_and_honest_keys_go_on() -> None:
    """Each fetch spends the operator's own credential and its quota at the provider."""
    held = {UUID, OTHER}
    world = World(
        lambda request: (
            by_path(request)
            if request.address.path[-36:] in held
            else FetchFailed(Result.STATUS, "404")
        )
    )
    source = world.source(CIRCLE)
    with running(source):
        source.want(UUID)
        await asyncio.sleep(1)
        for _ in range(7200):
            for _ in range(20):
                source.want(str(uuid.uuid4()))
            await asyncio.sleep(1)
        assert kids(source) == [UUID]
    minutes = 7201 / 60
    assert len(world.asked_s) <= 10 + 10 * minutes + 1
    refreshed = [
        at_s
        for at_s, request in zip(world.asked_s, world.requests, strict=True)
        if request.address.path.endswith(UUID)
    ]
    assert refreshed == [pytest.approx(at_s, abs=7) for at_s in (0, 3600, 7200)]


@pytest.mark.parametrize("name", ["", "../..", "x" * 100_000, "\ud800", "\x00", UUID + "\n"])
@pytest.mark.parametrize("declaration", [CIRCLE, PLAID, PAYPAL])
async def test_a_name_that_looks_like_no_key_asks_nobody(
    declaration: Declaration, name: str
) -> None:
    """The pattern is judged before anything is remembered, let alone sent."""
    world = World(by_path)
    source = world.source(declaration)
    with running(source):
        source.want(name)
        await asyncio.sleep(60)
    assert world.asked_s == []


async def test_a_key_is_fetched_once_however_many_deliveries_name_it() -> None:
    """A burst after a rotation is one fetch."""
    world = World(by_path)
    source = world.source(CIRCLE)
    with running(source):
        for _ in range(100):
            source.want(UUID)
            await asyncio.sleep(0.01)
        assert kids(source) == [UUID]
    assert world.asked_s == [0]


async def test_a_key_that_was_not_found_is_asked_for_again_after_thirty_seconds() -> None:
    """Its provider may have been busy, and tries its delivery again for days."""
    world = World(lambda _: FetchFailed(Result.STATUS, "the answer has status 503"))
    source = world.source(CIRCLE)
    with running(source):
        for _ in range(100):
            source.want(UUID)
            await asyncio.sleep(1)
        world.answer = by_path
        for _ in range(200):
            source.want(UUID)
            await asyncio.sleep(1)
        assert kids(source) == [UUID]
    assert world.asked_s == [0, 30, 90, 210]


async def test_a_refresh_that_fails_keeps_the_keys_and_says_so() -> None:
    """The provider's key page may be down while its deliveries come."""
    world = World(answering("a"))
    source = world.source(FIREBLOCKS)
    with running(source):
        await asyncio.sleep(1)
        world.answer = lambda _: FetchFailed(Result.TLS, "the certificate does not hold")
        await asyncio.sleep(86_400)
        assert kids(source) == ["a"]
        world.answer = answering("b")
        await asyncio.sleep(600)
        assert kids(source) == ["b"]
    assert world.asked_s[:5] == [0, 3600, 3630, 3690, 3810]
    assert world.noted[1] == (Result.TLS, 1)
    assert world.lines[1] == {
        "event": "keys_not_fetched",
        "level": "warning",
        "source": "shop",
        "result": "tls",
        "detail": "the certificate does not hold",
        "held": 1,
        "next_in_s": 30.0,
    }


async def test_keys_that_could_not_be_refreshed_for_a_week_are_dropped_and_fetched_again() -> None:
    """After a week of warnings, and of hundreds of counted failures, trust ends."""
    world = World(answering("a"))
    source = world.source(FIREBLOCKS)
    with running(source):
        await asyncio.sleep(1)
        world.answer = lambda _: FetchFailed(Result.TIMEOUT, "took more than 5 s")
        await asyncio.sleep(7 * 86_400 - 10)
        assert kids(source) == ["a"]
        await asyncio.sleep(700)
        assert kids(source) == []
        assert [line for line in world.lines if line["event"] == "keys_stale"] == [
            {
                "event": "keys_stale",
                "level": "error",
                "source": "shop",
                "dropped": 1,
                "stale_s": 7 * 86_400.0,
            }
        ]
        world.answer = answering("b")
        await asyncio.sleep(700)
        assert kids(source) == ["b"]


async def test_a_certificate_is_dropped_the_moment_it_ends() -> None:
    """Between two fetches too: no task needs to run for it."""
    url = "https://api.paypal.com/v1/notifications/certs/CERT-1"
    ends_s = START_MS / 1000 + 90
    world = World(lambda _: json.dumps({url: ends_s}).encode())
    source = world.source(PAYPAL, None)
    with running(source):
        source.want(url)
        await asyncio.sleep(89.9)
        assert kids(source) == [url]
        await asyncio.sleep(0.1)
        assert kids(source) == []


async def test_a_key_that_its_provider_withdraws_is_dropped() -> None:
    """Plaid says when a key has expired; it must not verify a day longer."""
    world = World(lambda _: json.dumps({UUID: None}).encode())
    source = world.source(PLAID)
    with running(source):
        source.want(UUID)
        await asyncio.sleep(1)
        assert kids(source) == [UUID]
        world.answer = lambda _: FetchFailed(Result.WITHDRAWN, "expired")
        await asyncio.sleep(3600)
        assert kids(source) == []
    assert world.noted[-1] == (Result.WITHDRAWN, 0)


async def test_one_fetch_runs_at_a_time_and_no_delivery_waits_for_it() -> None:
    """A provider that hangs is one task's business."""

    async def slowly() -> bytes:
        await asyncio.sleep(5)
        return json.dumps({UUID: None}).encode()

    world = World(lambda _: slowly())
    source = world.source(CIRCLE)
    with running(source):
        source.want(UUID)
        await asyncio.sleep(1)
        for n in range(100):
            source.want(str(uuid.UUID(int=n)))
        assert source.keys() == ()
        await asyncio.sleep(20)
    # `World.fetch` asserts that no two overlap.
    assert world.asked_s == [0, 5, 10, 15, 20]


@pytest.mark.parametrize(
    "fault", [RuntimeError(CANARY), KeyError(CANARY), AssertionError(CANARY), MemoryError(CANARY)]
)
async def test_a_fault_of_ours_does_not_end_the_task(fault: Exception) -> None:
    """A task that died of one odd answer would show days later, when the keys rotate."""
    world = World(lambda _: fault)
    source = world.source(FIREBLOCKS)
    with running(source):
        await asyncio.sleep(0.5)
        world.answer = answering("a")
        await asyncio.sleep(5)
        assert kids(source) == ["a"]
    assert world.noted[0] == (Result.UNEXPECTED, 0)
    assert world.lines[0]["detail"].startswith(f"{type(fault).__name__} at key_sources.py:")


async def test_the_task_ends_when_it_is_cancelled_and_not_before() -> None:
    """At rest or in the middle of a fetch."""

    async def never() -> bytes:
        await asyncio.Event().wait()
        return b""

    for answer in (answering("a"), lambda _: never()):
        world = World(answer)
        task = asyncio.create_task(world.source(FIREBLOCKS).run())
        await asyncio.sleep(10)
        assert not task.done()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert world.running == 0


@pytest.mark.parametrize("declaration", [CIRCLE, PLAID])
@pytest.mark.parametrize(
    "answer",
    [by_path, lambda _: FetchFailed(Result.STATUS, "403"), lambda _: ValueError(CANARY)],
)
async def test_the_credential_is_sent_and_shown_nowhere(
    declaration: Declaration, answer: Callable[[Request], Any]
) -> None:
    """It opens the operator's account at the provider."""
    world = World(answer)
    source = world.source(declaration)
    with running(source):
        source.want(UUID)
        await asyncio.sleep(1)
    (request,) = world.requests
    assert CANARY in str(request.headers) + str(request.body)
    shown = [world.lines, world.noted, world.requests, source, declaration]
    assert CANARY not in repr(shown)
    assert CANARY not in repr(vars(source))


def test_a_source_that_lacks_its_credential_does_not_start() -> None:
    """Better now than at the first rotation."""
    with pytest.raises(ValueError, match="configure a credential"):
        World(by_path).source(CIRCLE, None)


async def test_a_wall_clock_that_jumps_disturbs_no_schedule() -> None:
    """Time servers set clocks back and forth; intervals are counted on another clock."""
    world = World(answering("a"))
    source = world.source(FIREBLOCKS)
    jump_ms = 0
    means = replace(source._means, clock=lambda: START_MS + jump_ms)
    source = KeySource("shop", FIREBLOCKS, means)
    with running(source):
        await asyncio.sleep(1)
        jump_ms = -365 * 86_400_000
        await asyncio.sleep(3600)
        jump_ms = 365 * 86_400_000
        await asyncio.sleep(3600)
        assert kids(source) == ["a"]
    assert world.asked_s == [0, 3600, 7200]
