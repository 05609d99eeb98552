"""State facts about payments, and write down all that follows from them. Pure.

An event's facts flow in, or an operator's, or a timer's; what they prove is weighed against what
was known, and the changes come together: the facts, the payment's row, the transition with its
notice, the exceptions that are new and those that end by themselves. `plan` does this for the
events of a batch, `stating` for one command.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from consumers import notices, standing, weighing
from consumers.exceptions import HANDLING, Code, subject_of
from consumers.facts import Fact
from consumers.interpret.interpreter import Finding
from consumers.lifecycle import Decision, State, Verdict, decide, reduce
from consumers.notices import Occasion
from consumers.policy import Policy
from consumers.standing import Concern
from consumers.store.cases import AtRisk
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
from consumers.store.rows import AMOUNT_END
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
    """What came of it: the payment before and after, and why.

    `was` are the exceptions that the facts known before were reason for, `now` those that all are;
    both are empty where nothing new was told.
    """

    before: Payment
    after: Payment
    decision: Decision
    was: frozenset[Code] = frozenset()
    now: tuple[Concern, ...] = ()

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
        if decision.moves:
            self._move(said, before, after)
        if not (decision.facts or decision.moves):
            return Stated(payment, after, decision)
        was = self._reasons(payment)
        now = standing.concerns(decision.proven, after.facts, self.policy.terms)
        return Stated(payment, after, _judged(decision, was, now), was, now)

    def weigh(self, said: Said, stated: Stated) -> None:
        """Raise what the words and the facts are reason for, and end what they no longer are."""
        findings = [one for one in said.findings if not _is_stale(one, stated.decision)]
        self.find(said, findings)
        if stated.decision.verdict is Verdict.ILLEGAL:
            told = f"the facts prove {stated.decision.proven}, and {stated.before.state} does not"
            self.find(said, [Finding(Code.ILLEGAL_TRANSITION, "", f"{told} lead there")])
        # Under another policy than before, a payment moves without a new fact.
        if stated.decision.facts or stated.decision.moves:
            self._compare(said, stated, {one.code for one in findings})

    def find(self, said: Said, findings: Iterable[Finding]) -> None:
        """Raise exceptions about the payment, or about what they name."""
        for found in findings:
            subject = found.subject or subject_of(said.payment)
            money = None if found.subject else self._at_risk(said.payment)
            told = anomaly(found.code, subject, found.evidence, said.event, self.now_ms, money)
            self.raise_(told)

    def _at_risk(self, key: PaymentKey) -> AtRisk | None:
        """Return the money that a payment is about, as far as it is known and can be stored.

        Facts that each fit can add up to what no column holds: their event must not be buried.
        """
        payment = self.current.get(key) or self.stored.get(key)
        money = None if payment is None else weighing.at_risk(payment.facts)
        return None if money is None or money[1] >= AMOUNT_END else AtRisk(*money)

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
        return Payment(
            key=payment.key,
            state=decision.after,
            version=payment.version + decision.moves,
            facts=payment.facts | decision.facts,
            changed_ms=self.now_ms if decision.moves else payment.changed_ms,
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

    def _reasons(self, payment: Payment) -> frozenset[Code]:
        """Name what the facts of a payment were reason for, by its state and by what they prove.

        The two differ after an ILLEGAL move, and where the policy is another one since.
        """
        if not payment.facts:
            return frozenset()
        terms = self.policy.terms
        told = standing.concerns(payment.state, payment.facts, terms)
        proven = reduce(payment.facts, terms)
        if proven is not payment.state:
            told += standing.concerns(proven, payment.facts, terms)
        return frozenset(one.code for one in told)

    def _compare(self, said: Said, stated: Stated, told: Collection[Code]) -> None:
        """Raise what is new among the concerns, but for what was `told` already; end what is not.

        Of what is late already nobody is told again; of a payment that is short, every time.
        """
        decision, was = stated.decision, stated.was
        again = {Code.AMOUNT_UNDER} if decision.after is State.UNDERPAID else set()
        new = [one for one in stated.now if one.code not in (was - again).union(told)]
        self.find(said, [Finding(code, "", evidence) for code, evidence in new])
        ended = was.difference(told, (one.code for one in stated.now))
        if stated.before.state is State.UNDERPAID and decision.proven is not State.UNDERPAID:
            ended |= {Code.AMOUNT_UNDER}  # the provider's word alone may have been the reason
        for code in sorted(ended):
            self.heal(code, subject_of(stated.before.key))


def _judged(decision: Decision, was: Collection[Code], now: Iterable[Concern]) -> Decision:
    """Return the decision, as a CONFLICT where its news is what contradicts what was known."""
    code = Code.CONTRADICTORY_OUTCOME
    is_new = code not in was and any(one.code is code for one in now)
    if is_new and decision.verdict is not Verdict.ILLEGAL:
        return decision._replace(verdict=Verdict.CONFLICT)
    return decision


def _is_stale(found: Finding, decision: Decision) -> bool:
    """Say whether a word that money is missing came after the money.

    An exception must not depend on which of the two came first.
    """
    return found.code is Code.AMOUNT_UNDER and decision.proven is not State.UNDERPAID


def anomaly(
    code: Code,
    subject: str,
    evidence: str,
    event: EventKey | None,
    at_ms: int,
    at_risk: AtRisk | None = None,
) -> Anomaly:
    """Make an exception as the store takes it."""
    return Anomaly(
        code=code.value,
        subject=cloudevents.attribute(subject),
        severity=HANDLING[code].severity,
        evidence=evidence,
        event=event,
        at_ms=at_ms,
        at_risk=at_risk,
    )


def unwritten(key: PaymentKey) -> Payment:
    """Return a payment as it is before its first move."""
    return Payment(key, State.PENDING, version=0, facts=frozenset(), changed_ms=0)
