"""Reloading as an operator meets it: a real process, a file, a signal."""

import json
import shutil
import signal
import time
from pathlib import Path

import pytest

from tests.support import processes
from tests.support.processes import Stack

IN_FORCE_S = 1.0
REVOKED = 'status = "revoked"\n'


@pytest.fixture(name="stack")
def _stack(tmp_path: Path) -> Stack:
    return Stack(tmp_path, f"embedded://{tmp_path / 'log.db'}", f"sqlite://{tmp_path / 'store.db'}")


def _swap(path: Path, text: str) -> None:
    beside = path.with_name("beside")
    beside.write_text(text)
    beside.rename(path)


@pytest.mark.slow
def test_a_revocation_is_in_force_within_a_second(stack: Stack) -> None:
    """The promise that a leaked key's holder is shut out: counted from the rename of the file."""
    path = stack.write()
    running = processes.start(path, "serve").wait_started().wait_ready()
    time.sleep(1.0)
    for number in range(20):
        assert processes.post(running.edge_url, processes.event(f"a{number}", "Created")) == 200
    _swap(path, path.read_text() + REVOKED)
    revoked_s = time.monotonic()
    last_s = revoked_s
    refused = number = 0
    while refused < 50 and time.monotonic() < revoked_s + processes.WAIT_S:
        number += 1
        sent_s = time.monotonic()
        status = processes.post(running.edge_url, processes.event(f"b{number}", "Created"))
        if status == 200:
            last_s, refused = sent_s, 0
        else:
            refused += 1
    assert refused == 50
    assert last_s - revoked_s < IN_FORCE_S
    keys = json.loads(processes.get(running.admin_url + "/keys")[1])
    assert keys["generation"] == 2
    assert keys["sources"]["shop"]["keys"][0]["status"] == "revoked"
    assert running.terminate() == 0


@pytest.mark.slow
def test_sighup_looks_at_everything_and_a_mistake_changes_nothing(stack: Stack) -> None:
    """What every daemon does on SIGHUP; and an operator's slip must not stop the deliveries."""
    path = stack.write()
    good = path.read_text()
    running = processes.start(path, "up").wait_started().wait_ready()
    _swap(path, good + "[[")
    running.process.send_signal(signal.SIGHUP)
    (*_, line) = running.wait_said("configuration_rejected")
    assert "not valid TOML" in str(line["mistakes"])
    status, told = processes.get(running.admin_url + "/readyz?verbose")
    assert status == 200
    assert "[!] configuration is the one of before" in told
    assert processes.post(running.edge_url, processes.event("a", "Created")) == 200
    shutil.copy(stack.directory / "key", stack.directory / "second")
    with (stack.directory / "second").open("ab") as file:
        file.write(b"-second")
    _swap(path, good + '[[source.key]]\nid = "k2"\nfile = "second"\n')
    running.process.send_signal(signal.SIGHUP)
    (*_, line) = running.wait_said("configuration_reloaded")
    assert line["changed"] == 1
    status, told = processes.get(running.admin_url + "/readyz?verbose")
    assert "[+] configuration is what is on the disk" in told
    assert running.terminate() == 0


@pytest.mark.slow
def test_the_level_of_the_log_changes_while_it_runs(stack: Stack) -> None:
    """Whoever looks into trouble wants more lines, and no restart that ends the trouble first."""
    path = stack.write()
    running = processes.start(path, "serve").wait_started().wait_ready()
    _swap(path, path.read_text().replace("[log]", '[logging]\nlevel = "error"\n[log]'))
    deadline = time.monotonic() + processes.WAIT_S
    while '"generation":2' not in processes.get(running.admin_url + "/keys")[1]:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    assert processes.post(running.edge_url, processes.event("a", "Created")) == 200
    assert [line for line in running.lines() if line["event"] == "delivery_handled"] == []
    assert running.terminate() == 0


@pytest.mark.slow
def test_a_worker_survives_sighup(stack: Stack) -> None:
    """It holds no sources, and `kill -HUP` of every process is what deployments do."""
    running = processes.start(stack.write(), "consume").wait_started()
    running.process.send_signal(signal.SIGHUP)
    time.sleep(0.5)
    assert running.terminate() == 0
