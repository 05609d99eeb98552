"""What the consumers need of a database, said once; one conformance suite holds both stores.

A batch of records becomes one `Transaction`: the position moves by compare-and-set, every event is
claimed or found to be a duplicate, and the payments' facts, states, transitions, exceptions and
notices are written, or nothing is. Kafka's own committed offsets are advisory; the position row is
the truth, and its epoch the fence: who claims a partition raises it, and its former owner is out.
"""

from collections.abc import Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple, Protocol

from consumers.facts import Fact
from consumers.lifecycle import State
from consumers.store.auditing import Auditing
from consumers.store.cases import Action, Anomaly, Cases, OpenItem, Resolution, Work
from consumers.store.deposits import DepositsHeld, Matching
from consumers.store.history import (
    Cause,
    Event,
    Handled,
    Judgement,
    KeyUse,
    Mark,
    Marked,
    Payment,
    Recorded,
    Statement,
    Transition,
)
from consumers.store.kept import Kept
from consumers.store.keys import EventKey, PaymentKey
from consumers.store.polls import Freeze, FreezeHeld, ProviderRead
from consumers.store.readings import Reread
from ingress.eventlog.port import Partition, Position

if TYPE_CHECKING:
    # It gives back values of this module.
    from consumers.store.finding import Finder

# These have modules of their own, and are asked for here by whoever uses a store.
__all__ = [
    "Action",
    "Anomaly",
    "Cause",
    "Event",
    "EventKey",
    "Handled",
    "Judgement",
    "Kept",
    "KeyUse",
    "Mark",
    "Marked",
    "OpenItem",
    "Payment",
    "PaymentKey",
    "Recorded",
    "Resolution",
    "Statement",
    "Transition",
    "Work",
]


class StoreUnavailable(Exception):
    """The database cannot be reached or is too busy: back off, keep everything, try again."""


class Fenced(Exception):
    """Another member has claimed the partition, or the position moved: drop it, write nothing."""


class WrongEnvironment(Exception):
    """The database belongs to another environment: refuse to start."""


class WrongDatabase(Exception):
    """Not a database this version can use (foreign, damaged, changed, newer): refuse to start."""


class Unstorable(Exception):
    """A value no store can hold (an amount over 78 digits, a NUL in a text): bury the event."""


@dataclass(frozen=True, slots=True)
class Claim:
    """Our hold on a partition. `next_offset` is None where the group has never read it."""

    epoch: int
    next_offset: int | None


@dataclass(frozen=True, slots=True)
class Advance:
    """The move of one partition's position: from `expected`, held under `epoch`, to `to`."""

    partition: Partition
    epoch: int
    expected: int | None
    to: int


class Notice(NamedTuple):
    """One row of the outbox: what downstream services will hear, in the order of writing."""

    id: str
    payment: PaymentKey
    version: int
    key: bytes
    value: bytes
    headers: tuple[tuple[str, bytes], ...]


class Pending(NamedTuple):
    """A notice not delivered yet. `sequence` orders the notices of one payment."""

    sequence: int
    notice: Notice


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A record given up on, kept whole."""

    position: Position
    reason: str
    key: bytes
    value: bytes
    headers: tuple[tuple[str, bytes], ...]
    at_ms: int


class Saved(NamedTuple):
    """A payment's new row: written only if the stored version is still `was`."""

    payment: Payment
    was: int
    was_kept: bool = False  # 0 is the version of a row, and not that there is none


@dataclass(slots=True)
class Changes:
    """Everything one batch writes beside the position and the claims."""

    verdicts: dict[EventKey, Handled] = field(default_factory=dict)
    # Facts that are new, with the event that states them first.
    facts: list[tuple[PaymentKey, Fact, EventKey]] = field(default_factory=list)
    # Facts that added nothing, with the event that states them: what stands if another is void.
    restated: list[tuple[PaymentKey, Fact, EventKey]] = field(default_factory=list)
    marks: list[Mark] = field(default_factory=list)
    payments: list[Saved] = field(default_factory=list)
    transitions: list[Transition] = field(default_factory=list)
    anomalies: list[Anomaly] = field(default_factory=list)
    resolved: list[Resolution] = field(default_factory=list)
    notices: list[Notice] = field(default_factory=list)
    dead_letters: list[DeadLetter] = field(default_factory=list)
    # What people did, and what it left of the exceptions it was done to.
    actions: list[Action] = field(default_factory=list)
    works: list[Work] = field(default_factory=list)
    matching: Matching = field(default_factory=Matching)
    # What providers answered when they were asked, and words on the freeze.
    reads: list[ProviderRead] = field(default_factory=list)
    freezes: list[Freeze] = field(default_factory=list)
    readings: list[Reread] = field(default_factory=list)


