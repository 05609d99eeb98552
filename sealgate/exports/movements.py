"""Tell the history of a store again as movements: one for each change of what money comes to. Pure.

Steps flow by in the order in which they were recorded. After each the balance of every payment and
deposit that it touched is worked out anew, by the product's own sums, and what differs from before
is a movement. So a month is closed by what moved in it, and not by how things stand at its end: a
payment that was confirmed in March and reversed in April is in both. A movement is never changed:
its id is made of the entry, the subject and what moved, and the same history gives the same ids.
"""

import hashlib
import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple, TypeVar

from consumers import weighing
from consumers.facts import Fact, FactKind
from consumers.stating import OURSELVES
from consumers.store.deposits import DepositState
from consumers.store.history import Judgement
from consumers.store.keys import EventKey, PaymentKey
from sealgate.exports import balances
from sealgate.exports.balances import FEE, NOTHING, Balance
from sealgate.exports.held import Held, Step, is_deposit, steps
from sealgate.exports.periods import Booking, Closed, book
from sealgate.exports.recorded import Recorded

_ID_DIGITS = 24
PROVIDER = "provider"


class Kind(StrEnum):
    """What moved: each changes one balance, in the sense of its sign."""

    DETECTED = "detected"  # money that was seen
    CONFIRMED = "confirmed"  # money that became final
    REVERSAL = "reversal"  # final money that is gone: below zero
    ADJUSTMENT = "adjustment"  # final money that a correction gave or took
    REFUND = "refund"  # money that was given back; below zero where it bounced
    POSTED = "posted"  # money that finance booked
    UNPOSTED = "unposted"  # an entry that finance took back: below zero
    SETTLED = "settled"  # money that the provider credited
    FEE = "fee"  # what the provider kept


class Movement(NamedTuple):
    """One change of one balance. `amount` is atomic, and below zero where the balance shrank."""

    id: str
    chain: str
    seq: int
    subject: PaymentKey
    kind: Kind
    asset: str
    amount: int
    key: str
    occurred_ms: int
    recorded_ms: int
    booking: Booking
    event: EventKey | None
    correlation_id: str
    actor: str
    reason: str
    reverses: str


class _Change(NamedTuple):
    """How one balance changed. `key` is of a posting; `of` are the facts that date it."""

    kind: Kind
    asset: str
    amount: int
    of: frozenset[FactKind]
    key: str = ""
    reason: str = ""


Place = TypeVar("Place")
_SEEN = weighing.VALUE | weighing.LOSSES
_FINAL = frozenset({FactKind.FINAL}) | weighing.LOSSES
_BACK = frozenset({FactKind.REFUND})
_BOOKED = frozenset({FactKind.POSTED})
_CREDITED = frozenset({FactKind.SETTLED})
# What a movement takes back, by what it is.
_REVERSES = {
    Kind.REVERSAL: (Kind.CONFIRMED, Kind.ADJUSTMENT),
    Kind.UNPOSTED: (Kind.POSTED,),
    Kind.REFUND: (Kind.REFUND,),
}


