"""Since when a source fails through our fault: what its provider tries again, and nothing else."""

import pytest

from ingress.failing import Failing

MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS
DAY_S = 86_400
BEGIN_MS = 1_700_000_000_000
# Of the specification of Standard Webhooks: seconds after the first try.
RETRIES_S = (0, 5, 305, 2105, 9305, 27_305, 63_305, 113_705, 185_705, 272_105)


def _since(failing: Failing, at_ms: int, *, is_suspect: bool = True) -> int:
    return failing.since_ms(BEGIN_MS + at_ms, is_suspect=is_suspect)


def test_a_burst_of_forgeries_is_over_long_before_anybody_is_woken() -> None:
    """Ten minutes at a source whose provider tries for three days: nothing is lost after a day."""
    failing = Failing()
    for minute in range(10):
        failing.doubted(BEGIN_MS + minute * MINUTE_MS, 3 * DAY_S)
    # 24 hours after the last one, a third of three days.
    end_ms = 9 * MINUTE_MS + 24 * HOUR_MS
    assert _since(failing, end_ms - 1) == BEGIN_MS
    assert _since(failing, end_ms) == 0
    # The alert looks at half of it: 36 hours.
    assert _since(failing, 36 * HOUR_MS) == 0


def test_what_comes_after_a_pause_that_long_begins_anew() -> None:
    """Two bursts a week apart are not a week of failing."""
    failing = Failing()
    failing.doubted(BEGIN_MS, DAY_S)
    failing.doubted(BEGIN_MS + 7 * 24 * HOUR_MS, DAY_S)
    assert _since(failing, 7 * 24 * HOUR_MS) == BEGIN_MS + 7 * 24 * HOUR_MS


@pytest.mark.parametrize("tried", range(4, len(RETRIES_S)))
def test_the_retries_of_one_event_are_never_taken_for_a_pause_before_the_alert(tried: int) -> None:
    """A wrong key of ours and one event, tried five times at least: that is a suspicion."""
    failing = Failing()
    horizon_s = RETRIES_S[tried]
    for at_s in RETRIES_S[: tried + 1]:
        if at_s * 2 <= horizon_s:
            failing.doubted(BEGIN_MS + at_s * 1000, horizon_s)
    assert _since(failing, horizon_s * 500) == BEGIN_MS


def test_the_doubt_of_keys_ends_with_the_suspicion() -> None:
    """Whatever ends it: nobody is to be woken for what nobody suspects any more."""
    failing = Failing()
    failing.doubted(BEGIN_MS, DAY_S)
    assert _since(failing, MINUTE_MS, is_suspect=False) == 0


def test_what_a_key_has_proven_fails_until_something_is_accepted() -> None:
    """It is the provider's own, and with the provider alone: no silence mends that."""
    failing = Failing()
    failing.refused(BEGIN_MS, DAY_S, is_proven=True)
    failing.refused(BEGIN_MS + 1, DAY_S, is_proven=True)
    assert _since(failing, 30 * 24 * HOUR_MS, is_suspect=False) == BEGIN_MS
    failing.accepted()
    assert _since(failing, 30 * 24 * HOUR_MS) == 0


def test_a_flood_that_was_turned_away_fails_only_as_long_as_it_goes_on() -> None:
    """Anybody can send more than a source's rate: what was not looked at may be a stranger's."""
    failing = Failing()
    failing.refused(BEGIN_MS, DAY_S, is_proven=False)
    assert _since(failing, 8 * HOUR_MS - 1, is_suspect=False) == BEGIN_MS
    assert _since(failing, 8 * HOUR_MS, is_suspect=False) == 0


def test_the_first_of_what_still_fails_counts() -> None:
    """Forgeries before, or a flood after, change nothing of since when an event is waiting."""
    failing = Failing()
    failing.doubted(BEGIN_MS, DAY_S)
    failing.refused(BEGIN_MS + 1000, DAY_S, is_proven=True)
    failing.refused(BEGIN_MS + 2000, DAY_S, is_proven=False)
    assert _since(failing, 3000) == BEGIN_MS
    assert _since(failing, 3000, is_suspect=False) == BEGIN_MS + 1000
    failing.accepted()
    assert _since(failing, 3000) == 0


@pytest.mark.parametrize(("horizon_s", "quiet_ms"), [(None, 24 * HOUR_MS), (1, MINUTE_MS)])
def test_a_horizon_that_is_not_known_or_tiny_has_a_pause_too(
    horizon_s: int | None, quiet_ms: int
) -> None:
    """The gauge must fall at some time, and must have been seen before it does."""
    failing = Failing()
    failing.doubted(BEGIN_MS, horizon_s)
    assert _since(failing, quiet_ms - 1) == BEGIN_MS
    assert _since(failing, quiet_ms) == 0
