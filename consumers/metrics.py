"""Every metric of the consumers, declared once with its meaning; all label values exist at zero.

Labels are closed enums, configured names, registered assets and partitions. The worker counts what
it did; the monitor and the timers measure what is, apart from the workers, because a dead worker
cannot report its own lag.
"""

from collections.abc import Mapping
from decimal import Decimal

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from consumers.exceptions import HANDLING
from consumers.keeping_up import Frozen
from consumers.lifecycle import TRANSITIONS, State, Verdict
from consumers.overdue import Tally
from consumers.patience import CODES

SECONDS_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 60, 600)
COLLECTORS = ("lag", "payments", "exceptions", "notices")


class WorkerFamilies:
    """The families of what workers do; each group's worker has its own series of them."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.records = Counter(
            "sealgate_consumer_records",
            "Records handled, by verdict; exactly one for each record.",
            ("group", "verdict"),
            registry=registry,
        )
        self.transitions = Counter(
            "sealgate_payment_transitions",
            "Transitions written; `before` is empty for a payment's first.",
            ("before", "after"),
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
            "From the receipt of a delivery at the edge to the commit of its effect.",
            ("group",),
            buckets=SECONDS_BUCKETS,
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
            (before, after): families.transitions.labels(
                "" if before is None else before.value, after.value
            )
            for before, after in _legal()
        }
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


class MonitorMetrics:
    """What the monitor measured last; a failed collector has no series rather than old ones."""

    def __init__(self, registry: CollectorRegistry) -> None:
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


class TimerMetrics:
    """What time has done: who is stuck as measured last, and what the timers did about it.

    `decimals` of the assets turn atomic units into the units that people know.
    """

    def __init__(self, registry: CollectorRegistry, decimals: Mapping[str, int]) -> None:
        self._decimals = decimals
        self._amounts_shown: set[tuple[str, str, str]] = set()
        self.frozen = Gauge(
            "sealgate_timers_frozen",
            "1 at the reason for which time is not judged now; 0 everywhere while it is.",
            ("reason",),
            registry=registry,
        )
        self.expired = Counter(
            "sealgate_payments_expired",
            "Payments that expired because a timer found their window over, without money.",
            registry=registry,
        )
        raised = Counter(
            "sealgate_stuck_raised",
            "Exceptions about stuck payments, raised or made worse.",
            ("code",),
            registry=registry,
        )
        self.raised = {code: raised.labels(code.value) for code in CODES.values()}
        self.last_sweep = Gauge(
            "sealgate_timers_last_sweep_timestamp_seconds",
            "When a sweep over the waiting payments last succeeded; 0 until the first time.",
            registry=registry,
        )
        self.duration = Gauge(
            "sealgate_timers_sweep_duration_seconds",
            "How long the last sweep took.",
            registry=registry,
        )
        by_state = ("provider", "state")
        self.stuck = Gauge(
            "sealgate_payments_stuck",
            "Payments that have been in a state for longer than their corridor's limit.",
            by_state,
            registry=registry,
        )
        self.stuck_oldest = Gauge(
            "sealgate_payments_oldest_stuck_timestamp_seconds",
            "Since when the longest stuck payment has been in its state; absent where none is.",
            by_state,
            registry=registry,
        )
        self.stuck_amount = Gauge(
            "sealgate_payments_stuck_amount",
            "Money of stuck payments that was seen, in units of the asset (not its smallest).",
            (*by_state, "asset"),
            registry=registry,
        )
        self.say(Frozen.SETTLING)

    def say(self, frozen: Frozen | None) -> None:
        """Tell whether time is judged, and why not."""
        for reason in Frozen:
            self.frozen.labels(reason.value).set(reason is frozen)

    def show(self, tally: Tally) -> None:
        """Tell who is stuck; where nobody is, zero."""
        self.drop()
        for provider in tally.providers:
            for state in CODES:
                self.stuck.labels(provider, state.value).set(0)
        for place, payments in tally.payments.items():
            self.stuck.labels(*place).set(payments)
            self.stuck_oldest.labels(*place).set(tally.oldest_ms[place] / 1000)
        # The assets are the registry's, so the series are bounded; a sum that ends is zero.
        sums = dict.fromkeys(self._amounts_shown, 0.0)
        for (provider, state, asset), amount in tally.at_risk.items():
            if asset in self._decimals:
                major = Decimal(amount).scaleb(-self._decimals[asset])
                sums[provider, state.value, asset] = float(major)
        for series, told in sums.items():
            self.stuck_amount.labels(*series).set(told)
        self._amounts_shown.update(sums)

    def drop(self) -> None:
        """Tell nothing of who is stuck: an old number that looks fresh is worse than none."""
        for gauge in (self.stuck, self.stuck_oldest, self.stuck_amount):
            gauge.clear()


def _legal() -> list[tuple[State | None, State]]:
    """List every move that may be written, a payment's first included."""
    first: list[tuple[State | None, State]] = [(None, after) for after in State]
    return first + [(before, after) for before, afters in TRANSITIONS.items() for after in afters]
