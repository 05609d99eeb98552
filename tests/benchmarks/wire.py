"""One HTTP/1.1 connection of the generator: a request out, a response in, never two at once.

It reads no more of a response than must be read to be right about it: the status, and where the
response ends. A response that says neither is a fault, not a guess.
"""

import asyncio
import re
from collections.abc import Iterable
from time import perf_counter
from typing import Protocol, cast

_LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*([0-9]+)[ \t]*\r\n", re.IGNORECASE)
_END = b"\r\n\r\n"


class ResponseMalformed(Exception):
    """What came is no response that this client can tell the end of."""


class Listener(Protocol):
    """Who wants to know what came of a request."""

    def answered(self, connection: "Connection", status: int, now_s: float) -> None:
        """Take the answer to what was sent last."""

    def lost(self, connection: "Connection") -> None:
        """Take note that the connection is gone, asked for or not."""


class Connection(asyncio.Protocol):
    """One kept-alive connection. `since_s` is the instant its request's latency counts from."""

    __slots__ = ("_held", "_listener", "_transport", "since_s", "waiting")

    def __init__(self, listener: Listener) -> None:
        self._listener = listener
        self._held = b""
        self._transport: asyncio.Transport
        self.since_s = 0.0
        self.waiting = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Remember the transport."""
        # uvloop's transports are none by their class, only by what they can do.
        self._transport = cast("asyncio.Transport", transport)

    def send(self, request: bytes, since_s: float) -> None:
        """Send a request whose latency counts from `since_s`."""
        self.since_s = since_s
        self.waiting = True
        self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        """Take bytes; once they are a whole response, hand its status on."""
        held = self._held + data if self._held else data
        try:
            response = read_response(held)
        except ResponseMalformed:
            self._transport.abort()
            return
        if response is None:
            self._held = held
            return
        status, length = response
        if length != len(held) or not self.waiting:
            # More came than was asked for: whose answer is whose could only be guessed.
            self._transport.abort()
            return
        self._held = b""
        self.waiting = False
        self._listener.answered(self, status, perf_counter())

    def connection_lost(self, exc: Exception | None) -> None:
        """Pass it on."""
        self._listener.lost(self)

    def close(self) -> None:
        """Let the connection go."""
        self._transport.close()


def read_response(held: bytes) -> tuple[int, int] | None:
    """Return the status and the length of the response that `held` begins with; None if too short.

    Raises `ResponseMalformed` for what has no length of its own.
    """
    end = held.find(_END)
    if end < 0:
        return None
    found = _LENGTH.search(held, 0, end + 2)
    if found is None or not held.startswith(b"HTTP/1.1 "):
        raise ResponseMalformed(held[:100])
    length = end + len(_END) + int(found[1])
    return (int(held[9:12]), length) if len(held) >= length else None


def request(path: str, body: bytes, signed: Iterable[tuple[bytes, bytes]]) -> bytes:
    """Write a delivery as a provider's client would."""
    extra = b"".join(b"%s: %s\r\n" % pair for pair in signed)
    return (
        b"POST %s HTTP/1.1\r\nHost: 127.0.0.1\r\nUser-Agent: bench/1\r\nAccept: */*\r\n"
        b"Content-Type: application/json\r\nContent-Length: %d\r\n%s\r\n%s"
        % (path.encode(), len(body), extra, body)
    )
