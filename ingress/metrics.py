"""Every metric of the edge, declared once with its meaning; all label values exist at zero.

The registry is injected. A label is a configured slug, its provider, a configured key id or a
closed enum: nothing that comes in with a request is ever a label, so no stranger can make a series.
A path that names no source counts as source ``unknown``.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from ingress.eventlog.journal_watch import State
from ingress.eventlog.observer import Outcome, Rebuild
from ingress.eventlog.port import AccessRefused, LogUnavailable, TopicRefused
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


class PublishError(StrEnum):
    """Why a delivery that verified is not on the log: closed, because each value is a label."""

    UNAVAILABLE = "unavailable"
    """The log is away, or its queue is full: it was not sent."""
    UNCONFIRMED = "unconfirmed"
    """It was sent, and not confirmed in time: it may be there."""
    ACCESS = "access_refused"
    """A password, a certificate or a right is not taken."""
    TOPIC = "topic_refused"
    """There is no such topic, or it is not for us."""
    MESSAGE = "message_refused"
    """The log will never take it."""


def publish_error(said: BaseException) -> PublishError:
    """Return the class of what the log answered instead of a position."""
    if isinstance(said, AccessRefused):
        return PublishError.ACCESS
    if isinstance(said, LogUnavailable):
        return PublishError.UNCONFIRMED if said.is_unknown else PublishError.UNAVAILABLE
    return PublishError.TOPIC if isinstance(said, TopicRefused) else PublishError.MESSAGE


class Ration(NamedTuple):
    """How much of what a process may keep of refused deliveries is spent, and how much there is."""

    spent_bytes: float
    bytes_max: float


class Suspicion(NamedTuple):
    """Whose the failures of one source are, and since when they are ours; 0 where they are not."""

    source: str
    provider: str
    is_suspect: bool
    is_besieged: bool = False
    failing_since_s: float = 0.0


@dataclass(frozen=True, slots=True)
class _Suspects(Collector):
    """Asks when it is looked at: a suspicion ends with time, when nothing happens."""

    look: Callable[[], Iterable[Suspicion]]

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Tell of each series, which has one source, or all of a provider."""
        by_source = ("source", "provider")
        suspect = GaugeMetricFamily(
            "sealgate_source_suspect",
            "1 while a source verified lately and everything from it fails: its keys here may be"
            " wrong, and it is asked to come again.",
            labels=by_source,
        )
        besieged = GaugeMetricFamily(
            "sealgate_source_besieged",
            "1 while failures of a source are taken for a stranger's: within a week a key was"
            " proven right in their midst, and none came from where its provider delivers.",
            labels=by_source,
        )
        failing = GaugeMetricFamily(
            "sealgate_source_failing_since_timestamp_seconds",
            "Since when deliveries are refused for a fault of ours and none was accepted; else 0.",
            labels=by_source,
        )
        told: dict[tuple[str, str], list[Suspicion]] = {}
        for one in self.look():
            told.setdefault((one.source, one.provider), []).append(one)
        for labels, ones in told.items():
            suspect.add_metric(labels, sum(one.is_suspect for one in ones))
            besieged.add_metric(labels, _are_besieged(ones))
            since = min(filter(None, (one.failing_since_s for one in ones)), default=0.0)
            failing.add_metric(labels, since)
        yield from (suspect, besieged, failing)


def _are_besieged(ones: Sequence[Suspicion]) -> bool:
    """Say whether some sources are besieged, and none of them is suspect for another reason."""
    plain = any(one.is_suspect and not one.is_besieged for one in ones)
    return not plain and any(one.is_besieged for one in ones)


