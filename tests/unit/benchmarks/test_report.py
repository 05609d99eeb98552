"""What a reader is shown."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from tests.benchmarks import tables
from tests.benchmarks.bars import judge
from tests.benchmarks.edge import Run
from tests.benchmarks.figures import Latency
from tests.benchmarks.generator import Report
from tests.benchmarks.memory import Memory, Sample
from tests.benchmarks.options import Options
from tests.benchmarks.programs import BARE, EMBEDDED, EVERYBODY
from tests.benchmarks.report import (
    BEGIN,
    END,
    PAGES,
    capacity,
    markdown,
    write_json,
    write_pages,
)
from tests.benchmarks.results import Results


def run(program: str, number: int, rate: int, load: str = "closed 64", **changes: object) -> Run:
    """Make a run of one second."""
    report = Report(rate, rate, {}, 1.0, Latency(1.0, 2.0, None, 3.0), 0.1, 0.5)
    return Run(program, load, number, replace(report, **changes), rate)


MACHINE = {"date": "2026-01-01", "processor": "one, 2 cores"}
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
    results = Results("bench", MACHINE, Options(), runs=RUNS)
    assert "no measurement" not in markdown(results)
    results.others_share = 0.4
    assert "Others used 40% of the machine" in markdown(results)


def pages(directory: Path, *texts: str) -> list[Path]:
    """Write the three pages."""
    made = [directory / name for name in ("benchmarks.md", "performance.md", "readme.md")]
    for page, text in zip(made, texts, strict=True):
        page.write_text(text)
    return made


def test_every_page_keeps_its_words_and_takes_its_tables(tmp_path: Path) -> None:
    """How to read the figures is written by hand, the figures never."""
    marked = f"How to read\n{BEGIN}\nold\n{END}\nThe rest\n"
    made = pages(tmp_path, marked, marked, marked)
    results = Results("bench", MACHINE, Options(), runs=RUNS)
    results.bars = judge(results)
    write_pages(results, made)
    write_pages(results, made)
    for page in made:
        text = page.read_text()
        assert text.startswith("How to read\n")
        assert text.endswith("\nThe rest\n")
        assert "old" not in text
    whole, _, readme = (page.read_text() for page in made)
    assert whole.count("### Closed loop") == 1
    assert "### Closed loop" not in readme


def test_where_one_page_has_no_marks_none_is_written(tmp_path: Path) -> None:
    """To guess where the tables go would overwrite somebody's words; two days' figures mislead."""
    marked = f"{BEGIN}\nold\n{END}\n"
    made = pages(tmp_path, marked, "words\n", marked)
    with pytest.raises(ValueError, match="needs the lines"):
        write_pages(Results("bench", MACHINE, Options()), made)
    assert [page.read_text() for page in made] == [marked, "words\n", marked]


def generated(page: Path) -> str:
    """Return what stands between the marks of a page."""
    text = page.read_text()
    assert text.count(BEGIN) == text.count(END) == 1, page
    return text.partition(BEGIN)[2].partition(END)[0]


def section(text: str, title: str) -> list[str]:
    """Return the rows of the table under a title."""
    under = text.partition(f"### {title}")[2].partition("### ")[0]
    return [line for line in under.splitlines() if line.startswith("|")]


@pytest.mark.parametrize("title", ["The bars", "The cost of one event, split by part"])
def test_the_pages_show_the_figures_of_one_and_the_same_run(title: str) -> None:
    """Whoever reads the README must find the measurement that it comes from."""
    page, performance, readme = PAGES
    other = readme if title == "The bars" else performance
    assert section(generated(other), title) == section(generated(page), title)


def test_a_named_tuple_is_a_list_in_the_file(tmp_path: Path) -> None:
    """What only its printed form is kept of, no program can compute with."""
    watched = Memory("sealgate-kafka", 1000, 1000.0, 9, [Sample(0.5, 70.0), Sample(1.0, 71.5)])
    results = Results("bench", MACHINE, Options(), memory=watched)
    kept = json.loads(write_json(results, tmp_path).read_text())
    assert kept["memory"]["samples"] == [[0.5, 70.0], [1.0, 71.5]]
