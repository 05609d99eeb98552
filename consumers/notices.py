"""Write the notice of one transition: what downstream services hear. Pure.

A transition flows in with the envelope that caused it; a CloudEvent for the lifecycle topic flows
out. The store keeps it in the outbox of the same transaction, and the relay publishes it at least
once. Its id and its payment version are the same each time, so that a subscriber can drop what it
has already seen, and notice what it has missed: versions of one payment have no gaps.

The format has a version of its own. A field is added without a new one; none is changed.
"""

import orjson

from consumers.store.port import Notice, PaymentKey, Transition
from ingress.contract import cloudevents
from ingress.contract.envelope import Envelope

VERSION = "1"
TYPE_PREFIX = "com.sealgate.payment."
CONTENT_TYPE = "application/json"


def build(transition: Transition, envelope: Envelope) -> Notice:
    """Return the notice of `transition`, which `envelope` caused."""
    payment = transition.payment
    occurred = cloudevents.timestamp(envelope.occurred_ms)
    recorded = cloudevents.timestamp(transition.at_ms)
    attributes = {
        "specversion": "1.0",
        "id": cloudevents.attribute(f"{_path(payment)}/{transition.version}"),
        "source": f"urn:sealgate:{envelope.environment}:lifecycle",
        "type": TYPE_PREFIX + transition.after.lower(),
        "subject": payment.reference,
        "time": occurred,
        "recordedtime": recorded,
        # Cut by nothing, hashed by nobody: the same payment, the same partition, as on the way in.
        "partitionkey": envelope.key.decode(),
        "sealgatenotice": VERSION,
        "environment": envelope.environment,
        "provider": payment.provider,
        "account": payment.account,
        "correlationid": transition.correlation_id,
        "traceparent": envelope.traceparent,
        "paymentversion": str(transition.version),
    }
    headers = cloudevents.to_headers(attributes, CONTENT_TYPE)
    hop = ("traceparent", envelope.traceparent.encode())
    return Notice(
        id=attributes["id"],
        payment=payment,
        version=transition.version,
        key=envelope.key,
        value=orjson.dumps(
            {
                **_content(transition, envelope),
                "occurred_at": occurred,
                "recorded_at": recorded,
            }
        ),
        headers=(*headers, hop),
    )


def _content(transition: Transition, envelope: Envelope) -> dict[str, object]:
    """Say what happened. Every field is always there; `before` of the first move is null."""
    payment = transition.payment
    return {
        "notice_version": VERSION,
        "environment": envelope.environment,
        "payment": _path(payment),
        "provider": payment.provider,
        "account": payment.account,
        "reference": payment.reference,
        "version": transition.version,
        "before": transition.before,
        "after": transition.after,
        "event": transition.event.key,
        "event_type": envelope.event_type,
        "correlation_id": transition.correlation_id,
    }


def _path(payment: PaymentKey) -> str:
    """Name the payment in one text. Only a reference may hold a slash, or two names could meet."""
    account = payment.account.replace("%", "%25").replace("/", "%2F")
    return f"{payment.provider}/{account}/{payment.reference}"
