"""A gateway's directory in the middle of an incident, for the commands of the runbooks.

Everything in it came the usual way: events stand in the embedded log and were applied by the real
applier, refused deliveries are in the quarantine, people's commands were typed. What takes hours in
life, an exception of every code, is raised in the store's own transaction and so is in the audit
chain. It is made once and copied for each page: SQLite's files are whole when nobody has them open.
"""

import asyncio
import hashlib
import hmac
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from consumers.apply import Applier
from consumers.exceptions import HANDLING, Code
from consumers.store.cases import Anomaly
from consumers.store.connect import connect as connect_store
from consumers.store.port import Changes, DeadLetter, Store
from ingress.contract import topics
from ingress.contract.envelope import Envelope, Mode
from ingress.contract.quarantined import Quarantined
from ingress.delivery import Delivery
from ingress.eventlog.connect import connect as connect_log
from ingress.eventlog.port import EventLog, Message, Partition, Position, Record
from sealgate.config import Configuration
from sealgate.mappings import in_force
from sealgate.policies import policy_of
from tests.conformance.test_deposits import TX_1, TX_2, activity, transfer
from tests.support.builders import delivery, envelope, record
from tests.support.gateway import NEW_SECRET, STRIPE_SECRET
from tests.support.quarantined import SETTLED, kept, refused
from tests.support.runbook_shop import ENVIRONMENT, GROUP

TOPIC = topics.verified(ENVIRONMENT)
PARTITION = Partition(TOPIC, 0)
HOUR_MS = 3_600_000
# Of the shop: what the provider said of each payment, the last word last.
WORDS = {
    "pending-1": ("pending",),
    "paid-1": ("pending", "paid"),
    "confirmed-1": ("pending", "paid", "confirmed"),
    "posted-1": ("pending", "confirmed"),
    "expired-1": ("pending", "expired"),
    "under-1": ("pending", "underpaid"),
    "late-1": ("pending", "expired", "late"),
    "failed-1": ("pending", "paid", "failed"),
    "over-1": ("pending", "over"),
    "reversed-1": ("pending", "confirmed", "reversed"),
    "refund-1": ("pending", "confirmed", "refunding"),
    "conflict-1": ("pending", "confirmed", "failed"),
}
_UNREADABLE = b'{"amount": "10.00", "currency": "USDC", "amount_received": "many"}'
_RECEIVED = {"underpaid": "4.00", "over": "15.00", "reversed": "10.00"}


def make(folder: Path, configuration: Configuration) -> None:
    """Let everything happen. The audit's key has to be there already."""
    begin_ms = time.time_ns() // 1_000_000 - 6 * HOUR_MS
    asyncio.run(_make(folder, configuration, begin_ms))


async def _make(folder: Path, configuration: Configuration, begin_ms: int) -> None:
    store = connect_store(f"sqlite://{folder / 'store.db'}")
    log = connect_log(f"embedded://{folder / 'log.db'}")
    await store.open(ENVIRONMENT)
    await log.ensure_topics({TOPIC: 1, topics.quarantine(ENVIRONMENT): 1})
    try:
        await _publish(log, [_message(one) for one in _events(begin_ms)])
        await _publish(log, [_quarantine(one) for one in _refused(begin_ms)])
        await _apply(store, log, configuration, begin_ms)
        # As a relay did some hours ago: a notice that waits so long is an incident of its own.
        await store.delivered([one.sequence for one in await store.pending(100_000)])
        await _raise(store, begin_ms, _RAISED)
    finally:
        await store.close()
        await log.close()


def _events(begin_ms: int) -> list[Envelope]:
    told = [
        _of_shop(reference, word, begin_ms + step * 60_000)
        for reference, words in WORDS.items()
        for step, word in enumerate(words)
    ]
    told.append(_of_shop("parked-1", "paid", begin_ms, account="cart", slug="cart"))
    told.append(_of_shop("odd-1", "swept", begin_ms))
    told.append(replace(_of_shop("drift-1", "paid", begin_ms), body=_UNREADABLE))
    told += [_of_btcpay(number, begin_ms) for number in (1, 2)]
    for number, tx in enumerate((TX_1, TX_2)):
        sealed = activity(transfer(tx, 10_000_000), name=f"w{number}")
        told.append(
            _here(sealed, begin_ms, "chain", event_key=f"w{number}", key_id="k1", mode=Mode.UNKNOWN)
        )
    return told


