"""Ends futures that take too long, with one timer for all of them.

All have the same time, so they are due in the order in which they came, and the first one that is
still waiting says when to look again. A timer for each would cost more than the appending.
"""

import asyncio
from collections import deque
from typing import Any

from ingress.eventlog.port import LogUnavailable


class Deadlines:
    """Futures that have so many seconds from the moment they are watched."""

    def __init__(self, within_s: float, reason: str) -> None:
        self._within_s = within_s
        self._reason = reason
        self._due: deque[tuple[float, asyncio.Future[Any]]] = deque()
        self._timer: asyncio.TimerHandle | None = None

    def watch(self, future: asyncio.Future[Any]) -> None:
        """Let `future` fail as `LogUnavailable` unless it is done in time."""
        loop = future.get_loop()
        self._due.append((loop.time() + self._within_s, future))
        if self._timer is None:
            self._timer = loop.call_later(self._within_s, self._look, loop)

    def _look(self, loop: asyncio.AbstractEventLoop) -> None:
        due = self._due
        now_s = loop.time()
        while due and (due[0][1].done() or due[0][0] <= now_s):
            _, future = due.popleft()
            if not future.done():
                future.set_exception(LogUnavailable(self._reason))
        self._timer = loop.call_at(due[0][0], self._look, loop) if due else None
