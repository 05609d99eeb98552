"""Where a provider's library and we differ on purpose, each difference shown from both sides.

A new version of a library may drop its quirk; the test then fails, and the note goes.
"""

import base64
import hmac
import json
import time
from datetime import UTC, datetime

import pytest

from tests.support.oracles import Sent, sdk, verdict
from tests.support.signers import pairs

DAY_S = 86_400
SNS_FILE = "SimpleNotificationService-f3ecfb7224c7233fe7bb5f59f96de52f.pem"
ADYEN = "44782DEF547AAA06C910C43932B1EB0C71FC68D9D0C057550C48EC2ACF6BA056"
WHSEC = "whsec_" + base64.b64encode(b"a secret of 24 bytes or so").decode()


def _stripe(stamp: str, at_s: int) -> str:
    digest = hmac.digest(b"secret", f"{at_s}.{{}}".encode(), "sha256").hex()
    return f"t={stamp},v1={digest}"


def test_stripes_library_takes_a_timestamp_of_tomorrow() -> None:
    """It looks at the past alone; whoever signs ahead could replay for a day."""
    at_s = int(time.time())
    header = _stripe(str(at_s + DAY_S), at_s + DAY_S)
    assert sdk("stripe").WebhookSignature.verify_header("{}", header, "secret", 300)
    sent = Sent({"Stripe-Signature": header}, "{}")
    assert verdict("stripe", "secret", sent, at_s) == "timestamp_in_future"


def test_stripes_library_writes_the_timestamp_anew() -> None:
    """It reads a number with a blank, a sign and zeros; we sign and read the text as sent."""
    at_s = int(time.time())
    header = _stripe(f" +00{at_s}", at_s)
    assert sdk("stripe").WebhookSignature.verify_header("{}", header, "secret", 300)
    sent = Sent({"Stripe-Signature": header}, "{}")
    assert verdict("stripe", "secret", sent, at_s) == "timestamp_malformed"


def test_hubspots_library_takes_a_timestamp_of_tomorrow() -> None:
    """The same, in milliseconds."""
    at_s = int(time.time())
    signature = sdk("hubspot.utils.signature").Signature
    stamp, url = f"{at_s + DAY_S}000", "https://hooks.example/hubspot"
    text = signature.get_signature("secret", "{}", "v3", url, "POST", stamp)
    assert signature.is_valid(text, "secret", "{}", url, "POST", "v3", stamp)
    headers = {"X-HubSpot-Signature-v3": text, "X-HubSpot-Request-Timestamp": stamp}
    sent = Sent(headers, "{}", url)
    assert verdict("hubspot_v3", "secret", sent, at_s) == "timestamp_in_future"


def _standard(at_s: int) -> dict[str, str]:
    webhook = sdk("standardwebhooks.webhooks").Webhook(WHSEC)
    signature = webhook.sign("msg_1", datetime.fromtimestamp(at_s, UTC), "{}")
    return {
        "webhook-id": "msg_1",
        "webhook-timestamp": str(at_s),
        "webhook-signature": signature,
    }


def test_the_standards_library_rounds_the_timestamp() -> None:
    """A fraction is thrown away before the signature is made; here the text itself is signed."""
    at_s = int(time.time())
    headers = _standard(at_s) | {"webhook-timestamp": f"{at_s}.9"}
    assert sdk("standardwebhooks.webhooks").Webhook(WHSEC).verify("{}", headers) == {}
    assert verdict("standard_webhooks", WHSEC, Sent(headers, "{}"), at_s) == "timestamp_malformed"


def test_the_standards_library_fails_on_one_malformed_item() -> None:
    """A bare `ValueError` would be a 500, and a retry for ever; here it is a refusal."""
    at_s = int(time.time())
    headers = _standard(at_s)
    headers["webhook-signature"] = "junk " + headers["webhook-signature"]
    with pytest.raises(ValueError, match="unpack"):
        sdk("standardwebhooks.webhooks").Webhook(WHSEC).verify("{}", headers)
    assert verdict("standard_webhooks", WHSEC, Sent(headers, "{}"), at_s) == "malformed_header"


def test_the_standards_library_fails_on_bytes_that_are_no_text() -> None:
    """The same for a body that is not UTF-8, which to us is bytes like any other."""
    with pytest.raises(UnicodeDecodeError):
        sdk("standardwebhooks.webhooks").Webhook(WHSEC).verify(b"\xff", _standard(0))


