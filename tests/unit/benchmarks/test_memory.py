"""How fast something grows."""

import pytest

from tests.benchmarks.memory import Memory, Sample, slope


def test_the_slope_is_that_of_the_line_nearest_to_all_samples() -> None:
    """0, 1 and 5 MiB at 0, 1 and 2 s: worked by hand, (1 x 3 + 1 x 2) / 2 = 2.5 MiB a second."""
    assert slope([Sample(0.0, 0.0), Sample(1.0, 1.0), Sample(2.0, 5.0)]) == pytest.approx(2.5)


def test_what_fills_in_the_first_half_is_no_growth() -> None:
    """Buffers and caches fill once; a leak goes on."""
    at_first = [Sample(float(at_s), 60.0 + at_s) for at_s in range(10)]
    later = [Sample(float(at_s), 80.0) for at_s in range(10, 20)]
    assert Memory("x", 1, 1.0, 1, at_first + later).slope_kib_per_min == 0.0


def test_a_leak_is_told_as_what_ten_minutes_add() -> None:
    """1 KiB a second is 60 KiB a minute, and 600 KiB in ten: 1 % of 60,000 KiB."""
    held = 60_000 / 1024
    samples = [Sample(float(at_s), held + (at_s - 19) / 1024) for at_s in range(20)]
    found = Memory("x", 1, 1.0, 1, samples)
    assert found.slope_kib_per_min == pytest.approx(60.0)
    assert found.growth_share == pytest.approx(0.01)
    assert found.most_mib == pytest.approx(held)
