"""The private port: is it alive, is it ready, and the metrics. Never exposed to providers.

``/livez`` says only that the event loop turns: a broker that is away must not get the process
restarted. ``/readyz`` asks every part. ``/metrics`` is what Prometheus scrapes. ``/keys`` tells the
verifying keys of every source, and when each last proved something: ids and times, never a secret.
"""

import asyncio
import socket
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import NamedTuple

import orjson
from aiohttp import web
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder

from sealgate.config import AdminSettings


class Check(NamedTuple):
    """One question of ``/readyz``; what is not required is told, and makes nothing unready."""

    name: str
    holds: bool
    is_required: bool = True


NO_KEYS: Mapping[str, object] = {"generation": 0, "loaded_ms": 0, "sources": {}}
"""Where there is no edge."""
Checks = Callable[[], Sequence[Check]]
Keys = Callable[[str | None], Awaitable[Mapping[str, object]]]
"""Tells the keys of all sources, or of the one that is named."""


async def _no_keys(_: str | None) -> Mapping[str, object]:
    return NO_KEYS


class Admin:
    """The admin listener of one process."""

    def __init__(
        self,
        settings: AdminSettings,
        registry: CollectorRegistry,
        checks: Checks,
        keys: Keys = _no_keys,
    ) -> None:
        self._settings = settings
        self._registry = registry
        self._checks = checks
        self._keys = keys
        self._listeners: list[asyncio.Server] = []

    async def start(self, sockets: Sequence[socket.socket] = ()) -> int:
        """Listen, and return the port; `sockets` are bound already, where somebody else holds them.

        Raises `OSError` if the address cannot be had.
        """
        server = web.Server(self._handle, access_log=None, keepalive_timeout=75)
        loop = asyncio.get_running_loop()
        if sockets:
            self._listeners = [await loop.create_server(server, sock=one) for one in sockets]
        else:
            host, port = self._settings.host, self._settings.port
            self._listeners = [await loop.create_server(server, host, port)]
        number: int = self._listeners[0].sockets[0].getsockname()[1]
        return number

    async def stop(self) -> None:
        """Stop listening."""
        for one in self._listeners:
            one.close()

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        answers = {
            "/livez": self._live,
            "/healthz": self._live,
            "/readyz": self._ready,
            "/metrics": self._metrics,
        }
        if request.method not in {"GET", "HEAD"}:
            return web.Response(status=405, text="only GET is answered here\n")
        if request.path == "/keys":
            return await self._tell_keys(request)
        answer = answers.get(request.path)
        if answer is None:
            return web.Response(status=404, text="try /livez, /readyz, /metrics or /keys\n")
        return answer(request)

    def _live(self, request: web.BaseRequest) -> web.Response:
        return web.Response(text="ok\n")

    def _ready(self, request: web.BaseRequest) -> web.Response:
        checks = self._checks()
        ready = all(check.holds for check in checks if check.is_required)
        lines = ["ready" if ready else "not ready"]
        if "verbose" in request.query:
            lines += [f"[{_sign(check)}] {check.name}" for check in checks]
        return web.Response(status=200 if ready else 503, text="\n".join(lines) + "\n")

    def _metrics(self, request: web.BaseRequest) -> web.Response:
        try:
            encode, content_type = choose_encoder(request.headers.get("Accept", ""))
        except (TypeError, ValueError):
            # It names a version that is none.
            encode, content_type = choose_encoder("")
        headers = {"Content-Type": content_type}
        return web.Response(body=encode(self._registry), headers=headers)

    async def _tell_keys(self, request: web.BaseRequest) -> web.Response:
        told = await self._keys(request.query.get("source"))
        return web.Response(body=orjson.dumps(told), content_type="application/json")


def _sign(check: Check) -> str:
    if check.holds:
        return "+"
    return "-" if check.is_required else "!"
