"""The clock, ids and log lines that both packages share.

A clock and an id source are arguments wherever something is decided, so that a test can hold them
still. Log lines are JSON, or by structlog for a console, one per unit of work; the libraries' own
loggers are held at WARNING, because aiokafka at DEBUG writes keys, values and whole requests.
"""

import atexit
import logging
import os
import re
import sys
import time
from collections import Counter
from collections.abc import Callable
from typing import Literal, Protocol, TextIO, cast

from ingress.loglines import Sink, line

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
    head, tail = f"{ms:012x}", random.hex()
    # Of the random bits, four make way for the version and two for the variant.
    version, variant = tail[1:4], _VARIANTS[tail[4]] + tail[5:8]
    return f"{head[:8]}-{head[8:]}-7{version}-{variant}-{tail[8:]}"


_VARIANTS = {digit: "89ab"[int(digit, 16) % 4] for digit in "0123456789abcdef"}
# Asking the system costs as much for ten bytes as for thousands: it is asked for many ids at once.
# A list gives each away to one thread only.
_RANDOM_BYTES = 24
_RANDOM_COUNT = 170
_random: list[bytes] = []


def _some_random() -> bytes:
    """Return random bytes for one id."""
    while True:
        try:
            return _random.pop()
        except IndexError:
            block = os.urandom(_RANDOM_BYTES * _RANDOM_COUNT)
            starts = range(0, len(block), _RANDOM_BYTES)
            _random.extend([block[at : at + _RANDOM_BYTES] for at in starts])


def correlation_id() -> str:
    """Make a new correlation id: a UUIDv7, so that ids sort by time."""
    return uuid7(now_ms(), _some_random()[:10])


def traceparent() -> str:
    """Begin a trace: a provider is a stranger, so its own trace is never continued, only linked."""
    raw = _some_random().hex()
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


def configure(
    style: Literal["json", "console"],
    level: str = "info",
    out: TextIO | None = None,
    worker: str = "",
) -> None:
    """Set up log lines for this process: JSON for machines, columns for people.

    They go to `out`, or to standard error where it is absent. `worker` stands in each of them,
    where several processes write to the same place.
    """
    file = sys.stderr if out is None else out
    flush()
    sink = Sink(file)
    _out.sink, _out.is_json, _out.worker = sink, style == "json", worker
    if not _out.is_json:
        _arrange_columns(sink, in_colour=file.isatty())
    set_level(level)
    logging.basicConfig(handlers=[_Libraries()], level=logging.WARNING, force=True)
    for library in ("aiokafka", "aiohttp", "asyncio", "asyncpg"):
        logging.getLogger(library).setLevel(logging.WARNING)


def _arrange_columns(sink: Sink, *, in_colour: bool) -> None:
    """Have structlog write columns. Imported here: a process that writes JSON does without it."""
    import structlog

    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            # Said: where `rich` is installed, tracebacks would show variables, and so secrets.
            structlog.dev.ConsoleRenderer(
                colors=in_colour, exception_formatter=structlog.dev.plain_traceback
            ),
        ],
        logger_factory=structlog.WriteLoggerFactory(file=cast("TextIO", sink)),
        cache_logger_on_first_use=True,
    )


def set_level(level: str) -> None:
    """Say from now on only what is at least as grave as that."""
    _out.least = _LEVELS[level]


class _Out:
    """Where this process's lines go; nowhere of ours until it is configured."""

    sink: Sink | None = None
    is_json = False
    worker = ""
    least = logging.INFO


_out = _Out()


class _Part:
    """The logger of one part.

    In JSON a line is written here, at a third of what it costs by way of structlog: every delivery
    says one. What people read on a console goes that way, and what is said before `configure`.
    """

    __slots__ = ("_name",)

    def __init__(self, name: str) -> None:
        self._name = name

    def info(self, event: str, **facts: object) -> None:
        """Record something that is meant to happen."""
        out = _out
        if out.least > logging.INFO:
            return
        if out.sink is None or not out.is_json:
            self._in_columns("info", event, facts)
            return
        if out.worker:
            facts["worker"] = out.worker
        out.sink.add(line(self._name, event, "info", facts))

    def warning(self, event: str, **facts: object) -> None:
        """Record something a human may want to look at."""
        self._gravely("warning", event, facts)

    def error(self, event: str, **facts: object) -> None:
        """Record something a human must look at."""
        self._gravely("error", event, facts)

    def _gravely(self, level: str, event: str, facts: dict[str, object]) -> None:
        """Say at once what may be the last that is said."""
        out = _out
        if out.least > _LEVELS[level]:
            return
        if out.sink is None or not out.is_json:
            self._in_columns(level, event, facts)
            return
        if out.worker:
            facts["worker"] = out.worker
        out.sink.add(line(self._name, event, level, facts))
        out.sink.flush()

    def _in_columns(self, level: str, event: str, facts: dict[str, object]) -> None:
        import structlog

        if _out.worker:
            facts["worker"] = _out.worker
        getattr(structlog.get_logger(part=self._name), level)(event, **facts)


def logger(part: str) -> Log:
    """Return the logger of one part of the program."""
    return _Part(part)


def flush() -> None:
    """Write the lines that wait for the event loop to turn."""
    if _out.sink is not None:
        _out.sink.flush()


def _forget() -> None:
    """Begin anew in a child process: what waits is its parent's, and so are the next ids."""
    _random.clear()
    if _out.sink is not None:
        _out.sink.forget()


atexit.register(flush)
os.register_at_fork(after_in_child=_forget)
