"""Connections to the public port: bytes in, requests out one at a time; answers in, bytes out.

aiohttp's C parser reads; this adds what a server is besides: that requests of one connection are
answered in turn, and a limit to everything a client can keep open. A request is carried by its
`Taker`; whatever comes behind it waits in the parser, in one read of the socket, and in the kernel,
until the answer is written. No task, timer or coroutine is made for a request: `Server` looks at
the deadlines of all connections a few times a second.
"""

import asyncio
import time
from enum import Enum, auto
from typing import cast

from ingress.clients import Certificate
from ingress.parser import NO_HTTP, Asked, Messages, Stream, make_parser
from ingress.taker import Owner, Taker

LINGER_S = 2.0
HEAD_BYTES_MAX = 65_536
"""How much of a head may arrive before its end does. The parser limits each line and how many there
are, which is half a MiB, and holds it twice: for each connection there may be, that is a machine's
memory. What arrives in one read, with its end, is not held, and may be more."""
_NEVER = float("inf")


class _Phase(Enum):
    """Where a connection is with the request it is at."""

    HEAD = auto()
    BODY = auto()
    TAKEN = auto()
    """The whole request is its taker's, or about to begin."""
    LINGER = auto()
    """Answered; the rest of its body is thrown away."""
    STALLED = auto()
    """Answered, and the client takes no answers: there is no next request until it does."""
    CLOSED = auto()


# An enumeration is slow to look up, and a request asks for ten of these.
_HEAD = _Phase.HEAD
_BODY = _Phase.BODY
_TAKEN = _Phase.TAKEN
_LINGER = _Phase.LINGER
_STALLED = _Phase.STALLED
_CLOSED = _Phase.CLOSED


