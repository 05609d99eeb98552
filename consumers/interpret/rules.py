"""Choose the line of a mapping that an event, or an entry of its timeline, is told by. Pure."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Self

from consumers.exceptions import Code
from consumers.facts import OFF, ON, FactKind, RefundStatus
from consumers.interpret import mapping, pointer
from consumers.interpret.mapping import Say, Scalar
from consumers.interpret.pointer import Tokens

_TRANSFER = {
    Say.TRANSFER_SEEN: FactKind.SEEN,
    Say.TRANSFER_FINAL: FactKind.FINAL,
    Say.TRANSFER_REMOVED: FactKind.REMOVED,
    Say.TRANSFER_DROPPED: FactKind.DROPPED,
}
_TOTAL = {Say.TOTAL_SEEN: FactKind.SEEN, Say.TOTAL_FINAL: FactKind.FINAL}
# Of the payment as a whole, without an amount and without anybody's word on it.
_LOSSES = {Say.TOTAL_REMOVED: FactKind.REMOVED, Say.TOTAL_DROPPED: FactKind.DROPPED}
_BARE = {
    Say.EXPIRED: FactKind.EXPIRED,
    Say.CANCELLED: FactKind.CANCELLED,
    Say.ACCEPT_LATE: FactKind.ACCEPT_LATE,
    Say.ACCEPT_UNDER: FactKind.ACCEPT_UNDER,
}


@dataclass(frozen=True, slots=True)
class Bare:
    """A fact that needs nothing of the event but its instant: kind, key and detail.

    `is_total`: it is about the payment as a whole, whose key the table knows.
    """

    kind: FactKind
    key: str = ""
    detail: str = ""
    is_total: bool = False


@dataclass(frozen=True, slots=True)
class Rule:
    """One line of the table, compiled: what it says is sorted by what is to be stated."""

    where: tuple[tuple[Tokens, Scalar], ...]
    has: tuple[Tokens, ...]
    whole: bool
    late: bool | Tokens
    inclusion: str
    raises: Code | None
    asks: bool
    is_open: bool
    settles: bool
    refund: RefundStatus | None
    transfers: tuple[FactKind, ...]
    totals: tuple[FactKind, ...]
    bare: tuple[Bare, ...]

    @classmethod
    def compile(cls, told: mapping.Rule) -> Self:
        """Prepare the rule."""
        late = pointer.parse(told.late) if isinstance(told.late, str) else told.late
        return cls(
            compile_where(told.where),
            tuple(map(pointer.parse, told.has)),
            told.whole,
            late,
            told.inclusion,
            told.raises,
            asks=Say.EXPECTED in told.say,
            is_open=Say.OPEN in told.say,
            settles=Say.SETTLED in told.say,
            refund=told.refund,
            transfers=tuple(_TRANSFER[say] for say in told.say if say in _TRANSFER),
            totals=tuple(_TOTAL[say] for say in told.say if say in _TOTAL),
            bare=tuple(_bare(told)),
        )

    def holds(self, document: Any) -> bool:
        """Say whether the document has every value that the rule asks for."""
        if not all(pointer.find(document, place) not in _NOTHING for place in self.has):
            return False
        return fits(self.where, document)

    def is_late(self, document: Any) -> bool:
        """Say whether the provider calls the money late."""
        if isinstance(self.late, bool):
            return self.late
        return pointer.find(document, self.late) is True


def _bare(told: mapping.Rule) -> Iterator[Bare]:
    for say in told.say:
        if say in _BARE:
            yield Bare(_BARE[say])
        elif say in _LOSSES:
            yield Bare(_LOSSES[say], detail=_inclusion(told, say), is_total=True)
        elif say is Say.FAILED:
            yield Bare(FactKind.FAILED, detail=str(told.reason))
        elif say is Say.NOTE:
            yield from (Bare(FactKind.NOTE, detail=str(note)) for note in told.note)
        elif say in {Say.HOLD, Say.RELEASE}:
            yield Bare(FactKind.HOLD, str(told.hold), ON if say is Say.HOLD else OFF)


def _inclusion(told: mapping.Rule, say: Say) -> str:
    return told.inclusion if say is Say.TOTAL_REMOVED else ""


# What a place holds that holds nothing: null, an empty text. Zero and false are something.
_NOTHING: tuple[None, str] = (None, "")

Where = tuple[tuple[Tokens, Scalar], ...]


def compile_where(told: Mapping[str, Scalar]) -> Where:
    """Prepare a condition."""
    return tuple((pointer.parse(place), value) for place, value in told.items())


def fits(where: Where, document: Any) -> bool:
    """Say whether the document has every value of a condition."""
    for place, wanted in where:
        found = pointer.find(document, place)
        # The type too: in Python, true equals 1.
        if type(found) is not type(wanted) or found != wanted:
            return False
    return True


Rules = Mapping[str, tuple[Rule, ...]]


def compile_rules(told: Iterable[mapping.Rule]) -> Rules:
    """Put rules under their words, in the order of the file."""
    found: dict[str, tuple[Rule, ...]] = {}
    for line in told:
        rule = Rule.compile(line)
        for word in line.words:
            found[word] = (*found.get(word, ()), rule)
    return found


def choose(rules: Rules, word: object, document: Any) -> Rule | None:
    """Return the first rule of a word that holds; None if the word is no text, or has none."""
    candidates = rules.get(word, ()) if isinstance(word, str) else ()
    for rule in candidates:
        if not (rule.where or rule.has) or rule.holds(document):
            return rule
    return None
