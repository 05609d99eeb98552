"""What a store keeps of events and payments, as values: a history that is only ever added to.

An event is claimed once, and its verdict says what came of it; marks are people's words on it. Of a
payment there are its facts, each with the events that state it, and the transitions that the facts
led to: the payment's own row says no more than what the last of them left.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from consumers.facts import Fact
from consumers.fulfilment import NONE_YET, Fulfilment
from consumers.lifecycle import State
from consumers.store.kept import Kept
from consumers.store.keys import EventKey, PaymentKey
from ingress.eventlog.port import Position


class Event(NamedTuple):
    """The row that makes an event happen once, and answers questions about it later."""

    key: EventKey
    event_type: str
    source: str
    reference: str
    key_id: str
    assurance: str
    correlation_id: str
    body_digest: str
    received_ms: int
    position: Position
    scheme: str = ""
    mode: str = "unknown"
    signed_ms: int | None = None
    late_ms: int | None = None


class KeyUse(NamedTuple):
    """The first and the last time a key of a source proved an event, by receipt."""

    source: str
    key_id: str
    first_ms: int
    last_ms: int


class Judgement(StrEnum):
    """What an operator says of one event."""

    CORROBORATED = "corroborated"  # it is true: somebody looked at the provider
    CONTRADICTED = "contradicted"  # the provider knows nothing of it
    VOID = "void"  # its facts are excluded, until it is corroborated after all


@dataclass(frozen=True, slots=True)
class Mark:
    """An operator's word on one event: appended, never changed. Of several, the last counts."""

    event: EventKey
    judgement: Judgement
    reason: str
    by: str
    at_ms: int


class Handled(NamedTuple):
    """What came of an event, and the mapping that it was read by last; nothing where none did.

    Of what was refused, `mapping` names the tables that were asked.
    """

    verdict: str
    mapping: str = ""


class Recorded(NamedTuple):
    """An event as stored, and what came of it (`Handled`); None while its batch has not said."""

    event: Event
    verdict: str | None
    mapping: str = ""


class Marked(NamedTuple):
    """An event, and what operators said of it, oldest first: the last counts."""

    recorded: Recorded
    marks: tuple[Mark, ...]

    @property
    def judgement(self) -> Judgement | None:
        """Return the last word; None where nobody has said one."""
        return self.marks[-1].judgement if self.marks else None


class Payment(NamedTuple):
    """A payment as stored. `version` counts its transitions: 0 is one nobody has written yet.

    `facts` is the set of its facts, without those that only void events state, and with those of
    the deposits that are matched with it; `state` is what the last transition left. `kept` says why
    there are facts and no state; None for a payment that has one. `fulfilment` says which goods
    leave when it is Confirmed: it is no column, but follows from the history.
    """

    key: PaymentKey
    state: State
    version: int
    facts: frozenset[Fact]
    changed_ms: int
    kept: Kept | None = None
    fulfilment: Fulfilment = NONE_YET


class Statement(NamedTuple):
    """A fact of a payment, and an event that stated it; `is_first` of the events that did."""

    fact: Fact
    event: EventKey
    is_first: bool = True


class Cause(StrEnum):
    """Why a payment moved."""

    EVENT = "event"  # an event stated facts
    OPERATOR = "operator"  # an operator's command stated facts
    TIMER = "timer"  # time stated facts: a window closed
    POLL = "poll"  # the provider was asked, and its answer stated facts
    VOID = "void"  # an operator took an event's facts away
    UNMATCH = "unmatch"  # an operator took a deposit's facts away: it was another's money
    RESTORE = "restore"  # an operator gave a void event its facts back
    REPLAY = "replay"  # events were read again, under another mapping or policy


class Transition(NamedTuple):
    """One move of a payment, as written: the history, never changed.

    `mapping` names the table and version that read the event's words, `policy` the version of the
    merchant's terms under which the facts were weighed; nothing where there was none.
    """

    payment: PaymentKey
    version: int
    before: State | None
    after: State
    event: EventKey
    correlation_id: str
    at_ms: int
    cause: Cause = Cause.EVENT
    mapping: str = ""
    policy: str = ""
