"""What a supervisor decides and says, apart from processes: waits, words, what is inherited."""

import asyncio
import signal
import socket
from collections.abc import Iterator

import pytest

from sealgate.supervisor_link import Given, Link, Told
from sealgate.supervisor_slot import Backoff, Slot, Terms
from sealgate.supervisor_worker import HUNG_TICKS, SILENT_TICKS, Start, Worker, meaning, spawn
from sealgate.supervisor_worker import Sockets as Held

PATIENCE_S = 30.0
# Tells once that it is ready, then waits for the end of the link; ends by itself on SIGTERM.
TELLER = """
import json, os, socket
link = socket.socket(fileno=json.loads(os.environ["SEALGATE_WORKER"])["link"])
link.send(b'{"is_ready":true,"lacks":[]}' + bytes([10]))
link.recv(1000); link.recv(1000)
"""


def test_a_worker_that_dies_young_is_waited_for_twice_as_long_each_time() -> None:
    """A tenth of a second to ten: quick for an accident, slow for what does not mend."""
    backoff = Backoff()
    waits = [backoff.after(1.0) for _ in range(10)]
    assert waits == [0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 10.0, 10.0, 10.0]


def test_a_worker_that_lived_for_a_minute_begins_anew() -> None:
    """An accident once a day is no loop."""
    backoff = Backoff()
    for _ in range(8):
        backoff.after(1.0)
    assert backoff.after(60.0) == 0.1
    assert backoff.after(59.9) == 0.2


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (-9, "ended by signal SIGKILL"),
        (-11, "ended by signal SIGSEGV"),
        (78, "exit code 78"),
        (0, "ended by itself"),
    ],
)
def test_how_a_worker_ended_is_said_in_words(code: int, words: str) -> None:
    """Whoever reads the line at night does not know the numbers of signals."""
    assert meaning(code) == words


def test_what_a_worker_is_given_survives_the_environment() -> None:
    """It is all that a worker knows of its supervisor."""
    given = Given(index=3, name="3b", link=7, edge=[8, 9], admin=[10])
    assert Given.decode(given.encode()) == given
    assert given.descriptors == (7, 8, 9, 10)


@pytest.mark.parametrize("line", [b"\n", b"{}\n", b"[1]\n", b'{"no": 1}\n', b"\xff\n"])
def test_what_no_worker_says_is_an_error_and_nothing_worse(line: bytes) -> None:
    """A worker that prints into its link by accident must not take the supervisor with it."""
    with pytest.raises(ValueError, match=r".*"):
        Told.decode(line)


@pytest.fixture(name="ends")
def _ends() -> Iterator[tuple[socket.socket, Link]]:
    ours, theirs = socket.socketpair()
    ours.settimeout(PATIENCE_S)
    with ours, socket.create_server(("127.0.0.1", 0)) as port:
        given = Given(0, "0", theirs.detach(), [port.detach()], [])
        link = Link(given)
        yield ours, link
        link.edge[0].close()


async def test_a_worker_tells_how_it_is_when_that_changes(ends: tuple[socket.socket, Link]) -> None:
    """A rolling restart waits for this word before it ends the old worker."""
    ours, link = ends
    told = Told(is_ready=False, lacks=("log accepts envelopes",))
    await link.open(lambda: told, lambda: None)
    lines = []
    for _ in range(2):
        lines.append(Told.decode(await asyncio.to_thread(ours.recv, 1000)))
        told = Told(is_ready=True)
    await link.close()
    assert [line.is_ready for line in lines] == [False, True]
    assert lines[0].lacks == ["log accepts envelopes"]


async def test_a_worker_takes_the_admin_port_when_it_is_told(
    ends: tuple[socket.socket, Link],
) -> None:
    """Two processes at one port would show Prometheus counters that jump back."""
    ours, link = ends
    await link.open(lambda: Told(is_ready=True), lambda: None)
    waiting = asyncio.create_task(link.admin_is_ours())
    await asyncio.sleep(0.01)
    assert not waiting.done()
    ours.send(b"take the admin port\n")
    await asyncio.wait_for(waiting, PATIENCE_S)
    await link.close()


