"""Read the payments that wait in a state, page by page, with their facts.

These are a timer's questions, and the same for both databases, so they are written once, in
PostgreSQL's words, as those of `finding` are. A page is so many payments of the
state, along the index `payment_state`; only those that can matter come with their facts: without
that, a million abandoned carts would be read whole at every sweep. So every statement is short,
whatever there is, and a reader beside it waits for one page and never for all of them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Self

from consumers.lifecycle import State
from consumers.store import rows
from consumers.store.finding import POSTGRES, Read
from consumers.store.port import Payment, Store
from consumers.store.rows import Row

_PAYMENT_COLUMNS = 6
_KEY_COLUMNS = 3
# Only what has money, or a window that is over, can be waited for too long.
PAGE = """
WITH place AS (
    SELECT p.provider, p.account, p.reference, p.state, p.version, p.changed_ms
    FROM payment AS p
    WHERE p.state = $1 AND p.changed_ms < $2
        AND (p.changed_ms, p.provider, p.account, p.reference) > ($3, $4, $5, $6)
    ORDER BY p.changed_ms, p.provider, p.account, p.reference LIMIT $7
), page AS (
    SELECT place.*, EXISTS (
        SELECT 1 FROM fact AS f
        WHERE f.provider = place.provider AND f.account = place.account
            AND f.reference = place.reference
            AND (f.expires_ms < $8 OR f.kind IN ('seen', 'final'))
    ) AS is_wanted FROM place
)
SELECT page.provider, page.account, page.reference, page.state, page.version, page.changed_ms,
    f.kind, f.key, f.asset, CAST(f.amount AS text), f.whole, f.late, f.at_ms, f.expires_ms,
    f.detail,
    coalesce((
        SELECT m.judgement FROM mark AS m
        WHERE m.event_provider = f.event_provider AND m.event_account = f.event_account
            AND m.event_key = f.event_key
        ORDER BY m.id DESC LIMIT 1
    ) = 'void', false)
FROM page LEFT JOIN fact AS f ON page.is_wanted AND f.provider = page.provider
    AND f.account = page.account AND f.reference = page.reference
ORDER BY page.changed_ms, page.provider, page.account, page.reference
"""
RESTATED = """
SELECT f.provider, f.account, f.reference, f.kind, f.key, f.asset,
    CAST(f.amount AS text), f.whole, f.late, f.at_ms, f.expires_ms, f.detail
FROM restatement AS f
WHERE f.provider = $1 AND f.account = $2 AND f.reference = $3
    AND NOT coalesce((
        SELECT m.judgement FROM mark AS m
        WHERE m.event_provider = f.event_provider AND m.event_account = f.event_account
            AND m.event_key = f.event_key
        ORDER BY m.id DESC LIMIT 1
    ) = 'void', false)
"""


class Place(NamedTuple):
    """Where a state's payments go on: behind this one."""

    changed_ms: int
    provider: str
    account: str
    reference: str


class Asked(NamedTuple):
    """One page: the payments that entered `state` before an instant, the longest waiting first.

    They come with their facts where money was seen, or where a window ended before `ended_ms`.
    """

    state: State
    before_ms: int
    ended_ms: int
    limit: int


class Page(NamedTuple):
    """The payments that can matter, and where to read on; None at the end."""

    payments: Sequence[Payment]
    after: Place | None


BEGINNING = Place(-1, "", "", "")


@dataclass(frozen=True, slots=True)
class Waits:
    """Asks one store, through its own way to `read` a statement with values.

    `mark` is what stands before the number of a parameter in the store's dialect.
    """

    read: Read
    mark: str

    @classmethod
    def of(cls, store: Store) -> Self:
        """Ask `store`, by the way that it lends to its finder."""
        return cls(store.finder.read, store.finder.mark)

    async def page(self, asked: Asked, after: Place = BEGINNING) -> Page:
        """Read the page behind `after`. Raises `StoreUnavailable`."""
        state, before_ms, ended_ms, limit = asked
        found = await self._ask(PAGE, str(state), before_ms, *after, limit, ended_ms)
        listed = list(dict.fromkeys(tuple(row[:_PAYMENT_COLUMNS]) for row in found))
        facts = [
            (*row[:_KEY_COLUMNS], *row[_PAYMENT_COLUMNS:])
            for row in found
            if row[_PAYMENT_COLUMNS] is not None
        ]
        stands, partly_void = rows.standing(facts)
        for key in partly_void:
            stands += await self._ask(RESTATED, *key)
        payments = [one for one in rows.payments(listed, stands).values() if one.facts]
        return Page(payments, _place(listed[-1]) if len(listed) == limit else None)

    async def _ask(self, statement: str, *values: str | int) -> list[Row]:
        return await self.read(statement.replace(POSTGRES, self.mark), *values)


def _place(row: Row) -> Place:
    provider, account, reference, _, _, changed_ms = row
    return Place(changed_ms, provider, account, reference)
