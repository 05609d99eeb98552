"""What is said of each request when it ends: one count of each kind, and one line in the log.

An `Admitted` flows in; metrics and a log line flow out, and nothing of what was in the delivery but
the ids by which its story is found.
"""

from ingress import telemetry
from ingress.admit import Admitted
from ingress.answers import Outcome
from ingress.metrics import EdgeMetrics, SourceMetrics
from ingress.sources import Snapshot, Source


class Report:
    """Counts and logs every request, each exactly once."""

    def __init__(self, sources: Snapshot, metrics: EdgeMetrics, clock: telemetry.Clock) -> None:
        self._unknown = metrics.unknown
        self._by_source: dict[str, SourceMetrics] = {
            slug: metrics.source(slug, source.profile.name, source.key_labels)
            for slug, source in sources.items()
        }
        self._clock = clock
        self._log = telemetry.logger("edge")

    def end(
        self, admitted: Admitted, source: Source | None, duration_s: float, length: int | None
    ) -> None:
        """Count and log one request; `length` is that of its body, if one was read."""
        # A source that was taken away while its request was under way has no series any more.
        metrics = self._unknown
        if source is not None:
            metrics = self._by_source.get(source.slug, self._unknown)
            self._log.info("delivery_handled", **_facts(admitted, source, duration_s, length))
        self._count(metrics, admitted, duration_s, length)

    def _count(
        self, metrics: SourceMetrics, admitted: Admitted, duration_s: float, length: int | None
    ) -> None:
        answer = admitted.answer
        metrics.requests[answer.outcome].inc()
        metrics.duration.observe(duration_s)
        if admitted.reason is not None:
            metrics.failures[admitted.reason].inc()
        if length is not None:
            metrics.body.observe(length)
        if admitted.kept is not None:
            metrics.quarantined[admitted.kept].inc()
        # The key may be gone by now; what it proved was counted while it was there.
        if admitted.signer is not None and admitted.signer.label in metrics.verified:
            metrics.verified[admitted.signer.label].inc()
        if answer.outcome is Outcome.ACCEPTED:
            metrics.last_accepted.set(self._clock() / 1000)


def _facts(
    admitted: Admitted, source: Source, duration_s: float, length: int | None
) -> dict[str, object]:
    """Collect the canonical log line of a delivery: what happened, and never what was in it."""
    facts: dict[str, object] = {
        "outcome": admitted.answer.outcome.value,
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