@dataclass(slots=True)
class Teller:
    """Tells one history. After `tell` has run out, `held` and `balances` are how it ended."""

    recorded: Recorded
    closed: Sequence[Closed]
    zone: str
    held: Held = field(init=False)
    balances: dict[PaymentKey, Balance] = field(default_factory=dict)
    _last: dict[tuple[PaymentKey, Kind, str], dict[str, str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.held = Held(self.recorded)

    def tell(self) -> Iterator[Movement]:
        """Return every movement, in the order in which they were recorded."""
        for act in self.recorded.acts:
            for step in steps(act, self.recorded.events):
                for subject in self.held.take(step):
                    yield from self._moved(step, subject)

    def _moved(self, step: Step, subject: PaymentKey) -> Iterator[Movement]:
        facts = self.held.standing(subject)
        before = self.balances.get(subject, NOTHING)
        now = balance(self.held, subject, facts)
        self.balances[subject] = now
        has_loss = any(one.kind in weighing.LOSSES for one in self._stated(step, subject))
        for change in _renamed(list(changes(before, now, step, has_loss=has_loss))):
            yield self._movement(step, subject, change, facts)

    def _movement(
        self, step: Step, subject: PaymentKey, change: _Change, facts: Collection[Fact]
    ) -> Movement:
        dating = self._dating(step, subject, change, facts)
        occurred_ms = max((one.at_ms for one in dating), default=_decided_ms(step))
        keys = {one.key for one in dating}
        key = change.key or (keys.pop() if len(keys) == 1 else "")
        actor, reason = _actor(step)
        told = self.recorded.events.get(step.event) if step.event else None
        act = step.act
        movement = Movement(
            id=_name(self.recorded.environment, step, subject, change),
            chain=act.chain,
            seq=act.seq,
            subject=subject,
            kind=change.kind,
            asset=change.asset,
            amount=change.amount,
            key=key,
            occurred_ms=occurred_ms,
            recorded_ms=act.at_ms,
            booking=book(occurred_ms, act.at_ms, (act.chain, act.seq), self.closed, self.zone),
            event=step.event,
            correlation_id=told.correlation_id if told else "",
            actor=actor,
            reason=change.reason or reason,
            reverses=self._reversed(subject, change, key) if change.amount < 0 else "",
        )
        self._last.setdefault((subject, change.kind, change.asset), {})[key] = movement.id
        return movement

    def _stated(self, step: Step, subject: PaymentKey) -> list[Fact]:
        """Return what a step states of a subject, or of a deposit that is the subject's."""
        own = {subject, *self.held.matched.get(subject, ())}
        known = self.recorded.facts
        return [known[place].fact for place in step.facts if place[0] in own and place in known]

    def _dating(
        self, step: Step, subject: PaymentKey, change: _Change, facts: Collection[Fact]
    ) -> list[Fact]:
        """Return the facts that say when a change happened; none: when it was decided."""
        stated = [one for one in self._stated(step, subject) if one.kind in change.of]
        same = [one for one in stated if weighing.is_same(one.asset, change.asset)]
        if same or stated:
            return same or stated
        if step.moves and _is_of_match(change.reason):
            facts = [one for key in step.moves for one in self._of_deposit(key)]
        elif step.is_correction:
            return []
        return [one for one in facts if one.kind in change.of]

    def _of_deposit(self, move: Sequence[object]) -> list[Fact]:
        key = PaymentKey(*map(str, move[:3]))
        return [self.recorded.facts[place].fact for place in self.held.facts.get(key, ())]

    def _reversed(self, subject: PaymentKey, change: _Change, key: str) -> str:
        """Name the movement that one takes back: the last of its kind and key, or of its kind."""
        places = [(subject, kind, change.asset) for kind in _REVERSES.get(change.kind, ())]
        named = [self._last[place] for place in places if place in self._last]
        exact = [keys[key] for keys in named if key in keys]
        return next(iter([*exact, *(list(keys.values())[-1] for keys in named)]), "")


def balance(held: Held, subject: PaymentKey, facts: Collection[Fact]) -> Balance:
    """Work out what a payment or a deposit comes to."""
    if is_deposit(subject):
        return balances.of_deposit(facts, held.state(subject))
    return balances.of(facts)


def changes(before: Balance, now: Balance, step: Step, *, has_loss: bool) -> Iterator[_Change]:
    """Compare two balances of one subject."""
    reason = _correction(step)
    for asset, amount in _differences(before.detected, now.detected):
        yield _Change(Kind.DETECTED, asset, amount, _SEEN, reason=reason)
    for asset, amount in _differences(before.confirmed, now.confirmed):
        if step.is_correction:
            yield _Change(Kind.ADJUSTMENT, asset, amount, _FINAL, reason=reason)
        elif amount > 0:
            yield _Change(Kind.CONFIRMED, asset, amount, _FINAL)
        else:
            kind = Kind.REVERSAL if has_loss else Kind.ADJUSTMENT
            why = "" if has_loss else "weighed_anew"
            yield _Change(kind, asset, amount, _FINAL, reason=why)
    for asset, amount in _differences(before.refunded, now.refunded):
        yield _Change(Kind.REFUND, asset, amount, _BACK, reason=reason)
    for (asset, key), amount in _differences(before.posted, now.posted):
        kind = Kind.POSTED if amount > 0 else Kind.UNPOSTED
        yield _Change(kind, asset, amount, _BOOKED, key, reason)
    for (asset, part), amount in _differences(before.settled, now.settled):
        kind = Kind.FEE if part == FEE else Kind.SETTLED
        yield _Change(kind, asset, amount, _CREDITED, reason=reason or part)


def _differences(before: Mapping[Place, int], now: Mapping[Place, int]) -> list[tuple[Place, int]]:
    found = dict(now)
    for place, amount in before.items():
        found[place] = found.get(place, 0) - amount
    moved = [(place, amount) for place, amount in found.items() if amount]
    return sorted(moved, key=lambda one: str(one[0]))


RENAMED = "asset_named"


def _renamed(found: Sequence[_Change]) -> Iterable[_Change]:
    """Tell money whose asset got its network by a later event from money that went and came."""
    for one in found:
        others = [
            other
            for other in found
            if other.amount == -one.amount
            and other.asset != one.asset
            and weighing.is_same(other.asset, one.asset)
            and other.of == one.of
        ]
        if not others:
            yield one
        elif one.of == _FINAL:
            yield one._replace(kind=Kind.ADJUSTMENT, reason=RENAMED)
        else:
            yield one._replace(reason=RENAMED)


def _correction(step: Step) -> str:
    """Say why a correction moves money; nothing for what an event stated."""
    if step.moves:
        state = DepositState(step.moves[0][4])
        return _DECIDED.get(state, "deposit_unmatched")
    if step.marks:
        return "void" if step.marks[0][3] == Judgement.VOID else "restored"
    return "replayed" if step.retractions else ""


_DECIDED = {
    DepositState.MATCHED: "deposit_matched",
    DepositState.RETURNED: "deposit_returned",
    DepositState.WRITTEN_OFF: "deposit_written_off",
    DepositState.HELD: "deposit_held",
}


def _is_of_match(reason: str) -> bool:
    return reason in {"deposit_matched", "deposit_unmatched"}


def _decided_ms(step: Step) -> int:
    """Say when a correction was decided; of anything else, when it was recorded."""
    if step.moves:
        return int(step.moves[0][12])
    return int(step.marks[0][6]) if step.marks else step.act.at_ms


def _actor(step: Step) -> tuple[str, str]:
    """Say who moved it, and by which reason: a person, one of our own rules, or the provider."""
    if step.marks:
        return str(step.marks[0][5]), ""
    actions = step.act.said.get("actions", ())
    key = step.event.key if step.event else ""
    for row in actions:
        if row[0] == key or step.is_correction:
            return str(row[6]), str(row[9])
    if step.event is not None and step.event.provider == OURSELVES:
        return step.event.account, ""
    return PROVIDER, ""


def _name(environment: str, step: Step, subject: PaymentKey, change: _Change) -> str:
    """Make the id of a movement: of where it was recorded, and of what it is."""
    told = [
        environment,
        step.act.chain,
        step.act.seq,
        list(step.event or ()),
        list(subject),
        change.kind,
        change.asset,
        change.key,
        change.reason,
    ]
    digest = hashlib.sha256(json.dumps(told).encode()).hexdigest()
    return f"mv_{digest[:_ID_DIGITS]}"
