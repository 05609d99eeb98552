"""Read events again: what they state now, what they would state, and what that makes of a payment.

Records that were applied once flow in, read anew under the mapping and the policy in force or under
a candidate; what differs from what the store has flows out, and for each payment the `Changes` that
would make the store agree. `replaying` asks for what is needed and writes it, or only shows it.

Two things can happen to a payment. Where no event of it had stated anything, the new reading is the
event's first, and goes the way of every arrival (`plan`). Where an event states other facts than it
did, its old statements are taken back by rows that say so, and the payment is corrected once to
what its facts prove, as when an event is made void: nobody forces a state, and nothing is deleted.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import NamedTuple

from consumers import depositing, deposits, holding, notices, requests, standing
from consumers.depositing import Arrived
from consumers.exceptions import Code, subject_of
from consumers.facts import Fact
from consumers.holding import Because
from consumers.lifecycle import CORRECTIONS, Verdict, reduce
from consumers.moving import anomaly, unwritten
from consumers.notices import Occasion
from consumers.plan import NOTHING_DECIDED, plan
from consumers.policy import NO_POLICY, Policy
from consumers.reading import Read
from consumers.store import rows
from consumers.store.cases import AtRisk
from consumers.store.deposits import DepositMove
from consumers.store.port import (
    Cause,
    Changes,
    EventKey,
    Handled,
    Judgement,
    Marked,
    Notice,
    Payment,
    PaymentKey,
    Resolution,
    Saved,
    Statement,
    Transition,
)
from consumers.store.readings import Reread, Retraction

# Nobody has read these yet, so another reading of them is their first.
BURIED = "buried"
REFUSED = frozenset({Verdict.UNKNOWN_TYPE, Verdict.UNPARSEABLE, Verdict.UNMATCHED, BURIED})
# What the signature does not prove states nothing, whatever a mapping says of it.
_UNPROVEN = frozenset({"hint", "hint_fetched"})
ENDED = "an event was read again, and its facts are no longer a reason for it"


class Known(NamedTuple):
    """An event as the store has it, and how often it was read again; None is a dead letter."""

    marked: Marked | None
    readings: int = 0
    has_deposits: bool = False
    """Whether it states facts of deposits: those have names of their own, and are not compared."""

    @property
    def verdict(self) -> str:
        """Return what came of the last reading."""
        return BURIED if self.marked is None else self.marked.recorded.verdict or ""

    @property
    def mapping(self) -> str:
        """Name the mapping of the last reading; nothing where there was none, or it is not kept."""
        return "" if self.marked is None else self.marked.recorded.mapping

    @property
    def is_void(self) -> bool:
        """Say whether an operator has excluded the event."""
        return self.marked is not None and self.marked.judgement is Judgement.VOID


class Change(NamedTuple):
    """An event that reads otherwise: which statements it would make no more, which facts anew."""

    read: Read
    known: Known
    gone: tuple[Statement, ...]
    new: frozenset[Fact]

    @property
    def event(self) -> EventKey:
        """Name the event."""
        return self.read.event.key

    @property
    def is_arrival(self) -> bool:
        """Say whether nothing that the event says was ever taken in."""
        was_unread = self.known.verdict in REFUSED or bool(self.read.interpretation.deposits)
        return was_unread and not self.gone


class Rim(NamedTuple):
    """What is taken from outside: where and when, a trace for notices, the policy, the command."""

    environment: str
    now_ms: int
    traceparent: str
    policy: Policy = NO_POLICY
    replay: str = ""


class Held(NamedTuple):
    """A payment as stored: its row, who states what of it, and which of those events are void.

    `others` are the deposits that its events tell of, and the payments that those are matched with;
    `decided` the last words on the deposits.
    """

    payment: Payment
    statements: Sequence[Statement]
    void: frozenset[EventKey] = frozenset()
    others: Mapping[PaymentKey, Payment] = {}
    decided: Mapping[PaymentKey, DepositMove] = NOTHING_DECIDED


class Replanned(NamedTuple):
    """A payment before and after, the events that read otherwise, and what is to be written.

    `deposits` are those that the events tell of: then there need not be any payment.
    """

    before: Payment
    after: Payment
    readings: tuple[Change, ...]
    changes: Changes
    deposits: tuple[Arrived, ...] = ()

    @property
    def moves(self) -> bool:
        """Say whether the payment's state is another."""
        return bool(self.changes.transitions)


def compare(read: Read, known: Known, statements: Sequence[Statement]) -> Change | None:
    """Say how an event reads otherwise; None where it reads the same, or is not to be read."""
    told, before = read.interpretation, known.verdict
    if not before or before in _UNPROVEN or told.verdict is Verdict.HINT or known.is_void:
        return None
    if is_of_deposits(read, known) or (
        not read.event.reference and told.facts and not told.deposits
    ):
        return None
    mine = [one for one in statements if one.event == read.event.key]
    gone = tuple(one for one in mine if one.fact not in told.facts)
    new = told.facts - {one.fact for one in mine}
    if not read.event.scheme:
        # Taken in before a store kept who repeats a fact.
        new -= {one.fact for one in statements}
    if gone or new or _word(before) != _word(told.verdict):
        return Change(read, known, gone, new)
    return None


