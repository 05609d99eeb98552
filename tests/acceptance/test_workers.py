"""Several workers behind one port: replaced under load, killed, left alone; nobody is refused."""

import asyncio
import os
import re
import signal
import socket
import time
from collections import Counter
from pathlib import Path

import pytest

from tests.support import ports, processes, workers
from tests.support.processes import Stack
from tests.support.tls import client, settings, write_pair

# Six of them are in tests/faults: each takes some seconds.
ROLLS = 3


@pytest.fixture(name="stack")
def _stack(tmp_path: Path) -> Stack:
    return Stack(tmp_path, f"embedded://{tmp_path / 'log.db'}", f"sqlite://{tmp_path / 'store.db'}")


async def _is_on_the_log(stack: Stack, accepted: list[str]) -> None:
    """Hold every success to its promise."""
    found = await workers.logged(stack)
    assert [name for name in accepted if name not in found] == []


async def _roll(running: processes.Running, times: int) -> None:
    for number in range(1, times + 1):
        running.process.send_signal(signal.SIGUSR2)
        await workers.until_said(running, "rolling_restart_done", number)


@pytest.mark.slow
async def test_a_rolling_restart_under_load_refuses_and_loses_nothing(stack: Stack) -> None:
    """A deployment is daily life, and some providers never try again: not one failure."""
    running = workers.start(stack, edge={"drain_s": 0.3})
    await workers.until_ready(running)
    before = set(workers.pids(running).values())
    async with workers.load(running) as clients:
        await _roll(running, ROLLS)
        after = set(workers.pids(running).values())
        count = clients.outcomes.total()

        async def goes_on() -> bool:
            return clients.outcomes.total() > count + 50

        await workers.until(goes_on, running)
    assert set(clients.outcomes) == {"200"}, clients.outcomes
    assert before.isdisjoint(after)
    assert len(workers.said(running, "worker_started")) == 2 + 2 * ROLLS
    assert 'restarts_total{cause="replaced"} 6.0' in workers.metrics(running)
    assert running.terminate() == 0
    await _is_on_the_log(stack, clients.accepted)


@pytest.mark.slow
async def test_a_rolling_restart_with_tls_refuses_and_loses_nothing(stack: Stack) -> None:
    """Accepting is our own work there: a connection in its handshake must not be dropped."""
    write_pair(stack.directory)
    config = stack.write(edge={"drain_s": 0.3})
    files = "\n".join(f'{name} = "{file}"' for name, file in settings().items())
    config.write_text(config.read_text() + f"\n[edge.tls]\n{files}\n")
    running = processes.start(config, "serve", "--workers", "2").wait_started().wait_ready()
    async with workers.load(running, client(), each=2) as clients:
        await _roll(running, 1)
    assert set(clients.outcomes) == {"200"}, clients.outcomes
    assert running.terminate() == 0
    await _is_on_the_log(stack, clients.accepted)


@pytest.mark.slow
async def test_a_killed_worker_costs_only_what_it_held(stack: Stack) -> None:
    """Whom it had not answered hears nothing and tries again; the others notice nothing."""
    running = workers.start(stack)
    await workers.until_ready(running)
    async with workers.load(running) as clients:
        for number in range(1, 4):
            await asyncio.sleep(0.5)
            os.kill(workers.pids(running)["1"], signal.SIGKILL)
            (*_, died) = await workers.until_said(running, "worker_died", number)
            assert died["how"] == "ended by signal SIGKILL"
            await workers.until_ready(running)
    others = clients.outcomes - Counter({"200": clients.outcomes["200"]})
    assert [one for one in others if not one.startswith("no answer")] == []
    assert others.total() <= 3 * 9, "more than the clients had under way"
    assert 'restarts_total{cause="died"} 3.0' in workers.metrics(running)
    assert running.terminate() == 0
    await _is_on_the_log(stack, clients.accepted)


