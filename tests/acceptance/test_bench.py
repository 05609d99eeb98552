"""`make bench` as a person runs it, but short: the harness is proved here, never a figure."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
# Half a minute on a quiet machine; a busy one takes its time, and no figure is asserted.
LIMIT_S = 280


@pytest.fixture(scope="module")
def outcome(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, dict[str, Any]]:
    """Run the benchmark once; return its tables and its JSON."""
    into = tmp_path_factory.mktemp("bench")
    done = subprocess.run(
        [sys.executable, "-m", "tests.benchmarks", "--quick", "--into", str(into)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    (kept,) = into.iterdir()
    return done.stdout, json.loads(kept.read_text())


@pytest.mark.slow
@pytest.mark.timeout(LIMIT_S + 20)
def test_one_run_shows_the_edge_beside_bare_aiohttp_and_the_consumer(
    outcome: tuple[str, dict[str, Any]],
) -> None:
    """Figures of two runs on two days cannot be compared; these stand in one table."""
    text, results = outcome
    rows = [line.split("|")[1].strip() for line in text.splitlines() if line.startswith("| ")]
    assert any(row.startswith("bare aiohttp") for row in rows)
    assert "Sealgate's edge, embedded log" in rows
    assert "SQLite" in rows
    assert "Only ratios inside one run mean anything" in text
    for absent in results["left_out"]:
        assert absent in text
    if not results["left_out"]:
        assert {"Sealgate's edge, Kafka", "PostgreSQL"} <= set(rows)
    assert os.environ.get("REQUIRE_SERVICES") != "1" or not results["left_out"]


@pytest.mark.slow
@pytest.mark.timeout(LIMIT_S + 20)
def test_every_2xx_of_every_run_is_one_record_on_the_log(
    outcome: tuple[str, dict[str, Any]],
) -> None:
    """A rate of answers that nothing stands behind would be the best of all."""
    _, results = outcome
    published = [run for run in results["runs"] if run["program"] != "bare"]
    assert published
    for run in results["runs"]:
        report = run["report"]
        assert report["failures"] == {}
        assert report["sent"] == report["accepted"] > 0
    for run in published:
        assert run["records"] == run["report"]["accepted"]


@pytest.mark.slow
@pytest.mark.timeout(LIMIT_S + 20)
def test_both_loops_every_keyring_and_both_batches_are_there(
    outcome: tuple[str, dict[str, Any]],
) -> None:
    """What is not measured is what gets slower."""
    _, results = outcome
    loads = {run["load"] for run in results["runs"]}
    assert {"closed 64", "open 500/s", "open 50 %", "keys 1", "keys 2", "keys 3"} <= loads
    opened = [run for run in results["runs"] if run["load"].startswith("open")]
    assert all(run["report"]["late_p99_ms"] is not None for run in opened)
    assert {one["size"] for one in results["log"]} == {1, 64}
    assert {one["size"] for one in results["consumer"]} == {50, 500}
    assert all(one["done"]["wrong"] == [] for one in results["log"] + results["consumer"])
