"""What a store recorded and in which order, as values that an export is made of. Pure.

Every transaction ends with an entry of the audit chain that names all it wrote. So the entries say
in which order facts became known, and `as_of` is where every chain was: the same store as of the
same entries is the same history for ever, whatever came later. Chains know nothing of each other;
between them the database's clock decides, and of one payment all transactions wait for each other.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from consumers.facts import Fact
from consumers.store.deposits import Deposit, Expectation
from consumers.store.keys import EventKey, PaymentKey
from consumers.store.port import Transition

# What was in the tables before the chain began: known, and nobody can say in which order.
BEFORE = ""


class Seen(NamedTuple):
    """Where a chain was: its last entry, and the hash of that in hex."""

    seq: int
    hash: str


AsOf = Mapping[str, Seen]


class Act(NamedTuple):
    """One entry: what one transaction wrote, by the kinds of its rows."""

    chain: str
    seq: int
    at_ms: int
    said: Mapping[str, Sequence[Sequence[Any]]]

    @property
    def order(self) -> tuple[bool, int, str, int]:
        """Return what entries of several chains are ordered by."""
        return (self.chain != BEFORE, self.at_ms, self.chain, self.seq)


class Told(NamedTuple):
    """What an event is, as far as movements need it."""

    received_ms: int
    correlation_id: str
    position: tuple[str, int, int]


class Statement(NamedTuple):
    """One row of facts or of restatements."""

    payment: PaymentKey
    fact: Fact
    event: EventKey


Place = tuple[PaymentKey, str]
"""What identifies a statement: whose it is, and its digest in hex."""


class ItemRow(NamedTuple):
    """The row of an exception as it is now: its number, and what was so before the chain."""

    id: int
    code: str
    subject: str
    severity: int
    evidence: str
    event: EventKey | None
    first_ms: int
    resolution: str | None
    closed_ms: int | None
    status: str
    assignee: str
    risk_asset: str | None
    risk_amount: int | None
    reason: str
    by: str
    approved_by: str


@dataclass(slots=True)
class Recorded:
    """One moment of a store, as of some entries of its chains. `at_ms` is that of the last one.

    `is_now` says that nothing is left out: the tables say the same. `lost` are statements that an
    entry names and no table has: somebody took them away. `later_items` are exceptions that were
    raised behind `as_of`.
    """

    environment: str
    as_of: AsOf = field(default_factory=dict)
    at_ms: int = 0
    is_now: bool = True
    acts: list[Act] = field(default_factory=list)
    events: dict[EventKey, Told] = field(default_factory=dict)
    facts: dict[Place, Statement] = field(default_factory=dict)
    restated: dict[Place, Statement] = field(default_factory=dict)
    transitions: dict[PaymentKey, list[Transition]] = field(default_factory=dict)
    deposits: dict[PaymentKey, Deposit] = field(default_factory=dict)
    expectations: dict[PaymentKey, Expectation] = field(default_factory=dict)
    items: list[ItemRow] = field(default_factory=list)
    marks: list[Sequence[Any]] = field(default_factory=list)
    retractions: list[Sequence[Any]] = field(default_factory=list)
    moves: list[Sequence[Any]] = field(default_factory=list)
    later_items: set[tuple[str, str, int]] = field(default_factory=set)
    lost: list[str] = field(default_factory=list)
