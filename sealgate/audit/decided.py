"""What people decided, as the rows of three tables and the entries of the chain say it. Pure.

A decision is a command about a payment or an exception, a judgement of an event, or a word about
the freeze. Rows and entries name it in the same columns, so a row that was changed, added past the
program or taken away shows: its entry has no row, or its row has no entry. Both are decisions of a
list: whoever reviews who did what must see what somebody wanted out of it.
"""

from collections import defaultdict, deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from consumers import colleagues
from consumers.actions import COMMANDS
from consumers.store.keys import EventKey, PaymentKey
from consumers.store.told import Told
from sealgate.exposure import addresses
from sealgate.operations.words import item_name

TABLES: Mapping[str, str] = {
    "actions": "operator_action",
    "freezes": "freeze_word",
    "marks": "mark",
}
"""Where decisions are kept, by the word under which entries name them."""
_TYPED = {str(act): command for act, command in COMMANDS.items()}
_VOID = "void"


class Decision(NamedTuple):
    """Who decided what, as what, with whom, and why. `subject` is what it was about, if anything.

    Of a judgement `reason` is the judgement itself; what its author wrote is the note.
    """

    at_ms: int
    by: str
    approved_by: str
    role: str
    command: str
    reason: str
    note: str
    key: str
    subject: str
    detail: str


class Listed(NamedTuple):
    """A decision with the entry that names it, and whether its row is there; None names it none."""

    decision: Decision
    entry: int | None
    is_kept: bool


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which decisions: those for which all that is said here holds. Empty says nothing.

    From `from_ms` until, and not at, `to_ms`, by the clock of the program that wrote it.
    """

    by: str = ""
    role: str = ""
    from_ms: int | None = None
    to_ms: int | None = None

    def holds(self, one: Decision) -> bool:
        """Say whether a decision is asked for: a name is who decided, or who agreed."""
        if self.by and not any(
            colleagues.is_same(self.by, name) for name in (one.by, one.approved_by) if name
        ):
            return False
        if self.role and one.role != self.role:
            return False
        is_late_enough = self.from_ms is None or one.at_ms >= self.from_ms
        return is_late_enough and (self.to_ms is None or one.at_ms < self.to_ms)


def decision(told: Told) -> Decision:
    """Read a row of one of the three tables, or what an entry says of it."""
    row: tuple[Any, ...] = told.row
    if told.kind == "actions":
        return _action(row)
    if told.kind == "marks":
        *event, judgement, reason, by, at_ms = row
        command = "events void" if judgement == _VOID else "events mark"
        about = addresses.write(EventKey(*event))
        return Decision(at_ms, by, "", "", command, judgement, reason, "", about, "")
    is_on, note, by, role, approved_by, at_ms = row
    command = "freeze on" if is_on else "freeze off"
    return Decision(at_ms, by, approved_by, role, command, "", note, "", "", "")


def _action(row: tuple[Any, ...]) -> Decision:
    key, name, provider, account, reference, item, by, role, approved_by, reason, note = row[:11]
    detail, at_ms = row[11:]
    subject = ""
    if provider is not None:
        subject = addresses.write(PaymentKey(provider, account, reference))
    elif item is not None:
        subject = item_name(item)
    command = _TYPED.get(name, name)
    return Decision(at_ms, by, approved_by, role, command, reason, note, key, subject, detail)


@dataclass(slots=True)
class Matching:
    """Entries flow in, then rows; what flows out has both, or says which is not there."""

    wanted: Wanted
    named: defaultdict[Told, deque[int]] = field(default_factory=lambda: defaultdict(deque))
    listed: list[Listed] = field(default_factory=list)
    unnamed: defaultdict[str, int] = field(default_factory=lambda: defaultdict(int))
    """Rows of each table that no entry names: those of before the chain began, if any."""

    count: int = 0

    def entry(self, seq: int, said: Mapping[str, Any]) -> None:
        """Take what an entry says of decisions that are asked for."""
        for told in _told(said):
            if self.wanted.holds(decision(told)):
                self.named[told].append(seq)
                self.count += 1

    def row(self, told: Told) -> None:
        """Take a row of one of the tables."""
        made = decision(told)
        if not self.wanted.holds(made):
            return
        entries = self.named.get(told)
        if entries:
            self.listed.append(Listed(made, entries.popleft(), is_kept=True))
            return
        self.count += 1
        self.unnamed[TABLES[told.kind]] += 1
        self.listed.append(Listed(made, None, is_kept=True))

    def ended(self) -> list[Listed]:
        """Return all of them by time, those also that entries name and that no table has."""
        gone = [
            Listed(decision(told), seq, is_kept=False)
            for told, entries in self.named.items()
            for seq in entries
        ]
        return sorted([*self.listed, *gone], key=_order)


def contradicted(listed: Iterable[Listed], unnamed: Mapping[str, int], before: set[str]) -> int:
    """Count what entries and rows say differently; `before` are tables with rows of before both."""
    strange = sum(count for table, count in unnamed.items() if table not in before)
    return strange + sum(not one.is_kept for one in listed)


def _told(said: Mapping[str, Any]) -> Iterable[Told]:
    for kind in TABLES:
        for row in said.get(kind, ()):
            yield Told(kind, tuple(row))


def _order(one: Listed) -> tuple[int, int]:
    return one.decision.at_ms, -1 if one.entry is None else one.entry
