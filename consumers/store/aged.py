"""Read the ages and the worth of exceptions: open ones, and those closed since an instant.

The same for both databases, in PostgreSQL's words, as the questions of `finding` are. Open ones are
read along the index that keeps them unique, closed ones along the one of their end, page by page:
what was closed long ago is not read at all.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Self

from consumers.ageing import Aged
from consumers.store.cases import Status
from consumers.store.finding import POSTGRES, Read
from consumers.store.port import Store
from consumers.store.rows import Row

PAGE = 1000
_COLUMNS = """
SELECT code, subject, first_ms, risk_asset, CAST(risk_amount AS text), closed_ms, status, id
FROM anomaly
"""
OPEN = (
    _COLUMNS
    + """WHERE closed_ms IS NULL AND (code, subject) > ($1, $2)
ORDER BY code, subject LIMIT $3
"""
)
CLOSED = (
    _COLUMNS
    + """WHERE closed_ms IS NOT NULL AND (closed_ms, id) > ($1, $2)
ORDER BY closed_ms, id LIMIT $3
"""
)
# Behind every number of an item.
_LAST = 2**62


@dataclass(frozen=True, slots=True)
class AgedReader:
    """Asks one store, through its own way to `read` a statement with values."""

    read: Read
    mark: str

    @classmethod
    def of(cls, store: Store) -> Self:
        """Ask `store`, by the way that it lends to its finder."""
        return cls(store.finder.read, store.finder.mark)

    async def open(self) -> AsyncIterator[Aged]:
        """Read what is open, whatever its age. Raises `StoreUnavailable`."""
        after: tuple[str | int, ...] = ("", "")
        while True:
            page = await self._ask(OPEN, *after, PAGE)
            for row in page:
                yield _aged(row)
            if len(page) < PAGE:
                return
            after = (page[-1][0], page[-1][1])

    async def closed(self, after_ms: int) -> AsyncIterator[Aged]:
        """Read what was closed after an instant. Raises `StoreUnavailable`."""
        after: tuple[str | int, ...] = (after_ms, _LAST)
        while True:
            page = await self._ask(CLOSED, *after, PAGE)
            for row in page:
                yield _aged(row)
            if len(page) < PAGE:
                return
            after = (page[-1][5], page[-1][7])

    async def _ask(self, statement: str, *values: str | int) -> list[Row]:
        return await self.read(statement.replace(POSTGRES, self.mark), *values)


def _aged(row: Row) -> Aged:
    code, subject, first_ms, asset, amount, closed_ms, status, _ = row
    return Aged(
        code=code,
        subject=subject,
        first_ms=first_ms,
        asset=asset or "",
        amount=None if amount is None else int(amount),
        closed_ms=closed_ms,
        by_people=status == Status.RESOLVED,
    )
