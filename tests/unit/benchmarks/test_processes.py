"""Processes of the benchmark: where they run, what they cost, what they say in the end."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.benchmarks.processes import (
    Cores,
    Running,
    Unsound,
    cpu_s,
    family,
    on,
    resident_mib,
)

BURN = (
    "import time\nend = time.process_time() + 0.3\nwhile time.process_time() < end: pass\ninput()"
)


@pytest.mark.parametrize(
    ("available", "server", "generator", "services"),
    [
        ([0, 1], 0, 1, {1}),
        ([2, 3, 5, 7], 2, 3, {5, 7}),
        ([4], 4, 4, {4}),
    ],
)
def test_the_program_under_test_has_a_core_to_itself_where_there_are_two(
    available: list[int], server: int, generator: int, services: set[int]
) -> None:
    """What shares its core with its load generator is measured by what that leaves it."""
    cores = Cores.of(available)
    assert (cores.server, cores.generator, set(cores.services)) == (server, generator, services)
    assert cores.alone == (len(available) > 1)


@pytest.mark.parametrize(
    ("available", "several"), [([0, 1], {0, 1}), ([2, 3, 5, 7], {2, 5, 7}), ([4], {4})]
)
def test_several_workers_have_what_the_generator_leaves(
    available: list[int], several: set[int]
) -> None:
    """On two cores that would be one, and two workers on it no more than one."""
    assert Cores.of(available).several == several


def test_a_child_runs_where_it_was_started() -> None:
    """Affinity is inherited with every thread, which a later call would not reach."""
    core = min(os.sched_getaffinity(0))
    before = os.sched_getaffinity(0)
    with on(frozenset({core})):
        said = subprocess.check_output(
            [sys.executable, "-c", "import os; print(os.sched_getaffinity(0))"], text=True
        )
    assert said.strip() == str({core})
    assert os.sched_getaffinity(0) == before


def test_the_cost_of_a_process_is_the_cpu_it_used() -> None:
    """300 ms were burnt on purpose; a clock on the wall would show whatever else happened."""
    with subprocess.Popen([sys.executable, "-c", BURN], stdin=subprocess.PIPE) as process:
        while cpu_s(process.pid) < 0.3:
            assert process.poll() is None
        assert resident_mib(process.pid) > 1
        process.communicate(b"\n")


def test_the_cost_of_a_supervisor_is_that_of_its_workers() -> None:
    """It does nothing itself: by its own account two workers would be free of charge."""
    parent = f"import subprocess, sys\nsubprocess.run([sys.executable, '-c', {BURN!r}])"
    with subprocess.Popen([sys.executable, "-c", parent], stdin=subprocess.PIPE) as process:
        until_s = time.monotonic() + 30
        while cpu_s(process.pid) < 0.3 or len(family(process.pid)) < 2:
            assert process.poll() is None
            assert time.monotonic() < until_s
            time.sleep(0.01)
        child = family(process.pid)[1]
        assert resident_mib(process.pid) > resident_mib(child) > 1
        process.communicate(b"\n")


def test_a_server_that_does_not_start_says_why(tmp_path: Path) -> None:
    """Whoever runs the benchmark needs the reason, not a time-out."""
    command = [sys.executable, "-c", "raise SystemExit('no such topic')"]
    running = Running.start(command, tmp_path / "said", frozenset({min(os.sched_getaffinity(0))}))
    with pytest.raises(Unsound, match="no such topic"):
        running.started()
