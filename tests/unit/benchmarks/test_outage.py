"""What an outage may leave behind."""

import pytest

from tests.benchmarks.figures import Latency
from tests.benchmarks.generator import Report
from tests.benchmarks.outage import Outage, twice
from tests.benchmarks.processes import Unsound


def test_one_acknowledged_event_that_is_not_on_kafka_ends_the_benchmark() -> None:
    """A journal that loses one is quicker than one that loses none."""
    with pytest.raises(Unsound, match="1000 requests got a 2xx, but Kafka has 999"):
        twice(1000, 999)


def test_what_is_there_twice_is_told() -> None:
    """What was under way when the broker died may be; readers know it by its event key."""
    assert twice(1000, 1000) == 0
    assert twice(1000, 1002) == 2


def test_the_drain_is_of_all_that_waited() -> None:
    """6,000 records in 1.5 s, whatever the broker took to come back."""
    report = Report(5000, 5000, {}, 1.0, Latency(1.0, 2.0, 3.0, 4.0), 0.1, 0.1)
    assert Outage(0, report, 6000, 9.0, 1.5, 0).drained_per_s == 4000.0
