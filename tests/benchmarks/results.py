"""Everything one invocation measured: one value that tables are made of, and the file is."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from tests.benchmarks.committing import Commits
from tests.benchmarks.downstream import Work
from tests.benchmarks.edge import Resident, Run
from tests.benchmarks.kills import Kills
from tests.benchmarks.memory import Memory
from tests.benchmarks.options import Options
from tests.benchmarks.outage import Outage
from tests.benchmarks.rotation import Rotated
from tests.benchmarks.split import Split


@dataclass(frozen=True, slots=True)
class Judged:
    """A bar, what was measured against it, and whether it holds; None: it was not measured."""

    what: str
    bar: str
    measured: str
    holds: bool | None


@dataclass(slots=True)
class Results:
    """What was measured, on what, and what was left out. The bars are judged at the end."""

    command: str
    machine: dict[str, str]
    options: Options
    left_out: list[str] = field(default_factory=list)
    runs: list[Run] = field(default_factory=list)
    resident: list[Resident] = field(default_factory=list)
    starts: list[Resident] = field(default_factory=list)
    memory: Memory | None = None
    outages: list[Outage] = field(default_factory=list)
    split: Split | None = None
    rotation: Rotated | None = None
    log: list[Work] = field(default_factory=list)
    consumer: list[Work] = field(default_factory=list)
    commits: Commits | None = None
    kills: Kills | None = None
    bars: Sequence[Judged] = ()
    seconds: float = 0.0
    others_share: float = 0.0

    @property
    def counted(self) -> int:
        """Count the records that were counted on logs."""
        counted = sum(run.records or 0 for run in self.runs)
        return counted + (self.rotation.records if self.rotation is not None else 0)
