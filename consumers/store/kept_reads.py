"""Ask a store for what is kept without a state: parked payments, and deposits.

The questions are the same for both databases, so they are written once, in PostgreSQL's words, as
those of `waiting` are. All go along the index `payment_state`, where what is kept stands under its
own word.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Self

from consumers.store.finding import POSTGRES, Read
from consumers.store.kept import Kept
from consumers.store.port import PaymentKey, Store
from consumers.store.rows import Row

_COUNTS = """
SELECT provider, count(*), min(changed_ms) FROM payment WHERE state = $1
GROUP BY provider ORDER BY provider
"""
_PAGE = """
SELECT provider, account, reference, changed_ms FROM payment
WHERE state = $1 AND changed_ms < $2
    AND (changed_ms, provider, account, reference) > ($3, $4, $5, $6)
ORDER BY changed_ms, provider, account, reference LIMIT $7
"""


class KeptCount(NamedTuple):
    """How many of a provider are kept, and since when the oldest is."""

    provider: str
    kept: int
    oldest_ms: int


class KeptSince(NamedTuple):
    """One key, and since when it is kept."""

    key: PaymentKey
    since_ms: int


BEGINNING = KeptSince(PaymentKey("", "", ""), -1)


@dataclass(frozen=True, slots=True)
class KeptReads:
    """Asks one store, through its own way to `read` a statement with values."""

    read: Read
    mark: str

    @classmethod
    def of(cls, store: Store) -> Self:
        """Ask `store`, by the way that it lends to its finder."""
        return cls(store.finder.read, store.finder.mark)

    async def counts(self, kept: Kept) -> Sequence[KeptCount]:
        """Count what is kept, by provider. Raises `StoreUnavailable`."""
        return [KeptCount(*row) for row in await self._ask(_COUNTS, str(kept))]

    async def page(
        self, kept: Kept, before_ms: int, after: KeptSince, limit: int
    ) -> Sequence[KeptSince]:
        """Read what is kept since before an instant, the oldest first, behind `after`."""
        place = (after.since_ms, *after.key)
        found = await self._ask(_PAGE, str(kept), before_ms, *place, limit)
        return [KeptSince(PaymentKey(*row[:3]), row[3]) for row in found]

    async def _ask(self, statement: str, *values: str | int) -> list[Row]:
        return await self.read(statement.replace(POSTGRES, self.mark), *values)
