"""When the requests of an open loop are due, whatever has become of those before. Pure.

Callers in the world do not wait for each other. A generator that waits for an answer before it
sends the next request measures one slow answer where there would have been hundreds (coordinated
omission); here the instant of each arrival is fixed beforehand, and latency counts from it.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Schedule:
    """So many arrivals at a constant rate, the first at `begin_s`."""

    begin_s: float
    rate_per_s: float
    count: int

    def intended_s(self, number: int) -> float:
        """Return the instant of an arrival; they are numbered from 0."""
        return self.begin_s + number / self.rate_per_s

    def due(self, now_s: float) -> int:
        """Count the arrivals whose instant has come."""
        if now_s < self.begin_s:
            return 0
        return min(self.count, int((now_s - self.begin_s) * self.rate_per_s) + 1)
