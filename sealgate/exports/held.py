"""What is known of each payment and each deposit while its history is told again. Pure.

Steps flow in, in the order in which they were recorded; out flow the subjects that each touched,
and the facts that stand of a subject then: those that some event states which is not void and has
not been read otherwise since, and those of the deposits that are matched with it. It is the rule by
which the stores answer, and a test holds the two together.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Self

from consumers.facts import Fact
from consumers.store.deposits import PREFIX, DepositState
from consumers.store.history import Judgement
from consumers.store.keys import EventKey, PaymentKey
from sealgate.exports.recorded import Act, Place, Recorded, Statement, Told

_NOWHERE = Told(0, "", ("", -1, -1))
Rows = Sequence[Sequence[Any]]


class Step(NamedTuple):
    """What one event stated, or one correction did, of an entry.

    A correction takes statements away, gives them back or moves them: all of it is one step.
    """

    act: Act
    event: EventKey | None
    facts: tuple[Place, ...] = ()
    restated: tuple[Place, ...] = ()
    marks: Rows = ()
    retractions: Rows = ()
    moves: Rows = ()

    @property
    def is_correction(self) -> bool:
        """Say whether it is not only what an event stated."""
        return bool(self.marks or self.retractions or self.moves)


def steps(act: Act, events: Mapping[EventKey, Told]) -> Iterator[Step]:
    """Take an entry apart: an event at a time, in the order in which the log had them."""
    marks, retractions = act.said.get("marks", ()), act.said.get("retractions", ())
    moves = act.said.get("deposit_moves", ())
    by_event: dict[EventKey, tuple[list[Place], list[Place]]] = {}
    for which, kind in enumerate(("facts", "restated")):
        for row in act.said.get(kind, ()):
            places = by_event.setdefault(EventKey(*row[4:7]), ([], []))[which]
            places.append((PaymentKey(*row[:3]), row[3]))
    if marks or retractions or moves:
        facts, restated = (
            tuple(place for one in by_event.values() for place in one[which]) for which in (0, 1)
        )
        cause = _cause(marks, retractions, moves)
        yield Step(act, cause, facts, restated, marks, retractions, moves)
        return
    for event in sorted(by_event, key=lambda key: (events.get(key, _NOWHERE).position, key)):
        told, again = by_event[event]
        yield Step(act, event, tuple(told), tuple(again))


def _cause(marks: Rows, retractions: Rows, moves: Rows) -> EventKey:
    """Name the event that a correction is about: the first of several."""
    if moves:
        return EventKey(*moves[0][9:12])
    return EventKey(*marks[0][:3]) if marks else EventKey(*retractions[0][4:7])


@dataclass(slots=True)
class Held:
    """What is known so far."""

    recorded: Recorded
    facts: dict[PaymentKey, list[Place]] = field(default_factory=dict)
    restated: dict[PaymentKey, list[Place]] = field(default_factory=dict)
    of_event: dict[EventKey, set[PaymentKey]] = field(default_factory=dict)
    void: set[EventKey] = field(default_factory=set)
    retracted: dict[Place, tuple[int, bool]] = field(default_factory=dict)
    decisions: dict[PaymentKey, tuple[DepositState, PaymentKey | None]] = field(
        default_factory=dict
    )
    matched: dict[PaymentKey, set[PaymentKey]] = field(default_factory=dict)

    @classmethod
    def of_tables(cls, recorded: Recorded) -> Self:
        """Take all that the tables say at once: the same, told without the chains."""
        held = cls(recorded)
        held._state(recorded.facts, recorded.facts, held.facts)
        held._state(recorded.restated, recorded.restated, held.restated)
        held._judge([row[1:] for row in sorted(recorded.marks, key=lambda row: int(row[0]))])
        held._retract(recorded.retractions)
        held._decide(sorted(recorded.moves, key=lambda row: row[3]))
        return held

    @property
    def subjects(self) -> list[PaymentKey]:
        """Name everything of which something was stated."""
        return sorted(self.facts.keys() | self.restated.keys())

    def take(self, step: Step) -> list[PaymentKey]:
        """Take a step; name what it touched."""
        touched = self._state(step.facts, self.recorded.facts, self.facts)
        touched |= self._state(step.restated, self.recorded.restated, self.restated)
        touched |= self._judge(step.marks)
        touched |= self._retract(step.retractions)
        touched |= self._decide(step.moves)
        for one in list(touched):
            state, payment = self.decisions.get(one, (None, None))
            if state is DepositState.MATCHED and payment is not None:
                touched.add(payment)
        return sorted(touched)

    def standing(self, subject: PaymentKey) -> frozenset[Fact]:
        """Return the facts that stand of a payment or a deposit."""
        places, is_void = self._standing(self.facts, subject)
        stated = {self.recorded.facts[place].fact for place in places}
        if is_void:
            again, _ = self._standing(self.restated, subject)
            stated |= {self.recorded.restated[place].fact for place in again}
        return frozenset(stated)

    def state(self, deposit: PaymentKey) -> DepositState:
        """Return what was last decided about a deposit."""
        return self.decisions.get(deposit, (DepositState.UNMATCHED, None))[0]

    def payment_of(self, deposit: PaymentKey) -> PaymentKey | None:
        """Return the payment that a deposit is matched with."""
        state, payment = self.decisions.get(deposit, (DepositState.UNMATCHED, None))
        return payment if state is DepositState.MATCHED else None

    def _standing(
        self, told: Mapping[PaymentKey, list[Place]], subject: PaymentKey
    ) -> tuple[list[Place], bool]:
        """Return the statements that count, and whether some do not."""
        own = [subject, *sorted(self.matched.get(subject, ()))]
        places = [place for one in own for place in told.get(one, ())]
        stands = [place for place in places if not self._is_out(place)]
        return stands, len(stands) < len(places)

    def _is_out(self, place: Place) -> bool:
        known = self.recorded.facts.get(place) or self.recorded.restated[place]
        return known.event in self.void or self.retracted.get(place, (0, False))[1]

    def _state(
        self,
        places: Iterable[Place],
        known: Mapping[Place, Statement],
        into: dict[PaymentKey, list[Place]],
    ) -> set[PaymentKey]:
        touched = set()
        for place in places:
            if place in known:
                into.setdefault(place[0], []).append(place)
                self.of_event.setdefault(known[place].event, set()).add(place[0])
                touched.add(place[0])
        return touched

    def _judge(self, marks: Rows) -> set[PaymentKey]:
        touched: set[PaymentKey] = set()
        for row in marks:
            event = EventKey(*row[:3])
            if row[3] == Judgement.VOID:
                self.void.add(event)
            else:
                self.void.discard(event)
            touched |= self.of_event.get(event, set())
        return touched

    def _retract(self, retractions: Rows) -> set[PaymentKey]:
        for row in retractions:
            digest = row[3] if isinstance(row[3], str) else bytes(row[3]).hex()
            place = (PaymentKey(*row[:3]), digest)
            word = (row[7], bool(row[8]))
            self.retracted[place] = max(self.retracted.get(place, word), word)
        return {PaymentKey(*row[:3]) for row in retractions}

    def _decide(self, moves: Rows) -> set[PaymentKey]:
        touched: set[PaymentKey] = set()
        for row in moves:
            deposit = PaymentKey(*row[:3])
            payment = None if row[5] is None else PaymentKey(*row[5:8])
            before = self.payment_of(deposit)
            self.decisions[deposit] = (DepositState(row[4]), payment)
            after = self.payment_of(deposit)
            if before is not None:
                self.matched[before].discard(deposit)
            if after is not None:
                self.matched.setdefault(after, set()).add(deposit)
            touched |= {one for one in (deposit, before, after) if one is not None}
        return touched


def is_deposit(subject: PaymentKey) -> bool:
    """Say whether it is a transfer that names no payment."""
    return subject.reference.startswith(PREFIX)
