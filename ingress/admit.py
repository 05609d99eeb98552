"""The pipeline for one delivery: verify, identify, seal, publish; then, and only then, say 2xx.

A `Delivery` of a known source flows into `decide`, and either an `Admitted` flows out, with the
answer to give, or a `Sealed`, whose message is to be published; what the log says of it flows into
`settle`, and out comes the `Admitted`. Neither of them waits. The order is the promise: the JSON
parser is reached only behind `verify`, and a success answer only behind the log's acknowledgement.
Content is never a reason to refuse what verified: a provider that gets a non-2xx for its content
stops sending, so what cannot be understood is published as it is.

A handshake carries no event: it is answered and not published. One that its provider signs is
recognised behind `verify`; one that it does not sign, only in a request without a signature.
"""

import hashlib
import re
from collections.abc import Sequence
from functools import lru_cache
from http import HTTPStatus
from typing import NamedTuple

from ingress import telemetry
from ingress.answers import Answer, Outcome, refuse
from ingress.contract import cloudevents, topics
from ingress.contract.envelope import Envelope
from ingress.delivery import Delivery, Reason, Rejected
from ingress.eventlog.port import LogUnavailable, Message, MessageRefused, Position
from ingress.providers import Profile
from ingress.quarantine import Kept
from ingress.schemes.handshake import Refusal
from ingress.schemes.parts.headers import Index
from ingress.schemes.parts.keys import Key
from ingress.schemes.parts.view import View
from ingress.sources import Source
from ingress.verification import Fetched, KeyAwaited, Signer, verify

