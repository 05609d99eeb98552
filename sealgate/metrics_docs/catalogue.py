"""The catalogue: what every metric is called, what it is, its labels, and which processes tell it.

The registries of all roles flow in and one `Metric` of each name flows out; that two parts declare
the same name in two ways cannot be.
"""

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

from prometheus_client import CollectorRegistry
from prometheus_client.metrics_core import Metric as Family
from prometheus_client.registry import Collector

from sealgate.metrics_docs.registries import registries

_SUFFIXES = {"counter": ("_total",), "histogram": ("_bucket", "_sum", "_count")}
# What has bounds below zero has neither sum nor count: the format says so.
_BUCKETS_ONLY = {"sealgate_clock_skew_seconds"}
_NAME = "sealgate_"


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric, by the name under which it is scraped: a counter's ends in ``_total``.

    `labels` leave ``le`` out; `values` are those that exist from the first second, by label.
    """

    name: str
    kind: str
    told: str
    labels: tuple[str, ...]
    roles: tuple[str, ...]
    values: Mapping[str, frozenset[str]]

    @property
    def series(self) -> tuple[str, ...]:
        """Name what a query can ask for."""
        if self.kind != "histogram":
            return (self.name,)
        suffixes = ("_bucket",) if self.name in _BUCKETS_ONLY else _SUFFIXES[self.kind]
        return tuple(self.name + suffix for suffix in suffixes)


@cache
def catalogue() -> Mapping[str, Metric]:
    """Return every metric of ours by the name as it is scraped, in the order of their names."""
    with tempfile.TemporaryDirectory(prefix="sealgate-metrics-") as directory:
        found: dict[str, Metric] = {}
        for role, registry in registries(Path(directory)).items():
            for one in _metrics(registry, role):
                known = found.get(one.name)
                found[one.name] = one if known is None else _both(known, one)
    return dict(sorted(found.items()))


def named(series: str) -> Metric | None:
    """Return the metric that a name in a query belongs to; None where there is none of ours."""
    return _by_series().get(series)


@cache
def _by_series() -> Mapping[str, Metric]:
    return {series: one for one in catalogue().values() for series in one.series}


def _metrics(registry: CollectorRegistry, role: str) -> Iterator[Metric]:
    """Read one process's metrics, without those that any program tells of itself."""
    # The registry gives back what is told and not who tells it, which alone knows the labels of a
    # family that has no child yet.
    collectors: Sequence[Collector] = list(vars(registry)["_collector_to_names"])
    for collector in collectors:
        for family in collector.collect():
            if family.name.startswith(_NAME):
                yield _metric(collector, family, role)


def _metric(collector: Collector, family: Family, role: str) -> Metric:
    told = {**vars(family), **vars(collector)}
    return Metric(
        name=f"{family.name}_total" if family.type == "counter" else family.name,
        kind=family.type,
        told=family.documentation,
        labels=tuple(told.get("_labelnames", told.get("label_names", ()))),
        roles=(role,),
        values=_values(family),
    )


def _values(family: Family) -> Mapping[str, frozenset[str]]:
    found: dict[str, set[str]] = {}
    for sample in family.samples:
        for label, value in sample.labels.items():
            found.setdefault(label, set()).add(value)
    return {label: frozenset(values) for label, values in found.items() if label != "le"}


def _both(one: Metric, other: Metric) -> Metric:
    """Return a metric that two roles tell, in one way. Raises `ValueError`."""
    if (one.kind, one.told, one.labels) != (other.kind, other.told, other.labels):
        raise ValueError(f"{one.name} is declared in two ways: {one.told!r} and {other.told!r}")
    return replace(one, roles=(*one.roles, *other.roles))
