"""Two events have two keys, and one event that is sent again has one: provider by provider.

A key that two events share loses the second; a key that a replay changes lets the first be applied
twice. So each provider whose ids are not enough has both sides here.
"""

import base64
import hashlib
import json
from dataclasses import replace
from pathlib import Path

import pytest
from twilio.request_validator import RequestValidator, get_signature_algorithm

from ingress.contract.envelope import Assurance, Coverage
from ingress.delivery import Delivery, Reason, Rejected
from ingress.providers import Profile, load, load_file
from tests.support.attacks import BY_NAME, NOW_MS, NOW_S, profile, received, refusal, sample, verify

Headers = tuple[tuple[bytes, bytes], ...]


def _delivery(body: bytes, headers: Headers = (), at_ms: int = NOW_MS) -> Delivery:
    return Delivery("shop", "POST", b"", headers, body, at_ms, "https://hooks.example/")


def _key(provider: str, body: bytes, headers: Headers = (), at_ms: int = NOW_MS) -> str:
    return load(provider).identify(_delivery(body, headers, at_ms)).event_key


def _digest(content: bytes) -> str:
    return "sha256:" + hashlib.sha256(content).hexdigest()


TATUM = (
    b'{"subscriptionType":"ADDRESS_EVENT","txId":"9","address":"T","asset":"TRON","amount":"2"%b}'
)
HUBSPOT = b'[{"eventId":1,"subscriptionType":"deal.creation","objectId":7,"occurredAt":%d,%b}]'
LINEAR = (
    b'{"webhookId":"w","type":"Issue","action":"update","data":{"id":"i"},'
    b'"createdAt":"2026-01-01T00:00:%bZ","webhookTimestamp":%d}'
)
TWILIO = b"MessageSid=SM1&SmsStatus=%b"


@pytest.mark.parametrize(
    ("provider", "one", "other"),
    [
        ("tatum", TATUM % b',"type":"native"', TATUM % b',"type":"fee"'),
        ("tatum", TATUM % b',"type":"native"', TATUM % b',"type":"native","blockNumber":5'),
        ("hubspot_v1", HUBSPOT % (1, b'"a":0'), HUBSPOT % (2, b'"a":0')),
        ("hubspot_v2", HUBSPOT % (1, b'"a":0'), HUBSPOT % (2, b'"a":0')),
        ("hubspot_v3", HUBSPOT % (1, b'"a":0'), HUBSPOT % (2, b'"a":0')),
        ("linear", LINEAR % (b"01", 1), LINEAR % (b"02", 1)),
        ("twilio", TWILIO % b"sent", TWILIO % b"received"),
    ],
)
def test_what_happened_twice_has_two_keys(provider: str, one: bytes, other: bytes) -> None:
    """What is taken for a repetition is never applied."""
    keys = {_key(provider, one), _key(provider, other)}
    assert len(keys) == 2
    assert not keys & {_digest(one), _digest(other)}


@pytest.mark.parametrize(
    ("provider", "one", "other"),
    [
        ("hubspot_v1", HUBSPOT % (1, b'"attemptNumber":0'), HUBSPOT % (1, b'"attemptNumber":1')),
        ("hubspot_v3", HUBSPOT % (1, b'"attemptNumber":0'), HUBSPOT % (1, b'"attemptNumber":1')),
        ("linear", LINEAR % (b"01", 1), LINEAR % (b"01", 2)),
        ("braintree", b"bt_payload=YQ%3D%3D%0A", b"bt_payload=YQ%3D%3D"),
        ("braintree", b"bt_payload=YQ%3D%3D%0A&more=1", b"more=2&bt_payload=YQ%3D%3D%0A"),
    ],
)
def test_what_is_sent_again_in_other_bytes_has_one_key(
    provider: str, one: bytes, other: bytes
) -> None:
    """A retry counts its attempts or says when it was sent; a payload loses its line end."""
    assert _key(provider, one) == _key(provider, other)
    assert _key(provider, one) != _digest(one)


def test_a_hint_takes_nobodys_place() -> None:
    """Anybody can send BitPay's next hint before BitPay does; it must not pass for a repetition."""
    body = BY_NAME["bitpay"].body
    assert _key("bitpay", body) != _key("bitpay", body, at_ms=NOW_MS + 1)


def test_what_zendesks_triggers_write_is_told_apart_by_its_time() -> None:
    """A trigger's author writes the body, and may write the same every time."""
    signer = BY_NAME["zendesk"]
    found = profile(signer)
    first, later = (
        received(signer, signer.send(signer.old, b'{"ticket":"solved"}', at_s))
        for at_s in (NOW_S, NOW_S + 1)
    )
    assert found.identify(first).event_key != found.identify(later).event_key
    again = replace(first, received_ms=NOW_MS + 60_000)
    assert found.identify(first).event_key == found.identify(again).event_key
    event = b'{"id":"01","type":"zen:event-type:user.created","zendesk_event_version":"2022-11-06"}'
    keys = {
        found.identify(received(signer, signer.send(signer.old, event, at_s))).event_key
        for at_s in (NOW_S, NOW_S + 1)
    }
    assert keys == {"01:zen%3Aevent-type%3Auser.created:2022-11-06"}


