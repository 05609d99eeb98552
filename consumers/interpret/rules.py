"""Choose the line of a mapping that an event, or an entry of its timeline, is told by. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Self

from consumers.exceptions import Code
from consumers.facts import FactKind
from consumers.interpret import mapping, pointer
from consumers.interpret.mapping import Say, Scalar
from consumers.interpret.pointer import Tokens

_TRANSFER = {Say.TRANSFER_SEEN: FactKind.SEEN, Say.TRANSFER_FINAL: FactKind.FINAL}
_TOTAL = {Say.TOTAL_SEEN: FactKind.SEEN, Say.TOTAL_FINAL: FactKind.FINAL}


@dataclass(frozen=True, slots=True)
class Rule:
    """One line of the table, compiled: what it says is sorted by what is to be stated."""

    where: tuple[tuple[Tokens, Scalar], ...]
    whole: bool
    late: bool | Tokens
    raises: Code | None
    asks: bool
    expires: bool
    transfers: tuple[FactKind, ...]
    totals: tuple[FactKind, ...]

    @classmethod
    def compile(cls, told: mapping.Rule) -> Self:
        """Prepare the rule."""
        where = tuple((pointer.parse(place), value) for place, value in told.where.items())
        late = pointer.parse(told.late) if isinstance(told.late, str) else told.late
        return cls(
            where,
            told.whole,
            late,
            told.raises,
            asks=Say.EXPECTED in told.say,
            expires=Say.EXPIRED in told.say,
            transfers=tuple(_TRANSFER[say] for say in told.say if say in _TRANSFER),
            totals=tuple(_TOTAL[say] for say in told.say if say in _TOTAL),
        )

    def holds(self, document: Any) -> bool:
        """Say whether the document has every value that the rule asks for."""
        for place, wanted in self.where:
            found = pointer.find(document, place)
            # The type too: in Python, true equals 1.
            if type(found) is not type(wanted) or found != wanted:
                return False
        return True

    def is_late(self, document: Any) -> bool:
        """Say whether the provider calls the money late."""
        if isinstance(self.late, bool):
            return self.late
        return pointer.find(document, self.late) is True


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
        if not rule.where or rule.holds(document):
            return rule
    return None
