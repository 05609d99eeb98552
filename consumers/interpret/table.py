"""One provider's mapping, compiled: a word and a document in, the facts they state out. Pure.

A provider's word that a payment is whole is weighed here against the figures of the same event.
Where they can be compared and fall short, the word does not count: our own test wins. Only figures
of one event are compared, so the weight of a word never depends on what arrived before it.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, NamedTuple, Self

from consumers.exceptions import Code
from consumers.facts import OPEN, Fact, FactKind, Note, simple
from consumers.interpret import bodies, mapping, pointer
from consumers.interpret.assets import Assets
from consumers.interpret.deposits import Deposits, TransferTold
from consumers.interpret.drift import Drift
from consumers.interpret.mapping import ProviderMapping
from consumers.interpret.pointer import Tokens
from consumers.interpret.reading import (
    Amount,
    Moment,
    Names,
    Places,
    Refunds,
    Total,
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
from consumers.weighing import asked, came, observed

_UNTOLD = ("", None)


class Told(NamedTuple):
    """What one event states: facts, and exceptions that it alone is reason for, with evidence.

    `confirmations` are the blocks on top of each transfer, where the event names them.
    """

    facts: frozenset[Fact]
    raises: tuple[tuple[Code, str], ...] = ()
    confirmations: Mapping[str, int] = {}


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
class Answers:
    """Reads what a provider answers when it is asked for a payment."""

    inside: Tokens | None
    word: Places
    reference: Places
    at: Moment | None
    counts_parts: bool
    rules: Rules

    @classmethod
    def compile(cls, told: mapping.Snapshot, rules: Sequence[mapping.Rule]) -> Self:
        """Prepare the reader; without rules of their own, answers are read by the events'."""
        return cls(
            inside=None if told.inside is None else pointer.parse(told.inside),
            word=tuple(map(pointer.parse, told.word)),
            reference=tuple(map(pointer.parse, told.reference)),
            at=None if told.at is None else Moment.compile(told.at),
            counts_parts=told.counts_parts,
            rules=compile_rules(told.rule or rules),
        )