class Connection(asyncio.Protocol):
    """One client connection."""

    __slots__ = (
        "_ahead",
        "_all_open",
        "_body",
        "_has_ended",
        "_head_bytes",
        "_is_held",
        "_is_stalled",
        "_owner",
        "_parser",
        "_payload",
        "_phase",
        "_taker",
        "_transport",
        "certificate",
        "deadline_s",
        "is_last",
        "peer",
        "was_asked",
        "write_deadline_s",
    )

    def __init__(
        self, owner: Owner, all_open: "set[Connection]", loop: asyncio.AbstractEventLoop
    ) -> None:
        self._owner = owner
        self._all_open = all_open
        self._parser = make_parser(loop)
        self._transport: asyncio.Transport | None = None
        self._phase = _HEAD
        self._taker: Taker | None = None
        self._payload: Stream | None = None
        self._body = bytearray()
        self._ahead = b""
        self._head_bytes = 0
        self._has_ended = self._is_held = self._is_stalled = False
        self.peer = ""
        self.certificate: Certificate | None = None
        self.was_asked = self.is_last = False
        self.deadline_s = self.write_deadline_s = _NEVER

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Accept the connection, or close it where there are too many already."""
        self._transport = cast("asyncio.Transport", transport)
        name = transport.get_extra_info("peername")
        self.peer = str(name[0]) if name else ""
        self.certificate = transport.get_extra_info("peercert")
        owner = self._owner
        self._all_open.add(self)
        if len(self._all_open) > owner.settings.connections_max:
            self._count("count")
            self.close()
            return
        self.deadline_s = time.monotonic() + owner.settings.header_s

    def connection_lost(self, exc: BaseException | None) -> None:
        """Forget the connection; a request whose body is here is carried on all the same."""
        self._all_open.discard(self)
        self._transport = None
        self._phase = _CLOSED
        if self._taker is not None:
            self._taker.broken()
        self._payload = self._taker = None

    def data_received(self, data: bytes) -> None:
        """Read on, or put aside what comes before its turn."""
        phase = self._phase
        if phase is _TAKEN or phase is _STALLED:
            self._ahead += data
            self._hold()
        elif phase is not _CLOSED:
            messages = self._parse(data)
            if messages:
                self._begin(*messages[0])
            elif self._payload is not None:
                self._read(self._payload)
            else:
                self._wait_on(len(data))

    def eof_received(self) -> bool:
        """Hear that the client sends nothing more; say whether it may still hear its answer."""
        self._has_ended = True
        if self._taker is not None:
            self._taker.broken()
        if self._transport is None or self._transport.get_extra_info("sslcontext"):
            return False  # TLS closes both ways at once
        return self._phase in {_TAKEN, _STALLED}

    def pause_writing(self) -> None:
        """Begin no other request, and begin to count: the client does not read its answers."""
        self._is_stalled = True
        self.write_deadline_s = time.monotonic() + self._owner.settings.write_s

    def resume_writing(self) -> None:
        """Stop counting: the client reads again."""
        if self._phase is _CLOSED:
            return
        self._is_stalled = False
        self.write_deadline_s = _NEVER
        if self._phase is _STALLED:
            self._next()

    def write(self, data: bytes) -> None:
        """Write, if the client is still there."""
        if self._transport is not None:
            self._transport.write(data)

    def answer(self, written: bytes, *, is_last: bool) -> None:
        """Write the answer to the request under way, and go on with the next one."""
        self._taker = None
        if self._transport is None or self._phase is _CLOSED:
            return
        self._transport.write(written)
        self.is_last = self.is_last or is_last
        if self._payload is None or self._payload.is_eof() or self._has_ended:
            self._next()
            return
        # Closed with bytes unread, the kernel resets the connection, and the answer may be lost.
        self._phase = _LINGER
        self._body.clear()
        self.deadline_s = time.monotonic() + LINGER_S

    def is_busy(self) -> bool:
        """Say whether a request is under way, of which the head has arrived, or an answer is."""
        if self._taker is not None or self._phase is _TAKEN:
            return True
        return self._transport is not None and self._transport.get_write_buffer_size() > 0

    def close(self) -> None:
        """Close, once what is written has been taken."""
        self._phase = _CLOSED
        self.deadline_s = _NEVER
        if self._transport is not None:
            # One that takes nothing is dropped, however little it leaves.
            limit_s = time.monotonic() + self._owner.settings.write_s
            self.write_deadline_s = min(self.write_deadline_s, limit_s)
            self._transport.close()

    def abort(self) -> None:
        """Drop the connection, and what is not written yet."""
        self._phase = _CLOSED
        if self._transport is not None:
            self._transport.abort()

    def expire(self, now_s: float) -> None:
        """Do what is to be done at a deadline that is over."""
        if self.write_deadline_s <= now_s:
            self._count("write_deadline")
            self.abort()  # to close would be to wait until it has taken the rest
        elif self._taker is not None:
            self._taker.late()
        else:
            if not self.was_asked:
                self._count("header_deadline")
            self.close()

    def _count(self, limit: str) -> None:
        self._owner.metrics.connections_refused.labels(limit).inc()

    def _parse(self, data: bytes) -> Messages:
        """Have the parser read on; what it cannot read is the end of the connection."""
        try:
            return self._parser.feed_data(data)[0]
        except NO_HTTP:
            self._spoil()
            return ()

    def _spoil(self) -> None:
        """Answer what is no HTTP, and close: whatever follows, nobody knows where it begins."""
        self.is_last = self.was_asked = True
        self._payload = None
        if self._phase is _LINGER:
            self.close()
        elif self._taker is not None:
            self._taker.broken()
        else:
            self._phase = _TAKEN
            self._owner.malformed(self)

    def _wait_on(self, size: int) -> None:
        """Wait for the rest of a head, unless too much of it has come already."""
        self._head_bytes += size
        if self._phase is _HEAD and self._head_bytes > HEAD_BYTES_MAX:
            self._spoil()

    def _begin(self, asked: Asked, payload: Stream) -> None:
        """Begin a request, of which the head has arrived, and whatever of its body has."""
        self._head_bytes = 0
        if self._ahead and not payload.is_eof():
            # It came while this request waited for its turn, and is of its body.
            ahead, self._ahead = self._ahead, b""
            self._parse(ahead)
        if self._phase is _CLOSED:
            return
        self.was_asked = True
        self._payload = payload
        self._phase = _BODY
        self.deadline_s = _NEVER
        # We speak no other protocol; and what stands behind such a request may be written in one.
        self.is_last = asked.should_close or asked.upgrade
        taker = self._owner.takes(self, asked)
        self._taker = taker
        if taker is not None or self._phase is _LINGER:
            self._read(payload)

    def _read(self, payload: Stream) -> None:
        """Take what has arrived of the body, and hand it on once it is whole."""
        piece = payload.read_nowait()
        taker = self._taker
        if taker is None:
            (self._next if payload.is_eof() else self._release)()
        elif piece and not taker.takes(len(piece)):
            pass  # answered
        elif payload.is_eof():
            self._hand_over(taker, piece)
        elif self._has_ended:
            taker.broken()
        else:
            self._body += piece
            self._release()
            if self.deadline_s == _NEVER:
                self.deadline_s = time.monotonic() + self._owner.settings.body_s
                taker.waits()

    def _hand_over(self, taker: Taker, piece: bytes) -> None:
        """Give the whole body, of which this is the last piece, and mostly the only one."""
        self._taker = None
        if self._body:
            self._body += piece
            piece = bytes(self._body)
            self._body.clear()
        self._phase = _TAKEN
        self.deadline_s = _NEVER
        taker.whole(piece)

    def _next(self) -> None:
        """Go on behind the answer: close, wait until answers are read, or take the next request."""
        self._payload = None
        self.deadline_s = _NEVER
        if self.is_last:
            self.close()
            return
        if self._is_stalled:
            self._phase = _STALLED
            return
        self._phase = _TAKEN
        self._parser.message_consumed()
        ahead, self._ahead = self._ahead, b""
        messages = self._parse(ahead)
        if messages:
            # In a turn of its own: a thousand requests in one segment must not hold up others, nor
            # stand on each other's shoulders in the stack.
            asyncio.get_running_loop().call_soon(self._begin, *messages[0])
        elif self._has_ended:
            self.close()
        elif self._phase is _TAKEN:
            self._phase = _HEAD
            self.deadline_s = time.monotonic() + self._owner.settings.keepalive_s
            self._release()

    def _hold(self) -> None:
        """Read no more for now: the client shall wait, and the kernel tells it so."""
        if not self._is_held and self._transport is not None:
            self._is_held = True
            self._transport.pause_reading()

    def _release(self) -> None:
        """Read on, if nothing was read for a while."""
        if self._is_held and self._transport is not None:
            self._is_held = False
            self._transport.resume_reading()
