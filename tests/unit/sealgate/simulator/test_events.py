"""Sample events: in the provider's words, and read by the gateway as what they are meant to be."""

import json
from dataclasses import replace

import pytest

from consumers.facts import FactKind
from consumers.interpret import interpreter
from consumers.lifecycle import State, reduce
from ingress import providers
from ingress.contract.envelope import Assurance, Coverage, Envelope
from ingress.delivery import Delivery
from ingress.providers import Identity
from sealgate.simulator import events
from sealgate.simulator.events import Occasion

OPENED_MS = 1_790_000_000_000
MINUTE_MS = 60_000
PARAMETERS = {"standard_webhooks": {"payment_ref": "/data/payment_id"}}
INTERPRETERS = interpreter.load()

SEEN, FINAL, EXPECTED, EXPIRED, NOTE = (
    FactKind.SEEN,
    FactKind.FINAL,
    FactKind.EXPECTED,
    FactKind.EXPIRED,
    FactKind.NOTE,
)

# By hand, from the providers' words (lifecycle glossary): the word, the kinds of fact it states,
# and the state of a payment of which nothing else is known.
INTENDED = {
    ("btcpay", "created"): ("InvoiceCreated", {EXPECTED}, State.PENDING),
    ("btcpay", "received"): ("InvoiceReceivedPayment", {SEEN}, State.UNDERPAID),
    ("btcpay", "seen"): ("InvoiceProcessing", {SEEN}, State.PAID),
    ("btcpay", "payment_settled"): ("InvoicePaymentSettled", {FINAL}, State.UNDERPAID),
    ("btcpay", "confirmed"): ("InvoiceSettled", {FINAL}, State.CONFIRMED),
    ("btcpay", "expired"): ("InvoiceExpired", {EXPIRED}, State.EXPIRED),
    ("btcpay", "underpaid"): ("InvoiceExpired", {EXPIRED, SEEN}, State.UNDERPAID),
    ("btcpay", "late"): ("InvoicePaidAfterExpiration", {SEEN}, State.LATE),
    ("coinbase_commerce", "created"): ("charge:created", {EXPECTED}, State.PENDING),
    ("coinbase_commerce", "seen"): ("charge:pending", {EXPECTED, SEEN}, State.PAID),
    ("coinbase_commerce", "confirmed"): (
        "charge:confirmed",
        {EXPECTED, SEEN, FINAL},
        State.CONFIRMED,
    ),
    ("coinbase_commerce", "expired"): ("charge:failed", {EXPECTED, EXPIRED}, State.EXPIRED),
    ("coinbase_commerce", "underpaid"): (
        "charge:failed",
        {EXPECTED, SEEN, FINAL, NOTE},
        State.UNDERPAID,
    ),
    ("coinbase_commerce", "late"): ("charge:delayed", {EXPECTED, EXPIRED, SEEN}, State.LATE),
    ("coinbase_commerce", "overpaid"): (
        "charge:failed",
        {EXPECTED, SEEN, FINAL, NOTE},
        State.CONFIRMED,
    ),
    ("stripe", "created"): ("payment_intent.created", {EXPECTED}, State.PENDING),
    ("stripe", "action_required"): ("payment_intent.requires_action", {EXPECTED}, State.PENDING),
    ("stripe", "seen"): ("payment_intent.processing", {EXPECTED, SEEN}, State.PAID),
    ("stripe", "attempt_failed"): ("payment_intent.payment_failed", {EXPECTED}, State.PENDING),
    ("stripe", "underpaid"): ("payment_intent.partially_funded", {EXPECTED, SEEN}, State.UNDERPAID),
    ("stripe", "confirmed"): ("payment_intent.succeeded", {EXPECTED, FINAL}, State.CONFIRMED),
}
INTENDED |= {
    ("btcpay", "invalid"): ("InvoiceInvalid", {FactKind.FAILED}, State.FAILED),
    ("kobbopay", "cancelled"): (
        "payment.cancelled",
        {EXPECTED, FactKind.CANCELLED},
        State.CANCELLED,
    ),
    ("kobbopay", "failed"): ("payment.failed", {EXPECTED, FactKind.FAILED}, State.FAILED),
    # Nothing is known to have come: then nothing can be gone.
    ("kobbopay", "reversed"): ("payment.reversed", {EXPECTED, FactKind.REMOVED}, State.PENDING),
    # It tells what had been received, and that all of it was given back.
    ("kobbopay", "refunded"): (
        "payment.refunded",
        {EXPECTED, SEEN, FactKind.REFUND},
        State.REFUNDED,
    ),
}
for _provider in ("standard_webhooks", "kobbopay"):
    INTENDED |= {
        (_provider, "created"): ("payment.pending", {EXPECTED}, State.PENDING),
        (_provider, "seen"): ("payment.paid", {EXPECTED, SEEN}, State.PAID),
        (_provider, "confirmed"): ("payment.confirmed", {EXPECTED, FINAL}, State.CONFIRMED),
        (_provider, "expired"): ("payment.expired", {EXPECTED, EXPIRED}, State.EXPIRED),
        (_provider, "underpaid"): ("payment.underpaid", {EXPECTED, SEEN, NOTE}, State.UNDERPAID),
        (_provider, "late"): ("payment.late", {EXPECTED, SEEN}, State.LATE),
        (_provider, "confirmed_short"): (
            "payment.confirmed",
            {EXPECTED, FINAL, NOTE},
            State.UNDERPAID,
        ),
    }


