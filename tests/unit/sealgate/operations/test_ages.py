"""The ages by which the queue is read: without a gap and without an overlap."""

import pytest

from sealgate.operations.ages import BUCKETS, bucket, window

HOUR_MS = 3_600_000


@pytest.mark.parametrize(
    ("hours", "name"),
    [
        (-1, "<1h"),
        (0, "<1h"),
        (1, "1-4h"),
        (4, "4-24h"),
        (24, "1-3d"),
        (72, "3-7d"),
        (168, "7-30d"),
    ],
)
def test_an_age_is_in_one_bucket(hours: int, name: str) -> None:
    """At the edge it is in the older one."""
    assert bucket(hours * HOUR_MS).name == name
    assert bucket(720 * HOUR_MS).name == ">30d"
    assert bucket(720 * HOUR_MS - 1).name == "7-30d"


def test_what_a_bucket_lists_is_what_is_in_it() -> None:
    """A report by age and a list by age must agree to the millisecond."""
    now_ms = 10_000 * HOUR_MS
    edges = [each.from_ms + step for each in BUCKETS for step in (-1, 0, 1)]
    for age_ms in [age for age in edges if age >= 0]:
        from_ms, before_ms = window(bucket(age_ms).name, now_ms)
        began_ms = now_ms - age_ms
        assert from_ms is None or began_ms >= from_ms
        assert before_ms is not None
        assert began_ms < before_ms
    with pytest.raises(ValueError, match="none of"):
        window("2h", now_ms)
