"""What a key proved while somebody else may have had it, and what else bears that out. Pure.

The events that one key proved in a window flow in, payment by payment, with everything the store
knows of the payment, the marks of operators and, where there is one, the provider's own ledger. For
each event flows out what it stated, what it moved, and how far it can be believed without the key:

- `void`: excluded already;
- `no effect`: it stated nothing: a hint, an unknown type, an event of another environment;
- `contradicted`: an operator says so; or the provider's ledger, being complete, does not hold it;
  or an event proven otherwise tells another amount or asset of the same transfer;
- `corroborated`: an operator says so; or the ledger holds it; or every one of its facts adds
  nothing to what events proven otherwise state;
- `uncorroborated`: nothing says either.

Proven otherwise is what another key proved, or this one outside the window. An operator's last word
goes before everything, a contradiction before a corroboration: a false alarm costs a look, the
other mistake costs goods. A fact adds nothing where the same is stated for the same instant or an
earlier one; the instant counts because it is what makes a payment late or not.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from consumers.facts import TOTAL_PREFIX, Fact, FactKind
from consumers.ledger import Ledger, Says, original
from consumers.lifecycle import State, reduce
from consumers.store.port import (
    Event,
    EventKey,
    Judgement,
    Mark,
    PaymentKey,
    Recorded,
    Statement,
    Transition,
)
from consumers.weighing import received

Marks = Mapping[EventKey, Sequence[Mark]]


class Standing(StrEnum):
    """How far an event can be believed without the key that proved it."""

    CORROBORATED = "corroborated"
    CONTRADICTED = "contradicted"
    UNCORROBORATED = "uncorroborated"
    NO_EFFECT = "no effect"
    VOID = "void"


UNSUPPORTED = frozenset({Standing.CONTRADICTED, Standing.UNCORROBORATED})
_VALUE = frozenset({FactKind.SEEN, FactKind.FINAL})


@dataclass(frozen=True, slots=True)
class Window:
    """What is asked about: a key of a source, which may have had several addresses, and a time.

    From `from_ms` until, not at, `to_ms`: instants of receipt.
    """

    sources: frozenset[str]
    key_id: str
    from_ms: int
    to_ms: int

    def holds(self, event: Event) -> bool:
        """Say whether the key proved `event` in the window."""
        is_key = event.source in self.sources and event.key_id == self.key_id
        return is_key and self.from_ms <= event.received_ms < self.to_ms


@dataclass(frozen=True, slots=True)
class Story:
    """All that is stored of one payment. Without a reference it has events and nothing else.

    `deposits` are those that exposed events state facts of: matched with the payment now, or what
    the story is about, where nobody has matched it.
    """

    key: PaymentKey
    events: Sequence[Recorded]
    statements: Sequence[Statement] = ()
    transitions: Sequence[Transition] = ()
    deposits: Sequence[PaymentKey] = ()


@dataclass(frozen=True, slots=True)
class Exposed:
    """One event that the key proved: what it did, and whether anything else bears it out.

    `witnesses` are the events proven otherwise that state its facts too.
    """

    recorded: Recorded
    standing: Standing
    reasons: tuple[str, ...]
    facts: tuple[Fact, ...]
    transitions: tuple[Transition, ...]
    witnesses: tuple[Event, ...]


@dataclass(frozen=True, slots=True)
class Stake:
    """A payment, its exposed events, and what is left of it without the unsupported ones.

    `unsupported` is the value in each asset that nothing but those events tells.
    """

    key: PaymentKey
    events: tuple[Exposed, ...]
    state: State | None
    without: State | None
    unsupported: Mapping[str, int]
    deposits: tuple[PaymentKey, ...] = ()

    @property
    def is_payment(self) -> bool:
        """Say whether it is one: events may name none, and a deposit is of none yet."""
        return bool(self.key.reference) and self.key not in self.deposits


def weigh(
    window: Window,
    story: Story,
    marks: Marks,
    ledger: Ledger | None = None,
    disputed: Collection[EventKey] = (),
) -> Stake:
    """Judge every event of a payment that the key proved in the window, by time of receipt.

    `disputed` are the provider's keys of events that came with two bodies, about any payment.
    """
    return _Weighing(window, story, marks, ledger, disputed).stake()


def disputes(keys: Iterable[EventKey]) -> set[EventKey]:
    """Return the provider's keys of the events that are the second body under one key."""
    return {key._replace(key=original(key.key)) for key in keys if original(key.key) != key.key}


