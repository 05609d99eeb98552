"""Connections to the public port: aiohttp's own, with the limits that it leaves to its user.

A connection flows in from the listener and requests flow out to the edge. What is added: a cap on
connections, a deadline for the first head, one for a client that does not read its answers, and
every error as a problem document.
"""

import asyncio
import logging
from typing import Protocol

from aiohttp import web
from aiohttp.web_protocol import RequestHandler

from ingress.metrics import EdgeMetrics
from ingress.settings import EdgeSettings

LINE_BYTES_MAX = 4096
FIELD_BYTES_MAX = 8190
HEADERS_MAX = 64
LINGER_S = 2.0

# aiohttp logs a traceback for every malformed request: an attacker's way to fill a disk. They are
# counted instead.
_SILENT = logging.getLogger("sealgate.http")
_SILENT.addHandler(logging.NullHandler())
_SILENT.propagate = False


class Owner(Protocol):
    """What a connection needs of the edge that it belongs to."""

    settings: EdgeSettings
    metrics: EdgeMetrics
    server: "Server"

    def answer_error(self, status: int, exc: BaseException | None) -> web.StreamResponse:
        """Answer what is no request, or what broke on our side."""

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Take one request along the path and answer it."""


class Connection(RequestHandler):
    """One client connection, with the limits aiohttp leaves to its user."""

    __slots__ = ("_edge", "_head_deadline", "_write_deadline")

    def __init__(self, server: "Server", edge: Owner, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(
            server,
            loop=loop,
            keepalive_timeout=edge.settings.keepalive_s,
            max_line_size=LINE_BYTES_MAX,
            max_field_size=FIELD_BYTES_MAX,
            max_headers=HEADERS_MAX,
            lingering_time=LINGER_S,
            auto_decompress=False,
            logger=_SILENT,
            access_log=_SILENT,
        )
        self._edge = edge
        self._head_deadline: asyncio.TimerHandle | None = None
        self._write_deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Accept the connection, or close it where there are too many already."""
        super().connection_made(transport)
        edge = self._edge
        edge.metrics.connections.inc()
        if len(edge.server.connections) > edge.settings.connections_max:
            edge.metrics.connections_refused.labels("count").inc()
            self.force_close()
            return
        self._head_deadline = self._loop.call_later(edge.settings.header_s, self._expect_head)

    def connection_lost(self, exc: BaseException | None) -> None:
        """Forget the connection."""
        for deadline in (self._head_deadline, self._write_deadline):
            if deadline is not None:
                deadline.cancel()
        if self._manager is not None:
            self._edge.metrics.connections.dec()
        super().connection_lost(exc)

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Answer what aiohttp could not parse, or what broke, without a word of it."""
        return self._edge.answer_error(status, exc)

    def pause_writing(self) -> None:
        """Begin to count: the client does not read its answers, and they pile up here."""
        super().pause_writing()
        self._write_deadline = self._loop.call_later(self._edge.settings.write_s, self._give_up)

    def resume_writing(self) -> None:
        """Stop counting: the client reads again."""
        super().resume_writing()
        if self._write_deadline is not None:
            self._write_deadline.cancel()

    def _give_up(self) -> None:
        """Drop a client that does not read: closing would wait for it to take the rest."""
        self._edge.metrics.connections_refused.labels("write_deadline").inc()
        if self.transport is not None:
            self.transport.abort()

    def close_if_idle(self) -> bool:
        """Close the connection unless a request is under way; say whether it was closed."""
        if self._request_in_progress or self._messages:
            return False
        self.close()
        return True

    def _expect_head(self) -> None:
        """Close a connection that has not brought one whole request head in time."""
        if self._request_count == 0:
            self._edge.metrics.connections_refused.labels("header_deadline").inc()
            self.force_close()


class Server(web.Server):
    """aiohttp's server, making our connections."""

    def __init__(self, edge: Owner) -> None:
        super().__init__(edge.handle)
        self._edge = edge

    def __call__(self) -> RequestHandler:
        """Make the connection that was accepted."""
        return Connection(self, self._edge, self._loop)

    def close_idle(self) -> int:
        """Close the connections on which nothing is under way; return how many others there are."""
        busy = [one.close_if_idle() for one in self.connections if isinstance(one, Connection)]
        return busy.count(False)