def _occasion(provider: str, event: str, reference: str = "") -> Occasion:
    samples = events.load(provider)
    closes = samples.events[event].closes
    return Occasion(
        reference=reference or samples.reference.make(b"a payment"),
        event_id=samples.event_id.make(b"an event"),
        opened_ms=OPENED_MS,
        seen_ms=OPENED_MS + 2 * MINUTE_MS,
        at_ms=OPENED_MS + (16 if closes else 10) * MINUTE_MS,
        closes_ms=OPENED_MS + 15 * MINUTE_MS,
    )


def _identify(provider: str, body: bytes, event_id: str) -> Identity:
    profile = providers.load(provider, PARAMETERS.get(provider))
    headers = ((b"webhook-id", event_id.encode()),)
    return profile.identify(Delivery("shop", "POST", b"", headers, body, OPENED_MS))


def _envelope(provider: str, identity: Identity, body: bytes) -> Envelope:
    assert identity.occurred_ms is not None
    return Envelope(
        source="urn:test",
        provider=provider,
        environment="test",
        account="a",
        event_key=identity.event_key,
        event_type=identity.event_type,
        type=identity.event_type,
        payment_ref=identity.payment_ref,
        occurred_ms=identity.occurred_ms,
        received_ms=OPENED_MS,
        correlation_id="c",
        traceparent="t",
        key_id="k",
        scheme="mac",
        coverage=Coverage.FULL,
        assurance=Assurance.B,
        body_digest="d",
        content_type="application/json",
        signed_headers=(),
        body=body,
    )


@pytest.mark.parametrize(("provider", "event"), INTENDED)
def test_a_sample_states_the_intended_facts(provider: str, event: str) -> None:
    """A demonstration with events that mean something else would prove nothing."""
    word, kinds, state = INTENDED[provider, event]
    occasion = _occasion(provider, event)
    body = events.load(provider).body(event, occasion)
    identity = _identify(provider, body, occasion.event_id)
    told = INTERPRETERS.interpret(_envelope(provider, identity, body))
    assert identity.event_type == word
    assert told.verdict is None
    assert {fact.kind for fact in told.facts} == kinds
    assert reduce(told.facts) is state


@pytest.mark.parametrize(("provider", "event"), INTENDED)
def test_a_sample_names_its_payment_event_and_time(provider: str, event: str) -> None:
    """The profile finds them where the real provider puts them, or the sample has another shape."""
    occasion = _occasion(provider, event)
    body = events.load(provider).body(event, occasion)
    identity = _identify(provider, body, occasion.event_id)
    assert identity.payment_ref == occasion.reference
    assert identity.event_key == occasion.event_id
    assert identity.occurred_ms == occasion.at_ms


def test_every_sample_has_its_intention() -> None:
    """A sample that nobody said the meaning of would be sent by `send` and believed."""
    found = {(name, event) for name in events.names() for event in events.load(name).events}
    assert found == set(INTENDED)


def test_samples_are_of_providers_with_a_profile() -> None:
    """Samples that nobody can sign would be offered and refused."""
    assert set(events.names()) < set(providers.names())


