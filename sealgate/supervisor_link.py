"""Between the supervisor and one of its workers: what a worker is given, and what they tell.

A worker is a process of its own, started with the same command line. A variable of its environment
says which it is, and under which numbers it finds what it inherited: the listening sockets, which
stay the supervisor's, and its end of a link. Over the link it tells, every second and whenever that
changes, whether it is ready; the supervisor tells it when the admin port is its own. The end of the
link is the end of the other: a worker whose supervisor is gone drains, and leaves the port to the
next supervisor.
"""

import asyncio
import socket
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Self

import orjson

VARIABLE = "SEALGATE_WORKER"
LOOK_S = 0.1
TELL_S = 1.0
# A supervisor that does not read is stopped or gone: what it is told need not pile up.
UNREAD_BYTES_MAX = 65_536
TAKE_ADMIN = b"take the admin port\n"


@dataclass(frozen=True, slots=True)
class Given:
    """What a worker is started with; sockets and the link are numbers of file descriptors.

    `name` is that of no other living worker, also while one replaces the other of its `index`.
    """

    index: int
    name: str
    link: int
    edge: Sequence[int]
    admin: Sequence[int]

    def encode(self) -> str:
        """Write it for the environment."""
        return orjson.dumps(asdict(self)).decode()

    @classmethod
    def decode(cls, text: str) -> Self:
        """Read what `encode` wrote."""
        return cls(**orjson.loads(text))

    @property
    def descriptors(self) -> tuple[int, ...]:
        """Return what the worker inherits."""
        return (self.link, *self.edge, *self.admin)


@dataclass(frozen=True, slots=True)
class Told:
    """What a worker says of itself: whether it is ready, and what it lacks."""

    is_ready: bool
    lacks: Sequence[str] = ()

    def encode(self) -> bytes:
        """Write it as a line."""
        return orjson.dumps(asdict(self)) + b"\n"

    @classmethod
    def decode(cls, line: bytes) -> Self:
        """Read a line. Raises `ValueError` for anything else."""
        try:
            return cls(**orjson.loads(line))
        except TypeError:
            raise ValueError("this is not what a worker tells") from None


Look = Callable[[], Told]


class Link:
    """The worker's end."""

    def __init__(self, given: Given) -> None:
        self.index = given.index
        self.name = given.name
        self.edge = [_inherited(number) for number in given.edge]
        self.admin = [_inherited(number) for number in given.admin]
        self._socket = _inherited(given.link)
        self._has_admin = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    async def open(self, look: Look, alone: Callable[[], None]) -> None:
        """Begin to tell what `look` sees; `alone` is called when the supervisor is gone."""
        reader, writer = await asyncio.open_unix_connection(sock=self._socket)
        self._tasks = [
            asyncio.create_task(self._hear(reader, alone)),
            asyncio.create_task(self._tell(writer, look)),
        ]

    async def admin_is_ours(self) -> None:
        """Wait until no other worker answers at the admin port."""
        await self._has_admin.wait()

    async def close(self) -> None:
        """Say no more."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _hear(self, reader: asyncio.StreamReader, alone: Callable[[], None]) -> None:
        try:
            while line := await reader.readline():
                if line == TAKE_ADMIN:
                    self._has_admin.set()
        except OSError:
            pass
        alone()

    async def _tell(self, writer: asyncio.StreamWriter, look: Look) -> None:
        loop = asyncio.get_running_loop()
        before: Told | None = None
        said_s = 0.0
        try:
            while not writer.is_closing():
                told = look()
                is_due = loop.time() - said_s >= TELL_S
                if told != before or is_due:
                    if writer.transport.get_write_buffer_size() < UNREAD_BYTES_MAX:
                        writer.write(told.encode())
                    before, said_s = told, loop.time()
                await asyncio.sleep(LOOK_S)
        finally:
            writer.close()


def _inherited(number: int) -> socket.socket:
    """Return an inherited socket, which goes to no child of this process."""
    found = socket.socket(fileno=number)
    found.set_inheritable(False)
    return found
