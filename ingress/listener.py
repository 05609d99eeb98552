"""The listening sockets of the public port, in plain text or with TLS.

Connections flow in, and the server's protocols flow out, connected. With TLS each connection is
accepted here, so that one in its handshake counts against the same limit as one that is served, has
a deadline, and gets the certificate of its moment: a new one is for new connections, and those that
are open keep theirs. No name is asked for (SNI), so a client that sends none is served as well.
"""

import asyncio
import socket
from collections.abc import Sequence
from dataclasses import dataclass, field

from ingress.connection import LINGER_S, Owner, Server
from ingress.tls import Loaded

BACKLOG = 1024
# No more file descriptors: one comes free in time, and to ask at once again would be all we do.
ACCEPT_PAUSE_S = 0.5


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

    async def close(self) -> None:
        """Accept nobody any more."""
        for one in self._listening:
            one.close()


class TlsListener:
    """Listens with TLS; `loaded` is with what, and may be put in place of another at any time."""

    def __init__(self, server: Server, edge: Owner, loaded: Loaded) -> None:
        self.loaded = loaded
        self._server = server
        self._edge = edge
        self._sockets: list[socket.socket] = []
        self._accepting: list[asyncio.Task[None]] = []
        self._greeting: set[asyncio.Task[None]] = set()

    async def open(self, sockets: Sequence[socket.socket]) -> int:
        """Accept connections, and return the port."""
        self._sockets = list(sockets)
        for one in self._sockets:
            one.settimeout(0)
            self._accepting.append(asyncio.create_task(self._accept(one)))
        return _port(sockets)

    async def close(self) -> None:
        """Accept nobody any more, and give up who has not finished the handshake."""
        tasks: Sequence[asyncio.Task[None]] = [*self._accepting, *self._greeting]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for one in self._sockets:
            one.close()

    async def _accept(self, listening: socket.socket) -> None:
        """Accept connections, for ever."""
        loop = asyncio.get_running_loop()
        while True:
            try:
                connected, _ = await loop.sock_accept(listening)
            except ConnectionError:
                continue  # gone again before it was accepted
            except OSError:
                await asyncio.sleep(ACCEPT_PAUSE_S)
                continue
            if self._is_full():
                self._edge.metrics.connections_refused.labels("count").inc()
                connected.close()
                continue
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
