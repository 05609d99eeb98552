"""Every metric of the edge, declared once with its meaning; all label values exist at zero.

The registry is injected. A label is a configured slug, its provider, a configured key id or a
closed enum: nothing that comes in with a request is ever a label, so no stranger can make a series.
A path that names no source counts as source ``unknown``.
"""

from collections import Counter as Counted
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from ingress.keysources.result import Result
from ingress.series import DURATION_BUCKETS, SourceSeries

SOURCES_MAX = 256


@dataclass(slots=True)
class FetchMetrics:
    """The children of one source that fetches its keys; several may share a gauge of their sum."""

    results: dict[Result, Counter]
    held: Gauge
    ours: int = 0

    def note(self, result: Result, held: int) -> None:
        """Count one fetch, and say how many keys there are now."""
        self.results[result].inc()
        self.hold(held)

    def hold(self, held: int) -> None:
        """Say how many keys of this source there are now."""
        self.held.inc(held - self.ours)
        self.ours = held


class Suspicion(NamedTuple):
    """Whether the failures of one source are taken for our own fault."""

    source: str
    provider: str
    is_suspect: bool


@dataclass(frozen=True, slots=True)
class _Suspects(Collector):
    """Asks when it is looked at: a suspicion ends with time, when nothing happens."""

    look: Callable[[], Iterable[Suspicion]]

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Count the suspects of each series, which has one source, or all of a provider."""
        family = GaugeMetricFamily(
            "sealgate_source_suspect",
            "1 while a source verified lately and everything from it fails: its keys here may be"
            " wrong, and it is asked to come again.",
            labels=("source", "provider"),
        )
        counts: Counted[tuple[str, str]] = Counted()
        for one in self.look():
            counts[one.source, one.provider] += one.is_suspect
        for labels, count in counts.items():
            family.add_metric(labels, count)
        yield family


class AddressFetches:
    """The metrics of the lists of addresses that providers publish."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._results = Counter(
            "sealgate_address_fetch",
            "Fetches of the addresses that a provider publishes, by how they ended.",
            ("provider", "result"),
            registry=registry,
        )
        self._held = Gauge(
            "sealgate_addresses_fetched",
            "Networks on a provider's published list that are held now.",
            ("provider",),
            registry=registry,
        )

    def note(self, provider: str, result: Result, held: int) -> None:
        """Count one fetch, beside every other way it could have ended; say what is held now."""
        series = {one: self._results.labels(provider, one.value) for one in Result}
        series[result].inc()
        self._held.labels(provider).set(held)


class EdgeMetrics:
    """The edge's metrics in `registry`."""

    def __init__(self, registry: CollectorRegistry, sources_max: int = SOURCES_MAX) -> None:
        self._registry = registry
        self.sources = SourceSeries(registry, sources_max)
        self.in_flight = Gauge(
            "sealgate_requests_in_flight", "Requests being answered now.", registry=registry
        )
        self.in_flight_bytes = Gauge(
            "sealgate_in_flight_bytes", "Bytes of bodies in flight now.", registry=registry
        )
        self.in_flight_bytes_limit = Gauge(
            "sealgate_in_flight_bytes_limit",
            "Bytes of bodies in flight above which the edge sheds.",
            registry=registry,
        )
        self.connections = Gauge(
            "sealgate_connections", "Open connections to the public port.", registry=registry
        )
        self.connections_refused = Counter(
            "sealgate_connections_refused",
            "Connections closed unserved, by the limit they met.",
            ("limit",),
            registry=registry,
        )
        for limit in ("count", "header_deadline", "tls_handshake", "write_deadline"):
            self.connections_refused.labels(limit)
        # No series where there is no TLS: a zero would be a certificate that ended long ago.
        self.certificate_ends = Gauge(
            "sealgate_tls_certificate_not_after_timestamp_seconds",
            "When the certificate that new connections are served with ends.",
            ("listener",),
            registry=registry,
        )
        self.publish_duration = Histogram(
            "sealgate_publish_duration_seconds",
            "From handing an envelope to the log to its acknowledgement.",
            buckets=DURATION_BUCKETS,
            registry=registry,
        )
        self._fetching: set[str] = set()
        self._fetches = Counter(
            "sealgate_key_fetch",
            "Fetches of a source's public keys, by how they ended; only fetched is good.",
            ("source", "result"),
            registry=registry,
        )
        self._keys = Gauge(
            "sealgate_keys_fetched",
            "Public keys of a source that were fetched and are held now.",
            ("source",),
            registry=registry,
        )
        self.address_fetches = AddressFetches(registry)

    def watch_suspects(self, look: Callable[[], Iterable[Suspicion]]) -> None:
        """Show which sources are suspected of having the wrong keys here."""
        self._registry.register(_Suspects(look))

    def keep_fetches(self, labels: Iterable[str]) -> None:
        """Remove the series of fetches that belong to none of these."""
        gone = self._fetching - set(labels)
        for label in gone:
            for result in Result:
                self._fetches.remove(label, result.value)
            self._keys.remove(label)
        self._fetching -= gone

    def fetches(self, slug: str) -> FetchMetrics:
        """Create every series of one source's fetches at zero."""
        self._fetching.add(slug)
        return FetchMetrics(
            results={result: self._fetches.labels(slug, result.value) for result in Result},
            held=self._keys.labels(slug),
        )
