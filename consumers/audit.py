"""Audit a store: whether its chains are whole, and its tables say what the chains say.

The entries of each chain flow by in their order and are hashed again: a change, a gap, an entry put
between or an end cut off is found at its number. `Anchor`s, which somebody keeps outside of the
database, tell a chain that was written anew as a whole. Then every row of every table is looked up
among the rows that entries name (`naming`): a row changed in its place, added past the program or
taken away is found, and where it is named.

What this cannot tell is in docs/audit.md: above all, whoever may write the database can write all
of it anew since the last checkpoint that they cannot reach.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from consumers.chainwalk import Anchor, Problem, Report, Walk, parsed
from consumers.naming import Names, Place
from consumers.store import chain
from consumers.store.auditing import Auditing
from consumers.store.told import TABLES, TOLD, Told

# So many of one kind are told one by one.
TOLD_MAX = 20
TEXT_MAX = 200
# What an entry says of itself; everything else in it is rows.
_OWN = frozenset({"v", "chain", "seq", "at_ms", "begun"})
# In a payment's row; None in that of a payment of which only the history is left.
_STATE = 4
_SAYS = {
    "positions": "position: entries moved it elsewhere",
    "numbered": "no entry left it so",
}
# Of these no row ever goes, so as many as were there before the chain are there still.
_KEPT = frozenset(
    {"dead_letter", "event", "fact", "mark", "notice", "payment", "restatement", "transition"}
)


# Rows between two chances for others to work: some millisecond.
STRIDE = 64


class TooMuch(Exception):
    """The entries name more rows than were to be held in memory; nothing is found out yet."""


async def at_once() -> None:
    """Let nobody else work in between: whoever audits does nothing beside it."""


@dataclass(slots=True)
class Audit:
    """One audit of one moment. `key` is random; `since` says behind which entries to begin.

    `pace` is awaited every few milliseconds of work, and may rest, or raise what ends it all.
    """

    store: Auditing
    environment: str
    key: bytes
    anchors: Sequence[Anchor] = ()
    since: Mapping[str, Anchor] = field(default_factory=dict)
    pace: Callable[[], Awaitable[None]] = at_once
    memory_max_bytes: int | None = None
    report: Report = field(default_factory=Report)
    chains: list[str] = field(default_factory=list)
    root: bytes = chain.NOTHING

    async def run(self) -> Report:
        """Look at the chains and, unless some entries are left out, at the tables.

        Raises `TooMuch`, and what `pace` raises.
        """
        heads = {head.chain: head.seq for head in await self.store.heads()}
        self.root = await root_of(self.store)
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
        if since is not None:
            walk = Walk.behind(since, self.environment, self.report, seen)
        else:
            walk = Walk(name, self.environment, self.report, seen)
            walk.hash = chain.NOTHING if name == chain.OPERATOR else self.root
        number = self.chains.index(name)
        async for entry in self.store.entries(name, walk.seq):
            said = walk.take(entry)
            if names is not None:
                for told in _rows(said):
                    names.add(told, Place(number, entry.seq))
                if self.memory_max_bytes is not None and names.size_bytes > self.memory_max_bytes:
                    raise TooMuch
            await self.pace()
        walk.end()

    async def _tables(self, names: Names) -> None:
        """Look every row up, and find what is named and not there."""
        names.close()
        for table in TOLD:
            await self._table(table, names)
        self._unseen(names)
        await self._missing(names)
        if not self.report.before.get("anomaly") and (count := names.miscounted()):
            text = f"{count} exceptions were raised more or less often than entries say"
            self._wrong("", None, text, "anomaly")
            self.report.contradicted["anomaly"] += count

    async def _table(self, table: str, names: Names) -> None:
        count, unnamed = 0, 0
        texts: list[str] = []
        otherwise: list[str] = []
        async for row in self.store.rows(table):
            if table == "payment" and row[_STATE] is None:
                text = f"payment: not there, and its history is: {_text(tuple(row[:3]))}"
                otherwise.append(text)
                continue
            count += 1
            if not count % STRIDE:
                self.report.rows[table] = count
                await self.pace()
            wrong = [told for told in TOLD[table](tuple(row)) if not names.cross(told)]
            otherwise += [_otherwise(told) for told in wrong if names.is_left(told)]
            strange = [told for told in wrong if not names.is_left(told)]
            if strange:
                unnamed += 1
                if len(texts) < TOLD_MAX:
                    texts.append(f"{table}: no entry names this row: {_text(strange[0].row)}")
        self.report.rows[table] = count
        self._tell(table, otherwise)
        before = self.report.before.get(table, 0)
        if unnamed > before:
            self._unnamed(table, unnamed, before, texts)
        elif unnamed < before and table in _KEPT:
            text = f"{table}: {before} rows were there before the chain, and {unnamed} are left"
            self._wrong(chain.OPERATOR, 0, text, table)
            self.report.contradicted[table] += before - unnamed

    def _tell(self, table: str, texts: Sequence[str]) -> None:
        """Tell of rows, and of so many of one table only by their number."""
        self.report.contradicted[table] += len(texts)
        self.report.problems += [Problem("", None, text, table) for text in texts[:TOLD_MAX]]
        if len(texts) > TOLD_MAX:
            self._wrong("", None, f"{table}: and {len(texts) - TOLD_MAX} more", table)

    def _unnamed(self, table: str, unnamed: int, before: int, texts: list[str]) -> None:
        """Tell of rows that nobody wrote. Among rows of before the chain, which is not known."""
        self.report.contradicted[table] += unnamed - before
        if before:
            texts = [f"{table}: {unnamed} rows are named by no entry, of before there are {before}"]
        elif unnamed > len(texts):
            texts = [*texts, f"{table}: and {unnamed - len(texts)} more that no entry names"]
        self.report.problems += [Problem("", None, text, table) for text in texts]

    def _unseen(self, names: Names) -> None:
        """Tell of positions and of numbered rows that entries left and that are not there."""
        unseen = list(names.unseen())
        self.report.contradicted.update(table for table, _, _ in unseen)
        for table, at, place in unseen[:TOLD_MAX]:
            text = f"{table}: not there: {_text(at)}"
            self._wrong(self.chains[place.chain], place.seq, text, table)
        if len(unseen) > TOLD_MAX:
            text = f"and {len(unseen) - TOLD_MAX} more positions or numbers that are not there"
            self._wrong("", None, text, _each(table for table, _, _ in unseen[TOLD_MAX:]))

    async def _missing(self, names: Names) -> None:
        """Tell of rows that entries name and that are not there, or say something else."""
        left = sorted(names.left(), key=lambda one: one[2])
        self.report.contradicted.update(_place_of(kind) for kind, _, _ in left)
        for kind, token, place in left[:TOLD_MAX]:
            name = self.chains[place.chain]
            row = await self._named(name, place.seq, kind, token)
            text = f"{kind}: not there, or changed since: {_text(row)}"
            self._wrong(name, place.seq, text, _place_of(kind))
        if len(left) > TOLD_MAX:
            text = f"and {len(left) - TOLD_MAX} more rows that entries name and tables have not"
            self._wrong("", None, text, _each(_place_of(kind) for kind, _, _ in left[TOLD_MAX:]))

    def _wrong(self, chain_name: str, seq: int | None, text: str, table: str) -> None:
        self.report.problems.append(Problem(chain_name, seq, text, table))

    async def _named(self, name: str, seq: int, kind: str, token: int) -> Sequence[object]:
        """Find the row of an entry that has a token; of a mark, whose token counts, the entry's."""
        names = Names(self.key)
        async for entry in self.store.entries(name, seq - 1):
            rows = [told.row for told in _rows(parsed(entry)) if told.kind == kind]
            return next((row for row in rows if names.token(kind, row) == token), rows[0])
        return ()


