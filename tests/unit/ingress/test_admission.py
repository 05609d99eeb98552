"""The gate before the body: buckets, budgets and heads, with the clock held still."""

import pytest

from ingress.admission import Bucket, Budget, Head, Refused


def test_a_bucket_allows_a_burst_and_then_its_rate() -> None:
    """Two seconds of it at once, then one for each interval; the numbers are worked by hand."""
    bucket = Bucket(rate_per_s=10)
    assert [bucket.take(100.0) for _ in range(21)] == [True] * 20 + [False]
    assert bucket.take(100.05) is False
    assert bucket.take(100.11) is True
    assert bucket.take(100.12) is False


def test_a_bucket_does_not_save_up_for_ever() -> None:
    """A quiet night must not allow a flood in the morning."""
    bucket = Bucket(rate_per_s=1)
    bucket.take(0.0)
    assert [bucket.take(1_000_000.0) for _ in range(3)] == [True, True, False]


def test_a_slow_source_can_send_at_all() -> None:
    """Less than one in two seconds still leaves room for one whole token."""
    bucket = Bucket(rate_per_s=0.1)
    assert bucket.take(0.0) is True
    assert bucket.take(9.0) is False
    assert bucket.take(10.1) is True


def test_a_budget_takes_what_is_there_and_gets_it_back() -> None:
    """What leaks here sheds honest traffic for ever."""
    budget = Budget(bytes_max=100)
    assert budget.take(60)
    assert not budget.take(41)
    assert budget.take(40)
    budget.give(60)
    assert budget.take(60)


def test_a_header_that_may_occur_once_is_refused_twice() -> None:
    """A proxy in front may have believed the first, and we the second."""
    twice = ((b"content-length", b"1"), (b"host", b"h"), (b"content-length", b"1"))
    head = Head.of("POST", "/", (1, 1), twice)
    with pytest.raises(Refused):
        head.single(b"content-length")
    assert head.single(b"host") == b"h"
    assert head.single(b"expect") is None
    assert head.headers == twice
