"""From runs to tables: what is compared with what, and what a reader must be warned of. Pure."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from tests.benchmarks.downstream import Work
from tests.benchmarks.edge import Resident, Run
from tests.benchmarks.figures import Spread, ratios, spread
from tests.benchmarks.programs import BARE, EVERYBODY, KAFKA, TITLES
from tests.benchmarks.rotation import PHASES, Rotated

# A generator that needs so much of its core measured itself, at least in part.
BUSY_SHARE = 0.9
# An arrival sent so late is the generator's fault, and its latency says so too.
LATE_MS = 1.0
NOTHING = "-"
K = TypeVar("K")
V = TypeVar("V")


@dataclass(frozen=True, slots=True)
class Table:
    """A title, columns, rows of text, and what must be said about them."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    warnings: Sequence[str] = field(default_factory=tuple)

    def __str__(self) -> str:
        """Write it as Markdown that can also be read as it stands."""
        widths = [max(map(len, column)) for column in zip(self.columns, *self.rows, strict=True)]
        lines = [self.columns, ["-" * width for width in widths], *self.rows]
        text = [_line(line, widths) for line in lines]
        said = [f"\n**{warning}**" for warning in self.warnings]
        return "\n".join([f"### {self.title}", "", *text, *said])


def closed(runs: Sequence[Run]) -> list[Table]:
    """Compare what the programs can do: one table for each number of connections."""
    loads = dict.fromkeys(run.load for run in runs if run.load.startswith("closed "))
    return [_closed(load, [run for run in runs if run.load == load]) for load in loads]


def _closed(load: str, runs: Sequence[Run]) -> Table:
    rows = [
        [
            TITLES[name],
            figure([run.report.rate_per_s for run in own], "{:,.0f}"),
            _beside(runs, own, BARE),
            _beside(runs, own, EVERYBODY),
            *_latency(own),
            figure([run.report.cpu_us for run in own], "{:.1f}"),
            figure([run.report.generator_share * 100 for run in own], "{:.0f} %"),
        ]
        for name, own in _by(runs, lambda run: run.program)
    ]
    columns = (
        "program",
        "events/s",
        "x bare",
        "x everybody",
        "p50 ms",
        "p99 ms",
        "p99.9 ms",
        "CPU µs/event",
        "generator",
    )
    connections = load.removeprefix("closed ")
    return Table(f"Closed loop, {connections} connections", columns, rows, _busy(runs))


def opened(runs: Sequence[Run]) -> list[Table]:
    """Compare how long answers take: one table for each rate or share of capacity."""
    loads = dict.fromkeys(run.load for run in runs if run.load.startswith("open "))
    return [_opened(load, [run for run in runs if run.load == load]) for load in loads]


def _opened(load: str, runs: Sequence[Run]) -> Table:
    rows = [
        [
            TITLES[name],
            figure([run.report.rate_per_s for run in own], "{:,.0f}"),
            *_latency(own),
            figure([run.report.cpu_us for run in own], "{:.1f}"),
            figure([run.report.late_p99_ms for run in own], "{:.2f}"),
            figure([float(run.report.queued) for run in own], "{:,.0f}"),
        ]
        for name, own in _by(runs, lambda run: run.program)
    ]
    columns = (
        "program",
        "events/s",
        "p50 ms",
        "p99 ms",
        "p99.9 ms",
        "CPU µs/event",
        "generator late p99 ms",
        "stood in line",
    )
    at = load.removeprefix("open ")
    title = f"{at} of each program's own capacity" if at.endswith("%") else at
    return Table(f"Open loop, {title}", columns, rows, [*_busy(runs), *_late(runs)])