@pytest.mark.slow
async def test_both_workers_take_their_share(stack: Stack) -> None:
    """The kernel hands connections to whoever asks first; one alone must not have them all."""
    running = workers.start(stack)
    await workers.until_ready(running)

    async def is_shared() -> bool:
        share = Counter(line["worker"] for line in workers.said(running, "delivery_handled"))
        known = set(share) == {"0", "1"} and share.total() > 300
        return known and min(share.values()) > share.total() * 0.1

    async with workers.load(running):
        await workers.until(is_shared, running)
    assert running.terminate() == 0


@pytest.mark.slow
async def test_workers_whose_supervisor_is_killed_drain_and_leave_the_port(stack: Stack) -> None:
    """Whoever starts the next supervisor finds the port free, and nobody has to look for pids."""
    running = workers.start(stack, edge={"drain_s": 0.3})
    await workers.until_ready(running)
    port = int(running.edge_url.rpartition(":")[2])
    left = list(workers.pids(running).values())
    async with workers.load(running, each=1) as clients:

        async def has_begun() -> bool:
            return len(clients.accepted) > 20

        await workers.until(has_begun, running)
        running.kill()
        clients.end()
    await workers.until_said(running, "stopped", 2)
    deadline_s = time.monotonic() + processes.WAIT_S
    while any(workers.lives(pid) for pid in left):
        assert time.monotonic() < deadline_s
        await asyncio.sleep(0.02)
    with socket.create_server(("127.0.0.1", port)):
        pass
    await _is_on_the_log(stack, clients.accepted)


@pytest.mark.slow
async def test_the_next_supervisor_has_the_port_while_the_last_workers_drain(stack: Stack) -> None:
    """A supervisor that was killed is started again at once: it must not have to wait."""
    port = ports.free()
    first = workers.start(stack, edge={"drain_s": 60, "port": port})
    await workers.until_ready(first)
    left = list(workers.pids(first).values())
    first.kill()
    await workers.until_said(first, "stopping", 2)
    second = workers.start(stack, edge={"drain_s": 0, "port": port})
    try:
        assert all(workers.lives(pid) for pid in left)
        body = processes.event("inv-new", "InvoiceCreated")
        assert {processes.post(second.edge_url, body) for _ in range(10)} == {200}
    finally:
        for pid in left:
            os.kill(pid, signal.SIGKILL)
    assert second.terminate() == 0


@pytest.mark.slow
async def test_a_worker_that_cannot_start_any_more_leaves_the_old_one_at_work(
    stack: Stack,
) -> None:
    """A restart with a broken configuration is the commonest accident of a deployment."""
    running = workers.start(stack)
    await workers.until_ready(running)
    before = workers.pids(running)
    config = stack.directory / "sealgate.toml"
    good = config.read_text()
    config.write_text(good + "\n[[")
    running.process.send_signal(signal.SIGUSR2)
    await workers.until_said(running, "rolling_restart_stopped")
    (refused,) = workers.said(running, "worker_not_ready")
    assert refused["how"] == "exit code 78"
    assert all(workers.lives(pid) for pid in before.values())
    assert processes.post(running.edge_url, processes.event("inv-1", "InvoiceCreated")) == 200
    config.write_text(good)
    await _roll(running, 1)
    assert processes.post(running.edge_url, processes.event("inv-2", "InvoiceCreated")) == 200
    assert running.terminate() == 0


@pytest.mark.slow
async def test_a_worker_that_dies_again_and_again_is_started_less_and_less_often(
    stack: Stack,
) -> None:
    """A loop of crashes must neither take the machine nor end what still works."""
    running = workers.start(stack)
    await workers.until_ready(running)
    for number in range(1, 5):
        os.kill(workers.pids(running)["0"], signal.SIGKILL)
        await workers.until_said(running, "worker_died", number)
        await workers.until_said(running, "worker_started", 2 + number)
    waits = [line["retry_in_s"] for line in workers.said(running, "worker_died")]
    assert waits == [0.1, 0.2, 0.4, 0.8]
    assert processes.post(running.edge_url, processes.event("inv-1", "InvoiceCreated")) == 200
    assert running.terminate() == 0


