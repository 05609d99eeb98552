"""What a run leaves behind: tables for people, JSON for programs, pages of the documentation."""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import orjson

from tests.benchmarks import accounts, bars, plan, tables
from tests.benchmarks.edge import Run
from tests.benchmarks.figures import spread
from tests.benchmarks.machine import FOREIGN_SHARE_MAX
from tests.benchmarks.processes import ROOT
from tests.benchmarks.results import Results
from tests.benchmarks.tables import Table

PAGE, PERFORMANCE, README = (
    ROOT / "docs" / "benchmarks.md",
    ROOT / "docs" / "performance.md",
    ROOT / "README.md",
)
PAGES = (PAGE, PERFORMANCE, README)
BEGIN, END = "<!-- generated: begin -->", "<!-- generated: end -->"
WORKERS = (
    "The workers have every core that the generator leaves, and where there are two, both: what it"
    " and the broker take is missing to the second worker, so that row is the least of its worth."
)
WARNING = (
    "Only ratios inside one run mean anything: the absolute figures are this machine's, on that"
    " day, with whatever else it did."
)


def every_table(results: Results) -> list[Table]:
    """Return every table there is something for; the bars stand last."""
    runs = results.runs
    return [
        *tables.closed(runs),
        *tables.opened(runs),
        *tables.keys(runs),
        *tables.sizes(runs),
        *tables.beside(runs, "policy", "Policies of the journal, Kafka there, 64 connections"),
        *tables.beside(runs, "workers", "Workers on Kafka, 64 connections", WORKERS),
        *accounts.outages(results.outages),
        *accounts.memory(results.memory),
        *accounts.starts(results.starts),
        *tables.rotation(results.rotation),
        *tables.resident(results.resident),
        *tables.log(results.log),
        *tables.consumer(results.consumer),
        *accounts.commits(results.commits),
        *accounts.kills(results.kills),
        *accounts.split(results.split),
        *bars.table(results.bars),
    ]


def markdown(results: Results) -> str:
    """Return the tables with what they were measured on."""
    machine = [f"- {name}: {value}" for name, value in results.machine.items()]
    options = results.options
    load = (
        f"{options.rounds} interleaved rounds of {options.seconds:g} s,"
        f" bodies of {options.body_bytes:,} bytes; median (least to most)"
    )
    head = [f"`{results.command}`: {load}. It took {results.seconds:.0f} s.", "", *machine]
    head += ["", f"Counted on the logs: {results.counted:,} records, one for each 2xx. {WARNING}"]
    head += [f"\n**{warning}**" for warning in _warnings(results)]
    return "\n\n".join(["\n".join(head), *map(str, every_table(results))]) + "\n"


def _warnings(results: Results) -> list[str]:
    found = [f"Left out: {reason}" for reason in dict.fromkeys(results.left_out)]
    if results.others_share > FOREIGN_SHARE_MAX:
        found.append(
            f"Others used {results.others_share:.0%} of the machine meanwhile: this run is no"
            " measurement. Repeat it on a quiet machine."
        )
    return found


def say(line: str) -> None:
    """Tell whoever waits how far it is; the tables alone go to standard output."""
    sys.stderr.write(line + "\n")
    sys.stderr.flush()


def write_json(results: Results, directory: Path) -> Path:
    """Write everything, each run by itself, for whoever wants to compute something else."""
    stamp = results.machine["date"].translate(str.maketrans(" :", "--"))
    path = directory / f"{stamp}.json"
    path.write_bytes(orjson.dumps(results, default=_plain, option=orjson.OPT_INDENT_2))
    return path


def _plain(value: object) -> object:
    """Say what JSON has no word for: a named tuple is a list, a path is its text."""
    return list(value) if isinstance(value, tuple) else str(value)


def write_pages(results: Results, pages: Sequence[Path] = PAGES) -> None:
    """Put the tables between the marks of every page, or touch none of them.

    Raises `ValueError` where a page has no marks.
    """
    page, performance, readme = pages
    written: Mapping[Path, str] = {
        page: _between(page, markdown(results)),
        performance: _between(performance, of_performance(results)),
        readme: _between(readme, of_readme(results)),
    }
    for path, text in written.items():
        path.write_text(text)


def of_readme(results: Results) -> str:
    """Return what the README shows: the bars, where and when."""
    return "\n\n".join([_whence(results), *map(str, bars.table(results.bars))]) + "\n"


def of_performance(results: Results) -> str:
    """Return what the page about performance shows: the parts of an event, and the plan."""
    found = [*accounts.split(results.split), *plan.table(plan.figures(results))]
    return "\n\n".join([_whence(results), *map(str, found)]) + "\n"


def _whence(results: Results) -> str:
    machine = results.machine
    said = f"`make bench` on {machine['processor']}, {machine['date']}."
    return "\n\n".join([said, *(f"**{warning}**" for warning in _warnings(results))])


def _between(page: Path, text: str) -> str:
    """Return the page with a text between its marks."""
    before, begin, rest = page.read_text().partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"{page} needs the lines {BEGIN} and {END}, for the tables between them")
    return f"{before}{BEGIN}\n\n{text}\n{END}{after}"


def capacity(runs: Sequence[Run], connections: int) -> dict[str, float]:
    """Return what each program did in the closed loop: the median over the rounds."""
    found: dict[str, float] = {}
    for name in dict.fromkeys(run.program for run in runs):
        own = [r for r in runs if r.program == name and r.load == f"closed {connections}"]
        rates = spread(run.report.rate_per_s for run in own)
        if rates is not None:
            found[name] = rates.median
    return found
