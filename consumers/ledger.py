"""What the provider itself says happened, set against the facts that an event stated. Pure.

The rows of a provider's own list flow in: a list of the events it sent, or of its payments. `judge`
says of one event whether the list holds it, denies it, or is silent. It is how the word of a key
that somebody else may have had is checked: the list was fetched with other credentials, over
another connection.

A list is either of events or of payments. One of events answers best: an event it does not hold
was never sent. One of payments can only be compared with: a status says which kinds of facts it
bears out, an amount how much. What a row does not say it does not bear out, so that a real payment
does not vouch for an invented amount.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from consumers.facts import Fact, FactKind
from consumers.lifecycle import State
from consumers.store.port import EventKey


class LedgerMalformed(ValueError):
    """The rows cannot be a ledger; the message names the line."""


class Says(StrEnum):
    """What a ledger says of one event, or of one fact."""

    HOLDS = "holds"
    DENIES = "denies"
    SILENT = "silent"


class Answer(NamedTuple):
    """What the ledger says, and in words why."""

    says: Says
    reason: str


@dataclass(frozen=True, slots=True)
class Row:
    """One row: an event, or a payment in one asset. An empty account stands for every account.

    `amount` is what the payment has received in all, `price` what was asked, both atomic.
    """

    line: int
    account: str = ""
    event: str = ""
    payment: str = ""
    status: State | None = None
    asset: str = ""
    amount: int | None = None
    price: int | None = None


_VALUE = frozenset({FactKind.SEEN, FactKind.FINAL})
_GONE = frozenset({FactKind.REMOVED, FactKind.DROPPED})
_ASKED = frozenset({FactKind.EXPECTED})
_ENDS = frozenset({FactKind.EXPIRED, FactKind.CANCELLED, FactKind.FAILED})
# What a payment's status at the provider bears out, and what it rules out; of the rest it is
# silent: whether a payment that was confirmed in the end had expired before, nobody can tell.
_BEARS_OUT: Mapping[State, frozenset[FactKind]] = {
    State.PENDING: _ASKED,
    State.EXPIRED: _ASKED | {FactKind.EXPIRED},
    State.UNDERPAID: _ASKED | _VALUE,
    State.PAID: _ASKED | {FactKind.SEEN},
    State.CONFIRMED: _ASKED | _VALUE,
    State.LATE: _ASKED | _VALUE | {FactKind.EXPIRED},
    State.FAILED: _ASKED | {FactKind.FAILED},
    State.CANCELLED: _ASKED | {FactKind.CANCELLED},
    State.REVERSED: _ASKED | _GONE,
    State.REFUNDED: _ASKED | _VALUE | {FactKind.REFUND},
}
_RULES_OUT: Mapping[State, frozenset[FactKind]] = {
    State.PENDING: _VALUE | _GONE | _ENDS | {FactKind.SETTLED, FactKind.REFUND},
    State.EXPIRED: _VALUE | {FactKind.SETTLED, FactKind.REFUND},
    State.UNDERPAID: frozenset(),
    State.PAID: frozenset({FactKind.FINAL, FactKind.SETTLED, FactKind.FAILED}),
    State.CONFIRMED: frozenset({FactKind.CANCELLED}),
    State.LATE: frozenset(),
    State.FAILED: frozenset({FactKind.SETTLED}),
    State.CANCELLED: frozenset({FactKind.FINAL, FactKind.SETTLED}),
    State.REVERSED: frozenset(),
    State.REFUNDED: frozenset(),
}
_IN_FULL = frozenset({State.PAID, State.CONFIRMED, State.LATE, State.REFUNDED})


class Ledger:
    """The rows of one list, found by event or by payment.

    `is_complete` says that the list holds everything of its accounts in the time asked about: then
    what it does not hold did not happen. Raises `LedgerMalformed`.
    """

    __slots__ = ("_accounts", "_events", "_is_complete", "_payments")

    def __init__(self, rows: Sequence[Row], *, is_complete: bool) -> None:
        self._is_complete = is_complete
        self._accounts = {row.account for row in rows}
        self._events: dict[tuple[str, str], Row] = {}
        self._payments: dict[tuple[str, str], list[Row]] = {}
        for row in rows:
            _check(row, rows[0])
            self._add_event(row) if row.event else self._add_payment(row)

    def _add_event(self, row: Row) -> None:
        other = self._events.setdefault((row.account, row.event), row)
        if other is not row:
            raise LedgerMalformed(f"line {row.line} lists the event of line {other.line} again")

    def _add_payment(self, row: Row) -> None:
        others = self._payments.setdefault((row.account, row.payment), [])
        for other in others:
            if other.asset == row.asset:
                raise LedgerMalformed(
                    f"line {row.line} lists the payment of line {other.line} again:"
                    " write one row for a payment and asset, with the transfers added up"
                )
            if other.status is not row.status:
                raise LedgerMalformed(
                    f"line {row.line} gives the payment of line {other.line} another status"
                )
        others.append(row)

    def judge(
        self,
        event: EventKey,
        reference: str,
        facts: Collection[Fact],
        told: Mapping[str, int],
        *,
        is_disputed: bool,
    ) -> Answer:
        """Say whether the provider's list bears an event of payment `reference` out.

        `told` is what all events together say the payment received. `is_disputed` says that the
        event's id came with more than one body: the id alone proves neither.
        """
        if not self._covers(event.account):
            return Answer(Says.SILENT, "the ledger is of other accounts")
        if self._payments or not self._events:
            rows = self._find_payment(event.account, reference)
            if rows:
                return _weigh(facts, rows, told)
            return self._absent("payment")
        row = self._find_event(event)
        return (
            self._absent("event")
            if row is None
            else _listed(row, reference, facts, is_disputed=is_disputed)
        )

    def _covers(self, account: str) -> bool:
        return not self._accounts or not self._accounts.isdisjoint({"", account})

    def _find_event(self, event: EventKey) -> Row | None:
        name = original(event.key)
        return self._events.get((event.account, name)) or self._events.get(("", name))

    def _find_payment(self, account: str, reference: str) -> Sequence[Row]:
        anywhere = self._payments.get(("", reference), [])
        return self._payments.get((account, reference), anywhere)

    def _absent(self, what: str) -> Answer:
        if self._is_complete:
            return Answer(Says.DENIES, f"the provider's ledger does not hold the {what}")
        return Answer(Says.SILENT, f"the ledger, which is partial, does not hold the {what}")


VARIANT = "~"
_VARIANT_DIGITS = 16


def original(key: str) -> str:
    """Return the provider's event key: without what tells a second body under one key apart."""
    name, mark, digits = key.rpartition(VARIANT)
    is_variant = len(digits) == _VARIANT_DIGITS and not set(digits) - set("0123456789abcdef")
    return name if mark and name and is_variant else key