def test_cloudevents_in_a_list_have_their_own_type() -> None:
    """Event Grid sends them one by one or together, as the subscription says."""
    body = b'[{"id":"1","type":"Order.Paid","source":"/s","subject":"o1","specversion":"1.0"}]'
    found = load("azure_event_grid").identify(_delivery(body))
    assert (found.event_key, found.event_type, found.payment_ref) == ("1", "Order.Paid", "o1")


@pytest.mark.parametrize("provider", ["azure_event_grid", "aws_sns"])
def test_who_never_retries_a_refusal_is_asked_to_come_again(provider: str) -> None:
    """A wrong secret may be our own; a 401 would lose the event for good."""
    assert load(provider, {}).refusal_status == 503


# -- Shopify: two topics, one body --------------------------------------------------------------


@pytest.mark.parametrize("header", [b"x-shopify-topic", b"shopify-topic"])
def test_two_topics_with_one_body_are_two_events(header: bytes) -> None:
    """An order that is made and paid at once is told twice in the same words."""
    body = BY_NAME["shopify"].body
    created = _key("shopify", body, ((header, b"orders/create"),))
    paid = _key("shopify", body, ((header, b"orders/paid"),))
    assert created == _digest(b"orders/create\n" + body)
    assert paid == _digest(b"orders/paid\n" + body)


def test_without_a_topic_a_body_is_its_bytes() -> None:
    """And another body of the same topic is another event."""
    topic = ((b"x-shopify-topic", b"orders/paid"),)
    assert _key("shopify", b'{"id":1}') == _digest(b'{"id":1}')
    assert _key("shopify", b'{"id":1}', topic) != _key("shopify", b'{"id":2}', topic)


# -- Adyen: items that are signed one by one ----------------------------------------------------


def _notice(*items: tuple[str, object]) -> bytes:
    return json.dumps(
        {
            "notificationItems": [
                {"NotificationRequestItem": {"pspReference": psp, "eventCode": "A", "success": ok}}
                for psp, ok in items
            ]
        }
    ).encode()


def _adyen(*items: tuple[str, object]) -> str:
    body = _notice(*items)
    key = _key("adyen_standard", body)
    assert key != _digest(body)
    return key


def test_an_item_sent_twice_in_one_notice_is_no_new_event() -> None:
    """Each item carries its own signature: anybody could double one, or turn two around."""
    one, two = ("8", "true"), ("9", "false")
    assert _adyen(one) == "8:A:true"
    assert _adyen(one, one) == _adyen(one)
    assert _adyen(one, two) == _adyen(two, one) == _adyen(two, one, two)
    assert len({_adyen(one), _adyen(two), _adyen(one, two)}) == 3


def test_an_outcome_belongs_to_its_own_item() -> None:
    """Sorted apart, the references and the outcomes of two notices would read the same."""
    first = _adyen(("8", "true"), ("9", "false"))
    assert first != _adyen(("8", "false"), ("9", "true"))


@pytest.mark.parametrize("success", [True, False])
def test_an_outcome_may_be_a_flag(success: object) -> None:
    """Adyen's JSON writes text; a flag, which verifies as well, must tell two outcomes apart."""
    assert _adyen(("8", success)) == f"8:A:{str(success).lower()}"


def test_half_an_item_names_nothing() -> None:
    """Of a list every item must be named, or the whole is identified by its bytes."""
    body = b'{"notificationItems":[{"NotificationRequestItem":{"pspReference":"8"}}]}'
    assert _key("adyen_standard", body) == _digest(body)


# -- what is signed in another form than it is sent ---------------------------------------------


def _respelt(body: bytes) -> bytes:
    """Write the same JSON with other blanks."""
    return json.dumps(json.loads(body), indent=3, ensure_ascii=False).encode()


def test_other_blanks_make_no_other_event_of_what_has_no_id() -> None:
    """Ramp signs the sorted body: who saw one delivery can spell it in a thousand ways."""
    signer = BY_NAME["ramp"]
    body = b'{"b":"two","a":{"d":1,"c":"x"}}'
    good = received(signer, signer.send(signer.old, body, NOW_S))
    spelt = replace(good, body=b'{ "a": {"c":"\\u0078", "d":1},\n"b":"two" }')
    for delivery in (good, spelt):
        assert verify(signer, delivery) == 0
        key = profile(signer).identify(delivery).event_key
        assert key == _digest(b'{"a":{"c":"x","d":1},"b":"two"}')
    other = received(signer, signer.send(signer.old, body.replace(b"two", b"2"), NOW_S))
    assert profile(signer).identify(other).event_key != key


