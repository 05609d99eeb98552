"""The open loop's timetable."""

import pytest

from tests.benchmarks.schedule import Schedule

HUNDRED_A_SECOND = Schedule(begin_s=10.0, rate_per_s=100.0, count=5)


@pytest.mark.parametrize(
    ("now_s", "due"), [(9.99, 0), (10.0, 1), (10.009, 1), (10.0101, 2), (10.0401, 5), (99.0, 5)]
)
def test_arrivals_are_due_by_the_clock_alone(now_s: float, due: int) -> None:
    """Whatever the server does, the world goes on sending."""
    assert HUNDRED_A_SECOND.due(now_s) == due


def test_the_intended_instants_are_evenly_spaced() -> None:
    """Latency counts from these instants, so they must not drift with what was sent when."""
    instants = [HUNDRED_A_SECOND.intended_s(number) for number in range(5)]
    assert instants == pytest.approx([10.0, 10.01, 10.02, 10.03, 10.04])
