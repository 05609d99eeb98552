"""What a run leaves behind: tables for people, JSON for programs, a page of the documentation."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import orjson

from tests.benchmarks import tables
from tests.benchmarks.downstream import Work
from tests.benchmarks.edge import Resident, Run
from tests.benchmarks.figures import spread
from tests.benchmarks.machine import FOREIGN_SHARE_MAX
from tests.benchmarks.options import Options
from tests.benchmarks.processes import ROOT
from tests.benchmarks.rotation import Rotated

PAGE = ROOT / "docs" / "benchmarks.md"
BEGIN, END = "<!-- generated: begin -->", "<!-- generated: end -->"
WARNING = (
    "Only ratios inside one run mean anything: the absolute figures are this machine's, on that"
    " day, with whatever else it did."
)


@dataclass(slots=True)
class Results:
    """Everything one invocation measured, and what it left out."""

    command: str
    machine: dict[str, str]
    options: Options
    left_out: list[str] = field(default_factory=list)
    runs: list[Run] = field(default_factory=list)
    resident: list[Resident] = field(default_factory=list)
    rotation: Rotated | None = None
    log: list[Work] = field(default_factory=list)
    consumer: list[Work] = field(default_factory=list)
    seconds: float = 0.0
    others_share: float = 0.0

    def tables(self) -> list[tables.Table]:
        """Return every table there is something for."""
        return [
            *tables.closed(self.runs),
            *tables.opened(self.runs),
            *tables.keys(self.runs),
            *tables.rotation(self.rotation),
            *tables.resident(self.resident),
            *tables.log(self.log),
            *tables.consumer(self.consumer),
        ]

    def markdown(self) -> str:
        """Return the tables with what they were measured on."""
        machine = [f"- {name}: {value}" for name, value in self.machine.items()]
        options = self.options
        load = (
            f"{options.rounds} interleaved rounds of {options.seconds:g} s,"
            f" bodies of {options.body_bytes:,} bytes; median (least to most)"
        )
        head = [f"`{self.command}`: {load}. It took {self.seconds:.0f} s.", "", *machine]
        counted = sum(run.records or 0 for run in self.runs)
        counted += self.rotation.records if self.rotation is not None else 0
        head += ["", f"Counted on the logs: {counted:,} records, one for each 2xx. {WARNING}"]
        if self.others_share > FOREIGN_SHARE_MAX:
            head.append(
                f"\n**Others used {self.others_share:.0%} of the machine meanwhile: this run is no"
                " measurement. Repeat it on a quiet machine.**"
            )
        head += [f"\n**Left out: {reason}**" for reason in self.left_out]
        return "\n\n".join(["\n".join(head), *map(str, self.tables())]) + "\n"


def say(line: str) -> None:
    """Tell whoever waits how far it is; the tables alone go to standard output."""
    sys.stderr.write(line + "\n")
    sys.stderr.flush()


def write_json(results: Results, directory: Path) -> Path:
    """Write everything, each run by itself, for whoever wants to compute something else."""
    stamp = results.machine["date"].translate(str.maketrans(" :", "--"))
    path = directory / f"{stamp}.json"
    path.write_bytes(orjson.dumps(results, default=str, option=orjson.OPT_INDENT_2))
    return path


def write_page(results: Results, page: Path = PAGE) -> None:
    """Put the tables between the marks of the page. Raises `ValueError` if it has none."""
    before, begin, rest = page.read_text().partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"{page} needs the lines {BEGIN} and {END}, for the tables between them")
    page.write_text(f"{before}{BEGIN}\n\n{results.markdown()}\n{END}{after}")


def capacity(runs: Sequence[Run], connections: int) -> dict[str, float]:
    """Return what each program did in the closed loop: the median over the rounds."""
    found: dict[str, float] = {}
    for name in dict.fromkeys(run.program for run in runs):
        own = [r for r in runs if r.program == name and r.load == f"closed {connections}"]
        rates = spread(run.report.rate_per_s for run in own)
        if rates is not None:
            found[name] = rates.median
    return found
