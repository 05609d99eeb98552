"""What is said of each request when it ends: one count of each kind, and one line in the log.

An `Admitted` flows in; metrics and a log line flow out, and nothing of what was in the delivery but
the ids by which its story is found.
"""

import time
from collections.abc import Mapping
from http import HTTPStatus

from ingress import telemetry
from ingress.admit import Admitted
from ingress.answers import Outcome
from ingress.failing import Failing
from ingress.metrics import EdgeMetrics
from ingress.quiet import Quiet
from ingress.series import MANY, Counting, Named, SourceMetrics, Use
from ingress.sources import Snapshot, Source

# An enumeration is slow to look up, and slower to read or to compare.
_ACCEPTED = Outcome.ACCEPTED
_BAD_REQUEST = HTTPStatus.BAD_REQUEST.value
_WORDS = {outcome: outcome.value for outcome in Outcome}
# What a delivery that its provider will try again is refused for, through no fault of its own.
_OURS = frozenset(
    {
        Outcome.RATE_LIMITED,
        Outcome.OVERLOADED,
        Outcome.ADDRESSES_AWAITED,
        Outcome.PUBLISH_FAILED,
        Outcome.PUBLISH_REFUSED,
    }
)


class Report:
    """Counts and logs every request, each exactly once."""

    def __init__(
        self, counting: Counting, metrics: EdgeMetrics, clock: telemetry.Clock, quiet: Quiet
    ) -> None:
        self._unknown = metrics.sources.unknown
        self._by_source = metrics.sources.serve(counting)
        self._clock = clock
        self._quiet = quiet
        self._log = telemetry.logger("edge")

    def uses(self, slug: str) -> Mapping[str, Use]:
        """Return what each key of a source has proven in this process, of those that have."""
        counted = self._by_source.get(slug)
        return {} if counted is None else counted.uses

    def failing(self, slug: str, *, is_doubted: bool) -> float:
        """Say since when a source fails through our fault, in seconds since the epoch; or 0.

        `is_doubted` says that its keys are thought to be wrong.
        """
        counted = self._by_source.get(slug)
        if counted is None:
            return 0.0
        return counted.failing.since_ms(self._clock(), is_suspect=is_doubted) / 1000

    def end(
        self,
        admitted: Admitted,
        source: Source | None,
        duration_s: float,
        length: int | None,
        network: str,
    ) -> None:
        """Count and log one request; `length` is that of its body, if one was read.

        `network` is the client's, and no more of its address: that may be a person's.
        """
        # A source that was taken away while its request was under way has no series any more.
        counted = None
        if source is not None:
            counted = self._by_source.get(source.slug)
            if self._is_said(admitted, source):
                facts = _facts(admitted, source, duration_s, length)
                facts["network"] = network
                self._log.info("delivery_handled", **facts)
        metrics = self._unknown if counted is None else counted.metrics
        now_ms = self._clock()
        _count(metrics, admitted, length)
        # Whoever does not verify sends as slowly as he likes, or floods with quick refusals: that
        # is not how long a provider waits; it must wake nobody, and hide no slow answer.
        timed = self._unknown if admitted.signer is None else metrics
        if admitted.envelope is None:
            timed.duration.observe(duration_s)
        else:
            timed.duration.observe_traced(duration_s, admitted.envelope.traceparent, now_ms)
        if admitted.answer.outcome is _ACCEPTED:
            metrics.last_accepted.set(now_ms / 1000)
        if counted is not None and source is not None:
            _fail(counted.failing, admitted, source, now_ms)
            if admitted.signer is not None:
                counted.used(admitted.signer.label, now_ms)

    def _is_said(self, admitted: Admitted, source: Source) -> bool:
        """Say whether a delivery has its line: of refusals, no more than a reader can use."""
        if admitted.answer.status < _BAD_REQUEST:
            return True
        why = admitted.answer.outcome if admitted.reason is None else admitted.reason
        return self._quiet.lets(source.slug, why.value, time.monotonic())


def counting(sources: Snapshot, metrics: EdgeMetrics) -> Counting:
    """Make the series of these sources, and say where each is to be counted."""
    is_many = metrics.sources.is_many(len(sources))
    return metrics.sources.plan(
        {
            slug: Named(one.profile.name, (MANY,) if is_many else one.key_labels)
            for slug, one in sources.items()
        }
    )


def _fail(failing: Failing, admitted: Admitted, source: Source, now_ms: int) -> None:
    """Note what a request says of whether its source fails through our fault.

    A forgery alone says nothing: it is no delivery that is being lost.
    """
    outcome = admitted.answer.outcome
    if outcome is _ACCEPTED:
        failing.accepted()
    elif admitted.is_ours or outcome in _OURS:
        horizon_s = source.profile.declaration.answers.retry_horizon_s
        if outcome in _OURS:
            failing.refused(now_ms, horizon_s, is_proven=admitted.signer is not None)
        else:
            failing.doubted(now_ms, horizon_s)


def _count(metrics: SourceMetrics, admitted: Admitted, length: int | None) -> None:
    """Count one request: its outcome, and whatever else there is to say of it."""
    metrics.requests[admitted.answer.outcome].inc()
    if admitted.skew_ms is not None:
        metrics.skew.observe(admitted.skew_ms / 1000)
    if admitted.reason is not None:
        metrics.failures[admitted.reason].inc()
    if length is not None:
        metrics.body.observe(length)
    if admitted.kept is not None:
        metrics.quarantined[admitted.kept].inc()


def _facts(
    admitted: Admitted, source: Source, duration_s: float, length: int | None
) -> dict[str, object]:
    """Collect the canonical log line of a delivery: what happened, and never what was in it."""
    facts: dict[str, object] = {
        "outcome": _WORDS[admitted.answer.outcome],
        "status": admitted.answer.status,
        "source": source.slug,
        "provider": source.profile.name,
        "correlation_id": admitted.correlation_id,
        "duration_ms": round(duration_s * 1000, 3),
    }
    if length is not None:
        facts["body_bytes"] = length
    if admitted.reason is not None:
        facts["reason"] = admitted.reason.value
    if admitted.signer is not None:
        facts["key_id"] = admitted.signer.key_id
    if admitted.kept is not None:
        facts["quarantine"] = admitted.kept.value
    if admitted.told:
        facts["told"] = admitted.told
    if admitted.envelope is not None:
        facts["event_key"] = admitted.envelope.event_key
        facts["event_type"] = admitted.envelope.event_type
        facts["payment_ref"] = admitted.envelope.payment_ref
        facts["trace_id"] = admitted.envelope.traceparent[3:35]
    if admitted.position is not None:
        facts["partition"] = admitted.position.partition.number
        facts["offset"] = admitted.position.offset
    return facts