def test_the_standards_library_reads_base64_that_is_none() -> None:
    """It skips letters outside the alphabet: one signature with any number of spellings."""
    at_s = int(time.time())
    headers = _standard(at_s)
    headers["webhook-signature"] = headers["webhook-signature"].replace("v1,", "v1,!!")
    assert sdk("standardwebhooks.webhooks").Webhook(WHSEC).verify("{}", headers) == {}
    assert verdict("standard_webhooks", WHSEC, Sent(headers, "{}"), at_s) == "malformed_header"


def test_sendgrids_library_reads_base64_that_is_none() -> None:
    """The same, of a public-key signature."""
    made = base64.b64encode(pairs.ecdsa_sign(pairs.P256.old, b"1{}")).decode()
    text, key = made[:4] + "!!" + made[4:], pairs.public_der(pairs.P256.old).decode()
    webhook = sdk("sendgrid.helpers.eventwebhook").EventWebhook(key)
    assert webhook.verify_signature("{}", text, "1")
    name = "X-Twilio-Email-Event-Webhook"
    headers = {f"{name}-Signature": text, f"{name}-Timestamp": "1"}
    assert verdict("sendgrid", key, Sent(headers, "{}"), 1) == "malformed_header"


def _adyen(*signed: bool) -> str:
    item = {
        "pspReference": "P1",
        "merchantAccountCode": "M",
        "amount": {"value": 1, "currency": "EUR"},
        "eventCode": "REFUND",
        "success": "true",
    }
    good = sdk("Adyen.util").generate_notification_sig(item, ADYEN).decode()
    bad = base64.b64encode(bytes(32)).decode()
    items = [
        {
            "NotificationRequestItem": item
            | {"additionalData": {"hmacSignature": good if is_good else bad}}
        }
        for is_good in signed
    ]
    return json.dumps({"notificationItems": items})


def test_adyens_library_looks_at_the_first_item_alone() -> None:
    """Whoever adds an item to a captured notice would have it believed; here each must hold."""
    body = _adyen(True, False)
    assert sdk("Adyen.util").is_valid_hmac_notification(json.loads(body), ADYEN)
    assert verdict("adyen_standard", ADYEN, Sent({}, body), 0) == "no_matching_signature"
    assert verdict("adyen_standard", ADYEN, Sent({}, _adyen(True, True)), 0) == ""


def test_adyens_library_says_nothing_of_an_item_without_a_signature() -> None:
    """Neither yes nor no; here what carries no signature is refused."""
    notice = json.loads(_adyen(True))
    del notice["notificationItems"][0]["NotificationRequestItem"]["additionalData"]
    assert sdk("Adyen.util").is_valid_hmac_notification(notice, ADYEN) is None
    sent = Sent({}, json.dumps(notice))
    assert verdict("adyen_standard", ADYEN, sent, 0) == "missing_header"


def test_paddles_library_fails_on_a_field_it_does_not_know() -> None:
    """A second hash beside h1 would stop every delivery; here it is passed over."""
    digest = hmac.digest(b"secret", b"1:{}", "sha256").hex()
    header = f"ts=1;h1={digest};h2=00"
    with pytest.raises(ValueError, match="Unrecognized"):
        sdk("paddle_billing.Notifications.PaddleSignature").PaddleSignature.parse(header)
    assert verdict("paddle", "secret", Sent({"Paddle-Signature": header}, "{}"), 1) == ""


def test_stripes_and_workos_libraries_fail_on_a_malformed_item() -> None:
    """An item that is no signature excludes nothing: the good one beside it still counts."""
    at_s = int(time.time())
    header = _stripe(str(at_s), at_s) + ",v1=\u00e9"
    header = header.replace(f"t={at_s},", f"t={at_s},v1=\u00e9,")
    with pytest.raises(TypeError, match="non-ASCII"):
        sdk("stripe").WebhookSignature.verify_header("{}", header, "secret", 300)
    assert verdict("stripe", "secret", Sent({"Stripe-Signature": header}, "{}"), at_s) == ""
    digest = hmac.digest(b"secret", f"{at_s}000.{{}}".encode(), "sha256").hex()
    header = f"t={at_s}000, v1={digest}, v2=0"
    with pytest.raises(ValueError, match="Unable to extract"):
        sdk("workos.webhooks._verification").verify_header(
            event_body=b"{}", event_signature=header, secret="secret"
        )
    assert verdict("workos", "secret", Sent({"WorkOS-Signature": header}, "{}"), at_s) == ""


