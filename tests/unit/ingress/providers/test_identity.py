"""What a verified body is about, for every shape a body may have, and for those it may not."""

import hashlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingress.contract.cloudevents import is_attribute
from ingress.delivery import Delivery
from ingress.providers import Identity, load, names
from ingress.providers.identity import Identifier, Moment
from ingress.schemes.parts.fresh import Freshness, Unit
from ingress.schemes.parts.places import parse

# BTCPay, a live capture, shortened; the amounts do not matter here.
BTCPAY_FIRST = (
    b'{"deliveryId":"C8up","originalDeliveryId":"C8up","isRedelivery":false,'
    b'"type":"InvoicePaymentSettled","timestamp":1747317970,"storeId":"Fpuu","invoiceId":"L1mc"}'
)
BTCPAY_AGAIN = (
    b'{"deliveryId":"D9vq","originalDeliveryId":"C8up","isRedelivery":true,'
    b'"type":"InvoicePaymentSettled","timestamp":1747317970,"storeId":"Fpuu","invoiceId":"L1mc"}'
)
COINBASE = (
    b'{"id":"delivery-7","attempt_number":2,"event":{"id":"24934862","type":"charge:pending",'
    b'"created_at":"2023-08-30T19:29:20Z","data":{"id":"2aee","code":"XA6G"}}}'
)
STRIPE_INTENT = (
    b'{"id":"evt_1","type":"payment_intent.succeeded","created":1760000000,'
    b'"data":{"object":{"id":"pi_1","object":"payment_intent"}}}'
)
STRIPE_REFUND = (
    b'{"id":"evt_2","type":"charge.refunded","created":1760000001,'
    b'"data":{"object":{"id":"ch_1","object":"charge","payment_intent":"pi_1"}}}'
)
STRIPE_ORPHAN = (
    b'{"id":"evt_3","type":"charge.succeeded","created":1760000002,'
    b'"data":{"object":{"id":"ch_2","object":"charge","payment_intent":null}}}'
)
STRIPE_THIN = b'{"id":"evt_4","type":"v1.billing.meter","related_object":{"id":"mtr_1"}}'
STANDARD = b'{"type":"invoice.paid","timestamp":"2022-11-03T20:26:10.344522Z","data":{"id":"inv"}}'
KOBBOPAY = (
    b'{"event_id":"e1","type":"payment.confirmed","payment_id":"p1",'
    b'"created_at":"2026-01-01T00:00:00Z"}'
)
MESSAGE_ID = ((b"webhook-id", b"msg_1"),)


def _delivery(
    body: bytes,
    headers: tuple[tuple[bytes, bytes], ...] = (),
    query: bytes = b"",
    method: str = "POST",
) -> Delivery:
    return Delivery("shop", method, query, headers, body, 1_760_000_000_000)


def _digest(content: bytes) -> str:
    return "sha256:" + hashlib.sha256(content).hexdigest()


@pytest.mark.parametrize(
    ("provider", "body", "expected"),
    [
        ("btcpay", BTCPAY_FIRST, ("C8up", "InvoicePaymentSettled", "L1mc", 1_747_317_970_000)),
        ("btcpay", BTCPAY_AGAIN, ("C8up", "InvoicePaymentSettled", "L1mc", 1_747_317_970_000)),
        ("coinbase_commerce", COINBASE, ("24934862", "charge:pending", "XA6G", 1_693_423_760_000)),
        ("stripe", STRIPE_INTENT, ("evt_1", "payment_intent.succeeded", "pi_1", 1_760_000_000_000)),
        ("stripe", STRIPE_REFUND, ("evt_2", "charge.refunded", "pi_1", 1_760_000_001_000)),
        ("stripe", STRIPE_ORPHAN, ("evt_3", "charge.succeeded", "ch_2", 1_760_000_002_000)),
        ("stripe", STRIPE_THIN, ("evt_4", "v1.billing.meter", "mtr_1", None)),
        ("standard_webhooks", STANDARD, ("msg_1", "invoice.paid", "", 1_667_507_170_344)),
        ("kobbopay", KOBBOPAY, ("e1", "payment.confirmed", "p1", 1_767_225_600_000)),
    ],
)
def test_each_providers_body_is_understood(
    provider: str, body: bytes, expected: tuple[str, str, str, int | None]
) -> None:
    """A payment has one key, or its events lose their order; so has an event, or it doubles."""
    assert load(provider).identify(_delivery(body, MESSAGE_ID)) == Identity(*expected)


