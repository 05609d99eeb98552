"""The process as its operator meets it: starts, drains, refuses to start, and what it says."""

import asyncio
import resource
import socket
import threading
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from ingress.contract import topics
from ingress.contract.envelope import Envelope
from ingress.eventlog.port import EventLog, Position
from tests.support import processes
from tests.support.gateway import OLD_SECRET, btcpay, request
from tests.support.processes import Stack


@pytest.fixture(name="stack")
def _stack(tmp_path: Path) -> Stack:
    return Stack(tmp_path, f"embedded://{tmp_path / 'log.db'}", f"sqlite://{tmp_path / 'store.db'}")


async def _event_keys(log: EventLog, environment: str) -> set[str]:
    found = set()
    for partition, begin in (await log.begins(topics.verified(environment))).items():
        for record in await log.read(Position(partition, begin), 10_000):
            found.add(Envelope.decode(record.headers, record.value).event_key)
    return found


async def _until_accepted(accepted: Sequence[str], count: int) -> None:
    """Wait until so much was accepted: on a busy machine it takes longer."""
    async with asyncio.timeout(processes.WAIT_S):
        while len(accepted) < count:
            await asyncio.sleep(0.01)


@pytest.mark.slow
async def test_sigterm_under_load_loses_nothing_that_was_accepted(stack: Stack) -> None:
    """A rolling restart is daily life: every 2xx is on the log, and no answer is anything else.

    A connection that the kernel had not handed over when the listener closed is reset, like one
    that comes later: it was never answered, and its sender tries again.
    """
    running = processes.start(stack.write(edge={"drain_s": 0.5}), "serve").wait_started()
    running.wait_ready()
    port = int(running.edge_url.rpartition(":")[2])
    accepted: list[str] = []
    broken: list[str] = []

    async def client(number: int) -> None:
        for count in range(10_000):
            name = f"inv-{number}-{count}"
            body = processes.event(name, "InvoiceCreated")
            try:
                reader, writer = await asyncio.open_connection("127.0.0.1", port)
                writer.write(request("/hooks/shop", body, [btcpay(body)]))
                answer = await reader.readline()
            except OSError:
                return
            writer.close()
            if not answer:
                return
            (accepted if b" 200 " in answer else broken).append(name)

    clients = asyncio.gather(*(client(number) for number in range(16)))
    await _until_accepted(accepted, 200)
    running.process.terminate()
    await clients
    assert running.wait() == 0
    assert broken == []
    log = stack.log()
    keys = await _event_keys(log, stack.environment)
    await log.close()
    assert {f"{name}-InvoiceCreated" for name in accepted} <= keys


@pytest.mark.slow
async def test_what_is_in_flight_when_sigterm_comes_is_answered(stack: Stack) -> None:
    """A delivery half sent, and one that comes while the balancer still looks here, both count."""
    # Long enough to look around in it, on a machine that has other things to do.
    patient = {"drain_s": 4.0, "body_s": 60.0, "stop_s": 60.0}
    running = processes.start(stack.write(edge=patient), "serve").wait_started()
    running.wait_ready()
    port = int(running.edge_url.rpartition(":")[2])
    body = processes.event("inv-half", "InvoiceCreated")
    whole = request("/hooks/shop", body, [btcpay(body)])
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(whole[:-5])
    await asyncio.sleep(0.1)
    running.process.terminate()
    while processes.get(running.admin_url + "/readyz")[0] == 200:
        await asyncio.sleep(0.01)
    assert processes.get(running.admin_url + "/livez")[0] == 200
    assert processes.post(running.edge_url, processes.event("inv-late", "InvoiceCreated")) == 200
    await _until_closed(port)
    writer.write(whole[-5:])
    head = await reader.readuntil(b"\r\n\r\n")
    writer.close()
    assert head.startswith(b"HTTP/1.1 200 ")
    assert b"connection: close" in head.lower()
    assert running.wait() == 0
    log = stack.log()
    keys = await _event_keys(log, stack.environment)
    await log.close()
    assert keys == {"inv-half-InvoiceCreated", "inv-late-InvoiceCreated"}


async def _until_closed(port: int) -> None:
    """Wait until nobody is let in any more."""
    async with asyncio.timeout(processes.WAIT_S):
        while True:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                return
            writer.close()
            await asyncio.sleep(0.1)


@pytest.mark.slow
async def test_sigkill_under_load_loses_nothing_that_was_accepted(stack: Stack) -> None:
    """The promise of a 2xx holds for the last one given before the power went."""
    running = processes.start(stack.write(), "serve").wait_started().wait_ready()
    accepted: list[str] = []

    def client(number: int) -> None:
        for count in range(10_000):
            name = f"inv-{number}-{count}"
            body = processes.event(name, "InvoiceCreated")
            status = processes.post(running.edge_url, body)
            if status == 0:
                return
            if status == 200:
                accepted.append(name)

    clients = [threading.Thread(target=client, args=(number,)) for number in range(8)]
    for each in clients:
        each.start()
    await _until_accepted(accepted, 100)
    running.kill()
    for each in clients:
        each.join()
    log = stack.log()
    keys = await _event_keys(log, stack.environment)
    await log.close()
    assert {f"{name}-InvoiceCreated" for name in accepted} <= keys