async def root_of(store: Auditing) -> bytes:
    """Return what every chain but the first one hangs on: the hash of that one's first entry."""
    async for entry in store.entries(chain.OPERATOR, -1):
        return entry.hash if entry.seq == 0 else chain.NOTHING
    return chain.NOTHING


def _rows(said: Mapping[str, Any]) -> list[Told]:
    """Return the rows that an entry names, and the events that it left without a verdict."""
    judged = {tuple(row[:3]) for row in said.get("verdicts", ())}
    claimed = [tuple(row[:3]) for row in said.get("events", ())]
    return [
        *(Told(kind, row) for kind, rows in said.items() if kind not in _OWN for row in rows),
        *(Told("unjudged", key) for key in claimed if key not in judged),
    ]


def _place_of(kind: str) -> str:
    """Say in which table the rows of a kind are; one that is not known stands for itself."""
    return TABLES.get(kind, kind)


def _each(tables: Iterable[str]) -> str:
    return ", ".join(sorted(set(tables)))


def _otherwise(told: Told) -> str:
    """Say that a row is not as entries left it; a numbered one by its table and its number."""
    row = told.row[:2] if told.kind == "numbered" else told.row
    return f"{_SAYS[told.kind]}: {_text(row)}"


def _text(row: Sequence[object]) -> str:
    """Write a row for people: its beginning, which is what identifies it."""
    text = orjson.dumps(list(row)).decode()
    return text if len(text) <= TEXT_MAX else text[:TEXT_MAX] + "…"
