"""Each provider's words, as facts and states: bodies in the shapes of the providers' events."""

from collections.abc import Mapping
from typing import Any

import pytest

from consumers.exceptions import Code
from consumers.facts import Fact, FactKind, Note
from consumers.interpret import interpreter
from consumers.lifecycle import State, reduce
from consumers.standing import concerns
from ingress.contract import cloudevents
from tests.support.builders import NOW_MS, envelope

INTERPRETERS = interpreter.load()
HOUR_MS = 3_600_000


def told(provider: str, word: str, body: Mapping[str, Any], **changes: Any) -> frozenset[Fact]:
    """Interpret one event that can be read, and return its facts."""
    sealed = envelope(body, provider=provider, event_type=word, **changes)
    found = INTERPRETERS.interpret(sealed)
    assert found.verdict is None, found.findings
    return found.facts


def iso(ms: int) -> str:
    """Write an instant as the providers do."""
    return cloudevents.timestamp(ms)


# --- BTCPay: a live capture, shortened; later versions say paymentMethodId

BTCPAY_PAYMENT = {
    "deliveryId": "C8up",
    "originalDeliveryId": "C8up",
    "isRedelivery": False,
    "type": "InvoicePaymentSettled",
    "timestamp": 1747317970,
    "storeId": "Fpuu",
    "invoiceId": "L1mc",
    "afterExpiration": False,
    "paymentMethod": "BTC-LightningNetwork",
    "payment": {
        "id": "f5aa",
        "receivedDate": 1747339570,
        "value": "0.0000002",
        "fee": "0.0",
        "status": "Settled",
    },
    "metadata": {"orderId": "5JZK"},
}
CHAIN = {**BTCPAY_PAYMENT, "paymentMethodId": "BTC-CHAIN"}
BARE = {"invoiceId": "L1mc", "timestamp": 1747317970}

BTCPAY_STATES = [
    ("InvoiceCreated", BARE, State.PENDING),
    # One payment is not the invoice: its price is not in any event.
    ("InvoiceReceivedPayment", CHAIN, State.UNDERPAID),
    ("InvoicePaymentSettled", CHAIN, State.UNDERPAID),
    ("InvoiceProcessing", {**BARE, "overPaid": False}, State.PAID),
    ("InvoiceSettled", {**BARE, "manuallyMarked": False, "overPaid": True}, State.CONFIRMED),
    ("InvoiceExpired", {**BARE, "partiallyPaid": False}, State.EXPIRED),
    ("InvoiceExpired", {**BARE, "partiallyPaid": True}, State.UNDERPAID),
    ("InvoiceExpired", BARE, State.EXPIRED),
    ("InvoiceExpiredPaidPartial", BARE, State.UNDERPAID),
    ("InvoicePaidAfterExpiration", BARE, State.LATE),
    ("InvoiceInvalid", BARE, State.FAILED),
]


@pytest.mark.parametrize(("word", "body", "state"), BTCPAY_STATES)
def test_a_btcpay_event_alone_proves_its_state(
    word: str, body: Mapping[str, Any], state: State
) -> None:
    """The matrix of the domain's document, row by row."""
    assert reduce(told("btcpay", word, body)) is state


@pytest.mark.parametrize("body", [BTCPAY_PAYMENT, CHAIN])
def test_a_btcpay_payment_is_a_transfer_in_satoshi(body: Mapping[str, Any]) -> None:
    """0.0000002 BTC is 20 satoshi, under the old name of the method and under the new."""
    assert told("btcpay", "InvoicePaymentSettled", body) == {
        Fact(FactKind.FINAL, "tx:f5aa", "BTC", 20, whole=False, late=False, at_ms=NOW_MS)
    }


def test_a_btcpay_payment_after_expiration_is_late_by_the_providers_word() -> None:
    """Its sighting tells; what its settling says was wrong before 1.7.0 and is not read."""
    after = {**CHAIN, "afterExpiration": True}
    [seen] = told("btcpay", "InvoiceReceivedPayment", after)
    [final] = told("btcpay", "InvoicePaymentSettled", after)
    assert (seen.kind, seen.late) == (FactKind.SEEN, True)
    assert (final.kind, final.late) == (FactKind.FINAL, False)


def test_a_btcpay_redelivery_states_the_same_facts() -> None:
    """It is another body, with another deliveryId: nothing of that may reach a fact."""
    again = {**CHAIN, "deliveryId": "D9vq", "isRedelivery": True}
    word = "InvoiceReceivedPayment"
    assert told("btcpay", word, CHAIN) == told("btcpay", word, again)


# --- Coinbase Commerce

PAYMENT = {
    "network": "base",
    "transaction_id": "0x1fd1",
    "status": "pending",
    "detected_at": iso(NOW_MS - 60_000),
    "value": {
        "local": {"amount": "1.00", "currency": "USD"},
        "crypto": {"amount": "1", "currency": "USDC"},
    },
}
NEW = {"status": "NEW", "time": iso(NOW_MS - 120_000)}
PENDING = {"status": "PENDING", "time": iso(NOW_MS - 60_000)}


