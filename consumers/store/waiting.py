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
from consumers.store import deposit_store, rows
from consumers.store.deposit_store import IS_LAST
from consumers.store.finding import POSTGRES, Read
from consumers.store.port import Payment, Store
from consumers.store.rereads import RETRACTED
from consumers.store.rows import Row

_PAYMENT_COLUMNS = 6
_KEY_COLUMNS = 3
# Of a payment that can matter, all facts, those of deposits matched with it among them; of the
# others the name alone.
_OF_WANTED = """FROM wanted AS w CROSS JOIN fact AS f
WHERE f.provider = w.provider AND f.account = w.account AND f.reference = w.reference
"""
_STATED = deposit_store.with_matched(
    """
SELECT f.provider, f.account, f.reference, f.kind, f.key, f.asset,
    CAST(f.amount AS text) AS amount, f.whole, f.late, f.at_ms, f.expires_ms, f.detail, f.untold,
    coalesce((
        SELECT m.judgement FROM mark AS m
        WHERE m.event_provider = f.event_provider AND m.event_account = f.event_account
            AND m.event_key = f.event_key
        ORDER BY m.id DESC LIMIT 1
    ) = 'void', false) OR {retracted} AS is_void
""".replace("{retracted}", RETRACTED)
    + _OF_WANTED,
    _OF_WANTED,
    "fact",
    ("w.provider", "w.account", "w.reference"),
    page="wanted AS w",
)
_FACTS = """, wanted AS (
    SELECT provider, account, reference FROM page WHERE is_wanted
), stated AS (
{stated}
)
SELECT page.provider, page.account, page.reference, page.state, page.version, page.changed_ms,
    f.kind, f.key, f.asset, f.amount, f.whole, f.late, f.at_ms, f.expires_ms, f.detail, f.untold,
    f.is_void
FROM page LEFT JOIN stated AS f ON f.provider = page.provider
    AND f.account = page.account AND f.reference = page.reference
""".replace("{stated}", _STATED)
_IN_STATE = """
WITH place AS (
    SELECT p.provider, p.account, p.reference, p.state, p.version, p.changed_ms
    FROM payment AS p
    WHERE p.state = $1 AND p.changed_ms < $2 AND p.version > 0
        AND (p.changed_ms, p.provider, p.account, p.reference) > ($3, $4, $5, $6)
    ORDER BY p.changed_ms, p.provider, p.account, p.reference LIMIT $7
), page AS (
    SELECT place.*, {wanted} AS is_wanted FROM place
)
"""
_OF_PLACE = """FROM fact AS f
        WHERE f.provider = place.provider AND f.account = place.account
            AND f.reference = place.reference
"""
# Only what has money, a matched deposit's too, or a window that is over, can be waited for too
# long.
_WAITED_FOR = """(
        EXISTS (
            SELECT 1 {of_place}
                AND (f.expires_ms < $8 OR f.kind IN ('seen', 'final'))
        ) OR EXISTS (
            SELECT 1 FROM deposit_move AS m
            WHERE m.payment_provider = place.provider AND m.payment_account = place.account
                AND m.payment_reference = place.reference AND m.state = 'Matched' AND {is_last}
        )
    )""".replace("{is_last}", IS_LAST)
# Deposits tell of transfers alone, so entries and refunds are in a payment's own facts.
# What is booked owes the books nothing, unless an entry was taken back or people doubt its event.
_UNBOOKED = """(
        NOT EXISTS (SELECT 1 {of_place} AND f.kind = 'posted')
        OR EXISTS (
            SELECT 1 {of_place} AND f.kind = 'posted' AND (f.detail = 'off' OR EXISTS (
                SELECT 1 FROM mark AS m
                WHERE m.event_provider = f.event_provider AND m.event_account = f.event_account
                    AND m.event_key = f.event_key
            ))
        )
    )"""
_BY_TIME = "ORDER BY page.changed_ms, page.provider, page.account, page.reference"


