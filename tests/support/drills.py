"""The drills, played by the real command once per session, embedded, and all that they left.

A drill takes a quarter of a minute: whoever wants to look at one looks at the same.
"""

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
DRILLS = ("key-compromise", "environment-leak", "duplicate-delivery", "divergence")
DRILL_S = 180.0


@dataclass(frozen=True, slots=True)
class Played:
    """A drill that has ended: its exit code, what it said, and the directory that it left."""

    code: int
    out: str
    err: str
    directory: Path

    @property
    def sheet(self) -> dict[str, Any]:
        """Its evidence sheet, as it was printed."""
        sheet: dict[str, Any] = json.loads(self.out)
        return sheet


DrillResults = Callable[[str], Played]
"""Returns a drill by its name."""


@pytest.fixture(scope="session")
def drill_results(tmp_path_factory: pytest.TempPathFactory) -> DrillResults:
    """Return what plays a drill when it is asked for first, and what it left from then on."""
    played: dict[str, Played] = {}

    def result(name: str) -> Played:
        if name not in played:
            directory = tmp_path_factory.mktemp("drill") / name
            played[name] = play(name, directory)
        return played[name]

    return result


def play(name: str, directory: Path, *words: str) -> Played:
    """Play a drill into a new directory."""
    done = subprocess.run(
        [sys.executable, "-m", "sealgate", "drill", name, "--output", directory, "--json", *words],
        capture_output=True,
        check=False,
        cwd=ROOT,
        text=True,
        timeout=DRILL_S,
    )
    return Played(done.returncode, done.stdout, done.stderr, directory)
