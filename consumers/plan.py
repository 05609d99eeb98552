"""Plan one batch: everything that is to be written about what its records say. Pure.

Readings flow in, with the events that nobody had claimed before and the payments as stored; the
`Changes` of the batch flow out, with one `Outcome` for each record. `apply` is next: it fetches
what `plan` needs and writes what it returns.

What an event states and what adds nothing is written too, as a restatement. Facts are a set, and an
operator may take an event out of it: what then still stands is what any other event states.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from consumers import notices
from consumers.exceptions import HANDLING, Code, subject_of
from consumers.interpret.interpreter import Finding
from consumers.lifecycle import Decision, Fact, State, Verdict, decide, is_short, says_more
from consumers.notices import Occasion
from consumers.reading import Alarmed, Buried, Foreign, Read, Reading, blame
from consumers.store.port import (
    Anomaly,
    Changes,
    DeadLetter,
    EventKey,
    Payment,
    PaymentKey,
    Saved,
    Transition,
)
from ingress.contract import cloudevents
from ingress.contract.envelope import Envelope
from ingress.eventlog.port import Position


class Outcome(NamedTuple):
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
        try:
            outcomes.append(batch.take(reading))
        except Exception as error:
            raise blame(reading.record, error) from error
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
        if not isinstance(reading, Read):
            return self._take_other(reading)
        key = reading.event.key
        if key not in self.unclaimed:
            return _outcome(reading, Verdict.DUPLICATE_DELIVERY)
        self.unclaimed.remove(key)
        outcome = self._handle(reading)
        self.changes.verdicts[key] = outcome.verdict
        return outcome

    def _take_other(self, reading: Buried | Foreign | Alarmed) -> Outcome:
        """Decide on what is no event of this environment."""
        if isinstance(reading, Buried):
            return self._bury(reading)
        if isinstance(reading, Foreign):
            return self._set_aside(reading)
        return self._alarm(reading)

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
        if told.verdict is not None:
            self._raise(reading, told.findings)
            return _outcome(reading, told.verdict)
        key = reading.payment
        payment = self.current.get(key) or self.stored.get(key) or unwritten(key)
        before = payment.state if payment.version else None
        decision = decide(before, payment.facts, told.facts)
        self._state(key, reading, decision)
        after = self._moved(payment, decision)
        self.current[key] = after
        if after.version > payment.version:
            self._move(reading, before, after)
        if reading.is_variant and not _conflicts(decision, told.facts, payment.facts):
            # A redelivery that its provider rendered anew: there is nothing to tell anybody.
            return _outcome(reading, Verdict.DUPLICATE_DELIVERY, decision.after)
        concerns = _concerns(reading, decision, before, after.facts)
        if told.findings or concerns:
            said = {found.code for found in told.findings}
            self._raise(reading, told.findings)
            self._raise(reading, [found for found in concerns if found.code not in said])
        return _outcome(reading, decision.verdict, decision.after)

    def _state(self, payment: PaymentKey, reading: Read, decision: Decision) -> None:
        """Write the facts that add something, and apart from them those that do not."""
        event = reading.event.key
        self.changes.facts += [(payment, fact, event) for fact in decision.facts]
        if len(decision.facts) < len(reading.interpretation.facts):
            old = reading.interpretation.facts - decision.facts
            self.changes.restated += [(payment, fact, event) for fact in old]

    def _moved(self, payment: Payment, decision: Decision) -> Payment:
        """Return the payment as the decision leaves it."""
        moved = decision.verdict is Verdict.APPLIED
        return Payment(
            key=payment.key,
            state=decision.after,
            version=payment.version + moved,
            facts=payment.facts | decision.facts,
            changed_ms=self.now_ms if moved else payment.changed_ms,
        )

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
        self.changes.notices.append(notices.build(transition, Occasion.of(reading.envelope)))

    def _raise(self, reading: Read, findings: Iterable[Finding]) -> None:
        for found in findings:
            subject = found.subject or subject_of(reading.payment)
            event = reading.event.key
            self._anomaly(anomaly(found.code, subject, found.evidence, event, self.now_ms))

    def _anomaly(self, raised: Anomaly) -> None:
        self.changes.anomalies.append(raised)

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
        evidence = reading.evidence
        self._anomaly(anomaly(Code.ENV_MISMATCH, reading.source, evidence, None, self.now_ms))
        position = reading.record.position
        return Outcome(position, Verdict.ENV_MISMATCH, reading.envelope, reason=evidence)

    def _alarm(self, reading: Alarmed) -> Outcome:
        told = reading.alarm
        self._anomaly(anomaly(reading.code, told.subject, told.evidence, None, told.at_ms))
        position = reading.record.position
        return Outcome(position, Verdict.ALARM_RAISED, None, reason=reading.code.value)


def anomaly(code: Code, subject: str, evidence: str, event: EventKey | None, at_ms: int) -> Anomaly:
    """Make an exception as the store takes it."""
    return Anomaly(
        code=code.value,
        subject=cloudevents.attribute(subject),
        severity=HANDLING[code].severity,
        evidence=evidence,
        event=event,
        at_ms=at_ms,
    )


def unwritten(key: PaymentKey) -> Payment:
    """Return a payment as it is before its first move."""
    return Payment(key, State.PENDING, version=0, facts=frozenset(), changed_ms=0)


def _conflicts(decision: Decision, told: Collection[Fact], known: Collection[Fact]) -> bool:
    """Say whether a second body of one event says anything that was not known."""
    return decision.verdict in {Verdict.APPLIED, Verdict.ILLEGAL} or says_more(told, known)


def _concerns(
    reading: Read, decision: Decision, before: State | None, facts: Collection[Fact]
) -> list[Finding]:
    """Name the exceptions that a payment's new facts are reason for."""
    found = []
    if reading.is_variant:
        told = f"event {reading.envelope.event_key} came with another body, which states more"
        found.append(Finding(Code.CONFLICTING_BODY, "", told))
    if decision.verdict is Verdict.ILLEGAL:
        told = f"the facts prove {decision.proven}, and {before} does not lead there"
        found.append(Finding(Code.ILLEGAL_TRANSITION, "", told))
    # Of a payment that is late already nobody is told again; of one that is short, every time.
    is_news = decision.facts and decision.after is State.UNDERPAID
    if is_news or decision.verdict is Verdict.APPLIED:
        found += concerns_of(decision.after, facts)
    return found


def concerns_of(state: State, facts: Collection[Fact]) -> list[Finding]:
    """Name the exceptions that a state is reason for."""
    if state is State.LATE:
        return [Finding(Code.LATE_FUNDS, "", "the full amount came after the window closed")]
    if state is State.UNDERPAID and is_short(facts):
        return [Finding(Code.AMOUNT_UNDER, "", "less came than was asked")]
    return []


def _outcome(reading: Read, verdict: Verdict, state: State | None = None) -> Outcome:
    found = reading.interpretation.findings
    reason = found[0].evidence if found else ""
    return Outcome(reading.record.position, verdict, reading.envelope, state, reason)