CORRELATION_HEADER = b"x-correlation-id"
TRACE_HEADER = b"traceparent"
_OUTCOMES = {
    Reason.TIMESTAMP_STALE: Outcome.REJECTED_STALE,
    Reason.TIMESTAMP_FUTURE: Outcome.REJECTED_STALE,
    Reason.ADDRESS_REFUSED: Outcome.REJECTED_CLIENT,
    Reason.CERTIFICATE_REFUSED: Outcome.REJECTED_CLIENT,
}
_UNTIMELY = frozenset({Reason.TIMESTAMP_STALE, Reason.TIMESTAMP_FUTURE})
# One for each profile, of which there are some seventy; an enumeration is slow to look up.
_SUCCESSES_KEPT = 256
_ACCEPTED = Outcome.ACCEPTED
_UUID = re.compile(rb"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


class Admitted(NamedTuple):
    """What came of one delivery: the answer, and the facts for its metrics and its log line.

    `signer` is known of whatever verified; `told` is what a handshake has for the operator; `kept`
    is what came of keeping it in the quarantine. A handshake is no event. `skew_ms` is how far the
    time it was signed for is ahead of its receipt. `is_ours` where it is refused, and the fault is
    taken to be ours.
    """

    answer: Answer
    correlation_id: str
    reason: Reason | None = None
    signer: Signer | None = None
    envelope: Envelope | None = None
    position: Position | None = None
    told: str = ""
    kept: Kept | None = None
    is_event: bool = True
    skew_ms: int | None = None
    is_ours: bool = False


class Sealed(NamedTuple):
    """A delivery that verified, on its way to the log: no success is said of it yet."""

    message: Message
    envelope: Envelope
    signer: Signer
    success: Answer


def decide(
    delivery: Delivery, source: Source, correlation_id: str, fetched: Fetched | None = None
) -> Admitted | Sealed:
    """Take one delivery as far as the log. Raises nothing that has an answer."""
    if delivery.method not in source.profile.methods:
        greeted = _greet(delivery, source, correlation_id, None)
        return greeted or Admitted(refuse(Outcome.REJECTED_METHOD, correlation_id), correlation_id)
    try:
        signer = verify(delivery, source, fetched)
    except KeyAwaited as awaited:
        away = HTTPStatus.SERVICE_UNAVAILABLE
        return rejection(source, awaited.reason, correlation_id, away)
    except Rejected as rejected:
        greeted = None
        if rejected.reason is Reason.HEADER_MISSING:
            greeted = _greet(delivery, source, correlation_id, None)
        return greeted or _rejected(delivery, source, rejected.reason, correlation_id)
    greeted = _greet(delivery, source, correlation_id, signer)
    return greeted or _seal(delivery, source, correlation_id, signer)


def _rejected(delivery: Delivery, source: Source, reason: Reason, correlation_id: str) -> Admitted:
    """Refuse what did not verify. Of what its key has proven and is not fresh, tell how far off."""
    refused = rejection(source, reason, correlation_id)
    # Age is judged behind the signature, so this is no stranger's word.
    signed_ms = _signed(source, delivery) if reason in _UNTIMELY else None
    return refused._replace(skew_ms=_skew_ms(signed_ms, delivery.received_ms))


def _skew_ms(signed_ms: int | None, received_ms: int) -> int | None:
    return None if signed_ms is None else signed_ms - received_ms


def settle(sealed: Sealed, said: Position | BaseException) -> Admitted:
    """Say what the log made of a sealed delivery; `said` is its answer, or its exception.

    Raises what is no answer of a log.
    """
    envelope = sealed.envelope
    if isinstance(said, Position):
        return Admitted(
            sealed.success,
            envelope.correlation_id,
            signer=sealed.signer,
            envelope=envelope,
            position=said,
            skew_ms=_skew_ms(envelope.signed_ms, envelope.received_ms),
        )
    if isinstance(said, LogUnavailable):
        outcome = Outcome.PUBLISH_FAILED
    elif isinstance(said, MessageRefused):
        outcome = Outcome.PUBLISH_REFUSED
    else:
        raise said
    answer = refuse(outcome, envelope.correlation_id)
    return Admitted(answer, envelope.correlation_id, signer=sealed.signer, envelope=envelope)


def _seal(
    delivery: Delivery, source: Source, correlation_id: str, signer: Signer
) -> Admitted | Sealed:
    """Make the message of what verified, unless it says itself that it belongs elsewhere."""
    envelope = seal(delivery, source, signer.key_id, correlation_id)
    profile = source.profile
    if envelope.mode.contradicts(source.mode):
        # A success: some providers send test events to live endpoints by design, and stop for good
        # where they are refused. Whoever called us keeps the delivery before the answer is given.
        return Admitted(
            _success(Outcome.ENVIRONMENT_MISMATCH, profile.success_status, profile.success_body),
            envelope.correlation_id,
            reason=Reason.ENVIRONMENT_MISMATCH,
            signer=signer,
            envelope=envelope,
        )
    topic = topics.verified(source.environment)
    record_key, headers, value = envelope.encode()
    message = Message(topic, record_key, value, headers)
    success = _success(_ACCEPTED, profile.success_status, profile.success_body)
    return Sealed(message, envelope, signer, success)


@lru_cache(maxsize=_SUCCESSES_KEPT)
def _success(outcome: Outcome, status: int, body: bytes) -> Answer:
    return Answer(outcome, status, body)


def _greet(
    delivery: Delivery, source: Source, correlation_id: str, signer: Signer | None
) -> Admitted | None:
    """Answer a handshake; None where the delivery is none. `signer` is None of what is unsigned."""
    profile = source.profile
    handshake = profile.handshake(delivery, verified=signer is not None)
    if handshake is None:
        return None
    keys: Sequence[Key] = source.ring.at(delivery.received_ms).signing
    if signer is not None and signer.key is not None:
        keys = (signer.key,)
    reply = handshake.answer(View.of(delivery), source.tokens, keys)
    if isinstance(reply, Refusal):
        answer = refuse(Outcome.REJECTED_SIGNATURE, correlation_id, status=reply.status)
        return Admitted(answer, correlation_id, reason=reply.reason, is_event=False)
    answer = Answer(
        Outcome.HANDSHAKE,
        reply.status,
        reply.body,
        content_type=reply.content_type,
        headers=reply.headers,
    )
    return Admitted(answer, correlation_id, signer=signer, told=reply.told, is_event=False)


def rejection(
    source: Source, reason: Reason, correlation_id: str, status: int | None = None
) -> Admitted:
    """Refuse a delivery that did not verify, with the status its provider can live with.

    Some providers never come back after a 4xx, and a wrong key may be our own fault. `status` goes
    before the profile's own, where something is known of this one.
    """
    outcome = _OUTCOMES.get(reason, Outcome.REJECTED_SIGNATURE)
    answer = refuse(outcome, correlation_id, status=status or _usual(source.profile, outcome))
    return Admitted(answer, correlation_id, reason=reason)


def _usual(profile: Profile, outcome: Outcome) -> int | None:
    """Return what a profile answers to a refusal; None where the outcome's own status will do."""
    if outcome is Outcome.REJECTED_STALE:
        return profile.stale_status
    if outcome is not Outcome.REJECTED_CLIENT:
        return profile.refusal_status
    # A list of addresses may be wrong like a key; who would not come back is asked to, here too.
    away = HTTPStatus.SERVICE_UNAVAILABLE
    return away if profile.refusal_status == away else None


def seal(
    delivery: Delivery,
    source: Source,
    key_id: str,
    correlation_id: str,
    late_ms: int | None = None,
) -> Envelope:
    """Make the envelope of a verified delivery. Pure but for the new trace id.

    `late_ms` is when it was verified, where that was not at its receipt.
    """
    profile = source.profile
    index = View.of(delivery).index
    identity = profile.identify(delivery)
    content = profile.content(delivery)
    kept = profile.kept(delivery)
    mode, signed_ms = profile.mode(delivery), _signed(source, delivery)
    # What was read of a delivery is several times its size, and would wait with it for the log.
    delivery.seen = None
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
        untold=identity.occurred_ms is None,
        received_ms=delivery.received_ms,
        correlation_id=_carried(index) or correlation_id,
        traceparent=telemetry.traceparent(),
        trace_link=_link(index),
        key_id=key_id,
        scheme=profile.scheme,
        coverage=profile.coverage,
        assurance=profile.assurance,
        body_digest="sha256:" + hashlib.sha256(content).hexdigest(),
        content_type=cloudevents.content_type(index.first(b"content-type")),
        signed_headers=tuple([(name.decode("latin-1"), value) for name, value in kept]),
        body=content,
        mode=mode,
        signed_ms=signed_ms,
        late_ms=late_ms,
    )


def _signed(source: Source, delivery: Delivery) -> int | None:
    """Return when the provider says it signed a verified delivery, if it says so in it."""
    try:
        return source.profile.claimed_ms(delivery)
    except Rejected:
        return None


def _occurred(claimed_ms: int | None, received_ms: int) -> int:
    return received_ms if claimed_ms is None else claimed_ms


def _carried(index: Index) -> str:
    """Return the correlation id a verified request carried, if it is one (a lower-case UUID)."""
    found = index.lone(CORRELATION_HEADER)
    return found.decode("ascii") if found is not None and _UUID.fullmatch(found) else ""


def _link(index: Index) -> str:
    found = index.lone(TRACE_HEADER)
    return found.decode("ascii") if found is not None and telemetry.is_traceparent(found) else ""
