"""Audit a store: whether its chains are whole, and its tables say what the chains say.

The entries of each chain flow by in their order and are hashed again: a change, a gap, an entry put
between or an end cut off is found at its number. `Anchor`s, which somebody keeps outside of the
database, tell a chain that was written anew as a whole. Then every row of every table is looked up
among the rows that entries name (`naming`): a row changed in its place, added past the program or
taken away is found, and where it is named.

What this cannot tell is in docs/audit.md: above all, whoever may write the database can write all
of it anew since the last checkpoint that they cannot reach.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import orjson

from consumers.naming import Names, Place
from consumers.store import chain
from consumers.store.auditing import Auditing, Entry
from consumers.store.told import TOLD, Told

# So many of one kind are told one by one.
TOLD_MAX = 20
TEXT_MAX = 200
# What an entry says of itself; everything else in it is rows.
_OWN = frozenset({"v", "chain", "seq", "at_ms", "begun"})
# In a payment's row; None in that of a payment of which only the history is left.
_STATE = 4
# Of these no row ever goes, so as many as were there before the chain are there still.
_KEPT = frozenset(
    {"dead_letter", "event", "fact", "mark", "notice", "payment", "restatement", "transition"}
)


class Anchor(NamedTuple):
    """What somebody outside of the database saw: the hash of an entry. `by` names where."""

    by: str
    chain: str
    seq: int
    hash: bytes


class Problem(NamedTuple):
    """What is wrong, and at which entry, where it is at one."""

    chain: str
    seq: int | None
    text: str


@dataclass(slots=True)
class Report:
    """What an audit found. `remarks` are worth knowing and no proof of anything wrong."""

    heads: dict[str, int] = field(default_factory=dict)
    entries: int = 0
    rows: dict[str, int] = field(default_factory=dict)
    before: dict[str, int] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)

    @property
    def first(self) -> Problem | None:
        """Return the problem at the lowest entry, where any is at one."""
        at = [problem for problem in self.problems if problem.seq is not None]
        return min(at, key=lambda problem: (problem.seq, problem.chain), default=None)


@dataclass(slots=True)
class Audit:
    """One audit of one moment. `key` is random; `since` says behind which entries to begin."""

    store: Auditing
    environment: str
    key: bytes
    anchors: Sequence[Anchor] = ()
    since: Mapping[str, Anchor] = field(default_factory=dict)
    report: Report = field(default_factory=Report)
    chains: list[str] = field(default_factory=list)
    root: bytes = chain.NOTHING

    async def run(self) -> Report:
        """Look at the chains and, unless some entries are left out, at the tables."""
        heads = {head.chain: head.seq for head in await self.store.heads()}
        names = None if self.since else Names(self.key)
        # The one that the others hang on goes first.
        known = {anchor.chain for anchor in (*self.anchors, *self.since.values())}
        rest = sorted((heads.keys() | known) - {chain.OPERATOR})
        self.chains = [chain.OPERATOR, *rest]
        for name in self.chains:
            await self._walk(name, names)
        if names is not None:
            await self._tables(names)
        return self.report

    async def _walk(self, name: str, names: Names | None) -> None:
        """Hash a chain again, entry by entry."""
        since = self.since.get(name)
        seen = [one for one in self.anchors if one.chain == name]
        walk = _Walk(name, self.environment, self.report, seen)
        walk.root = self.root
        if since is not None:
            walk.seq, walk.hash = since.seq, since.hash
        elif name == chain.OPERATOR:
            walk.hash = chain.NOTHING
        else:
            walk.hash = self.root
        number = self.chains.index(name)
        async for entry in self.store.entries(name, walk.seq):
            said = walk.take(entry)
            if names is not None:
                for told in _rows(said):
                    names.add(told, Place(number, entry.seq))
            if name == chain.OPERATOR and entry.seq == 0:
                self.root = entry.hash
        walk.end()

    async def _tables(self, names: Names) -> None:
        """Look every row up, and find what is named and not there."""
        names.close()
        for table in TOLD:
            await self._table(table, names)
        await self._missing(names)
        if not self.report.before.get("anomaly") and (count := names.miscounted()):
            text = f"{count} exceptions were raised more or less often than entries say"
            self.report.problems.append(Problem("", None, text))

    async def _table(self, table: str, names: Names) -> None:
        count, unnamed = 0, 0
        texts: list[str] = []
        async for row in self.store.rows(table):
            if table == "payment" and row[_STATE] is None:
                text = f"payment: not there, and its history is: {_text(tuple(row[:3]))}"
                self.report.problems.append(Problem("", None, text))
                continue
            count += 1
            wrong = [told for told in TOLD[table](tuple(row)) if not names.cross(told)]
            if any(names.is_moved(told) for told in wrong):
                text = f"position: entries moved it elsewhere: {_text(wrong[0].row)}"
                self.report.problems.append(Problem("", None, text))
            elif wrong:
                unnamed += 1
                if len(texts) < TOLD_MAX:
                    texts.append(f"{table}: no entry names this row: {_text(wrong[0].row)}")
        self.report.rows[table] = count
        before = self.report.before.get(table, 0)
        if unnamed > before:
            self._unnamed(table, unnamed, before, texts)
        elif unnamed < before and table in _KEPT:
            text = f"{table}: {before} rows were there before the chain, and {unnamed} are left"
            self.report.problems.append(Problem(chain.OPERATOR, 0, text))

    def _unnamed(self, table: str, unnamed: int, before: int, texts: list[str]) -> None:
        """Tell of rows that nobody wrote. Among rows of before the chain, which is not known."""
        if before:
            texts = [f"{table}: {unnamed} rows are named by no entry, of before there are {before}"]
        elif unnamed > len(texts):
            texts = [*texts, f"{table}: and {unnamed - len(texts)} more that no entry names"]
        self.report.problems += [Problem("", None, text) for text in texts]

    async def _missing(self, names: Names) -> None:
        """Tell of rows that entries name and that are not there, or say something else."""
        left = sorted(names.left(), key=lambda one: one[2])
        for kind, token, place in left[:TOLD_MAX]:
            name = self.chains[place.chain]
            row = await self._named(name, place.seq, kind, token)
            text = f"{kind}: not there, or changed since: {_text(row)}"
            self.report.problems.append(Problem(name, place.seq, text))
        if len(left) > TOLD_MAX:
            text = f"and {len(left) - TOLD_MAX} more rows that entries name and tables have not"
            self.report.problems.append(Problem("", None, text))

    async def _named(self, name: str, seq: int, kind: str, token: int) -> Sequence[object]:
        """Find the row of an entry that has a token; of a mark, whose token counts, the entry's."""
        names = Names(self.key)
        async for entry in self.store.entries(name, seq - 1):
            rows = [told.row for told in _rows(_parsed(entry)) if told.kind == kind]
            return next((row for row in rows if names.token(kind, row) == token), rows[0])
        return ()


