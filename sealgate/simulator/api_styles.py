"""How providers answer when they are asked for a payment: a `Payment` in, a body out. Pure.

Written from the providers' own documents and from clients in public repositories, apart from the
mappings that read them, so that the one is a test of the other. None is a recording.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ingress.contract import cloudevents


@dataclass(frozen=True, slots=True)
class Payment:
    """One payment as its provider holds it. Amounts are in whole units, as text.

    `word` is the provider's status; `changed_ms` is when it came to be.
    """

    reference: str
    word: str
    price: str = "0.00049000"
    paid: str = "0"
    changed_ms: int = 0
    also: str = ""

    @property
    def changed(self) -> str:
        """Write the instant as most providers do."""
        return cloudevents.timestamp(self.changed_ms)


@dataclass(frozen=True, slots=True)
class Style:
    """One provider's API: `{id}` in `path` is the payment; the key goes into `header`."""

    path: str
    header: str
    prefix: str
    body: Callable[[Payment], Mapping[str, Any]]


_SATOSHI = 8
_SETTLED = "paid"


def _satoshi(text: str) -> int:
    whole, _, part = text.partition(".")
    return int(whole + part.ljust(_SATOSHI, "0")[:_SATOSHI])


def _opennode(one: Payment) -> Mapping[str, Any]:
    price, paid = _satoshi(one.price), _satoshi(one.paid)
    return {
        "data": {
            "id": one.reference,
            "description": "an order",
            "price": price,
            "status": one.word,
            "created_at": "2026-11-23T09:00:00.000Z",
            "fee": 0,
            "fiat_value": 49.0,
            "order_id": None,
            "onchain": [],
            "address": "bc1qexampleexampleexampleexampleexample0",
            "missing_amt": max(0, price - paid),
            "settled_at": one.changed if one.word == _SETTLED else None,
            "ttl": 1440,
        }
    }


def _coingate(one: Payment) -> Mapping[str, Any]:
    return {
        "id": int(one.reference),
        "status": one.word,
        "price_currency": "EUR",
        "price_amount": "49.0",
        "pay_currency": "BTC",
        "pay_amount": one.price,
        "underpaid_amount": "0.0",
        "overpaid_amount": "0.0",
        "receive_currency": "EUR",
        "receive_amount": "",
        "created_at": "2026-11-23T09:00:00+00:00",
        "order_id": "order-1",
    }


def _bitpay(one: Payment) -> Mapping[str, Any]:
    return {
        "facade": "public/invoice",
        "data": {
            "id": one.reference,
            "status": one.word,
            "exceptionStatus": one.also or False,
            "price": 49,
            "currency": "USD",
            "expirationTime": 1_795_425_300_000,
            "currentTime": one.changed_ms,
            "paymentTotals": {"BTC": _satoshi(one.price)},
            "amountPaid": _satoshi(one.paid),
            "transactionCurrency": "BTC",
        },
    }


def _btcpay(one: Payment) -> Mapping[str, Any]:
    return {
        "id": one.reference,
        "storeId": "a-store",
        "amount": "49.00",
        "currency": "EUR",
        "type": "Standard",
        "status": one.word,
        "additionalStatus": one.also or "None",
        "createdTime": 1_795_424_400,
        "expirationTime": 1_795_425_300,
        "monitoringExpiration": 1_795_511_700,
        "metadata": {"orderId": "order-1"},
    }


def _kobbopay(one: Payment) -> Mapping[str, Any]:
    return {
        "payment_id": one.reference,
        "status": one.word,
        "amount": one.price,
        "currency": "USDC",
        "amount_received": one.paid,
        "expires_at": None,
        "updated_at": one.changed,
    }


def _nowpayments(one: Payment) -> Mapping[str, Any]:
    return {
        "payment_id": int(one.reference),
        "payment_status": one.word,
        "price_amount": 49,
        "price_currency": "eur",
        "pay_amount": float(one.price),
        "actually_paid": float(one.paid),
        "pay_currency": "btc",
        "order_id": "order-1",
        "created_at": "2026-11-23T09:00:00.000Z",
        "updated_at": one.changed,
    }


STYLES: Mapping[str, Style] = {
    "bitpay": Style("/invoices/{id}", "", "", _bitpay),
    "btcpay": Style("/api/v1/stores/a-store/invoices/{id}", "Authorization", "token ", _btcpay),
    "coingate": Style("/api/v2/orders/{id}", "Authorization", "Bearer ", _coingate),
    "kobbopay": Style("/payments/{id}", "Authorization", "Bearer ", _kobbopay),
    "nowpayments": Style("/v1/payment/{id}", "x-api-key", "", _nowpayments),
    "opennode": Style("/v2/charge/{id}", "Authorization", "", _opennode),
}
