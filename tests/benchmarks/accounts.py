"""Tables of what is more than one load: outages, memory, starts, commits, kills, parts. Pure."""

from collections.abc import Sequence

from tests.benchmarks.committing import Commits
from tests.benchmarks.edge import Resident
from tests.benchmarks.kills import Kills
from tests.benchmarks.memory import Memory
from tests.benchmarks.outage import Outage
from tests.benchmarks.programs import TITLES
from tests.benchmarks.split import Split
from tests.benchmarks.tables import Table, figure


def outages(found: Sequence[Outage]) -> list[Table]:
    """Say what the journal takes while Kafka is away, and how it empties."""
    if not found:
        return []
    latencies = [one.report.latency for one in found]
    columns = (
        "events/s journaled",
        "p50 ms",
        "p99 ms",
        "CPU µs/event",
        "events/s drained",
        "broker back to first, s",
        "twice on Kafka",
    )
    row = [
        figure([one.report.rate_per_s for one in found], "{:,.0f}"),
        figure([one.p50_ms for one in latencies], "{:.2f}"),
        figure([one.p99_ms for one in latencies], "{:.2f}"),
        figure([one.report.cpu_us for one in found], "{:.1f}"),
        figure([one.drained_per_s for one in found], "{:,.0f}"),
        figure([one.back_s for one in found], "{:.2f}"),
        figure([float(one.twice) for one in found], "{:,.0f}"),
    ]
    title = "Kafka killed: 64 connections into the journal, and the journal into Kafka"
    return [Table(title, columns, [row])]


def memory(found: Memory | None) -> list[Table]:
    """Say what is held with many connections, and whether that grows."""
    if found is None:
        return []
    lasted_s = found.samples[-1].at_s
    rows = [
        ["watched", f"{lasted_s:.0f} s at {found.rate_per_s:,.0f} events/s"],
        ["at the start", f"{found.samples[0].mib:.1f} MiB"],
        ["at the end", f"{found.samples[-1].mib:.1f} MiB"],
        ["most", f"{found.most_mib:.1f} MiB"],
        ["slope of the second half", f"{found.slope_kib_per_min:+,.0f} KiB/min"],
        ["ten minutes at that slope", f"{found.growth_share:+.1%}"],
    ]
    title = f"Memory: {TITLES[found.program]}, {found.connections:,} connections"
    return [Table(title, ("what", "resident"), rows)]


def starts(found: Sequence[Resident]) -> list[Table]:
    """Say how long an edge takes until it is ready."""
    names = dict.fromkeys(one.program for one in found)
    rows = [
        [
            TITLES[name],
            str(len(own := [one for one in found if one.program == name])),
            figure([one.ready_s for one in own], "{:.2f}"),
            figure([one.memory_mib for one in own], "{:.0f}"),
        ]
        for name in names
    ]
    columns = ("program", "starts", "to ready, s", "resident when ready, MiB")
    return [Table("Start", columns, rows)] if rows else []


def commits(found: Commits | None) -> list[Table]:
    """Say how long it takes from a delivery to its committed transition."""
    if found is None:
        return []
    turns = found.turns
    spans = (("answer", [one.answer for one in turns]), ("commit", [one.commit for one in turns]))
    rows = [
        [
            f"receipt to {name}" if name == "commit" else "sender's own wait for the answer",
            figure([one.p50_ms for one in own], "{:.2f}"),
            figure([one.p99_ms for one in own], "{:.2f}"),
            figure([one.p999_ms for one in own], "{:.2f}"),
        ]
        for name, own in spans
    ]
    half = figure([one.rate_per_s for one in turns], "{:,.0f}")
    said = (
        f"Edge and worker share a core; Kafka, PostgreSQL and the generator have the other. The"
        f" chain carries {found.chain_per_s:,.0f} events/s so; half of it: {half}. CPU µs/event:"
        f" edge {figure([one.edge_cpu_us for one in turns], '{:.0f}')},"
        f" worker {figure([one.worker_cpu_us for one in turns], '{:.0f}')}."
    )
    title = "Receipt to committed transition, at half of what the chain carries"
    return [Table(title, ("what", "p50 ms", "p99 ms", "p99.9 ms"), rows, [said])]


def kills(found: Kills | None) -> list[Table]:
    """Say what a broker that is killed under load costs."""
    if found is None:
        return []
    rows = [
        ["kills", f"{len(found.recovered_s)}"],
        ["events, at a fixed rate", f"{found.events:,} at {found.rate_per_s:,.0f}/s"],
        ["acknowledged", f"{found.acked:,}"],
        ["of these missing on the log, in the database or downstream", f"{found.missing:,}"],
        ["effects doubled", f"{found.doubled:,}"],
        ["answers other than 2xx", f"{found.refused:,}"],
        ["p50 and p99 of all answers, ms", f"{found.p50_ms:.1f} · {found.p99_ms:.1f}"],
        ["longest request, s", f"{found.longest_s:.2f}"],
        ["recovery, s, median (least to most)", figure(found.recovered_s, "{:.2f}")],
        ["recovery of each, s", " ".join(f"{one:.1f}" for one in found.recovered_s)],
    ]
    title = f"Broker killed under load, journal policy `{found.policy}`, seed {found.seed}"
    return [Table(title, ("what", "figure"), rows)]


def split(found: Split | None) -> list[Table]:
    """Say what each part of one event costs."""
    if found is None:
        return []
    rows = [[part.name, figure(part.us, "{:.1f}")] for part in found.parts]
    title = "The cost of one event, split by part"
    said = f"As a record, such an event weighs {found.record_bytes:,.0f} bytes."
    return [Table(title, ("part", "CPU µs"), rows, [said])]
