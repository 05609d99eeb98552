"""The log lines of refused deliveries, so many a second: a flood must not fill a disk.

Anybody can post to a source whose address is known, as fast as the edge can say no. What each of
those lines would tell is in the metrics, so of one source and reason only the first hundred in a
second are written, and then one line with how many were not. What is accepted has a line each,
always. Kinds and readings of a clock flow in; whether to write, and the sums, flow out.
"""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass

LINES_PER_S = 100
SWEEP_S = 1.0


@dataclass(slots=True)
class _Second:
    """What was said of one kind since a moment, and what was not."""

    begun_s: float
    said: int = 0
    kept_back: int = 0


class Quiet:
    """Lets the first lines of each kind through, and tells at the second's end what it kept back.

    `tell` is called with a source, a reason and a count. Kinds are configured sources times a
    closed set of reasons: strangers cannot make new ones.
    """

    def __init__(
        self, tell: Callable[[str, str, int], None], lines_per_s: int = LINES_PER_S
    ) -> None:
        self._tell = tell
        self._lines_per_s = lines_per_s
        self._seconds: dict[tuple[str, str], _Second] = {}
        self._timer: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Begin to tell the sums of a flood that ended."""
        self.sweep(time.monotonic())
        self._timer = asyncio.get_running_loop().call_later(SWEEP_S, self.start)

    def stop(self) -> None:
        """Tell what was kept back and not told yet, and no more."""
        if self._timer is not None:
            self._timer.cancel()
        self.sweep(float("inf"))

    def lets(self, source: str, reason: str, now_s: float) -> bool:
        """Say whether to write a line of this kind; `now_s` is a monotonic clock reading."""
        kind = (source, reason)
        second = self._seconds.get(kind)
        if second is None or now_s - second.begun_s >= 1:
            self._end(kind, second)
            second = self._seconds[kind] = _Second(now_s)
        if second.said >= self._lines_per_s:
            second.kept_back += 1
            return False
        second.said += 1
        return True

    def sweep(self, now_s: float) -> None:
        """Tell what was kept back in seconds that are over."""
        over = [kind for kind, one in self._seconds.items() if now_s - one.begun_s >= 1]
        for kind in over:
            self._end(kind, self._seconds.pop(kind))

    def _end(self, kind: tuple[str, str], second: _Second | None) -> None:
        if second is not None and second.kept_back:
            self._tell(*kind, second.kept_back)
