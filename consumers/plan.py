"""Plan one batch: what each record says, and everything that is to be written about it. Pure.

Records flow in. `read` decodes each and asks the interpreters what it states; `plan` takes the
readings, the events that nobody had claimed before and the payments as stored, and returns the
`Changes` of the batch with one `Outcome` for each record. `apply` is next: it fetches what `plan`
needs and writes what it returns.

Code that fails on one record raises `Poisoned`, with the record's place: nothing else in the batch
is to blame, and the caller plans again without it.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from traceback import extract_tb

from consumers import notices
from consumers.exceptions import HANDLING, Code
from consumers.interpret.interpreter import Finding, Interpretation, Interpreters
from consumers.lifecycle import Decision, Fact, State, Verdict, decide, is_short
from consumers.store.port import (
    Anomaly,
    Changes,
    DeadLetter,
    Event,
    EventKey,
    Payment,
    PaymentKey,
    Saved,
    Transition,
)
from ingress.contract import cloudevents
from ingress.contract.envelope import Envelope, EnvelopeMalformed
from ingress.eventlog.port import Position, Record


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
    """An envelope of another environment: its event is not even claimed."""

    record: Record
    envelope: Envelope


@dataclass(frozen=True, slots=True)
class Read:
    """An event of this environment, and what it states."""

    record: Record
    envelope: Envelope
    event: Event
    interpretation: Interpretation

    @property
    def payment(self) -> PaymentKey:
        """Name the payment; the reference is empty where the event concerns none."""
        return PaymentKey(self.event.key.provider, self.event.key.account, self.event.reference)


Reading = Buried | Foreign | Read


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one record. `state` is the payment's afterwards, where there is a payment."""

    position: Position
    verdict: Verdict
    envelope: Envelope | None
    state: State | None = None
    reason: str = ""

    @property
    def received_ms(self) -> int | None:
        """Return when the delivery was received; None for what is no envelope."""
        return None if self.envelope is None else self.envelope.received_ms


@dataclass(frozen=True, slots=True)
class Plan:
    """A batch, decided: what to write, and one outcome for each record, in their order."""

    changes: Changes
    outcomes: Sequence[Outcome]


def read(record: Record, environment: str, interpreters: Interpreters) -> Reading:
    """Read one record. Raises `Poisoned`."""
    with _suspect(record):
        try:
            envelope = Envelope.decode(record.headers, record.value)
            _check_texts(envelope)
        except EnvelopeMalformed as malformed:
            return Buried(record, str(malformed))
        if envelope.environment != environment:
            return Foreign(record, envelope)
        event = _event(envelope, record.position)
        return Read(record, envelope, event, interpreters.interpret(envelope))


def plan(
    readings: Sequence[Reading],
    fresh: Collection[EventKey],
    payments: Mapping[PaymentKey, Payment],
    now_ms: int,
) -> Plan:
    """Decide what the batch writes. Raises `Poisoned`.

    `fresh` are the events that this batch claimed; of two deliveries of one event in the batch, the
    first is the one that counts.
    """
    batch = _Batch(set(fresh), payments, now_ms)
    outcomes = []
    for reading in readings:
        with _suspect(reading.record):
            outcomes.append(batch.take(reading))
    return Plan(batch.finish(), outcomes)