def is_of_deposits(read: Read, known: Known) -> bool:
    """Say whether an event was taken in and told of deposits: what it says is not compared.

    One that was refused, or that said nothing, is taken in as if it came now, with the deposits
    that it tells of.
    """
    if known.has_deposits:
        return True
    if read.interpretation.deposits:
        return known.verdict not in {*REFUSED, Verdict.APPLIED_NO_CHANGE}
    return not read.event.reference and known.verdict not in REFUSED


def replan(held: Held, changed: Sequence[Change], rim: Rim) -> Replanned:
    """Decide what the new readings of a payment's events make of it. Raises `Poisoned`."""
    if all(one.is_arrival for one in changed):
        return _arrive(held, changed, rim)
    return _correct(held, changed, rim)


def held(
    key: PaymentKey,
    payment: Payment | None,
    statements: Sequence[Statement],
    void: Collection[EventKey] = (),
) -> Held:
    """Put together what is stored of a payment, also where nothing is."""
    return Held(unwritten(key) if payment is None else payment, statements, frozenset(void))


def _word(verdict: str | None) -> str:
    """Return why an event was not read; nothing where it was."""
    return verdict if verdict in REFUSED else ""


def _arrive(held: Held, changed: Sequence[Change], rim: Rim) -> Replanned:
    """Take events in as if they came now."""
    before = held.payment
    known = {**held.others} if _is_unknown(before) else {**held.others, before.key: before}
    reads = [one.read for one in changed]
    fresh = {one.event for one in changed}
    planned = plan(reads, fresh, known, rim.now_ms, rim.policy, held.decided)
    changes = planned.changes
    news = {fact for key, fact, _ in changes.facts if key == before.key}
    moved = [row.payment for row in changes.payments if row.payment.key == before.key]
    after = moved[-1] if moved else before._replace(facts=before.facts | news)
    verdicts = {event: str(came.verdict) for event, came in changes.verdicts.items()}
    changes.readings = [_reading(one, before.key, verdicts[one.event], rim) for one in changed]
    named = (key for one in reads for key in deposits.keys(one.payment, one.interpretation))
    arrived = depositing.arrived(named, held.others, held.decided, changes)
    return Replanned(before, after, tuple(changed), changes, tuple(arrived))


def _is_unknown(payment: Payment) -> bool:
    return not payment.version and payment.kept is None


def _correct(held: Held, changed: Sequence[Change], rim: Rim) -> Replanned:
    """Take back what events state no more, add what they state now, and correct the payment."""
    before = held.payment
    facts = _standing(held, changed)
    changes = Changes()
    _state(changes, held, changed)
    after = before._replace(facts=facts)
    if before.version:
        after = _move(changes, before, facts, changed, rim)
        _weigh(changes, before, after, changed, rim)
    verdict = Verdict.APPLIED if changes.transitions else Verdict.APPLIED_NO_CHANGE
    for one in changed:
        told = one.read.interpretation
        came = Handled(str(told.verdict or verdict), told.mapping)
        changes.verdicts[one.event] = came
        changes.readings.append(_reading(one, before.key, came.verdict, rim))
    return Replanned(before, after, tuple(changed), changes)


def _standing(held: Held, changed: Sequence[Change]) -> frozenset[Fact]:
    """Return the facts that stand then: what another event states too is not lost."""
    gone = {one for change in changed for one in change.gone}
    kept = {one.fact for one in held.statements if one not in gone and one.event not in held.void}
    lost = {one.fact for one in gone} - kept
    return (held.payment.facts - lost).union(*(one.new for one in changed))


def _state(changes: Changes, held: Held, changed: Sequence[Change]) -> None:
    """Write the new facts: each once as new, and again where it is repeated."""
    stated = {one.fact for one in held.statements}
    for change in changed:
        for fact in sorted(change.new, key=repr):
            kept = changes.restated if fact in stated else changes.facts
            kept.append((held.payment.key, fact, change.event))
            stated.add(fact)