def test_a_source_may_say_where_its_payment_is() -> None:
    """Standard Webhooks leaves the content open, so a source points into it."""
    profile = load("standard_webhooks", {"payment_ref": "/data/id"})
    assert profile.identify(_delivery(STANDARD, MESSAGE_ID)).payment_ref == "inv"


# Some providers say the same words every time; what tells their events apart is tested with them.
UNREPEATED = [name for name in names() if not load(name).declaration.identity.repeats]

NOT_JSON = [
    b"",
    b"\x00",
    b"not json",
    b"\xef\xbb\xbf{}",
    b'{"id":NaN}',
    b'{"id":1e400}',
    b'{"id":' + b"9" * 100_000 + b"}",
    b'{"id":"\\ud800"}',
    b'{"id":"\x00"}',
    b"[" * 200_000 + b"]" * 200_000,
    b'{"a":' * 200_000,
    "{}".encode("utf-16"),
    b"\xff\xfe",
    b"a=1&b=2",
]


@pytest.mark.parametrize("provider", UNREPEATED)
def test_what_is_not_json_is_identified_by_its_bytes(provider: str) -> None:
    """Attack 23: a verified body that no parser reads is published as it is, and never raises."""
    profile = load(provider)
    for body in NOT_JSON:
        digest = "sha256:" + hashlib.sha256(body).hexdigest()
        assert profile.identify(_delivery(body)) == Identity(digest, "unparsed", "", None), body[
            :12
        ]


PLAIN = Identifier(
    type_prefix="com.example",
    event_key=((parse("/id"),),),
    event_type=((parse("/type"),),),
    payment_ref=((parse("/pay"),),),
    occurred=Moment(parse("/at"), Freshness(Unit.SECONDS, None)),
)


@pytest.mark.parametrize(
    ("written", "key"),
    [
        ("7", "7"),
        ("-7", "-7"),
        ("18446744073709551615", "18446744073709551615"),
        ("18446744073709551616", "18446744073709551616"),
        ("123456789012345678901234567890", "123456789012345678901234567890"),
        ("1e2", "1e2"),
        ("1.50", "1.50"),
        ('"1.50"', "1.50"),
        ('"caf\\u00e9"', "café"),
        ('"a/b:c"', "a/b:c"),
    ],
)
def test_a_value_keeps_its_letters(written: str, key: str) -> None:
    """An id that went through a float would be the id of other events as well."""
    body = f'{{"id":{written},"x":{{"id":0}}}}'.encode()
    assert PLAIN.identify(_delivery(body)).event_key == key


@pytest.mark.parametrize("written", ["true", "false", "null", "{}", "[]", '[["a"]]', '""'])
def test_a_value_that_identifies_nothing_is_passed_over(written: str) -> None:
    """Every event with the id `true` would be the same event."""
    body = f'{{"id":{written},"type":{written},"pay":{written}}}'.encode()
    digest = "sha256:" + hashlib.sha256(body).hexdigest()
    assert PLAIN.identify(_delivery(body)) == Identity(digest, "unknown", "", None)


def test_a_number_nested_too_deep_to_be_read_twice_is_passed_over() -> None:
    """The second reading, for the letters of a number, has a smaller stack than the first."""
    body = b'{"a":' * 1000 + b"1.5" + b"}" * 1000
    deep = Identifier("com.example", ((parse("/a" * 1000),),), (), (), None)
    assert deep.identify(_delivery(body)).event_key == "sha256:" + hashlib.sha256(body).hexdigest()


@pytest.mark.parametrize(
    "word", ["a\nb", "a\x1b[31m", "a\u202eb", "\u0000", "x" * 513, "x" * 505, "\U000e0041"]
)
def test_text_that_may_not_travel_becomes_its_digest(word: str) -> None:
    """Attack 24: no control character leaves its place, and two words stay two words."""
    body = json.dumps({"id": word, "type": word, "pay": word}).encode()
    found = PLAIN.identify(_delivery(body))
    digest = "sha256:" + hashlib.sha256(word.encode()).hexdigest()
    assert found.event_type == digest
    assert is_attribute(f"com.example.{found.event_type}")
    assert found.event_key == found.payment_ref == (word if len(word) == 505 else digest)


