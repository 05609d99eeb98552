"""Ask a store how long payments are in their states: so many of each age, for the monitor.

The question is the same for both databases, so it is written once, in PostgreSQL's words, as those
of `waiting` are. It goes along the index `payment_state` and reads no payment. What is kept without
a state has a word there that is none, and is not counted.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Self

from consumers.ageing import BUCKETS
from consumers.lifecycle import State
from consumers.store.finding import POSTGRES, Read
from consumers.store.port import Store

_ENDS_MS = [bucket.to_ms for bucket in BUCKETS if bucket.to_ms is not None]
_AGES = """
SELECT state, CASE {cases} END AS age, count(*) FROM payment
WHERE state IN ({states}) GROUP BY 1, 2
"""


class AgeCount(NamedTuple):
    """How many payments are in a state for as long as a bucket says."""

    state: State
    bucket: str
    payments: int


@dataclass(frozen=True, slots=True)
class StateReads:
    """Asks one store, through its own way to `read` a statement with values."""

    read: Read
    mark: str

    @classmethod
    def of(cls, store: Store) -> Self:
        """Ask `store`, by the way that it lends to its finder."""
        return cls(store.finder.read, store.finder.mark)

    async def ages(self, states: Collection[State], now_ms: int) -> Sequence[AgeCount]:
        """Count the payments of these states by age. Raises `StoreUnavailable`."""
        since_ms = [now_ms - end_ms for end_ms in _ENDS_MS]
        cases = [f"WHEN changed_ms > ${place + 1} THEN {place}" for place in range(len(since_ms))]
        cases.append(f"ELSE {len(since_ms)}")
        names = [f"${len(since_ms) + place}" for place in range(1, len(states) + 1)]
        statement = _AGES.replace("{cases}", " ".join(cases))
        statement = statement.replace("{states}", ", ".join(names))
        values = (*since_ms, *map(str, states))
        found = await self.read(statement.replace(POSTGRES, self.mark), *values)
        return [AgeCount(State(state), BUCKETS[age].name, count) for state, age, count in found]
