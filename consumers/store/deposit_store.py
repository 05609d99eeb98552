"""Deposits in the two databases: what a batch writes of them, and what is asked inside it.

The statements of both dialects stand side by side, so that their columns cannot drift apart.
"""

from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from typing import NamedTuple

from consumers.store.deposits import Deposit, DepositMove, DepositState, Expectation
from consumers.store.keys import EventKey, PaymentKey
from consumers.store.port import Changes, Fenced
from consumers.store.rows import Row

Many = Callable[[str, Sequence[Row]], Awaitable[list[Row]]]
Tell = Callable[[str, Sequence[Row]], None]

_EXPECTATION = """
INSERT INTO expectation (
    provider, account, reference, address, memo, event_provider, event_account, event_key, at_ms
)
"""
_DEPOSIT = """
INSERT INTO deposit (
    provider, account, reference, network, tx, address_to, address_from, memo, named,
    event_provider, event_account, event_key, at_ms
)
"""
_MOVE = """
INSERT INTO deposit_move (
    provider, account, reference, version, state, payment_provider, payment_account,
    payment_reference, detail, event_provider, event_account, event_key, at_ms
)
"""
# Whoever counted on another version than there is, finds the row taken.
_ONCE = " ON CONFLICT DO NOTHING RETURNING provider, account, reference"
_LAST = """
SELECT m.provider, m.account, m.reference, m.version, m.state, m.payment_provider,
    m.payment_account, m.payment_reference, m.detail, m.event_provider, m.event_account,
    m.event_key, m.at_ms
FROM deposit_move AS m
"""
IS_LAST = """
NOT EXISTS (
    SELECT 1 FROM deposit_move AS n WHERE n.provider = m.provider AND n.account = m.account
        AND n.reference = m.reference AND n.version > m.version
)
"""
# The words about the reference are those of the partial indexes, or they would not be used.
_TOLD = """
SELECT f.event_provider, f.event_account, f.event_key, f.provider, f.account, f.reference
FROM fact AS f {event} AND substr(f.reference, 1, 8) = 'deposit:'
UNION
SELECT f.event_provider, f.event_account, f.event_key, f.provider, f.account, f.reference
FROM restatement AS f {event} AND substr(f.reference, 1, 8) = 'deposit:'
"""
_EVENT = "WHERE f.event_provider = ?1 AND f.event_account = ?2 AND f.event_key = ?3"
_EVENTS = """
JOIN unnest($1::text[], $2::text[], $3::text[]) AS k (provider, account, event_key)
ON k.provider = f.event_provider AND k.account = f.event_account AND k.event_key = f.event_key
"""
_KEYS = """
JOIN unnest($1::text[], $2::text[], $3::text[]) AS k (provider, account, reference)
USING (provider, account, reference) WHERE
"""
_PAYMENTS = """
JOIN unnest($1::text[], $2::text[], $3::text[]) AS k (provider, account, reference)
ON m.payment_provider = k.provider AND m.payment_account = k.account
    AND m.payment_reference = k.reference
WHERE m.state = 'Matched' AND
"""


# The deposits `l` that are matched now, each with its facts `f`; where the payments are those of a
# table, that one stands `before` them.
_MATCHED = """
FROM {before}deposit_move AS l CROSS JOIN {table} AS f
WHERE l.payment_provider = {0} AND l.payment_account = {1} AND l.payment_reference = {2}
    AND l.state = 'Matched' AND f.provider = l.provider AND f.account = l.account
    AND f.reference = l.reference AND NOT EXISTS (
        SELECT 1 FROM deposit_move AS n WHERE n.provider = l.provider AND n.account = l.account
            AND n.reference = l.reference AND n.version > l.version
    )
"""
_MATCHED_OF_SET = """
FROM unnest($1::text[], $2::text[], $3::text[]) AS k (provider, account, reference)
CROSS JOIN LATERAL (SELECT l.* FROM deposit_move AS l
    WHERE l.payment_provider = k.provider AND l.payment_account = k.account
        AND l.payment_reference = k.reference AND l.state = 'Matched' AND NOT EXISTS (
            SELECT 1 FROM deposit_move AS n WHERE n.provider = l.provider
                AND n.account = l.account AND n.reference = l.reference AND n.version > l.version
        )
) AS l
JOIN {table} AS f
ON f.provider = l.provider AND f.account = l.account AND f.reference = l.reference
"""


def with_matched(
    own: str, source: str, table: str, places: Sequence[str] = (), page: str = ""
) -> str:
    """Add to the facts of payments, read by `own` from `source`, those of matched deposits.

    `places` are the parameters of one payment's name, or its columns in the table `page`; none is
    a set of payments.
    """
    before = f"{page} CROSS JOIN " if page else ""
    matched = _MATCHED.format(*places, table=table, before=before) if places else _MATCHED_OF_SET
    named = "l.payment_provider, l.payment_account, l.payment_reference, "
    of_deposits = own.replace("f.provider, f.account, f.reference, ", named, 1)
    source = source.replace("FROM fact", f"FROM {table}")
    of_deposits = of_deposits.replace(source, matched.replace("{table}", table))
    return own + " UNION ALL " + of_deposits


_STATEMENTS = """
UNION ALL
SELECT f.kind, f.key, f.asset, {amount}, f.whole, f.late, f.at_ms, f.expires_ms, f.detail,
    f.untold, f.event_provider, f.event_account, f.event_key, {first}, f.statement
{matched} AND NOT {retracted}
"""


