"""What a service manager hears of a process: each word when it is true, and none without one."""

import asyncio
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from sealgate.notifying import NOBODY, Manager


@pytest.fixture(name="heard")
def _heard(tmp_path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ears:
        ears.bind(str(tmp_path / "notify"))
        ears.settimeout(30)
        yield ears


def _words(ears: socket.socket) -> list[bytes]:
    ears.setblocking(False)
    words = []
    try:
        while True:
            words.append(ears.recv(100))
    except BlockingIOError:
        return words


async def test_a_manager_hears_of_the_start_and_of_the_end(heard: socket.socket) -> None:
    """What waits for the gateway begins when it serves, and not when its program was found."""
    stop = asyncio.Event()
    attending = asyncio.create_task(Manager(heard.getsockname()).attend(stop))
    assert await asyncio.to_thread(heard.recv, 100) == b"READY=1"
    stop.set()
    await attending
    assert _words(heard) == [b"STOPPING=1"]


async def test_the_end_is_told_where_a_part_failed(heard: socket.socket) -> None:
    """Then the process stops by itself, and attending is cancelled."""
    attending = asyncio.create_task(Manager(heard.getsockname()).attend(asyncio.Event()))
    await asyncio.to_thread(heard.recv, 100)
    attending.cancel()
    await asyncio.wait({attending})
    assert _words(heard) == [b"STOPPING=1"]


@pytest.mark.looptime
async def test_a_loop_that_turns_says_so_twice_in_the_time_it_has(heard: socket.socket) -> None:
    """A manager that hears nothing for so long ends the process; one that is well must be heard."""
    environ = {"NOTIFY_SOCKET": heard.getsockname(), "WATCHDOG_USEC": "60000000"}
    stop = asyncio.Event()
    attending = asyncio.create_task(Manager.of(environ).attend(stop))
    await asyncio.sleep(61)
    words = _words(heard)
    stop.set()
    await attending
    assert words == [b"READY=1", b"WATCHDOG=1", b"WATCHDOG=1"]


def test_a_name_that_is_in_no_file_system_is_found() -> None:
    """Containers are given such a one, and an @ stands for its zero byte."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ears:
        ears.bind("\0sealgate-notifying-test")
        Manager("@sealgate-notifying-test").started()
        assert _words(ears) == [b"READY=1"]


def test_a_manager_that_is_gone_or_does_not_read_stops_nobody(
    tmp_path: Path, heard: socket.socket
) -> None:
    """Money is taken in whether or not somebody counts the processes."""
    Manager(str(tmp_path / "nothing")).started()
    full = Manager(heard.getsockname(), 1.0)
    for _ in range(5000):
        full.alive()
    assert len(_words(heard)) < 5000


@pytest.mark.parametrize("environ", [{}, {"WATCHDOG_USEC": "soon"}])
def test_without_a_manager_nothing_is_told(environ: dict[str, str]) -> None:
    """On a laptop and in a container there is none; an odd number is not ours to refuse."""
    assert Manager.of(environ) == NOBODY
    NOBODY.started()