def _of_shop(
    reference: str, word: str, at_ms: int, *, account: str = "main", slug: str = "kobbopay-shop"
) -> Envelope:
    """Seal what Kobbopay says of a payment of 10 USDC whose window was an hour."""
    ends = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(at_ms / 1000 + 3600))
    body = {
        "id": f"{reference}-{word}",
        "amount": "10.00",
        "currency": "USDC",
        "expires_at": ends,
        "amount_received": _RECEIVED.get(word, "10.00"),
    }
    if word == "pending":
        del body["amount_received"]
    if word == "refunding":
        body |= {"amount_refunded": "10.00"}
    told = {"over": "confirmed", "refunding": "partially_refunded"}.get(word, word)
    sealed = envelope(
        body,
        account=account,
        event_key=f"{reference}-{word}",
        event_type=f"payment.{told}",
        type=f"com.kobbex.pay.payment.{told}",
        payment_ref=reference,
        key_id="k1",
    )
    return _here(sealed, at_ms, slug)


def _of_btcpay(number: int, at_ms: int) -> Envelope:
    """Seal an invoice that BTCPay Server calls settled, proven by the key that will leak."""
    word = "InvoiceSettled"
    body = {"type": word, "timestamp": at_ms // 1000, "storeId": "s", "invoiceId": f"inv-{number}"}
    sealed = envelope(
        body,
        provider="btcpay",
        account="shop",
        event_key=f"d-{number}",
        event_type=word,
        type=f"com.btcpay.{word}",
        payment_ref=f"inv-{number}",
        key_id="2026-05",
        mode=Mode.UNKNOWN,
    )
    return _here(sealed, at_ms, "btcpay-shop")


def _here(sealed: Envelope, at_ms: int, slug: str, **changes: Any) -> Envelope:
    """Let it be received here, at an instant, by a source."""
    plain: dict[str, Any] = {
        "source": f"urn:sealgate:{ENVIRONMENT}:{slug}",
        "environment": ENVIRONMENT,
        "occurred_ms": at_ms,
        "received_ms": at_ms + 250,
        "correlation_id": _id(f"{slug} {sealed.event_key} {at_ms}"),
    }
    return replace(sealed, **(plain | changes))


def _id(text: str) -> str:
    """Make a correlation id of a text."""
    digits = hashlib.sha256(text.encode()).hexdigest()
    return f"019b{digits[:4]}-{digits[4:8]}-7{digits[8:11]}-8{digits[11:14]}-{digits[14:26]}"


def _message(sealed: Envelope) -> Message:
    key, headers, value = sealed.encode()
    return Message(TOPIC, key, value, headers)


def _quarantine(one: Quarantined) -> Message:
    key, headers, value = one.encode()
    return Message(topics.quarantine(ENVIRONMENT), key, value, headers)


def _refused(begin_ms: int) -> list[Quarantined]:
    """Make one delivery that the new key would prove, and one of another environment."""
    new = replace(refused(SETTLED.body, NEW_SECRET), source="btcpay-shop", received_ms=begin_ms)
    early = kept(new, 1)
    live = kept(_live(begin_ms), 2, "environment_mismatch", "stripe")
    return [replace(early, account="shop"), replace(live, account="shop")]


def _live(at_ms: int) -> Delivery:
    """Sign an event of Stripe that says that it is live, as Stripe does."""
    intent = {"id": "pi_1", "object": "payment_intent", "amount": 1000, "currency": "eur"}
    event = {
        "id": "evt_live",
        "object": "event",
        "type": "payment_intent.succeeded",
        "created": at_ms // 1000,
        "livemode": True,
        "data": {"object": intent},
    }
    body = json.dumps(event).encode()
    at = str(at_ms // 1000)
    mac = hmac.digest(STRIPE_SECRET, f"{at}.".encode() + body, "sha256").hex()
    headers = (
        (b"content-type", b"application/json"),
        (b"stripe-signature", f"t={at},v1={mac}".encode()),
    )
    return delivery(source="stripe-shop", body=body, headers=headers, received_ms=at_ms)


async def _publish(log: EventLog, messages: Sequence[Message]) -> None:
    publisher = log.publisher(deadline_s=20)
    await publisher.start()
    try:
        for one in messages:
            await publisher.publish(one)
    finally:
        await publisher.stop()


async def _apply(store: Store, log: EventLog, configuration: Configuration, at_ms: int) -> None:
    """Apply all of the log, as a worker did some hours ago."""
    records = await log.read(Position(PARTITION, 0), 500)
    applier = Applier(
        store,
        ENVIRONMENT,
        GROUP,
        lambda: at_ms + HOUR_MS,
        interpreters=in_force(configuration),
        mode=Mode.TEST,
        policy=policy_of(configuration),
    )
    claims = await store.claim_partitions(GROUP, [PARTITION], "a worker")
    await applier.apply(records, claims)
    letter = _letter(record(_of_shop("letter-1", "confirmed", at_ms)), at_ms)
    async with store.transaction() as tx:
        await tx.save(Changes(dead_letters=[letter]))


def _letter(one: Record, at_ms: int) -> DeadLetter:
    """Bury an event, as of a fault that is mended by now."""
    place = Position(PARTITION, 1000)
    return DeadLetter(place, "KeyError at x.py:1", one.key, one.value, one.headers, at_ms)


def leak(folder: Path) -> None:
    """Let something of another environment have come in: `sealgate doctor` fails from then on."""

    async def work() -> None:
        store = connect_store(f"sqlite://{folder / 'store.db'}")
        await store.open(ENVIRONMENT)
        try:
            subject = f"urn:sealgate:{ENVIRONMENT}:stripe-shop"
            await _raise(store, time.time_ns() // 1_000_000, {Code.ENV_MISMATCH: subject})
        finally:
            await store.close()

    asyncio.run(work())


async def _raise(store: Store, at_ms: int, subjects: Mapping[Code, str]) -> None:
    """Raise what a timer, an edge or a provider's answer would have raised meanwhile."""
    raised = [
        Anomaly(code, subject, HANDLING[code].severity, "raised for a runbook", None, at_ms)
        for code, subject in subjects.items()
    ]
    async with store.transaction() as tx:
        await tx.save(Changes(anomalies=raised))


_SHOP = "kobbopay/main"
_RAISED = {
    Code.DUPLICATE_PAYMENT: f"{_SHOP}/over-1",
    Code.UNKNOWN_PAYMENT: "kobbopay/cart/parked-1",
    Code.ASSET_MISMATCH: f"{_SHOP}/under-1",
    Code.NETWORK_MISMATCH: f"{_SHOP}/under-1",
    Code.UNKNOWN_ASSET: "USDT@nowhere",
    Code.ILLEGAL_TRANSITION: f"{_SHOP}/conflict-1",
    Code.STATE_DIVERGENCE: f"{_SHOP}/confirmed-1",
    Code.STUCK_PENDING: f"{_SHOP}/pending-1",
    Code.STUCK_PAID: f"{_SHOP}/paid-1",
    Code.STUCK_UNDERPAID: f"{_SHOP}/under-1",
    Code.STUCK_LATE: f"{_SHOP}/late-1",
    Code.STUCK_FAILED: f"{_SHOP}/failed-1",
    Code.STUCK_REVERSED: f"{_SHOP}/reversed-1",
    Code.POSTING_LAG: f"{_SHOP}/confirmed-1",
    Code.POSTED_BEFORE_CONFIRMED: f"{_SHOP}/posted-1",
    Code.POSTED_MISMATCH: f"{_SHOP}/posted-1",
    Code.REFUND_WITHOUT_FUNDS: f"{_SHOP}/expired-1",
    Code.REFUND_STUCK: f"{_SHOP}/confirmed-1",
    Code.REFUND_REQUESTED: f"{_SHOP}/confirmed-1",
    Code.VERIFICATION_FAILURE_SPIKE: "urn:sealgate:test:btcpay-shop",
    Code.KEY_EXPOSURE_UNCORROBORATED: "btcpay/shop/d-1",
    Code.CONFLICTING_BODY: "btcpay/shop/inv-1",
    Code.SCHEMA_DRIFT: "kobbopay/payment.paid",
    Code.COMPLIANCE_HOLD: f"{_SHOP}/paid-1",
    Code.NEEDS_FETCH: f"{_SHOP}/pending-1",
    Code.CHAIN_INTEGRITY: "operator",
}