class Transaction(Protocol):
    """One batch, all or nothing: leaving the block commits, an exception rolls back.

    With it goes an entry of the audit chain that says all it did: there is no way to forget that.

    Where leaving the block raises `StoreUnavailable` (or is cancelled) the commit may have
    happened: claim the partition again and read on from where it says.
    """

    @property
    def deposits(self) -> DepositsHeld:
        """Return what answers about deposits, as of the locks that are held."""

    @property
    def freeze(self) -> FreezeHeld:
        """Return what reads the last word on the freeze, and keeps it the last."""

    async def advance(self, group: str, advances: Sequence[Advance]) -> None:
        """Move the positions. Raises `Fenced` if any is not ours, or not where we left it."""

    async def claim(self, events: Sequence[Event]) -> frozenset[EventKey]:
        """Claim events; return those nobody had claimed before. `events` repeats no key."""

    async def digests(self, keys: Collection[EventKey]) -> Mapping[EventKey, str]:
        """Return the digests of claimed events' bodies, to compare a duplicate's with."""

    async def marked(self, keys: Collection[EventKey]) -> Mapping[EventKey, Marked]:
        """Read and lock claimed events, with their marks; those unknown are left out.

        To be called before `payments`: everybody takes locks in one order.
        """

    async def payments(self, keys: Collection[PaymentKey]) -> Mapping[PaymentKey, Payment]:
        """Read and lock payments, with their facts; those unknown are left out.

        A fact that only void events state is not among them, by the marks of this transaction too.
        """

    async def save(self, changes: Changes) -> None:
        """Write the batch. Raises `Fenced` where a payment, or an item of work, is not as read."""


class PaymentCount(NamedTuple):
    """How many payments of a provider are in a state, and since when the oldest of them is."""

    provider: str
    state: State
    payments: int
    oldest_ms: int


class Store(Protocol):
    """A database as a whole. Every method raises `StoreUnavailable` when it is away."""

    @property
    def finder(self) -> "Finder":
        """Return what finds events and payments by any id that a person holds."""

    @property
    def cases(self) -> Cases:
        """Return what answers questions about exceptions and payments as people work them."""

    def auditing(self) -> AbstractAsyncContextManager[Auditing]:
        """Hold one moment of the database, to audit what its chains and its tables say of it."""

    async def open(self, environment: str) -> None:
        """Connect and bring the schema up to date. Raises `WrongEnvironment`, `WrongDatabase`.

        The first environment to open a database owns it. May be called again.
        """

    async def look(self, environment: str) -> None:
        """Connect to read, and change nothing. Raises what `looking` names and `open` raises."""

    async def claim_partitions(
        self, group: str, partitions: Collection[Partition], owner: str
    ) -> Mapping[Partition, Claim]:
        """Take the partitions over: raise each epoch, return where to read on."""

    def transaction(self) -> AbstractAsyncContextManager[Transaction]:
        """Begin one batch."""

    async def positions(self, group: str) -> Mapping[Partition, int]:
        """Return the next offset of every partition the group has read."""

    async def pending(self, notices_max: int) -> Sequence[Pending]:
        """Return the oldest notices not delivered, in the order of writing."""

    async def delivered(self, sequences: Sequence[int]) -> None:
        """Mark notices as delivered."""

    async def counts(self) -> Sequence[PaymentCount]:
        """Count payments by provider and state."""

    async def list_anomalies(self, limit: int) -> Sequence[OpenItem]:
        """Read open exceptions: the most severe (lowest number) first, then the oldest."""

    async def dead_letters(self, limit: int) -> Sequence[DeadLetter]:
        """Read dead letters, the latest first."""

    async def anomalies_open(self) -> Mapping[tuple[str, int], int]:
        """Count open exceptions by code and severity."""

    async def notices_pending(self) -> int:
        """Count the notices not delivered yet."""

    async def payment(self, key: PaymentKey) -> Payment | None:
        """Read one payment, without locking it."""

    async def list_payments(self, limit: int) -> Sequence[Payment]:
        """Read payments, the latest changed first."""

    async def transitions(self, key: PaymentKey) -> Sequence[Transition]:
        """Read a payment's history, oldest first."""

    async def statements(self, key: PaymentKey) -> Sequence[Statement]:
        """Read a payment's facts with the events that stated them, by the facts' own time."""

    async def event(self, key: EventKey) -> Recorded | None:
        """Read one event."""

    async def events(self, key: PaymentKey) -> Sequence[Recorded]:
        """Read the events that name a payment, by the time of their receipt."""

    async def key_uses(self) -> Sequence[KeyUse]:
        """Read each key's use, by source and key id: as fast with many events as with few.

        What no key proved, an operator's command or a timer's, is no use of one.
        """

    async def proven_with(
        self, source: str, key_id: str, from_ms: int, to_ms: int
    ) -> Sequence[Recorded]:
        """Read the events accepted with a key, received from `from_ms` until, not at, `to_ms`."""

    async def marks(self, keys: Collection[EventKey]) -> Mapping[EventKey, Sequence[Mark]]:
        """Read operators' marks on events, oldest first; events without any are left out."""

    async def correlated(self, correlation_id: str) -> Sequence[Recorded]:
        """Read the events that carry a correlation id, by the time of their receipt."""

    async def close(self) -> None:
        """Let go of connections and files."""
