"""The bars: what must hold, how it is measured, and whether it does. Data, and its judgement.

A bar is judged by the median over the rounds; the range stands beside it. What a run did not
measure is neither held nor missed, and a quick run judges nothing. A figure at another rate or with
other connections than the bar names is no measurement of it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum

from tests.benchmarks.downstream import JOURNAL, POSTGRES, SQLITE
from tests.benchmarks.edge import Run
from tests.benchmarks.figures import Latency, ratios, spread
from tests.benchmarks.programs import BARE, EVERYBODY, KAFKA
from tests.benchmarks.results import Judged, Results
from tests.benchmarks.tables import NOTHING, Table, figure

Measured = Sequence[float | None]
AT_RATE = "open 3000/s"
AT_HALF = "open 50 %"
BATCH = 500
FLAT_S = 300.0
"""The slope of a shorter watch is mostly that of buffers which fill."""


class Sense(Enum):
    """On which side of a bar is well."""

    LEAST = "≥"
    MOST = "≤"


@dataclass(frozen=True, slots=True)
class Bar:
    """One thing that must hold. `form` writes a figure with its unit."""

    what: str
    sense: Sense
    bound: float
    form: str
    measure: Callable[[Results], Measured]

    def judge(self, results: Results) -> Judged:
        """Hold what was measured against the bar."""
        found = self.measure(results)
        middle = spread(found)
        holds = None
        if middle is not None and not results.options.quick:
            held = middle.median >= self.bound, middle.median <= self.bound
            holds = held[self.sense is Sense.MOST]
        bar = f"{self.sense.value} {self.form.format(self.bound)}"
        return Judged(self.what, bar, figure(found, self.form), holds)


def _runs(results: Results, program: str, load: str) -> list[Run]:
    return [run for run in results.runs if run.program == program and run.load == load]


def _rate_beside(other: str, connections: int) -> Callable[[Results], Measured]:
    load = f"closed {connections}"

    def measure(results: Results) -> Measured:
        own, beside = _runs(results, KAFKA, load), _runs(results, other, load)
        if not own or not beside:
            return ()
        return ratios([r.report.rate_per_s for r in own], [r.report.rate_per_s for r in beside])

    return measure


def _latency(of: Callable[[Latency], float | None], load: str) -> Callable[[Results], Measured]:
    return lambda results: [of(run.report.latency) for run in _runs(results, KAFKA, load)]


def _latency_beside(of: Callable[[Latency], float | None]) -> Callable[[Results], Measured]:
    def measure(results: Results) -> Measured:
        pairs = zip(
            _runs(results, KAFKA, AT_RATE), _runs(results, EVERYBODY, AT_RATE), strict=False
        )
        found = [(of(own.report.latency), of(other.report.latency)) for own, other in pairs]
        return [own / other for own, other in found if own is not None and other]

    return measure


def _p50(latency: Latency) -> float | None:
    return latency.p50_ms


def _p99(latency: Latency) -> float | None:
    return latency.p99_ms


def _p999(latency: Latency) -> float | None:
    return latency.p999_ms


def _cpu(results: Results) -> Measured:
    return [run.report.cpu_us for run in _runs(results, KAFKA, AT_RATE)]


def _keys(number: int) -> Callable[[Results], Measured]:
    def measure(results: Results) -> Measured:
        cost = {
            load: [run.report.cpu_us for run in results.runs if run.load == load]
            for load in ("keys 1", f"keys {number}")
        }
        one, more = cost.values()
        return [(ratio - 1) * 100 for ratio in ratios(more, one)]

    return measure


def _memory(results: Results) -> Measured:
    return [results.memory.most_mib] if results.memory is not None else ()


def _growth(results: Results) -> Measured:
    memory = results.memory
    is_long = memory is not None and memory.samples[-1].at_s >= FLAT_S
    return [memory.growth_share * 100] if memory is not None and is_long else ()


def _consumer(what: str) -> Callable[[Results], Measured]:
    """Compare what a core of Python applies with what a core of Python accepts."""

    def measure(results: Results) -> Measured:
        works = [one for one in results.consumer if one.what == what and one.size == BATCH]
        edge = spread(run.report.rate_per_s for run in _runs(results, KAFKA, "closed 64"))
        if edge is None:
            return ()
        return [1e6 / one.done.cpu_us / edge.median for one in works]

    return measure


def _commit(results: Results) -> Measured:
    return [one.commit.p99_ms for one in results.commits.turns] if results.commits else ()


def _start(results: Results) -> Measured:
    return [one.ready_s for one in results.starts if one.program == KAFKA]


def _journal(results: Results) -> Measured:
    rates = {
        size: [w.done.rate_per_s for w in results.log if w.what == JOURNAL and w.size == size]
        for size in (64, 1)
    }
    return ratios(rates[64], rates[1])


def _missing(results: Results) -> Measured:
    return [float(results.kills.missing)] if results.kills is not None else ()


def _doubled(results: Results) -> Measured:
    return [float(results.kills.doubled)] if results.kills is not None else ()


LEAST, MOST = Sense.LEAST, Sense.MOST
BARS = (
    Bar("edge on Kafka x bare, 64 connections", LEAST, 0.6, "{:.2f}", _rate_beside(BARE, 64)),
    Bar("edge on Kafka x bare, 256 connections", LEAST, 0.6, "{:.2f}", _rate_beside(BARE, 256)),
    Bar(
        "edge on Kafka x what everybody writes, 64 connections",
        LEAST,
        1.3,
        "{:.2f}",
        _rate_beside(EVERYBODY, 64),
    ),
    Bar(
        "edge on Kafka x what everybody writes, 256 connections",
        LEAST,
        1.3,
        "{:.2f}",
        _rate_beside(EVERYBODY, 256),
    ),
    Bar("p50 at 3,000/s, open loop", MOST, 1.5, "{:.2f} ms", _latency(_p50, AT_RATE)),
    Bar("p99 at 3,000/s, open loop", MOST, 5.0, "{:.2f} ms", _latency(_p99, AT_RATE)),
    Bar("p50 at 3,000/s x everybody's", MOST, 4 / 3, "{:.2f}", _latency_beside(_p50)),
    Bar("p99 at 3,000/s x everybody's", MOST, 4 / 3, "{:.2f}", _latency_beside(_p99)),
    Bar("CPU of an event at 3,000/s", MOST, 100.0, "{:.0f} µs", _cpu),
    Bar("p99 at half of capacity", MOST, 25.0, "{:.1f} ms", _latency(_p99, AT_HALF)),
    Bar("p99.9 at half of capacity", MOST, 100.0, "{:.1f} ms", _latency(_p999, AT_HALF)),
    Bar("CPU that a second key adds", MOST, 5.0, "{:.1f} %", _keys(2)),
    Bar("CPU that a third key adds", MOST, 5.0, "{:.1f} %", _keys(3)),
    Bar("resident at 1,000 connections", MOST, 150.0, "{:.0f} MiB", _memory),
    Bar("growth in ten minutes, by the slope", MOST, 5.0, "{:.1f} %", _growth),
    Bar(
        "applied by a core of Python, PostgreSQL, x the edge's rate",
        LEAST,
        1.0,
        "{:.2f}",
        _consumer(POSTGRES),
    ),
    Bar(
        "applied by a core of Python, SQLite, x the edge's rate",
        LEAST,
        1.0,
        "{:.2f}",
        _consumer(SQLITE),
    ),
    Bar("receipt to commit at half load, p99", MOST, 1000.0, "{:,.0f} ms", _commit),
    Bar("start of the edge to ready", MOST, 1.5, "{:.2f} s", _start),
    Bar("journal, 64 callers x one caller", LEAST, 20.0, "{:.1f}", _journal),
    Bar("broker killed: acknowledged events missing", MOST, 0.0, "{:.0f}", _missing),
    Bar("broker killed: effects doubled", MOST, 0.0, "{:.0f}", _doubled),
)
_SAID = {True: "yes", False: "**no**", None: "not judged"}


def judge(results: Results) -> list[Judged]:
    """Judge every bar."""
    return [bar.judge(results) for bar in BARS]


def table(judged: Sequence[Judged]) -> list[Table]:
    """Show every bar, where any was measured."""
    if all(one.measured == NOTHING for one in judged):
        return []
    rows = [[one.what, one.bar, one.measured, _SAID[one.holds]] for one in judged]
    return [Table("The bars", ("what", "bar", "measured", "holds"), rows)]
