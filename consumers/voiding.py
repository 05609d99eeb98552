"""Marks on events, and what becomes of payments when a mark takes facts away or gives them back.

An operator says of events that they are corroborated, contradicted or void. The first two are words
alone. The facts of a void event do not count any more: its payment is reduced anew from what other
events state, and where that proves another state a corrective transition is written, with a notice,
so that downstream hears of it. Marking a void event corroborated takes the void back.

Nobody forces a state here: what is changed is the set of facts, and the reducer says the rest. So a
payment ends where it would have been had the void events never come, whenever they are voided, and
later events are weighed without them. A payment whose facts are all void is Pending without facts:
nothing proven remains, and what was delivered or posted on the strength of it is for people to
follow up.

Everything is one transaction, under the same locks as a worker's batch. A dry run does the same and
rolls it back, so that what is shown is what would be done.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

from consumers import deposits, notices, standing
from consumers.depositing import ask_again, matched
from consumers.exceptions import Code, subject_of
from consumers.holding import Because, heard
from consumers.lifecycle import CORRECTIONS, reduce
from consumers.moving import anomaly
from consumers.notices import Occasion
from consumers.policy import NO_POLICY, Policy
from consumers.stating import OURSELVES
from consumers.store.port import (
    Cause,
    Changes,
    Event,
    EventKey,
    Fenced,
    Judgement,
    Mark,
    Marked,
    Payment,
    PaymentKey,
    Resolution,
    Saved,
    Store,
    Transaction,
    Transition,
)
from consumers.weighing import Terms

# A batch that is fenced has written nothing; whoever was before us has written by the second try.
TRIES_MAX = 5
ONE_EACH: Mapping[EventKey, Collection[PaymentKey]] = {}


class UnknownEvents(LookupError):
    """Marks on events that this store does not have; `keys` are theirs."""

    def __init__(self, keys: Sequence[EventKey]) -> None:
        names = ", ".join(map(subject_of, keys))
        super().__init__(f"the store has no such event: {names}; nothing was marked")
        self.keys = keys


class OwnEvents(UnknownEvents):
    """Marks that would void, or restore, a command or a timer's word, which no provider sent."""

    def __init__(self, keys: Sequence[EventKey]) -> None:
        super().__init__(keys)
        names = ", ".join(map(subject_of, keys))
        told = "withdraw a command with `sealgate payments withdraw`, or give it again"
        self.args = (f"{names}: nobody outside sent it; {told}; nothing was marked",)


@dataclass(frozen=True, slots=True)
class Rim:
    """What is taken from outside: the environment, the clock, and a new trace for a notice."""

    environment: str
    clock: Callable[[], int]
    traceparent: Callable[[], str]
    policy: Policy = NO_POLICY

    @property
    def terms(self) -> Terms:
        """Return what amounts and times are weighed under."""
        return self.policy.terms


@dataclass(frozen=True, slots=True)
class Correction:
    """A payment whose facts changed, before and after; no transition where its state did not."""

    before: Payment
    after: Payment
    transition: Transition | None


@dataclass(frozen=True, slots=True)
class Marking:
    """What was written, or would be: the marks that say something new, and what they change.

    `unrestated` are events whose facts went, and that were applied before a store kept restatements
    (a schema of before 2): what another event of that time stated too is known of the first alone.
    """

    marks: tuple[Mark, ...]
    corrections: tuple[Correction, ...]
    unrestated: tuple[EventKey, ...] = ()


async def void(store: Store, marks: Sequence[Mark], rim: Rim, *, dry_run: bool = False) -> Marking:
    """Write `marks`, of any judgement, and the corrections that follow from them.

    A mark that repeats the last word on its event is left out, so doing it twice writes nothing.
    Raises `UnknownEvents`, and `Fenced` where others go on moving the payments.
    """
    for _ in range(TRIES_MAX - 1):
        with suppress(Fenced):
            return await _attempt(store, marks, rim, dry_run=dry_run)
    return await _attempt(store, marks, rim, dry_run=dry_run)


class _Undone(Exception):
    """Leaves the transaction of a dry run."""


