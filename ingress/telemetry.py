"""The clock, ids and log lines that both packages share.

A clock and an id source are arguments wherever something is decided, so that a test can hold them
still. Log lines are structlog events, JSON or for a console, one per unit of work; the libraries'
own loggers are held at WARNING, because aiokafka at DEBUG writes keys, values and whole requests.
"""

import logging
import os
import re
import sys
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Literal, Protocol, TextIO, cast

import orjson
import structlog

Clock = Callable[[], int]
"""Returns milliseconds since the epoch."""

LIBRARY_QUIET_S = 10.0
LIBRARY_CHARS_MAX = 500
_LEVELS = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warning": logging.WARNING,
    "error": logging.ERROR,
}

_TRACEPARENT = re.compile(rb"00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")


def now_ms() -> int:
    """Read the wall clock: milliseconds since the epoch."""
    return time.time_ns() // 1_000_000


class Log(Protocol):
    """What is asked of a logger: one event in snake case, and its facts."""

    def info(self, event: str, **facts: object) -> object:
        """Record something that is meant to happen."""

    def warning(self, event: str, **facts: object) -> object:
        """Record something a human may want to look at."""

    def error(self, event: str, **facts: object) -> object:
        """Record something a human must look at."""


def uuid7(ms: int, random: bytes) -> str:
    """Build a UUIDv7 (RFC 9562, 5.7) from the time and ten random bytes."""
    head = ms.to_bytes(6, "big").hex()
    tail = bytearray(random)
    tail[0] = 0x70 | (tail[0] & 0x0F)
    tail[2] = 0x80 | (tail[2] & 0x3F)
    text = tail.hex()
    return f"{head[:8]}-{head[8:]}-{text[:4]}-{text[4:8]}-{text[8:]}"


def correlation_id() -> str:
    """Make a new correlation id: a UUIDv7, so that ids sort by time."""
    return uuid7(now_ms(), os.urandom(10))


def traceparent() -> str:
    """Begin a trace: a provider is a stranger, so its own trace is never continued, only linked."""
    raw = os.urandom(24).hex()
    return f"00-{raw[:32]}-{raw[32:]}-00"


def is_traceparent(value: bytes) -> bool:
    """Say whether `value` is a version 00 traceparent (W3C Trace Context, 3.2)."""
    return _TRACEPARENT.fullmatch(value) is not None


class _Libraries(logging.Handler):
    """Makes the libraries' own lines ours: one form, and each place at most once in ten seconds.

    A producer without its broker says the same some forty times a second.
    """

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self._said_s: dict[tuple[str, int], float] = {}
        self._kept_back: Counter[tuple[str, int]] = Counter()

    def emit(self, record: logging.LogRecord) -> None:
        """Pass the line on, or keep it back."""
        place = (record.pathname, record.lineno)
        now_s = time.monotonic()
        if now_s - self._said_s.get(place, -LIBRARY_QUIET_S) < LIBRARY_QUIET_S:
            self._kept_back[place] += 1
            return
        self._said_s[place] = now_s
        logger(record.name).warning(
            "library_said",
            said=record.getMessage()[:LIBRARY_CHARS_MAX],
            kept_back=self._kept_back.pop(place, 0),
            exc_info=record.exc_info,
        )


class _Unfailing:
    """A stream that loses a line rather than a delivery.

    A full disk under the log lines, or their end, must not turn an event that is durable into an
    error answer.
    """

    def __init__(self, file: TextIO) -> None:
        self._file = file

    def write(self, text: str) -> None:
        """Write what can be written."""
        with suppress(OSError, ValueError):
            self._file.write(text)

    def flush(self) -> None:
        """Flush what can be flushed."""
        with suppress(OSError, ValueError):
            self._file.flush()


class _Level:
    """Drops lines that are not grave enough.

    Here, not in structlog's own filter: that is fixed when a logger says its first line, and the
    level may change while the process runs.
    """

    least = logging.INFO

    def __call__(self, _: object, method: str, event: Any) -> Any:
        """Pass a line on, or drop it."""
        if _LEVELS.get(method, logging.CRITICAL) < self.least:
            raise structlog.DropEvent
        return event


def configure(
    style: Literal["json", "console"], level: str = "info", out: TextIO | None = None
) -> None:
    """Set up log lines for this process: JSON for machines, columns for people.

    They go to `out`, or to standard error where it is absent.
    """
    file = sys.stderr if out is None else out
    render: list[Any] = (
        [structlog.processors.format_exc_info, structlog.processors.JSONRenderer(_to_json)]
        if style == "json"
        # Said: where `rich` is installed, tracebacks would show variables, and so secrets.
        else [
            structlog.dev.ConsoleRenderer(
                colors=file.isatty(), exception_formatter=structlog.dev.plain_traceback
            )
        ]
    )
    structlog.configure(
        processors=[
            _Level(),
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            *render,
        ],
        wrapper_class=structlog.make_filtering_bound_logger("debug"),
        logger_factory=structlog.WriteLoggerFactory(file=cast("TextIO", _Unfailing(file))),
        cache_logger_on_first_use=True,
    )
    set_level(level)
    logging.basicConfig(handlers=[_Libraries()], level=logging.WARNING, force=True)
    for library in ("aiokafka", "aiohttp", "asyncio", "asyncpg"):
        logging.getLogger(library).setLevel(logging.WARNING)


def set_level(level: str) -> None:
    """Say from now on only what is at least as grave as that."""
    _Level.least = _LEVELS[level]


def logger(part: str) -> Log:
    """Return the logger of one part of the program."""
    log: Log = structlog.get_logger(part=part)
    return log


def _to_json(event: Any, **_: Any) -> str:
    return orjson.dumps(event, default=str).decode()
