"""Two kinds of load, as machines that are told what happened and when: no I/O, no clock.

`ClosedLoop` is so many callers that each wait for their answer before they ask again: it finds out
how much a program can do. `OpenLoop` is a world that does not wait: it finds out how long answers
take, and a request that no connection is free for stands in line with its latency running.
"""

from abc import ABC, abstractmethod
from collections import Counter, deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Protocol

from tests.benchmarks.schedule import Schedule

MakeRequest = Callable[[], bytes]


class Line(Protocol):
    """What carries one request at a time."""

    since_s: float

    def send(self, request: bytes, since_s: float) -> None:
        """Send it; its latency counts from `since_s`."""


@dataclass(slots=True)
class Tally:
    """What one run counted. `late_s`: how late the generator itself looked at each arrival."""

    sent: int = 0
    statuses: Counter[int] = field(default_factory=Counter)
    lost: int = 0
    queued: int = 0
    latencies_s: list[float] = field(default_factory=list)
    late_s: list[float] = field(default_factory=list)
    begin_s: float = 0.0
    last_s: float = 0.0


class Load(ABC):
    """What both kinds share: a tally, and how many answers are still to come."""

    def __init__(self, make_request: MakeRequest) -> None:
        self.tally = Tally()
        self.outstanding = 0
        self._make_request = make_request

    def done(self) -> bool:
        """Say whether nothing more will be sent or come."""
        return self._all_sent() and self.outstanding == 0

    def answered(self, line: Line, status: int, now_s: float) -> None:
        """Take an answer, and use the free line."""
        tally = self.tally
        self.outstanding -= 1
        tally.statuses[status] += 1
        tally.latencies_s.append(now_s - line.since_s)
        tally.last_s = now_s
        self._free(line, now_s)

    def lost(self, *, waiting: bool) -> None:
        """Take note of a line that is gone: that is never part of a sound run."""
        self.tally.lost += 1
        if waiting:
            self.outstanding -= 1

    def _send(self, line: Line, since_s: float) -> None:
        self.tally.sent += 1
        self.outstanding += 1
        line.send(self._make_request(), since_s)

    @abstractmethod
    def _all_sent(self) -> bool:
        """Say whether nothing more will be sent."""

    @abstractmethod
    def _free(self, line: Line, now_s: float) -> None:
        """Use a line that has its answer."""


class ClosedLoop(Load):
    """Every line asks again as soon as it is answered, until `until_s` or `count_max`."""

    def __init__(self, make_request: MakeRequest, until_s: float, count_max: int) -> None:
        super().__init__(make_request)
        self._until_s = until_s
        self._count_max = count_max
        self._over = False

    def begin(self, lines: Iterable[Line], clock_s: Callable[[], float]) -> None:
        """Send the first request on each line."""
        self.tally.begin_s = clock_s()
        for line in lines:
            self._free(line, clock_s())

    def _free(self, line: Line, now_s: float) -> None:
        if now_s >= self._until_s or self.tally.sent >= self._count_max:
            self._over = True
        else:
            self._send(line, now_s)

    def _all_sent(self) -> bool:
        return self._over


class OpenLoop(Load):
    """Requests go out when they are due, on whatever line is free, or wait for one."""

    def __init__(
        self, make_request: MakeRequest, schedule: Schedule, lines: Iterable[Line]
    ) -> None:
        super().__init__(make_request)
        self.tally.begin_s = schedule.begin_s
        self._schedule = schedule
        self._idle = deque(lines)
        self._waiting: deque[float] = deque()
        self._due = 0

    def tick(self, now_s: float) -> None:
        """Send what has become due."""
        due = self._schedule.due(now_s)
        for number in range(self._due, due):
            intended_s = self._schedule.intended_s(number)
            self.tally.late_s.append(now_s - intended_s)
            if self._idle:
                self._send(self._idle.popleft(), intended_s)
            else:
                self.tally.queued += 1
                self._waiting.append(intended_s)
        self._due = due

    def _free(self, line: Line, now_s: float) -> None:
        if self._waiting:
            self._send(line, self._waiting.popleft())
        else:
            self._idle.append(line)

    def _all_sent(self) -> bool:
        return self._due == self._schedule.count and not self._waiting
