"""What makes a run unsound."""

from dataclasses import replace

import pytest

from tests.benchmarks.edge import Run, check
from tests.benchmarks.figures import Latency
from tests.benchmarks.generator import Report
from tests.benchmarks.processes import Unsound

REPORT = Report(
    sent=1000,
    accepted=1000,
    failures={},
    elapsed_s=2.0,
    latency=Latency(1.0, 2.0, None, 3.0),
    server_cpu_s=0.05,
    generator_cpu_s=0.5,
)
RUN = Run("sealgate-embedded", "closed 64", 0, REPORT, 1000)


def test_a_run_with_one_record_for_each_2xx_is_sound() -> None:
    """The floor has no log, and only its answers are checked."""
    check(RUN)
    check(replace(RUN, records=None))


@pytest.mark.parametrize("records", [999, 1001])
def test_a_log_that_disagrees_with_the_answers_ends_the_benchmark(records: int) -> None:
    """A program that answers before the log has it would win every comparison."""
    with pytest.raises(Unsound, match=f"{records} records"):
        check(replace(RUN, records=records))


@pytest.mark.parametrize(
    "changes",
    [
        {"accepted": 999, "failures": {"503": 1}},
        {"accepted": 999, "failures": {"connection lost": 1}},
        {"accepted": 999},
        {"sent": 0, "accepted": 0},
    ],
)
def test_one_answer_other_than_2xx_ends_the_benchmark(changes: dict[str, object]) -> None:
    """Refusing is quicker than accepting: a rate of refusals is no rate."""
    report = replace(REPORT, **changes)
    with pytest.raises(Unsound, match="got a 2xx"):
        check(replace(RUN, report=report, records=report.accepted))


def test_a_report_divides_by_what_was_accepted() -> None:
    """1,000 events in two seconds of the wall and 50 ms of CPU."""
    assert REPORT.rate_per_s == 500.0
    assert REPORT.cpu_us == pytest.approx(50.0)
    assert REPORT.generator_share == 0.25
