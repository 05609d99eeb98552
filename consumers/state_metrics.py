"""Every metric of what waits: dead letters, notices, payments by age, the quarantine, the freeze.

See `metrics` for the others; apart from those, because a module has its limits. All of these are
the monitor's, and what it could not measure is absent: an old number that looks fresh is worse.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping

from prometheus_client import CollectorRegistry, Gauge
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from consumers.ageing import BUCKETS
from consumers.patience import CODES
from consumers.store.state_reads import AgeCount


class Maybe(Collector):
    """A gauge without labels that may be absent, which the library's own cannot be."""

    def __init__(self, name: str, told: str, registry: CollectorRegistry) -> None:
        self._name = name
        self._told = told
        self.value: float | None = None
        registry.register(self)

    def clear(self) -> None:
        """Tell nothing."""
        self.value = None

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Tell the value, if there is one."""
        yield GaugeMetricFamily(self._name, self._told, value=self.value)


class StateMetrics:
    """What the monitor measured last; `groups` are those that apply records."""

    def __init__(self, registry: CollectorRegistry, groups: Collection[str]) -> None:
        self._groups = groups
        self.letters = Gauge(
            "sealgate_dead_letters",
            "Records given up on whose event was not taken in since.",
            ("group",),
            registry=registry,
        )
        self.oldest_notice = Maybe(
            "sealgate_notices_oldest_timestamp_seconds",
            "Since when the oldest notice that is not delivered waits; absent where none does.",
            registry,
        )
        self.ages = Gauge(
            "sealgate_payments_by_age",
            "Payments in a state that somebody has to end, by how long they are in it.",
            ("state", "bucket"),
            registry=registry,
        )
        self.quarantined = Maybe(
            "sealgate_quarantine_deliveries",
            "Refused deliveries that are held, those among them that were verified again since.",
            registry,
        )
        self.frozen_since = Maybe(
            "sealgate_freeze_since_timestamp_seconds",
            "Since when the environment is frozen; absent while it is not.",
            registry,
        )

    def show_letters(self, counts: Mapping[str, int]) -> None:
        """Tell how many dead letters of each group are open."""
        for group in self._groups:
            self.letters.labels(group).set(counts.get(group, 0))

    def show_ages(self, counts: Iterable[AgeCount]) -> None:
        """Tell how many payments are in which state for how long; where none are, zero."""
        for state in CODES:
            for bucket in BUCKETS:
                self.ages.labels(state.value, bucket.name).set(0)
        for count in counts:
            self.ages.labels(count.state.value, count.bucket).set(count.payments)
