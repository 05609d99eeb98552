"""`docs/metrics.md`, written from the catalogue by ``make docs``; a test holds the two together.

The catalogue flows in; Markdown flows out: a table for each kind of process, how far each label
goes, and what an SRE may look for by another name.
"""

import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from sealgate.lifecycle_docs.tables import sentence, table
from sealgate.metrics_docs.bounds import OPEN, bound
from sealgate.metrics_docs.catalogue import Metric, catalogue
from sealgate.metrics_docs.elsewhere import SOUGHT
from sealgate.metrics_docs.registries import EVERY, SUPERVISOR
from sealgate.metrics_docs.uses import expression, together, unit
from sealgate.role import Role

_INTRODUCTION = (
    "# Metrics\n"
    "\n"
    "Generated from the declarations in the code by `make docs`. Every process serves them "
    "at `/metrics` of its admin port, in Prometheus' text format, or in OpenMetrics to who "
    "asks for it. `sealgate up` plays all roles and tells everything. [Alerts](alerts.md) "
    "are made of these, and the boards in `dashboards/grafana`.\n"
    "\n"
    "- **Everything exists at zero** from the first second, so that a rate sees the first "
    "failure. What is *absent where …* has no value then; a collector of the monitor that "
    "fails drops its series and sets `sealgate_collector_success` to 0: an old number that "
    "looks fresh is worse than none.\n"
    "- **Lag and states are measured by the monitor**, from the log and the database, "
    "apart from the workers: they rise while a worker is dead, and there is a figure while "
    "none was ever started.\n"
    "- **Several processes.** *sum*: each counts its own. *max, not sum*: they tell the "
    "same number, of one database, disk or configuration, and a sum would count it twice. "
    "*each by itself*: it is about this process; judge it by `instance`.\n"
    "- **Instants, not ages**: `time() - …_timestamp_seconds` goes on growing when nobody "
    "measures any more.\n"
    "- **Exemplars.** Scraped as OpenMetrics, the buckets of "
    "`sealgate_request_duration_seconds` carry the `trace_id` of the last delivery that "
    "fell into each: [the story](tracing.md) behind a slow one is one query away "
    "(Prometheus: `--enable-feature=exemplar-storage`). To keep them costs some 50 ns of a "
    "delivery's 30 µs.\n"
    "- **No sum and no count** has `sealgate_clock_skew_seconds`, because it has bounds "
    'below zero: take `_bucket{le="+Inf"}` for the count.\n'
)
_BOUND = (
    "## How many series there are\n"
    "\n"
    "No label is made of anything that a request brings; a test sends 20,000 requests of "
    "random paths, methods, headers and signatures, and not one series appears. With "
    "twenty sources of two keys each an edge has about 2,000 series, a worker 700, a "
    "monitor 800; a budget of 3,000 for each process is held by a test. `sealgate up`, "
    "which is all of them in one and held to none, adds up to 4,000 and more. Of an edge two "
    "fifths are outcomes and reasons by source (forty to each), and nearly as many the three "
    "histograms by source (35 to each); alerts and boards ask for every one of them at zero, so "
    "that none is left out for a source that may never need it. The moves of a payment are told "
    "for the pairs of states that the lifecycle has, and not by provider. Where `up` is too much "
    "for a Prometheus, its roles run as processes of their own. With more sources than "
    "`edge.metric_sources_max` (256) the series of an edge are by provider."
)
_PROCESSES: Mapping[str, str] = {
    EVERY: "Every process",
    SUPERVISOR: "The supervisor (`sealgate serve --workers`)",
    Role.EDGE.value: "The edge (`sealgate serve`)",
    Role.WORKER.value: "The worker (`sealgate consume`)",
    Role.RELAY.value: "The relay (`sealgate relay`)",
    Role.TIMERS.value: "The timers (`sealgate timers`)",
    Role.FETCH.value: "Fetching (`sealgate fetch`, where a source has `[source.fetch]`)",
    Role.MONITOR.value: "The monitor (`sealgate monitor`)",
}
_HEAD = ("metric", "type, unit", "says", "several processes", "for example")


def page() -> str:
    """Write the page."""
    return "\n".join([_INTRODUCTION, *_processes(), _BOUND, *_labels(), *_sought()])


def _processes() -> Iterator[str]:
    for role, title in _PROCESSES.items():
        told = [one for one in catalogue().values() if role in one.roles]
        yield f"## {title}"
        yield from table(_HEAD, (_row(one) for one in told))
    yield "Beside these, each process tells what any program does: `process_*` and `python_gc_*`."
    yield ""


def _row(metric: Metric) -> Sequence[str]:
    labels = f"{{{','.join(metric.labels)}}}" if metric.labels else ""
    kind = f"{metric.kind}, {unit(metric)}" if unit(metric) else metric.kind
    return (
        f"`{metric.name}{labels}`",
        kind,
        sentence(metric.told),
        str(together(metric)),
        f"`{expression(metric)}`",
    )


def _labels() -> Iterator[str]:
    open_labels = sorted({label for one in catalogue().values() for label in one.labels})
    rows = [(f"`{label}`", OPEN[label]) for label in open_labels if label in OPEN]
    yield from table(("label", "is one of"), rows)
    yield "The others are closed lists, each an enum of the code:"
    yield from table(("label", "of", "is one of"), _closed())


def _closed() -> Iterator[Sequence[str]]:
    """Yield each closed list once, with all metrics that have it."""
    found: dict[tuple[str, tuple[str, ...]], list[str]] = {}
    for metric in catalogue().values():
        for label in metric.labels:
            values = bound(metric, label).values
            if values:
                found.setdefault((label, values), []).append(metric.name)
    for (label, values), names in sorted(found.items()):
        shown = (f"`{value}`" if value else "nothing (`before` of the first)" for value in values)
        yield f"`{label}`", ", ".join(f"`{name}`" for name in names), ", ".join(shown)


def _sought() -> Iterator[str]:
    yield "## What you may look for, and where it is"
    yield from table(("looked for", "is"), SOUGHT)


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(page(), encoding="utf-8")
