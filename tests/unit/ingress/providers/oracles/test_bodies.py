"""Libraries that judge what stands in the body: Adyen, Braintree, Mailgun, Plisio, PayPal, SNS."""

import base64
import json
import time
from collections.abc import Callable
from types import SimpleNamespace
from urllib.parse import quote_plus

import pytest
from cryptography.hazmat.primitives import hashes
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.oracles import Sent, edited, letters, sdk, verdict
from tests.support.signers import pairs

words = st.text(st.characters(codec="utf-8"), max_size=16)
hex_keys = st.binary(min_size=8, max_size=40).map(lambda key: (key + b"\x01").hex())
edits = st.lists(
    st.tuples(
        st.integers(0, 400),
        st.sampled_from(["insert", "replace", "remove"]),
        st.sampled_from('0aF=,:"\\/ +&%|\n\u00e9'),
    ),
    max_size=2,
)
NOW_S = 1_760_000_000
Edits = list[tuple[int, str, str]]


def _edited(text: str, changes: Edits) -> str:
    for change in changes:
        text = edited(text, *change)
    return text


items = st.fixed_dictionaries(
    {
        "pspReference": words,
        "merchantAccountCode": words,
        "merchantReference": words,
        "amount": st.fixed_dictionaries(
            {"value": st.integers(-(10**12), 10**12), "currency": words}
        ),
        "eventCode": st.sampled_from(["AUTHORISATION", "CAPTURE", "REFUND"]),
        "success": st.sampled_from(["true", "false"]),
    },
    optional={"originalReference": words, "reason": words},
)


def _adyen(key: str, *notified: dict[str, object]) -> str:
    sign = sdk("Adyen.util").generate_notification_sig
    wrapped = [
        {
            "NotificationRequestItem": {
                **item,
                "additionalData": {"hmacSignature": sign(item, key).decode()},
            }
        }
        for item in notified
    ]
    return json.dumps({"live": "false", "notificationItems": wrapped})


@settings(max_examples=30, deadline=None)
@given(hex_keys, items, items)
def test_items_that_adyens_library_signs_are_accepted(
    key: str, first: dict[str, object], second: dict[str, object]
) -> None:
    """Every item by itself, whether a field is missing, empty, or holds the separator."""
    for body in (_adyen(key, first), _adyen(key, first, second)):
        assert verdict("adyen_standard", key, Sent({}, body), NOW_S) == ""
        assert sdk("Adyen.util").is_valid_hmac_notification(json.loads(body), key)


@settings(max_examples=60, deadline=None)
@given(hex_keys, items, edits)
def test_a_notice_that_we_accept_adyens_library_accepts(
    key: str, item: dict[str, object], changes: Edits
) -> None:
    """Edits anywhere in the notice, also in what nobody signed."""
    body = _edited(_adyen(key, item), changes)
    if verdict("adyen_standard", key, Sent({}, body), NOW_S) == "":
        assert sdk("Adyen.util").is_valid_hmac_notification(json.loads(body), key)


def _braintree(secret: str) -> object:
    library = sdk("braintree")
    return library.BraintreeGateway(
        library.Configuration(library.Environment.Sandbox, "merchant", "the_public_key", secret)
    )


def _notice(secret: str, kind: str, identity: str) -> tuple[str, str]:
    gateway = _braintree(secret)
    made = _quiet(gateway.webhook_testing.sample_notification, kind, identity)
    return made["bt_signature"], made["bt_payload"].decode()


def _quiet(call: Callable[..., dict[str, object]], *arguments: str) -> dict[str, object]:
    """Call what uses the naive clock that Python warns of since 3.12."""
    with sdk("warnings").catch_warnings():
        sdk("warnings").simplefilter("ignore", DeprecationWarning)
        return call(*arguments)


def _form(signature: str, payload: str) -> Sent:
    return Sent({}, f"bt_signature={quote_plus(signature)}&bt_payload={quote_plus(payload)}")


BRAINTREE = {"public_key": "the_public_key"}
kinds = st.sampled_from(["check", "subscription_canceled", "dispute_opened"])


@settings(max_examples=30, deadline=None)
@given(letters, kinds, letters, st.booleans())
def test_a_notification_that_braintrees_library_makes_is_accepted(
    secret: str, kind: str, identity: str, loses_its_end: bool
) -> None:
    """With another account's pair before it, and with the last line end lost on the way."""
    signature, payload = _notice(secret, kind, identity)
    if loses_its_end:
        payload = payload.removesuffix("\n")
    sent = _form(f"other|{'0' * 40}&{signature}", payload)
    assert verdict("braintree", secret, sent, NOW_S, BRAINTREE) == ""
    parsed = _braintree(secret).webhook_notification.parse(signature, payload)
    assert parsed.kind == kind


