"""Explain a payment's state: which rule of the reducer holds, with which numbers, and why. Pure.

The set of a payment's facts flows in, as the reducer reads it, and an `Explanation` flows out: each
rule in its order with the numbers it looked at, the facts without which the state would be another,
and what would move the payment on. The state itself comes from `lifecycle.reduce` alone: nothing is
decided here a second time. `sealgate why` is next.
"""

from collections.abc import Callable, Collection, Mapping
from typing import NamedTuple

from consumers import weighing, windows
from consumers.decisive import Decisive, decisive
from consumers.facts import Fact, FactKind
from consumers.lifecycle import BELATED, ORDINARY, State, reduce
from consumers.weighing import Scale, Terms

NOTHING = "nothing with an amount"


class Rule(NamedTuple):
    """One rule of the reducer: the first that holds names the state."""

    number: int
    name: str
    says: str


RULES = (
    Rule(1, "Refunded", "everything that ever came was given back"),
    Rule(
        2,
        "Reversed",
        "value that was seen does not stand any more, and what stands does not meet the price,"
        " or was final before and is not now",
    ),
    Rule(3, "Confirmed", "final value meets the price; Late, where it came late, unaccepted"),
    Rule(4, "Failed", "the provider says that it failed"),
    Rule(5, "Paid", "value meets the price; Late, where it came late, unaccepted"),
    Rule(6, "Underpaid", "there is value, and it does not meet the price"),
    Rule(7, "Cancelled", "it was called off"),
    Rule(8, "Expired", "the window closed"),
    Rule(9, "Pending", "nothing else is proven"),
)
_NUMBERS = {rule.name: rule.number for rule in RULES}


class Writer(NamedTuple):
    """How amounts and instants are written: the registry of decimals is the caller's."""

    amount: Callable[[str, int], str]
    moment: Callable[[int], str]


class Numbers(NamedTuple):
    """What the reducer weighs: atomic amounts by asset, and the window.

    `ever` is all that was seen, `standing` what of it is not removed or dropped, `final` what of
    that is final, `in_time` what came inside the window. `asked` holds each price, `tolerated` how
    much less will do.
    """

    asked: Mapping[str, int]
    tolerated: Mapping[str, int]
    ever: Mapping[str, int]
    standing: Mapping[str, int]
    final: Mapping[str, int]
    in_time: Mapping[str, int]
    refunded: Mapping[str, int]
    window_ms: int | None
    window_by: str
    takes_any: bool
    is_met: bool
    is_final: bool
    is_late: bool


class Check(NamedTuple):
    """One rule as it was tried, and why it holds or does not."""

    rule: Rule
    holds: bool
    why: str


class Step(NamedTuple):
    """A state the payment may go to, and what would move it there."""

    to: State
    by: str


class Explanation(NamedTuple):
    """Why a payment is in its state.

    `checks` ends with the rule that holds. `decisive` are the smallest sets of facts that carry the
    state, none of them where no fact does; `is_smallest` where all smaller sets were tried.
    """

    state: State
    checks: tuple[Check, ...]
    numbers: Numbers
    decisive: tuple[Decisive, ...]
    is_smallest: bool
    steps: tuple[Step, ...]

    @property
    def rule(self) -> Rule:
        """Return the rule that holds."""
        return self.checks[-1].rule


def explain(facts: Collection[Fact], terms: Terms, writer: Writer) -> Explanation:
    """Explain the state that `facts` prove under `terms`."""
    state, told = reduce(facts, terms), weigh(facts, terms)
    number = _number(state, told)
    seen = _Seen(facts, told, writer)
    checks = tuple(
        Check(rule, rule.number == number, _WHY[rule.number](seen)) for rule in RULES[:number]
    )
    carried, is_smallest = decisive(facts, terms)
    return Explanation(state, checks, told, carried, is_smallest, steps(state, seen))


def weigh(facts: Collection[Fact], terms: Terms) -> Numbers:
    """Add up what the reducer looks at."""
    values = weighing.observed(facts)
    stands = weighing.standing(facts, values)
    final = weighing.finals(stands)
    scale = Scale.of(facts, terms)
    window = weighing.window_ms(facts, terms)
    timely = windows.on_time(values, stands, windows.Window.of(facts, terms))
    is_met = bool(values) and scale.is_met(stands)
    return Numbers(
        asked=scale.prices,
        tolerated={
            asset: weighing.tolerance(terms, asset, price) for asset, price in scale.prices.items()
        },
        ever=weighing.received(values),
        standing=weighing.received(stands),
        final=weighing.received(final),
        in_time=weighing.received(timely),
        refunded=weighing.refunds(facts).sums,
        window_ms=window,
        window_by=_window_by(facts, window, terms),
        takes_any=scale.takes_any,
        is_met=is_met,
        is_final=is_met and scale.is_met(final),
        is_late=is_met and len(timely) < len(values) and not scale.is_met(timely),
    )


