"""Take one answer of a provider: compare it under the payment's lock, and write what follows.

An answer that is believed becomes an event of its own, claimed once for ever: its facts, the
transition with its notice, the end of the exception that asked, the verdicts of the hints that it
settles, and the read itself are one transaction. One that is not believed yet is a read and nothing
more. What decides is `comparing`; that the answer is compared under the lock is what makes a poll
and a webhook of one thing move a payment once.
"""

from collections.abc import Collection
from dataclasses import dataclass
from hashlib import sha256
from typing import NamedTuple

from consumers.exceptions import Code, subject_of
from consumers.facts import Fact
from consumers.fetching import comparing
from consumers.fetching.comparing import LESS, TWICE, Comparison
from consumers.fetching.port import Account, NotThere, Snapshot, Why
from consumers.freezing import is_frozen
from consumers.interpret import answers
from consumers.interpret.answers import Shown
from consumers.interpret.interpreter import Finding, Interpreters
from consumers.lifecycle import Verdict
from consumers.moving import Moves, Said, anomaly
from consumers.notices import Occasion
from consumers.policy import Policy
from consumers.store.poll_store import Polls
from consumers.store.polls import ProviderRead
from consumers.store.port import (
    Cause,
    Event,
    EventKey,
    Fenced,
    Handled,
    Kept,
    Payment,
    PaymentKey,
    Recorded,
    Store,
    Transaction,
    Transition,
)
from ingress import telemetry
from ingress.contract import cloudevents
from ingress.eventlog.port import Partition, Position

SOURCE = "poll"
ASSURANCE = "fetched"
# No record told of it: an event needs a place, and this is none.
NOWHERE = Position(Partition("", 0), 0)
NOBODYS = "the provider knows no such payment, and was asked twice: nobody's hint"
AGREED = "the provider shows what we hold"
_STATED = frozenset({Comparison.AGREE, Comparison.WE_BEHIND})


@dataclass(frozen=True, slots=True)
class Rim:
    """What is taken from outside: the names of the environment, and the clock."""

    environment: str
    mode: str
    clock: telemetry.Clock


class Asked(NamedTuple):
    """A question and its answer."""

    payment: PaymentKey
    why: Why
    answer: Snapshot | NotThere


class Taken(NamedTuple):
    """What came of an answer. `is_ripe` where it showed the same for long enough."""

    asked: Asked
    comparison: Comparison
    word: str
    is_held: bool
    is_ripe: bool
    transition: Transition | None = None

    @property
    def waits(self) -> bool:
        """Say whether it may be confirmed now: what is shown was shown before."""
        return self.is_ripe and self.is_held and self.comparison in TWICE


class _Case(NamedTuple):
    """An answer beside the payment under its lock, and how the two stand to each other.

    `known` is what the provider can know of: without the deposits that people matched with it.
    """

    asked: Asked
    shown: Shown
    payment: Payment | None
    known: frozenset[Fact]
    hints: tuple[Recorded, ...]
    comparison: Comparison
    correlation_id: str

    @property
    def told(self) -> frozenset[Fact]:
        """Return what the answer states if it is believed."""
        shown = comparing.returned(self.known, self.shown.facts)
        if self.comparison is not Comparison.WE_AHEAD:
            return shown
        return shown | comparing.withdrawn(self.known, shown, self.asked.answer.fetched_ms)

    @property
    def event_key(self) -> EventKey:
        """Name the event: by the bytes and the mapping, and by what was withdrawn before.

        Whoever reads the same bytes again states nothing new; but after money was gone, the same
        bytes mean that it is there again.
        """
        digest = self.asked.answer.digest if isinstance(self.asked.answer, Snapshot) else ""
        gone = sorted(fact.detail for fact in self.told if fact.detail.startswith(comparing.SINCE))
        mark = f"~{sha256(repr(gone).encode()).hexdigest()[:16]}" if gone else ""
        name = f"{SOURCE}:{self.shown.mapping}:{digest.rpartition(':')[2]}{mark}"
        provider, account, _ = self.asked.payment
        return EventKey(provider, account, cloudevents.attribute(name))