@dataclass(frozen=True, slots=True)
class Table:
    """Reads the events of one provider. `name` says which version of which mapping it is."""

    name: str
    texts: Places
    applies: _Applies
    rules: Rules
    expected: tuple[Amount, ...]
    expires: Moment | None
    transfers: Transfers | None
    total: Total | None
    deposits: Deposits | None
    refunds: Refunds
    settled: tuple[tuple[str, Amount], ...]
    timeline: _Timeline | None
    answers: Answers | None = None

    @classmethod
    def compile(cls, told: ProviderMapping, assets: Assets) -> Self:
        """Prepare the table."""
        answers = told.snapshot
        names = Names(assets, told.assets, told.networks)
        refunds = told.refunds or mapping.Refunds()
        transfers = None if told.transfer is None else Transfers.compile(told.transfer, names)
        deposits = None
        if told.deposit is not None and transfers is not None:
            deposits = Deposits.compile(told.deposit, transfers)
        return cls(
            name="/".join(filter(None, (told.provider, told.product, str(told.version)))),
            texts=tuple(map(pointer.parse, told.texts)),
            applies=_Applies.compile(told),
            rules=compile_rules(told.rule),
            expected=tuple(Amount.compile(price, names) for price in told.expected),
            expires=None if told.expires is None else Moment.compile(told.expires),
            transfers=transfers,
            total=None if told.total is None else Total.compile(told.total, names),
            deposits=deposits,
            refunds=Refunds.compile(refunds, names),
            settled=tuple((one.part, Amount.compile(one, names)) for one in told.settled),
            timeline=None if told.timeline is None else _Timeline.compile(told.timeline),
            answers=None if answers is None else Answers.compile(answers, told.rule),
        )

    def unfold(self, document: Any) -> Any:
        """Return the document as the table's places see it. Raises `Drift`."""
        return bodies.unfold(document, self.texts) if self.texts else document

    def reads(self, document: Any, received_ms: int) -> bool:
        """Say whether the table is for this event, unfolded, and received at this instant."""
        return self.applies.since_ms <= received_ms and self.applies.fits(document)

    def of_answers(self) -> Self:
        """Return the table that reads answers: the same places, and the answers' rules."""
        if self.answers is None:
            return self
        # What a timeline adds is told by events: an answer's own word is what is compared.
        return replace(self, rules=self.answers.rules, timeline=None)

    def tell(self, word: str, document: Any, key: str, at_ms: int) -> Told:
        """State what an event says of the payment whose running total is called `key`.

        Raises `Drift` for an event that cannot be read.
        """
        rule = choose(self.rules, word, document)
        if rule is None:
            raise Drift("no rule of this type fits the event")
        late = rule.is_late(document)
        facts = [*self._asked(rule, document), *self._transfers(rule, document, at_ms, late=late)]
        totals = _totals(rule, key, self._total(rule, document), at_ms, late=late)
        # Beside a refund, it is the refund that the provider calls one of everything.
        is_word = rule.whole and rule.refund is None
        is_short = is_word and bool(totals) and _falls_short([*facts, *totals])
        whole = is_word and not is_short
        facts += [fact._replace(whole=whole) for fact in totals]
        facts += _bare(rule, key, at_ms)
        facts += self._refunds(rule, document, key, at_ms)
        figures, unread = self._settlement(rule, document, key, at_ms)
        facts += figures
        if self.timeline is not None:
            facts += self._history(self.timeline, document, key, at_ms, whole=whole)
        # A word that money is missing is a fact: it must not count more where it comes last.
        if is_short or rule.raises is Code.AMOUNT_UNDER:
            facts.append(simple(FactKind.NOTE, at_ms, detail=Note.UNDERPAID))
        raises = [(rule.raises, "the provider says so")] if rule.raises else []
        raises = [one for one in raises if one[0] is not Code.AMOUNT_UNDER]
        depths = self.transfers.depths(document) if self.transfers and rule.transfers else {}
        return Told(frozenset(facts), (*raises, *unread), depths)

    def deposits_of(self, document: Any, told: Told) -> tuple[TransferTold, ...]:
        """Say of each transfer that facts were stated of what it says beside. Raises `Drift`."""
        # An event without any may be about an address, and need not have a transfer's places.
        if self.deposits is None or not told.facts:
            return ()
        return tuple(self.deposits.read(document))

    def _asked(self, rule: Rule, document: Any) -> Iterator[Fact]:
        if rule.asks:
            yield from self._prices(document)
        if rule.is_open:
            yield simple(FactKind.EXPECTED, 0, detail=OPEN)

    def _transfers(self, rule: Rule, document: Any, at_ms: int, *, late: bool) -> Iterator[Fact]:
        if self.transfers is not None:
            for kind in rule.transfers:
                yield from self.transfers.read(document, kind, at_ms, late=late)

    def _refunds(self, rule: Rule, document: Any, key: str, at_ms: int) -> Iterator[Fact]:
        if rule.refund is not None:
            yield from self.refunds.read(document, key, rule.refund, at_ms, whole=rule.whole)

    def _prices(self, document: Any) -> list[Fact]:
        """State what was asked for: every price the event names, or that it names none."""
        expires_ms = None if self.expires is None else self.expires.read(document)
        named = [price for price in (place.read(document) for place in self.expected) if price[0]]
        return [
            simple(FactKind.EXPECTED, 0, asset=asset, amount=amount)._replace(expires_ms=expires_ms)
            for asset, amount in named or [_UNTOLD]
        ]

    def _settlement(
        self, rule: Rule, document: Any, key: str, at_ms: int
    ) -> tuple[list[Fact], list[tuple[Code, str]]]:
        """State that the provider credited our balance, with the figures that the event names.

        Returned beside: which of them nobody could read. They weigh nothing.
        """
        if not rule.settles:
            return [], []
        found: list[Fact] = []
        unread: list[tuple[Code, str]] = []
        for part, place in self.settled:
            try:
                asset, amount = place.read(document)
            except Drift as drift:
                unread.append((drift.code, f"settled, {part}: {drift}"))
                continue
            if asset:
                told = simple(FactKind.SETTLED, at_ms, key=key, asset=asset, amount=amount)
                found.append(told._replace(detail=part))
        return found or [simple(FactKind.SETTLED, at_ms, key=key)], unread

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
            for fact in _totals(rule, key, _UNTOLD, entry_ms, late=late):
                yield fact._replace(whole=word)


def _totals(
    rule: Rule, key: str, total: tuple[str, int | None], at_ms: int, *, late: bool
) -> list[Fact]:
    """State the payment as a whole, without anybody's word on its being whole."""
    asset, amount = total
    plain = simple(FactKind.SEEN, at_ms, key=key, asset=asset, amount=amount, detail=rule.inclusion)
    return [plain._replace(kind=kind, late=late) for kind in rule.totals]


def _bare(rule: Rule, key: str, at_ms: int) -> Iterator[Fact]:
    """State what needs nothing of the event but its instant."""
    for one in rule.bare:
        yield simple(one.kind, at_ms, key=key if one.is_total else one.key, detail=one.detail)


def _falls_short(facts: Collection[Fact]) -> bool:
    """Say whether the event's own figures contradict its word that the money is all of it."""
    values = observed(facts)
    sums = [(came(values, asset), price) for asset, price in asked(facts).items()]
    compared = [(sum_, price) for sum_, price in sums if sum_ is not None]
    return bool(compared) and all(sum_ < price for sum_, price in compared)
