"""Ask a store about deposits, and about payments that they may be for.

The questions are the same for both databases, so they are written once, in PostgreSQL's words, as
those of `waiting` are. Each is bounded: whoever shares an address with a thousand payments is not
told apart by it anyway.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from consumers.store import deposit_store
from consumers.store.deposits import Deposit, DepositMove, DepositState, Expectation
from consumers.store.finding import POSTGRES, Read
from consumers.store.keys import EventKey, PaymentKey
from consumers.store.port import Store
from consumers.store.rows import Row

FOUND_MAX = 200
# Later than any deposit: where a list begins.
FIRST = (2**62, PaymentKey("", "", ""))
_DEPOSIT = """
SELECT provider, account, reference, network, tx, address_to, address_from, memo, named,
    event_provider, event_account, event_key, at_ms
FROM deposit
"""
_ONE = _DEPOSIT + "WHERE provider = $1 AND account = $2 AND reference = $3"
_MOVES = """
SELECT m.provider, m.account, m.reference, m.version, m.state, m.payment_provider,
    m.payment_account, m.payment_reference, m.detail, m.event_provider, m.event_account,
    m.event_key, m.at_ms
FROM deposit_move AS m
"""
_HISTORY = (
    _MOVES + "WHERE m.provider = $1 AND m.account = $2 AND m.reference = $3 ORDER BY m.version"
)
_MATCHED = (
    _MOVES
    + "WHERE m.payment_provider = $1 AND m.payment_account = $2 AND m.payment_reference = $3"
    + " AND m.state = 'Matched' AND"
    + deposit_store.IS_LAST
    + "ORDER BY m.provider, m.account, m.reference"
)
_EVER = (
    _MOVES
    + "WHERE m.payment_provider = $1 AND m.payment_account = $2 AND m.payment_reference = $3"
    + " AND m.state = 'Matched'"
)
_EXPECTATION = """
SELECT provider, account, reference, address, memo, event_provider, event_account, event_key, at_ms
FROM expectation
"""
_AT_ADDRESS = _EXPECTATION + "WHERE address = $1 AND address <> '' ORDER BY at_ms LIMIT $2"
_WITH_MEMO = _EXPECTATION + "WHERE memo = $1 AND memo <> '' ORDER BY at_ms LIMIT $2"
_OF_PAYER = """
SELECT DISTINCT m.payment_provider, m.payment_account, m.payment_reference
FROM deposit AS d JOIN deposit_move AS m
ON m.provider = d.provider AND m.account = d.account AND m.reference = d.reference
WHERE d.address_from = $1 AND d.address_from <> '' AND m.state = 'Matched' AND
""" + (deposit_store.IS_LAST + " LIMIT $2")
_TOLD_BY = deposit_store.SQLITE.told_by.replace("?", POSTGRES)
# Each deposit with the state that counts, the latest seen first.
_PAGE = """
SELECT d.provider, d.account, d.reference, d.network, d.tx, d.address_to, d.address_from, d.memo,
    d.named, d.event_provider, d.event_account, d.event_key, d.at_ms,
    coalesce(m.state, 'Unmatched')
FROM deposit AS d LEFT JOIN deposit_move AS m
ON m.provider = d.provider AND m.account = d.account AND m.reference = d.reference AND
""" + (
    deposit_store.IS_LAST
    + """
WHERE (d.at_ms, d.provider, d.account, d.reference) < ($1, $2, $3, $4)
    AND ($5 = '' OR coalesce(m.state, 'Unmatched') = $5)
