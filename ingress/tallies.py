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
from prometheus_client.utils import floatToGoString


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


class Spread:
    """How often values fell between bounds, and what they add up to."""

    __slots__ = ("_bounds", "counts", "sum")

    def __init__(self, bounds: Sequence[float]) -> None:
        self._bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.sum = 0.0

    def observe(self, value: float) -> None:
        """Count a value: a bound is the greatest that still belongs below it."""
        self.counts[bisect_left(self._bounds, value)] += 1
        self.sum += value


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
            upto = accumulate(list(child.counts))
            family.add_metric(values, list(zip(self._written, upto, strict=True)), child.sum)
        return family
