"""What a service manager hears of real processes: one that serves, and a supervisor of several."""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import processes
from tests.support.processes import Stack

WATCHDOG_S = 1


@pytest.fixture(name="stack")
def _stack(tmp_path: Path) -> Stack:
    return Stack(tmp_path, f"embedded://{tmp_path / 'log.db'}", f"sqlite://{tmp_path / 'store.db'}")


@pytest.fixture(name="heard")
def _heard(tmp_path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ears:
        # Who says what is asked of the kernel, as a manager does: a worker's word is not its own.
        ears.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        ears.bind(str(tmp_path / "notify"))
        ears.settimeout(processes.WAIT_S)
        yield ears


def _hear(ears: socket.socket) -> tuple[str, int]:
    """Wait for a word; return it, and which process said it."""
    word, ((_, _, credentials),), *_ = ears.recvmsg(100, socket.CMSG_SPACE(12))
    return word.decode(), int.from_bytes(credentials[:4], "little")


@pytest.mark.slow
@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_manager_hears_the_start_the_life_and_the_end_of_a_gateway(
    stack: Stack, heard: socket.socket, workers: str
) -> None:
    """It must not start what waits for us too early, nor take a gateway that drains for a dead one.

    With several workers it is the supervisor that tells, and the workers say nothing.
    """
    environ = {
        "NOTIFY_SOCKET": heard.getsockname(),
        "WATCHDOG_USEC": str(WATCHDOG_S * 1_000_000),
    }
    running = processes.start(stack.write(), "serve", "--workers", workers, environ=environ)
    words = [_hear(heard)]
    while words[-1][0] != "READY=1":
        words.append(_hear(heard))
    assert running.wait_started()
    assert processes.get(f"{running.admin_url}/livez")[0] == 200
    # A worker that had something to tell would have told it by then.
    running.wait_ready()
    assert running.terminate() == 0
    while words[-1][0] != "STOPPING=1":
        words.append(_hear(heard))
    assert {number for _, number in words} == {running.process.pid}
    told = [word for word, _ in words]
    assert "WATCHDOG=1" in told
    assert [word for word in told if word != "WATCHDOG=1"] == ["READY=1", "STOPPING=1"]
