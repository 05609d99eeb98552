"""What a person may choose of a run, with the reason of each default."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Literal, get_args

from cyclopts import Parameter

from tests.benchmarks.processes import ROOT

Section = Literal[
    "edge",
    "keys",
    "sizes",
    "policies",
    "workers",
    "memory",
    "start",
    "split",
    "outage",
    "rotation",
    "log",
    "consumer",
    "commit",
    "kills",
]
SECTIONS: tuple[Section, ...] = get_args(Section)
LISTENING: frozenset[Section] = frozenset({"edge", "keys", "sizes", "policies", "split"})
"""These share programs that run throughout."""
LONG: frozenset[Section] = frozenset({"rotation", "kills"})
"""These are made of waits that cannot be shorter: a quick run has them only if they are named."""


@Parameter(name="*")
@dataclass(frozen=True, slots=True)
class Options:
    """How long, how often, how much."""

    quick: bool = False
    """A run of a minute that proves the harness and no figure: one short round of each."""

    rounds: int = 3
    """Interleaved rounds; the tables show the median and the range."""

    seconds: float = 2.0
    """The length of one run under load."""

    connections: tuple[int, ...] = (64, 256)
    """Connections of the closed loop; each number is a table. The open loop takes the first."""

    rate: float = 3000.0
    """Requests a second in the open loop, the same for every program."""

    shares: tuple[int, ...] = (25, 50, 75)
    """Open loop at so many per cent of what the same program did in the closed one."""

    rotation_rate: float = 1000.0
    """Deliveries a second while keys are added, retired and revoked."""

    body_bytes: int = 1024
    """The size of every body, but in the section about sizes."""

    sizes: tuple[int, ...] = (307, 1024, 16_384, 262_144)
    """Sizes of bodies that are compared: 0.3 KiB is the smallest of a payment provider's, 16 KiB
    the largest sent in earnest, 256 KiB half of what the edge takes."""

    soak_s: float = 60.0
    """How long memory is watched, with 1,000 connections; 600 is the ten minutes of the bar."""

    starts: int = 5
    """How often an edge is started, to see how long that takes."""

    kills: int = 20
    """How often the broker is killed under load."""

    blocks: int = 6
    """History for the consumers: blocks of 400 payments, some 1,150 deliveries each."""

    only: tuple[Section, ...] = ()
    """Leave out the other parts; without it there are all, but rotation and kills if quick."""

    into: Path = ROOT / "var" / "bench"
    """Where every run is kept as JSON, and where logs and databases live meanwhile."""

    markdown: Annotated[bool, Parameter(negative="")] = False
    """Also write the tables into docs/benchmarks.md, docs/performance.md and README.md; for that
    it must be a whole run, so that no page has figures of two days."""

    def chosen(self) -> "Options":
        """Return what a run goes by: `quick` overrides what takes time."""
        if not self.quick:
            return replace(self, only=self.only or SECTIONS)
        return replace(
            self,
            rounds=1,
            seconds=0.4,
            connections=self.connections[:1],
            rate=500.0,
            shares=(50,),
            rotation_rate=200.0,
            blocks=2,
            soak_s=min(self.soak_s, 2.0),
            starts=1,
            kills=min(self.kills, 1),
            only=self.only or tuple(one for one in SECTIONS if one not in LONG),
        )

    @property
    def is_whole(self) -> bool:
        """Say whether this is a run whose figures may be shown."""
        return not self.quick and set(self.only) == set(SECTIONS)