@pytest.mark.parametrize(
    ("form", "written", "expected"),
    [
        (Unit.SECONDS, "1760000000", 1_760_000_000_000),
        (Unit.SECONDS, "0", 0),
        (Unit.SECONDS, "-1", None),
        (Unit.SECONDS, "253402300799", 253_402_300_799_000),
        (Unit.SECONDS, "253402300800", None),
        (Unit.SECONDS, "18446744073709551615", None),
        (Unit.SECONDS, "1.5", None),
        (Unit.SECONDS, "true", None),
        (Unit.SECONDS, '"1760000000"', 1_760_000_000_000),
        (Unit.MILLISECONDS, "1760000000123", 1_760_000_000_123),
        (Unit.ISO, '"1970-01-01T00:00:01Z"', 1_000),
        (Unit.ISO, '"1970-01-01T01:00:01.5+01:00"', 1_500),
        (Unit.ISO, '"1970-01-01T00:00:01"', 1_000),
        (Unit.ISO, '"0001-01-01T00:00:00+14:00"', None),
        (Unit.ISO, '"9999-12-31T23:59:59-14:00"', None),
        (Unit.ISO, '"yesterday"', None),
        (Unit.ISO, "1760000000", None),
        (Unit.ISO, "null", None),
    ],
)
def test_a_moment_is_read_or_left_out(form: Unit, written: str, expected: int | None) -> None:
    """A moment that no date can hold would break the envelope, and with it the delivery."""
    identifier = Identifier("com.example", (), (), (), Moment(parse("/at"), Freshness(form, None)))
    assert identifier.identify(_delivery(f'{{"at":{written}}}'.encode())).occurred_ms == expected


PAIR = Identifier(
    type_prefix="com.example",
    event_key=((parse("/id"), parse("/type")), (parse("header:x-id"),)),
    event_type=(),
    payment_ref=(),
    occurred=None,
)


def test_two_places_together_never_read_like_two_others() -> None:
    """An event without an id of its own is identified by several fields, unambiguously."""
    one = PAIR.identify(_delivery(b'{"id":"a:b","type":"c"}')).event_key
    other = PAIR.identify(_delivery(b'{"id":"a","type":"b:c"}')).event_key
    third = PAIR.identify(_delivery(b'{"id":"a%3Ab","type":"c"}')).event_key
    assert len({one, other, third}) == 3
    assert PAIR.identify(_delivery(b'{"id":"a","type":"b"}')).event_key == "a:b"


@pytest.mark.parametrize(("flag", "key"), [("true", "a:true"), ("false", "a:false")])
def test_a_flag_tells_apart_beside_another_text(flag: str, key: str) -> None:
    """Confirmed and unconfirmed are two events; alone, every event would be `true`."""
    body = f'{{"id":"a","type":{flag}}}'.encode()
    assert PAIR.identify(_delivery(body)).event_key == key


@pytest.mark.parametrize("body", [b'{"id":"a"}', b'{"type":"a"}', b'{"id":"","type":"a"}', b"[]"])
def test_half_of_a_pair_identifies_nothing(body: bytes) -> None:
    """Then the next alternative counts."""
    assert PAIR.identify(_delivery(body, ((b"x-id", b" 7 "),))).event_key == "7"


def test_a_signed_header_of_any_bytes_becomes_text() -> None:
    """A header is bytes; what is no text is its digest, and never an error."""
    found = PAIR.identify(_delivery(b"{}", ((b"x-id", b"\xff\xfe"),))).event_key
    assert found.startswith("sha256:")
    assert found != PAIR.identify(_delivery(b"{}", ((b"x-id", b"\xff\xff"),))).event_key


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(["id", "type", "data"]), inner),
)


@given(
    st.sampled_from(UNREPEATED),
    st.binary() | json_values.map(lambda value: json.dumps(value).encode()),
    st.lists(st.tuples(st.sampled_from([b"webhook-id", b"x"]), st.binary())),
)
def test_nothing_makes_it_raise_and_everything_may_travel(
    provider: str, body: bytes, headers: list[tuple[bytes, bytes]]
) -> None:
    """It runs on what a provider wrote, behind an answer already earned: it cannot fail."""
    profile = load(provider)
    found = profile.identify(_delivery(body, tuple(headers)))
    assert is_attribute(found.event_key)
    assert is_attribute(f"{profile.type_prefix}.{found.event_type}")
    assert found.payment_ref == "" or is_attribute(found.payment_ref)
