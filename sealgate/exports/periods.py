"""Months of the books in one declared zone, and which of them a movement belongs to. Pure.

A movement belongs to the month in which it happened, by the business's clocks. Where that month was
closed before anybody here knew of the movement, it belongs to the first month behind it that was
open then, and says of which month it really is: a closed month never changes.
"""

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, tzinfo
from typing import NamedTuple
from zoneinfo import ZoneInfo

from consumers import business_days
from sealgate.exports.recorded import BEFORE, Seen

_MONTHS = 12
# [0-9], because `\d` also takes the digits of other scripts.
_MONTH = re.compile(r"([0-9]{4})-(0[1-9]|1[0-2])")
# From 1970 until 9999: a day more or less is in every zone's calendar.
_FIRST_MS, _END_MS = 0, 253_370_764_800_000


class Period(NamedTuple):
    """From an instant until, not at, another. `name` is of a calendar month; empty of others."""

    name: str
    from_ms: int
    to_ms: int
    zone: str

    def holds(self, at_ms: int) -> bool:
        """Say whether an instant is in it."""
        return self.from_ms <= at_ms < self.to_ms


class Closed(NamedTuple):
    """A month that was closed: as of which entries, and with which package."""

    period: str
    zone: str
    as_of: Mapping[str, Seen]
    package: str
    key: str

    def knew(self, chain: str, seq: int) -> bool:
        """Say whether an entry was written when the month was closed."""
        return chain == BEFORE or (chain in self.as_of and seq <= self.as_of[chain].seq)


class Booking(NamedTuple):
    """Where a movement belongs: an instant in its month, the month, and which it really is of."""

    at_ms: int
    period: str
    adjusted_from: str


def month(name: str, zone: str) -> Period:
    """Return a month by its name, such as 2026-10. Raises `ValueError`."""
    found = _MONTH.fullmatch(name)
    if found is None:
        raise ValueError(f"{name!r} is no month: write it such as 2026-10")
    begin = datetime(int(found[1]), int(found[2]), 1, tzinfo=ZoneInfo(zone))
    from_ms = round(begin.timestamp() * 1000)
    return Period(name, from_ms, business_days.period_end(from_ms, ZoneInfo(zone)), zone)


def month_of(at_ms: int, zone: tzinfo) -> str:
    """Name the month of an instant."""
    return day_of(at_ms, zone)[:7]


def day_of(at_ms: int, zone: tzinfo) -> str:
    """Name the day of an instant, by the clocks of a zone."""
    return datetime.fromtimestamp(at_ms / 1000, UTC).astimezone(zone).date().isoformat()


def _is_of_a_calendar(at_ms: int) -> bool:
    return _FIRST_MS <= at_ms < _END_MS


def following(name: str) -> str:
    """Name the month behind one."""
    year, number = int(name[:4]), int(name[5:])
    return f"{year + number // _MONTHS:04}-{number % _MONTHS + 1:02}"


def book(
    occurred_ms: int, recorded_ms: int, entry: tuple[str, int], closed: Iterable[Closed], zone: str
) -> Booking:
    """Say where a movement belongs that happened at one instant and is known since another."""
    clocks = ZoneInfo(zone)
    if not _is_of_a_calendar(occurred_ms):
        # A provider's clock that is off by thousands of years tells no month.
        occurred_ms = recorded_ms
    natural = month_of(occurred_ms, clocks)
    after = [following(one.period) for one in closed if not one.knew(*entry)]
    period = max([natural, *after])
    if period == natural:
        return Booking(occurred_ms, natural, "")
    whole = month(period, zone)
    at_ms = recorded_ms if whole.holds(recorded_ms) else whole.from_ms
    return Booking(at_ms, period, natural)
