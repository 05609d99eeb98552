"""What is counted cheaply is scraped as the library would have written it."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    disable_created_metrics,
    enable_created_metrics,
    generate_latest,
)

from ingress.tallies import Levels, Spreads, Tallies

BOUNDS = (0.001, 0.25, 1, 256)
LABELS = ("source", "outcome")
Act = Callable[[tuple[str, str], float], object]


def _ours(into: CollectorRegistry) -> list[Act]:
    counted = Tallies("sealgate_counted", "How often.", LABELS, registry=into)
    level = Levels("sealgate_level", "How high.", LABELS, registry=into)
    spread = Spreads("sealgate_spread", "How long.", LABELS, registry=into, bounds=BOUNDS)
    return [
        lambda at, _: counted.labels(*at).inc(),
        lambda at, value: level.labels(*at).set(value),
        lambda at, value: spread.labels(*at).observe(value),
        lambda at, _: [family.remove(*at) for family in (counted, level, spread)],
    ]


def _theirs(into: CollectorRegistry) -> list[Act]:
    counted = Counter("sealgate_counted", "How often.", LABELS, registry=into)
    level = Gauge("sealgate_level", "How high.", LABELS, registry=into)
    spread = Histogram("sealgate_spread", "How long.", LABELS, registry=into, buckets=BOUNDS)
    return [
        lambda at, _: counted.labels(*at).inc(),
        lambda at, value: level.labels(*at).set(value),
        lambda at, value: spread.labels(*at).observe(value),
        lambda at, _: [family.remove(*at) for family in (counted, level, spread)],
    ]


@given(
    done=st.lists(
        st.tuples(
            st.integers(0, 3),
            st.tuples(st.sampled_from(['a"\\\n', "b"]), st.sampled_from(["accepted", "refused"])),
            st.one_of(st.sampled_from([*BOUNDS, 0]), st.floats(0, 1e6)),
        )
    )
)
def test_a_scrape_is_the_librarys_to_the_letter(
    done: list[tuple[int, tuple[str, str], float]],
) -> None:
    """Dashboards and alerts go by names, labels and buckets; a bound counts to its own bucket."""
    disable_created_metrics()
    try:
        ours, theirs = CollectorRegistry(), CollectorRegistry()
        for into, acts in ((ours, _ours(ours)), (theirs, _theirs(theirs))):
            for act, at, value in done:
                acts[act](at, value)
            assert into is ours or generate_latest(ours) == generate_latest(into)
    finally:
        enable_created_metrics()


def test_a_child_is_there_at_zero_before_anything_happens() -> None:
    """An alert on the increase of a counter misses the first, if the series begins with it."""
    into = CollectorRegistry()
    Tallies("sealgate_counted", "How often.", LABELS, registry=into).labels("shop", "accepted")
    at = {"source": "shop", "outcome": "accepted"}
    assert into.get_sample_value("sealgate_counted_total", at) == 0


def test_two_metrics_of_one_name_are_refused() -> None:
    """Prometheus refuses a whole scrape in which a name stands twice."""
    into = CollectorRegistry()
    Tallies("sealgate_counted", "How often.", LABELS, registry=into)
    with pytest.raises(ValueError, match="Duplicated"):
        Counter("sealgate_counted", "How often.", registry=into)
