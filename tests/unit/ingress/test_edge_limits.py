"""The public port under load: what each limit costs a stranger, and nobody else."""

import asyncio
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import stripe

from ingress import telemetry
from ingress.eventlog.port import Position
from tests.support.gateway import (
    BODY,
    HOOK,
    STRIPE_SECRET,
    Gateway,
    btcpay,
    gateway,
    is_problem,
    log_lines,
    request,
    until_ready,
)


async def test_a_declared_length_over_the_limit_is_refused_before_the_body(tmp_path: Path) -> None:
    """The answer must come without a byte of the body being sent or stored."""
    async with gateway(tmp_path, body_bytes_max=1000) as edge:
        await until_ready(edge)
        head = f"POST {HOOK} HTTP/1.1\r\nHost: h\r\nBTCPay-Sig: sha256={'0' * 64}\r\n"
        reply = await edge.raw(f"{head}Content-Length: 1001\r\n\r\n".encode(), ends=True)
        is_problem(reply, 413)


async def test_a_connection_that_brings_no_head_in_time_is_closed(tmp_path: Path) -> None:
    """Whether it says nothing or drips its headers, it may not keep a place."""
    async with gateway(tmp_path, header_s=0.2) as edge:
        silent, writer = await asyncio.open_connection("127.0.0.1", edge.port)
        slow, dripping = await asyncio.open_connection("127.0.0.1", edge.port)
        dripping.write(b"POST /hooks/btcpay-shop HTTP/1.1\r\nHost: h\r\nX-A")
        async with asyncio.timeout(10):
            assert await silent.read() == b""
            assert await slow.read() == b""
        writer.close()
        dripping.close()
        limits = {"limit": "header_deadline"}
        assert edge.count("sealgate_connections_refused_total", **limits) == 2


async def test_a_body_that_does_not_arrive_in_time_is_refused(tmp_path: Path) -> None:
    """A slow body holds memory: it gets its deadline, an answer, and the end of its connection."""
    async with gateway(tmp_path, body_s=0.2) as edge:
        await until_ready(edge)
        whole = request(HOOK, BODY, [btcpay(BODY)])
        is_problem(await edge.raw(whole[:-10], ends=True), 408)
        assert await edge.published() == []


async def test_a_connection_too_many_is_closed_and_the_others_live_on(tmp_path: Path) -> None:
    """A flood of connections ends at the door, not in memory."""
    async with gateway(tmp_path, connections_max=2) as edge:
        await until_ready(edge)
        first = await asyncio.open_connection("127.0.0.1", edge.port)
        second = await asyncio.open_connection("127.0.0.1", edge.port)
        first[1].write(b"POST ")
        second[1].write(b"POST ")
        await asyncio.sleep(0.1)
        third = await asyncio.open_connection("127.0.0.1", edge.port)
        async with asyncio.timeout(10):
            assert await third[0].read() == b""
        first[1].write(request(HOOK, BODY, [btcpay(BODY)])[len(b"POST ") :])
        assert (await first[0].readline()).startswith(b"HTTP/1.1 200 ")
        for _, writer in (first, second, third):
            writer.close()


async def test_a_client_that_reads_no_answers_is_dropped(tmp_path: Path) -> None:
    """It would hold its place for ever, and a few thousand of them all there are."""
    async with gateway(tmp_path, write_s=0.2, connections_max=1) as edge:
        reader, writer = await asyncio.open_connection("127.0.0.1", edge.port, limit=1024)
        refused = {"limit": "write_deadline"}
        async with asyncio.timeout(20):
            while not edge.count("sealgate_connections_refused_total", **refused):
                writer.write(request("/hooks/unknown", b"") * 100)
                await asyncio.sleep(0.01)
        await until_ready(edge)
        # Its own side is still open: only the edge can have made the place free.
        async with asyncio.timeout(10):
            while (await _status(edge)) != 200:
                await asyncio.sleep(0.05)
        assert not reader.at_eof()
        writer.transport.abort()


async def _status(edge: Gateway) -> int:
    try:
        return (await edge.post(HOOK, BODY, btcpay(BODY))).status
    except (OSError, asyncio.IncompleteReadError):
        return 0


