"""What tests of refusals share: who signs, who forges, and what is found of it afterwards."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import apsw
import stripe

from ingress import sealing, telemetry
from ingress.contract.quarantined import Quarantined
from ingress.delivery import Delivery
from tests.support.gateway import STRIPE_SECRET, Gateway, Reply

STRIPE_HOOK = "/hooks/stripe-eu"
STRIPE_LABELS = {"source": "stripe-eu", "provider": "stripe"}
SEALED = {"key": [{"id": "seal-1", "file": "seal"}]}
SMALL = {"bytes_per_day": 64 * 1024}
EVENT = b'{"id":"evt_1","type":"payment_intent.succeeded","data":{"object":{"id":"pi_1"}}}'


@contextmanager
def log_away(directory: Path) -> Iterator[None]:
    """Hold the log's file, so that nothing is confirmed in time."""
    holder = apsw.Connection(str(directory / "log.db"))
    holder.execute("BEGIN IMMEDIATE")
    try:
        yield
    finally:
        holder.execute("ROLLBACK")
        holder.close()


def signed(body: bytes, secret: bytes = STRIPE_SECRET, age_s: int = 0) -> tuple[str, str]:
    """Sign as Stripe's own SDK does."""
    seconds = telemetry.now_ms() // 1000 - age_s
    signature = stripe.WebhookSignature._compute_signature(
        f"{seconds}.{body.decode()}", secret.decode()
    )
    return "Stripe-Signature", f"t={seconds},v1={signature}"


async def forge(edge: Gateway, body: bytes = EVENT) -> Reply:
    """Send what somebody without the secret signed."""
    return await edge.post(STRIPE_HOOK, body, signed(body, b"whsec_of_a_forger"))


def quarantined(edge: Gateway, result: str) -> float:
    """Count what came of keeping the deliveries of the Stripe source."""
    return edge.count("sealgate_quarantined_total", result=result, **STRIPE_LABELS)


def is_on_disk(directory: Path, text: bytes) -> bool:
    """Search the log's files."""
    return any(text in file.read_bytes() for file in directory.glob("log.db*"))


def opened(kept: Quarantined, seals: sealing.Seals | None = None) -> Delivery:
    """Read a kept delivery back."""
    content = (seals or sealing.Seals()).open(kept.seal, kept.content, kept.about)
    return sealing.deserialise(content)