class JournalMetrics(Collector):
    """The metrics of the journal in front of the log; all of them are zero where there is none."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._appended = Counter(
            "sealgate_journal_appended",
            "Records fsynced in the local journal, to be sent from there.",
            registry=registry,
        )
        self._drained = Counter(
            "sealgate_journal_drained",
            "Records of the journal that the log has acknowledged.",
            registry=registry,
        )
        self._refused = Counter(
            "sealgate_journal_refused",
            "Records of the journal that the log refused: kept aside, and offered again.",
            registry=registry,
        )
        self._damaged = Counter(
            "sealgate_journal_damaged",
            "Records of the journal that could not be read as they were written.",
            registry=registry,
        )
        self._look: Callable[[], State] = lambda: State(0, 0, None, is_full=False)
        self._bytes_max = 0
        registry.register(self)

    def watch(self, look: Callable[[], State], bytes_max: int) -> None:
        """Ask this journal how much waits in it, whenever metrics are read."""
        self._look = look
        self._bytes_max = bytes_max

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Tell what waits now."""
        state = self._look()
        gauges = {
            "records": ("Records that wait in the journal of this process.", state.records),
            "bytes": ("What the journal takes on the disk, of all workers.", state.size_bytes),
            "bytes_limit": (
                "What it may take, of all workers; 0 where there is no journal.",
                self._bytes_max,
            ),
            "oldest_timestamp_seconds": (
                "When the oldest record that waits was written; 0 where none waits.",
                (state.oldest_ms or 0) / 1000,
            ),
            "full": ("1 while the journal takes nothing more.", int(state.is_full)),
        }
        for name, (meaning, value) in gauges.items():
            yield GaugeMetricFamily(f"sealgate_journal_{name}", meaning, value=value)

    def appended(self) -> None:
        """Count a record that is on the disk."""
        self._appended.inc()

    def drained(self, count: int) -> None:
        """Count records that the log has."""
        self._drained.inc(count)

    def refused(self, count: int) -> None:
        """Count records that the log refused."""
        self._refused.inc(count)

    def damaged(self, count: int) -> None:
        """Count records that were not as they were written."""
        self._damaged.inc(count)


class PublishMetrics:
    """The metrics of the edge's publisher, which tells them as its observer."""

    def __init__(self, registry: CollectorRegistry) -> None:
        results = Counter(
            "sealgate_publish_results",
            "Messages handed to the log, by what became of them; only acked is good.",
            ("result",),
            registry=registry,
        )
        self._results = {outcome: results.labels(outcome.value) for outcome in Outcome}
        rebuilds = Counter(
            "sealgate_producer_rebuilds",
            "Kafka producers thrown away and made anew, by why.",
            ("reason",),
            registry=registry,
        )
        self._rebuilds = {reason: rebuilds.labels(reason.value) for reason in Rebuild}
        errors = Counter(
            "sealgate_publish_errors",
            "Deliveries that verified and were not accepted because of the log, by why.",
            ("error",),
            registry=registry,
        )
        self.duration = Histogram(
            "sealgate_publish_duration_seconds",
            "From handing an envelope to the log to its acknowledgement.",
            buckets=DURATION_BUCKETS,
            registry=registry,
        )
        self.errors = {error: errors.labels(error.value) for error in PublishError}
        self._breaker = Gauge(
            "sealgate_log_breaker_open",
            "1 while messages are rejected at once, because the log does not answer.",
            registry=registry,
        )
        self._waiting = Gauge(
            "sealgate_publish_waiting", "Messages that wait for the log.", registry=registry
        )
        self._waiting_bytes = Gauge(
            "sealgate_publish_waiting_bytes",
            "Bytes of messages that wait for the log.",
            registry=registry,
        )

    def published(self, outcome: Outcome, count: int) -> None:
        """Count messages that ended so."""
        self._results[outcome].inc(count)

    def waiting(self, count: int, size_bytes: int) -> None:
        """Say how many messages are with the publisher now."""
        self._waiting.set(count)
        self._waiting_bytes.set(size_bytes)

    def breaker(self, *, is_open: bool) -> None:
        """Say whether messages are rejected at once."""
        self._breaker.set(is_open)

    def rebuilt(self, reason: Rebuild) -> None:
        """Count a producer that was thrown away."""
        self._rebuilds[reason].inc()


class QuarantineMetrics:
    """How much of what this process may keep of refused deliveries is spent."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._spent = Gauge(
            "sealgate_quarantine_bytes",
            "Bytes that this process has spent on keeping refused deliveries, less what time has"
            " given back.",
            registry=registry,
        )
        self._limit = Gauge(
            "sealgate_quarantine_bytes_limit",
            "Bytes spent above which no refused delivery is kept; 0 where none is kept at all.",
            registry=registry,
        )

    def watch(self, look: Callable[[], Ration]) -> None:
        """Ask whenever metrics are read: what is spent is given back by time."""
        self._spent.set_function(lambda: look().spent_bytes)
        self._limit.set_function(lambda: look().bytes_max)


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
        self.loop_lag = Histogram(
            "sealgate_event_loop_lag_seconds",
            "How late the event loop came to a tick that is due every 50 ms.",
            buckets=DURATION_BUCKETS,
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
        self.connections_max = Gauge(
            "sealgate_connections_limit",
            "Open connections above which the next one is closed unserved.",
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
        self.publishing = PublishMetrics(registry)
        self.quarantine = QuarantineMetrics(registry)
        self.journal = JournalMetrics(registry)

    def watch_suspects(self, look: Callable[[], Iterable[Suspicion]]) -> None:
        """Show whose the failures of each source are, and since when they are ours."""
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
