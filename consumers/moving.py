"""State facts about payments, and write down all that follows from them. Pure.

An event's facts flow in, or an operator's, or a timer's; what they prove is weighed against what
was known, and the changes come together: the facts, the payment's row, the transition with its
notice, the exceptions that are new and those that end by themselves. `plan` does this for the
events of a batch, `stating` for one command.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from consumers import holding, notices, picture, requests, standing, weighing
from consumers.exceptions import HANDLING, Code, subject_of
from consumers.facts import Fact
from consumers.holding import Because
from consumers.interpret.interpreter import Finding
from consumers.lifecycle import Decision, State, Verdict, decide
from consumers.notices import Occasion
from consumers.policy import Policy
from consumers.standing import Concern
from consumers.store.cases import AtRisk
from consumers.store.port import (
    Anomaly,
    Cause,
    Changes,
    EventKey,
    Kept,
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
    was: frozenset[Concern] = frozenset()
    now: tuple[Concern, ...] = ()

    @property
    def state_before(self) -> State | None:
        """Return the state as it was written; None where the payment was not known."""
        return self.before.state if self.before.version else None


class Passage(NamedTuple):
    """One move, for whoever measures: how long the payment was where it was, by our own clock.

    `repeats` where it is Confirmed, and its goods were to leave already: no second ones do.
    """

    before: State
    after: State
    lasted_ms: int
    repeats: bool


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
    passages: list[Passage] = field(default_factory=list)

    def state(self, said: Said, *, is_matched: bool = False) -> Stated:
        """Write the facts, and the transition where they move the payment.

        The facts of a deposit that `is_matched` are written under its own key alone.
        """
        key = said.payment
        payment = self.current.get(key) or self.stored.get(key) or unwritten(key)
        before = payment.state if payment.version else None
        decision = decide(before, payment.facts, said.facts, self.policy.terms)
        if not is_matched:
            self._write(said, decision)
        after = self._moved(payment, decision)
        self.current[key] = after
        if not (decision.facts or decision.moves):
            return Stated(payment, after, decision)
        # Of what was only kept, nobody has been told anything.
        was = self._reasons(payment) if payment.version else frozenset()
        seen = picture.look(after.facts, self.policy.terms, decision.proven)
        now = standing.concerns_of(seen, decision.proven)
        if decision.moves:
            self._move(said, before, after, standing.flags_of(seen, now))
            self._measure(payment, before, after)
        else:
            self._hold(said, Stated(payment, after, decision, was, now))
        return Stated(payment, after, _judged(decision, was, now), was, now)

    def knows(self, said: Said) -> bool:
        """Say whether the payment has a state already."""
        payment = self.current.get(said.payment) or self.stored.get(said.payment)
        return payment is not None and payment.version > 0

    def keep(self, said: Said, kept: Kept) -> Stated:
        """Write the facts and no state: nobody is told of what nobody can name yet."""
        key = said.payment
        payment = self.current.get(key) or self.stored.get(key) or unwritten(key)
        decision = decide(None, payment.facts, said.facts, self.policy.terms)
        self._write(said, decision)
        changed_ms = payment.changed_ms if payment.kept else self.now_ms
        facts = payment.facts | decision.facts
        after = payment._replace(facts=facts, changed_ms=changed_ms, kept=kept)
        self.current[key] = after
        return Stated(payment, after, decision)

    def weigh(self, said: Said, stated: Stated) -> None:
        """Raise what the words and the facts are reason for, and end what they no longer are."""
        if stated.before.kept is Kept.PARKED:
            self.heal(Code.UNKNOWN_PAYMENT, subject_of(said.payment))
        self.find(said, said.findings)
        if stated.decision.verdict is Verdict.ILLEGAL:
            told = f"the facts prove {stated.decision.proven}, and {stated.before.state} does not"
            told = f"{told} lead there{self._raised_price(stated)}"
            self.find(said, [Finding(Code.ILLEGAL_TRANSITION, "", told)])
        # Under another policy than before, a payment moves without a new fact.
        if stated.decision.facts or stated.decision.moves:
            self._compare(said, stated, {one.code for one in said.findings})

    def _raised_price(self, stated: Stated) -> str:
        """Say that the price is higher than it was, where that is why the move is illegal.

        A price has no instant, and so a lower one that was met cannot be told from a mistake. What
        was paid stays paid; people find out which of the two the merchant meant.
        """
        was, terms = weighing.asked(stated.before.facts), self.policy.terms
        for asset, price in sorted(weighing.asked(stated.after.facts).items()):
            if (old := was.get(asset)) is not None and price > old:
                told = f"{terms.shown(asset, price)} is asked, and {terms.shown(asset, old)}"
                return f": {told} was asked and met before"
        return ""

    def find(self, said: Said, findings: Iterable[Finding]) -> None:
        """Raise exceptions about the payment, or about what they name."""
        for found in findings:
            subject = found.subject or subject_of(said.payment)
            money = None if found.subject else self._at_risk(said.payment, found.code)
            told = anomaly(found.code, subject, found.evidence, said.event, self.now_ms, money)
            self.raise_(told)

    def _at_risk(self, key: PaymentKey, code: Code) -> AtRisk | None:
        """Return the money that an exception is about, as far as it is known and can be stored.

        Facts that each fit can add up to what no column holds: their event must not be buried.
        """
        payment = self.current.get(key) or self.stored.get(key)
        money = None if payment is None else requests.at_risk(code, payment.facts)
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
            stored = self.stored.get(key)
            was = stored.version if stored else 0
            if payment.version != was or (payment.kept and stored is None):
                was_kept = stored is not None and stored.kept is not None
                self.changes.payments.append(Saved(payment, was, was_kept))
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
            fulfilment=(
                payment.fulfilment.then(decision.after) if decision.moves else payment.fulfilment
            ),
        )

    def _move(
        self, said: Said, before: State | None, after: Payment, adjectives: Sequence[str]
    ) -> None:
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
        generation = after.fulfilment.generation
        told = notices.build(transition, said.occasion, adjectives, generation)
        self.changes.notices.append(told)

    def _measure(self, payment: Payment, before: State | None, after: Payment) -> None:
        """Note how long the payment was where it was; one that is new was nowhere."""
        if before is not None:
            repeats = after.state is State.CONFIRMED and payment.fulfilment.is_due
            lasted_ms = self.now_ms - payment.changed_ms
            self.passages.append(Passage(before, after.state, lasted_ms, repeats))

    def _hold(self, said: Said, stated: Stated) -> None:
        """Write a notice where other holds are on than before, in a state that stays as it is."""
        before, after = stated.before, stated.after
        was = standing.in_force(before.facts, stated.was)
        if standing.in_force(after.facts, stated.now) != was:
            because = Because(said.event, said.correlation_id, said.cause, self.now_ms)
            told = holding.heard(before, after, because, said.occasion, self.policy.terms)
            self.changes.notices.extend(told)

    def _reasons(self, payment: Payment) -> frozenset[Concern]:
        """Name what the facts of a payment were reason for, by its state and by what they prove.

        The two differ after an ILLEGAL move, and where the policy is another one since.
        """
        if not payment.facts:
            return frozenset()
        seen = picture.look(payment.facts, self.policy.terms)
        told = standing.concerns_of(seen, payment.state)
        if seen.state is not payment.state:
            told += standing.concerns_of(seen, seen.state)
        return frozenset(told)

    def _compare(self, said: Said, stated: Stated, told: Collection[Code]) -> None:
        """Raise what is new among the concerns, but for what was `told` already; end what is not.

        Of what is open already people are told again where its figures are others.
        """
        is_lifted = stated.before.state is State.UNDERPAID
        if not (stated.was or stated.now or is_lifted):
            return
        decision, was = stated.decision, {one.code for one in stated.was}
        new = [one for one in stated.now if one not in stated.was and one.code not in told]
        self.find(said, [Finding(code, "", evidence) for code, evidence in new])
        ended = was.difference(told, (one.code for one in stated.now))
        if is_lifted and decision.proven is not State.UNDERPAID:
            # An older version raised it by the provider's word alone, and kept no fact of that.
            ended |= {Code.AMOUNT_UNDER}
        for code in sorted(ended):
            self.heal(code, subject_of(stated.before.key))


def _judged(decision: Decision, was: Collection[Concern], now: Iterable[Concern]) -> Decision:
    """Return the decision, as a CONFLICT where its news is what contradicts what was known."""
    code = Code.CONTRADICTORY_OUTCOME
    known = {one.code for one in was}
    is_new = code not in known and any(one.code is code for one in now)
    if is_new and decision.verdict is not Verdict.ILLEGAL:
        return decision._replace(verdict=Verdict.CONFLICT)
    return decision


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