def _check(row: Row, first: Row) -> None:
    """Refuse a row that says nothing, or another kind of thing than the first row."""
    at = f"line {row.line}"
    if not row.event and not row.payment:
        raise LedgerMalformed(f"{at} names neither an event nor a payment")
    if bool(row.event) != bool(first.event):
        raise LedgerMalformed(
            f"{at} is of another kind than line {first.line}: a ledger lists events, each row"
            " with one, or payments, no row with one"
        )
    if not row.event and row.status is None and row.amount is None:
        raise LedgerMalformed(f"{at} names a payment and neither its status nor its amount")
    if not row.asset and (row.amount is not None or row.price is not None):
        raise LedgerMalformed(f"{at} has an amount or a price without its asset")


def _listed(row: Row, reference: str, facts: Collection[Fact], *, is_disputed: bool) -> Answer:
    """Judge an event that the list holds by its id."""
    at = f"the provider's ledger, line {row.line},"
    if row.payment and row.payment != reference:
        return Answer(Says.DENIES, f"{at} has the event for another payment")
    if row.status is not None or row.amount is not None:
        weighed = _weigh(facts, [row], {})
        if weighed.says is Says.DENIES or is_disputed:
            return weighed
    if is_disputed:
        return Answer(Says.SILENT, f"{at} holds the event's id, which came with two bodies")
    return Answer(Says.HOLDS, f"{at} holds the event")


def _weigh(facts: Collection[Fact], rows: Sequence[Row], told: Mapping[str, int]) -> Answer:
    """Compare every fact: one that is denied denies all, and one in the dark leaves all there."""
    answers = [_fact(fact, rows, told) for fact in facts]
    for says in (Says.DENIES, Says.SILENT):
        for answer in answers:
            if answer.says is says:
                return answer
    return Answer(Says.HOLDS, f"the provider's ledger, line {rows[0].line}, bears it out")


def _fact(fact: Fact, rows: Sequence[Row], told: Mapping[str, int]) -> Answer:
    status, at = rows[0].status, f"the provider's ledger, line {rows[0].line},"
    if status is not None:
        if fact.kind in _RULES_OUT[status] or (fact.whole and status not in _IN_FULL):
            return Answer(Says.DENIES, f"{at} has the payment as {status}")
        if fact.kind not in _BEARS_OUT[status]:
            return Answer(Says.SILENT, f"{at} has it as {status}, which leaves this open")
    elif fact.whole or fact.kind is FactKind.EXPIRED:
        return Answer(Says.SILENT, f"{at} names no status")
    if fact.amount is None:
        return Answer(Says.HOLDS, "")
    if fact.kind is FactKind.EXPECTED:
        return _price(fact.amount, _of(rows, fact.asset), at)
    return _amount(fact.amount, fact.asset, rows, told.get(fact.asset, 0))


def _of(rows: Sequence[Row], asset: str) -> Row | None:
    return next((row for row in rows if row.asset == asset), None)


def _price(amount: int, row: Row | None, at: str) -> Answer:
    if row is None or row.price is None:
        return Answer(Says.SILENT, f"{at} names no price in this asset")
    if row.price == amount:
        return Answer(Says.HOLDS, "")
    return Answer(Says.DENIES, f"{at} has another price")


def _amount(amount: int, asset: str, rows: Sequence[Row], told: int) -> Answer:
    """Compare an amount with what the payment received in all, of which it may be a part."""
    row = _of(rows, asset)
    if row is None or row.amount is None:
        at = f"the provider's ledger, line {rows[0].line},"
        if any(other.amount is not None for other in rows):
            return Answer(Says.DENIES, f"{at} names no {asset} for the payment")
        return Answer(Says.SILENT, f"{at} names no amount")
    at = f"the provider's ledger, line {row.line},"
    if amount > row.amount:
        return Answer(Says.DENIES, f"{at} holds a smaller amount")
    if told > row.amount:
        # One of the events is too many, and the total does not say which.
        return Answer(Says.SILENT, f"{at} holds less than the payment's events tell together")
    return Answer(Says.HOLDS, "")