@pytest.mark.parametrize(("provider", "event"), INTENDED)
def test_the_same_occasion_gives_the_same_bytes(provider: str, event: str) -> None:
    """A redelivery must be able to be byte-identical, and a run to be repeated."""
    occasion = _occasion(provider, event)
    first = events.load(provider).body(event, occasion)
    assert events.load(provider).body(event, occasion) == first


@pytest.mark.parametrize("provider", ["btcpay", "coinbase_commerce"])
def test_a_retry_is_rewritten_and_remains_the_same_event(provider: str) -> None:
    """These two write the delivery into the body: a digest of it would count the event twice."""
    occasion = _occasion(provider, "seen")
    samples = events.load(provider)
    first, second = samples.body("seen", occasion), samples.body("seen", occasion.again(2))
    assert first != second
    assert _identify(provider, first, "") == _identify(provider, second, "")


def test_btcpays_first_delivery_is_its_own_original() -> None:
    """A live capture shows both ids equal on the first delivery, and false for the redelivery."""
    occasion = _occasion("btcpay", "seen")
    samples = events.load("btcpay")
    first = json.loads(samples.body("seen", occasion))
    again = json.loads(samples.body("seen", occasion.again(2)))
    assert first["deliveryId"] == first["originalDeliveryId"] == again["originalDeliveryId"]
    assert (first["isRedelivery"], again["isRedelivery"]) == (False, True)
    assert again["deliveryId"] != first["deliveryId"]


@pytest.mark.parametrize("provider", ["btcpay", "coinbase_commerce", "stripe", "kobbopay"])
def test_a_reference_cannot_break_out_of_its_place(provider: str) -> None:
    """A person may type anything as --reference; the body stays JSON and names just that."""
    awkward = 'a"b\\c, "type": "x" €'
    body = events.load(provider).body("created", _occasion(provider, "created", awkward))
    assert json.loads(body)
    assert _identify(provider, body, "").payment_ref == awkward


def test_other_occasions_make_other_payments_and_other_transfers() -> None:
    """Two payments with one transaction between them would be a scenario nobody asked for."""
    samples = events.load("btcpay")
    one = _occasion("btcpay", "received")
    other = replace(one, reference=samples.reference.make(b"another payment"))
    first = json.loads(samples.body("received", one))
    second = json.loads(samples.body("received", other))
    assert first["invoiceId"] != second["invoiceId"]
    assert first["payment"]["id"] != second["payment"]["id"]


def test_an_event_is_also_found_by_the_providers_word() -> None:
    """Whoever reads the provider's documentation types its words."""
    assert events.load("stripe").find("payment_intent.succeeded").name == "confirmed"


def test_an_unknown_event_lists_those_there_are() -> None:
    """Nobody should have to open a file to learn the names."""
    with pytest.raises(ValueError) as raised:
        events.load("btcpay").find("paid")
    for name, sample in events.load("btcpay").events.items():
        assert f"{name} ({sample.word})" in str(raised.value)


def test_an_unknown_provider_lists_those_there_are() -> None:
    """The same for providers."""
    with pytest.raises(ValueError) as raised:
        events.load("btcpy")
    assert all(name in str(raised.value) for name in events.names())


@pytest.mark.parametrize(
    ("provider", "status", "again"),
    [
        # BTCPay's sender (WebhookSender.cs): 5xx, 408, 429 or no answer; all else is final.
        ("btcpay", 500, True),
        ("btcpay", 503, True),
        ("btcpay", 408, True),
        ("btcpay", 429, True),
        ("btcpay", None, True),
        ("btcpay", 401, False),
        ("btcpay", 404, False),
        ("btcpay", 302, False),
        # Everybody else: whatever is not a 2xx.
        ("stripe", 401, True),
        ("stripe", 301, True),
        ("standard_webhooks", 404, True),
        ("coinbase_commerce", 500, True),
        ("stripe", 200, False),
    ],
)
def test_a_provider_retries_as_the_real_one(
    provider: str, status: int | None, *, again: bool
) -> None:
    """Whether money is lost after a refusal depends on exactly this."""
    assert events.load(provider).retry.again(status) is again


def test_btcpay_waits_as_its_sender_does() -> None:
    """10 s, 1 min, then six times 10 min: the figure behind "3670 s" in its profile."""
    waits_s = events.load("btcpay").retry.waits_s
    assert list(waits_s) == [10, 60, 600, 600, 600, 600, 600, 600]
    assert sum(waits_s) == 3670
