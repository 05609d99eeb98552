"""aiohttp's HTTP parser, as a connection uses it: in C, one request at a time, within limits.

Bytes flow in, and heads flow out, each with the stream of its body. The parser is the one that
aiohttp's own server has, with the same settings, so what it refuses is refused here; what differs
is that it stops behind each request, and holds back, unparsed, what stands behind it.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import Protocol, cast

from aiohttp.http import HttpProcessingError, HttpRequestParser, RawRequestMessage
from aiohttp.http_parser import HttpRequestParserPy
from aiohttp.streams import StreamReader

LINE_BYTES_MAX = 4096
FIELD_BYTES_MAX = 8190
HEADERS_MAX = 64
_STREAM_BYTES = 2**16

Asked = RawRequestMessage
"""A head as it was parsed."""
Stream = StreamReader
"""What has arrived of a body, and whether that was all."""
Messages = Sequence[tuple[Asked, Stream]]
NO_HTTP = (HttpProcessingError, ValueError, RuntimeError)
"""What a parser raises about bytes that are no request. It is of no use any more then."""


class Parser(Protocol):
    """What is asked of a parser; its class is typed for aiohttp's own connections alone."""

    def feed_data(self, data: bytes) -> tuple[Messages, bool, bytes]:
        """Read on, at most to the end of a request; what stands behind it is read when asked again.

        Raises one of `NO_HTTP`.
        """

    def message_consumed(self) -> None:
        """Hear that a request was answered."""


class _Flow:
    """Stands where the streams expect a connection that they can slow down.

    What has arrived is taken out of them at once, so they never fill.
    """

    def pause_reading(self) -> None:
        """Be told that a stream is full, of what came in one read of the socket."""

    def resume_reading(self, *, resume_parser: bool = True) -> None:
        """Be told that it is empty again, or at its end."""


_FLOW = _Flow()
_make = cast("Callable[..., Parser]", HttpRequestParser)


def check_parser() -> None:
    """Raise `RuntimeError` unless the parser is the one in C."""
    if HttpRequestParser is HttpRequestParserPy:
        raise RuntimeError(
            "aiohttp is here without its C parser, and the one in Python has let forged framing"
            " through before: install a wheel of aiohttp, and unset AIOHTTP_NO_EXTENSIONS"
        )


def make_parser(loop: asyncio.AbstractEventLoop) -> Parser:
    """Make the parser of one connection."""
    return _make(
        _FLOW,
        loop,
        _STREAM_BYTES,
        max_line_size=LINE_BYTES_MAX,
        max_field_size=FIELD_BYTES_MAX,
        max_headers=HEADERS_MAX,
        auto_decompress=False,
        max_msg_queue_size=1,
    )
