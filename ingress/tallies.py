"""Counters, gauges and histograms that cost next to nothing to count with.

What happens flows in as plain additions, some six for each delivery; only when somebody scrapes are
they put into the families that `prometheus_client` writes. Its own children take a lock for each
addition, at four times the cost. Here there is one writer, the event loop: each number is changed
by it alone, and whoever scrapes in another thread reads each as it stands.
"""

from abc import abstractmethod
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from itertools import accumulate
from typing import Generic, TypeVar

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector
from prometheus_client.samples import Exemplar
from prometheus_client.utils import floatToGoString

Bucket = tuple[str, float] | tuple[str, float, Exemplar]

# Of a `traceparent`: version, dash, and then the 32 digits of the trace.
_TRACE_ID = slice(3, 35)


class Tally:
    """A number that only grows."""

    __slots__ = ("value",)

    def __init__(self) -> None:
        self.value = 0

    def inc(self) -> None:
        """Count one more."""
        self.value += 1


class Level:
    """A number that is what it was last set to."""

    __slots__ = ("value",)

    def __init__(self) -> None:
        self.value = 0.0

    def set(self, value: float) -> None:
        """Set it."""
        self.value = value


Seen = tuple[float, str, int]
"""A value, the `traceparent` of what it is of, and when: plain, because one is made each time."""


class Spread:
    """How often values fell between bounds, what they add up to, the last traced of each."""

    __slots__ = ("_bounds", "counts", "seen", "sum")

    def __init__(self, bounds: Sequence[float]) -> None:
        self._bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.seen: list[Seen | None] = [None] * (len(bounds) + 1)
        self.sum = 0.0

    def observe(self, value: float) -> None:
        """Count a value: a bound is the greatest that still belongs below it."""
        self.counts[bisect_left(self._bounds, value)] += 1
        self.sum += value

    def observe_traced(self, value: float, traceparent: str, at_ms: int) -> None:
        """Count a value, and keep its trace until another one falls between the same bounds."""
        place = bisect_left(self._bounds, value)
        self.counts[place] += 1
        self.sum += value
        self.seen[place] = (value, traceparent, at_ms)


Child = TypeVar("Child", Tally, Level, Spread)


class Family(Collector, Generic[Child]):
    """One metric with a child for every set of label values; a new child is at zero."""

    def __init__(
        self, name: str, told: str, labels: tuple[str, ...], registry: CollectorRegistry
    ) -> None:
        self.name = name
        self.told = told
        self.label_names = labels
        self._children: dict[tuple[str, ...], Child] = {}
        registry.register(self)

    def labels(self, *values: str) -> Child:
        """Return the child of these label values: the same one, whoever asks."""
        child = self._children.get(values)
        return self._children.setdefault(values, self._new()) if child is None else child

    def remove(self, *values: str) -> None:
        """Take a child out of what is scraped."""
        self._children.pop(values, None)

    def describe(self) -> Iterator[Metric]:
        """Tell the registry the names, so that no other metric takes one."""
        yield self._family({})

    def collect(self) -> Iterator[Metric]:
        """Write down every child as it stands."""
        # Copied in one step: a reload may make children meanwhile, in another thread.
        yield self._family(dict(self._children))

    @abstractmethod
    def _new(self) -> Child:
        """Make a child, at zero."""

    @abstractmethod
    def _family(self, children: dict[tuple[str, ...], Child]) -> Metric:
        """Write these children down as what is scraped."""


class Tallies(Family[Tally]):
    """Counters; their names are written with ``_total``."""

    def _new(self) -> Tally:
        return Tally()

    def _family(self, children: dict[tuple[str, ...], Tally]) -> Metric:
        family = CounterMetricFamily(self.name, self.told, labels=self.label_names)
        for values, child in children.items():
            family.add_metric(values, child.value)
        return family


class Levels(Family[Level]):
    """Gauges."""

    def _new(self) -> Level:
        return Level()

    def _family(self, children: dict[tuple[str, ...], Level]) -> Metric:
        family = GaugeMetricFamily(self.name, self.told, labels=self.label_names)
        for values, child in children.items():
            family.add_metric(values, child.value)
        return family


class Spreads(Family[Spread]):
    """Histograms with these bounds, and one without end."""

    def __init__(
        self,
        name: str,
        told: str,
        labels: tuple[str, ...],
        registry: CollectorRegistry,
        *,
        bounds: Sequence[float],
    ) -> None:
        self._bounds = tuple(map(float, bounds))
        self._written = [floatToGoString(bound) for bound in (*self._bounds, float("inf"))]
        super().__init__(name, told, labels, registry)

    def _new(self) -> Spread:
        return Spread(self._bounds)

    def _family(self, children: dict[tuple[str, ...], Spread]) -> Metric:
        family = HistogramMetricFamily(self.name, self.told, labels=self.label_names)
        for values, child in children.items():
            family.add_metric(values, self._buckets(child), child.sum)
        return family

    def _buckets(self, child: Spread) -> list[Bucket]:
        """Write down how many values were no greater than each bound, with what was seen of them.

        Only the OpenMetrics format shows exemplars; the older one leaves them out.
        """
        upto = accumulate(list(child.counts))
        return [
            (bound, count) if seen is None else (bound, count, _exemplar(*seen))
            for bound, count, seen in zip(self._written, upto, list(child.seen), strict=True)
        ]


def _exemplar(value: float, traceparent: str, at_ms: int) -> Exemplar:
    return Exemplar({"trace_id": traceparent[_TRACE_ID]}, value, at_ms / 1000)
