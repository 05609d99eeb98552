"""Read one record: what kind of thing it is, and what it states. Pure.

A record of the log flows in, a `Reading` flows out, and `plan` is next: an event with its facts, an
alarm of the edge, something of another environment, or something that can never be applied. What is
on the alarms topic is read as an alarm and everything else as an envelope, so that neither can pass
itself off as the other.

Code that fails on one record raises `Poisoned`, with the record's place: nothing else in the batch
is to blame, and the caller plans again without it.
"""

from dataclasses import dataclass
from pathlib import Path
from traceback import extract_tb
from typing import NamedTuple

from consumers.exceptions import Code
from consumers.interpret.interpreter import Interpretation, Interpreters
from consumers.store.port import Event, EventKey, PaymentKey
from ingress.contract import cloudevents, topics
from ingress.contract.alarm import Alarm
from ingress.contract.envelope import Envelope, EnvelopeMalformed, Mode
from ingress.eventlog.port import Position, Record, Unreadable

# What follows an event's key where another body came under it: so much of that body's digest.
VARIANT_MARK = "~"
VARIANT_CHARS = 16
EVIDENCE_CHARS_MAX = 4096


class Poisoned(Exception):
    """Our own code failed on the record at `position`; `reason` says where, never with what."""

    def __init__(self, position: Position, reason: str) -> None:
        super().__init__(reason)
        self.position = position
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Buried:
    """A record that can never be applied."""

    record: Record
    reason: str


@dataclass(frozen=True, slots=True)
class Foreign:
    """Something of another environment: an event of it is not even claimed.

    `source` is where it came through; `envelope` is None where it is an alarm.
    """

    record: Record
    source: str
    evidence: str
    envelope: Envelope | None = None


@dataclass(frozen=True, slots=True)
class Alarmed:
    """What the edge has to tell a human."""

    record: Record
    alarm: Alarm
    code: Code


class Read(NamedTuple):
    """An event of this environment, and what it states.

    `is_variant` where its key belongs to another body, so that it goes by a key of its own.
    """

    record: Record
    envelope: Envelope
    event: Event
    interpretation: Interpretation
    is_variant: bool = False

    @property
    def payment(self) -> PaymentKey:
        """Name the payment; the reference is empty where the event concerns none."""
        return PaymentKey(self.event.key.provider, self.event.key.account, self.event.reference)

    def as_variant(self) -> "Read":
        """Return the same event under a key that follows its body.

        Keys made of an order and a status can be foretold. Whoever holds a leaked key could send
        such an event first, and the real one would be dropped as its duplicate.
        """
        digest = self.event.body_digest.rpartition(":")[2][:VARIANT_CHARS]
        key = self.event.key._replace(key=f"{self.event.key.key}{VARIANT_MARK}{digest}")
        return self._replace(event=self.event._replace(key=key), is_variant=True)


Reading = Buried | Foreign | Alarmed | Read


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads the records of one environment; `mode` says whether its money is real."""

    environment: str
    mode: Mode
    interpreters: Interpreters

    def read(self, record: Record) -> Reading:
        """Read one record. Raises `Poisoned`."""
        if isinstance(record, Unreadable):
            return Buried(record, record.reason)
        try:
            if record.position.partition.topic == topics.alarms(self.environment):
                return self._alarm(record)
            return self._event(record)
        except EnvelopeMalformed as malformed:
            return Buried(record, str(malformed))
        except Exception as error:
            raise blame(record, error) from error

    def _event(self, record: Record) -> Reading:
        envelope = Envelope.decode(record.headers, record.value)
        _check_texts(envelope)
        strange = foreign(envelope, self.environment, self.mode)
        if strange:
            told = f"{envelope.provider} event {envelope.event_key} {strange}"
            return Foreign(record, envelope.source, told, envelope)
        event = _event(envelope, record.position)
        return Read(record, envelope, event, self.interpreters.interpret(envelope))

    def _alarm(self, record: Record) -> Reading:
        alarm = Alarm.decode(record.headers, record.value)
        if not all(map(cloudevents.is_attribute, (alarm.subject, alarm.source, alarm.environment))):
            raise EnvelopeMalformed("an attribute is empty, too long or not printable")
        if len(alarm.evidence) > EVIDENCE_CHARS_MAX or "\0" in alarm.evidence:
            raise EnvelopeMalformed("the evidence is longer than any sentence, or no text")
        if alarm.environment != self.environment:
            return Foreign(record, alarm.source, f"an alarm {alarm.code} is of another environment")
        if alarm.code not in Code.__members__:
            return Buried(record, "the alarm's code is no exception that this version knows")
        return Alarmed(record, alarm, Code(alarm.code))


def foreign(envelope: Envelope, environment: str, mode: Mode) -> str:
    """Say what makes the envelope another environment's; nothing where it is this one's."""
    if envelope.environment != environment:
        return f"is of {envelope.environment}"
    if envelope.mode is not mode and envelope.mode.contradicts(mode):
        return f"says that it is {envelope.mode}, and this environment is {mode}"
    return ""


def blame(record: Record, error: Exception) -> Poisoned:
    """Blame an unexpected error on the record at hand, and say where in the code it happened."""
    place = extract_tb(error.__traceback__)[-1]
    # Not the error's own text: it may quote the body.
    reason = f"{type(error).__name__} at {Path(place.filename).name}:{place.lineno}"
    return Poisoned(record.position, reason)


def _event(envelope: Envelope, position: Position) -> Event:
    """Make the row that claims the event."""
    return Event(
        key=EventKey(envelope.provider, envelope.account, envelope.event_key),
        event_type=envelope.event_type,
        source=envelope.source,
        reference=envelope.payment_ref,
        key_id=envelope.key_id,
        assurance=str(envelope.assurance),
        correlation_id=envelope.correlation_id,
        body_digest=envelope.body_digest,
        received_ms=envelope.received_ms,
        position=position,
        scheme=envelope.scheme,
        mode=str(envelope.mode),
        signed_ms=envelope.signed_ms,
        late_ms=envelope.late_ms,
    )


def _check_texts(envelope: Envelope) -> None:
    """Refuse texts that the edge never writes, and that a database or an operator cannot take."""
    texts = (
        envelope.provider,
        envelope.account,
        envelope.event_key,
        envelope.event_type,
        envelope.source,
        envelope.environment,
        envelope.key_id,
        envelope.scheme,
        envelope.correlation_id,
        envelope.traceparent,
        envelope.body_digest,
        envelope.payment_ref or "none",
    )
    # Nearly always all of them are ASCII, and one look at all together is enough.
    lengths = [len(text) for text in texts]
    together = "".join(texts)
    if (
        together.isascii()
        and together.isprintable()
        and min(lengths) > 0
        and max(lengths) <= cloudevents.ATTRIBUTE_CHARS_MAX
    ):
        return
    if not all(map(cloudevents.is_attribute, texts)):
        raise EnvelopeMalformed("an attribute is empty, too long or not printable")