@dataclass(frozen=True, slots=True)
class Taker:
    """Takes answers for one store, under one policy.

    `parked` are the accounts whose payments are announced before anything counts.
    """

    store: Store
    interpreters: Interpreters
    policy: Policy
    rim: Rim
    parked: Collection[Account] = ()

    async def take(self, asked: Asked) -> Taken:
        """Compare an answer, and state it where one read is enough.

        Raises `StoreUnavailable`, and `Fenced` where somebody else moved the payment meanwhile.
        """
        earlier = await Polls.of(self.store).reads(asked.payment, comparing.READS_MAX)
        hints = await self._hints(asked)
        async with self.store.transaction() as tx:
            case = await self._case(tx, asked, hints)
            moves = self._moves(case)
            at_ms = asked.answer.fetched_ms
            is_held = comparing.is_held(case.known)
            is_ripe = comparing.is_confirmed(case.comparison, case.shown.word, earlier, at_ms)
            event = None
            if case.comparison in _STATED:
                event = await self._state(tx, moves, case)
            else:
                self._wait(moves, case, is_over=is_ripe and not is_held)
            moves.changes.reads.append(_read(case, event, is_held=is_held))
            changes = moves.finish()
            await tx.save(changes)
        made = changes.transitions[0] if changes.transitions else None
        return Taken(asked, case.comparison, case.shown.word, is_held, is_ripe, made)

    async def confirm(self, taken: Taken) -> Transition | None:
        """Believe what was shown twice; return the move that it made. Raises as `take` does.

        It is compared again: what came since may have changed what we hold, and then nothing is
        written; nor is it where somebody has frozen everything since. What is counted differently,
        or not known there, is for people.
        """
        hints = await self._hints(taken.asked)
        async with self.store.transaction() as tx:
            if is_frozen(await tx.freeze.read()):
                return None
            case = await self._case(tx, taken.asked, hints)
            if case.comparison is not taken.comparison:
                return None
            moves = self._moves(case)
            if case.comparison in _FOR_PEOPLE:
                self._answered(moves, case)
                self._raise(moves, case, _divergence(case))
            else:
                await self._state(tx, moves, case)
            changes = moves.finish()
            await tx.save(changes)
        return changes.transitions[0] if changes.transitions else None

    async def _case(self, tx: Transaction, asked: Asked, hints: tuple[Recorded, ...]) -> _Case:
        """Lock the payment, and compare; the hints before it, because everybody does."""
        if hints:
            await tx.marked([one.event.key for one in hints])
        found, known = await _held(tx, asked.payment)
        shown = self._show(asked)
        correlation_id = hints[0].event.correlation_id if hints else telemetry.correlation_id()
        comparison = self._compare(asked, shown, known)
        return _Case(asked, shown, found, known, hints, comparison, correlation_id)

    def _show(self, asked: Asked) -> Shown:
        """Read the answer; that there is no such payment shows nothing."""
        if isinstance(asked.answer, NotThere):
            return Shown("")
        # The policy that judges what is final is the one whose version the transitions carry.
        judging = Interpreters(self.interpreters.tables, policy=self.policy)
        return answers.show(judging, asked.payment, asked.answer.body, asked.answer.fetched_ms)

    def _compare(self, asked: Asked, shown: Shown, known: frozenset[Fact]) -> Comparison:
        if isinstance(asked.answer, NotThere):
            return Comparison.MISSING_THERE
        if not shown.is_read:
            return Comparison.UNREADABLE
        told = comparing.returned(known, shown.facts)
        return comparing.compare(known, told, self.policy.terms, counts_parts=shown.counts_parts)

    async def _hints(self, asked: Asked) -> tuple[Recorded, ...]:
        """Find the hints about the payment that nobody has settled, the oldest first."""
        if asked.why is not Why.HINT:
            return ()
        return tuple(
            one
            for one in await self.store.events(asked.payment)
            if one.verdict == Verdict.HINT and one.event.received_ms <= asked.answer.fetched_ms
        )

    def _moves(self, case: _Case) -> Moves:
        stored = {} if case.payment is None else {case.asked.payment: case.payment}
        return Moves(stored, self.rim.clock(), self.policy)

    async def _state(self, tx: Transaction, moves: Moves, case: _Case) -> EventKey | None:
        """State what is believed, and end what asked; return the event that it became."""
        self._answered(moves, case)
        moves.heal(Code.STATE_DIVERGENCE, subject_of(case.asked.payment), AGREED)
        if not case.told:
            return None
        said = self._said(case)
        if not await tx.claim([self._event(case, said)]):
            return said.event
        account = Account(*case.asked.payment[:2])
        if account in self.parked and not moves.knows(said):
            moves.keep(said, Kept.PARKED)
            verdict = Verdict.PARKED_NO_PAYMENT
        else:
            stated = moves.state(said)
            moves.weigh(said, stated)
            verdict = stated.decision.verdict
        moves.changes.verdicts[said.event] = Handled(verdict, said.mapping)
        return said.event

    def _answered(self, moves: Moves, case: _Case) -> None:
        """End what asked: the exception, and the hints that it was about."""
        told = f"the provider was asked: {case.comparison}"
        moves.heal(Code.NEEDS_FETCH, subject_of(case.asked.payment), told)
        moves.changes.verdicts |= {
            one.event.key: Handled(Verdict.HINT_FETCHED, one.mapping) for one in case.hints
        }

    def _wait(self, moves: Moves, case: _Case, *, is_over: bool) -> None:
        """Leave the payment as it is, and what asked open; `is_over` where it asks in vain."""
        if case.comparison is Comparison.UNREADABLE:
            self._raise(moves, case, *case.shown.findings)
        elif case.comparison is Comparison.MISSING_THERE and is_over:
            moves.heal(Code.NEEDS_FETCH, subject_of(case.asked.payment), NOBODYS)

    def _raise(self, moves: Moves, case: _Case, *found: Finding) -> None:
        """Raise exceptions about what became no event; where a hint asked, they name it."""
        hint = case.hints[0].event.key if case.hints else None
        for one in found:
            subject = one.subject or subject_of(case.asked.payment)
            moves.raise_(anomaly(one.code, subject, one.evidence, hint, moves.now_ms))

    def _said(self, case: _Case) -> Said:
        """Say it as any other statement is said."""
        shown = case.shown
        return Said(
            event=case.event_key,
            payment=case.asked.payment,
            facts=case.told,
            occasion=Occasion(
                self.rim.environment,
                shown.word or SOURCE,
                shown.at_ms or case.asked.answer.fetched_ms,
                telemetry.traceparent(),
            ),
            correlation_id=case.correlation_id,
            findings=shown.findings,
            mapping=shown.mapping,
            cause=Cause.POLL,
        )

    def _event(self, case: _Case, said: Said) -> Event:
        """Make the row that claims it."""
        answer = case.asked.answer
        return Event(
            key=said.event,
            event_type=said.occasion.event_type,
            source=SOURCE,
            reference=case.asked.payment.reference,
            key_id="",
            assurance=ASSURANCE,
            correlation_id=case.correlation_id,
            body_digest=answer.digest if isinstance(answer, Snapshot) else "",
            received_ms=answer.fetched_ms,
            position=NOWHERE,
            scheme=SOURCE,
            mode=self.rim.mode,
        )