def value(facts: Iterable[Fact]) -> dict[str, int]:
    """Return the value that facts tell in each asset, each transfer once."""
    return received(fact for fact in facts if fact.kind in _VALUE)


class _Weighing:
    """One payment on the scales: what is stated, by whom, and who of them can be believed."""

    def __init__(
        self,
        window: Window,
        story: Story,
        marks: Marks,
        ledger: Ledger | None,
        disputed: Collection[EventKey],
    ) -> None:
        self._story, self._ledger = story, ledger
        self._last = {key: given[-1] for key, given in marks.items() if given}
        self._suspects = [one for one in story.events if window.holds(one.event)]
        suspected = {one.event.key for one in self._suspects}
        self._events = {one.event.key: one.event for one in story.events}
        self._stated: dict[EventKey, list[Fact]] = {}
        self._standing_facts: list[tuple[EventKey, Fact]] = []
        for statement in story.statements:
            self._stated.setdefault(statement.event, []).append(statement.fact)
            if self._judged(statement.event) is not Judgement.VOID:
                self._standing_facts.append((statement.event, statement.fact))
        self._trusted: dict[str, list[tuple[Event, Fact]]] = {}
        for key, fact in self._standing_facts:
            is_trusted = key not in suspected and self._judged(key) is not Judgement.CONTRADICTED
            if is_trusted and key in self._events:
                self._trusted.setdefault(fact.key, []).append((self._events[key], fact))
        self._told = value(fact for _, fact in self._standing_facts)
        # The two bodies may be about two payments: a forger would rather have it so.
        self._disputed = disputes(self._events) | set(disputed)
        self._moves: dict[EventKey, list[Transition]] = {}
        for move in story.transitions:
            self._moves.setdefault(move.event, []).append(move)

    def stake(self) -> Stake:
        """Judge the events, then see what the payment is without those that nothing supports."""
        events = tuple(self._expose(one) for one in self._suspects)
        dropped = {one.recorded.event.key for one in events if one.standing in UNSUPPORTED}
        left = [fact for key, fact in self._standing_facts if key not in dropped]
        moves = self._story.transitions
        state = moves[-1].after if moves else None
        return Stake(
            key=self._story.key,
            events=events,
            state=state,
            without=reduce(left) if dropped and state is not None else state,
            unsupported=_difference(self._told, value(left)),
            deposits=tuple(self._story.deposits),
        )

    def _judged(self, key: EventKey) -> Judgement | None:
        mark = self._last.get(key)
        return None if mark is None else mark.judgement

    def _expose(self, recorded: Recorded) -> Exposed:
        key = recorded.event.key
        facts = tuple(self._stated.get(key, ()))
        standing, reasons, witnesses = self._stand(recorded, facts)
        return Exposed(
            recorded=recorded,
            standing=standing,
            reasons=reasons,
            facts=facts,
            transitions=tuple(self._moves.get(key, ())),
            witnesses=witnesses,
        )

    def _stand(
        self, recorded: Recorded, facts: Sequence[Fact]
    ) -> tuple[Standing, tuple[str, ...], tuple[Event, ...]]:
        """Say how far an event can be believed, why, and who bears it out."""
        event = recorded.event
        mark = self._last.get(event.key)
        if mark is not None and mark.judgement is Judgement.VOID:
            return Standing.VOID, (_marked(mark),), ()
        if not facts:
            return Standing.NO_EFFECT, (f"it stated nothing: {recorded.verdict or 'open'}",), ()
        if mark is not None:
            return Standing(mark.judgement.value), (_marked(mark),), ()
        found = list(self._weights(event, facts))
        against = tuple(reason for says, reason in found if says is Says.DENIES)
        if against:
            return Standing.CONTRADICTED, against, ()
        witnesses = self._witnesses(facts)
        behind = [reason for says, reason in found if says is Says.HOLDS]
        if witnesses:
            keys = sorted({witness.key_id for witness in witnesses})
            behind.append(f"events proven otherwise (key {', '.join(keys)}) state the same")
        if behind:
            return Standing.CORROBORATED, tuple(behind), witnesses
        silent = tuple(reason for _, reason in found)
        return Standing.UNCORROBORATED, silent or ("nothing else states it",), ()

    def _weights(self, event: Event, facts: Sequence[Fact]) -> Iterator[tuple[Says, str]]:
        """Ask the ledger, and look for a trusted event that tells a transfer differently."""
        if self._ledger is not None:
            name = event.key._replace(key=original(event.key.key))
            is_disputed = name in self._disputed
            yield self._ledger.judge(
                event.key, event.reference, facts, self._told, is_disputed=is_disputed
            )
        for other in {
            witness.key: witness
            for fact in facts
            for witness, trusted in self._trusted.get(fact.key, ())
            if _contradicts(trusted, fact)
        }.values():
            what = "tells another amount or asset of the same transfer"
            yield Says.DENIES, f"event {other.key.key} (key {other.key_id}) {what}"

    def _witnesses(self, facts: Sequence[Fact]) -> tuple[Event, ...]:
        """Return the trusted events that state every fact, together; none if one is left alone."""
        found: dict[EventKey, Event] = {}
        for fact in facts:
            about = self._trusted.get(fact.key, ())
            backing = [event for event, trusted in about if _backs(trusted, fact)]
            if not backing:
                return ()
            found |= {event.key: event for event in backing}
        return tuple(found.values())