async def test_declared_bytes_that_do_not_come_hold_no_budget(tmp_path: Path) -> None:
    """Heads are cheap: a stranger must send what it wants to occupy."""
    async with gateway(tmp_path, in_flight_bytes_max=100_000) as edge:
        await until_ready(edge)
        held = []
        for _ in range(20):
            _, writer = await asyncio.open_connection("127.0.0.1", edge.port)
            large = b"x" * 90_000
            writer.write(request(HOOK, large, [btcpay(b"no")])[:-89_999])
            held.append(writer)
        await asyncio.sleep(0.1)
        assert (await edge.post(HOOK, BODY, btcpay(BODY))).status == 200
        for writer in held:
            writer.close()


async def test_over_the_budget_of_bytes_in_flight_the_edge_sheds(tmp_path: Path) -> None:
    """Memory is bounded by bytes, not by requests; whoever is shed is asked to come back."""
    async with gateway(tmp_path, in_flight_bytes_max=1024) as edge:
        await until_ready(edge)
        large = b"x" * 800
        held_reader, held = await asyncio.open_connection("127.0.0.1", edge.port)
        held.write(request(HOOK, large, [btcpay(large)])[:-1])
        await asyncio.sleep(0.1)
        reply = await edge.post(HOOK, large, btcpay(large))
        is_problem(reply, 503)
        assert int(reply.headers["retry-after"]) > 0
        held.write(b"x")
        assert (await held_reader.readline()).startswith(b"HTTP/1.1 200 ")
        held.close()
        assert (await edge.post(HOOK, large, btcpay(large))).status == 200


async def test_a_source_over_its_rate_is_asked_to_wait_and_the_others_are_not(
    tmp_path: Path,
) -> None:
    """One provider's storm costs no other provider a delivery; forgeries cost its rate nothing."""
    async with gateway(tmp_path, rate_per_s=0.01) as edge:
        await until_ready(edge)
        header = ("Stripe-Signature", f"t={telemetry.now_ms() // 1000},v1={'0' * 64}")
        for _ in range(3):
            assert (await edge.post("/hooks/stripe-eu", b"{}", header)).status == 401
        body = '{"id":"evt_1"}'
        seconds = telemetry.now_ms() // 1000
        signature = stripe.WebhookSignature._compute_signature(
            f"{seconds}.{body}", STRIPE_SECRET.decode()
        )
        good = ("Stripe-Signature", f"t={seconds},v1={signature}")
        assert (await edge.post("/hooks/stripe-eu", body.encode(), good)).status == 200
        reply = await edge.post("/hooks/stripe-eu", body.encode(), good)
        is_problem(reply, 429)
        assert int(reply.headers["retry-after"]) > 0
        assert (await edge.post(HOOK, BODY, btcpay(BODY))).status == 200


async def test_a_thousand_slow_connections_are_closed_and_honest_deliveries_answered(
    tmp_path: Path,
) -> None:
    """A slow flood is cheap to send: it may cost nobody a delivery, and no place for long."""
    refused = {"limit": "header_deadline"}
    async with gateway(tmp_path, header_s=2.0, keepalive_s=2.0) as edge:
        await until_ready(edge)
        crowd = []
        for number in range(1000):
            reader, writer = await asyncio.open_connection("127.0.0.1", edge.port)
            # At once: what comes after the end of a connection is answered with a reset.
            if number % 2:
                writer.write(b"POST /hooks/btcpay-shop HTTP/1.1\r\nHost: h\r\nX-A")
            crowd.append((reader, writer))
        for _ in range(20):
            assert (await edge.post(HOOK, BODY, btcpay(BODY))).status == 200
        async with asyncio.timeout(20):
            ends = [await reader.read() for reader, _ in crowd]
        assert ends == [b""] * 1000
        assert edge.count("sealgate_connections_refused_total", **refused) == 1000
        for _, writer in crowd:
            writer.close()


