"""How many lines a flood of refusals writes: by a clock that the test holds."""

import pytest

from ingress.quiet import LINES_PER_S, Quiet

Sums = list[tuple[str, str, int]]


@pytest.fixture(name="sums")
def _sums() -> Sums:
    return []


@pytest.fixture(name="quiet")
def _quiet(sums: Sums) -> Quiet:
    return Quiet(lambda *told: sums.append(told))


def _flood(quiet: Quiet, number: int, at_s: float, source: str = "shop") -> int:
    """Refuse so many deliveries within half a second; return how many lines that wrote."""
    moments = [at_s + 0.5 * one / number for one in range(number)]
    return [quiet.lets(source, "mismatch", moment) for moment in moments].count(True)


def test_a_few_refusals_have_a_line_each(quiet: Quiet, sums: Sums) -> None:
    """The daily case: whoever looks for one delivery finds it."""
    assert _flood(quiet, LINES_PER_S, 10.0) == LINES_PER_S
    quiet.stop()
    assert sums == []


def test_a_flood_writes_a_hundred_lines_a_second_and_one_sum(quiet: Quiet, sums: Sums) -> None:
    """Twenty thousand a second would be gigabytes in an hour, written by a stranger."""
    written = [_flood(quiet, 20_000, float(second)) for second in range(5)]
    assert written == [100] * 5
    quiet.sweep(5.0)
    assert sums == [("shop", "mismatch", 19_900)] * 5


def test_every_refusal_is_in_a_line_or_in_a_sum(quiet: Quiet, sums: Sums) -> None:
    """A log from which something is missing without a word is no evidence."""
    written = sum(_flood(quiet, 777, 0.3 * step) for step in range(20))
    quiet.stop()
    assert written + sum(count for *_, count in sums) == 20 * 777


def test_a_flood_at_one_source_takes_no_line_from_another(quiet: Quiet) -> None:
    """The one refusal that matters may be at the source next to it, or of another reason."""
    _flood(quiet, 5_000, 1.0)
    assert quiet.lets("bank", "mismatch", 1.4)
    assert quiet.lets("shop", "stale", 1.4)
    assert not quiet.lets("shop", "mismatch", 1.4)


def test_a_flood_that_ends_is_summed_up_without_another_refusal(quiet: Quiet, sums: Sums) -> None:
    """The last second of an attack is part of it."""
    _flood(quiet, 300, 1.0)
    quiet.sweep(1.9)
    assert sums == []
    quiet.sweep(2.0)
    assert sums == [("shop", "mismatch", 200)]
    quiet.sweep(3.0)
    assert len(sums) == 1


def test_nothing_is_held_of_a_kind_that_is_quiet(quiet: Quiet) -> None:
    """Ten thousand sources that failed once each need no memory for ever."""
    for number in range(1000):
        quiet.lets(f"shop-{number}", "mismatch", 1.0)
    quiet.sweep(2.0)
    assert quiet._seconds == {}
