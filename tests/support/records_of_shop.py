"""A shop with a log and a store, for `sealgate evidence`; and what it proves of them, as JSON."""

import asyncio
import hashlib
import hmac
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ingress.contract import topics
from ingress.contract.envelope import Envelope
from ingress.contract.quarantined import Quarantined
from ingress.eventlog import connect
from ingress.eventlog.port import Message
from sealgate.evidence.command import Asked, run
from tests.support import canary
from tests.support.exposed import BEGIN_MS, CANARY, ENVIRONMENT, Shop, told, transfer

Output = pytest.CaptureFixture[str]


def signed(
    name: str, *words: str, at_s: int, secret: str = f"{CANARY}-key-1", **more: Any
) -> Envelope:
    """Seal an event that BTCPay would have signed so: HMAC-SHA256 of the body, in hex."""
    sealed = told(name, *words, at_s=at_s, originalDeliveryId=name, **more)
    digest = hmac.new(secret.encode(), sealed.body, hashlib.sha256).hexdigest()
    return replace(
        sealed,
        type=f"org.btcpayserver.{sealed.event_type}",
        signed_headers=(("btcpay-sig", f"sha256={digest}".encode()),),
    )


PAID = signed("e1", "inv-1", "InvoiceProcessing", at_s=1)
SETTLED = signed("e2", "inv-1", "InvoiceSettled", at_s=2)
SHORT = signed("e3", "inv-2", "InvoiceReceivedPayment", at_s=3, **transfer("tx", "1"))
REFUSED = Quarantined(
    id="c-9",
    environment=ENVIRONMENT,
    slug="shop",
    provider="btcpay",
    account="shop",
    reason="signature_mismatch",
    network="192.0.2.0/24",
    received_ms=BEGIN_MS,
    length=2,
    seal="",
    content=b"{}",
)


def open_shop(tmp_path: Path) -> Shop:
    """Open a shop whose log holds one event twice, and one refusal; everything is applied."""
    shop = Shop(tmp_path)
    config = shop.config.read_text()
    shop.config.write_text(f'{config}[log]\nurl = "embedded:./log.db"\npartitions = 1\n')
    asyncio.run(write(tmp_path / "log.db", PAID, SETTLED, SETTLED, SHORT))
    shop.apply(PAID, SETTLED, SETTLED, SHORT)
    shop.deliver_notices()
    return shop


async def write(path: Path, *sealed: Envelope) -> None:
    """Publish envelopes, and the refusal."""
    log = connect.connect(f"embedded://{path}")
    verified, kept = topics.verified(ENVIRONMENT), topics.quarantine(ENVIRONMENT)
    await log.ensure_topics({verified: 1, kept: 1})
    publisher = log.publisher()
    await publisher.start()
    for one in sealed:
        key, headers, value = one.encode()
        await publisher.publish(Message(verified, key, value, headers))
    key, headers, value = REFUSED.encode()
    await publisher.publish(Message(kept, key, value, headers))
    await publisher.stop()
    await log.close()


def prove(shop: Shop, capsys: Output, **asked: Any) -> tuple[int, dict[str, dict[str, Any]]]:
    """Ask for the records alone, as JSON; return the exit code and the claims by name."""
    code = run(shop.configuration(), Asked(self_test=False, json=True, **asked))
    out = capsys.readouterr().out
    canary.saw("evidence", out)
    assert CANARY not in out
    report = json.loads(out)
    assert report["exit_code"] == 3
    return code, {
        claim["claim"]: claim for section in report["sections"] for claim in section["claims"]
    }
