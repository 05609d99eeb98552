"""The listening sockets of the public port, in plain text or with TLS.

Sockets that listen flow in, and each connection that is accepted becomes a `Connection` of the
`Server`, which watches the deadlines of all. With TLS each connection is accepted here, so that one
in its handshake counts against the same limit as one that is served, has a deadline, and gets the
certificate of its moment: a new one is for new connections, and those that are open keep theirs. No
name is asked for (SNI), so a client that sends none is served as well.
"""

import asyncio
import socket
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from ingress.connection import LINGER_S, Connection
from ingress.parser import check_parser
from ingress.taker import Owner
from ingress.tls import Loaded

BACKLOG = 1024
# No more file descriptors: one comes free in time, and to ask at once again would be all we do.
ACCEPT_PAUSE_S = 0.5
SWEEP_S = 0.25
"""How late a deadline may be noticed. They are seconds, and a sweep costs 0.1 µs a connection."""


class Server:
    """Makes the connections, watches their deadlines, and closes them in the end."""

    def __init__(self, owner: Owner) -> None:
        check_parser()
        self.connections: set[Connection] = set()
        self._owner = owner
        self._loop = asyncio.get_running_loop()
        self._timer = self._loop.call_later(SWEEP_S, self._sweep)

    def __call__(self) -> Connection:
        """Make the connection that was accepted."""
        return Connection(self._owner, self.connections, self._loop)

    def close_idle(self) -> int:
        """Close the connections on which nothing is under way; return how many others there are."""
        busy = 0
        for one in list(self.connections):
            if one.is_busy():
                busy += 1
            else:
                one.close()
        return busy

    def stop(self) -> None:
        """Drop every connection that is left."""
        self._timer.cancel()
        for one in list(self.connections):
            one.abort()

    def _sweep(self) -> None:
        """End what is over at every connection. First of all: see that there is a next time."""
        self._timer = self._loop.call_later(SWEEP_S, self._sweep)
        now_s = time.monotonic()
        over = [
            one
            for one in self.connections
            if one.deadline_s <= now_s or one.write_deadline_s <= now_s
        ]
        for one in over:
            one.expire(now_s)


async def bind(host: str, port: int) -> list[socket.socket]:
    """Return sockets that listen on every address of `host`. Raises `OSError`.

    Port 0 chooses a free one, the same for all of them only where there is one address.
    """
    loop = asyncio.get_running_loop()
    passive = socket.AI_PASSIVE
    found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=passive)
    sockets: list[socket.socket] = []
    try:
        for family, *_, address in dict.fromkeys(found):
            sockets.append(socket.create_server(address, family=family, backlog=BACKLOG))
    except OSError:
        for one in sockets:
            one.close()
        raise
    return sockets


def _port(sockets: Sequence[socket.socket]) -> int:
    number: int = sockets[0].getsockname()[1]
    return number


@dataclass(slots=True)
class PlainListener:
    """Listens without TLS: a proxy that has it stands in front."""

    server: Server
    _listening: list[asyncio.Server] = field(default_factory=list)

    async def open(self, sockets: Sequence[socket.socket]) -> int:
        """Accept connections, and return the port."""
        loop = asyncio.get_running_loop()
        for one in sockets:
            self._listening.append(await loop.create_server(self.server, sock=one, backlog=BACKLOG))
        return _port(sockets)

    def end(self) -> None:
        """Accept nobody any more."""
        for one in self._listening:
            one.close()

    async def close(self) -> None:
        """Accept nobody any more."""
        self.end()


class TlsListener:
    """Listens with TLS; `loaded` is with what, and may be put in place of another at any time."""

    def __init__(self, server: Server, edge: Owner, loaded: Loaded) -> None:
        self.loaded = loaded
        self._server = server
        self._edge = edge
        self._sockets: list[socket.socket] = []
        self._greeting: set[asyncio.Task[None]] = set()

    async def open(self, sockets: Sequence[socket.socket]) -> int:
        """Accept connections, and return the port."""
        self._sockets = list(sockets)
        for one in self._sockets:
            one.settimeout(0)
            self._resume(one)
        return _port(sockets)

    def end(self) -> None:
        """Accept nobody any more."""
        for one in self._sockets:
            asyncio.get_running_loop().remove_reader(one)
            one.close()
        self._sockets = []

    async def close(self) -> None:
        """Accept nobody any more, and give up who has not finished the handshake."""
        self.end()
        greeting = list(self._greeting)
        for task in greeting:
            task.cancel()
        await asyncio.gather(*greeting, return_exceptions=True)

    def _resume(self, listening: socket.socket) -> None:
        """Accept whoever connects. Not in a task: one that is cancelled may lose whom it has."""
        if listening in self._sockets:
            asyncio.get_running_loop().add_reader(listening, self._accept, listening)

    def _accept(self, listening: socket.socket) -> None:
        """Accept the next connection; another process may have been quicker."""
        loop = asyncio.get_running_loop()
        try:
            connected, _ = listening.accept()
        except (BlockingIOError, InterruptedError, ConnectionError):
            return
        except OSError:
            loop.remove_reader(listening)
            loop.call_later(ACCEPT_PAUSE_S, self._resume, listening)
            return
        connected.settimeout(0)
        if self._is_full():
            self._edge.metrics.connections_refused.labels("count").inc()
            connected.close()
            return
        task = asyncio.create_task(self._greet(connected))
        self._greeting.add(task)
        task.add_done_callback(self._greeting.discard)

    def _is_full(self) -> bool:
        there = len(self._server.connections) + len(self._greeting)
        return there >= self._edge.settings.connections_max

    async def _greet(self, connected: socket.socket) -> None:
        """Do the handshake within its deadline, and hand the connection over."""
        try:
            await asyncio.get_running_loop().connect_accepted_socket(
                self._server,
                connected,
                ssl=self.loaded.context,
                ssl_handshake_timeout=self._edge.settings.header_s,
                ssl_shutdown_timeout=LINGER_S,
            )
        except OSError:
            # No TLS, none that we have in common, a bad certificate, or too slow: scanners mostly.
            self._edge.metrics.connections_refused.labels("tls_handshake").inc()