def _in_state(wanted: str) -> str:
    """Write the question for those payments of a state of which `wanted` holds."""
    place = _IN_STATE.replace("{wanted}", wanted.replace("{of_place}", _OF_PLACE))
    return place + _FACTS + _BY_TIME


PAGE = _in_state(_WAITED_FOR)
UNPOSTED = _in_state(_UNBOOKED)
# The words of the first condition are those of the index `fact_refund`, or it would not be used. A
# refund of which the end was told, by an event that nobody doubts, is not on its way any more.
_OWED_BACK = """
WITH place AS (
    SELECT DISTINCT r.provider, r.account, r.reference FROM fact AS r
    WHERE r.kind = 'refund' AND r.detail = 'pending'
        AND (r.provider, r.account, r.reference) > ($1, $2, $3)
    ORDER BY r.provider, r.account, r.reference LIMIT $4
), page AS (
    SELECT p.provider, p.account, p.reference, p.state, p.version, p.changed_ms, EXISTS (
        SELECT 1 FROM fact AS r
        WHERE r.provider = p.provider AND r.account = p.account AND r.reference = p.reference
            AND r.kind = 'refund' AND r.detail = 'pending' AND NOT EXISTS (
                SELECT 1 FROM fact AS e
                WHERE e.provider = p.provider AND e.account = p.account
                    AND e.reference = p.reference AND e.kind = 'refund' AND e.key = r.key
                    AND e.detail IN ('succeeded', 'failed') AND NOT EXISTS (
                        SELECT 1 FROM mark AS m
                        WHERE m.event_provider = e.event_provider
                            AND m.event_account = e.event_account AND m.event_key = e.event_key
                    )
            )
    ) AS is_wanted
    FROM place CROSS JOIN payment AS p WHERE p.provider = place.provider
        AND p.account = place.account AND p.reference = place.reference AND p.version > 0
)
"""
_BY_NAME = "ORDER BY page.provider, page.account, page.reference"
REFUNDING = _OWED_BACK + _FACTS + _BY_NAME
_OF_PAYMENT = "FROM restatement AS f WHERE f.provider = $1 AND f.account = $2 AND f.reference = $3"
_RESTATED = """
SELECT f.provider, f.account, f.reference, f.kind, f.key, f.asset,
    CAST(f.amount AS text), f.whole, f.late, f.at_ms, f.expires_ms, f.detail, f.untold
FROM restatement AS f WHERE f.provider = $1 AND f.account = $2 AND f.reference = $3
    AND NOT coalesce((
        SELECT m.judgement FROM mark AS m
        WHERE m.event_provider = f.event_provider AND m.event_account = f.event_account
            AND m.event_key = f.event_key
        ORDER BY m.id DESC LIMIT 1
    ) = 'void', false) AND NOT {retracted}
""".replace("{retracted}", RETRACTED)
RESTATED = deposit_store.with_matched(_RESTATED, _OF_PAYMENT, "restatement", ("$1", "$2", "$3"))


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
# Behind every instant there is.
ENDLESS_MS = 2**62


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
        return await self._page(PAGE, limit, str(state), before_ms, *after, limit, ended_ms)

    async def unposted(self, limit: int, after: Place = BEGINNING) -> Page:
        """Read Confirmed payments; those come with their facts that the books have not.

        Raises `StoreUnavailable`.
        """
        confirmed = str(State.CONFIRMED)
        return await self._page(UNPOSTED, limit, confirmed, ENDLESS_MS, *after, limit)

    async def refunding(self, limit: int, after: Place = BEGINNING) -> Page:
        """Read payments of which a refund was told; with their facts where it is on its way.

        In the order of their names. Raises `StoreUnavailable`.
        """
        return await self._page(REFUNDING, limit, *after[1:], limit)

    async def _page(self, statement: str, limit: int, *values: str | int) -> Page:
        found = await self._ask(statement, *values)
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
