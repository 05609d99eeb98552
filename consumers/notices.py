"""Write the notice of one transition: what downstream services hear. Pure.

A transition flows in with the occasion of it, an event or an operator's mark; a CloudEvent for the
lifecycle topic flows out. The store keeps it in the outbox of the same transaction, and the relay
publishes it at least once. Its id and its payment version are the same each time, so that a
subscriber can drop what it has already seen, and notice what it has missed: versions of one payment
have no gaps.

The format has a version of its own. A field is added without a new one; none is changed.
"""

from dataclasses import dataclass
from typing import Self

import orjson

from consumers.store.port import Notice, PaymentKey, Transition
from ingress.contract import cloudevents
from ingress.contract.envelope import Envelope

VERSION = "1"
TYPE_PREFIX = "com.sealgate.payment."
CONTENT_TYPE = "application/json"


@dataclass(frozen=True, slots=True)
class Occasion:
    """What moved a payment, as far as downstream is told."""

    environment: str
    event_type: str
    occurred_ms: int
    traceparent: str

    @classmethod
    def of(cls, envelope: Envelope) -> Self:
        """Take it from the envelope of the event."""
        return cls(
            envelope.environment, envelope.event_type, envelope.occurred_ms, envelope.traceparent
        )


def build(transition: Transition, occasion: Occasion) -> Notice:
    """Return the notice of `transition`."""
    payment = transition.payment
    # Cut by nothing, hashed by nobody: the same payment, the same partition, as on the way in.
    key = "/".join((occasion.environment, *payment))
    occurred = cloudevents.timestamp(occasion.occurred_ms)
    recorded = cloudevents.timestamp(transition.at_ms)
    attributes = {
        "specversion": "1.0",
        "id": cloudevents.attribute(f"{_path(payment)}/{transition.version}"),
        "source": f"urn:sealgate:{occasion.environment}:lifecycle",
        "type": TYPE_PREFIX + transition.after.lower(),
        "subject": payment.reference,
        "time": occurred,
        "recordedtime": recorded,
        "partitionkey": key,
        "sealgatenotice": VERSION,
        "environment": occasion.environment,
        "provider": payment.provider,
        "account": payment.account,
        "correlationid": transition.correlation_id,
        "traceparent": occasion.traceparent,
        "paymentversion": str(transition.version),
    }
    headers = cloudevents.to_headers(attributes, CONTENT_TYPE)
    hop = ("traceparent", occasion.traceparent.encode())
    return Notice(
        id=attributes["id"],
        payment=payment,
        version=transition.version,
        key=key.encode(),
        value=orjson.dumps(
            {
                **_content(transition, occasion),
                "occurred_at": occurred,
                "recorded_at": recorded,
            }
        ),
        headers=(*headers, hop),
    )


def _content(transition: Transition, occasion: Occasion) -> dict[str, object]:
    """Say what happened. Every field is always there; `before` of the first move is null."""
    payment = transition.payment
    return {
        "notice_version": VERSION,
        "environment": occasion.environment,
        "payment": _path(payment),
        "provider": payment.provider,
        "account": payment.account,
        "reference": payment.reference,
        "version": transition.version,
        "before": transition.before,
        "after": transition.after,
        "cause": transition.cause,
        "event": transition.event.key,
        "event_type": occasion.event_type,
        "correlation_id": transition.correlation_id,
    }


def _path(payment: PaymentKey) -> str:
    """Name the payment in one text. Only a reference may hold a slash, or two names could meet."""
    account = payment.account.replace("%", "%25").replace("/", "%2F")
    return f"{payment.provider}/{account}/{payment.reference}"
