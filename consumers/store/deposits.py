"""Deposits as rows: transfers that name no payment, where money is expected, and what was decided.

A deposit's facts are kept under a key of its own like a payment's; these values say the rest. What
was decided is a history: the last word counts, and where it is a match, the deposit's facts are the
payment's too, for as long as it stands.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple, Protocol

from consumers.store.keys import EventKey, PaymentKey

# What the reference of every deposit begins with: the indexes of migration 9 hold it, too.
PREFIX = "deposit:"


class DepositState(StrEnum):
    """Where a deposit is: the first two wait for somebody, the others were decided."""

    UNMATCHED = "Unmatched"
    PROPOSED = "Proposed"
    MATCHED = "Matched"
    RETURNED = "Returned"
    HELD = "HeldAsLiability"
    WRITTEN_OFF = "WrittenOff"


class Expectation(NamedTuple):
    """Where an announced payment's money will come: an address, a memo, or both."""

    payment: PaymentKey
    address: str
    memo: str
    event: EventKey
    at_ms: int


class Deposit(NamedTuple):
    """What a transfer says beside its amount, as the first event told it.

    `named` is what it says of a payment, such as an order in its metadata; empty is not told.
    """

    key: PaymentKey
    network: str
    tx: str
    address_to: str
    address_from: str
    memo: str
    named: str
    event: EventKey
    at_ms: int


class DepositMove(NamedTuple):
    """One decision about a deposit, by people or by the rules; `version` counts them from 1.

    `payment` is what it is matched with; `detail` says why, or what was proposed.
    """

    key: PaymentKey
    version: int
    state: DepositState
    payment: PaymentKey | None
    detail: str
    event: EventKey
    at_ms: int


@dataclass(slots=True)
class Matching:
    """What one batch writes about deposits, and about where money is expected."""

    expectations: list[Expectation] = field(default_factory=list)
    deposits: list[Deposit] = field(default_factory=list)
    moves: list[DepositMove] = field(default_factory=list)


class DepositsHeld(Protocol):
    """What a transaction can ask about deposits. Raises `StoreUnavailable`."""

    async def last(self, keys: Collection[PaymentKey]) -> Mapping[PaymentKey, DepositMove]:
        """Return the last word on each deposit; those that nobody decided on are left out."""

    async def matched_with(self, payments: Collection[PaymentKey]) -> Sequence[DepositMove]:
        """Read the deposits that are matched with payments now, by their names."""

    async def told_by(self, events: Collection[EventKey]) -> Sequence[tuple[EventKey, PaymentKey]]:
        """Name the deposits that events state facts of."""
