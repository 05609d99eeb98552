"""The generator against a server that remembers: what it sends, what it makes of the answers."""

import asyncio
import json
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
import stripe
from aiohttp import web

from tests.benchmarks import generator
from tests.benchmarks.generator import Job, Target, run

SECRET = "whsec_of_the_bench"
Answer = Callable[[int], web.StreamResponse]


class Server:
    """A server on a real socket that keeps every request."""

    def __init__(self, answer: Answer) -> None:
        self.requests: list[tuple[str, str, bytes]] = []
        self.port = 0
        self._answer = answer

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Keep the request and answer by its number."""
        body = await request.read()
        signature = request.headers.get("Stripe-Signature", "")
        self.requests.append((request.path, signature, body))
        response = self._answer(len(self.requests))
        if isinstance(response, Silence):
            await asyncio.Event().wait()
        return response


class Silence(web.Response):
    """An answer that never comes."""


@asynccontextmanager
async def server(answer: Answer = lambda _: web.Response()) -> AsyncIterator[Server]:
    """Run a server that answers request after request as it is told."""
    one = Server(answer)
    low = web.Server(one.handle)
    listener = await asyncio.get_running_loop().create_server(low, "127.0.0.1", 0)
    one.port = listener.sockets[0].getsockname()[1]
    try:
        yield one
    finally:
        listener.close()
        await low.shutdown(0.1)


def job(one: Server, **changes: object) -> Job:
    """Make a small job for this server."""
    plain: dict[str, object] = {
        "port": one.port,
        "targets": [Target("/hooks/shop", "stripe", SECRET)],
        "connections": 4,
        "seconds": 30.0,
        "body_bytes": 1024,
        "server_pid": os.getpid(),
        "count_max": 200,
    }
    return Job(**(plain | changes))


async def test_every_request_is_signed_anew_and_tells_of_another_event() -> None:
    """Stripe's own library is the judge: what it would refuse, no gateway should be fed with."""
    async with server() as one:
        report = await run(job(one))
    assert (report.sent, report.accepted, report.failures) == (200, 200, {})
    events = [
        stripe.Webhook.construct_event(body, signature, SECRET)
        for _, signature, body in one.requests
    ]
    assert len({event.id for event in events}) == 200
    assert {path for path, _, _ in one.requests} == {"/hooks/shop"}


async def test_two_runs_share_no_event() -> None:
    """The second of two runs must not be a run of duplicates."""
    async with server() as one:
        await run(job(one))
        await run(job(one))
    assert len({json.loads(body)["id"] for _, _, body in one.requests}) == 400


async def test_an_open_loop_sends_exactly_what_is_due() -> None:
    """200 a second for half a second are a hundred requests, whatever the answers do."""
    async with server() as one:
        report = await run(job(one, rate_per_s=200.0, seconds=0.5))
    assert (report.sent, report.accepted, len(one.requests)) == (100, 100, 100)
    assert report.late_p99_ms is not None
    assert report.latency.p50_ms is not None


async def test_a_refusal_is_a_failure_by_its_status() -> None:
    """One 503 among 200 answers has to be seen."""
    async with server(lambda n: web.Response(status=503 if n == 100 else 202)) as one:
        report = await run(job(one))
    assert report.failures == {"503": 1}
    assert report.accepted == 199


async def test_a_connection_that_closes_is_a_failure() -> None:
    """A server that sheds connections would otherwise be measured by those that it kept."""

    def answer(number: int) -> web.Response:
        response = web.Response()
        if number == 50:
            response.force_close()
        return response

    async with server(answer) as one:
        report = await run(job(one))
    assert report.failures["connection lost"] == 1


async def test_an_answer_that_never_comes_is_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is the slowest of all, and has no latency to show for it."""
    monkeypatch.setattr(generator, "PATIENCE_S", 0.2)
    async with server(lambda n: Silence() if n == 1 else web.Response()) as one:
        report = await run(job(one, count_max=100, seconds=0.3))
    assert report.failures == {"not answered": 1}


@pytest.mark.parametrize("changes", [{"seconds": 3600.0}, {"count_max": 10**9}, {"seconds": 0.0}])
async def test_a_job_without_bounds_is_not_begun(changes: dict[str, object]) -> None:
    """A load generator that cannot be left alone is a weapon."""
    async with server() as one:
        with pytest.raises(ValueError, match="at most"):
            await run(job(one, **changes))
    assert one.requests == []