@dataclass(slots=True)
class _Batch:
    """The changes so far, and the payments as they would be if the batch ended here."""

    unclaimed: set[EventKey]
    stored: Mapping[PaymentKey, Payment]
    now_ms: int
    current: dict[PaymentKey, Payment] = field(default_factory=dict)
    changes: Changes = field(default_factory=Changes)

    def take(self, reading: Reading) -> Outcome:
        """Decide on one record."""
        if isinstance(reading, Buried):
            return self._bury(reading)
        if isinstance(reading, Foreign):
            return self._set_aside(reading)
        key = reading.event.key
        if key not in self.unclaimed:
            return _outcome(reading, Verdict.DUPLICATE_DELIVERY)
        self.unclaimed.remove(key)
        outcome = self._handle(reading)
        self.changes.verdicts[key] = outcome.verdict.value
        return outcome

    def finish(self) -> Changes:
        """Return the changes, each moved payment once."""
        for key, payment in self.current.items():
            was = self.stored[key].version if key in self.stored else 0
            if payment.version != was:
                self.changes.payments.append(Saved(payment, was))
        return self.changes

    def _handle(self, reading: Read) -> Outcome:
        """Decide on an event that is here for the first time."""
        told = reading.interpretation
        self._raise(reading, told.findings)
        if told.verdict is not None:
            return _outcome(reading, told.verdict)
        key = reading.payment
        payment = self.current.get(key) or self.stored.get(key) or _unwritten(key)
        before = payment.state if payment.version else None
        decision = decide(before, payment.facts, told.facts)
        moved = decision.verdict is Verdict.APPLIED
        after = Payment(
            key=key,
            state=decision.after,
            version=payment.version + moved,
            facts=payment.facts | decision.facts,
            changed_ms=self.now_ms if moved else payment.changed_ms,
        )
        self.current[key] = after
        self.changes.facts.extend((key, fact, reading.event.key) for fact in decision.facts)
        if moved:
            self._move(reading, before, after)
        said = {found.code for found in told.findings}
        concerns = _concerns(decision, before, after.facts)
        self._raise(reading, [found for found in concerns if found.code not in said])
        return _outcome(reading, decision.verdict, decision.after)

    def _move(self, reading: Read, before: State | None, after: Payment) -> None:
        """Write a transition and its notice."""
        transition = Transition(
            payment=after.key,
            version=after.version,
            before=before,
            after=after.state,
            event=reading.event.key,
            correlation_id=reading.envelope.correlation_id,
            at_ms=self.now_ms,
        )
        self.changes.transitions.append(transition)
        self.changes.notices.append(notices.build(transition, reading.envelope))

    def _raise(self, reading: Read, findings: Iterable[Finding]) -> None:
        for found in findings:
            subject = found.subject or "/".join(reading.payment)
            self._anomaly(found.code, subject, found.evidence, reading.event.key)

    def _anomaly(self, code: Code, subject: str, evidence: str, event: EventKey | None) -> None:
        self.changes.anomalies.append(
            Anomaly(
                code=code.value,
                subject=cloudevents.attribute(subject),
                severity=HANDLING[code].severity,
                evidence=evidence,
                event=event,
                at_ms=self.now_ms,
            )
        )

    def _bury(self, reading: Buried) -> Outcome:
        record = reading.record
        self.changes.dead_letters.append(
            DeadLetter(
                position=record.position,
                reason=reading.reason,
                key=record.key,
                value=record.value,
                headers=record.headers,
                at_ms=self.now_ms,
            )
        )
        return Outcome(record.position, Verdict.BURIED, None, reason=reading.reason)

    def _set_aside(self, reading: Foreign) -> Outcome:
        envelope = reading.envelope
        evidence = f"{envelope.provider} event {envelope.event_key} is of {envelope.environment}"
        self._anomaly(Code.ENV_MISMATCH, envelope.source, evidence, None)
        return Outcome(reading.record.position, Verdict.ENV_MISMATCH, envelope, reason=evidence)


def _unwritten(key: PaymentKey) -> Payment:
    """Return a payment as it is before its first move."""
    return Payment(key, State.PENDING, version=0, facts=frozenset(), changed_ms=0)


def _concerns(
    decision: Decision, before: State | None, facts: Collection[Fact]
) -> Iterator[Finding]:
    """Name the exceptions that a payment's new facts are reason for."""
    if decision.verdict is Verdict.ILLEGAL:
        told = f"the facts prove {decision.proven}, and {before} does not lead there"
        yield Finding(Code.ILLEGAL_TRANSITION, "", told)
    if decision.verdict is Verdict.APPLIED and decision.after is State.LATE:
        yield Finding(Code.LATE_FUNDS, "", "the full amount came after the window closed")
    if decision.facts and decision.after is State.UNDERPAID and is_short(facts):
        yield Finding(Code.AMOUNT_UNDER, "", "less came than was asked")


def _outcome(reading: Read, verdict: Verdict, state: State | None = None) -> Outcome:
    found = reading.interpretation.findings
    reason = found[0].evidence if found else ""
    return Outcome(reading.record.position, verdict, reading.envelope, state, reason)


def _event(envelope: Envelope, position: Position) -> Event:
    """Make the row that claims the event."""
    return Event(
        key=EventKey(envelope.provider, envelope.account, envelope.event_key),
        event_type=envelope.event_type,
        source=envelope.source,
        reference=envelope.payment_ref,
        key_id=envelope.key_id,
        assurance=envelope.assurance.value,
        correlation_id=envelope.correlation_id,
        body_digest=envelope.body_digest,
        received_ms=envelope.received_ms,
        position=position,
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
        envelope.correlation_id,
        envelope.traceparent,
        envelope.body_digest,
        envelope.payment_ref or "none",
    )
    if not all(map(cloudevents.is_attribute, texts)):
        raise EnvelopeMalformed("an attribute is empty, too long or not printable")


@contextmanager
def _suspect(record: Record) -> Iterator[None]:
    """Blame an unexpected error on the record at hand, and say where in the code it happened."""
    try:
        yield
    except Exception as error:
        place = extract_tb(error.__traceback__)[-1]
        reason = f"{type(error).__name__} at {Path(place.filename).name}:{place.lineno}"
        # Not the error's own text: it may quote the body.
        raise Poisoned(record.position, reason) from error
