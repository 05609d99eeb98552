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

from consumers import notices, standing
from consumers.exceptions import HANDLING, Code, subject_of
from consumers.facts import Fact
from consumers.interpret.interpreter import Finding
from consumers.lifecycle import Decision, State, Verdict, decide, says_more
from consumers.notices import Occasion
from consumers.policy import NO_POLICY, Policy
from consumers.reading import Alarmed, Buried, Foreign, Read, Reading, blame
from consumers.store.port import (
    Anomaly,
    Changes,
    DeadLetter,
    EventKey,
    Payment,
    PaymentKey,
    Resolution,
    Saved,
    Transition,
)
from ingress.contract import cloudevents
from ingress.contract.envelope import Envelope
from ingress.eventlog.port import Position

HEALED = "the facts are no longer a reason for it"


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
    policy: Policy = NO_POLICY,
) -> Plan:
    """Decide what the batch writes. Raises `Poisoned`.

    `fresh` are the events that this batch claimed; of two deliveries of one event in the batch, the
    first is the one that counts.
    """
    batch = _Batch(set(fresh), payments, now_ms, policy)
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
    policy: Policy
    current: dict[PaymentKey, Payment] = field(default_factory=dict)
    changes: Changes = field(default_factory=Changes)
    # What an event of this batch raised or healed, by code and subject: the last word counts.
    raised: dict[tuple[str, str], list[Anomaly]] = field(default_factory=dict)
    healed: dict[tuple[str, str], Resolution] = field(default_factory=dict)

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
        self.changes.anomalies = [one for told in self.raised.values() for one in told]
        self.changes.resolved = list(self.healed.values())
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
        decision = decide(before, payment.facts, told.facts, self.policy.terms)
        self._state(key, reading, decision)
        after = self._moved(payment, decision)
        self.current[key] = after
        if after.version > payment.version:
            self._move(reading, before, after)
        if reading.is_variant and not _conflicts(decision, told.facts, payment.facts):
            # A redelivery that its provider rendered anew: there is nothing to tell anybody.
            return _outcome(reading, Verdict.DUPLICATE_DELIVERY, decision.after)
        self._raise(reading, [*told.findings, *_concerns(reading, decision, before)])
        if decision.facts:
            self._weigh(reading, payment, decision, {found.code for found in told.findings})
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
            mapping=reading.interpretation.mapping,
            policy=self.policy.version,
        )
        self.changes.transitions.append(transition)
        self.changes.notices.append(notices.build(transition, Occasion.of(reading.envelope)))

    def _weigh(
        self, reading: Read, payment: Payment, decision: Decision, said: Collection[Code]
    ) -> None:
        """Raise what the facts are reason for now, and end what they no longer are reason for."""
        terms = self.policy.terms
        facts = payment.facts | decision.facts
        was = {one.code for one in standing.concerns(payment.state, payment.facts, terms)}
        now = standing.concerns(decision.proven, facts, terms)
        # Of what is late already nobody is told again; of a payment that is short, every time.
        told_again = {Code.AMOUNT_UNDER} if decision.after is State.UNDERPAID else set()
        new = [one for one in now if one.code not in was or one.code in told_again]
        self._raise(reading, [Finding(c, "", told) for c, told in new if c not in said])
        if payment.state is State.UNDERPAID:
            was.add(Code.AMOUNT_UNDER)  # the provider's word alone may have been the reason
        subject = subject_of(payment.key)
        for code in was - {one.code for one in now} - set(said):
            self._heal(Resolution(code, subject, HEALED, self.now_ms))

    def _raise(self, reading: Read, findings: Iterable[Finding]) -> None:
        for found in findings:
            subject = found.subject or subject_of(reading.payment)
            event = reading.event.key
            self._anomaly(anomaly(found.code, subject, found.evidence, event, self.now_ms))

    def _anomaly(self, raised: Anomaly) -> None:
        place = (raised.code, raised.subject)
        self.raised.setdefault(place, []).append(raised)
        self.healed.pop(place, None)

    def _heal(self, resolution: Resolution) -> None:
        place = (resolution.code, resolution.subject)
        self.raised.pop(place, None)
        self.healed[place] = resolution

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


def _concerns(reading: Read, decision: Decision, before: State | None) -> list[Finding]:
    """Name the exceptions that the event is reason for, and not the set of facts."""
    found = []
    if reading.is_variant:
        told = f"event {reading.envelope.event_key} came with another body, which states more"
        found.append(Finding(Code.CONFLICTING_BODY, "", told))
    if decision.verdict is Verdict.ILLEGAL:
        told = f"the facts prove {decision.proven}, and {before} does not lead there"
        found.append(Finding(Code.ILLEGAL_TRANSITION, "", told))
    return found


def _outcome(reading: Read, verdict: Verdict, state: State | None = None) -> Outcome:
    found = reading.interpretation.findings
    reason = found[0].evidence if found else ""
    return Outcome(reading.record.position, verdict, reading.envelope, state, reason)
