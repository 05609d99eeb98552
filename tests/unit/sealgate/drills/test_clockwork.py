"""The clock that a drill moves: an hour that is taken back would undo what was judged in it."""

from ingress import telemetry
from sealgate.drills.clockwork import MINUTE_MS, Clock

BEGUN_MS = 1_795_399_200_000


def test_the_clock_is_set_to_minutes_after_the_beginning() -> None:
    """A drill tells its story in minutes."""
    clock = Clock(BEGUN_MS)
    clock.move(2.5)
    assert clock() == BEGUN_MS + 150_000


def test_the_clock_never_goes_back() -> None:
    """What was read at an instant must not come after what is read later."""
    clock = Clock(BEGUN_MS)
    clock.move(60)
    clock.move(6)
    assert clock() == BEGUN_MS + 60 * MINUTE_MS


def test_the_clock_ends_at_the_present() -> None:
    """What people type at the end must be later than all that the clock has judged."""
    clock = Clock(telemetry.now_ms() - 60 * MINUTE_MS)
    clock.move(1)
    before_ms = telemetry.now_ms()
    clock.catch_up()
    assert before_ms <= clock() <= telemetry.now_ms()