@pytest.mark.slow
async def test_a_full_disk_is_answered_503_and_never_with_a_false_2xx(stack: Stack) -> None:
    """What cannot be kept is not accepted; when there is room again, nobody restarts anything.

    The limit on the size of files also hits the gateway's own log lines: losing one of those is no
    reason to lose a delivery.
    """
    running = processes.start(stack.write(), "serve").wait_started().wait_ready()
    size = (stack.directory / "log.db-wal").stat().st_size
    unlimited = resource.RLIM_INFINITY
    pid = running.process.pid
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (size + 300_000, unlimited))
    accepted = []
    for number in range(50):
        body = processes.event(f"inv-{number}", "InvoiceCreated", padding="x" * 50_000)
        status = processes.post(running.edge_url, body)
        if status != 200:
            break
        accepted.append(f"inv-{number}-InvoiceCreated")
    assert status == 503
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (unlimited, unlimited))
    deadline = time.monotonic() + processes.WAIT_S
    late = processes.event("inv-after", "InvoiceCreated")
    while processes.post(running.edge_url, late) != 200:
        assert time.monotonic() < deadline, "it did not recover by itself"
    log = stack.log()
    keys = await _event_keys(log, stack.environment)
    await log.close()
    assert {*accepted, "inv-after-InvoiceCreated"} <= keys
    assert running.terminate() == 0


@pytest.mark.slow
def test_a_port_in_use_is_one_clear_line_and_an_exit_code(stack: Stack) -> None:
    """Whoever started it twice must not have to read a traceback."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        running = processes.start(stack.write(edge={"port": port}), "up")
        assert running.wait() == 69
    (line,) = [line for line in running.lines() if line["event"] == "cannot_start"]
    assert "in use" in str(line["reason"])
    assert "Traceback" not in running.output.read_text()


@pytest.mark.slow
def test_a_wrong_configuration_ends_before_anything_listens(stack: Stack) -> None:
    """Exit code 78, and every mistake on a line of its own."""
    config = stack.write(edge={"prot": 1}, log={"url": "carrier-pigeon:./x"})
    for command in ("check", "up"):
        running = processes.start(config, command)
        assert running.wait() == 78
        assert "edge.prot: is not known here; did you mean 'port'?" in running.output.read_text()


@pytest.mark.slow
@pytest.mark.parametrize(("table", "url"), [("log", "kite:./x"), ("store", "mysql://x/y")])
def test_an_unknown_kind_of_log_or_store_says_what_there_is(
    stack: Stack, table: str, url: str
) -> None:
    """The value is a typing error or a hope; both need the list."""
    running = processes.start(stack.write(**{table: {"url": url}}), "up")
    assert running.wait() == 78
    told = running.output.read_text()
    assert "Traceback" not in told
    assert ("embedded" if table == "log" else "sqlite") in told


@pytest.mark.slow
def test_a_database_of_another_environment_is_refused(stack: Stack) -> None:
    """Sandbox events must not reach the production database by a typing error."""
    running = processes.start(stack.write(), "up").wait_started().wait_ready()
    assert running.terminate() == 0
    stack.environment = "production"
    running = processes.start(stack.write(), "up")
    assert running.wait() == 1
    (line,) = [line for line in running.lines() if line["event"] == "part_failed"]
    assert line["kind"] == "WrongEnvironment"


@pytest.mark.slow
def test_an_unreachable_kafka_is_waited_for_and_said(stack: Stack) -> None:
    """Without a journal the edge is up, alive, not ready, and answers 503: the provider retries."""
    stack.log_url = "kafka://127.0.0.1:1"
    config = stack.write(**{"log.journal": {"policy": "refuse"}})
    running = processes.start(config, "serve").wait_started()
    assert processes.get(running.admin_url + "/livez")[0] == 200
    status, told = processes.get(running.admin_url + "/readyz?verbose")
    assert status == 503
    assert "[-] log accepts envelopes" in told
    assert processes.post(running.edge_url, processes.event("inv", "InvoiceCreated")) == 503
    running.wait_said("log_unavailable")
    assert running.terminate() == 0


@pytest.mark.slow
def test_an_unreachable_postgres_is_waited_for_and_said(stack: Stack) -> None:
    """Nothing is lost: the events wait on the log until the database is there."""
    stack.store_url = "postgresql://nobody@127.0.0.1:1/nothing"
    running = processes.start(stack.write(), "up").wait_started()
    running.wait_said("not_yet_there")
    assert processes.get(running.admin_url + "/livez")[0] == 200
    assert running.terminate() == 0


@pytest.mark.slow
def test_no_secret_and_no_body_is_ever_written_to_the_log_lines(stack: Stack) -> None:
    """Log lines are shipped to places where the payments' data must not be."""
    running = processes.start(stack.write(), "up").wait_started().wait_ready()
    body = processes.event("inv-1", "InvoiceCreated", note="canary-in-the-body")
    assert processes.post(running.edge_url, body) == 200
    running.wait_said("envelope_handled")
    metrics = processes.get(running.admin_url + "/metrics")[1]
    assert running.terminate() == 0
    written = running.output.read_text() + metrics
    assert OLD_SECRET.decode() not in written
    assert btcpay(body)[1] not in written
    assert "canary-in-the-body" not in written
    handled = [line for line in running.lines() if line["event"] == "delivery_handled"]
    applied = [line for line in running.lines() if line["event"] == "envelope_handled"]
    assert [line["correlation_id"] for line in handled] == [
        line["correlation_id"] for line in applied
    ]
