"""What a person may choose of a run, with the reason of each default."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from tests.benchmarks.processes import ROOT

Section = Literal["edge", "keys", "rotation", "log", "consumer"]
SECTIONS: tuple[Section, ...] = ("edge", "keys", "rotation", "log", "consumer")


@Parameter(name="*")
@dataclass(frozen=True, slots=True)
class Options:
    """How long, how often, how much."""

    quick: bool = False
    """A run of half a minute that proves the harness and no figure: one short round of each."""

    rounds: int = 3
    """Interleaved rounds; the tables show the median and the range."""

    seconds: float = 2.0
    """The length of one run under load."""

    connections: tuple[int, ...] = (64,)
    """Connections of the closed loop; each number is a table. The open loop takes the first."""

    rate: float = 3000.0
    """Requests a second in the open loop, the same for every program."""

    shares: tuple[int, ...] = (25, 50, 75)
    """Open loop at so many per cent of what the same program did in the closed one."""

    rotation_rate: float = 1000.0
    """Deliveries a second while keys are added, retired and revoked."""

    body_bytes: int = 1024
    """The size of every body; 16384 is the largest that providers send in earnest."""

    blocks: int = 6
    """History for the consumers: blocks of 400 payments, some 1,150 deliveries each."""

    only: tuple[Section, ...] = SECTIONS
    """Leave out the other parts."""

    into: Path = ROOT / "var" / "bench"
    """Where every run is kept as JSON, and where logs and databases live meanwhile."""

    markdown: Annotated[bool, Parameter(negative="")] = False
    """Also write the tables into docs/benchmarks.md."""

    def chosen(self) -> "Options":
        """Return what a run goes by: `quick` overrides what takes time."""
        if not self.quick:
            return self
        return replace(
            self, rounds=1, seconds=0.5, rate=500.0, shares=(50,), rotation_rate=200.0, blocks=2
        )
