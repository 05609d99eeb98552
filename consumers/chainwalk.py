"""Walk along a chain: hash its entries again, and hold them against what was seen. Pure.

Entries flow by in their order; what flows out is a `Report` of what is wrong and at which number.
A walk may begin in the middle, at an entry that somebody vouches for. Who walks reads the entries:
`audit` all of them and as of one moment, `verifying` a few at a time.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Self

import orjson

from consumers.store import chain
from consumers.store.auditing import Entry


class Anchor(NamedTuple):
    """What somebody outside of the database saw: the hash of an entry. `by` names where."""

    by: str
    chain: str
    seq: int
    hash: bytes


class Problem(NamedTuple):
    """What is wrong, and at which entry, where it is at one.

    `table` is where rows are that the chains do not say; empty where a chain itself is wrong.
    """

    chain: str
    seq: int | None
    text: str
    table: str = ""


@dataclass(slots=True)
class Report:
    """What an audit found. `remarks` are worth knowing and no proof of anything wrong."""

    heads: dict[str, int] = field(default_factory=dict)
    entries: int = 0
    rows: dict[str, int] = field(default_factory=dict)
    before: dict[str, int] = field(default_factory=dict)
    contradicted: Counter[str] = field(default_factory=Counter)
    """About how many rows of each table are not as entries say, told one by one or not."""

    problems: list[Problem] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)

    @property
    def first(self) -> Problem | None:
        """Return the problem at the lowest entry, where any is at one."""
        at = [problem for problem in self.problems if problem.seq is not None]
        return min(at, key=lambda problem: (problem.seq, problem.chain), default=None)


@dataclass(slots=True)
class Walk:
    """One chain on its way: the last entry's number, hash and time.

    No `hash` is known before the first entry of a walk that begins in the middle: at an anchor,
    which says what that entry must be.
    """

    name: str
    environment: str
    report: Report
    anchors: Sequence[Anchor]
    seq: int = -1
    hash: bytes | None = chain.NOTHING
    at_ms: int = 0
    pending: dict[int, list[Anchor]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for anchor in self.anchors:
            self.pending.setdefault(anchor.seq, []).append(anchor)

    @classmethod
    def behind(
        cls, since: Anchor, environment: str, report: Report, anchors: Sequence[Anchor] = ()
    ) -> Self:
        """Begin at the entry that somebody saw: it must be there, and be the same."""
        seen = anchors if since in anchors else (since, *anchors)
        return cls(since.chain, environment, report, seen, seq=since.seq - 1, hash=None)

    def take(self, entry: Entry) -> Mapping[str, Any]:
        """Hold an entry against the one before it; return what it says."""
        expected = self.seq + 1
        if entry.seq != expected:
            last = entry.seq - 1
            missing = f"entry {expected} is" if last == expected else f"{expected} to {last} are"
            self._wrong(expected, f"{missing} not there")
        elif self.hash is not None and chain.digest(self.hash, entry.content) != entry.hash:
            self._wrong(entry.seq, "its hash is not that of the one before and of what it says")
        said = parsed(entry)
        if (said.get("chain"), said.get("seq"), said.get("at_ms")) != entry[:3]:
            self._wrong(entry.seq, "its bytes are those of another entry")
        if entry.seq == 0:
            self._begin(said)
        for anchor in self.pending.pop(entry.seq, ()):
            if anchor.hash != entry.hash:
                self._wrong(entry.seq, f"{anchor.by} saw another entry here: it was written anew")
        if entry.at_ms < self.at_ms:
            back_ms = self.at_ms - entry.at_ms
            self.report.remarks.append(
                f"{self.name} {entry.seq}: the database's clock went back by {back_ms} ms"
            )
        self.seq, self.hash, self.at_ms = entry.seq, entry.hash, entry.at_ms
        self.report.entries += 1
        return said

    def end(self) -> None:
        """Hold the chain's length against what was seen of it."""
        if self.seq >= 0:
            self.report.heads[self.name] = self.seq
        late = {seq: one[0] for seq, one in self.pending.items() if seq > self.seq}
        if late:
            seq = max(late)
            self._wrong(
                self.seq + 1,
                f"the chain ends before it, and {late[seq].by} saw {seq}: the database is an older"
                " backup, or its end was cut off",
            )
        elif self.seq < 0:
            self._wrong(0, "there is no chain: nothing vouches for what is in the tables")

    def _begin(self, said: Mapping[str, Any]) -> None:
        begun = said.get("begun", {})
        if begun.get("environment") != self.environment:
            self._wrong(0, f"it was begun for environment {begun.get('environment')!r}")
        if self.name == chain.OPERATOR:
            self.report.before.update(begun.get("rows", {}))

    def _wrong(self, seq: int, text: str) -> None:
        self.report.problems.append(Problem(self.name, seq, text))


def parsed(entry: Entry) -> Mapping[str, Any]:
    """Read what an entry says; what is no entry says nothing."""
    try:
        said = orjson.loads(entry.content)
    except orjson.JSONDecodeError:
        return {}
    return said if isinstance(said, dict) else {}