def test_slacks_library_fails_on_a_timestamp_that_is_none() -> None:
    """An exception instead of a refusal."""
    headers = {"X-Slack-Request-Timestamp": "now", "X-Slack-Signature": "v0=" + "0" * 64}
    with pytest.raises(ValueError, match="invalid literal"):
        sdk("slack_sdk.signature").SignatureVerifier("secret").is_valid_request("{}", headers)
    assert verdict("slack", "secret", Sent(headers, "{}"), 0) == "timestamp_malformed"


def test_razorpays_and_coinbases_libraries_need_text() -> None:
    """Raw bytes, which is what was signed, they cannot take."""
    utility = sdk("razorpay.utility.utility").Utility()
    with pytest.raises(TypeError):
        utility.verify_webhook_signature(b"{}", "00", "secret")
    webhook = sdk("coinbase_commerce.webhook").WebhookSignature
    with pytest.raises((TypeError, AttributeError)):
        webhook.verify_sig_header(b"{}", "00", "secret")


def test_squares_library_refuses_an_empty_body() -> None:
    """An empty body can be signed as well as any."""
    digest = hmac.digest(b"secret", b"https://hooks.example/", "sha256")
    text = base64.b64encode(digest).decode()
    assert not sdk("square.utils.webhooks_helper").verify_signature(
        request_body="",
        signature_header=text,
        signature_key="secret",
        notification_url="https://hooks.example/",
    )
    sent = Sent({"x-square-hmacsha256-signature": text}, "", "https://hooks.example/")
    assert verdict("square", "secret", sent, 0) == ""


def test_plisios_library_sorts_nothing() -> None:
    """It sorts a copy and signs the original: so the order received is what counts."""
    digest = hmac.digest(b"secret", b'{"b":1,"a":2}', "sha1").hex()
    body = f'{{"b":1,"a":2,"verify_hash":"{digest}"}}'
    assert sdk("plisio").PlisioClient(api_key="secret").validate_callback(body)
    assert verdict("plisio", "secret", Sent({}, body), 0) == ""


def test_openais_library_takes_a_secret_without_its_prefix_as_text() -> None:
    """OpenAI shows its secrets with whsec_; without, we read base64, as the standard does."""
    at_s = int(time.time())
    bare = WHSEC.removeprefix("whsec_")
    headers = _standard(at_s)
    library = sdk("openai")
    check = library.OpenAI(api_key="unused").webhooks.verify_signature
    assert check("{}", headers, secret=WHSEC) is None
    with pytest.raises(library.InvalidWebhookSignatureError):
        check("{}", headers, secret=bare)
    assert verdict("openai", bare, Sent(headers, "{}"), at_s) == ""


def test_amazons_validator_knows_no_second_version() -> None:
    """Version 2 is SHA-256, which Amazon recommends and the library refuses."""
    message = {
        "Type": "Notification",
        "MessageId": "1",
        "TopicArn": "arn:aws:sns:eu-west-1:1:payments",
        "Message": "x",
        "Timestamp": "2026-05-02T00:54:06.655Z",
        "SignatureVersion": "2",
        "SigningCertURL": f"https://sns.eu-west-1.amazonaws.com/{SNS_FILE}",
    }
    validator = sdk("sns_message_validator").SNSMessageValidator()
    text = validator._get_plaintext_to_sign(message).encode()
    sha256 = sdk("cryptography.hazmat.primitives.hashes").SHA256()
    made = base64.b64encode(pairs.rsa_sign(pairs.RSA.old, text, sha256)).decode()
    refused = sdk("sns_message_validator.exceptions").InvalidSignatureVersionException
    with pytest.raises(refused):
        validator.validate_message(message | {"Signature": made})
    shown = pairs.certificate("sns.amazonaws.com")(pairs.RSA.old).decode()
    sent = Sent({}, json.dumps(message | {"Signature": made}))
    assert verdict("aws_sns", shown, sent, 0) == ""
