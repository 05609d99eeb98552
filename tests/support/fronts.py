"""Two HTTP servers without sockets: aiohttp's own, and our connection; what each makes of bytes.

Bytes flow in, in pieces, through a transport in memory; what was taken for a request flows out, and
what was answered. Both record and answer 200, and judge nothing: their reading is compared.
"""

import asyncio
import logging
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, NamedTuple

from aiohttp import web

from ingress import parser
from ingress.connection import LINGER_S, Connection
from ingress.taker import Line, Taker

_SILENT = logging.getLogger("tests.fronts")
_SILENT.addHandler(logging.NullHandler())
_SILENT.propagate = False
_TURNS = 2
# A server that has not read on by then waits for something that does not come.
_TURNS_MAX = 60
# aiohttp writes the version that it was asked in, whatever that is.
_LINE = re.compile(rb"^HTTP/[0-9]+\.[0-9]+ (?=[0-9]{3} )", re.MULTILINE)
_REPLY = re.compile(rb"([0-9]{3}) (?:.*?X-Number: ([0-9]+))?", re.DOTALL)


class Seen(NamedTuple):
    """A request as a server understood it."""

    method: str
    target: str
    version: tuple[int, int]
    headers: tuple[tuple[bytes, bytes], ...]
    body: bytes


@dataclass(slots=True)
class Heard:
    """What a server made of everything that was sent, and how it ended."""

    seen: list[Seen] = field(default_factory=list)
    replies: list[tuple[int, int | None]] = field(default_factory=list)
    """Statuses, each with the number of the request that it answers."""
    is_closed: bool = False


class Wire(asyncio.Transport):
    """A transport in memory, which obeys whoever is at its other end."""

    def __init__(self) -> None:
        super().__init__({"peername": ("127.0.0.1", 40000)})
        self.written = b""
        self.is_paused = False
        self.is_closed = False

    def write(self, data: Any) -> None:
        assert not self.is_closed, "written after the end"
        self.written += bytes(data)

    def writelines(self, list_of_data: Iterable[Any]) -> None:
        self.write(b"".join(list_of_data))

    def pause_reading(self) -> None:
        self.is_paused = True

    def resume_reading(self) -> None:
        self.is_paused = False

    def is_closing(self) -> bool:
        return self.is_closed

    def get_write_buffer_size(self) -> int:
        return 0

    def close(self) -> None:
        self.is_closed = True

    def abort(self) -> None:
        self.is_closed = True


class Recorder:
    """An owner of connections that takes every request, and answers it some turns later."""

    def __init__(self, turns: int) -> None:
        self.settings: Any = SimpleNamespace(
            connections_max=10, header_s=60.0, body_s=60.0, write_s=60.0, keepalive_s=60.0
        )
        self.metrics: Any = None
        self.heard = Heard()
        self._turns = turns

    def takes(self, line: Line, asked: parser.Asked) -> Taker | None:
        return _Recording(self, line, asked)

    def malformed(self, line: Line) -> None:
        line.answer(_reply(400, None), is_last=True)

    def later(self, turns: int, then: Callable[[], None]) -> None:
        if turns:
            asyncio.get_running_loop().call_soon(self.later, turns - 1, then)
        else:
            then()

    def take(self, seen: Seen, line: Line) -> None:
        self.heard.seen.append(seen)
        reply = _reply(200, len(self.heard.seen))
        is_last = line.is_last
        self.later(self._turns, lambda: line.answer(reply, is_last=is_last))


@dataclass(slots=True)
class _Recording:
    owner: Recorder
    line: Line
    asked: parser.Asked

    def takes(self, size: int) -> bool:
        return True

    def waits(self) -> None:
        pass

    def whole(self, body: bytes) -> None:
        self.owner.take(_seen(self.asked, body), self.line)

    def broken(self) -> None:
        self.line.answer(_reply(400, None), is_last=True)

    def late(self) -> None:
        raise AssertionError("nothing is late here")


def _seen(asked: Any, body: bytes) -> Seen:
    version = (asked.version.major, asked.version.minor)
    return Seen(asked.method, asked.path, version, asked.raw_headers, body)


def _reply(status: int, number: int | None) -> bytes:
    shown = "" if number is None else f"X-Number: {number}\r\n"
    return f"HTTP/1.1 {status} R\r\n{shown}Content-Length: 0\r\n\r\n".encode()


async def reference(pieces: Sequence[bytes], *, ends: bool = False) -> Heard:
    """Send the pieces to aiohttp's own server, with the limits that ours has."""
    heard = Heard()

    async def handle(request: web.BaseRequest) -> web.StreamResponse:
        body = await request.read()
        heard.seen.append(_seen(request._message, body))
        return web.Response(headers={"X-Number": str(len(heard.seen))})

    server = web.Server(
        handle,
        auto_decompress=False,
        max_line_size=parser.LINE_BYTES_MAX,
        max_field_size=parser.FIELD_BYTES_MAX,
        max_headers=parser.HEADERS_MAX,
        lingering_time=LINGER_S,
        access_log=None,
        logger=_SILENT,
    )
    connection = server()
    wire = Wire()
    await _send(connection, wire, pieces, ends=ends)
    heard.replies, heard.is_closed = _replies(wire.written), wire.is_closed
    connection.connection_lost(None)
    await server.shutdown(0)
    await asyncio.sleep(0)
    return heard


async def ours(pieces: Sequence[bytes], *, ends: bool = False, turns: int = 0) -> Heard:
    """Send the pieces to our connection; each answer is given some turns of the loop later."""
    owner = Recorder(turns)
    all_open: set[Connection] = set()
    connection = Connection(owner, all_open, asyncio.get_running_loop())
    wire = Wire()
    await _send(connection, wire, pieces, ends=ends)
    owner.heard.replies, owner.heard.is_closed = _replies(wire.written), wire.is_closed
    connection.connection_lost(None)
    assert not all_open
    return owner.heard


async def _send(
    connection: asyncio.Protocol, wire: Wire, pieces: Sequence[bytes], *, ends: bool
) -> None:
    connection.connection_made(wire)
    await _turn()
    for piece in pieces:
        for _ in range(_TURNS_MAX):
            if not wire.is_paused or wire.is_closed:
                break
            await _turn()
        if wire.is_closed or wire.is_paused:
            break
        connection.data_received(piece)
        await _turn()
    if ends and not wire.is_closed and not connection.eof_received():
        await _turn()
        wire.close()
    before = -1
    while before != len(wire.written):
        before = len(wire.written)
        for _ in range(10):
            await _turn()


async def _turn() -> None:
    for _ in range(_TURNS):
        await asyncio.sleep(0)


def _replies(written: bytes) -> list[tuple[int, int | None]]:
    found = []
    for one in _LINE.split(written)[1:]:
        match = _REPLY.match(one)
        assert match is not None
        found.append((int(match[1]), int(match[2]) if match[2] else None))
    return found


def split(data: bytes, size: int) -> list[bytes]:
    """Cut bytes into pieces of one size."""
    return [data[at : at + size] for at in range(0, len(data), size)]
