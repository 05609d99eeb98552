"""Every metric of the edge, declared once with its meaning; all label values exist at zero.

The registry is injected. A label is a configured slug, its provider, a configured key id or a
closed enum: nothing that comes in with a request is ever a label, so no stranger can make a series.
A path that names no source counts as source ``unknown``.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from ingress.answers import Outcome
from ingress.delivery import Reason
from ingress.keysources.result import Result
from ingress.quarantine import Kept

UNKNOWN = "unknown"
DURATION_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
SIZE_BUCKETS = (256, 1024, 4096, 16384, 65536, 262144, 1048576)


@dataclass(frozen=True, slots=True)
class SourceMetrics:
    """The children of one source, looked up once: a label lookup costs more than the count."""

    requests: dict[Outcome, Counter]
    failures: dict[Reason, Counter]
    quarantined: dict[Kept, Counter]
    verified: dict[str, Counter]
    duration: Histogram
    body: Histogram
    last_accepted: Gauge


@dataclass(frozen=True, slots=True)
class FetchMetrics:
    """The children of one source that fetches its keys."""

    results: dict[Result, Counter]
    held: Gauge

    def note(self, result: Result, held: int) -> None:
        """Count one fetch, and say how many keys there are now."""
        self.results[result].inc()
        self.held.set(held)


class _SourceFamilies:
    """The metrics that have a series for each source."""

    def __init__(self, registry: CollectorRegistry) -> None:
        by_source = ("source", "provider")
        self.requests = Counter(
            "sealgate_requests",
            "Requests answered, by source and outcome; exactly one for each request.",
            (*by_source, "outcome"),
            registry=registry,
        )
        self.failures = Counter(
            "sealgate_verification_failures",
            "Deliveries of a known source that did not verify, by the check that failed.",
            (*by_source, "reason"),
            registry=registry,
        )
        self.quarantined = Counter(
            "sealgate_quarantined",
            "Refused deliveries, by what came of keeping them; only kept can be verified again.",
            (*by_source, "result"),
            registry=registry,
        )
        self.verified = Counter(
            "sealgate_verified",
            "Deliveries that verified, by the key that matched; a rotation is over when the old"
            " key's rate is zero.",
            (*by_source, "key_id"),
            registry=registry,
        )
        self.duration = Histogram(
            "sealgate_request_duration_seconds",
            "From the request's head to its answer, the log's acknowledgement included.",
            by_source,
            buckets=DURATION_BUCKETS,
            registry=registry,
        )
        self.body = Histogram(
            "sealgate_request_body_bytes",
            "Size of bodies that were read.",
            by_source,
            buckets=SIZE_BUCKETS,
            registry=registry,
        )
        self.last_accepted = Gauge(
            "sealgate_last_accepted_timestamp_seconds",
            "When the source's last delivery was accepted; 0 until the first.",
            by_source,
            registry=registry,
        )


class EdgeMetrics:
    """The edge's metrics in `registry`."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._families = _SourceFamilies(registry)
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
        for limit in ("count", "header_deadline", "write_deadline"):
            self.connections_refused.labels(limit)
        self.publish_duration = Histogram(
            "sealgate_publish_duration_seconds",
            "From handing an envelope to the log to its acknowledgement.",
            buckets=DURATION_BUCKETS,
            registry=registry,
        )
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
        self.unknown = self.source(UNKNOWN, UNKNOWN, ())

    def source(self, slug: str, provider: str, key_ids: Iterable[str]) -> SourceMetrics:
        """Create every series of one source at zero."""
        families = self._families
        at = (slug, provider)
        return SourceMetrics(
            requests={outcome: families.requests.labels(*at, outcome.value) for outcome in Outcome},
            failures={reason: families.failures.labels(*at, reason.value) for reason in Reason},
            quarantined={kept: families.quarantined.labels(*at, kept.value) for kept in Kept},
            verified={key_id: families.verified.labels(*at, key_id) for key_id in key_ids},
            duration=families.duration.labels(*at),
            body=families.body.labels(*at),
            last_accepted=families.last_accepted.labels(*at),
        )

    def fetches(self, slug: str) -> FetchMetrics:
        """Create every series of one source's fetches at zero."""
        return FetchMetrics(
            results={result: self._fetches.labels(slug, result.value) for result in Result},
            held=self._keys.labels(slug),
        )