def _window_by(facts: Collection[Fact], window: int | None, terms: Terms) -> str:
    """Say what closed the window."""
    if window is None:
        return ""
    if any(fact.kind is FactKind.CANCELLED and fact.at_ms == window for fact in facts):
        return "it was called off then"
    if all(fact.expires_ms is None for fact in facts):
        return "the provider's word that it expired"
    grace = f", with {terms.grace_ms} ms of grace" if terms.grace_ms else ""
    return f"the end that was told{grace}"


def _number(state: State, told: Numbers) -> int:
    """Return which rule named the state: Late is what two of them say."""
    if state is State.LATE:
        return _NUMBERS["Confirmed"] if told.is_final else _NUMBERS["Paid"]
    return _NUMBERS[state]


class _Seen(NamedTuple):
    """What the reasons are written from."""

    facts: Collection[Fact]
    numbers: Numbers
    writer: Writer

    def of(self, kind: FactKind) -> list[Fact]:
        """Return the facts of a kind, by their time."""
        return sorted((fact for fact in self.facts if fact.kind is kind), key=lambda one: one.at_ms)

    def sums(self, amounts: Mapping[str, int], untold: str = "an amount not told") -> str:
        """Write amounts of several assets; `untold` where there are none."""
        told = [self.writer.amount(asset, amount) for asset, amount in sorted(amounts.items())]
        return " and ".join(told) or untold

    def price(self) -> str:
        """Write what was asked for."""
        numbers = self.numbers
        prices = [
            self.writer.amount(asset, price)
            + (f" less at most {self.writer.amount(asset, less)}" if less else "")
            for asset, price in sorted(numbers.asked.items())
            for less in [numbers.tolerated[asset]]
        ]
        if numbers.takes_any:
            prices.append(self._any())
        return " or ".join(prices) or "no price is known"

    def _any(self) -> str:
        """Say why any amount will do, and how much there was when an operator took less."""
        accepted = self.of(FactKind.ACCEPT_UNDER)
        if not accepted:
            return "any amount"
        at_ms = accepted[-1].at_ms
        values = weighing.standing(self.facts, weighing.observed(self.facts))
        then = weighing.received(fact for fact in values if fact.at_ms <= at_ms)
        return (
            f"the lower amount that was accepted at {self.writer.moment(at_ms)}, when"
            f" {self.sums(then)} stood (any amount meets it from then on)"
        )

    def time(self) -> str:
        """Say whether value came in time."""
        numbers = self.numbers
        if numbers.window_ms is None:
            closing = "no window was told"
        else:
            closing = (
                f"the window closed at {self.writer.moment(numbers.window_ms)}"
                f" ({numbers.window_by})"
            )
        if not numbers.is_late:
            return f"in time: {closing}"
        accepted = ", and it was accepted late" if self.of(FactKind.ACCEPT_LATE) else ""
        word = "; the provider calls it late" if any(fact.late for fact in self.facts) else ""
        came = self.sums(numbers.in_time, NOTHING)
        return f"late: in time came {came}{word}; {closing}{accepted}"


def _refunded(seen: _Seen) -> str:
    given = weighing.refunds(seen.facts)
    if given.last_ms is None:
        pending = ", though a refund is told" if seen.of(FactKind.REFUND) else ""
        return f"nothing was given back{pending}"
    told = "everything, by the provider's word," if given.is_whole else seen.sums(given.sums)
    return f"given back: {told} of {seen.sums(seen.numbers.ever)} that ever came"


def _reversed(seen: _Seen) -> str:
    values = weighing.observed(seen.facts)
    if not values:
        return "no value was ever seen"
    if len(weighing.standing(seen.facts, values)) == len(values):
        return "all that was seen still stands"
    numbers = seen.numbers
    return (
        f"{seen.sums(numbers.standing, NOTHING)} stands of {seen.sums(numbers.ever)} that was seen"
        f"; {seen.sums(numbers.final, NOTHING)} is final; asked: {seen.price()}"
    )


