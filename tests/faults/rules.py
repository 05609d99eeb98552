"""Whether the promises held: the history, and what is really there, compared. Pure.

The letters are the checker's six rules. L: what was acknowledged is on the log byte for byte, was
decided, moved its payment, and was told downstream. D: nothing acknowledged took effect twice. O:
every payment went only along allowed moves, and is where the furthest of its events leads. P:
nothing is on the log that nobody signed. U: what nobody knows of took effect once or not at all.
B: the bounds of the test.

The table of moves and the states of the stories are written down here and in the traffic by hand,
from the lifecycle's document: none of Sealgate's own reasoning is used to judge it.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from tests.faults.history import EventName, PaymentName, Told

_MONEY = {"Paid", "Confirmed", "Late"}
MOVES: Mapping[str | None, frozenset[str]] = {
    None: frozenset({"Pending", "Expired", "Underpaid", *_MONEY}),
    "Pending": frozenset({"Expired", "Underpaid", *_MONEY}),
    "Expired": frozenset({"Underpaid", *_MONEY}),
    "Underpaid": frozenset(_MONEY),
    "Paid": frozenset({"Confirmed", "Late"}),
    "Late": frozenset({"Paid", "Confirmed"}),
    "Confirmed": frozenset(),
}
SHOWN_MAX = 5


class Logged(NamedTuple):
    """One record of the verified topic."""

    event: EventName
    digest: str


class Move(NamedTuple):
    """One transition in the database."""

    payment: PaymentName
    version: int
    before: str | None
    after: str
    event: EventName


class Notice(NamedTuple):
    """One record of the downstream topic."""

    id: str
    payment: PaymentName
    version: int
    after: str


@dataclass(frozen=True, slots=True)
class Facts:
    """What is there once nothing is under way. `decided` counts committed verdicts of an event.

    Without `applies` no consumers ran, and only the log is looked at.
    """

    logged: Sequence[Logged]
    inbox: Mapping[EventName, str] = field(default_factory=dict)
    decided: Mapping[EventName, int] = field(default_factory=dict)
    payments: Mapping[PaymentName, tuple[str, int]] = field(default_factory=dict)
    moves: Sequence[Move] = ()
    notices: Sequence[Notice] = ()
    applies: bool = True


class Violation(NamedTuple):
    """A broken rule, and what broke it."""

    rule: str
    says: str
    examples: Sequence[object]

    def __str__(self) -> str:
        shown = ", ".join(str(one) for one in self.examples[:SHOWN_MAX])
        return f"{self.rule}: {len(self.examples)} {self.says}: {shown}"


@dataclass(frozen=True, slots=True)
class Bound:
    """A measured number and the most it may be."""

    name: str
    value: float
    at_most: float


def check(
    told: Mapping[EventName, Told], facts: Facts, bounds: Sequence[Bound] = ()
) -> list[Violation]:
    """Compare; return every violation, none where the promises held."""
    found = [*_log(told, facts)]
    if facts.applies:
        found += [*_applied(told, facts), *_order(told, facts), *_downstream(facts)]
    over = [bound for bound in bounds if bound.value > bound.at_most]
    found.append(Violation("B", "bounds exceeded", over))
    return [one for one in found if one.examples]


def acknowledged(told: Mapping[EventName, Told]) -> set[EventName]:
    """Return the events that got a 2xx."""
    return {name for name, one in told.items() if one.ok}


def _log(told: Mapping[EventName, Told], facts: Facts) -> Iterator[Violation]:
    acked = acknowledged(told)
    whole = set(facts.logged)
    lost = [name for name in acked if Logged(name, told[name].asked.digest) not in whole]
    yield Violation("L", "acknowledged events are not on the log", lost)
    unsigned = [
        one
        for one in whole
        if one.event not in told
        or told[one.event].asked.forged
        or told[one.event].asked.digest != one.digest
    ]
    yield Violation("P", "records on the log that nobody signed", unsigned)
    accepted = [name for name in acked if told[name].asked.forged]
    yield Violation("P", "forged deliveries were acknowledged", accepted)


def _applied(told: Mapping[EventName, Told], facts: Facts) -> Iterator[Violation]:
    acked = acknowledged(told)
    missing = [name for name in acked if name not in facts.inbox or not facts.decided.get(name)]
    yield Violation("L", "acknowledged events were never decided", missing)
    without = [name for name in acked if told[name].asked.payment not in facts.payments]
    yield Violation("L", "acknowledged events moved no payment", without)
    twice = [name for name, times in facts.decided.items() if times > 1]
    doubled = [name for name in twice if name in acked]
    yield Violation("D", "acknowledged events took effect more than once", doubled)
    unknown = [name for name in twice if name not in acked]
    yield Violation("U", "events of unknown outcome took effect more than once", unknown)
    unheard = [name for name in facts.inbox if name not in told]
    yield Violation("P", "events in the database that nobody delivered", unheard)


def _order(told: Mapping[EventName, Told], facts: Facts) -> Iterator[Violation]:
    by_payment: dict[PaymentName, list[Move]] = defaultdict(list)
    for move in sorted(facts.moves, key=lambda one: (one.payment, one.version)):
        by_payment[move.payment].append(move)
    uncounted = [
        payment
        for payment, (_, version) in facts.payments.items()
        if [move.version for move in by_payment[payment]] != list(range(1, version + 1))
    ]
    yield Violation("D", "payments' versions are not the number of their transitions", uncounted)
    yield Violation("O", "moves that no rule allows", [*_illegal(by_payment)])
    astray = [
        (payment, state, expected)
        for payment, expected in _expected(told, facts).items()
        if (state := facts.payments.get(payment, ("nowhere", 0))[0]) != expected
    ]
    yield Violation("O", "payments are not where their events lead", astray)


def _illegal(by_payment: Mapping[PaymentName, Sequence[Move]]) -> Iterator[Move]:
    for moves in by_payment.values():
        at: str | None = None
        for move in moves:
            if move.before != at or move.after not in MOVES[at]:
                yield move
            at = move.after


def _expected(told: Mapping[EventName, Told], facts: Facts) -> dict[PaymentName, str]:
    """Say where each payment must be: at the step of its story that is furthest of those known."""
    furthest: dict[PaymentName, tuple[int, str]] = {}
    for name in facts.inbox.keys() & told.keys():
        asked = told[name].asked
        step = (asked.place, asked.state)
        furthest[asked.payment] = max(furthest.get(asked.payment, step), step)
    return {payment: state for payment, (_, state) in furthest.items()}


def _downstream(facts: Facts) -> Iterator[Violation]:
    """After a subscriber has dropped repetitions by id, it has every transition once."""
    heard = {(one.payment, one.version, one.after) for one in facts.notices}
    moved = {(one.payment, one.version, one.after) for one in facts.moves}
    yield Violation("L", "transitions were not told downstream", sorted(moved - heard))
    yield Violation("P", "notices that no transition justifies", sorted(heard - moved))
    contents: Counter[str] = Counter(one.id for one in set(facts.notices))
    unlike = [name for name, count in contents.items() if count > 1]
    yield Violation("D", "notices of one id that say different things", unlike)
    ids: Counter[tuple[PaymentName, int]] = Counter()
    for one in {(one.id, one.payment, one.version) for one in facts.notices}:
        ids[one[1], one[2]] += 1
    repeated = [move for move, count in ids.items() if count > 1]
    yield Violation("D", "transitions were told under more than one id", repeated)