async def test_a_worker_whose_supervisor_is_gone_is_told(ends: tuple[socket.socket, Link]) -> None:
    """Nobody would end it, and it would keep the port from the next supervisor."""
    ours, link = ends
    alone = asyncio.Event()
    await link.open(lambda: Told(is_ready=True), alone.set)
    ours.close()
    await asyncio.wait_for(alone.wait(), PATIENCE_S)
    await link.close()


def test_what_a_worker_inherits_goes_to_no_child_of_its_own(
    ends: tuple[socket.socket, Link],
) -> None:
    """A listening socket in a stray child would be a queue that nobody accepts from."""
    _, link = ends
    assert not link.edge[0].get_inheritable()
    asyncio.run(link.close())
    link._socket.close()


async def _started(program: str) -> Worker:
    command = ("python3", "-c", program)
    return await spawn(Start(command, {"PATH": "/usr/bin:/bin"}), 0, "0", Held((), ()))


async def test_a_worker_is_ready_when_it_says_so_and_gone_when_it_ends() -> None:
    """What the supervisor knows of a worker, on a real process."""
    worker = await _started(TELLER)
    assert not worker.is_ready()
    assert await worker.ready_within(10)
    worker.end()
    assert not worker.is_ready()
    await worker.ended_within(10)
    assert worker.code == -signal.SIGTERM


async def test_a_worker_that_does_not_end_is_ended() -> None:
    """A stop has an end: whatever hangs in a worker, the machine shuts down."""
    worker = await _started(
        "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)\n" + TELLER + "link.recv(1)"
    )
    assert await worker.ready_within(10)
    worker.end()
    await worker.ended_within(0.2)
    assert worker.code == -signal.SIGKILL


async def test_a_worker_that_dies_before_it_is_ready_is_not_waited_for() -> None:
    """A rolling restart stops at once at a configuration that nobody can start with."""
    worker = await _started("raise SystemExit(78)")
    assert not await worker.ready_within(60)
    assert worker.code == 78


async def test_a_worker_that_says_nothing_is_unready_and_then_hung() -> None:
    """One that blocks holds what it took for ever; one that is still starting is only slow."""
    worker = await _started(TELLER)
    worker.silent_ticks = HUNG_TICKS
    assert not worker.is_hung()
    assert await worker.ready_within(10)
    worker.silent_ticks = SILENT_TICKS
    assert not worker.is_ready()
    assert not worker.is_hung()
    worker.silent_ticks = HUNG_TICKS
    assert worker.is_hung()
    worker.kill()
    await worker.ended_within(10)


async def test_a_signal_before_the_first_word_waits_for_it() -> None:
    """A SIGHUP ends a process that has not got to its handlers."""
    takes = "import signal; signal.signal(signal.SIGHUP, lambda *_: os._exit(42))"
    worker = await _started(TELLER.replace("link.send", f"{takes}\nlink.send"))
    worker.reload()
    await worker.ended_within(30)
    assert worker.code == 42


async def test_a_worker_that_dies_while_its_predecessor_drains_is_followed_at_once() -> None:
    """The old one accepts nobody any more, and may drain for half a minute: nobody would."""
    drains = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
    command = ("python3", "-c", drains + TELLER + "link.recv(1)")
    start = Start(command, {"PATH": "/usr/bin:/bin"})
    slot = Slot(0, Held((), ()), Terms(start, 60.0, lambda _: None))
    running = asyncio.create_task(slot.run())
    async with asyncio.timeout(30):
        while slot.current is None or not slot.current.is_ready():
            await asyncio.sleep(0.01)
        old = slot.current
        replacing = asyncio.create_task(slot.replace())
        while slot.current is old:
            await asyncio.sleep(0.01)
        fresh = slot.current
        assert fresh is not None
        fresh.kill()
        while slot.current is None or slot.current is fresh or not slot.current.is_ready():
            await asyncio.sleep(0.01)
        assert not old.gone.is_set()
        old.kill()
        assert await replacing
        slot.current.kill()
        await slot.end()
        await running