def charge(
    *payments: Mapping[str, Any], timeline: tuple[Mapping[str, Any], ...] = (NEW,), **data: Any
) -> dict[str, Any]:
    """Write an event around a charge of 1 USDC."""
    return {
        "attempt_number": 1,
        "event": {
            "id": "24934862-d980-46cb-9402-43c81b0cdba6",
            "api_version": "2018-03-22",
            "data": {
                "id": "2aee",
                "code": "XA6G",
                "expires_at": iso(NOW_MS + HOUR_MS),
                "pricing": {
                    "local": {"amount": "1.00", "currency": "USD"},
                    "settlement": {"amount": "1", "currency": "USDC"},
                },
                "timeline": list(timeline),
                "payments": list(payments),
                **data,
            },
        },
    }


def unresolved(context: str) -> dict[str, str]:
    """Write the timeline's last word on money that does not fit."""
    return {"status": "UNRESOLVED", "context": context, "time": iso(NOW_MS)}


def paying(amount: str, currency: str = "USDC") -> dict[str, Any]:
    """Write a payment of another amount."""
    return {**PAYMENT, "value": {"crypto": {"amount": amount, "currency": currency}}}


GONE = {"expires_at": iso(NOW_MS - HOUR_MS)}
COINBASE_STATES = [
    ("charge:created", charge(), State.PENDING),
    ("charge:pending", charge(PAYMENT, timeline=(NEW, PENDING)), State.PAID),
    ("charge:pending", charge(), State.PAID),
    ("charge:pending", charge(paying("0.4")), State.UNDERPAID),
    ("charge:pending", charge(paying("0.0003", "ETH")), State.PAID),
    ("charge:confirmed", charge(PAYMENT, timeline=(NEW, PENDING)), State.CONFIRMED),
    ("charge:confirmed", charge(paying("0.99")), State.UNDERPAID),
    (
        "charge:failed",
        charge(timeline=(NEW, {"status": "EXPIRED", "time": iso(NOW_MS)})),
        State.EXPIRED,
    ),
    ("charge:failed", charge(timeline=()), State.EXPIRED),
    (
        "charge:failed",
        charge(paying("0.4"), timeline=(NEW, PENDING, unresolved("UNDERPAID"))),
        State.UNDERPAID,
    ),
    (
        "charge:failed",
        charge(paying("0.0001", "ETH"), timeline=(NEW, PENDING, unresolved("UNDERPAID"))),
        State.UNDERPAID,
    ),
    ("charge:failed", charge(paying("2"), timeline=(unresolved("OVERPAID"),)), State.CONFIRMED),
    (
        "charge:failed",
        charge(
            paying("0.5"),
            {**paying("0.5"), "transaction_id": "0x2"},
            timeline=(unresolved("MULTIPLE"),),
        ),
        State.CONFIRMED,
    ),
    (
        "charge:failed",
        charge(timeline=({"status": "CANCELED", "time": iso(NOW_MS)},)),
        State.CANCELLED,
    ),
    ("charge:delayed", charge(PAYMENT, timeline=(NEW, unresolved("DELAYED")), **GONE), State.LATE),
    ("charge:resolved", charge(PAYMENT), State.PAID),
]


@pytest.mark.parametrize(("word", "body", "state"), COINBASE_STATES)
def test_a_coinbase_event_alone_proves_its_state(
    word: str, body: Mapping[str, Any], state: State
) -> None:
    """The matrix of the domain's document, and amounts that contradict a word."""
    assert reduce(told("coinbase_commerce", word, body)) is state


def test_a_coinbase_timeline_fills_the_gap_of_a_lost_event() -> None:
    """Confirmed an hour after the window: that it was seen in time is told by the history alone."""
    late = {"expires_at": iso(NOW_MS - 30_000)}
    alone = told("coinbase_commerce", "charge:confirmed", charge(timeline=(NEW,), **late))
    whole = told("coinbase_commerce", "charge:confirmed", charge(timeline=(NEW, PENDING), **late))
    assert (reduce(alone), reduce(whole)) == (State.LATE, State.CONFIRMED)


def test_a_coinbase_payment_was_seen_when_it_was_detected() -> None:
    """The amount in time, by the payment's own clock, though the event is an hour late."""
    late = {"expires_at": iso(NOW_MS - 30_000)}
    facts = told("coinbase_commerce", "charge:confirmed", charge(PAYMENT, timeline=(), **late))
    transfer = {
        (fact.kind, fact.at_ms, fact.amount) for fact in facts if fact.key.startswith("tx:")
    }
    assert transfer == {
        (FactKind.SEEN, NOW_MS - 60_000, 1_000_000),
        (FactKind.FINAL, NOW_MS, 1_000_000),
    }
    assert reduce(facts) is State.CONFIRMED


def test_coinbase_calling_less_than_the_price_whole_is_an_exception() -> None:
    """A success status must not hide a wrong amount: our own test wins, and somebody is told."""
    sealed = envelope(
        charge(paying("0.99")), provider="coinbase_commerce", event_type="charge:confirmed"
    )
    facts = INTERPRETERS.interpret(sealed).facts
    [concern] = concerns(reduce(facts), facts)
    assert concern.code is Code.AMOUNT_UNDER
    assert "990000 of 1000000 USDC" in concern.evidence
    assert Note.UNDERPAID in {fact.detail for fact in facts}


