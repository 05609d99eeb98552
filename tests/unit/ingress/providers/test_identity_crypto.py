"""What each crypto rail's delivery is about: one payment, one event, and nothing unsigned."""

import hashlib

import pytest

from ingress.delivery import Delivery
from ingress.providers import Identity, load
from tests.support.signers.crypto_canonical import CRYPTO_CANONICAL
from tests.support.signers.crypto_mac import CRYPTO_MAC
from tests.support.signers.crypto_public_key import CRYPTO_PUBLIC_KEY
from tests.support.signers.shape import Signer


def _delivery(
    body: bytes,
    headers: tuple[tuple[bytes, bytes], ...] = (),
    query: bytes = b"",
    method: str = "POST",
) -> Delivery:
    return Delivery("shop", method, query, headers, body, 1_760_000_000_000)


def _digest(content: bytes) -> str:
    return "sha256:" + hashlib.sha256(content).hexdigest()


SIGNERS: dict[str, Signer] = {
    signer.name: signer for signer in (*CRYPTO_MAC, *CRYPTO_CANONICAL, *CRYPTO_PUBLIC_KEY)
}
AT_MS = 1_760_000_000_000
SOLANA = "5nNtjezQMYBHvgSQmoRmJPiXGsPAWmJPoGSa64xanqrauogiVzFyGQhKeFataHGXq51jR2hjjzNTkPUpP787HAmL"
BITCOIN = "1C3FrYaGgUJ8R21jJcwzryQQUFCWFpwcuA"
# What a merchant would say each sample is about; None: the event has no id but its bytes.
EXPECTED: dict[str, tuple[str | None, str, str, int | None]] = {
    "btcpay": ("TWm1vVVfDFmi1mTSKqFYNv", "InvoiceSettled", "UoN3pnB1ALVkAzLKy9Gxqu", AT_MS),
    "coinbase_commerce": (
        "24934862-d980-46cb-9402-43c81b0cdba6",
        "charge:confirmed",
        "66BEOV2A",
        AT_MS,
    ),
    "kobbopay": ("evt_1", "payment.confirmed", "pay_1", None),
    "coinbase_cdp": (None, "onchain.activity.detected", "evt-7f3a", None),
    "nowpayments": ("5077125051:finished:155.38559757", "finished", "5077125051", None),
    "coinpayments_ipn": ("d2e0c7f5a1", "api", "CPKD3RZ7GWBLKGNFRDPDK9TZDS", None),
    "coinpayments": (
        "e7ba7ac5e0e04f2fb3ad1b3c8b0eb1a4",
        "InvoiceCompleted",
        "S3GGNVFqVUBQvDAYAmRHCv",
        AT_MS,
    ),
    "opennode": (
        "22b13c2f-3297-422d-9e7c-4f9a35651d38:paid",
        "paid",
        "22b13c2f-3297-422d-9e7c-4f9a35651d38",
        None,
    ),
    "coingate": ("343:paid", "paid", "343", None),
    "cryptomus": (
        "62f88b36-a9d5-4fa6-aa26-e040c3dbf26d:paid:10.50000000",
        "payment:paid",
        "62f88b36-a9d5-4fa6-aa26-e040c3dbf26d",
        None,
    ),
    "plisio": (
        "5f9f1a7e8c4b2d0012345678:completed:0.00105",
        "completed",
        "5f9f1a7e8c4b2d0012345678",
        None,
    ),
    "triplea": ("GBP-ABC-7:payment:done", "payment:done", "GBP-ABC-7", None),
    "triplea_fiat": (None, "payout.completed", "", None),
    "blockonomics": (f"4cfbec27:{BITCOIN}:2", "2", BITCOIN, None),
    "alchemy": (
        "whevt_ogrc5v64myey69ux",
        "ADDRESS_ACTIVITY",
        "0x7a4a39da2a3fa1fc2ef88fd1eaea070286ed2aba21e0419dcfb6d5c5d9f02a72",
        AT_MS,
    ),
    "quicknode": (None, "unknown", "", None),
    "moralis": ("c28d9e2e-ae9d-4fe6:0x2e10f0:true", "deposits", "0xf9cd", AT_MS),
    "helius": (SOLANA, "TRANSFER", SOLANA, AT_MS),
    "tatum": (
        (
            "ADDRESS_EVENT:93442189d7bccbe009f8ab594831ff9d:TJG7iciLGjsib9qhe6U6F7M2vxYJuDjWNM:TRON"
            ":20:native:44087791"
        ),
        "ADDRESS_EVENT",
        "93442189d7bccbe009f8ab594831ff9d",
        None,
    ),
    "fireblocks_v2": (
        "a2c4e6f8-0b1d-4f3a-9c5e-7d8b9a0c1e2f",
        "transaction.status.updated",
        "tx-7f3a",
        AT_MS,
    ),
    "fireblocks_v1": (None, "TRANSACTION_STATUS_UPDATED", "tx-7f3a", None),
    "circle_v2": (
        "acab8c14-92cb-489a-9f1b-1c8bd8a1d5c4",
        "transactions.inbound",
        "3f2a",
        AT_MS + 779,
    ),
    "bridge": ("wh_1Nf3", "transfer.updated", "tr_7f3a", AT_MS),
    "bvnk": ("transactionConfirmed:9e2b9a0a:COMPLETE", "transactionConfirmed", "9e2b9a0a", None),
    "moonpay": (None, "transaction_updated", "354b1f46", None),
    "moonpay calling by GET": (None, "unparsed", "", None),
    "transak": (
        "9151faa1-e69b-4a36-b959-3c4f894afb68:ORDER_COMPLETED:COMPLETED",
        "ORDER_COMPLETED",
        "9151faa1-e69b-4a36-b959-3c4f894afb68",
        AT_MS,
    ),
    "ramp": ("sz4zbz99senhx92:RELEASED", "RELEASED", "sz4zbz99senhx92", AT_MS),
    "strike": ("0b7f2a1e-0001", "invoice.updated", "5e7c1c4e-ffff", AT_MS),
    "coinify": (None, "payment-intent.completed", "7d2f", None),
    "cryptopay": (
        "ChannelPayment:284d4b79-fea6-46ce-bc2f-0f9cbed6367e:created:pending",
        "ChannelPayment:created",
        "284d4b79-fea6-46ce-bc2f-0f9cbed6367e",
        None,
    ),
    "cryptapi": (
        "dbfcb40e-5a6b-4305-9fa2-b0fbda6e3ff2:0",
        "0",
        "3PFoGK63cVVUWnd2vu7W1kM83NXUfvzMqM",
        None,
    ),
    "cryptapi calling by GET": (
        "dbfcb40e-5a6b-4305-9fa2-b0fbda6e3ff2:0",
        "0",
        "3PFoGK63cVVUWnd2vu7W1kM83NXUfvzMqM",
        None,
    ),
    "zeroxpay": (None, "Replenish", "b2a46898", None),
    # Every call is an event of its own; how its key is made is told with the events kept apart.
    "bitpay": ("", "invoice_confirmed", "Hpqc63wvE1ZjzeeH4kEycF", None),
}


