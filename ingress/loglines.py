"""Log lines on their way out: facts flow in, whole lines of JSON flow out, many in one write.

An edge says one line for every delivery, and a write for each would cost as much as the delivery's
proof. So a line waits: where little is said until the event loop turns, and in a flood for some
milliseconds, which is what a kill can take of it. Grave lines, and those said where no loop runs,
go out at once, and everything that waits goes before them: the order is the one in which it was
said. What cannot be written is lost, for a full disk under the log must not turn a durable event
into an error answer.
"""

import asyncio
import sys
import threading
import time
import traceback
from collections import deque
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from functools import lru_cache
from typing import TextIO

import orjson

# One write of a pipe's usual capacity: more would wait for whoever reads it in any case.
WAITING_BYTES_MAX = 65_536
# Of a flood: a hundred writes a second, whatever the rate. At 3,000 lines a second a write for each
# turn of the loop was a tenth of the edge's time.
GAP_S = 0.01
_SECOND_US = 1_000_000


class Sink:
    """A stream of lines that are written together. Any thread may say something, at any time."""

    def __init__(self, file: TextIO) -> None:
        self._file = file
        self._waiting: deque[bytes] = deque()
        self._waiting_bytes = 0
        self._loop: asyncio.AbstractEventLoop | None = None
        self._due_s = 0.0
        # Not a plain lock: what the collector destroys during a write may have something to say.
        self._lock = threading.RLock()

    def add(self, line: bytes) -> None:
        """Take a line, with its end, that may wait for the loop to turn."""
        self._waiting.append(line)
        self._waiting_bytes += len(line)
        loop = self._loop
        # A loop that was closed meanwhile will not turn again.
        if loop is None or loop.is_closed() or self._waiting_bytes > WAITING_BYTES_MAX:
            self._arrange()

    def write(self, text: str) -> None:
        """Write a text at once, behind what waits."""
        self._waiting.append(text.encode("utf-8", "surrogatepass"))
        self.flush()

    def flush(self) -> None:
        """Write all that waits, as far as it can be written."""
        self._loop = None
        with self._lock:
            lines = []
            with suppress(IndexError):
                while True:
                    lines.append(self._waiting.popleft())
            self._waiting_bytes = 0
            if lines:
                self._due_s = time.monotonic() + GAP_S
                # A stream that is full, closed, or being written to by whom we interrupted.
                with suppress(OSError, ValueError, RuntimeError):
                    self._file.write(b"".join(lines).decode("utf-8", "surrogatepass"))
                    self._file.flush()

    def forget(self) -> None:
        """Drop what waits: in a child process it is the parent's to say."""
        self._waiting.clear()
        self._waiting_bytes = 0
        self._loop = None
        self._lock = threading.RLock()

    def _arrange(self) -> None:
        """See to it that what waits is written: by the loop, or here where that is no good."""
        loop = None
        with suppress(RuntimeError):
            loop = asyncio.get_running_loop()
        if loop is None or self._waiting_bytes > WAITING_BYTES_MAX:
            self.flush()
            return
        self._loop = loop
        if time.monotonic() >= self._due_s:
            loop.call_soon(self.flush)
        else:
            loop.call_later(GAP_S, self.flush)


def line(part: str, event: str, level: str, facts: Mapping[str, object]) -> bytes:
    """Write one line: who says it, the facts, what happened, how grave it is and when.

    Of `exc_info` among the facts, an exception or what `logging` makes of one, the traceback stands
    last; never what the variables held, which may be secrets.
    """
    said = {"part": part, **facts, "event": event, "level": level, "timestamp": _now()}
    if "exc_info" in said:
        told = _traceback(said.pop("exc_info"))
        if told:
            said["exception"] = told
    return orjson.dumps(said, str, orjson.OPT_APPEND_NEWLINE)


def _traceback(told: object) -> str:
    """Write the traceback of an exception, if there is one."""
    if isinstance(told, tuple):
        told = told[1]
    elif told is True:
        told = sys.exc_info()[1]
    if not isinstance(told, BaseException):
        return ""
    return "".join(traceback.format_exception(told)).rstrip("\n")


def _now() -> str:
    """Read the wall clock as ISO 8601 writes it, the microseconds left out where there are none."""
    second, us = divmod(time.time_ns() // 1000, _SECOND_US)
    return f"{_second(second)}.{us:06d}Z" if us else f"{_second(second)}Z"


@lru_cache(maxsize=2)
def _second(second: int) -> str:
    return datetime.fromtimestamp(second, UTC).replace(tzinfo=None).isoformat()
