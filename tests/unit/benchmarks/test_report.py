"""What a reader is shown."""

from dataclasses import replace
from pathlib import Path

import pytest

from tests.benchmarks import tables
from tests.benchmarks.edge import Run
from tests.benchmarks.figures import Latency
from tests.benchmarks.generator import Report
from tests.benchmarks.options import Options
from tests.benchmarks.programs import BARE, EMBEDDED, EVERYBODY
from tests.benchmarks.report import Results, capacity, write_page


def run(program: str, number: int, rate: int, load: str = "closed 64", **changes: object) -> Run:
    """Make a run of one second."""
    report = Report(rate, rate, {}, 1.0, Latency(1.0, 2.0, None, 3.0), 0.1, 0.5)
    return Run(program, load, number, replace(report, **changes), rate)


RUNS = [
    run(BARE, 0, 1000),
    run(EVERYBODY, 0, 500),
    run(EMBEDDED, 0, 800),
    run(BARE, 1, 500),
    run(EVERYBODY, 1, 250),
    run(EMBEDDED, 1, 350),
]


def test_a_ratio_is_of_one_round() -> None:
    """800 of 1,000 and 350 of 500 are 0.8 and 0.7, whatever the medians are."""
    (table,) = tables.closed(RUNS)
    row = next(row for row in table.rows if "embedded" in row[0])
    assert row[1:4] == ["575 (350 to 800)", "0.75 (0.70 to 0.80)", "1.50 (1.40 to 1.60)"]


def test_a_program_that_is_not_there_is_not_compared_with() -> None:
    """Without Kafka nobody writes what everybody writes."""
    (table,) = tables.closed([run for run in RUNS if run.program != EVERYBODY])
    assert [row[3] for row in table.rows] == [tables.NOTHING, tables.NOTHING]


def test_a_short_generator_is_named() -> None:
    """Its own limit would otherwise pass for the program's."""
    (table,) = tables.closed([run(BARE, 0, 1000, generator_cpu_s=0.95)])
    assert any("short of CPU" in warning for warning in table.warnings)
    (table,) = tables.opened([run(BARE, 0, 1000, "open 100/s", late_p99_ms=4.0)])
    assert any("fell behind" in warning for warning in table.warnings)


def test_capacity_is_the_median_of_the_closed_loop() -> None:
    """Shares of the luckiest round would be shares of more than there is."""
    assert capacity([*RUNS, run(BARE, 2, 900)], 64) == {BARE: 900, EVERYBODY: 375, EMBEDDED: 575}


def test_a_disturbed_run_says_that_it_is_no_measurement() -> None:
    """Figures are quoted for years; the disturbance is forgotten by the evening."""
    results = Results("bench", {"date": "2026-01-01"}, Options(), runs=RUNS)
    assert "no measurement" not in results.markdown()
    results.others_share = 0.4
    assert "Others used 40% of the machine" in results.markdown()


def test_the_page_keeps_its_words_and_takes_the_tables(tmp_path: Path) -> None:
    """How to read the figures is written by hand, the figures never."""
    page = tmp_path / "page.md"
    page.write_text(
        "How to read\n<!-- generated: begin -->\nold\n<!-- generated: end -->\nThe rest\n"
    )
    results = Results("bench", {"date": "2026-01-01"}, Options(), runs=RUNS)
    write_page(results, page)
    write_page(results, page)
    text = page.read_text()
    assert text.startswith("How to read\n")
    assert text.endswith("\nThe rest\n")
    assert text.count("### Closed loop") == 1
    assert "old" not in text


def test_a_page_without_its_marks_is_left_alone(tmp_path: Path) -> None:
    """To guess where the tables go would overwrite somebody's words."""
    page = tmp_path / "page.md"
    page.write_text("words\n")
    with pytest.raises(ValueError, match="needs the lines"):
        write_page(Results("bench", {}, Options()), page)
    assert page.read_text() == "words\n"
