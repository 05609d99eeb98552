"""State facts about payments, and write down all that follows from them. Pure.

An event's facts flow in, or an operator's, or a timer's; what they prove is weighed against what
was known, and the changes come together: the facts, the payment's row, the transition with its
notice, the exceptions that are new and those that end by themselves. `plan` does this for the
events of a batch, `stating` for one command.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from consumers import notices, standing
from consumers.exceptions import HANDLING, Code, subject_of
from consumers.facts import Fact
from consumers.interpret.interpreter import Finding
from consumers.lifecycle import Decision, State, Verdict, decide
from consumers.notices import Occasion
from consumers.policy import Policy
from consumers.store.port import (
    Anomaly,
    Cause,
    Changes,
    EventKey,
    Payment,
    PaymentKey,
    Resolution,
    Saved,
    Transition,
)
from ingress.contract import cloudevents

HEALED = "the facts are no longer a reason for it"


class Said(NamedTuple):
    """Who said what about a payment: facts, and the occasion that downstream is told.

    `findings` are exceptions that the words themselves are reason for.
    """

    event: EventKey
    payment: PaymentKey
    facts: frozenset[Fact]
    occasion: Occasion
    correlation_id: str
    findings: tuple[Finding, ...] = ()
    mapping: str = ""
    cause: Cause = Cause.EVENT


class Stated(NamedTuple):
    """What came of it: the payment before and after, and why."""

    before: Payment
    after: Payment
    decision: Decision

    @property
    def state_before(self) -> State | None:
        """Return the state as it was written; None where the payment was not known."""
        return self.before.state if self.before.version else None


@dataclass(slots=True)
class Moves:
    """The changes so far, and the payments as they would be if all ended here."""

    stored: Mapping[PaymentKey, Payment]
    now_ms: int
    policy: Policy
    current: dict[PaymentKey, Payment] = field(default_factory=dict)
    changes: Changes = field(default_factory=Changes)
    # What was raised or healed, by code and subject: the last word counts.
    raised: dict[tuple[str, str], list[Anomaly]] = field(default_factory=dict)
    healed: dict[tuple[str, str], Resolution] = field(default_factory=dict)

    def state(self, said: Said) -> Stated:
        """Write the facts, and the transition where they move the payment."""
        key = said.payment
        payment = self.current.get(key) or self.stored.get(key) or unwritten(key)
        before = payment.state if payment.version else None
        decision = decide(before, payment.facts, said.facts, self.policy.terms)
        self._write(said, decision)
        after = self._moved(payment, decision)
        self.current[key] = after
        if after.version > payment.version:
            self._move(said, before, after)
        return Stated(payment, after, decision)

    def weigh(self, said: Said, stated: Stated) -> None:
        """Raise what the words and the facts are reason for, and end what they no longer are."""
        self.find(said, said.findings)
        if stated.decision.verdict is Verdict.ILLEGAL:
            told = f"the facts prove {stated.decision.proven}, and {stated.before.state} does not"
            self.find(said, [Finding(Code.ILLEGAL_TRANSITION, "", f"{told} lead there")])
        if stated.decision.facts:
            self._compare(said, stated)

    def find(self, said: Said, findings: Iterable[Finding]) -> None:
        """Raise exceptions about the payment, or about what they name."""
        for found in findings:
            subject = found.subject or subject_of(said.payment)
            self.raise_(anomaly(found.code, subject, found.evidence, said.event, self.now_ms))

    def raise_(self, raised: Anomaly) -> None:
        """Raise an exception."""
        place = (raised.code, raised.subject)
        self.raised.setdefault(place, []).append(raised)
        self.healed.pop(place, None)

    def heal(self, code: Code, subject: str, why: str = HEALED) -> None:
        """End an exception, if one is open."""
        place = (code.value, subject)
        self.raised.pop(place, None)
        self.healed[place] = Resolution(code.value, subject, why, self.now_ms)

    def finish(self) -> Changes:
        """Return the changes, each moved payment once."""
        self.changes.anomalies = [one for told in self.raised.values() for one in told]
        self.changes.resolved = list(self.healed.values())
        for key, payment in self.current.items():
            was = self.stored[key].version if key in self.stored else 0
            if payment.version != was:
                self.changes.payments.append(Saved(payment, was))
        return self.changes

    def _write(self, said: Said, decision: Decision) -> None:
        """Write the facts that add something, and apart from them those that do not."""
        key, event = said.payment, said.event
        self.changes.facts += [(key, fact, event) for fact in decision.facts]
        if len(decision.facts) < len(said.facts):
            old = said.facts - decision.facts
            self.changes.restated += [(key, fact, event) for fact in old]

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

    def _move(self, said: Said, before: State | None, after: Payment) -> None:
        """Write a transition and its notice."""
        transition = Transition(
            payment=after.key,
            version=after.version,
            before=before,
            after=after.state,
            event=said.event,
            correlation_id=said.correlation_id,
            at_ms=self.now_ms,
            cause=said.cause,
            mapping=said.mapping,
            policy=self.policy.version,
        )
        self.changes.transitions.append(transition)
        adjectives = standing.flags(after.facts, self.policy.terms)
        self.changes.notices.append(notices.build(transition, said.occasion, adjectives))

    def _compare(self, said: Said, stated: Stated) -> None:
        """Compare what the facts are reason for with what those known before were."""
        terms, decision, before = self.policy.terms, stated.decision, stated.before
        was = {one.code for one in standing.concerns(before.state, before.facts, terms)}
        now = standing.concerns(decision.proven, stated.after.facts, terms)
        # Of what is late already nobody is told again; of a payment that is short, every time.
        again = {Code.AMOUNT_UNDER} if decision.after is State.UNDERPAID else set()
        told = {found.code for found in said.findings}
        new = [one for one in now if one.code not in was - again | told]
        self.find(said, [Finding(code, "", evidence) for code, evidence in new])
        if before.state is State.UNDERPAID:
            was.add(Code.AMOUNT_UNDER)  # the provider's word alone may have been the reason
        for code in sorted(was - {one.code for one in now} - told):
            self.heal(code, subject_of(before.key))


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
