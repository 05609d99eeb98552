"""What one event costs, split by part: `python -m tests.benchmarks.split` prints the table.

Each round measures every part by itself (`parts`), a publish by itself, and the whole edge under a
closed loop beside bare aiohttp, all on the same core and in turn. The rest is what no part has:
the kernel's sockets, the event loop, the hand-over between the parts, and caches that are cold.
"""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.benchmarks.done import Done
from tests.benchmarks.edge import Bench
from tests.benchmarks.filling import Publish
from tests.benchmarks.parts import Costs, Job
from tests.benchmarks.processes import Colleague, Unsound
from tests.benchmarks.programs import BARE, Server

COUNT, COUNT_QUICK = 5000, 500
ABREAST = 64
PUBLISH = "publish, 64 callers at once"
REST = "the rest: sockets, event loop, emptier requests, cold caches"
WHOLE = "the whole edge"
BARE_WHOLE = "bare aiohttp `web.Server`, the whole of it"


@dataclass(frozen=True, slots=True)
class Part:
    """What one part cost in each round, in microseconds of CPU an event."""

    name: str
    us: Sequence[float]


@dataclass(frozen=True, slots=True)
class Split:
    """All parts, the rest and the whole, and what one event weighs as a record."""

    parts: Sequence[Part]
    record_bytes: float


@dataclass(frozen=True, slots=True)
class Means:
    """Who does what: the parts, a publish to this log, the load on whole programs."""

    parts: Colleague
    clerk: Colleague
    bench: Bench
    configuration: Path
    log_url: str


def split(means: Means, servers: Sequence[Server]) -> Split:
    """Measure every part and the whole, so many rounds. The last of `servers` is the edge."""
    options = means.bench.options
    rounds: dict[str, list[float]] = {}
    count = COUNT_QUICK if options.quick else COUNT
    weights = []
    for _ in range(options.rounds):
        job = Job(str(means.configuration), count, options.body_bytes)
        costs = means.parts.ask(job, Costs)
        weights.append(costs.record_bytes)
        found = dict(costs.parts_us)
        found[PUBLISH] = _publish(means)
        wholes = {one.name: means.bench.whole(one).report.cpu_us for one in servers}
        whole_us = wholes[servers[-1].name]
        found[REST] = whole_us - sum(found.values())
        found[WHOLE] = whole_us
        found[BARE_WHOLE] = wholes[BARE]
        for name, spent_us in found.items():
            rounds.setdefault(name, []).append(spent_us)
    return Split([Part(name, us) for name, us in rounds.items()], weights[0])


def _publish(means: Means) -> float:
    options = means.bench.options
    job = Publish(means.log_url, ABREAST, options.seconds, options.body_bytes)
    done = means.clerk.ask(job, Done)
    if done.wrong:
        raise Unsound(f"publish: {'; '.join(done.wrong)}")
    return done.cpu_us


def main() -> None:
    """Run the benchmark for this alone, with the options of the command line."""
    # Here, or the two would import each other.
    from tests.benchmarks.__main__ import app

    app(["--only", "split", *sys.argv[1:]])


if __name__ == "__main__":
    main()
