"""What the edge's publisher tells, as metrics: all of them there at zero, and counted as told."""

from prometheus_client import CollectorRegistry

from ingress.eventlog.observer import Outcome, Rebuild
from ingress.metrics import PublishMetrics


def test_every_result_and_reason_is_there_before_the_first():
    """A rate over a series that appears with its first failure would miss that failure."""
    registry = CollectorRegistry()
    PublishMetrics(registry)
    for outcome in ("acked", "rejected", "unknown", "refused"):
        labels = {"result": outcome}
        assert registry.get_sample_value("sealgate_publish_results_total", labels) == 0
    for reason in ("refused", "failed", "silent", "ended", "age", "records"):
        labels = {"reason": reason}
        assert registry.get_sample_value("sealgate_producer_rebuilds_total", labels) == 0
    assert registry.get_sample_value("sealgate_log_breaker_open") == 0


def test_what_a_publisher_tells_is_counted():
    """These are what an operator looks at first when the log is away."""
    registry = CollectorRegistry()
    metrics = PublishMetrics(registry)
    metrics.published(Outcome.UNKNOWN, 3)
    metrics.waiting(7, 700)
    metrics.breaker(is_open=True)
    metrics.rebuilt(Rebuild.SILENT)
    ask = registry.get_sample_value
    assert ask("sealgate_publish_results_total", {"result": "unknown"}) == 3
    assert ask("sealgate_publish_waiting") == 7
    assert ask("sealgate_publish_waiting_bytes") == 700
    assert ask("sealgate_log_breaker_open") == 1
    assert ask("sealgate_producer_rebuilds_total", {"reason": "silent"}) == 1
    metrics.breaker(is_open=False)
    assert ask("sealgate_log_breaker_open") == 0
