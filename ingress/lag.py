"""How late the event loop is: what a delivery waits before anything looks at it.

A tick is due every fifty milliseconds; as much as it comes later, everything else that arrived
meanwhile waited too. Readings of a clock flow in, and whether to shed flows out. One long step is
no overload, and what waited for it is still served in time: so the loop counts as late when it was
late twice in a row, or once for so long that senders begin to give up.
"""

import asyncio
import time
from collections.abc import Callable

from prometheus_client import Histogram

TICK_S = 0.05
# A loop that is late by ten times as much need not be late twice: senders wait some three seconds.
AT_ONCE = 10


class LoopLag:
    """Measures how late the event loop is, and says when that is too late to take more on."""

    def __init__(
        self, ticks: Histogram, late_s: float, clock_s: Callable[[], float] = time.monotonic
    ) -> None:
        self._ticks = ticks
        self._late_s = late_s
        self._clock_s = clock_s
        self._due_s = float("inf")
        self._lag_s = self._lag_before_s = 0.0
        self._timer: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Begin to measure."""
        self._wait(asyncio.get_running_loop())

    def stop(self) -> None:
        """Measure no more; from now on nothing is late."""
        if self._timer is not None:
            self._timer.cancel()
        self._due_s = float("inf")
        self._lag_s = self._lag_before_s = 0.0

    def is_late(self) -> bool:
        """Say whether to take nothing more on.

        Asked between two ticks as well: in the turn after a long step, what arrived during it is
        often looked at before the tick is, and this is the first to know.
        """
        overdue_s = self._clock_s() - self._due_s
        late_s = self._late_s
        if overdue_s <= late_s and self._lag_s <= late_s:
            return False
        if max(overdue_s, self._lag_s) > late_s * AT_ONCE:
            return True
        return min(max(overdue_s, self._lag_before_s), self._lag_s) > late_s

    def _wait(self, loop: asyncio.AbstractEventLoop) -> None:
        self._due_s = self._clock_s() + TICK_S
        self._timer = loop.call_later(TICK_S, self._tick, loop)

    def _tick(self, loop: asyncio.AbstractEventLoop) -> None:
        self._lag_before_s = self._lag_s
        self._lag_s = max(0.0, self._clock_s() - self._due_s)
        self._ticks.observe(self._lag_s)
        self._wait(loop)
