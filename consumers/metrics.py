"""Every metric of the consumers, declared once with its meaning; all label values exist at zero.

Labels are closed enums, configured names, registered assets and partitions. The worker counts what
it did; the monitor and the timers measure what is, apart from the workers, because a dead worker
cannot report its own lag.
"""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Self

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from consumers.ageing import BUCKETS, Ageing
from consumers.exceptions import HANDLING
from consumers.facts import NETWORK_MARK
from consumers.lifecycle import TRANSITIONS, State, Verdict
from consumers.store.kept_reads import KeptCount

SECONDS_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 60, 600)
LASTED_BUCKETS = (60, 600, 3_600, 21_600, 86_400)
"""What payers, chains and people take; few, because each counts for 58 moves."""
DETECTION_BUCKETS = (10, 60, 600, 3_600, 21_600, 86_400, 604_800)
COLLECTORS = (
    "lag",
    "payments",
    "ages",
    "exceptions",
    "ageing",
    "notices",
    "letters",
    "quarantine",
    "freeze",
)


class MoveFamilies:
    """The families of what becomes of payments; all groups' workers count in the same series."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.transitions = Counter(
            "sealgate_payment_transitions",
            "Transitions written; `before` is empty for a payment's first.",
            ("before", "after"),
            registry=registry,
        )
        self.lasted = Histogram(
            "sealgate_payment_transition_seconds",
            "How long a payment was in `before` when it moved on to `after`, by our own clock.",
            ("before", "after"),
            buckets=LASTED_BUCKETS,
            registry=registry,
        )
        self.suppressed = Counter(
            "sealgate_effects_suppressed",
            "Payments that were Confirmed again while their goods were to leave already: the notice"
            " repeats the effect key, and nothing leaves twice.",
            registry=registry,
        )


class WorkerFamilies:
    """The families of what workers do; each group's worker has its own series of them."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.moves = MoveFamilies(registry)
        self.records = Counter(
            "sealgate_consumer_records",
            "Records handled, by verdict; exactly one for each record.",
            ("group", "verdict"),
            registry=registry,
        )
        self.batch_duration = Histogram(
            "sealgate_consumer_batch_duration_seconds",
            "One batch: from its records in hand to its commit.",
            ("group",),
            buckets=SECONDS_BUCKETS,
            registry=registry,
        )
        self.end_to_end = Histogram(
            "sealgate_consumer_end_to_end_seconds",
            "From a delivery's acceptance, at once or out of the quarantine, to its effect.",
            ("group",),
            buckets=SECONDS_BUCKETS,
            registry=registry,
        )
        self.detection = Histogram(
            "sealgate_event_detection_seconds",
            "From when an event happened, as its provider says, to the receipt of its first"
            " delivery; nothing where the provider does not say.",
            ("group",),
            buckets=DETECTION_BUCKETS,
            registry=registry,
        )
        self.fenced = Counter(
            "sealgate_consumer_fenced",
            "Batches rolled back because another member had taken the partition over.",
            ("group",),
            registry=registry,
        )
        self.retries = Counter(
            "sealgate_consumer_retries",
            "Waits because the log or the store was away.",
            ("group", "of"),
            registry=registry,
        )
        self.claims = Counter(
            "sealgate_consumer_claims",
            "Partitions claimed: each assignment of each partition.",
            ("group",),
            registry=registry,
        )
        self.halted = Gauge(
            "sealgate_consumer_halted",
            "1 where the group's place is gone from the log and a human must say where to read on.",
            ("group",),
            registry=registry,
        )
        self.last_poll = Gauge(
            "sealgate_consumer_last_poll_timestamp_seconds",
            "When the worker last asked the log for records; 0 until the first time.",
            ("group",),
            registry=registry,
        )


class WorkerMetrics:
    """What the worker of `group` did."""

    def __init__(self, families: WorkerFamilies, group: str) -> None:
        self.records = {v: families.records.labels(group, v.value) for v in Verdict}
        self.transitions = {
            (before, after): families.moves.transitions.labels(
                "" if before is None else before.value, after.value
            )
            for before, after in _legal()
        }
        self.lasted = {
            (before, after): families.moves.lasted.labels(before.value, after.value)
            for before, after in _legal()
            if before is not None
        }
        self.detection = families.detection.labels(group)
        self.suppressed = families.moves.suppressed
        self.batch_duration = families.batch_duration.labels(group)
        self.end_to_end = families.end_to_end.labels(group)
        self.fenced = families.fenced.labels(group)
        self.retries = {of: families.retries.labels(group, of) for of in ("log", "store")}
        self.claims = families.claims.labels(group)
        self.halted = families.halted.labels(group)
        self.last_poll = families.last_poll.labels(group)


