"""Write the notice of one transition: what downstream services hear. Pure.

A transition flows in with the occasion of it, an event or an operator's mark; a CloudEvent for the
lifecycle topic flows out. The store keeps it in the outbox of the same transaction, and the relay
publishes it at least once. Its id and its payment version are the same each time, so that a
subscriber can drop what it has already seen, and notice what it has missed: versions of one payment
have no gaps.

The format has a version of its own. A field is added without a new one; none is changed.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple, Self

import orjson

from consumers.lifecycle import State
from consumers.store.port import Notice, PaymentKey, Transition
from ingress.contract import cloudevents
from ingress.contract.cloudevents import Headers
from ingress.contract.envelope import Envelope

VERSION = "1"
TYPE_PREFIX = "com.sealgate.payment."
CONTENT_TYPE = "application/json"
# Endpoints whose unchanging headers are kept ready.
_ENDPOINTS_KEPT = 256
_TYPES = {state: ("ce_type", (TYPE_PREFIX + state.lower()).encode()) for state in State}
_SPEC_VERSION = ("ce_specversion", b"1.0")
_NOTICE_VERSION = ("ce_sealgatenotice", VERSION.encode())
_CONTENT = ("content-type", CONTENT_TYPE.encode())


class Occasion(NamedTuple):
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


class _Fixed(NamedTuple):
    """What all notices of one provider's account have in common."""

    path: str
    key: str
    source: tuple[str, bytes]
    endpoint: Headers


def build(transition: Transition, occasion: Occasion, flags: Sequence[str] = ()) -> Notice:
    """Return the notice of `transition`, after which the payment has these `flags`."""
    payment, version = transition.payment, transition.version
    fixed = _fixed(occasion.environment, payment.provider, payment.account)
    path = fixed.path + payment.reference
    # Cut by nothing, hashed by nobody: the same payment, the same partition, as on the way in.
    key = (fixed.key + payment.reference).encode()
    notice_id = cloudevents.attribute(f"{path}/{version}")
    occurred = cloudevents.timestamp(occasion.occurred_ms)
    recorded = cloudevents.timestamp(transition.at_ms)
    traceparent = occasion.traceparent.encode()
    headers = (
        _SPEC_VERSION,
        ("ce_id", notice_id.encode()),
        fixed.source,
        _TYPES[transition.after],
        ("ce_subject", payment.reference.encode()),
        ("ce_time", occurred.encode()),
        ("ce_recordedtime", recorded.encode()),
        ("ce_partitionkey", key),
        _NOTICE_VERSION,
        *fixed.endpoint,
        ("ce_correlationid", transition.correlation_id.encode()),
        ("ce_traceparent", traceparent),
        ("ce_paymentversion", str(version).encode()),
        _CONTENT,
        ("traceparent", traceparent),
    )
    value = _content(transition, occasion, flags, path, occurred, recorded)
    return Notice(notice_id, payment, version, key, value, headers)


def name(payment: PaymentKey, version: int) -> str:
    """Return the id of the notice that tells of a payment's version."""
    path = _fixed("", payment.provider, payment.account).path + payment.reference
    return cloudevents.attribute(f"{path}/{version}")


def _content(
    transition: Transition,
    occasion: Occasion,
    flags: Sequence[str],
    path: str,
    occurred: str,
    recorded: str,
) -> bytes:
    """Say what happened. Every field is always there; `before` of the first move is null."""
    payment = transition.payment
    content = {
        "notice_version": VERSION,
        "environment": occasion.environment,
        "payment": path,
        "provider": payment.provider,
        "account": payment.account,
        "reference": payment.reference,
        "version": transition.version,
        "before": transition.before,
        "after": transition.after,
        "flags": flags,
        "cause": transition.cause,
        "event": transition.event.key,
        "event_type": occasion.event_type,
        "correlation_id": transition.correlation_id,
        "occurred_at": occurred,
        "recorded_at": recorded,
    }
    return orjson.dumps(content)


@lru_cache(_ENDPOINTS_KEPT)
def _fixed(environment: str, provider: str, account: str) -> _Fixed:
    """Write what all notices of an account have in common."""
    # Only a reference may hold a slash in a payment's name, or two names could meet.
    told = account.replace("%", "%25").replace("/", "%2F")
    return _Fixed(
        path=f"{provider}/{told}/",
        key=f"{environment}/{provider}/{account}/",
        source=("ce_source", f"urn:sealgate:{environment}:lifecycle".encode()),
        endpoint=(
            ("ce_environment", environment.encode()),
            ("ce_provider", provider.encode()),
            ("ce_account", account.encode()),
        ),
    )
