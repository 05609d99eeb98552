"""What an audit reads of a store: the chains entry by entry, and the tables row by row.

Everything is read as of one moment, so that workers may go on meanwhile. `told` says what the rows
mean to an audit.
"""

from collections.abc import AsyncIterator, Sequence
from typing import NamedTuple, Protocol

PAGE = 1000
ENTRIES_PAGE = 50


class Entry(NamedTuple):
    """One entry as stored."""

    chain: str
    seq: int
    at_ms: int
    content: bytes
    hash: bytes


class Auditing(Protocol):
    """One moment of a store, for whoever audits it. Raises `StoreUnavailable`."""

    async def heads(self) -> Sequence[Entry]:
        """Read the last entry of every chain."""

    def entries(self, name: str, after: int) -> AsyncIterator[Entry]:
        """Read a chain's entries behind the one of a number, in their order."""

    def rows(self, table: str) -> AsyncIterator[tuple[object, ...]]:
        """Read a table, in the columns of `audit_sql.ROWS`."""
