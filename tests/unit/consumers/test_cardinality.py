"""How many series the consumers have: as many after every verdict, move and measure as before."""

from decimal import Decimal
from itertools import product

from prometheus_client import CollectorRegistry

from consumers.ageing import BUCKETS, Ageing
from consumers.exceptions import HANDLING
from consumers.lifecycle import TRANSITIONS, State, Verdict
from consumers.metrics import MonitorMetrics, WorkerFamilies, WorkerMetrics
from consumers.patience import CODES
from consumers.state_metrics import StateMetrics
from consumers.store.state_reads import AgeCount
from tests.support.junk import series

GROUPS = ("sealgate-lifecycle", "sealgate-lifecycle.alarms")
PROVIDERS = [f"provider-{number}" for number in range(20)]
BUDGET = 3_000


def test_every_verdict_and_every_move_has_its_series_from_the_beginning() -> None:
    """The rate of what never happened is zero, and of what has no series it is nothing."""
    registry = CollectorRegistry()
    families = WorkerFamilies(registry)
    workers = [WorkerMetrics(families, group) for group in GROUPS]
    before = series(registry)
    for worker in workers:
        for verdict in Verdict:
            worker.records[verdict].inc()
        for after in State:
            worker.transitions[None, after].inc()
        for state, afters in TRANSITIONS.items():
            for after in afters:
                worker.transitions[state, after].inc()
                worker.lasted[state, after].observe(61)
        for each in (worker.detection, worker.end_to_end, worker.batch_duration):
            each.observe(1)
        worker.suppressed.inc()
    assert series(registry) == before
    assert len(before) < BUDGET


def _measure(metrics: MonitorMetrics, state: StateMetrics, count: int) -> None:
    """Show a database with twenty providers, all states and all exceptions."""
    for provider, one in product(PROVIDERS, State):
        metrics.payments.labels(provider, one.value).set(count)
        metrics.oldest_payments.labels(provider, one.value).set(count)
    metrics.exceptions_at_zero()
    for code, handling in HANDLING.items():
        metrics.exceptions.labels(code.value, str(handling.severity)).set(count)
    for group, partition in product(GROUPS, range(6)):
        for gauge in (metrics.lag_records, metrics.lag_seconds):
            gauge.labels(group, group, str(partition)).set(count)
    metrics.queue.show(Ageing(count, count), {"USDT@tron": Decimal(count)})
    state.show_letters({GROUPS[0]: count})
    state.show_ages(AgeCount(one, bucket.name, count) for one in CODES for bucket in BUCKETS)
    state.oldest_notice.value = state.quarantined.value = state.frozen_since.value = count


def test_a_monitor_of_twenty_providers_fits_the_budget() -> None:
    """All states of all of them, all exceptions of all ages: and no more the second time."""
    registry = CollectorRegistry()
    metrics, state = MonitorMetrics(registry), StateMetrics(registry, GROUPS)
    _measure(metrics, state, 1)
    before = series(registry)
    _measure(metrics, state, 7)
    assert series(registry) == before
    assert 700 < len(before) < BUDGET
