"""Values that tests begin from: `delivery()`, `envelope()`, `record()`; say only what matters."""

import hashlib
from dataclasses import replace
from typing import Any

import orjson

from ingress.contract.envelope import Assurance, Coverage, Envelope, Mode
from ingress.delivery import Delivery
from ingress.eventlog.port import Partition, Position, Record
from ingress.sources import Serves

NOW_MS = 1_767_225_600_000  # 2026-01-01T00:00:00Z
TRACEPARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
SERVES = Serves("test", Mode.TEST)
PARTITION = Partition("payments.sandbox.verified", 0)


def delivery(**changes: Any) -> Delivery:
    """Make a delivery, changed where the test says so."""
    plain = Delivery(
        source="shop",
        method="POST",
        query=b"",
        headers=((b"content-type", b"application/json"),),
        body=b"{}",
        received_ms=NOW_MS,
        url="https://hooks.example.com/hooks/shop",
    )
    return replace(plain, **changes)


def envelope(body: object = b"{}", **changes: Any) -> Envelope:
    """Make an envelope, changed where the test says so; a body that is no bytes is written as JSON.

    The event key follows the body unless it is given: two bodies are two events.
    """
    content = body if isinstance(body, bytes) else orjson.dumps(body)
    digest = hashlib.sha256(content).hexdigest()
    plain = Envelope(
        source="shop",
        provider="kobbopay",
        environment="sandbox",
        account="main",
        event_key=f"evt_{digest[:16]}",
        event_type="payment.paid",
        type="com.kobbex.pay.payment.paid",
        payment_ref="pay_1",
        occurred_ms=NOW_MS,
        received_ms=NOW_MS + 250,
        correlation_id="019b0000-0000-7000-8000-000000000001",
        traceparent=TRACEPARENT,
        key_id="2026-01",
        scheme="mac",
        coverage=Coverage.FULL,
        assurance=Assurance.A,
        body_digest=f"sha256:{digest}",
        content_type="application/json",
        signed_headers=(),
        body=content,
    )
    return replace(plain, **changes)


def record(sealed: Envelope, offset: int = 0, partition: Partition = PARTITION) -> Record:
    """Write an envelope as the log would hand it out."""
    key, headers, value = sealed.encode()
    return Record(Position(partition, offset), key, value, headers, sealed.received_ms)