async def _held(tx: Transaction, payment: PaymentKey) -> tuple[Payment | None, frozenset[Fact]]:
    """Lock a payment; return it, and those of its facts that are no matched deposit's.

    Money that came past the provider is not shown by it, and is not gone for that.
    Raises `Fenced` where a deposit was matched meanwhile.
    """
    matched = await tx.deposits.matched_with([payment])
    stored = await tx.payments([payment, *(one.key for one in matched)])
    if await tx.deposits.matched_with([payment]) != matched:
        raise Fenced("a deposit was decided on by another since it was read")
    found = stored.get(payment)
    if found is None:
        return None, frozenset()
    beside = {fact for one in matched for fact in stored[one.key].facts}
    return found, found.facts - beside


# Of these nothing can be stated: a smaller sum takes no larger one back.
_FOR_PEOPLE = LESS - {Comparison.WE_AHEAD}


def _divergence(case: _Case) -> Finding:
    told = {
        Comparison.AMOUNT_DIFFERS: "the provider counts less money than we hold",
        Comparison.MISSING_THERE: "the provider knows no such payment, and we hold money of it",
    }
    why = f"{told[case.comparison]}; it was asked twice, {comparing.APART_MS // 60_000} min apart"
    word = f", and calls it {case.shown.word}" if case.shown.word else ""
    return Finding(Code.STATE_DIVERGENCE, "", why + word)


def _read(case: _Case, event: EventKey | None, *, is_held: bool) -> ProviderRead:
    """Write down what was answered."""
    answer = case.asked.answer
    return ProviderRead(
        payment=case.asked.payment,
        why=case.asked.why.value,
        at_ms=answer.fetched_ms,
        word=case.shown.word,
        comparison=case.comparison.value,
        is_held=is_held,
        mapping=case.shown.mapping,
        request_id=answer.request_id,
        body_digest=answer.digest if isinstance(answer, Snapshot) else "",
        event=event,
    )