@settings(max_examples=60, deadline=None)
@given(letters, edits, st.booleans())
def test_a_notification_that_we_accept_braintrees_library_accepts(
    secret: str, changes: Edits, in_payload: bool
) -> None:
    """Edits in the pairs and in the payload. The library compares hex as text; we read it."""
    signature, payload = _notice(secret, "check", "x")
    if in_payload:
        payload = _edited(payload, changes)
    else:
        signature = _edited(signature, changes)
    if verdict("braintree", secret, _form(signature, payload), NOW_S, BRAINTREE) == "":
        assert _braintree(secret).webhook_notification.parse(signature.lower(), payload)


def _mailgun(key: str, token: str, at_s: int) -> dict[str, str]:
    digest = sdk("hmac").digest(key.encode(), f"{at_s}{token}".encode(), "sha256").hex()
    return {"timestamp": str(at_s), "token": token, "signature": digest}


def _mailgun_accepts(key: str, said: dict[str, str]) -> bool:
    check = sdk("mailgun.security").SecurityGuard.verify_webhook
    return bool(check(key, said["token"], said["timestamp"], said["signature"]))


@settings(max_examples=30, deadline=None)
@given(letters, letters, words, st.sampled_from(["timestamp", "token", "signature"]), edits)
def test_mailguns_library_and_we_say_the_same_of_a_signature(
    key: str, token: str, word: str, field: str, changes: Edits
) -> None:
    """What it accepts signed we accept, and edited we accept nothing that it refuses."""
    said = _mailgun(key, token, int(time.time()))
    sent = Sent({}, json.dumps({"signature": said, "event-data": {"id": word}}))
    assert _mailgun_accepts(key, said)
    assert verdict("mailgun", key, sent, int(time.time())) == ""
    said[field] = _edited(said[field], changes)
    sent = Sent({}, json.dumps({"signature": said}))
    if verdict("mailgun", key, sent, int(time.time())) == "":
        assert _mailgun_accepts(key, said | {"signature": said["signature"].lower()})


@settings(max_examples=30, deadline=None)
@given(letters, st.dictionaries(words.filter(lambda name: name != "verify_hash"), words), edits)
def test_plisios_library_and_we_say_the_same_of_a_callback(
    key: str, members: dict[str, str], changes: Edits
) -> None:
    """The library prints what it read; so do we, in the order received."""
    client = sdk("plisio").PlisioClient(api_key=key)
    text = json.dumps(members, separators=(",", ":"))
    digest = sdk("hmac").digest(key.encode(), text.encode(), "sha1").hex()
    body = json.dumps({**members, "verify_hash": digest}, ensure_ascii=False)
    assert client.validate_callback(body)
    assert verdict("plisio", key, Sent({}, body), NOW_S) == ""
    body = _edited(body, changes)
    if verdict("plisio", key, Sent({}, body), NOW_S) == "":
        assert client.validate_callback(body.replace(digest.upper(), digest))


PAYPAL = {"webhook_id": "4JH86294D6297924G"}


@settings(max_examples=30, deadline=None)
@given(st.text(st.characters(codec="utf-8"), max_size=120), letters, edits)
def test_what_paypals_library_would_have_signed_is_accepted_and_nothing_else(
    body: str, identity: str, changes: Edits
) -> None:
    """The library says which text is signed; whoever signs another, signs nothing of ours."""
    stamp = "2026-05-18T15:45:13Z"
    expected = sdk("paypalrestsdk.notifications").WebhookEvent._get_expected_sig
    text = expected(identity, stamp, PAYPAL["webhook_id"], body)
    shown = pairs.certificate("messageverificationcerts.paypal.com")(pairs.RSA.old).decode()
    headers = {
        "PAYPAL-TRANSMISSION-ID": identity,
        "PAYPAL-TRANSMISSION-TIME": stamp,
        "PAYPAL-CERT-URL": "https://api.paypal.com/v1/notifications/certs/CERT-1",
        "PAYPAL-AUTH-ALGO": "SHA256withRSA",
    }
    for signed in (text, _edited(text, changes)):
        made = pairs.rsa_sign(pairs.RSA.old, signed.encode(), hashes.SHA256())
        sent = Sent(headers | {"PAYPAL-TRANSMISSION-SIG": base64.b64encode(made).decode()}, body)
        assert (verdict("paypal", shown, sent, NOW_S, PAYPAL) == "") == (signed == text)


SNS_FILE = "SimpleNotificationService-f3ecfb7224c7233fe7bb5f59f96de52f.pem"
SNS_CERTIFICATE = pairs.certificate("sns.amazonaws.com")(pairs.RSA.old)