def _confirmed(seen: _Seen) -> str:
    final = weighing.finals(weighing.standing(seen.facts, weighing.observed(seen.facts)))
    return _met(seen, "final", seen.numbers.final, final, holds=seen.numbers.is_final)


def _paid(seen: _Seen) -> str:
    stands = weighing.standing(seen.facts, weighing.observed(seen.facts))
    return _met(seen, "seen", seen.numbers.standing, stands, holds=seen.numbers.is_met)


def _met(
    seen: _Seen, word: str, sums: Mapping[str, int], values: Collection[Fact], *, holds: bool
) -> str:
    """Compare value with the price, and say whether it came in time."""
    if not values:
        return f"nothing is {word}; asked: {seen.price()}"
    whole = ", which the provider calls the full amount" if any(f.whole for f in values) else ""
    told = f"{word}: {seen.sums(sums)}{whole}; asked: {seen.price()}"
    return f"{told}; {seen.time()}" if holds else told


def _failed(seen: _Seen) -> str:
    failures = seen.of(FactKind.FAILED)
    if not failures:
        return "nobody said that it failed"
    reasons = ", ".join(sorted({fact.detail or "no reason" for fact in failures}))
    return f"it failed at {seen.writer.moment(failures[0].at_ms)} ({reasons})"


def _underpaid(seen: _Seen) -> str:
    stands = weighing.standing(seen.facts, weighing.observed(seen.facts))
    if not weighing.has_value(stands):
        return "no value stands"
    return f"seen: {seen.sums(seen.numbers.standing)}; asked: {seen.price()}"


def _at(kind: FactKind, told: str, untold: str) -> Callable[[_Seen], str]:
    """Make the reason of a rule that one word is enough for."""

    def why(seen: _Seen) -> str:
        found = seen.of(kind)
        return f"{told} at {seen.writer.moment(found[0].at_ms)}" if found else untold

    return why


_WHY: Mapping[int, Callable[[_Seen], str]] = {
    1: _refunded,
    2: _reversed,
    3: _confirmed,
    4: _failed,
    5: _paid,
    6: _underpaid,
    7: _at(FactKind.CANCELLED, "it was called off", "nobody called it off"),
    8: _at(FactKind.EXPIRED, "the window closed", "nobody said that the window closed"),
    9: lambda _: "no money was ever seen, and nobody called it off or said that it failed",
}


_BY: Mapping[State, str] = {
    State.PAID: "value that meets the price is seen in time",
    State.CONFIRMED: "value that meets the price is final",
    State.LATE: "value that meets the price comes after the window",
    State.UNDERPAID: "value comes, and less than the price",
    State.EXPIRED: "the window closes, and nothing came",
    State.CANCELLED: "it is called off",
    State.FAILED: "the provider says that it cannot succeed",
    State.REVERSED: "value that was seen is removed from its block, or dropped",
    State.REFUNDED: "everything that came is given back",
}
_ACCEPTED: Mapping[State, Mapping[State, str]] = {
    State.LATE: {
        State.PAID: "an operator accepts the late money, which is not final yet",
        State.CONFIRMED: "an operator accepts the late money, which is final",
    },
}


def steps(state: State, seen: _Seen) -> tuple[Step, ...]:
    """Say what would move a payment on: by the ordinary moves, and by acceptance."""
    ways = _BY if state is not State.UNDERPAID else {**_BY, **_topped_up(seen)}
    ordinary = [Step(to, ways[to]) for to in State if to in ORDINARY[state]]
    accepted = _ACCEPTED.get(state, {})
    return (*ordinary, *(Step(to, by) for to, by in accepted.items() if to in BELATED[state]))


def _topped_up(seen: _Seen) -> Mapping[State, str]:
    """Say how much more an underpaid payment needs."""
    numbers = seen.numbers
    stands = weighing.standing(seen.facts, weighing.observed(seen.facts))
    missing = [
        seen.writer.amount(asset, least - (weighing.came(stands, asset) or 0))
        for asset, price in sorted(numbers.asked.items())
        for least in [price - numbers.tolerated[asset]]
    ]
    if not missing:
        return {}
    more = f"{' or '.join(missing)} more"
    return {
        State.PAID: f"{more} comes in time, or an operator accepts less",
        State.CONFIRMED: f"{more} comes and all is final, or an operator accepts less that is",
    }
