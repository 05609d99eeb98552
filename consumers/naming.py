"""Which rows the chains name, small enough for millions: eight bytes and a place for each. Pure.

First everything that entries say is written down, then each row of each table is looked up and
crossed off. A row that cannot be crossed off is named by nobody: it was changed, or added past the
program. What is left uncrossed at the end was named and is there no more. The eight bytes are a
digest under a key that is new each time, so nobody can prepare a row that has another one's.
"""

from array import array
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any, NamedTuple

import orjson

from consumers.store.told import Told

_SLOTS = 1024
# A token, its place and whether it is crossed off; and what is kept of a row with a number.
_TOKEN_BYTES = 17
_NUMBER_BYTES = 500
# Kinds of which an entry says more than the tables keep: what was repeated, or said anew later.
_SUPERSEDED = frozenset(
    {"closed", "evidence", "payments", "raised", "since", "unjudged", "verdicts"}
)
# Kinds of which the beginning of a row is what the tables say, and by which word.
_BEGINNINGS = {"evidence": ("evidence", 7), "resolved": ("closed", 4)}


class Place(NamedTuple):
    """Where a row is named: the number of a chain, and of its entry."""

    chain: int
    seq: int


class Left(NamedTuple):
    """How an entry left a row of a number: a rank that grows, and a digest of what it says."""

    rank: int
    digest: bytes
    place: Place


class _Slot:
    """Some of the tokens of a kind, sorted when the first is looked up.

    So nobody waits for all of them to be sorted: a process does other work in between.
    """

    def __init__(self) -> None:
        self.tokens = array("Q")
        self.places = array("Q")
        self.crossed = bytearray()

    def add(self, token: int, place: int) -> None:
        self.tokens.append(token)
        self.places.append(place)

    def _sort(self) -> None:
        if len(self.crossed) == len(self.tokens):
            return
        order = sorted(range(len(self.tokens)), key=self.tokens.__getitem__)
        self.tokens = array("Q", [self.tokens[at] for at in order])
        self.places = array("Q", [self.places[at] for at in order])
        self.crossed = bytearray(len(order))

    def cross(self, token: int) -> bool:
        self._sort()
        at = bisect_left(self.tokens, token)
        while at < len(self.tokens) and self.tokens[at] == token:
            if not self.crossed[at]:
                self.crossed[at] = 1
                return True
            at += 1
        return False

    def has(self, token: int) -> bool:
        self._sort()
        at = bisect_left(self.tokens, token)
        return at < len(self.tokens) and self.tokens[at] == token

    def left(self) -> Iterator[tuple[int, int]]:
        self._sort()
        at = self.crossed.find(0)
        while at >= 0:
            yield self.tokens[at], self.places[at]
            at = self.crossed.find(0, at + 1)


