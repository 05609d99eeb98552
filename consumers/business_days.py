"""Count business days and periods of the books, in one declared zone. Pure.

A business day is a day from Monday to Friday: we know no holidays, and a limit that is a day short
of patience at Easter is better than one that nobody can work out by hand. A period is a calendar
month. What begins on a weekend begins when Monday does.
"""

from datetime import UTC, datetime, timedelta, tzinfo

_SATURDAY = 5
_MONTHS = 12


def after(at_ms: int, days: int, zone: tzinfo) -> int:
    """Return the instant that is so many business days later, by the clocks of `zone`."""
    local = _local(at_ms, zone)
    if local.weekday() >= _SATURDAY:
        monday = local + timedelta(days=7 - local.weekday())
        local = monday.replace(hour=0, minute=0, second=0, microsecond=0)
    left = days
    while left:
        local += timedelta(days=1)
        left -= local.weekday() < _SATURDAY
    return _ms(local)


def period_begin(at_ms: int, zone: tzinfo) -> int:
    """Return when the month of an instant begins."""
    return _ms(_first_of(_local(at_ms, zone)))


def period_end(at_ms: int, zone: tzinfo) -> int:
    """Return when the month of an instant ends: the first instant that is not in it."""
    first = _first_of(_local(at_ms, zone))
    is_last = first.month == _MONTHS
    year, month = (first.year + 1, 1) if is_last else (first.year, first.month + 1)
    return _ms(first.replace(year=year, month=month))


def _first_of(local: datetime) -> datetime:
    return local.replace(day=1, hour=0, minute=0, second=0, microsecond=0)


def _local(at_ms: int, zone: tzinfo) -> datetime:
    return datetime.fromtimestamp(at_ms / 1000, UTC).astimezone(zone)


def _ms(local: datetime) -> int:
    return round(local.timestamp() * 1000)
