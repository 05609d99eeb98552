"""The arithmetic of the tables, against values worked out by hand."""

import pytest

from tests.benchmarks.figures import Spread, latency, percentile, ratios, spread

HUNDRED = [float(value) for value in range(1, 101)]


@pytest.mark.parametrize(
    ("values", "per_mille", "expected"),
    [
        (HUNDRED, 500, 50.0),
        (HUNDRED, 990, 99.0),
        ([1.0, 2.0, 3.0], 500, 2.0),
        ([1.0, 2.0, 3.0, 4.0], 500, 2.0),
        ([7.0] * 999 + [9.0], 999, 7.0),
        ([7.0] * 998 + [9.0] * 2, 999, 9.0),
    ],
)
def test_a_percentile_is_the_value_of_its_rank(
    values: list[float], per_mille: int, expected: float
) -> None:
    """An interpolated value was never measured; the nearest rank is what the word means."""
    assert percentile(values, per_mille) == expected


@pytest.mark.parametrize(("count", "per_mille"), [(0, 500), (1, 500), (99, 990), (999, 999)])
def test_too_few_values_have_no_percentile(count: int, per_mille: int) -> None:
    """The largest of 999 answers says nothing about one in a thousand."""
    assert percentile([1.0] * count, per_mille) is None


def test_latencies_need_no_order_and_come_out_in_milliseconds() -> None:
    """Answers come in the order of their arrival, not of their slowness."""
    found = latency([0.003, 0.001, 0.002])
    assert (found.p50_ms, found.p99_ms, found.max_ms) == (2.0, None, 3.0)


def test_a_spread_leaves_out_what_was_not_measured() -> None:
    """A round too short for a percentile must not pull the median down."""
    assert spread([3.0, None, 1.0, 2.0]) == Spread(2.0, 1.0, 3.0)
    assert spread([None]) is None


def test_ratios_are_taken_within_each_round() -> None:
    """A machine that is half as fast in one round is so for both sides of it."""
    assert ratios([10.0, 5.0], [20.0, 10.0]) == [0.5, 0.5]
    with pytest.raises(ValueError, match="zip"):
        ratios([1.0], [1.0, 2.0])
