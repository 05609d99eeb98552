"""The pipeline for one delivery: verify, identify, seal, publish; then, and only then, say 2xx.

A `Delivery` of a known source flows in and an `Admitted` flows out, with the answer to give. The
order is the promise: the JSON parser is reached only behind `verify`, and a success answer only
behind the log's acknowledgement. Content is never a reason to refuse what verified: a provider that
gets a non-2xx for its content stops sending, so what cannot be understood is published as it is.
"""

import hashlib
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from ingress import telemetry
from ingress.answers import Answer, Outcome, refuse
from ingress.contract import cloudevents, topics
from ingress.contract.envelope import Envelope
from ingress.delivery import Delivery, Reason, Rejected
from ingress.eventlog.port import LogUnavailable, Message, MessageRefused, Position
from ingress.sources import Source

Publish = Callable[[Message], Awaitable[Position]]

CORRELATION_HEADER = b"x-correlation-id"
TRACE_HEADER = b"traceparent"
_STALE = frozenset({Reason.TIMESTAMP_STALE, Reason.TIMESTAMP_FUTURE})
_UUID = re.compile(rb"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


@dataclass(frozen=True, slots=True)
class Admitted:
    """What came of one delivery: the answer, and the facts for its metrics and its log line."""

    answer: Answer
    correlation_id: str
    reason: Reason | None = None
    envelope: Envelope | None = None
    position: Position | None = None


async def admit(
    delivery: Delivery, source: Source, publish: Publish, correlation_id: str
) -> Admitted:
    """Take one delivery through the whole pipeline. Raises nothing that has an answer."""
    try:
        key = source.profile.verify(delivery, source.materials)
    except Rejected as rejected:
        return rejection(source, rejected.reason, correlation_id)
    envelope = seal(delivery, source, source.key_ids[key], correlation_id)
    topic = topics.verified(source.environment)
    record_key, headers, value = envelope.encode()
    try:
        position = await publish(Message(topic, record_key, value, headers))
    except LogUnavailable:
        answer = refuse(Outcome.PUBLISH_FAILED, envelope.correlation_id)
        return Admitted(answer, envelope.correlation_id, envelope=envelope)
    except MessageRefused:
        answer = refuse(Outcome.PUBLISH_REFUSED, envelope.correlation_id)
        return Admitted(answer, envelope.correlation_id, envelope=envelope)
    profile = source.profile
    success = Answer(Outcome.ACCEPTED, profile.success_status, profile.success_body)
    return Admitted(success, envelope.correlation_id, envelope=envelope, position=position)


def rejection(source: Source, reason: Reason, correlation_id: str) -> Admitted:
    """Refuse a delivery that did not verify, with the status its provider can live with.

    Some providers never come back after a 4xx, and a wrong key may be our own fault.
    """
    outcome = Outcome.REJECTED_STALE if reason in _STALE else Outcome.REJECTED_SIGNATURE
    answer = refuse(outcome, correlation_id, status=source.profile.refusal_status)
    return Admitted(answer, correlation_id, reason=reason)


def seal(delivery: Delivery, source: Source, key_id: str, correlation_id: str) -> Envelope:
    """Make the envelope of a verified delivery. Pure but for the new trace id."""
    profile = source.profile
    identity = profile.identify(delivery.body, delivery.headers)
    sent_type = next(iter(delivery.values(b"content-type")), None)
    signed = tuple(
        (name.decode("ascii"), value)
        for name in profile.signed_headers
        for value in delivery.values(name)
    )
    return Envelope(
        source=source.uri,
        provider=profile.name,
        environment=source.environment,
        account=source.account,
        event_key=identity.event_key,
        event_type=identity.event_type,
        type=f"{profile.type_prefix}.{identity.event_type}",
        payment_ref=identity.payment_ref,
        occurred_ms=_occurred(identity.occurred_ms, delivery.received_ms),
        received_ms=delivery.received_ms,
        correlation_id=_carried(delivery) or correlation_id,
        traceparent=telemetry.traceparent(),
        trace_link=_link(delivery),
        key_id=key_id,
        scheme=profile.scheme,
        coverage=profile.coverage,
        assurance=profile.assurance,
        body_digest="sha256:" + hashlib.sha256(delivery.body).hexdigest(),
        content_type=cloudevents.content_type(sent_type),
        signed_headers=signed,
        body=delivery.body,
    )


def _occurred(claimed_ms: int | None, received_ms: int) -> int:
    return received_ms if claimed_ms is None else claimed_ms


def _carried(delivery: Delivery) -> str:
    """Return the correlation id a verified request carried, if it is one (a lower-case UUID)."""
    found = delivery.values(CORRELATION_HEADER)
    if len(found) == 1 and _UUID.fullmatch(found[0]):
        return found[0].decode("ascii")
    return ""


def _link(delivery: Delivery) -> str:
    found = delivery.values(TRACE_HEADER)
    if len(found) == 1 and telemetry.is_traceparent(found[0]):
        return found[0].decode("ascii")
    return ""
