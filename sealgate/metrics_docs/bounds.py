"""How many values each label can have, and why no stranger can make one more.

A label is either bounded by what an operator configures, which is said in words, or closed: then
its values are those of an enum, and are all listed. What a request brings is never a label.
"""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from consumers.ageing import BUCKETS
from consumers.exceptions import HANDLING
from consumers.lifecycle import State
from consumers.patience import CODES
from ingress.keyring import Status
from ingress.keysources.result import Result
from sealgate.metrics_docs.catalogue import Metric

OPEN: Mapping[str, str] = {
    "source": "the configured slugs; `unknown` where a path names none, `many` where there are more"
    " than `edge.metric_sources_max`",
    "provider": "the profiles of the configured sources; `unknown` where a path names no source",
    "key_id": "the ids of a source's keys, at most 8; `fetched` for all that are fetched, `none`"
    " where nobody signs, `many` as above",
    "account": "the accounts of the sources of which payments are asked",
    "group": "`consumer.group`, and the same with `.alarms`",
    "topic": "the topics that are applied: two",
    "partition": "the partitions of a topic (`log.partitions`)",
    "asset": "the assets of the registry that the project ships",
    "network": "the networks of that registry",
    "chain": "the audit chains: one for each partition that is applied, and that of commands",
    "environment": "the one that is served",
    "version": "the one that runs",
    "python": "the one that runs",
}


class Bound(NamedTuple):
    """What a label can be: in words where it is open, as values where it is closed."""

    told: str
    values: tuple[str, ...] = ()


def _of(values: Iterable[object]) -> Bound:
    return Bound("", tuple(map(str, values)))


_STATES = _of(State)
_STUCK = _of(CODES)
# What exists only once it was measured, or fetched; all else is there at zero, and is read there.
_CLOSED: Mapping[tuple[str, str], Bound] = {
    ("sealgate_payments", "state"): _STATES,
    ("sealgate_payments_oldest_timestamp_seconds", "state"): _STATES,
    ("sealgate_payments_by_age", "state"): _STUCK,
    ("sealgate_payments_stuck", "state"): _STUCK,
    ("sealgate_payments_oldest_stuck_timestamp_seconds", "state"): _STUCK,
    ("sealgate_payments_stuck_amount", "state"): _STUCK,
    ("sealgate_workers", "state"): _of(("ready", "not_ready", "stopping")),
    ("sealgate_key_fetch_total", "result"): _of(Result),
    ("sealgate_address_fetch_total", "result"): _of(Result),
    ("sealgate_key_info", "role"): _of(("verify", "handshake", "api")),
    ("sealgate_key_info", "status"): _of(Status),
}
_EVERYWHERE: Mapping[str, Bound] = {
    "bucket": _of(bucket.name for bucket in BUCKETS),
    "code": _of(HANDLING),
    "severity": _of(range(1, 5)),
    "listener": _of(("edge",)),
}


def bound(metric: Metric, label: str) -> Bound:
    """Say what a label of a metric can be. Raises `KeyError` for one that nobody has bounded."""
    if label in OPEN:
        return Bound(OPEN[label])
    known = _CLOSED.get((metric.name, label))
    if known is not None:
        return known
    if label in metric.values:
        return Bound("", tuple(sorted(metric.values[label])))
    return _EVERYWHERE[label]