def with_matched_statements(
    own: str, retracted: str, places: Sequence[str], amount: str, is_first: Sequence[str]
) -> str:
    """Add to the statements about a payment those about its matched deposits."""
    added = [
        _STATEMENTS.format(
            amount=amount,
            first=first,
            matched=_MATCHED.format(*places, table=table, before=""),
            retracted=retracted,
        )
        for table, first in zip(("fact", "restatement"), is_first, strict=True)
    ]
    head, order, tail = own.partition("ORDER BY at_ms, is_first")
    return head + "".join(added) + order + tail


class DepositStatements(NamedTuple):
    """How one of the databases is told of deposits, and asked."""

    expectation: str
    deposit: str
    move: str
    last: str
    matched: str
    told_by: str


SQLITE = DepositStatements(
    expectation=_EXPECTATION + "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
    deposit=_DEPOSIT + "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)" + _ONCE,
    move=_MOVE + "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)" + _ONCE,
    last=_LAST + "WHERE m.provider = ? AND m.account = ? AND m.reference = ? AND" + IS_LAST,
    matched=_LAST
    + "WHERE m.payment_provider = ? AND m.payment_account = ? AND m.payment_reference = ?"
    + " AND m.state = 'Matched' AND"
    + IS_LAST,
    told_by=_TOLD.replace("{event}", _EVENT),
)
POSTGRES = DepositStatements(
    expectation=_EXPECTATION
    + """
SELECT * FROM unnest(
    $1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[],
    $8::text[], $9::bigint[]
)
""",
    deposit=_DEPOSIT
    + """
SELECT * FROM unnest(
    $1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[],
    $8::text[], $9::text[], $10::text[], $11::text[], $12::text[], $13::bigint[]
)
"""
    + _ONCE,
    move=_MOVE
    + """
SELECT * FROM unnest(
    $1::text[], $2::text[], $3::text[], $4::bigint[], $5::text[], $6::text[], $7::text[],
    $8::text[], $9::text[], $10::text[], $11::text[], $12::text[], $13::bigint[]
)
"""
    + _ONCE,
    last=_LAST + _KEYS + IS_LAST,
    matched=_LAST + _PAYMENTS + IS_LAST,
    told_by=_TOLD.replace("{event}", _EVENTS),
)


async def save(many: Many, sql: DepositStatements, changes: Changes, tell: Tell) -> None:
    """Write what a batch says of deposits. Raises `Fenced` where another has decided meanwhile."""
    matching = changes.matching
    # No transition tells the chain of keys that have facts and no state.
    kept = [one.payment for one in changes.payments if one.payment.kept]
    tell("kept", [(*one.key, one.version, str(one.kept), one.changed_ms) for one in kept])
    if matching.expectations:
        expected = [expectation_row(one) for one in matching.expectations]
        await many(sql.expectation, expected)
        tell("expectations", expected)
    if matching.deposits:
        # Of several events of a batch that tell of one transfer, the first.
        rows = {one.key: deposit_row(one) for one in reversed(matching.deposits)}
        new = {PaymentKey(*row) for row in await many(sql.deposit, list(rows.values()))}
        tell("deposits", [row for key, row in rows.items() if key in new])
    if matching.moves:
        moves = [move_row(one) for one in matching.moves]
        if len(await many(sql.move, moves)) != len(moves):
            raise Fenced("a deposit was decided on by another since it was read")
        tell("deposit_moves", moves)


class Held:
    """Asks inside of a transaction."""

    def __init__(self, many: Many, sql: DepositStatements) -> None:
        self._many = many
        self._sql = sql

    async def last(self, keys: Collection[PaymentKey]) -> Mapping[PaymentKey, DepositMove]:
        """Return the last word on each deposit."""
        found = map(move, await self._many(self._sql.last, sorted(keys)))
        return {one.key: one for one in found}

    async def matched_with(self, payments: Collection[PaymentKey]) -> Sequence[DepositMove]:
        """Read the deposits that are matched with payments now, by their names."""
        found = map(move, await self._many(self._sql.matched, sorted(payments)))
        return sorted(found, key=lambda one: one.key)

    async def told_by(self, events: Collection[EventKey]) -> Sequence[tuple[EventKey, PaymentKey]]:
        """Name the deposits that events state facts of."""
        found = await self._many(self._sql.told_by, sorted(events))
        return sorted((EventKey(*row[:3]), PaymentKey(*row[3:])) for row in found)


def expectation_row(one: Expectation) -> Row:
    """Lay out where a payment's money will come."""
    payment, address, memo, event, at_ms = one
    return (*payment, address, memo, *event, at_ms)


def expectations(found: Iterable[Row]) -> list[Expectation]:
    """Read them back."""
    return [
        Expectation(PaymentKey(*row[:3]), row[3], row[4], EventKey(*row[5:8]), row[8])
        for row in found
    ]


def deposit_row(one: Deposit) -> Row:
    """Lay out what a transfer says."""
    key, *told, event, at_ms = one
    return (*key, *told, *event, at_ms)


def deposit(row: Row) -> Deposit:
    """Read it back."""
    key, (network, tx, to, by, memo, named) = PaymentKey(*row[:3]), row[3:9]
    return Deposit(key, network, tx, to, by, memo, named, EventKey(*row[9:12]), row[12])


def move_row(one: DepositMove) -> Row:
    """Lay out a decision about a deposit."""
    key, version, state, payment, detail, event, at_ms = one
    return (*key, version, str(state), *(payment or (None,) * 3), detail, *event, at_ms)


def move(row: Row) -> DepositMove:
    """Read it back."""
    payment = None if row[5] is None else PaymentKey(*row[5:8])
    key, state = PaymentKey(*row[:3]), DepositState(row[4])
    return DepositMove(key, row[3], state, payment, row[8], EventKey(*row[9:12]), row[12])
