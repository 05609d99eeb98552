"""One expression for each metric: how it is asked, and how the answers of several processes add up.

What several processes each count of their own is added. What they all tell of the same thing, a
database, a configuration, a disk, is the same number told several times: the greatest is taken, and
a sum of it would be a lie. Most expressions follow from what a metric is; the others are written
here.
"""

from collections.abc import Mapping
from enum import StrEnum

from sealgate.metrics_docs.catalogue import Metric

PERIOD = "5m"


class Together(StrEnum):
    """What is done with the answers of several processes."""

    SUM = "sum"
    MAX = "max, not sum"
    EACH = "each by itself"


# Gauges of one process, of which the whole gateway has the sum; all others are the same everywhere.
_ADDED = {
    "sealgate_connections",
    "sealgate_connections_limit",
    "sealgate_in_flight_bytes",
    "sealgate_in_flight_bytes_limit",
    "sealgate_journal_records",
    "sealgate_publish_waiting",
    "sealgate_publish_waiting_bytes",
    "sealgate_requests_in_flight",
    "sealgate_workers",
    "sealgate_workers_wanted",
}
# What says how near one process is to its own limit, or how it is.
_EACH = {
    "sealgate_config_generation",
    "sealgate_config_last_reload_ok",
    "sealgate_config_loaded_timestamp_seconds",
    "sealgate_consumer_last_poll_timestamp_seconds",
    "sealgate_key_loaded_timestamp_seconds",
    "sealgate_log_breaker_open",
    "sealgate_quarantine_bytes",
    "sealgate_quarantine_bytes_limit",
    "sealgate_source_failing_since_timestamp_seconds",
}
_WRITTEN: Mapping[str, str] = {
    "sealgate_audit_checkpoint_timestamp_seconds": "time()"
    " - max(sealgate_audit_checkpoint_timestamp_seconds > 0)",
    "sealgate_build_info": "count by (version, environment) (sealgate_build_info)",
    "sealgate_clock_skew_seconds": "histogram_quantile(0.5, sum by (source, le)"
    " (rate(sealgate_clock_skew_seconds_bucket[15m])))",
    "sealgate_collector_success": "min by (collector) (sealgate_collector_success) == 0",
    "sealgate_config_last_reload_ok": "sealgate_config_last_reload_ok == 0",
    "sealgate_connections": "sealgate_connections / sealgate_connections_limit",
    "sealgate_in_flight_bytes": "sealgate_in_flight_bytes / sealgate_in_flight_bytes_limit",
    "sealgate_journal_bytes": "sealgate_journal_bytes / (sealgate_journal_bytes_limit > 0)",
    "sealgate_journal_oldest_timestamp_seconds": "time()"
    " - (sealgate_journal_oldest_timestamp_seconds > 0)",
    "sealgate_key_info": "count by (source, status) (max by (source, key_id, status)"
    ' (sealgate_key_info{role="verify"}))',
    "sealgate_key_last_used_timestamp_seconds": "time() - max by (source, key_id)"
    " (sealgate_key_last_used_timestamp_seconds > 0)",
    "sealgate_quarantine_bytes": "sealgate_quarantine_bytes"
    " / (sealgate_quarantine_bytes_limit > 0)",
    "sealgate_source_retry_horizon_seconds": "(time()"
    " - (sealgate_source_failing_since_timestamp_seconds > 0))"
    " / sealgate_source_retry_horizon_seconds",
    "sealgate_workers": 'sum(sealgate_workers{state="ready"}) / sum(sealgate_workers_wanted)',
}
_ENDS = "_not_after_timestamp_seconds"
_SINCE = "_timestamp_seconds"


def together(metric: Metric) -> Together:
    """Say what is done with the answers of several processes."""
    if metric.kind in {"counter", "histogram"} or metric.name in _ADDED:
        return Together.SUM
    return Together.EACH if metric.name in _EACH else Together.MAX


def expression(metric: Metric) -> str:
    """Return a query to begin with."""
    return _WRITTEN.get(metric.name) or _usual(metric)


def _usual(metric: Metric) -> str:
    name, by = metric.name, _by(metric.labels)
    if metric.kind == "counter":
        return f"sum{by}(rate({name}[{PERIOD}]))"
    if metric.kind == "histogram":
        rate = f"rate({name}_bucket[{PERIOD}])"
        return f"histogram_quantile(0.99, sum{_by((*metric.labels, 'le'))}({rate}))"
    if name.endswith(_ENDS):
        return f"min{by}({name}) - time()"
    function = "sum" if together(metric) is Together.SUM else "max"
    asked = name if together(metric) is Together.EACH else f"{function}{by}({name})"
    if not name.endswith(_SINCE):
        return asked
    return f"time() - ({asked} > 0)" if _begins_at_zero(metric) else f"time() - {asked}"


def _begins_at_zero(metric: Metric) -> bool:
    return "0 until" in metric.told or "0 before" in metric.told or "else 0" in metric.told


def _by(labels: tuple[str, ...]) -> str:
    # A source has one provider: to name both says no more.
    shown = [one for one in labels if one != "provider" or "source" not in labels]
    return f" by ({', '.join(shown)}) " if shown else ""


def unit(metric: Metric) -> str:
    """Return the unit: it stands at the end of the name."""
    name = metric.name.removesuffix("_total")
    if name.endswith(_SINCE):
        return "unix seconds"
    name = name.removesuffix("_limit")
    return next((one for one in ("seconds", "bytes", "ratio") if name.endswith(f"_{one}")), "")