@dataclass(slots=True)
class Names:
    """All that entries name, by kind; `key` is some random bytes."""

    key: bytes
    kinds: dict[str, dict[int, _Slot]] = field(default_factory=dict)
    positions: dict[tuple[object, ...], int] = field(default_factory=dict)
    unmet: dict[tuple[object, ...], Place] = field(default_factory=dict)
    numbers: dict[tuple[str, int], Left] = field(default_factory=dict)
    times: Counter[int] = field(default_factory=Counter)
    marks: Counter[int] = field(default_factory=Counter)
    count: int = 0

    @property
    def size_bytes(self) -> int:
        """Say about how much memory all of it takes."""
        return _TOKEN_BYTES * self.count + _NUMBER_BYTES * len(self.numbers)

    def add(self, told: Told, place: Place) -> None:
        """Write down what an entry says."""
        for kind, row in _meanings(told):
            if kind == "moved":
                at, to = tuple(row[:3]), row[4]
                self.positions[at] = max(self.positions.get(at, to), to)
                self.unmet[at] = place
            elif kind == "numbered":
                table, number, rank, digest = row
                known = self.numbers.get((table, number))
                if known is None or rank >= known.rank:
                    self.numbers[table, number] = Left(rank, bytes.fromhex(digest), place)
            elif kind == "times":
                self.times[self.token(kind, row[:2])] += row[2]
            else:
                token = self._numbered(row) if kind == "marks" else self.token(kind, row)
                slots = self.kinds.setdefault(kind, {})
                slot = slots.get(token % _SLOTS)
                if slot is None:
                    slot = slots[token % _SLOTS] = _Slot()
                slot.add(token, place.chain << 40 | place.seq)
                self.count += 1

    def close(self) -> None:
        """Make ready to cross off: marks on an event are numbered anew."""
        self.marks.clear()

    def cross(self, told: Told) -> bool:
        """Cross a row of a table off; False where nobody names it."""
        kind, row = told
        if kind == "positions":
            self.unmet.pop(tuple(row[:3]), None)
            return (tuple(row[:3]), row[3]) in self.positions.items()
        if kind == "numbered":
            return self._cross_number(row)
        if kind == "since":
            return self._is_told(kind, self.token(kind, row))
        if kind == "times":
            self.times[self.token(kind, row[:2])] -= row[2]
            return True
        if kind == "closed":
            number, code, subject, resolution, at_ms = row
            either = ((code, subject, resolution, at_ms), (number, resolution, at_ms))
            return any(self._cross(kind, self.token(kind, one)) for one in either)
        if kind == "marks":
            return self._cross_mark(row)
        return self._cross(kind, self.token(kind, row))

    def is_left(self, told: Told) -> bool:
        """Say whether some entry says how it left the row, which is otherwise now."""
        if told.kind == "positions":
            return tuple(told.row[:3]) in self.positions
        return told.kind == "numbered"

    def unseen(self) -> Iterator[tuple[str, tuple[object, ...], Place]]:
        """Return the positions and the numbered rows that are not there: table, row and place."""
        for at, place in self.unmet.items():
            yield "position", at, place
        for (table, number), left in self.numbers.items():
            yield table, (number,), left.place

    def left(self) -> Iterator[tuple[str, int, Place]]:
        """Return what is named and was not found: its kind, its token, and where it is named."""
        for kind in sorted(self.kinds.keys() - _SUPERSEDED):
            for slot in self.kinds[kind].values():
                for token, place in slot.left():
                    yield kind, token, Place(place >> 40, place & (1 << 40) - 1)

    def miscounted(self) -> int:
        """Count the exceptions that were raised more or less often than entries say."""
        return sum(1 for times in self.times.values() if times)

    def token(self, kind: str, row: Sequence[object]) -> int:
        """Return the eight bytes of a row."""
        said = orjson.dumps([kind, *row])
        return int.from_bytes(blake2b(said, digest_size=8, key=self.key).digest())

    def _cross(self, kind: str, token: int) -> bool:
        slot = self._slot(kind, token)
        return slot is not None and slot.cross(token)

    def _is_told(self, kind: str, token: int) -> bool:
        slot = self._slot(kind, token)
        return slot is not None and slot.has(token)

    def _slot(self, kind: str, token: int) -> _Slot | None:
        return self.kinds.get(kind, {}).get(token % _SLOTS)

    def _cross_number(self, row: Sequence[Any]) -> bool:
        """Compare a row with how it was left; entries of before rows were numbered name none."""
        table, number, rank, digest = row
        known = self.numbers.pop((table, number), None)
        return known is None or (known.rank, known.digest.hex()) == (rank, digest)

    def _numbered(self, row: Sequence[object]) -> int:
        """Return the token of a mark and its number among those on its event: the last counts."""
        event = self.token("event", row[:3])
        number = self.marks[event]
        self.marks[event] += 1
        return self.token("marks", (*row, number))

    def _cross_mark(self, row: Sequence[object]) -> bool:
        event = self.token("event", row[:3])
        found = self._cross("marks", self.token("marks", (*row, self.marks[event])))
        self.marks[event] += found
        return found


def _meanings(told: Told) -> Iterator[Told]:
    """Return what a row of an entry says of the tables."""
    kind, row = told
    if kind == "transitions":
        yield told
        yield Told("payments", (*row[:4], row[5]))
    elif kind == "kept":
        yield Told("payments", tuple(row[:5]))
        yield Told("since", (*row[:3], *row[5:]))
    elif kind == "raised":
        yield Told("raised", (*row[:2], *row[3:8]))
        yield Told("times", (*row[:2], row[9]))
    elif kind in _BEGINNINGS:
        meant, columns = _BEGINNINGS[kind]
        yield Told(meant, tuple(row[:columns]))
    elif kind == "verdicts":
        # Before schema 12 an entry named no mapping, and neither does the row that it wrote.
        yield Told("verdicts", (*row, "")[:5])
    elif kind == "works":
        number, *_, at_ms, resolution = row[:7]
        if at_ms is not None:
            yield Told("closed", (number, resolution, at_ms))
    else:
        yield told
