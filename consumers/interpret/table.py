"""One provider's mapping, compiled: a word and a document in, the facts they state out. Pure.

A provider's word that a payment is whole is weighed here against the figures of the same event.
Where they can be compared and fall short, the word does not count: our own test wins. Only figures
of one event are compared, so the weight of a word never depends on what arrived before it.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, NamedTuple, Self

from consumers.exceptions import Code
from consumers.facts import OPEN, Fact, FactKind, simple
from consumers.interpret import mapping, pointer
from consumers.interpret.assets import Assets
from consumers.interpret.drift import Drift
from consumers.interpret.mapping import ProviderMapping
from consumers.interpret.pointer import Tokens
from consumers.interpret.reading import (
    Amount,
    Moment,
    Names,
    Places,
    Refunds,
    Transfers,
    elements,
    first,
)
from consumers.interpret.rules import (
    Rule,
    Rules,
    Where,
    choose,
    compile_rules,
    compile_where,
    fits,
)
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
class _Applies:
    """Which events a table reads: of which API, with which marks, received since when."""

    since_ms: int
    where: Where
    api: mapping.ApiVersion | None
    places: Places

    @classmethod
    def compile(cls, told: ProviderMapping) -> Self:
        begin = datetime.combine(told.effective_from, datetime.min.time(), UTC)
        places = () if told.api is None else tuple(map(pointer.parse, told.api.place))
        return cls(int(begin.timestamp()) * 1000, compile_where(told.where), told.api, places)

    def fits(self, document: Any) -> bool:
        if not fits(self.where, document):
            return False
        if self.api is None:
            return True
        version = first(document, self.places)
        if not isinstance(version, str):
            return not self.api.since
        return self.api.since <= version and (not self.api.until or version < self.api.until)


@dataclass(frozen=True, slots=True)
class Table:
    """Reads the events of one provider. `name` says which version of which mapping it is."""

    name: str
    applies: _Applies
    rules: Rules
    expected: tuple[Amount, ...]
    expires: Moment | None
    transfers: Transfers | None
    total: Amount | None
    refunds: Refunds
    settled: tuple[tuple[str, Amount], ...]
    timeline: _Timeline | None

    @classmethod
    def compile(cls, told: ProviderMapping, assets: Assets) -> Self:
        """Prepare the table."""
        names = Names(assets, told.assets, told.networks)
        refunds = told.refunds or mapping.Refunds()
        return cls(
            name="/".join(filter(None, (told.provider, told.product, str(told.version)))),
            applies=_Applies.compile(told),
            rules=compile_rules(told.rule),
            expected=tuple(Amount.compile(price, names) for price in told.expected),
            expires=None if told.expires is None else Moment.compile(told.expires),
            transfers=None if told.transfer is None else Transfers.compile(told.transfer, names),
            total=None if told.total is None else Amount.compile(told.total, names),
            refunds=Refunds.compile(refunds, names),
            settled=tuple((one.part, Amount.compile(one, names)) for one in told.settled),
            timeline=None if told.timeline is None else _Timeline.compile(told.timeline),
        )

    def reads(self, document: Any, received_ms: int) -> bool:
        """Say whether the table is for this event, received at this instant."""
        return self.applies.since_ms <= received_ms and self.applies.fits(document)

    def tell(self, word: str, document: Any, key: str, at_ms: int) -> Told:
        """State what an event says of the payment whose running total is called `key`.

        Raises `Drift` for an event that cannot be read.
        """
        rule = choose(self.rules, word, document)
        if rule is None:
            raise Drift("no rule of this type fits the event")
        late = rule.is_late(document)
        facts = [*self._asked(rule, document), *self._transfers(rule, document, at_ms, late=late)]
        total = self._total(rule, document)
        short = _shortfall(facts, total) if rule.whole and rule.totals else ""
        whole = rule.whole and not short
        facts += _totals(rule, key, total, at_ms, whole=whole, late=late)
        facts += _bare(rule, key, at_ms)
        facts += self._credits(rule, document, key, at_ms)
        if self.timeline is not None:
            facts += self._history(self.timeline, document, key, at_ms, whole=whole)
        raises = ((rule.raises, "the provider says so"),) if rule.raises else ()
        if short:
            raises = (*raises, (Code.AMOUNT_UNDER, short))
        return Told(frozenset(facts), raises)

    def _asked(self, rule: Rule, document: Any) -> Iterator[Fact]:
        if rule.asks:
            yield from self._prices(document)
        if rule.is_open:
            yield simple(FactKind.EXPECTED, 0, detail=OPEN)

    def _transfers(self, rule: Rule, document: Any, at_ms: int, *, late: bool) -> Iterator[Fact]:
        if self.transfers is not None:
            for kind in rule.transfers:
                yield from self.transfers.read(document, kind, at_ms, late=late)

    def _credits(self, rule: Rule, document: Any, key: str, at_ms: int) -> Iterator[Fact]:
        """State what went back, and what the provider credited to our balance."""
        if rule.refund is not None:
            yield from self.refunds.read(document, key, rule.refund, at_ms, whole=rule.whole)
        if rule.settles:
            yield from self._settlement(document, key, at_ms)

    def _prices(self, document: Any) -> list[Fact]:
        """State what was asked for: every price the event names, or that it names none."""
        expires_ms = None if self.expires is None else self.expires.read(document)
        named = [price for price in (place.read(document) for place in self.expected) if price[0]]
        return [
            simple(FactKind.EXPECTED, 0, asset=asset, amount=amount)._replace(expires_ms=expires_ms)
            for asset, amount in named or [_UNTOLD]
        ]

    def _settlement(self, document: Any, key: str, at_ms: int) -> Iterator[Fact]:
        """State that the provider credited our balance, with the figures that the event names."""
        figures = [(part, *place.read(document)) for part, place in self.settled]
        named = [one for one in figures if one[1]] or [("", *_UNTOLD)]
        for part, asset, amount in named:
            yield simple(FactKind.SETTLED, at_ms, key=key, asset=asset, amount=amount, detail=part)

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
            yield from _bare(rule, key, entry_ms)
            if rule.refund is not None:
                told = simple(FactKind.REFUND, entry_ms, key=key, detail=str(rule.refund))
                yield told._replace(whole=rule.whole)
            if rule.settles:
                yield simple(FactKind.SETTLED, entry_ms, key=key)
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


def _bare(rule: Rule, key: str, at_ms: int) -> Iterator[Fact]:
    """State what needs nothing of the event but its instant."""
    for one in rule.bare:
        yield simple(one.kind, at_ms, key=key if one.is_total else one.key, detail=one.detail)


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
