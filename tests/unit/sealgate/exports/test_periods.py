"""Months by the clocks of a business: instants are worked out by hand, from the zone's rules."""

import pytest

from sealgate.exports import periods
from sealgate.exports.periods import Closed
from sealgate.exports.recorded import BEFORE, Seen
from tests.support.ledger import at

BERLIN = "Europe/Berlin"
MARCH = Closed("2026-03", BERLIN, {"operator": Seen(5, "aa"), "w/0": Seen(9, "bb")}, "", "k")
APRIL = Closed("2026-04", BERLIN, {"operator": Seen(7, "cc"), "w/0": Seen(20, "dd")}, "", "k")


def test_a_month_begins_and_ends_by_the_clocks_of_its_zone() -> None:
    """March 2026 of Berlin begins in winter time and ends in summer time: an hour is missing."""
    found = periods.month("2026-03", BERLIN)
    assert (found.from_ms, found.to_ms) == (at("02-28T23:00Z"), at("03-31T22:00Z"))
    assert found.to_ms - found.from_ms == (31 * 24 - 1) * 3_600_000
    assert found.holds(found.from_ms)
    assert not found.holds(found.to_ms)
    utc = periods.month("2026-12", "UTC")
    assert periods.following("2026-12") == "2027-01"
    assert periods.following("2026-09") == "2026-10"
    assert utc.to_ms - utc.from_ms == 31 * 86_400_000
    for wrong in ("2026-13", "2026-00", "26-03", "2026-3", "2026-03-01", "\u0662026-03"):
        with pytest.raises(ValueError, match="no month"):
            periods.month(wrong, BERLIN)


def test_what_is_known_in_time_stays_in_its_month() -> None:
    """An entry that the close had seen, and what was there before any chain."""
    march = at("03-30T12:00Z")
    for entry in (("w/0", 9), ("operator", 5), (BEFORE, -1)):
        booked = periods.book(march, at("03-30T12:01Z"), entry, [MARCH, APRIL], BERLIN)
        assert booked == (march, "2026-03", "")


def test_what_is_told_too_late_is_the_first_open_month_s() -> None:
    """One month on, two months on; never of a month before, and of the day it was told."""
    march, told = at("03-30T12:00Z"), at("04-09T12:00Z")
    late = periods.book(march, told, ("w/0", 10), [MARCH], BERLIN)
    assert late == (told, "2026-04", "2026-03")
    later = periods.book(march, at("05-02T12:00Z"), ("w/0", 21), [MARCH, APRIL], BERLIN)
    assert later == (at("05-02T12:00Z"), "2026-05", "2026-03")
    # Told in a month that was not open any more: the first instant of the one that is.
    behind = periods.book(march, told, ("w/0", 21), [MARCH, APRIL], BERLIN)
    assert behind == (at("04-30T22:00Z"), "2026-05", "2026-03")
    # A month before the first that was closed is closed with it.
    older = periods.book(at("01-05T12:00Z"), told, ("w/1", 0), [MARCH], BERLIN)
    assert older == (told, "2026-04", "2026-01")
    # What is of a later month than the closed ones is in its own.
    ahead = periods.book(at("06-01T12:00Z"), told, ("w/0", 99), [MARCH, APRIL], BERLIN)
    assert ahead == (at("06-01T12:00Z"), "2026-06", "")


def test_an_instant_that_no_calendar_has_is_the_day_it_was_told() -> None:
    """A provider's clock that is off by thousands of years keeps nobody from closing a month."""
    told = at("03-30T12:00Z")
    for odd in (-1, 10**15, 2**62):
        assert periods.book(odd, told, ("w/0", 9), [MARCH], BERLIN) == (told, "2026-03", "")