# --- Stripe


def intent(amount: int, received: int, currency: str = "usd") -> dict[str, Any]:
    """Write an event about a payment intent."""
    return {
        "id": "evt_1",
        "object": "event",
        "livemode": False,
        "data": {
            "object": {
                "id": "pi_1",
                "object": "payment_intent",
                "amount": amount,
                "amount_received": received,
                "currency": currency,
            }
        },
    }


STRIPE_STATES = [
    ("payment_intent.created", intent(1000, 0), State.PENDING),
    ("payment_intent.requires_action", intent(1000, 0), State.PENDING),
    ("payment_intent.payment_failed", intent(1000, 0), State.PENDING),
    # Of an API version that is not told: a debit handed to a bank, of which nobody has seen money.
    ("payment_intent.processing", intent(1000, 0), State.PENDING),
    ("payment_intent.partially_funded", intent(1000, 0), State.UNDERPAID),
    ("payment_intent.partially_funded", intent(1000, 400), State.UNDERPAID),
    ("payment_intent.succeeded", intent(1000, 1000), State.CONFIRMED),
    ("payment_intent.succeeded", intent(1000, 999), State.UNDERPAID),
    ("payment_intent.succeeded", intent(500, 500, "jpy"), State.CONFIRMED),
    ("payment_intent.canceled", intent(1000, 0), State.CANCELLED),
]


@pytest.mark.parametrize(("word", "body", "state"), STRIPE_STATES)
def test_a_stripe_event_alone_proves_its_state(
    word: str, body: Mapping[str, Any], state: State
) -> None:
    """The matrix of the domain's document, and a success that received too little."""
    assert reduce(told("stripe", word, body)) is state


def test_a_stripe_success_of_nothing_proves_nothing() -> None:
    """A final zero is compared with the price, and never passed over as not counted yet."""
    sealed = envelope(intent(1000, 0), provider="stripe", event_type="payment_intent.succeeded")
    found = INTERPRETERS.interpret(sealed)
    assert reduce(found.facts) is State.PENDING
    assert Note.UNDERPAID in {fact.detail for fact in found.facts}


def test_stripe_amounts_are_minor_units_already() -> None:
    """1000 of usd are ten dollars, 1000 cents: multiplied again they would be a thousand."""
    facts = told("stripe", "payment_intent.created", intent(1000, 0))
    assert {(fact.asset, fact.amount) for fact in facts} == {("USD", 1000)}


# --- the small vocabulary: Standard Webhooks, and Kobbopay's six words

UNTIL = iso(NOW_MS + HOUR_MS)
DATA = {"id": "pay_1", "amount": "10.00", "currency": "USDC", "expires_at": UNTIL}
WORDS = [
    ("pending", {}, State.PENDING),
    ("paid", {}, State.PAID),
    ("paid", {"amount_received": "10"}, State.PAID),
    ("paid", {"amount_received": "9.99"}, State.UNDERPAID),
    ("paid", {"amount_received": "0"}, State.PAID),
    ("confirmed", {}, State.CONFIRMED),
    ("confirmed", {"amount_received": "0"}, State.PENDING),
    ("expired", {}, State.EXPIRED),
    ("underpaid", {}, State.UNDERPAID),
    ("underpaid", {"amount_received": "4"}, State.UNDERPAID),
    ("late", {}, State.LATE),
]


@pytest.mark.parametrize(("word", "more", "state"), WORDS)
def test_a_word_of_the_default_vocabulary_proves_its_state(
    word: str, more: Mapping[str, str], state: State
) -> None:
    """Both senders may put the payment in `data`; the words are documented in the mappings."""
    body = {"type": f"payment.{word}", "data": {**DATA, **more}}
    assert reduce(told("standard_webhooks", f"payment.{word}", body)) is state
    assert reduce(told("kobbopay", f"payment.{word}", body)) is state


@pytest.mark.parametrize(("word", "more", "state"), WORDS)
def test_kobbopays_own_words_and_flat_bodies_are_read_too(
    word: str, more: Mapping[str, str], state: State
) -> None:
    """Its public pages write Pending, Paid, Confirmed, Expired, Underpaid, Late."""
    assert reduce(told("kobbopay", word.capitalize(), {**DATA, **more})) is state


@pytest.mark.parametrize("word", ["pending", "paid", "confirmed", "expired", "underpaid", "late"])
def test_a_sender_may_leave_everything_out_but_the_word(word: str) -> None:
    """A word without figures is the provider's word; the price then stays unknown."""
    state = State(word.capitalize())
    assert reduce(told("standard_webhooks", f"payment.{word}", {"data": {"id": "p"}})) is state


def test_paid_is_never_confirmed_at_kobbopay() -> None:
    """At other providers the word means final; here it is a detection that may vanish."""
    assert {fact.kind for fact in told("kobbopay", "Paid", DATA)} == {
        FactKind.EXPECTED,
        FactKind.SEEN,
    }