class RelayMetrics:
    """What the relay did."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.delivered = Counter(
            "sealgate_notices_delivered", "Notices published and marked.", registry=registry
        )
        self.failures = Counter(
            "sealgate_notices_delayed",
            "Rounds that ended because the log or the store was away.",
            registry=registry,
        )


class QueueMetrics:
    """How old the queue of exceptions is, and what it is worth, as the monitor measured it last."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._assets_shown: set[str] = set()
        self.ages = Gauge(
            "sealgate_exceptions_open_by_age",
            "Open exceptions, by code and age.",
            ("code", "bucket"),
            registry=registry,
        )
        self.oldest = Gauge(
            "sealgate_exceptions_oldest_timestamp_seconds",
            "Since when the oldest open exception of a code is open; absent where none is.",
            ("code",),
            registry=registry,
        )
        self.worth = Gauge(
            "sealgate_exceptions_value",
            "Money that open exceptions are about, in units of the asset: of each subject once.",
            ("asset", "network"),
            registry=registry,
        )

    def show(self, ageing: Ageing, worth: Mapping[str, Decimal]) -> None:
        """Tell how old the queue is and what it is worth: `worth` in units, by asset."""
        for gauge in (self.ages, self.oldest):
            gauge.clear()
        for code in HANDLING:
            for bucket in BUCKETS:
                self.ages.labels(code.value, bucket.name).set(0)
        for kind, group in ageing.by(("code", "bucket")).items():
            self.ages.labels(kind.code, kind.bucket).set(group.items)
        for kind, group in ageing.by(("code",)).items():
            if group.oldest_ms is not None:
                self.oldest.labels(kind.code).set(group.oldest_ms / 1000)
        # A sum that ends is zero, so that a graph of it comes down.
        for asset in self._assets_shown | worth.keys():
            symbol, _, network = asset.partition(NETWORK_MARK)
            self.worth.labels(symbol, network).set(float(worth.get(asset, 0)))
        self._assets_shown |= worth.keys()


class MonitorMetrics:
    """What the monitor measured last; a failed collector has no series rather than old ones."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.queue = QueueMetrics(registry)
        lag = ("group", "topic", "partition")
        self.lag_records = Gauge(
            "sealgate_consumer_lag_records",
            "Records written and not yet applied.",
            lag,
            registry=registry,
        )
        self.lag_seconds = Gauge(
            "sealgate_consumer_lag_seconds",
            "Age of the oldest record not yet applied; 0 when there is none.",
            lag,
            registry=registry,
        )
        by_state = ("provider", "state")
        self.payments = Gauge(
            "sealgate_payments", "Payments, by state.", by_state, registry=registry
        )
        self.exceptions = Gauge(
            "sealgate_exceptions_open",
            "Open exceptions, by code and severity.",
            ("code", "severity"),
            registry=registry,
        )
        self.oldest_payments = Gauge(
            "sealgate_payments_oldest_timestamp_seconds",
            "Since when the payment that is longest in a state is there; absent where none is.",
            by_state,
            registry=registry,
        )
        self.notices = Gauge(
            "sealgate_notices_pending", "Notices not delivered yet.", registry=registry
        )
        self.success = Gauge(
            "sealgate_collector_success",
            "1 if the collector's last run succeeded, else 0.",
            ("collector",),
            registry=registry,
        )
        self.duration = Gauge(
            "sealgate_collector_duration_seconds",
            "How long the collector's last run took.",
            ("collector",),
            registry=registry,
        )
        for collector in COLLECTORS:
            self.success.labels(collector)
            self.duration.labels(collector)

    def exceptions_at_zero(self) -> None:
        """Create the series of every known exception."""
        for code, handling in HANDLING.items():
            self.exceptions.labels(code.value, str(handling.severity)).set(0)


class KeptMetrics:
    """What is kept without a state, as measured last: so many, and since when the oldest is."""

    def __init__(self, kept: Gauge, oldest: Gauge) -> None:
        self._gauges = (kept, oldest)

    @classmethod
    def parked(cls, registry: CollectorRegistry) -> Self:
        """Make the gauges of payments that nobody announced."""
        return cls(
            Gauge(
                "sealgate_payments_parked",
                "Payments that events told of and nobody announced: facts without a state.",
                ("provider",),
                registry=registry,
            ),
            Gauge(
                "sealgate_payments_oldest_parked_timestamp_seconds",
                "Since when the longest parked payment waits; absent where none does.",
                ("provider",),
                registry=registry,
            ),
        )

    @classmethod
    def unmatched(cls, registry: CollectorRegistry) -> Self:
        """Make the gauges of deposits that nobody has decided about."""
        return cls(
            Gauge(
                "sealgate_deposits_unmatched",
                "Deposits that name no payment, and that nobody has decided about.",
                ("provider",),
                registry=registry,
            ),
            Gauge(
                "sealgate_deposits_oldest_unmatched_timestamp_seconds",
                "Since when the longest unmatched deposit waits; absent where none does.",
                ("provider",),
                registry=registry,
            ),
        )

    def show(self, counts: Iterable[KeptCount]) -> None:
        """Tell what is kept now."""
        self.drop()
        kept, oldest = self._gauges
        for count in counts:
            kept.labels(count.provider).set(count.kept)
            oldest.labels(count.provider).set(count.oldest_ms / 1000)

    def drop(self) -> None:
        """Tell nothing: an old number that looks fresh is worse than none."""
        for gauge in self._gauges:
            gauge.clear()


def _legal() -> list[tuple[State | None, State]]:
    """List every move that may be written, a payment's first included."""
    first: list[tuple[State | None, State]] = [(None, after) for after in State]
    return first + [(before, after) for before, afters in TRANSITIONS.items() for after in afters]
