"""An observer of a publisher that remembers everything it is told."""

from collections import Counter

from ingress.eventlog.observer import Outcome, Rebuild


class Witness:
    """Everything a publisher said of itself, in order."""

    def __init__(self) -> None:
        self.outcomes: Counter[Outcome] = Counter()
        self.breakers: list[bool] = []
        self.rebuilds: list[Rebuild] = []
        self.held = (0, 0)

    def published(self, outcome: Outcome, count: int) -> None:
        self.outcomes[outcome] += count

    def waiting(self, count: int, size_bytes: int) -> None:
        self.held = (count, size_bytes)

    def breaker(self, *, is_open: bool) -> None:
        self.breakers.append(is_open)

    def rebuilt(self, reason: Rebuild) -> None:
        self.rebuilds.append(reason)