async def _attempt(store: Store, marks: Sequence[Mark], rim: Rim, *, dry_run: bool) -> Marking:
    done = Marking((), ())
    with suppress(_Undone):
        async with store.transaction() as tx:
            done = await _write(tx, marks, rim)
            if dry_run:
                raise _Undone
    return done


async def _write(tx: Transaction, marks: Sequence[Mark], rim: Rim) -> Marking:
    """Write the marks, read the payments without and with them, and write the difference."""
    found = await tx.marked({mark.event for mark in marks})
    news = plan_marks(marks, found)
    causes = _causes(news, found)
    touched: dict[EventKey, set[PaymentKey]] = {
        key: {payment_of(event)} for key, (event, _) in causes.items()
    }
    transfers = await tx.deposits.told_by(causes.keys())
    for event_key, deposit in transfers:
        touched[event_key].add(deposit)
    wanted = {key for keys in touched.values() for key in keys}
    decided, before = await matched(tx, wanted, {deposit for _, deposit in transfers})
    for event_key, deposit in transfers:
        if (payment := deposits.payment_of(decided.get(deposit))) is not None:
            touched[event_key].add(payment)
    await tx.save(Changes(marks=list(news), resolved=list(_worked(news))))
    # The store says which facts stand: the same answer that every worker gets from now on.
    after = await tx.payments(before.keys())
    changes, corrections = plan_corrections(before, after, causes, rim, touched)
    for one in corrections:
        ask_again(changes, one.before, one.after, decided.get(one.after.key), rim.clock())
    await tx.save(changes)
    return Marking(news, corrections, tuple(_unrestated(causes, corrections)))


def plan_marks(marks: Sequence[Mark], found: Mapping[EventKey, Marked]) -> tuple[Mark, ...]:
    """Return the marks that say something new, in order. Raises `UnknownEvents`.

    A contradiction says nothing new of a void event, which is excluded already: only a
    corroboration takes a void back.
    """
    unknown = sorted({mark.event for mark in marks} - found.keys())
    if unknown:
        raise UnknownEvents(unknown)
    # Who may give a command may take it back, and nobody else (`withdrawing`).
    own = {
        mark.event
        for mark in marks
        if mark.event.provider == OURSELVES
        and Judgement.VOID in {mark.judgement, found[mark.event].judgement}
    }
    if own:
        raise OwnEvents(sorted(own))
    last = {key: one.judgement for key, one in found.items()}
    news = []
    for mark in marks:
        said = last[mark.event]
        if mark.judgement is said:
            continue
        if said is Judgement.VOID and mark.judgement is Judgement.CONTRADICTED:
            continue
        last[mark.event] = mark.judgement
        news.append(mark)
    return tuple(news)


def plan_corrections(
    before: Mapping[PaymentKey, Payment],
    after: Mapping[PaymentKey, Payment],
    causes: Mapping[EventKey, tuple[Event, Cause]],
    rim: Rim,
    touched: Mapping[EventKey, Collection[PaymentKey]] = ONE_EACH,
) -> tuple[Changes, tuple[Correction, ...]]:
    """Weigh payments anew whose facts are others than before, and write what follows.

    `touched` are those of each event, where it is not the one it names: it may tell of deposits.
    """
    changes, corrections = Changes(), []
    because: dict[PaymentKey, tuple[Event, Cause]] = {}
    for event, cause in causes.values():
        # Where one payment loses one event and gets another back, the loss is what people must see.
        for key in touched.get(event.key, (payment_of(event),)):
            if cause is Cause.VOID or key not in because:
                because[key] = (event, cause)
    for key, payment in after.items():
        if payment.facts != before[key].facts:
            corrections.append(correct(changes, before[key], payment, *because[key], rim))
    return changes, tuple(corrections)


def correct(
    changes: Changes,
    before: Payment,
    remaining: Payment,
    event: Event,
    cause: Cause,
    rim: Rim,
) -> Correction:
    """Weigh a payment anew by its remaining facts, and write what follows into `changes`."""
    correction = _correct(before, remaining, event, cause, rim)
    _write_down(changes, correction, event, rim)
    if correction.transition is None and before.version:
        because = Because(event.key, event.correlation_id, cause, rim.clock())
        occasion = Occasion(rim.environment, event.event_type, because.at_ms, rim.traceparent())
        changes.notices.extend(heard(before, correction.after, because, occasion, rim.terms))
    return correction


