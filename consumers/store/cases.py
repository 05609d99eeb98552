"""Exceptions as rows, and what people do about them: the values, and the questions asked of them.

An exception is raised by a batch and closed by facts or by people. Between the two it is an item of
a queue: somebody has it, it waits for somebody, and everything done to it is kept. The evidence of
the first raising stays as it was; what comes later is appended.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple, Protocol

from consumers.store.keys import EventKey, PaymentKey


class AtRisk(NamedTuple):
    """Money that an exception is about: atomic units of one asset."""

    asset: str
    amount: int


@dataclass(frozen=True, slots=True)
class Anomaly:
    """An exception raised for a human: one open item per code and subject (512 characters)."""

    code: str
    subject: str
    severity: int
    evidence: str
    event: EventKey | None
    at_ms: int
    at_risk: AtRisk | None = None


class Resolution(NamedTuple):
    """The end of an open exception; nothing where none is open.

    `by` is whoever did what ended it, `reason` their reason; nobody, where facts ended it.
    """

    code: str
    subject: str
    resolution: str
    at_ms: int
    reason: str = ""
    by: str = ""
    approved_by: str = ""


class OpenItem(NamedTuple):
    """An exception nobody has resolved, as first raised; `times` and `last_ms` of its repeats."""

    anomaly: Anomaly
    times: int
    last_ms: int


class Status(StrEnum):
    """Where an item of the queue is."""

    OPEN = "open"
    WAITING_PROVIDER = "waiting_provider"
    WAITING_CUSTOMER = "waiting_customer"
    WAITING_FINANCE = "waiting_finance"
    RESOLVED = "resolved"  # by people
    AUTO_RESOLVED = "auto_resolved"  # by facts


class Closing(NamedTuple):
    """How an item ended: in words, by whom and for which reason; nobody where facts ended it."""

    at_ms: int
    resolution: str
    reason: str = ""
    by: str = ""
    approved_by: str = ""


class Item(NamedTuple):
    """An exception as people work it. `anomaly` is as first raised, but for the money at risk.

    `version` counts what people did to it; `reopened` the items of its code and subject before it.
    """

    id: int
    anomaly: Anomaly
    times: int
    last_ms: int
    status: Status
    assignee: str
    next_check_ms: int | None
    reopened: int
    version: int
    closing: Closing | None


class Work(NamedTuple):
    """What an item is after an action: written only if its version is still `was`, and it open."""

    id: int
    was: int
    status: Status
    assignee: str
    next_check_ms: int | None
    closing: Closing | None


class Evidence(NamedTuple):
    """What was told of an item after it was raised, and was not known."""

    text: str
    event: EventKey | None
    at_ms: int


class Action(NamedTuple):
    """What somebody did, as kept for ever: to a payment or to an item. `key` is the event's."""

    key: str
    name: str
    payment: PaymentKey | None
    item: int | None
    by: str
    role: str
    approved_by: str
    reason: str
    note: str
    detail: str
    at_ms: int


class Place(NamedTuple):
    """Where a list of items goes on: behind this one. `order` is the severity, or 0 of a closed."""

    order: int
    at_ms: int
    id: int


class ItemFilter(NamedTuple):
    """Which items: those for which all that is said here holds. Empty says nothing."""

    is_open: bool = True
    codes: frozenset[str] = frozenset()
    severity: int | None = None
    status: Status | None = None
    assignee: str = ""
    provider: str = ""
    subject: str = ""
    from_ms: int | None = None
    before_ms: int | None = None


class PaymentFilter(NamedTuple):
    """Which payments. `before_ms` is an end of when they entered their state, itself left out."""

    state: str = ""
    provider: str = ""
    account: str = ""
    before_ms: int | None = None


class Line(NamedTuple):
    """One payment in a list, without its facts."""

    key: PaymentKey
    state: str
    version: int
    created_ms: int
    changed_ms: int


class Cases(Protocol):
    """What people ask of the queue and of payments. Raises `StoreUnavailable`."""

    async def items(self, wanted: ItemFilter, after: Place | None, limit: int) -> Sequence[Item]:
        """Read items: open ones by severity and age, closed ones the latest closed first."""

    async def item(self, number: int) -> Item | None:
        """Read one item."""

    async def evidence(self, number: int) -> Sequence[Evidence]:
        """Read what was told of an item after it was raised, in the order of its coming."""

    async def actions(self, about: PaymentKey | int) -> Sequence[Action]:
        """Read what people did to a payment, or to an item, oldest first."""

    async def action(self, key: str) -> Action | None:
        """Read what somebody did under an idempotency key."""

    async def lines(self, wanted: PaymentFilter, after: Line | None, limit: int) -> Sequence[Line]:
        """Read payments, the latest changed first."""


def place_of(item: Item) -> Place:
    """Say where a list goes on after `item`."""
    if item.closing is None:
        return Place(item.anomaly.severity, item.anomaly.at_ms, item.id)
    return Place(0, item.closing.at_ms, item.id)
