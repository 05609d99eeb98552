"""One provider's mapping, compiled: a word and a document in, the facts they state out. Pure.

A provider's word that a payment is whole is weighed here against the figures of the same event.
Where they can be compared and fall short, the word does not count: our own test wins. Only figures
of one event are compared, so the weight of a word never depends on what arrived before it.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any, Self

from consumers.exceptions import Code
from consumers.interpret import mapping, pointer
from consumers.interpret.assets import Assets
from consumers.interpret.drift import Drift
from consumers.interpret.mapping import ProviderMapping, Say
from consumers.interpret.pointer import Tokens
from consumers.interpret.reading import Amount, Moment, Transfers, elements
from consumers.interpret.rules import Rule, Rules, choose, compile_rules
from consumers.lifecycle import Fact, FactKind, asked, received

_TRANSFER = {Say.TRANSFER_SEEN: FactKind.SEEN, Say.TRANSFER_FINAL: FactKind.FINAL}
_TOTAL = {Say.TOTAL_SEEN: FactKind.SEEN, Say.TOTAL_FINAL: FactKind.FINAL}


@dataclass(frozen=True, slots=True)
class Told:
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
    """Reads the events of one provider."""

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
        facts = [*self._prices(rule, document), *self._values(rule, document, at_ms, late=late)]
        total = self._total(rule, document)
        short = _shortfall(facts, total) if rule.whole else ""
        whole = rule.whole and not short
        facts.extend(_totals(rule, key, total, at_ms, whole=whole, late=late))
        facts.extend(self._history(document, key, at_ms, whole=whole))
        raises = ((rule.raises, "the provider says so"),) if rule.raises else ()
        if short:
            raises = (*raises, (Code.AMOUNT_UNDER, short))
        return Told(frozenset(facts), raises)

    def _prices(self, rule: Rule, document: Any) -> Iterator[Fact]:
        """State what was asked for: every price the event names, or that it names none."""
        if Say.EXPECTED not in rule.say:
            return
        expires_ms = None if self.expires is None else self.expires.read(document)
        named = [price for price in (place.read(document) for place in self.expected) if price[0]]
        for asset, amount in named or [("", None)]:
            yield _without_value(FactKind.EXPECTED, 0, asset, amount, expires_ms)

    def _values(self, rule: Rule, document: Any, at_ms: int, *, late: bool) -> Iterator[Fact]:
        for say in rule.say:
            if self.transfers is not None and say in _TRANSFER:
                yield from self.transfers.read(document, _TRANSFER[say], at_ms, late=late)
            elif say is Say.EXPIRED:
                yield _without_value(FactKind.EXPIRED, at_ms)

    def _total(self, rule: Rule, document: Any) -> tuple[str, int | None]:
        if self.total is None or not _TOTAL.keys() & set(rule.say):
            return "", None
        asset, amount = self.total.read(document)
        # A provider that has seen money and counts zero has not counted yet: a sighting of unknown
        # size. Final money that counts zero is a contradiction, and is kept to be compared.
        if amount == 0 and Say.TOTAL_SEEN in rule.say:
            return "", None
        return asset, amount

    def _history(self, document: Any, key: str, at_ms: int, *, whole: bool) -> Iterator[Fact]:
        """State what the timeline adds. Its word on the whole needs the event's own behind it."""
        if self.timeline is None:
            return
        for entry in elements(document, self.timeline.each):
            rule = choose(self.timeline.rules, pointer.find(entry, self.timeline.word), entry)
            if rule is None:
                continue
            then_ms = self.timeline.at.read(entry)
            entry_ms = at_ms if then_ms is None else then_ms
            if Say.EXPIRED in rule.say:
                yield _without_value(FactKind.EXPIRED, entry_ms)
            late = rule.is_late(entry)
            word = rule.whole and whole
            yield from _totals(rule, key, ("", None), entry_ms, whole=word, late=late)


def _totals(
    rule: Rule, key: str, total: tuple[str, int | None], at_ms: int, *, whole: bool, late: bool
) -> Iterator[Fact]:
    """State the payment as a whole."""
    asset, amount = total
    for say in rule.say:
        if say in _TOTAL:
            yield Fact(_TOTAL[say], key, asset, amount, whole=whole, late=late, at_ms=at_ms)


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