def keys(runs: Sequence[Run]) -> list[Table]:
    """Say what a second and a third key cost."""
    own = [run for run in runs if run.load.startswith("keys ")]
    if not own:
        return []
    first = [run for run in own if run.load == "keys 1"]
    rows = [
        [
            load.removeprefix("keys "),
            figure([run.report.rate_per_s for run in of], "{:,.0f}"),
            _over([run.report.rate_per_s for run in of], [run.report.rate_per_s for run in first]),
            figure([run.report.cpu_us for run in of], "{:.1f}"),
            _over([run.report.cpu_us for run in of], [run.report.cpu_us for run in first]),
        ]
        for load, of in _by(own, lambda run: run.load)
    ]
    columns = ("keys in the ring", "events/s", "x one key", "CPU µs/event", "x one key")
    title = f"Keys: {TITLES[own[0].program]}, the last key fits"
    return [Table(title, columns, rows)]


def sizes(runs: Sequence[Run]) -> list[Table]:
    """Say what larger bodies cost."""
    own = [run for run in runs if run.load.startswith("size ")]
    rows = [
        [
            f"{int(load.removeprefix('size ')):,}",
            TITLES[name],
            figure([run.report.rate_per_s for run in of], "{:,.0f}"),
            figure([_mib_per_s(run) for run in of], "{:,.1f}"),
            *_latency(of)[:2],
            figure([run.report.cpu_us for run in of], "{:.1f}"),
        ]
        for (load, name), of in _by(own, lambda run: (run.load, run.program))
    ]
    columns = ("bytes", "program", "events/s", "MiB/s", "p50 ms", "p99 ms", "CPU µs/event")
    title = "Body sizes: BTCPay's events, 64 connections"
    return [Table(title, columns, rows, _busy(own))] if own else []


def _mib_per_s(run: Run) -> float:
    return run.report.rate_per_s * int(run.load.removeprefix("size ")) / 2**20


def beside(runs: Sequence[Run], what: str, title: str, *said: str) -> list[Table]:
    """Compare edges that differ in one thing with the first of them."""
    own = [run for run in runs if run.load == what]
    first = [run for run in own if run.program == own[0].program]
    rows = [
        [
            f"journal: {TITLES[name]}" if what == "policy" and name == KAFKA else TITLES[name],
            figure([run.report.rate_per_s for run in of], "{:,.0f}"),
            _over([run.report.rate_per_s for run in of], [run.report.rate_per_s for run in first]),
            *_latency(of)[:2],
            figure([run.report.cpu_us for run in of], "{:.1f}"),
            figure([run.report.generator_share * 100 for run in of], "{:.0f} %"),
        ]
        for name, of in _by(own, lambda run: run.program)
    ]
    columns = (what, "events/s", "x first", "p50 ms", "p99 ms", "CPU µs/event", "generator")
    return [Table(title, columns, rows, [*said, *_busy(own)])] if own else []


def rotation(rotated: Rotated | None) -> list[Table]:
    """Say what a rotation costs whoever is being served, and that it loses nothing."""
    if rotated is None:
        return []
    turns = rotated.turns
    spans = [(name, [turn.phases[name] for turn in turns]) for name in PHASES]
    spans.append(("1 s around each dry run", [turn.control for turn in turns]))
    spans.append(("1 s around each change", [turn.change for turn in turns]))
    rows = [
        [
            name,
            figure([one.p50_ms for one in own], "{:.2f}"),
            figure([one.p99_ms for one in own], "{:.2f}"),
            figure([one.p999_ms for one in own], "{:.2f}"),
        ]
        for name, own in spans
    ]
    rows.append(["change x dry run", NOTHING, figure([t.ratio for t in turns], "{:.2f}"), NOTHING])
    title = f"Rotation: Sealgate's edge, embedded log, {rotated.rate_per_s:,.0f} deliveries/s"
    return [
        Table(title, ("while", "p50 ms", "p99 ms", "p99.9 ms"), rows),
        Table("Rotation, counted", ("what", "deliveries"), _counted(rotated)),
    ]


def _counted(rotated: Rotated) -> list[list[str]]:
    turns = rotated.turns
    counts = {
        "legitimate": sum(turn.legitimate for turn in turns),
        "legitimate and not on the log": sum(turn.lost for turn in turns),
        "with the old key, 1 s after its revocation or later": sum(t.forged_late for t in turns),
        "of these accepted": sum(turn.accepted_late for turn in turns),
    }
    return [[what, f"{count:,}"] for what, count in counts.items()]