@pytest.mark.slow
async def test_sighup_reloads_every_worker(stack: Stack) -> None:
    """What is sent to the process that the operator knows must reach those that serve."""
    running = workers.start(stack)
    await workers.until_ready(running)
    config = stack.directory / "sealgate.toml"
    config.write_text(config.read_text() + 'status = "revoked"\n')
    running.process.send_signal(signal.SIGHUP)
    lines = await workers.until_said(running, "configuration_reloaded", 2)
    assert {line["worker"] for line in lines} == {"0", "1"}
    posts = [processes.event(f"inv-{number}", "InvoiceCreated") for number in range(10)]
    assert {processes.post(running.edge_url, body) for body in posts} <= {401, 503}
    assert running.terminate() == 0


@pytest.mark.slow
async def test_each_worker_has_an_admin_port_that_its_successor_takes_over(stack: Stack) -> None:
    """Prometheus scrapes fixed ports: at each is one process, first the old one, then the new."""
    running = workers.start(stack)
    await workers.until_ready(running)
    (started,) = [line for line in workers.said(running, "started") if "workers" in line]
    urls = started["workers"]
    assert isinstance(urls, list)
    assert len({running.admin_url, *urls}) == 3
    for url in urls:
        assert processes.get(url + "/readyz")[0] == 200
    status, told = processes.get(running.admin_url + "/readyz?verbose")
    assert (status, told.splitlines()) == (
        200,
        ["ready", "[+] a worker is ready", "[+] worker 0 is ready", "[+] worker 1 is ready"],
    )
    await _roll(running, 1)
    begun = [_began(url) for url in urls]
    for url, before_s in zip(urls, begun, strict=True):
        assert processes.get(url + "/readyz")[0] == 200
        assert _began(url) == before_s
    assert running.terminate() == 0


def _began(url: str) -> str:
    found = re.search(
        r"^process_start_time_seconds (\S+)$", processes.get(url + "/metrics")[1], re.MULTILINE
    )
    assert found
    return found[1]


@pytest.mark.slow
async def test_a_worker_that_hangs_is_no_reason_to_be_unready_and_is_told(stack: Stack) -> None:
    """The others serve on; whoever looks sees which one does not."""
    running = workers.start(stack)
    await workers.until_ready(running)
    pid = workers.pids(running)["1"]
    os.kill(pid, signal.SIGSTOP)
    try:
        await workers.until_ready(running, 1)
        status, told = processes.get(running.admin_url + "/readyz?verbose")
    finally:
        os.kill(pid, signal.SIGCONT)
    assert status == 200
    assert "[!] worker 1 is ready" in told
    await workers.until_ready(running, 2)
    assert running.terminate() == 0


@pytest.mark.slow
def test_a_port_in_use_is_one_clear_line_and_an_exit_code(stack: Stack) -> None:
    """The same as without workers, and no worker is started."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        config = stack.write(edge={"port": port, "workers": 2})
        running = processes.start(config, "serve")
        assert running.wait() == 69
    (line,) = running.lines()
    assert (line["event"], "in use" in str(line["reason"])) == ("cannot_start", True)


@pytest.mark.slow
def test_what_no_worker_can_start_with_ends_the_supervisor(stack: Stack) -> None:
    """A place on the disk that nobody may write: another start mends nothing, so nobody tries."""
    (stack.directory / "file").write_text("")
    stack.log_url = f"embedded://{stack.directory / 'file' / 'log.db'}"
    running = processes.start(stack.write(), "serve", "--workers", "2")
    assert running.wait() == 69
    assert any("file" in str(line.get("reason")) for line in running.lines())


@pytest.mark.slow
def test_sigusr2_without_a_supervisor_ends_nothing(stack: Stack) -> None:
    """Its default is to end the process: a deployment's habit must not stop a single edge."""
    running = processes.start(stack.write(), "serve").wait_started().wait_ready()
    running.process.send_signal(signal.SIGUSR2)
    assert processes.post(running.edge_url, processes.event("inv-1", "InvoiceCreated")) == 200
    running.wait_said("signal_ignored")
    assert running.terminate() == 0