def test_a_secret_in_the_message_is_not_in_the_key() -> None:
    """Cryptomus hashes the secret with the body; the key, which is published, must not hold it."""
    signer = BY_NAME["cryptomus"]
    good = received(signer, signer.send(signer.old, b'{"order_id":"7"}', NOW_S))
    assert verify(signer, good) == 0
    expected = _digest(base64.b64encode(b'{"order_id":"7"}'))
    assert profile(signer).identify(good).event_key == expected
    assert verify(signer, replace(good, body=_respelt(good.body))) == 0
    assert profile(signer).identify(replace(good, body=_respelt(good.body))).event_key == expected


# -- Twilio -------------------------------------------------------------------------------------

SETTINGS = "X-Twilio-Webhooks-Signature-Settings"
SIGNATURE = "X-Twilio-Signature"
CALL = {"CallSid": "CA1", "CallStatus": "ringing", "Digits": "1B2"}


def _twilio(params: dict[str, str], signed: str, settings: str | None) -> Delivery:
    signature = RequestValidator("token").compute_signature(
        "https://hooks.example/", params, signed
    )
    body = "&".join(f"{name}={value}" for name, value in params.items()).encode()
    headers = [(SIGNATURE.lower().encode(), signature.encode())]
    if settings is not None:
        headers.append((SETTINGS.lower().encode(), settings.encode()))
    return _delivery(body, tuple(headers))


def _verdict(delivery: Delivery) -> Reason | None:
    found = load("twilio")
    try:
        found.precheck(delivery.headers)
        found.verify(delivery, [found.key(b"token")])
    except Rejected as rejected:
        return rejected.reason
    return None


@pytest.mark.parametrize(
    "settings",
    [
        None,
        "key=k",
        "key=k,algorithm=HMAC_SHA1",
        "key=k,algorithm=HMAC_SHA256",
        "algorithm=HMAC_SHA256,key=k",
        " algorithm = hmac_sha256 , key = k",
        "key=k,algorithm=HMAC_SHA256,more=1",
        "algorithm=,algorithm=HMAC_SHA256",
        "algorithm=HMAC_SHA1,algorithm=HMAC_SHA256",
        "key=algorithm=HMAC_SHA256",
        "Algorithm=HMAC_SHA256",
        "algorithm=HMAC_SHA512",
        "algorithm=none",
        "algorithm=HMAC_SHA256x",
    ],
)
@pytest.mark.parametrize("signed", ["HMAC_SHA1", "HMAC_SHA256"])
def test_twilios_settings_are_read_as_its_library_reads_them(
    signed: str, settings: str | None
) -> None:
    """In any order and case, with blanks and more members: refused otherwise, events are lost."""
    chosen = get_signature_algorithm(settings)
    delivery = _twilio(CALL, signed, settings)
    accepted = _verdict(delivery) is None
    assert accepted == (chosen.upper() == signed)


def test_fields_that_twilio_joins_are_not_told_apart_and_the_profile_says_so() -> None:
    """The same signature over other fields: no more may be claimed, and no second event made."""
    found = load("twilio")
    good = _twilio({"A": "1B2"}, "HMAC_SHA1", None)
    other = replace(good, body=b"A=1&B=2")
    assert _verdict(good) is _verdict(other) is None
    assert found.identify(good).event_key == found.identify(other).event_key
    assert (found.coverage, found.assurance) == (Coverage.PARTIAL, Assurance.D)


# -- HubSpot's version ---------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["hubspot_v1", "hubspot_v2"])
def test_hubspots_version_may_be_missing_and_may_not_be_another(name: str) -> None:
    """The library's own tests send none; one that is named is a promise."""
    signer = BY_NAME[name]
    good = received(signer, sample(signer))
    version = b"x-hubspot-signature-version"
    kept = tuple(one for one in good.headers if one[0] != version)
    assert len(kept) == len(good.headers) - 1
    assert verify(signer, replace(good, headers=kept)) == 0
    for wrong in (b"v3", b"", b"V1"):
        forged = replace(good, headers=(*kept, (version, wrong)))
        assert refusal(signer, forged) is Reason.VERSION_UNSUPPORTED


# -- a token in the query ------------------------------------------------------------------------


def test_no_key_is_made_of_the_secret_in_a_query() -> None:
    """A key is published: a digest of a short secret beside known words could be guessed at."""
    called = replace(_delivery(b""), method="GET", query=b"status=2&secret=s&value=1")
    found = load("blockonomics").identify(called)
    assert found.event_key == _digest(b"status=2&value=1")


FORMAT = """
title = "Example"
type_prefix = "com.example"
confidence = "B"
coverage = "none"
[signature]
kind = "token"
header = "X-Token"
[identity]
event_type = ["/type"]
repeats = true
keyed_by_type = true
[[evidence]]
what = "a test"
read = 2026-01-01
"""


def test_a_type_tells_apart_beside_the_moment(tmp_path: Path) -> None:
    """Both switches together: neither undoes the other."""
    file = tmp_path / "example.toml"
    file.write_text(FORMAT)
    found: Profile = load_file(file)
    body = b'{"type":"a"}'
    expected = _digest(b"a\n%d.%b" % (NOW_MS, body))
    assert found.identify(_delivery(body)).event_key == expected
