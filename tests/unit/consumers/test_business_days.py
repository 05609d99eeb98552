"""Business days and periods: worked out with a calendar of November 2026 at hand."""

from datetime import UTC, datetime, tzinfo
from zoneinfo import ZoneInfo

import pytest

from consumers import business_days

PARIS = ZoneInfo("Europe/Paris")
KIRITIMATI = ZoneInfo("Pacific/Kiritimati")


def ms(text: str) -> int:
    """Read an instant."""
    return int(datetime.fromisoformat(text).timestamp() * 1000)


def text(at_ms: int) -> str:
    """Write an instant."""
    return datetime.fromtimestamp(at_ms / 1000, UTC).isoformat().removesuffix(":00+00:00")


@pytest.mark.parametrize(
    ("begun", "days", "ends"),
    [
        ("2026-11-23T09:30Z", 1, "2026-11-24T09:30"),  # Monday to Tuesday
        ("2026-11-27T15:00Z", 1, "2026-11-30T15:00"),  # Friday to Monday
        ("2026-11-26T15:00Z", 3, "2026-12-01T15:00"),  # Thursday, Friday, Monday, Tuesday
        ("2026-11-28T00:00Z", 1, "2026-12-01T00:00"),  # a Saturday counts from Monday
        ("2026-11-29T23:59Z", 1, "2026-12-01T00:00"),  # and so does its Sunday
        ("2026-11-30T00:00Z", 1, "2026-12-01T00:00"),  # Monday itself is one
        ("2026-12-31T12:00Z", 1, "2027-01-01T12:00"),  # no holiday is known
        ("2026-11-27T15:00Z", 10, "2026-12-11T15:00"),  # two weeks are two weeks
    ],
)
def test_days_of_work_are_counted_and_weekends_are_not(begun: str, days: int, ends: str) -> None:
    """Nobody books on Sunday: what was confirmed on Friday is no exception on Saturday."""
    assert text(business_days.after(ms(begun), days, UTC)) == ends


def test_a_weekend_is_where_the_books_are() -> None:
    """At 23:30 of Friday in London it is Saturday in Paris, and so Monday is where it begins."""
    begun_ms = ms("2026-11-27T23:30Z")
    assert text(business_days.after(begun_ms, 1, UTC)) == "2026-11-30T23:30"
    assert text(business_days.after(begun_ms, 1, PARIS)) == "2026-11-30T23:00"


def test_a_day_is_one_of_the_clock_where_the_clocks_are_changed() -> None:
    """From Friday noon to Monday noon in Paris, over the last Sunday of October, are 73 hours."""
    begun_ms = ms("2026-10-23T12:00+02:00")
    assert business_days.after(begun_ms, 1, PARIS) == ms("2026-10-26T12:00+01:00")


@pytest.mark.parametrize(
    ("at", "zone", "begins", "ends"),
    [
        ("2026-11-30T23:59:59.999Z", UTC, "2026-11-01T00:00", "2026-12-01T00:00"),
        ("2026-12-01T00:00Z", UTC, "2026-12-01T00:00", "2027-01-01T00:00"),
        ("2026-11-30T23:30Z", PARIS, "2026-11-30T23:00", "2026-12-31T23:00"),
        ("2028-02-29T00:00Z", UTC, "2028-02-01T00:00", "2028-03-01T00:00"),
        ("2026-11-30T10:00Z", KIRITIMATI, "2026-11-30T10:00", "2026-12-31T10:00"),
    ],
)
def test_a_period_is_a_month_of_the_books(at: str, zone: tzinfo, begins: str, ends: str) -> None:
    """Half open: midnight belongs to the month that begins."""
    assert text(business_days.period_begin(ms(at), zone)) == begins
    assert text(business_days.period_end(ms(at), zone)) == ends