def _move(
    changes: Changes,
    before: Payment,
    facts: frozenset[Fact],
    changed: Sequence[Change],
    rim: Rim,
) -> Payment:
    """Write the corrective transition and its notice, where the facts prove another state."""
    proven = reduce(facts, rim.policy.terms)
    if proven not in CORRECTIONS[before.state]:
        after = before._replace(facts=facts)
        changes.notices.extend(_heard(before, after, changed, rim))
        return after
    version = before.version + 1
    after = Payment(
        key=before.key,
        state=proven,
        version=version,
        facts=facts,
        changed_ms=rim.now_ms,
        fulfilment=before.fulfilment.then(proven),
    )
    because = _reason(changed)
    transition = Transition(
        payment=after.key,
        version=version,
        before=before.state,
        after=proven,
        event=because.event.key,
        correlation_id=because.event.correlation_id,
        at_ms=rim.now_ms,
        cause=Cause.REPLAY,
        mapping=because.interpretation.mapping,
        policy=rim.policy.version,
    )
    occasion = _occasion(because, rim)
    adjectives = standing.flags(facts, rim.policy.terms)
    changes.payments.append(Saved(after, before.version))
    changes.transitions.append(transition)
    generation = after.fulfilment.generation
    changes.notices.append(notices.build(transition, occasion, adjectives, generation))
    return after


def _heard(
    before: Payment, after: Payment, changed: Sequence[Change], rim: Rim
) -> Iterator[Notice]:
    """Yield the notice of holds that come, or go, with the new readings alone."""
    read = _reason(changed)
    because = Because(read.event.key, read.event.correlation_id, Cause.REPLAY, rim.now_ms)
    yield from holding.heard(before, after, because, _occasion(read, rim), rim.policy.terms)


def _reason(changed: Sequence[Change]) -> Read:
    """Return, of several events, the first one that says less: it is what people must see."""
    return next((one for one in changed if one.gone), changed[0]).read


def _occasion(read: Read, rim: Rim) -> Occasion:
    return Occasion(rim.environment, read.event.event_type, rim.now_ms, rim.traceparent)


def _weigh(
    changes: Changes, before: Payment, after: Payment, changed: Sequence[Change], rim: Rim
) -> None:
    """Raise what the facts, and the words themselves, are reason for; end what they no longer are.

    What they were reason for before is in the queue already.
    """
    terms, subject = rim.policy.terms, subject_of(after.key)
    proven = reduce(before.facts, terms)
    was = {one.code for one in standing.concerns(proven, before.facts, terms)}
    now = standing.concerns(reduce(after.facts, terms), after.facts, terms)
    event = changed[0].event
    changes.anomalies += [
        anomaly(one.code, subject, one.evidence, event, rim.now_ms, _at_risk(one.code, after))
        for one in now
        if one.code not in was
    ]
    for change in changed:
        for found in change.read.interpretation.findings:
            if found.code not in standing.OF_FACTS:
                about = found.subject or subject
                told = anomaly(found.code, about, found.evidence, change.event, rim.now_ms)
                changes.anomalies.append(told)
    left = {one.code for one in now}
    changes.resolved += [
        Resolution(code.value, subject, ENDED, rim.now_ms)
        for code in standing.OF_FACTS
        if code not in left
    ]


def _at_risk(code: Code, payment: Payment) -> AtRisk | None:
    """Return the money that an exception is about, as far as it is known and can be stored."""
    money = requests.at_risk(code, payment.facts)
    return None if money is None or money[1] >= rows.AMOUNT_END else AtRisk(*money)


def _reading(change: Change, key: PaymentKey, verdict: str, rim: Rim) -> Reread:
    """Write down that the event was read again, and what it states no more."""
    number = change.known.readings + 1
    return Reread(
        event=change.event,
        number=number,
        mapping=change.read.interpretation.mapping,
        before=change.known.verdict,
        verdict=verdict,
        replay=rim.replay,
        at_ms=rim.now_ms,
        retracted=tuple(_retracted(change, key)),
    )


def _retracted(change: Change, key: PaymentKey) -> Iterator[Retraction]:
    """Name the rows that count no more, and those that count again."""
    for one in change.gone:
        lay_out = rows.fact_row if one.is_first else rows.restatement_row
        yield Retraction(key, lay_out(key, one.fact, one.event)[3], is_retracted=True)
    if change.known.readings and not change.read.interpretation.deposits:
        # An older reading may have stated it, and a later one taken it back.
        for fact in sorted(change.new, key=repr):
            row = rows.restatement_row(key, fact, change.event)
            yield Retraction(key, row[3], is_retracted=False)


def words(changed: Collection[Change]) -> Mapping[tuple[str, str, str], int]:
    """Count what changes by provider, type, and what the type states then instead of before."""
    found: dict[tuple[str, str, str], int] = {}
    for one in changed:
        event = one.read.event
        place = (event.key.provider, event.event_type, f"{_before(one)} -> {_after(one)}")
        found[place] = found.get(place, 0) + 1
    return found


def _before(one: Change) -> str:
    kinds = sorted({str(told.fact.kind) for told in one.gone})
    return ", ".join(kinds) or _word(one.known.verdict) or "the same"


def _after(one: Change) -> str:
    kinds = sorted({str(fact.kind) for fact in one.new})
    return ", ".join(kinds) or _word(one.read.interpretation.verdict) or "nothing"
