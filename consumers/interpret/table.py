"""One provider's mapping, compiled: a word and a document in, the facts they state out. Pure.

A provider's word that a payment is whole is weighed here against the figures of the same event.
Where they can be compared and fall short, the word does not count: our own test wins. Only figures
of one event are compared, so the weight of a word never depends on what arrived before it.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple, Self

from consumers.exceptions import Code
from consumers.facts import Fact, FactKind
from consumers.interpret import mapping, pointer
from consumers.interpret.assets import Assets
from consumers.interpret.drift import Drift
from consumers.interpret.mapping import ProviderMapping
from consumers.interpret.pointer import Tokens
from consumers.interpret.reading import Amount, Moment, Transfers, elements
from consumers.interpret.rules import Rule, Rules, choose, compile_rules
from consumers.weighing import asked, received

_UNTOLD = ("", None)


class Told(NamedTuple):
    """What one event states: facts, and exceptions that it alone is reason for, with evidence."""

    facts: frozenset[Fact]
    raises: tuple[tuple[Code, str], ...]


@dataclass(frozen=True, slots=True)
class _Timeline:
    """Reads the history that an event repeats."""

    each: Tokens
    word: Tokens
    at: Moment
    rules: Rules

    @classmethod
    def compile(cls, told: mapping.Timeline) -> Self:
        at = Moment.compile(told.at)
        return cls(pointer.parse(told.each), pointer.parse(told.word), at, compile_rules(told.rule))


@dataclass(frozen=True, slots=True)
class Table:
    """Reads the events of one provider. `name` says which version of which mapping it is."""

    name: str
    rules: Rules
    expected: tuple[Amount, ...]
    expires: Moment | None
    transfers: Transfers | None
    total: Amount | None
    timeline: _Timeline | None

    @classmethod
    def compile(cls, told: ProviderMapping, assets: Assets) -> Self:
        """Prepare the table."""
        return cls(
            name=f"{told.provider}/{told.version}",
            rules=compile_rules(told.rule),
            expected=tuple(Amount.compile(price, assets) for price in told.expected),
            expires=None if told.expires is None else Moment.compile(told.expires),
            transfers=None if told.transfer is None else Transfers.compile(told.transfer, assets),
            total=None if told.total is None else Amount.compile(told.total, assets),
            timeline=None if told.timeline is None else _Timeline.compile(told.timeline),
        )

    def tell(self, word: str, document: Any, key: str, at_ms: int) -> Told:
        """State what an event says of the payment whose running total is called `key`.

        Raises `Drift` for an event that cannot be read.
        """
        rule = choose(self.rules, word, document)
        if rule is None:
            raise Drift("no rule of this type fits the event")
        late = rule.is_late(document)
        facts: list[Fact] = []
        if rule.asks:
            facts += self._prices(document)
        if rule.transfers and self.transfers is not None:
            for kind in rule.transfers:
                facts += self.transfers.read(document, kind, at_ms, late=late)
        if rule.expires:
            facts.append(_without_value(FactKind.EXPIRED, at_ms))
        total = self._total(rule, document)
        short = _shortfall(facts, total) if rule.whole else ""
        whole = rule.whole and not short
        facts += _totals(rule, key, total, at_ms, whole=whole, late=late)
        if self.timeline is not None:
            facts += self._history(self.timeline, document, key, at_ms, whole=whole)
        raises = ((rule.raises, "the provider says so"),) if rule.raises else ()
        if short:
            raises = (*raises, (Code.AMOUNT_UNDER, short))
        return Told(frozenset(facts), raises)

    def _prices(self, document: Any) -> list[Fact]:
        """State what was asked for: every price the event names, or that it names none."""
        expires_ms = None if self.expires is None else self.expires.read(document)
        named = [price for price in (place.read(document) for place in self.expected) if price[0]]
        return [
            _without_value(FactKind.EXPECTED, 0, asset, amount, expires_ms)
            for asset, amount in named or [_UNTOLD]
        ]

    def _total(self, rule: Rule, document: Any) -> tuple[str, int | None]:
        if self.total is None or not rule.totals:
            return _UNTOLD
        asset, amount = self.total.read(document)
        # A provider that has seen money and counts zero has not counted yet: a sighting of unknown
        # size. Final money that counts zero is a contradiction, and is kept to be compared.
        if amount == 0 and FactKind.SEEN in rule.totals:
            return _UNTOLD
        return asset, amount

    def _history(
        self, timeline: _Timeline, document: Any, key: str, at_ms: int, *, whole: bool
    ) -> Iterator[Fact]:
        """State what the timeline adds. Its word on the whole needs the event's own behind it."""
        for entry in elements(document, timeline.each):
            rule = choose(timeline.rules, pointer.find(entry, timeline.word), entry)
            if rule is None:
                continue
            then_ms = timeline.at.read(entry)
            entry_ms = at_ms if then_ms is None else then_ms
            if rule.expires:
                yield _without_value(FactKind.EXPIRED, entry_ms)
            late = rule.is_late(entry)
            word = rule.whole and whole
            yield from _totals(rule, key, _UNTOLD, entry_ms, whole=word, late=late)


def _totals(
    rule: Rule, key: str, total: tuple[str, int | None], at_ms: int, *, whole: bool, late: bool
) -> list[Fact]:
    """State the payment as a whole."""
    asset, amount = total
    return [
        Fact(kind, key, asset, amount, whole=whole, late=late, at_ms=at_ms) for kind in rule.totals
    ]


def _without_value(
    kind: FactKind,
    at_ms: int,
    asset: str = "",
    amount: int | None = None,
    expires_ms: int | None = None,
) -> Fact:
    """State something that is not an observation of value."""
    return Fact(
        kind, "", asset, amount, whole=False, late=False, at_ms=at_ms, expires_ms=expires_ms
    )


def _shortfall(facts: Collection[Fact], total: tuple[str, int | None]) -> str:
    """Say where the event's own figures contradict its word; empty where they do not."""
    prices = asked(facts)
    sums = received(fact for fact in facts if fact.kind is not FactKind.EXPECTED)
    asset, amount = total
    if amount is not None:
        sums[asset] = max(sums.get(asset, 0), amount)
    compared = prices.keys() & sums.keys()
    if not compared or any(sums[asset] >= prices[asset] for asset in compared):
        return ""
    told = ", ".join(f"{sums[a]} of {prices[a]} {a}" for a in sorted(compared))
    return f"the provider calls it whole, and names {told} (atomic units)"
