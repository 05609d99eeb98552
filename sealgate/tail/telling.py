"""Tell a record as a document, by `deploy/schemas/tail.json`. Pure.

Nothing here shows a body or a header that was signed: a body names customers, and a signature with
its body is a delivery that somebody could send again. Whoever needs them reads the topic.
"""

from consumers.store.port import PaymentKey
from ingress.contract.envelope import Envelope
from ingress.eventlog.port import Record
from sealgate.exposure import addresses
from sealgate.exposure.instants import show
from sealgate.exposure.report import Document
from sealgate.tail.proving import Proof
from sealgate.tail.reading import Entry, Heard

FORMAT = "sealgate.tail/1"


def document(record: Record, entry: Entry, proof: Proof | None) -> Document:
    """Write a record; `proof` is what came of verifying it, None where nobody asked."""
    (topic, number), offset = record.position
    place: Document = {
        "format": FORMAT,
        "topic": topic,
        "partition": number,
        "offset": offset,
        "written_at": show(record.timestamp_ms),
        "key": record.key.decode("utf-8", "replace"),
    }
    if isinstance(entry, Envelope):
        return {**place, "kind": "envelope", **_envelope(entry), "proof": _proof(proof)}
    if isinstance(entry, Heard):
        return {**place, "kind": "notice", **_notice(entry)}
    return {**place, "kind": "unreadable", "why": entry.why}


def payment_of(envelope: Envelope) -> PaymentKey | None:
    """Return the payment that an envelope is about, if it is about one."""
    reference = envelope.payment_ref
    return PaymentKey(envelope.provider, envelope.account, reference) if reference else None


def _envelope(one: Envelope) -> Document:
    payment = payment_of(one)
    return {
        "id": one.event_key,
        "type": one.type,
        "event_type": one.event_type,
        "source": one.source,
        "environment": one.environment,
        "provider": one.provider,
        "account": one.account,
        "payment": None if payment is None else addresses.write(payment),
        "occurred_at": show(one.occurred_ms),
        "received_at": show(one.received_ms),
        "signed_at": show(one.signed_ms),
        "late_at": show(one.late_ms),
        "correlation_id": one.correlation_id,
        "key_id": one.key_id,
        "scheme": one.scheme,
        "coverage": one.coverage.value,
        "assurance": one.assurance.value,
        "mode": one.mode.value,
        "content_type": one.content_type,
        "body_digest": one.body_digest,
        "body_bytes": len(one.body),
    }


def _notice(one: Heard) -> Document:
    return {"id": one.id, "type": one.type, **one.content.model_dump()}


def _proof(proof: Proof | None) -> Document | None:
    if proof is None:
        return None
    return {"word": proof.word.value, "key_id": proof.key_id or None, "why": proof.why or None}