def _sns_accepts(message: dict[str, str]) -> None:
    validator = sdk("sns_message_validator").SNSMessageValidator()
    # The library would fetch the certificate; here is what it would have got.
    validator._cert_session = SimpleNamespace(
        get=lambda url: SimpleNamespace(content=SNS_CERTIFICATE)
    )
    validator.validate_message(message)


def _sns(message: dict[str, str]) -> dict[str, str]:
    validator = sdk("sns_message_validator").SNSMessageValidator()
    text = validator._get_plaintext_to_sign(message).encode()
    made = pairs.rsa_sign(pairs.RSA.old, text, hashes.SHA1())
    return message | {"Signature": base64.b64encode(made).decode()}


messages = st.fixed_dictionaries(
    {
        "Type": st.just("Notification"),
        "MessageId": letters,
        "TopicArn": st.just("arn:aws:sns:eu-west-1:1:payments"),
        "Message": words,
        "Timestamp": st.just("2026-05-02T00:54:06.655Z"),
        "SignatureVersion": st.just("1"),
        "SigningCertURL": st.just(f"https://sns.eu-west-1.amazonaws.com/{SNS_FILE}"),
    },
    optional={"Subject": words.filter(bool)},
)
confirmations = messages.map(
    lambda message: {
        **{name: text for name, text in message.items() if name != "Subject"},
        "Type": "SubscriptionConfirmation",
        "Token": "2336412f37fb687f5d51e6e241d7700a",
        "SubscribeURL": "https://sns.eu-west-1.amazonaws.com/?Action=ConfirmSubscription",
    }
)


@settings(max_examples=30, deadline=None)
@given(messages | confirmations)
def test_a_message_that_amazons_validator_accepts_we_accept(message: dict[str, str]) -> None:
    """Notifications with a subject and without, and confirmations, which sign other members."""
    signed = _sns(message)
    _sns_accepts(signed)
    topic = {"topic_arn": message["TopicArn"]}
    sent = Sent({}, json.dumps(signed))
    assert verdict("aws_sns", SNS_CERTIFICATE.decode(), sent, NOW_S, topic) == ""
    others = {"topic_arn": "arn:aws:sns:eu-west-1:2:payments"}
    assert verdict("aws_sns", SNS_CERTIFICATE.decode(), sent, NOW_S, others) == "claim_mismatch"


@settings(max_examples=60, deadline=None)
@given(messages | confirmations, edits, st.sampled_from([*"abcdefgh"]), st.booleans())
def test_a_message_that_we_accept_amazons_validator_accepts(
    message: dict[str, str], changes: Edits, letter: str, removed: bool
) -> None:
    """One member edited or taken away, the signature and the certificate's URL among them."""
    signed = _sns(message)
    names = sorted(signed)
    name = names[ord(letter) % len(names)]
    text = signed.pop(name)
    if not removed:
        signed[name] = _edited(text, changes)
    sent = Sent({}, json.dumps(signed))
    if verdict("aws_sns", SNS_CERTIFICATE.decode(), sent, NOW_S) == "":
        _sns_accepts(signed)


@pytest.mark.parametrize(
    "url",
    [
        f"http://sns.eu-west-1.amazonaws.com/{SNS_FILE}",
        f"https://sns.eu-west-1.amazonaws.com.evil.example/{SNS_FILE}",
        f"https://sns.evil.example/{SNS_FILE}",
        f"https://evil@sns.eu-west-1.amazonaws.com/{SNS_FILE}",
        f"https://sns.eu-west-1.amazonaws.com:8443/{SNS_FILE}",
        f"https://sns.eu-west-1.amazonaws.com/bucket/{SNS_FILE}",
        f"https://sns.eu-west-1.amazonaws.com/{SNS_FILE}?x=.pem",
        f"https://bucket.s3.amazonaws.com/{SNS_FILE}",
        f"https://sns.s3-us-west-2.amazonaws.com/{SNS_FILE}",
    ],
)
def test_a_certificate_from_elsewhere_is_refused_also_where_the_key_is_pinned(url: str) -> None:
    """A message that names another place is none of Amazon's, whatever its signature says."""
    message = {
        "Type": "Notification",
        "MessageId": "1",
        "TopicArn": "arn:aws:sns:eu-west-1:1:payments",
        "Message": "x",
        "Timestamp": "2026-05-02T00:54:06.655Z",
        "SignatureVersion": "1",
        "SigningCertURL": url,
    }
    sent = Sent({}, json.dumps(_sns(message)))
    assert verdict("aws_sns", SNS_CERTIFICATE.decode(), sent, NOW_S) == "cert_untrusted"
