"""Instants and durations as people read them."""

from datetime import UTC, datetime

import pytest

from sealgate.keys import instants

AT_MS = 1_767_225_600_000  # 2026-01-01T00:00:00Z


@pytest.mark.parametrize(
    "text", ["2026-01-01T00:00:00Z", "2026-01-01T01:30:00+01:30", "2025-12-31 19:00:00-05:00"]
)
def test_an_instant_is_the_same_in_every_zone(text: str) -> None:
    """Operators write their own, and the configuration holds one."""
    assert instants.read(text) == datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    "text",
    [
        "2026-01-01",
        "2026-01-01T00:00:00",
        "tomorrow",
        "",
        "1767225600",
        "0001-01-01T00:00:00+14:00",
        "9999-12-31T23:59:59-14:00",
    ],
)
def test_an_instant_without_a_zone_is_none(text: str) -> None:
    """A window that opens an hour early is a rotation that fails."""
    with pytest.raises(ValueError, match="write it with its zone, 2026-12-01T00:00:00Z"):
        instants.read(text)


def test_an_instant_is_written_in_utc_to_the_second() -> None:
    """What is written can be read again by TOML, JSON and people."""
    assert instants.iso_ms(AT_MS + 999) == "2026-01-01T00:00:00Z"
    assert instants.after(AT_MS + 1, 60) == datetime(2026, 1, 1, 0, 1, 1, tzinfo=UTC)
    assert instants.after(AT_MS, 60) == datetime(2026, 1, 1, 0, 1, tzinfo=UTC)
    assert instants.ms(datetime(2026, 1, 1, tzinfo=UTC)) == AT_MS
    assert instants.ms(None) is None


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "0 seconds"),
        (1, "1 second"),
        (59.4, "59 seconds"),
        (60, "1 minute"),
        (61, "1 minute 1 second"),
        (3_670, "1 hour 1 minute"),
        (86_400, "1 day"),
        (90_000, "1 day 1 hour"),
        (604_800, "7 days"),
        (-7_200, "2 hours"),
    ],
)
def test_a_duration_is_said_in_its_largest_units(seconds: float, words: str) -> None:
    """561600 s is nothing anybody can plan with."""
    assert instants.span(seconds) == words


def test_the_past_and_the_future_are_told_apart() -> None:
    """Closed three days ago, or closing in three days."""
    assert instants.ago(AT_MS - 3_600_000, AT_MS) == "1 hour ago"
    assert instants.ago(AT_MS + 3_600_000, AT_MS) == "in 1 hour"
