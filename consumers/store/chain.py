"""The chain: what every transaction decided, in bytes that carry the hash of what was before. Pure.

A transaction tells its `Draft` what it moved, claimed and wrote, row by row, and commits nothing
before the draft has become an entry: `hash = SHA-256(hash before || bytes)`, and the bytes are
stored as they were hashed. Whoever changes an entry, takes one out or puts one between breaks every
hash behind it; whoever changes a row contradicts the entry that names it. `consumers.audit` looks.

There is a chain for each partition that a group reads, because only one worker at a time writes
there: its position is the lock. What people and timers do goes to a chain of its own. That one is
begun when the database is, with the name of its environment; the others hang on its first entry, so
no chain of one environment continues one of another.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import NamedTuple

import orjson

from consumers.store.port import EventKey, Unstorable
from consumers.store.rows import Row

OPERATOR = "operator"
VERSION = 1
# Before the very first entry.
NOTHING = bytes(32)


class Head(NamedTuple):
    """The last entry of a chain; none has `seq` -1."""

    seq: int
    hash: bytes


@dataclass(frozen=True, slots=True)
class Root:
    """What the chains of a database hang on: its environment, and its first entry's hash."""

    environment: str
    hash: bytes


@dataclass(slots=True)
class Draft:
    """What one transaction has done so far; `chain` is where the entry will go."""

    chain: str = OPERATOR
    told: dict[str, list[Row]] = field(default_factory=dict)

    def moved(self, group: str, moves: Sequence[Row]) -> None:
        """Note moved positions (topic, partition, epoch, from, to)."""
        self.tell("moved", [(group, *move[:2], *move[3:]) for move in moves])
        if moves:
            # Of several partitions the first will do: we hold all of them.
            topic, partition = min(move[:2] for move in moves)
            self.chain = f"{group}/{topic}/{partition}"

    def claimed(self, events: Iterable[Row], fresh: Collection[EventKey]) -> None:
        """Note the events that nobody had claimed before."""
        self.tell("events", [row for row in events if row[:3] in fresh])

    def stated(
        self,
        facts: Iterable[Row],
        new: Collection[Row],
        restated: Iterable[Row],
        kept: Collection[Row],
    ) -> None:
        """Note facts that are new, and those that add nothing, as far as the tables took them."""
        self.tell("facts", [row for row in facts if row[:4] in new])
        self.tell("restated", [row for row in restated if row[:4] in kept])

    def tell(self, kind: str, rows: Sequence[Row]) -> None:
        """Note rows of any kind."""
        if rows:
            shorter = NAMED.get(kind)
            named = rows if shorter is None else map(shorter, rows)
            self.told.setdefault(kind, []).extend(named)

    def wrote(self, kind: str, each: Sequence[Row], left: Iterable[Row]) -> None:
        """Note rows of any kind, and those that the database numbered as it left them."""
        self.tell(kind, each)
        table = _NUMBERED.get(kind)
        if table is not None:
            self.tell("numbered", numbered(table, left))

    def entries(self, head: Head, at_ms: int, root: Root) -> list[Row]:
        """Return the rows to append: the entry, and before the first one where the chain begins."""
        rows = []
        if head.seq < 0:
            first = begun(self.chain, at_ms, root.environment, {}, root.hash)
            rows.append(first)
            head = Head(0, first[-1])
        rows.append(_row(self.chain, head, at_ms, self.told))
        return rows


def begun(
    chain: str, at_ms: int, environment: str, counts: Mapping[str, int], before: bytes = NOTHING
) -> Row:
    """Return the first entry of a chain; of the first one, with what was there already."""
    said = {"environment": environment, "rows": dict(counts)}
    return _row(chain, Head(-1, before), at_ms, {"begun": said})


def digest(before: bytes, content: bytes) -> bytes:
    """Return the hash of an entry."""
    return sha256(before + content).digest()


def _row(chain: str, head: Head, at_ms: int, told: Mapping[str, object]) -> Row:
    seq = head.seq + 1
    said = {"v": VERSION, "chain": chain, "seq": seq, "at_ms": at_ms, **told}
    try:
        content = orjson.dumps(said)
    except orjson.JSONEncodeError as error:
        raise Unstorable(f"the chain cannot hold a value: {error}") from None
    return (chain, seq, at_ms, content, digest(head.hash, content))


def named_fact(row: Row) -> Row:
    """Name a row of facts: what it says is in the digest that identifies it."""
    return (*row[:3], row[3].hex(), *row[-3:])


def named_notice(row: Row) -> Row:
    """Name a row of the outbox; what downstream hears is in a digest."""
    notice_id, provider, account, reference, version, key, value, headers = row
    said = sha256(b"%d %d " % (len(key), len(value)))
    for part in (key, value, headers.encode()):
        said.update(part)
    return (notice_id, provider, account, reference, version, said.hexdigest())


def named_letter(row: Row) -> Row:
    """Name a dead letter; what it holds is in a digest."""
    topic, partition, offset, reason, key, value, headers, at_ms = row
    said = sha256(b"%d %d " % (len(key), len(value)))
    for part in (key, value, headers.encode()):
        said.update(part)
    return (topic, partition, offset, reason, said.hexdigest(), at_ms)


def named_retraction(row: Row) -> Row:
    """Name a row about a statement that is made no more, or again."""
    return (*row[:3], row[3].hex(), *row[4:8], bool(row[8]))


def numbered(table: str, found: Iterable[Row]) -> list[Row]:
    """Name rows by their numbers, as they were left: `found` has the columns of `NUMBERED`."""
    return [
        (table, row[0], row[1], sha256(orjson.dumps(list(row[2:]))).hexdigest()) for row in found
    ]


# Of what is written in these words, the rows that come back say how they were left.
_NUMBERED = {
    "buried": "dead_letter",
    "marks": "mark",
    "raised": "anomaly",
    "resolved": "anomaly",
}
NAMED: Mapping[str, Callable[[Row], Row]] = {
    "buried": named_letter,
    "facts": named_fact,
    "notices": named_notice,
    "retractions": named_retraction,
    "restated": named_fact,
}
