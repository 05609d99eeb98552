"""Find what went wrong by trying: each accident of a table is undone, and the verifier asked.

A case that does not verify flows in; findings flow out, each proven by the altered case verifying.
Every row is tried alone; if none holds, rows of two different kinds are tried together, because
accidents come in pairs. The work is bounded: by the number of tries, and by the bytes hashed.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations

from sealgate.explain.case import Case

TRIES_MAX = 20_000
BYTES_MAX = 256 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Finding:
    """One explanation. What is not `proven` is a guess from what can be seen."""

    name: str
    what: str
    advice: str
    proven: bool = True
    line: str = ""
    """The answer as a line of a profile, where one could say it."""


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """One row: `alter` yields the case with one accident undone.

    One that `is_lone` alters in too many ways to be tried together with another.
    """

    kind: str
    name: str
    what: str
    advice: str
    alter: Callable[[Case], Iterable[Case]]
    is_lone: bool = False


class Search:
    """Tries altered cases until its budget is spent."""

    def __init__(self, table: Sequence[Diagnosis]) -> None:
        self.tries = 0
        self._table = table
        self._bytes = 0

    @property
    def is_over(self) -> bool:
        """Say whether the budget is spent."""
        return self.tries >= TRIES_MAX or self._bytes >= BYTES_MAX

    def holds(self, case: Case) -> bool:
        """Try one case."""
        self.tries += 1
        self._bytes += len(case.delivery.body) * max(1, len(case.keys))
        return case.judge().is_signed

    def one(self, case: Case) -> list[Finding]:
        """Try every row alone.

        Rows that arrive at the same request tell of one accident: the first, the smallest change,
        is told and the others are not.
        """
        found: list[Finding] = []
        known: list[Case] = []
        for row in self._table:
            tried = (other for other in row.alter(case) if not self.is_over)
            hit = next((other for other in tried if self.holds(other)), None)
            if hit is not None and not any(hit.is_same(other) for other in known):
                found.append(Finding(row.name, row.what, row.advice, line=hit.line))
                known.append(hit)
        return found

    def two(self, case: Case) -> list[Finding]:
        """Try rows of two kinds together; the first pair that holds explains enough."""
        paired = [row for row in self._table if not row.is_lone]
        for first, second in combinations(paired, 2):
            if first.kind != second.kind and self._both(case, first, second):
                return [
                    Finding(row.name, f"{row.what} (together with the other)", row.advice)
                    for row in (first, second)
                ]
        return []

    def _both(self, case: Case, first: Diagnosis, second: Diagnosis) -> bool:
        for once in first.alter(case):
            for twice in second.alter(once):
                if self.is_over:
                    return False
                if self.holds(twice):
                    return True
        return False