async def test_a_connection_that_goes_quiet_after_its_answer_is_closed(tmp_path: Path) -> None:
    """Idle, or in the middle of its second head: it had its answer, and may not keep its place."""
    async with gateway(tmp_path, keepalive_s=0.3) as edge:
        await until_ready(edge)
        for rest in (b"", b"POST /hooks/btcpay-shop HTTP/1.1\r\nHost"):
            reader, writer = await asyncio.open_connection("127.0.0.1", edge.port)
            writer.write(request(HOOK, BODY, [btcpay(BODY)]) + rest)
            async with asyncio.timeout(10):
                answered = await reader.read()
            assert answered.startswith(b"HTTP/1.1 200 ")
            assert answered.count(b"HTTP/1.1") == 1
            writer.close()


async def test_an_edge_that_is_behind_with_its_work_sheds_what_may_be_good(tmp_path: Path) -> None:
    """Whoever is taken on is answered in time; what is refused anyway is refused as ever."""
    loop = asyncio.get_running_loop()
    async with gateway(tmp_path, shed_lag_s=0.02) as edge:
        await until_ready(edge)
        good = request(HOOK, BODY, [btcpay(BODY)])
        statuses = []
        for sent in (good, good.replace(b"BTCPay-Sig", b"Other-Sig"), request("/hooks/no", b"")):
            reader, writer = await asyncio.open_connection("127.0.0.1", edge.port)
            await asyncio.sleep(0.2)
            writer.write(sent)
            loop.call_soon(time.sleep, 0.5)
            statuses.append(int((await reader.readline()).split(b" ")[1]))
            writer.close()
        assert statuses == [503, 503, 404]
        labels = {"source": "btcpay-shop", "provider": "btcpay"}
        for outcome in ("overloaded", "rejected_signature"):
            assert edge.count("sealgate_requests_total", outcome=outcome, **labels) == 1
        # It takes what comes again, as soon as it is behind no more.
        async with asyncio.timeout(30):
            while (await edge.raw(good)).status != 200:
                await asyncio.sleep(0.1)


async def test_what_breaks_on_our_side_is_told_once_and_gives_everything_back(
    tmp_path: Path,
) -> None:
    """The sender comes again, a person reads why, and neither a place nor a byte stays taken."""
    said = log_lines()
    async with gateway(tmp_path) as edge:
        await until_ready(edge)
        desk: Any = edge.edge._edge._desk
        whole = desk.publisher
        broken: asyncio.Future[Position] = asyncio.get_running_loop().create_future()
        broken.set_exception(ArithmeticError("no answer of a log"))
        desk.publisher = SimpleNamespace(publish=lambda _: broken)
        reply = await edge.raw(request(HOOK, BODY, [btcpay(BODY)]), ends=True)
        is_problem(reply, 500)
        desk.publisher = whole
        assert (await edge.post(HOOK, BODY, btcpay(BODY))).status == 200
        assert edge.count("sealgate_in_flight_bytes") == 0
        assert edge.count("sealgate_requests_in_flight") == 0
    (line,) = said("request_failed")
    assert line["correlation_id"] == reply.headers["x-correlation-id"]
    assert "no answer of a log" in line["exception"]


async def test_junk_paths_make_no_series(edge: Gateway) -> None:
    """Labels come from the configuration alone: a scan must not grow the metrics."""
    before = sum(len(family.samples) for family in edge.registry.collect())
    for number in range(50):
        await edge.post(f"/hooks/junk-{number}", b"", ("X-Provider", f"p{number}"))
    assert sum(len(family.samples) for family in edge.registry.collect()) == before
    labels = {"source": "unknown", "provider": "unknown", "outcome": "rejected_unknown_source"}
    assert edge.count("sealgate_requests_total", **labels) == 50


async def test_a_head_without_end_is_refused_before_it_is_large(tmp_path: Path) -> None:
    """Heads are in no budget: by its lines alone each connection could hold a MiB of them."""
    async with gateway(tmp_path, header_s=60.0) as edge:
        await until_ready(edge)
        reader, writer = await asyncio.open_connection("127.0.0.1", edge.port)
        writer.write(f"POST {HOOK} HTTP/1.1\r\nHost: h\r\n".encode())
        for number in range(9):
            writer.write(b"X-%d: %s\r\n" % (number, b"a" * 8000))
            await asyncio.sleep(0.01)
        async with asyncio.timeout(10):
            assert (await reader.read(12)) == b"HTTP/1.1 400"
        writer.close()