@pytest.mark.parametrize("name", EXPECTED)
def test_each_crypto_rails_delivery_is_understood(name: str) -> None:
    """From what the provider sends, verified and read as the edge reads it."""
    signer = SIGNERS[name]
    sent = signer.sample(AT_MS // 1000)
    query = sent.url.partition("?")[2].encode()
    delivery = Delivery("shop", sent.method, query, sent.headers, sent.body, AT_MS, signer.url)
    profile = load(signer.provider, signer.parameters)
    keys = [profile.key(signer.shown(signer.old))] if profile.is_signed else []
    assert profile.verify(delivery, keys) == 0
    key, event_type, payment_ref, occurred_ms = EXPECTED[name]
    content = query if sent.method == "GET" else sent.body
    digest = _digest(b"%d.%b" % (AT_MS, content) if key == "" else content)
    expected = Identity(key or digest, event_type, payment_ref, occurred_ms)
    assert profile.identify(delivery) == expected


LINK = b'{"id":"69163c76","eventType":"payment_link.payment.success","updatedAt":"%b"}'
NOW = b'{"payment_id":7,"payment_status":"partially_paid","actually_paid":%b}'
SHARED_TX = b"status=2&txid=4cfb&value=1050&addr=%b&secret=s"
TATUM = b'{"subscriptionType":"ADDRESS_EVENT","txId":"9344","address":"TJG7","asset":"TRON",%b}'


@pytest.mark.parametrize(
    ("provider", "one", "other"),
    [
        ("coinbase_cdp", LINK % b"2026-01-01T00:00:00Z", LINK % b"2026-01-01T00:00:01Z"),
        ("nowpayments", NOW % b"1.5", NOW % b"1.50001"),
        (
            "moralis",
            b'{"streamId":"s","block":{"hash":"0x1"},"confirmed":true}',
            b'{"streamId":"s","block":{"hash":"0x1"},"confirmed":false}',
        ),
        ("tatum", TATUM % b'"amount":"20"', TATUM % b'"amount":"21"'),
        (
            "opennode",
            b"id=c&status=underpaid&missing_amt=1",
            b"id=c&status=underpaid&missing_amt=2",
        ),
        ("coinpayments_ipn", b"txn_id=T&status=1", b"txn_id=T&status=100"),
        ("coingate", b"id=343&status=confirming", b"id=343&status=paid"),
        ("coingate", b'{"id":343,"status":"confirming"}', b'{"id":343,"status":"paid"}'),
        (
            "coingate",
            b'{"event":"order.status.confirming","data":{"id":9}}',
            b'{"event":"order.status.paid","data":{"id":9}}',
        ),
        (
            "cryptomus",
            b'{"type":"payment","uuid":"u","status":"wrong_amount","payment_amount":"1"}',
            b'{"type":"payment","uuid":"u","status":"wrong_amount","payment_amount":"2"}',
        ),
        ("cryptapi", b"uuid=u&pending=1", b"uuid=u&pending=0"),
        ("helius", b'[{"signature":"a"}]', b'[{"signature":"a"},{"signature":"b"}]'),
    ],
)
def test_two_events_of_one_payment_stay_two(provider: str, one: bytes, other: bytes) -> None:
    """What is taken for a repetition is never applied: money would be lost without a trace."""
    profile = load(provider)
    first, second = (profile.identify(_delivery(body)) for body in (one, other))
    assert first.event_key != second.event_key
    for body, found in ((one, first), (other, second)):
        assert found.event_key != _digest(body)
    assert first.payment_ref == second.payment_ref or provider == "helius"


def test_one_transaction_may_pay_two_addresses() -> None:
    """And is then two payments, each with its own events."""
    profile = load("blockonomics")
    one, other = (
        profile.identify(_delivery(b"", query=SHARED_TX % addr, method="GET"))
        for addr in (b"1A", b"1B")
    )
    assert (one.event_key, one.payment_ref) == ("4cfb:1A:2", "1A")
    assert (other.event_key, other.payment_ref) == ("4cfb:1B:2", "1B")


@pytest.mark.parametrize(
    ("provider", "body", "expected"),
    [
        ("nowpayments", b'{"payment_id":8,"parent_payment_id":7,"payment_status":"x"}', "7"),
        ("nowpayments", b'{"payment_id":8,"parent_payment_id":null,"payment_status":"x"}', "8"),
        ("alchemy", b'{"event":{"activity":[{"hash":"0x1"},{"hash":"0x1"}]}}', "0x1"),
        ("alchemy", b'{"event":{"activity":[{"hash":"0x1"},{"hash":"0x2"}]}}', ""),
        ("moralis", b'{"erc20Transfers":[],"txs":[{"hash":"0x3"}]}', "0x3"),
        ("helius", b'[{"signature":"a"},{"signature":"b"}]', ""),
        ("coinbase_cdp", LINK % b"2026-01-01T00:00:00Z", "69163c76"),
    ],
)
def test_a_delivery_has_a_payment_if_all_of_it_is_of_that_one(
    provider: str, body: bytes, expected: str
) -> None:
    """A later deposit belongs to the payment it was made for; a batch belongs to nobody."""
    assert load(provider).identify(_delivery(body)).payment_ref == expected


def test_a_retry_of_any_layout_is_the_same_event() -> None:
    """Where a rewritten form is signed, anybody may send the same with other blanks."""
    profile = load("nowpayments")
    spaced = b'{ "payment_status": "partially_paid", "actually_paid":1.5,\n"payment_id":7}'
    assert profile.identify(_delivery(NOW % b"1.5")) == profile.identify(_delivery(spaced))


@pytest.mark.parametrize(
    ("delivery", "provider"),
    [
        (_delivery(b"uuid=u&pending=1", query=b"uuid=x&pending=0&address_in=y"), "cryptapi"),
        (_delivery(b'{"uuid":"u","pending":1}', query=b"uuid=x&pending=0"), "cryptapi"),
        (_delivery(b"uuid=x&pending=0", query=b"uuid=u&pending=1", method="GET"), "cryptapi"),
        (_delivery(b'{"uuid":"x"}', query=b"uuid=u&pending=1", method="GET"), "cryptapi"),
    ],
)
def test_what_no_signature_covers_identifies_nothing(delivery: Delivery, provider: str) -> None:
    """Of a POST the body is signed and of a GET the URL: the rest is whoever's who sent it."""
    found = load(provider).identify(delivery)
    assert (found.event_key, found.event_type, found.payment_ref) == ("u:1", "1", "")


def test_the_body_of_a_get_is_not_read() -> None:
    """MoonPay signs the query of a GET; a body beside it could say anything."""
    forged = b'{"type":"transaction_updated","data":{"id":"victim"}}'
    found = load("moonpay").identify(_delivery(forged, query=b"a=1", method="GET"))
    assert found == Identity(_digest(b"a=1"), "unparsed", "", None)


def test_the_token_in_a_query_is_not_kept() -> None:
    """The query of a GET is published; of a POST it is not, and of others it is whole."""
    called = _delivery(b"", query=SHARED_TX % b"1A", method="GET")
    kept = load("blockonomics").content(called)
    assert kept == b"status=2&txid=4cfb&value=1050&addr=1A"
    posted = _delivery(b"id=343&token=t", query=b"token=t")
    assert load("coingate").content(posted) == b"id=343&token=t"
    assert load("moonpay").content(called) == SHARED_TX % b"1A"
