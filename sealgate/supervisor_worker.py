"""One worker process, as its supervisor sees it: started, heard, asked to end, gone.

What it says over its link flows in; signals flow out. A worker that says nothing for long although
it did before hangs: it is ended, because what it holds it will never answer.
"""

import asyncio
import signal
import socket
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

from sealgate.supervisor_link import TAKE_ADMIN, VARIABLE, Given, Told

TICK_S = 1.0
# Counted in ticks, not read from a clock: while the supervisor itself is stopped, none pass.
SILENT_TICKS = 5
HUNG_TICKS = 60


@dataclass(frozen=True, slots=True)
class Sockets:
    """What a worker listens on; the supervisor keeps all of it open."""

    edge: Sequence[socket.socket]
    admin: Sequence[socket.socket]


@dataclass(frozen=True, slots=True)
class Start:
    """How a worker is started: the command line and the environment of the supervisor itself."""

    command: Sequence[str]
    environ: Mapping[str, str]


Ends = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Worker:
    """A worker process from its start to its end."""

    def __init__(self, process: asyncio.subprocess.Process, name: str, link: Ends) -> None:
        self.name = name
        self.pid = process.pid
        self.told: Told | None = None
        self.is_stopping = False
        self.gone = asyncio.Event()
        self.changed = asyncio.Event()
        self.silent_ticks = 0
        self._process = process
        self._reader, self._writer = link
        self._reloads = False
        self._on_end: Callable[[Worker], None] = _ignore
        self._begun_s = self._ended_s = asyncio.get_running_loop().time()
        self._tasks = (asyncio.create_task(self._hear()), asyncio.create_task(self._await_end()))

    @property
    def code(self) -> int:
        """Return its exit code, negative for a signal; 0 while it runs."""
        return self._process.returncode or 0

    @property
    def lived_s(self) -> float:
        """Return how long it ran."""
        return self._ended_s - self._begun_s

    def is_ready(self) -> bool:
        """Say whether it serves, as far as is known."""
        return (
            self.told is not None
            and self.told.is_ready
            and not self.is_stopping
            and not self.gone.is_set()
            and self.silent_ticks < SILENT_TICKS
        )

    def is_hung(self) -> bool:
        """Say whether it stopped telling long ago. One that is still starting has not begun."""
        return self.told is not None and self.silent_ticks >= HUNG_TICKS

    def on_end(self, tell: Callable[["Worker"], None]) -> None:
        """Have somebody told of its end, who is told once."""
        self._on_end = tell

    def take_admin(self) -> None:
        """Tell it that the admin port is its own."""
        self._writer.write(TAKE_ADMIN)

    def reload(self) -> None:
        """Ask it to look at the configuration, as soon as a signal does not end it."""
        self._reloads = True
        if self.told is not None:
            self._send(signal.SIGHUP)
            self._reloads = False

    def end(self) -> None:
        """Ask it to drain and end."""
        self.is_stopping = True
        self._send(signal.SIGTERM)

    def kill(self) -> None:
        """End it at once."""
        self._send(signal.SIGKILL)

    async def ended_within(self, timeout_s: float) -> None:
        """Wait for its end, and end it at once when the time is over."""
        try:
            await asyncio.wait_for(self.gone.wait(), timeout_s)
        except TimeoutError:
            self.kill()
            await self.gone.wait()

    async def ready_within(self, timeout_s: float) -> bool:
        """Wait until it is ready; say whether it came to that."""
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                while not self.is_ready() and not self.gone.is_set():
                    self.changed.clear()
                    await self.changed.wait()
        return self.is_ready()

    def _send(self, number: signal.Signals) -> None:
        if not self.gone.is_set():
            with suppress(ProcessLookupError):
                self._process.send_signal(number)

    async def _hear(self) -> None:
        try:
            with suppress(OSError, ValueError):
                while line := await self._reader.readline():
                    self.told = Told.decode(line)
                    self.silent_ticks = 0
                    self.changed.set()
                    if self._reloads:
                        self.reload()
            await self.gone.wait()
        finally:
            self._writer.close()

    async def _await_end(self) -> None:
        await self._process.wait()
        self._ended_s = asyncio.get_running_loop().time()
        self.gone.set()
        self.changed.set()
        self._on_end(self)


def _ignore(_: Worker) -> None:
    """Need not know."""


async def spawn(start: Start, index: int, name: str, sockets: Sockets) -> Worker:
    """Start a worker. Raises `OSError` where there is no room for a process."""
    ours, theirs = socket.socketpair()
    with theirs:
        given = Given(
            index=index,
            name=name,
            link=theirs.fileno(),
            edge=[one.fileno() for one in sockets.edge],
            admin=[one.fileno() for one in sockets.admin],
        )
        try:
            process = await asyncio.create_subprocess_exec(
                *start.command,
                env={**start.environ, VARIABLE: given.encode()},
                pass_fds=given.descriptors,
                stdin=asyncio.subprocess.DEVNULL,
            )
        except OSError:
            ours.close()
            raise
    return Worker(process, name, await asyncio.open_unix_connection(sock=ours))


def meaning(code: int) -> str:
    """Say in words how a process ended."""
    if code < 0:
        return f"ended by signal {signal.Signals(-code).name}"
    return f"exit code {code}" if code else "ended by itself"