ORDER BY d.at_ms DESC, d.provider DESC, d.account DESC, d.reference DESC LIMIT $6
"""
)
# Along the index payment_state; of one account, because an amount alone ties nothing together.
_OPEN = """
SELECT provider, account, reference FROM payment
WHERE state = $1 AND changed_ms >= $2 AND changed_ms <= $3 AND provider = $4 AND account = $5
LIMIT $6
"""


@dataclass(frozen=True, slots=True)
class DepositReads:
    """Asks one store, through its own way to `read` a statement with values."""

    read: Read
    mark: str

    @classmethod
    def of(cls, store: Store) -> Self:
        """Ask `store`, by the way that it lends to its finder."""
        return cls(store.finder.read, store.finder.mark)

    async def deposit(self, key: PaymentKey) -> Deposit | None:
        """Read what a transfer says. Raises `StoreUnavailable`."""
        found = await self._ask(_ONE, *key)
        return deposit_store.deposit(found[0]) if found else None

    async def page(
        self, state: str, after: tuple[int, PaymentKey], limit: int
    ) -> Sequence[tuple[Deposit, DepositState]]:
        """Read deposits in a state, or all, the latest seen first, behind `after`."""
        at_ms, key = after
        found = await self._ask(_PAGE, at_ms, *key, state, limit)
        return [(deposit_store.deposit(row[:13]), DepositState(row[13])) for row in found]

    async def history(self, key: PaymentKey) -> Sequence[DepositMove]:
        """Read what was decided about a deposit, oldest first."""
        return [deposit_store.move(row) for row in await self._ask(_HISTORY, *key)]

    async def matched_with(self, payment: PaymentKey) -> Sequence[DepositMove]:
        """Read the deposits that are matched with a payment now."""
        return [deposit_store.move(row) for row in await self._ask(_MATCHED, *payment)]

    async def decided(self, key: PaymentKey) -> Sequence[DepositMove]:
        """Read what was decided about a deposit, or what gave a payment one and took it back."""
        found = list(await self.history(key))
        given = [deposit_store.move(row) for row in await self._ask(_EVER, *key)]
        for deposit in sorted({one.key for one in given}):
            mine = {one.version for one in given if one.key == deposit}
            history = await self.history(deposit)
            found += [one for one in history if one.version in mine or one.version - 1 in mine]
        return sorted(found, key=lambda one: (one.at_ms, one.version))

    async def told_by(self, event: EventKey) -> Sequence[tuple[PaymentKey, PaymentKey]]:
        """Name the deposits that an event states facts of, each with whose facts they are now.

        They are those of the payment that the deposit is matched with, else the deposit's own.
        """
        found = sorted({PaymentKey(*row[3:]) for row in await self._ask(_TOLD_BY, *event)})
        return [(key, await self.owner(key)) for key in found]

    async def owner(self, key: PaymentKey) -> PaymentKey:
        """Name whose facts a deposit's are: those of the payment it is matched with, or its own."""
        moves = await self.history(key)
        is_matched = bool(moves) and moves[-1].state is DepositState.MATCHED
        return (moves[-1].payment if is_matched else None) or key

    async def expected(self, address: str, memo: str) -> Sequence[Expectation]:
        """Read where money was announced to come: at an address, or with a memo."""
        found = await self._ask(_AT_ADDRESS, address, FOUND_MAX) if address else []
        if memo:
            found = [*found, *await self._ask(_WITH_MEMO, memo, FOUND_MAX)]
        return deposit_store.expectations(dict.fromkeys(map(tuple, found)))

    async def paid_by(self, address: str) -> Sequence[PaymentKey]:
        """Name the payments that a payer's deposits are matched with."""
        found = await self._ask(_OF_PAYER, address, FOUND_MAX) if address else []
        return [PaymentKey(*row) for row in found]

    async def open(self, near: Deposit, state: str, within_ms: int) -> Sequence[PaymentKey]:
        """Name payments of the deposit's account that entered a state at about its time."""
        since, until = near.at_ms - within_ms, near.at_ms + within_ms
        account = near.key.provider, near.key.account
        found = await self._ask(_OPEN, state, since, until, *account, FOUND_MAX)
        return [PaymentKey(*row) for row in found]

    async def _ask(self, statement: str, *values: str | int) -> list[Row]:
        return await self.read(statement.replace(POSTGRES, self.mark), *values)
