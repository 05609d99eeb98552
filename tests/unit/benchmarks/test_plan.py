"""The plan's sums, worked by hand."""

from tests.benchmarks.options import Options
from tests.benchmarks.plan import Figures, figures, table
from tests.benchmarks.results import Results

FOUND = Figures(
    edge_cpu_us=50.0,
    worker_cpu_us=100.0,
    database_per_s=10_000.0,
    record_bytes=2000.0,
    body_bytes=1024,
)


def test_every_sum_of_the_plan_is_the_one_that_is_shown() -> None:
    """Whoever buys machines by it will do the sums again.

    Half of a core is used: 50 µs are 100 cores, 100 µs are 200. A database takes 5,000: 200 of
    them. 2,000 MB/s, three times, by 150: 40 brokers; by 10: 200 partitions. A week of it, three
    times, is 3,629 TB. (300 + 40 x 8 + 200 x 16) cores at $0.04 are $111,544 a month, 3.6 million
    GB at $0.08 are $290,304; 2,628,000 million events are sent in it.
    """
    (plan,) = table(FOUND)
    needed = {row[0]: row[2] for row in plan.rows}
    assert needed == {
        "edges": "100 cores: 7 machines of 16",
        "consumers": "200 cores: 13 machines of 16",
        "database shards": "200 of 16 cores",
        "brokers": "40 of 8 cores",
        "partitions": "200",
        "network, from providers": "11.4 Gbit/s",
        "network, of the log": "64.0 Gbit/s",
        "disk of the log": "3,629 TB",
        "cost of a month": "$0.40 million",
        "cost of a million events": "$0.1529",
    }


def test_no_plan_is_made_of_half_the_figures() -> None:
    """A plan without the database would be cheap."""
    assert figures(Results("bench", {}, Options())) is None
    assert table(None) == []