def log(work: Sequence[Work]) -> list[Table]:
    """Say what the disk confirms, in the embedded log and in the journal."""
    if not work:
        return []
    alone = {
        what: [one.done.rate_per_s for one in work if one.what == what and one.size == 1]
        for what in dict.fromkeys(one.what for one in work)
    }
    rows = [
        [
            what,
            str(abreast),
            figure([one.done.rate_per_s for one in own], "{:,.0f}"),
            _over([one.done.rate_per_s for one in own], alone[what]),
            figure([one.done.cpu_us for one in own], "{:.1f}"),
        ]
        for (what, abreast), own in _by(work, lambda one: (one.what, one.size))
    ]
    columns = ("file", "callers at once", "durable events/s", "x one caller", "CPU µs/event")
    return [Table("Every publish fsynced before it is confirmed", columns, rows)]


def consumer(work: Sequence[Work]) -> list[Table]:
    """Say what the worker applies."""
    if not work:
        return []
    rows = [
        [
            what,
            str(batch),
            figure([one.done.rate_per_s for one in own], "{:,.0f}"),
            figure([one.done.cpu_us for one in own], "{:.1f}"),
        ]
        for (what, batch), own in _by(work, lambda one: (one.what, one.size))
    ]
    columns = ("store", "batch", "events/s applied", "CPU µs/event of the worker")
    events = work[0].done.events
    return [Table(f"Consumer: the real worker, a history of {events:,} events", columns, rows)]


def resident(found: Sequence[Resident]) -> list[Table]:
    """Say what starting and being there costs."""
    if not found:
        return []
    rows = [[TITLES[r.program], f"{r.ready_s:.2f}", f"{r.memory_mib:.0f}"] for r in found]
    columns = ("program", "start to ready, s", "resident at the end, MiB")
    return [Table("Processes", columns, rows)]


def figure(values: Iterable[float | None], form: str) -> str:
    """Write the median over rounds with the range beside it."""
    found = spread(values)
    return NOTHING if found is None else _text(found, form)


def _text(found: Spread, form: str) -> str:
    middle, low, high = (form.format(value) for value in found)
    return middle if low == high else f"{middle} ({low} to {high})"


def _by(items: Iterable[V], key: Callable[[V], K]) -> Iterable[tuple[K, list[V]]]:
    groups: dict[K, list[V]] = {}
    for item in items:
        groups.setdefault(key(item), []).append(item)
    return groups.items()


def _latency(runs: Sequence[Run]) -> list[str]:
    latencies = [run.report.latency for run in runs]
    return [
        figure([one.p50_ms for one in latencies], "{:.2f}"),
        figure([one.p99_ms for one in latencies], "{:.2f}"),
        figure([one.p999_ms for one in latencies], "{:.2f}"),
    ]


def _beside(runs: Sequence[Run], own: Sequence[Run], other: str) -> str:
    """Divide by what another program did in the same round."""
    others = [run.report.rate_per_s for run in runs if run.program == other]
    return _over([run.report.rate_per_s for run in own], others)


def _over(values: Sequence[float], to: Sequence[float]) -> str:
    return figure(ratios(values, to), "{:.2f}") if to else NOTHING


def _busy(runs: Sequence[Run]) -> list[str]:
    busy = [run for run in runs if run.report.generator_share >= BUSY_SHARE]
    return _warn("The generator was short of CPU against", busy)


def _late(runs: Sequence[Run]) -> list[str]:
    late = [run for run in runs if (run.report.late_p99_ms or 0) > LATE_MS]
    return _warn("The generator itself fell behind its schedule against", late)


def _warn(warning: str, runs: Sequence[Run]) -> list[str]:
    names = dict.fromkeys(run.program for run in runs)
    return [f"{warning}: {', '.join(names)}."] if names else []


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    first = cells[0].ljust(widths[0])
    others = [cell.rjust(width) for cell, width in zip(cells[1:], widths[1:], strict=True)]
    return "| " + " | ".join([first, *others]) + " |"