def _backs(trusted: Fact, fact: Fact) -> bool:
    """Say whether `fact` adds nothing to `trusted`: the same, not later. What is final was seen."""
    is_kind = trusted.kind is fact.kind or (
        trusted.kind is FactKind.FINAL and fact.kind is FactKind.SEEN
    )
    return is_kind and trusted.at_ms <= fact.at_ms and _terms(trusted) == _terms(fact)


def _terms(fact: Fact) -> tuple[object, ...]:
    return (fact.key, fact.asset, fact.amount, fact.whole, fact.late, fact.expires_ms)


def _contradicts(trusted: Fact, fact: Fact) -> bool:
    """Say whether two facts about one transfer cannot both be true.

    A running total grows, so that only a smaller one of the same time or later speaks against it.
    """
    if {trusted.kind, fact.kind} - _VALUE:
        return False
    if trusted.amount is None or fact.amount is None:
        return False
    if fact.key.startswith(TOTAL_PREFIX):
        is_later = trusted.at_ms >= fact.at_ms
        return is_later and trusted.asset == fact.asset and trusted.amount < fact.amount
    return (trusted.asset, trusted.amount) != (fact.asset, fact.amount)


def _difference(all_of_it: Mapping[str, int], left: Mapping[str, int]) -> dict[str, int]:
    rest = {asset: amount - left.get(asset, 0) for asset, amount in all_of_it.items()}
    return {asset: amount for asset, amount in rest.items() if amount}


def _marked(mark: Mark) -> str:
    return f"marked {mark.judgement} by {mark.by}: {mark.reason}"


@dataclass(frozen=True, slots=True)
class Tally:
    """What one standing adds up to: `amounts` counts each transfer of a payment once.

    `unpriced` is the number of payments of which value is told without an amount.
    """

    events: int
    payments: int
    amounts: Mapping[str, int]
    unpriced: int


def tally(stakes: Collection[Stake], standing: Standing) -> Tally:
    """Add up the events of one standing."""
    payments = unpriced = 0
    # One event may be about several transfers, and so about several payments.
    events: set[EventKey] = set()
    amounts: dict[str, int] = {}
    for stake in stakes:
        chosen = [one for one in stake.events if one.standing is standing]
        events |= {one.recorded.event.key for one in chosen}
        payments += bool(chosen and stake.is_payment)
        facts = [fact for one in chosen for fact in one.facts if fact.kind in _VALUE]
        unpriced += any(fact.amount is None for fact in facts)
        for asset, amount in value(facts).items():
            amounts[asset] = amounts.get(asset, 0) + amount
    return Tally(len(events), payments, amounts, unpriced)