def payment_of(event: Event) -> PaymentKey:
    """Name the payment that an event is about."""
    return PaymentKey(event.key.provider, event.key.account, event.reference)


def _causes(
    news: Collection[Mark], found: Mapping[EventKey, Marked]
) -> dict[EventKey, tuple[Event, Cause]]:
    """Return the events whose facts the marks take away or give back."""
    causes: dict[EventKey, tuple[Event, Cause]] = {}
    for mark in news:
        one = found[mark.event]
        was, last = one.judgement is Judgement.VOID, mark.judgement is Judgement.VOID
        causes.pop(mark.event, None)
        if was is not last:
            causes[mark.event] = (one.recorded.event, Cause.VOID if last else Cause.RESTORE)
    return causes


def _unrestated(
    causes: Mapping[EventKey, tuple[Event, Cause]], corrections: Sequence[Correction]
) -> Iterator[EventKey]:
    """Find void events that changed a payment, and of which the store cannot say who repeats them.

    The scheme is kept since restatements are: an event without one is older than they.
    """
    changed = {one.after.key for one in corrections}
    for event, cause in causes.values():
        if cause is Cause.VOID and not event.scheme and payment_of(event) in changed:
            yield event.key


def _worked(news: Collection[Mark]) -> Iterator[Resolution]:
    """Close what was open about an exposed key's event, once somebody has decided on the event."""
    for mark in news:
        if mark.judgement is not Judgement.CONTRADICTED:
            code = Code.KEY_EXPOSURE_UNCORROBORATED.value
            yield Resolution(code, subject_of(mark.event), mark.judgement.value, mark.at_ms)


def _correct(
    before: Payment,
    remaining: Payment,
    event: Event,
    cause: Cause,
    rim: Rim,
) -> Correction:
    """Return the payment as its remaining facts prove it."""
    now_ms = rim.clock()
    proven = reduce(remaining.facts, rim.terms)
    if before.kept:
        # Nobody was told of a state, so none is corrected.
        return Correction(before, remaining, None)
    if proven not in CORRECTIONS[before.state]:
        return Correction(before, remaining, None)
    after = remaining._replace(
        state=proven,
        version=before.version + 1,
        changed_ms=now_ms,
        fulfilment=before.fulfilment.then(proven),
    )
    transition = Transition(
        payment=after.key,
        version=after.version,
        before=before.state,
        after=proven,
        event=event.key,
        correlation_id=event.correlation_id,
        at_ms=now_ms,
        cause=cause,
        policy=rim.policy.version,
    )
    return Correction(before, after, transition)


def _write_down(changes: Changes, correction: Correction, event: Event, rim: Rim) -> None:
    """Write a correction: row, history, notice, and the exceptions it raises or ends."""
    after, transition = correction.after, correction.transition
    now_ms = rim.clock()
    if transition is not None:
        changes.payments.append(Saved(after, correction.before.version))
        changes.transitions.append(transition)
        occasion = Occasion(rim.environment, event.event_type, transition.at_ms, rim.traceparent())
        adjectives = standing.flags(after.facts, rim.terms)
        generation = after.fulfilment.generation
        changes.notices.append(notices.build(transition, occasion, adjectives, generation))
    subject = subject_of(after.key)
    raised = standing.concerns(after.state, after.facts, rim.terms)
    open_still = {found.code for found in raised}
    changes.resolved.extend(
        Resolution(
            code.value, subject, "no longer so without the facts that were taken out", now_ms
        )
        for code in standing.OF_FACTS
        if code not in open_still
    )
    before = correction.before
    known = {one.code for one in standing.concerns(before.state, before.facts, rim.terms)}
    changes.anomalies.extend(
        anomaly(found.code, subject, found.evidence, event.key, now_ms)
        for found in raised
        if transition is not None or found.code not in known
    )
