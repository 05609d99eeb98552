"""A source behind a guarded door: what its provider sends, signed by the provider's own library."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import stripe

from ingress import telemetry
from ingress.settings import SourceSettings
from tests.support import canary
from tests.support.gateway import request

SECRET = canary.secret("the guarded source's key", b"secret-of-the-guarded-one")
GUARDED = "/hooks/guarded"
GUARDED_LABELS = {"source": "guarded", "provider": "stripe"}


def guarded(directory: Path, **said: Any) -> Sequence[SourceSettings]:
    """Configure a source of Stripe that takes deliveries from some clients alone."""
    (directory / "guarded").write_bytes(SECRET)
    key = {"id": "k1", "file": "guarded"}
    return [
        SourceSettings.model_validate(
            {"slug": "guarded", "provider": "stripe", "key": [key], **said}
        )
    ]


def signed(body: str = '{"id":"evt_1"}') -> bytes:
    """Write what Stripe sends, signed by Stripe's own library."""
    seconds = telemetry.now_ms() // 1000
    made = stripe.WebhookSignature._compute_signature(f"{seconds}.{body}", SECRET.decode())
    return request(GUARDED, body.encode(), [("Stripe-Signature", f"t={seconds},v1={made}")])