@dataclass(slots=True)
class _Walk:
    """One chain on its way: the last entry's number, hash and time."""

    name: str
    environment: str
    report: Report
    anchors: Sequence[Anchor]
    seq: int = -1
    hash: bytes = chain.NOTHING
    at_ms: int = 0
    root: bytes = chain.NOTHING
    pending: dict[int, list[Anchor]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for anchor in self.anchors:
            self.pending.setdefault(anchor.seq, []).append(anchor)

    def take(self, entry: Entry) -> Mapping[str, Any]:
        """Hold an entry against the one before it; return what it says."""
        expected = self.seq + 1
        if entry.seq != expected:
            last = entry.seq - 1
            missing = f"entry {expected} is" if last == expected else f"{expected} to {last} are"
            self._wrong(expected, f"{missing} not there")
        elif chain.digest(self.hash, entry.content) != entry.hash:
            self._wrong(entry.seq, "its hash is not that of the one before and of what it says")
        said = _parsed(entry)
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


def _parsed(entry: Entry) -> Mapping[str, Any]:
    """Read what an entry says; what is no entry says nothing."""
    try:
        said = orjson.loads(entry.content)
    except orjson.JSONDecodeError:
        return {}
    return said if isinstance(said, dict) else {}


def _rows(said: Mapping[str, Any]) -> list[Told]:
    """Return the rows that an entry names, and the events that it left without a verdict."""
    judged = {tuple(row[:3]) for row in said.get("verdicts", ())}
    claimed = [tuple(row[:3]) for row in said.get("events", ())]
    return [
        *(Told(kind, row) for kind, rows in said.items() if kind not in _OWN for row in rows),
        *(Told("unjudged", key) for key in claimed if key not in judged),
    ]


def _text(row: Sequence[object]) -> str:
    """Write a row for people: its beginning, which is what identifies it."""
    text = orjson.dumps(list(row)).decode()
    return text if len(text) <= TEXT_MAX else text[:TEXT_MAX] + "…"
