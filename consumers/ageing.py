"""How old the queue of exceptions is, and what it is worth: ages, and sums over items. Pure.

Items flow in one by one; what flows out are counts and money by code, age and asset, which the
monitor exports as metrics and `sealgate exceptions report` prints. Ages are closed, so that the
reports of two months can be compared. Amounts of two assets are never added.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

_HOUR_MS = 3_600_000
_DAY_MS = 24 * _HOUR_MS


class Bucket(NamedTuple):
    """Ages from `from_ms` until, not at, `to_ms`; the last one has no end."""

    name: str
    from_ms: int
    to_ms: int | None


BUCKETS = (
    Bucket("<1h", 0, _HOUR_MS),
    Bucket("1-4h", _HOUR_MS, 4 * _HOUR_MS),
    Bucket("4-24h", 4 * _HOUR_MS, _DAY_MS),
    Bucket("1-3d", _DAY_MS, 3 * _DAY_MS),
    Bucket("3-7d", 3 * _DAY_MS, 7 * _DAY_MS),
    Bucket("7-30d", 7 * _DAY_MS, 30 * _DAY_MS),
    Bucket(">30d", 30 * _DAY_MS, None),
)


def bucket(age_ms: int) -> Bucket:
    """Return the bucket of an age; what is from the future is new."""
    return next(one for one in reversed(BUCKETS) if one.from_ms <= max(age_ms, 0))


class Aged(NamedTuple):
    """An exception, as far as its age and its worth go.

    `asset` and `amount` are the money at risk where it is known, `by_people` says who closed it.
    """

    code: str
    subject: str
    first_ms: int
    asset: str
    amount: int | None
    closed_ms: int | None = None
    by_people: bool = False


@dataclass(slots=True)
class Group:
    """Items that are alike: how many, what they are worth, and since when the oldest is open."""

    items: int = 0
    crossing: int = 0
    amount: int = 0
    unknown: int = 0
    oldest_ms: int | None = None

    def add(self, one: Aged, begins_ms: int) -> None:
        """Count an item; one of before the period's beginning has crossed the end of another."""
        self.items += 1
        self.crossing += one.first_ms < begins_ms
        self.amount += one.amount or 0
        self.unknown += one.amount is None
        if self.oldest_ms is None or one.first_ms < self.oldest_ms:
            self.oldest_ms = one.first_ms


class Kind(NamedTuple):
    """What makes items alike."""

    code: str
    bucket: str
    asset: str


@dataclass(slots=True)
class Ageing:
    """What was open at an instant. `begins_ms` is when the period of that instant began."""

    at_ms: int
    begins_ms: int
    groups: dict[Kind, Group] = field(default_factory=dict)

    def add(self, one: Aged) -> None:
        """Count an item, if it was open then."""
        if one.first_ms > self.at_ms or (one.closed_ms is not None and one.closed_ms <= self.at_ms):
            return
        kind = Kind(one.code, bucket(self.at_ms - one.first_ms).name, one.asset)
        self.groups.setdefault(kind, Group()).add(one, self.begins_ms)

    def by(self, names: Iterable[str]) -> dict[Kind, Group]:
        """Put groups together that differ in nothing that is named; what is not is empty."""
        kept = set(names)
        found: dict[Kind, Group] = {}
        for kind, group in self.groups.items():
            told = Kind(*(text if name in kept else "" for name, text in _named(kind)))
            found[told] = _together(found.get(told), group)
        return {kind: found[kind] for kind in sorted(found, key=_order)}


@dataclass(slots=True)
class Closed:
    """What was closed from an instant until another, not at the first: by itself, or by people."""

    from_ms: int
    to_ms: int
    by_itself: Counter[str] = field(default_factory=Counter)
    by_people: Counter[str] = field(default_factory=Counter)

    def add(self, one: Aged) -> None:
        """Count an item, if it was closed then."""
        if one.closed_ms is not None and self.from_ms < one.closed_ms <= self.to_ms:
            (self.by_people if one.by_people else self.by_itself)[one.code] += 1

    @property
    def codes(self) -> list[str]:
        """Name the codes of which something was closed."""
        return sorted(self.by_itself.keys() | self.by_people.keys())


@dataclass(slots=True)
class Worth:
    """The money of open exceptions: that of one subject counts once, whatever is wrong with it."""

    largest: dict[tuple[str, str], int] = field(default_factory=dict)

    def add(self, one: Aged) -> None:
        """Count an item."""
        if one.amount is not None:
            place = (one.subject, one.asset)
            self.largest[place] = max(self.largest.get(place, 0), one.amount)

    def sums(self) -> dict[str, int]:
        """Add up, by asset."""
        found: Counter[str] = Counter()
        for (_, asset), amount in self.largest.items():
            found[asset] += amount
        return dict(found)


_PLACES = {one.name: place for place, one in enumerate(BUCKETS)}


def _named(kind: Kind) -> Iterable[tuple[str, str]]:
    return zip(Kind._fields, kind, strict=True)


def _order(kind: Kind) -> tuple[str, int, str]:
    return kind.code, _PLACES.get(kind.bucket, 0), kind.asset


def _together(one: Group | None, other: Group) -> Group:
    if one is None:
        return Group(other.items, other.crossing, other.amount, other.unknown, other.oldest_ms)
    told = [ms for ms in (one.oldest_ms, other.oldest_ms) if ms is not None]
    return Group(
        one.items + other.items,
        one.crossing + other.crossing,
        one.amount + other.amount,
        one.unknown + other.unknown,
        min(told, default=None),
    )
