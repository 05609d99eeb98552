"""What is said of a rotation, from deliveries written by hand."""

from collections.abc import Iterable, Sequence

import pytest

from tests.benchmarks.processes import Unsound
from tests.benchmarks.rotation import (
    BOTH,
    NEW,
    OLD,
    REVOKED,
    Change,
    Rotated,
    Span,
    Story,
    Turn,
    check,
    judge,
)
from tests.benchmarks.rotation_load import Row

STORY = Story(
    old="k0",
    new="k1",
    phases={
        OLD: Span(0, 10_000),
        BOTH: Span(10_000, 20_000),
        NEW: Span(20_000, 28_000),
        REVOKED: Span(31_000, 40_000),
    },
    changes=[Change(9_000, 10_000, 10_500), Change(28_000, 30_000, 30_500)],
    controls=[Change(4_000, 5_000, 5_000), Change(24_000, 25_000, 25_000)],
    revoked=Change(28_000, 30_000, 30_500),
)
FORGERY = Row(31_500, "k0", 401, 1.0)


def judged(*rows: Row) -> Turn:
    """Judge these deliveries beside one late forgery that was refused."""
    return judge(0, STORY, [*rows, FORGERY])


def every_10_ms(span: Span, took_ms: float, key_id: str = "k1") -> Iterable[Row]:
    """Deliver every 10 ms, each answered as quickly."""
    return [Row(at_ms, key_id, 200, took_ms) for at_ms in range(int(span[0]), int(span[1]), 10)]


@pytest.mark.parametrize(
    ("row", "is_lost"),
    [
        (Row(15_000, "k0", 200, 1.0), False),
        (Row(27_999, "k0", 401, 1.0), True),
        (Row(27_999, "k0", 503, 1.0), True),
        (Row(28_001, "k0", 401, 1.0), False),
        (Row(31_000, "k1", 401, 1.0), True),
        (Row(31_000, "k1", 204, 1.0), False),
    ],
)
def test_a_legitimate_delivery_without_a_2xx_is_lost(row: Row, *, is_lost: bool) -> None:
    """The old key is the provider's until its revocation is asked for, the new one to the end."""
    assert judged(row).lost == is_lost


@pytest.mark.parametrize(
    ("row", "is_counted"),
    [
        (Row(31_000, "k0", 200, 1.0), True),
        (Row(30_999, "k0", 200, 1.0), False),
        (Row(31_000, "k1", 200, 1.0), False),
        (Row(31_000, "k0", 401, 1.0), False),
    ],
)
def test_a_forgery_1_s_after_the_revocation_must_be_refused(row: Row, *, is_counted: bool) -> None:
    """A revocation that takes longer than it promises leaves the door open."""
    assert judged(row).accepted_late == is_counted


def test_deliveries_of_another_round_are_not_this_rounds() -> None:
    """The new key of one round is the old one of the next, and is revoked there."""
    assert judged(Row(40_001, "k1", 401, 1.0)).lost == 0


def test_the_ratio_compares_the_seconds_around_changes_with_those_around_dry_runs() -> None:
    """A slow second anywhere else is not the change's doing."""
    quiet = [row for one in STORY.controls for row in every_10_ms(one.window, 2.0)]
    loud = [row for one in STORY.changes for row in every_10_ms(one.window, 3.0)]
    elsewhere = every_10_ms(Span(15_000, 18_000), 500.0)
    turn = judged(*quiet, *loud, *elsewhere)
    assert turn.ratio == pytest.approx(1.5)
    assert turn.phases[BOTH].p99_ms == pytest.approx(500.0)


def test_what_was_accepted_is_told_by_phase_and_key() -> None:
    """A phase in which a key was never used would show nothing about it."""
    turn = judged(Row(15_000, "k0", 200, 1.0), Row(25_000, "k0", 200, 1.0), *_new(25_000))
    assert turn.accepted[NEW] == {"old": 1, "new": 1}
    assert turn.accepted[REVOKED] == {"old": 0, "new": 0}


def _new(at_ms: float) -> Sequence[Row]:
    return [Row(at_ms, "k1", 200, 1.0)]


@pytest.mark.parametrize(
    "rows",
    [
        [Row(15_000, "k1", 401, 1.0), FORGERY],
        [Row(31_200, "k0", 200, 1.0)],
        [Row(15_000, "k1", 200, 1.0)],
    ],
    ids=["lost", "let through", "never tried"],
)
def test_such_a_rotation_becomes_no_figure(rows: Sequence[Row]) -> None:
    """A rotation that loses or lets through is no slow one but a wrong one."""
    with pytest.raises(Unsound, match="rotation, round 0"):
        check(Rotated(1000.0, [judge(0, STORY, rows)]))
    check(Rotated(1000.0, [judged(Row(15_000, "k1", 200, 1.0))]))
