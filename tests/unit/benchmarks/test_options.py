"""What a run consists of."""

from tests.benchmarks.options import LONG, SECTIONS, Options


def test_a_run_has_every_part_unless_some_are_named() -> None:
    """What is not measured is what gets slower."""
    assert Options().chosen().only == SECTIONS
    assert Options(only=("log",)).chosen().only == ("log",)


def test_a_quick_run_leaves_out_what_is_made_of_waits() -> None:
    """Half a minute of sleep proves nothing; who names such a part gets it."""
    assert set(Options(quick=True).chosen().only) == set(SECTIONS) - LONG
    assert Options(quick=True, only=("kills",)).chosen().only == ("kills",)


def test_only_a_whole_run_may_be_shown() -> None:
    """A page with figures of two days compares what cannot be compared."""
    assert Options().chosen().is_whole
    assert not Options(quick=True, only=SECTIONS).chosen().is_whole
    assert not Options(only=("edge", "log")).chosen().is_whole
