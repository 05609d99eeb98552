"""Plan one batch: everything that is to be written about what its records say. Pure.

Readings flow in, with the events that nobody had claimed before and the payments as stored; the
`Changes` of the batch flow out, with one `Outcome` for each record. `apply` is next: it fetches
what `plan` needs and writes what it returns.

What an event states and what adds nothing is written too, as a restatement. Facts are a set, and an
operator may take an event out of it: what then still stands is what any other event states.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from consumers import depositing, deposits
from consumers.exceptions import HANDLING, Code
from consumers.facts import Fact
from consumers.interpret.interpreter import Finding
from consumers.lifecycle import Decision, State, Verdict, says_more
from consumers.moving import Moves, Passage, Said, anomaly
from consumers.notices import Occasion
from consumers.policy import NO_POLICY, Policy
from consumers.reading import Alarmed, Buried, Foreign, Read, Reading, blame
from consumers.store.deposits import DepositMove
from consumers.store.port import (
    Changes,
    DeadLetter,
    EventKey,
    Handled,
    Kept,
    Payment,
    PaymentKey,
)
from ingress.contract.envelope import Envelope
from ingress.eventlog.port import Position

NOTHING_DECIDED: Mapping[PaymentKey, DepositMove] = {}


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

    @property
    def accepted_ms(self) -> int | None:
        """Return when it was accepted: at its receipt, or later, out of the quarantine."""
        told = self.envelope
        if told is None:
            return None
        return told.received_ms if told.late_ms is None else told.late_ms

    @property
    def detected_ms(self) -> int | None:
        """Return how long we did not know of the event; None where nobody says when it happened.

        Only the first delivery is news.
        """
        told = self.envelope
        if told is None or told.untold or self.verdict is Verdict.DUPLICATE_DELIVERY:
            return None
        return max(0, told.received_ms - told.occurred_ms)


@dataclass(frozen=True, slots=True)
class Plan:
    """A batch, decided: what to write, an outcome for each record in their order, and the moves."""

    changes: Changes
    outcomes: Sequence[Outcome]
    passages: Sequence[Passage] = ()


def plan(
    readings: Sequence[Reading],
    fresh: Collection[EventKey],
    payments: Mapping[PaymentKey, Payment],
    now_ms: int,
    policy: Policy = NO_POLICY,
    decided: Mapping[PaymentKey, DepositMove] = NOTHING_DECIDED,
) -> Plan:
    """Decide what the batch writes. Raises `Poisoned`.

    `decided` is the last word on each deposit that anybody has decided about.

    `fresh` are the events that this batch claimed; of two deliveries of one event in the batch, the
    first is the one that counts.
    """
    batch = _Batch(set(fresh), Moves(payments, now_ms, policy), decided)
    outcomes = []
    for reading in readings:
        try:
            outcomes.append(batch.take(reading))
        except Exception as error:
            raise blame(reading.record, error) from error
    return Plan(batch.moves.finish(), outcomes, batch.moves.passages)


@dataclass(slots=True)
class _Batch:
    """The moves so far, and the events that nobody has handled yet."""

    unclaimed: set[EventKey]
    moves: Moves
    decided: Mapping[PaymentKey, DepositMove]

    def take(self, reading: Reading) -> Outcome:
        """Decide on one record."""
        if not isinstance(reading, Read):
            return self._take_other(reading)
        key = reading.event.key
        if key not in self.unclaimed:
            return _outcome(reading, Verdict.DUPLICATE_DELIVERY)
        self.unclaimed.remove(key)
        outcome = self._handle(reading)
        came = Handled(outcome.verdict, reading.interpretation.mapping)
        self.moves.changes.verdicts[key] = came
        return outcome

    def _take_other(self, reading: Buried | Foreign | Alarmed) -> Outcome:
        """Decide on what is no event of this environment."""
        if isinstance(reading, Buried):
            return self._bury(reading)
        if isinstance(reading, Foreign):
            return self._set_aside(reading)
        return self._alarm(reading)

    def _handle(self, reading: Read) -> Outcome:
        """Decide on an event that is here for the first time."""
        told = reading.interpretation
        said = _said(reading)
        if told.verdict is not None:
            self.moves.find(said, told.findings)
            return _outcome(reading, told.verdict)
        if told.deposits:
            return self._deposit(reading, said)
        if reading.event.source in self.moves.policy.expect_first and not self.moves.knows(said):
            return self._park(reading, said)
        stated = self.moves.state(said)
        decision = stated.decision
        if reading.is_variant and not _conflicts(decision, told.facts, stated.before.facts):
            # A redelivery that its provider rendered anew: there is nothing to tell anybody.
            return _outcome(reading, Verdict.DUPLICATE_DELIVERY, decision.after)
        if reading.is_variant:
            said = said._replace(findings=(*said.findings, _conflict(reading)))
        self.moves.weigh(said, stated)
        return _outcome(reading, decision.verdict, decision.after)

    def _park(self, reading: Read, said: Said) -> Outcome:
        """Keep what is said of a payment that nobody announced: its facts, and no state.

        What the facts are reason for is raised when they are weighed; what the words alone are
        reason for, now.
        """
        before = self.moves.keep(said, Kept.PARKED).before
        if reading.is_variant and not says_more(said.facts, before.facts):
            return _outcome(reading, Verdict.DUPLICATE_DELIVERY)
        if reading.is_variant:
            said = said._replace(findings=(*said.findings, _conflict(reading)))
        self.moves.find(said, [one for one in said.findings if not HANDLING[one.code].heals])
        return _outcome(reading, Verdict.PARKED_NO_PAYMENT)

    def _deposit(self, reading: Read, said: Said) -> Outcome:
        """Keep each transfer of an event that names no payment; a matched one counts at once."""
        verdicts = [
            depositing.take(self.moves, said, transfer, facts, self.decided)
            for transfer, facts in deposits.transfers(reading.interpretation)
        ]
        verdict = deposits.foremost(verdicts)
        if reading.is_variant and verdict is not Verdict.DUPLICATE_FACT:
            self.moves.find(said, [_conflict(reading)])
        return _outcome(reading, verdict)

    def _bury(self, reading: Buried) -> Outcome:
        record = reading.record
        self.moves.changes.dead_letters.append(
            DeadLetter(
                position=record.position,
                reason=reading.reason,
                key=record.key,
                value=record.value,
                headers=record.headers,
                at_ms=self.moves.now_ms,
            )
        )
        return Outcome(record.position, Verdict.BURIED, None, reason=reading.reason)

    def _set_aside(self, reading: Foreign) -> Outcome:
        evidence = reading.evidence
        now_ms = self.moves.now_ms
        self.moves.raise_(anomaly(Code.ENV_MISMATCH, reading.source, evidence, None, now_ms))
        position = reading.record.position
        return Outcome(position, Verdict.ENV_MISMATCH, reading.envelope, reason=evidence)

    def _alarm(self, reading: Alarmed) -> Outcome:
        told = reading.alarm
        self.moves.raise_(anomaly(reading.code, told.subject, told.evidence, None, told.at_ms))
        position = reading.record.position
        return Outcome(position, Verdict.ALARM_RAISED, None, reason=reading.code.value)


def _conflict(reading: Read) -> Finding:
    """Say that an event came with another body."""
    why = f"event {reading.envelope.event_key} came with another body, which states more"
    return Finding(Code.CONFLICTING_BODY, "", why)


def _conflicts(decision: Decision, told: Collection[Fact], known: Collection[Fact]) -> bool:
    """Say whether a second body of one event says anything that was not known."""
    has_effect = decision.moves or decision.verdict in {Verdict.CONFLICT, Verdict.ILLEGAL}
    return has_effect or says_more(told, known)


def _said(reading: Read) -> Said:
    """Say it as any other statement is said."""
    envelope, told = reading.envelope, reading.interpretation
    return Said(
        event=reading.event.key,
        payment=reading.payment,
        facts=told.facts,
        occasion=Occasion.of(envelope),
        correlation_id=envelope.correlation_id,
        findings=told.findings,
        mapping=told.mapping,
    )


def _outcome(reading: Read, verdict: Verdict, state: State | None = None) -> Outcome:
    found = reading.interpretation.findings
    reason = found[0].evidence if found else ""
    return Outcome(reading.record.position, verdict, reading.envelope, state, reason)
