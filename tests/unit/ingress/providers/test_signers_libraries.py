"""The providers' own libraries judge the senders of `tests/support/signers`.

Each is shown what a sender sends, must accept it, and must refuse it once what the signature covers
has been changed: a judge that accepts everything is none. Nothing of Sealgate takes part.
"""

import base64
import json
import time
import warnings
from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace
from urllib.parse import parse_qs, parse_qsl

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.signers import EVERY, Sent, Signer, wire

Judge = Callable[[str, Sent], object]

SENDERS = {signer.name: signer for signer in EVERY}


def _text(sent: Sent, name: str) -> str:
    return dict(sent.headers)[name.encode()].decode()


def _named(sent: Sent) -> dict[str, str]:
    return {name.decode(): text.decode() for name, text in sent.headers}


def _stripe(key: str, sent: Sent) -> object:
    import stripe

    return stripe.WebhookSignature.verify_header(
        sent.body.decode(), _text(sent, "stripe-signature"), key, 300
    )


def _coinbase(key: str, sent: Sent) -> object:
    from coinbase_commerce.webhook import WebhookSignature

    header = _text(sent, "x-cc-webhook-signature")
    return WebhookSignature.verify_sig_header(sent.body.decode(), header, key)


def _hook0(key: str, sent: Sent) -> object:
    import hook0

    header = _text(sent, "x-hook0-signature")
    return hook0.verify_webhook_signature(header, sent.body, _named(sent), key, 300)


def _standard(key: str, sent: Sent) -> object:
    import standardwebhooks

    return standardwebhooks.Webhook(key).verify(sent.body, _named(sent), json_parse=False)


def _svix(key: str, sent: Sent) -> object:
    import svix

    return svix.Webhook(key).verify(sent.body, _named(sent))


def _openai(key: str, sent: Sent) -> object:
    from openai import OpenAI

    webhooks = OpenAI(api_key="none").webhooks
    return webhooks.verify_signature(sent.body, _named(sent), secret=key)


def _slack(key: str, sent: Sent) -> object:
    from slack_sdk.signature import SignatureVerifier

    return SignatureVerifier(key).is_valid_request(sent.body, _named(sent))


def _twilio(key: str, sent: Sent) -> object:
    from twilio.request_validator import (
        SIGNATURE_SETTINGS_HEADER,
        RequestValidator,
        get_signature_algorithm,
    )

    algorithm = get_signature_algorithm(_named(sent).get(SIGNATURE_SETTINGS_HEADER.lower()))
    text = sent.body.decode()
    params = text if text.startswith("{") else dict(parse_qsl(text, keep_blank_values=True))
    signature = _text(sent, "x-twilio-signature")
    return RequestValidator(key).validate(sent.url, params, signature, algorithm)


def _sendgrid(key: str, sent: Sent) -> object:
    from sendgrid.helpers.eventwebhook import EventWebhook

    name = "x-twilio-email-event-webhook-"
    return EventWebhook(key).verify_signature(
        sent.body.decode(), _text(sent, name + "signature"), _text(sent, name + "timestamp")
    )


def _square(key: str, sent: Sent) -> object:
    from square.utils.webhooks_helper import verify_signature

    return verify_signature(
        request_body=sent.body.decode(),
        signature_header=_text(sent, "x-square-hmacsha256-signature"),
        signature_key=key,
        notification_url=sent.url,
    )


def _adyen(key: str, sent: Sent) -> object:
    from Adyen.util import is_valid_hmac_notification

    items = json.loads(sent.body)["notificationItems"]
    return all(is_valid_hmac_notification(item["NotificationRequestItem"], key) for item in items)


def _adyen_header(key: str, sent: Sent) -> object:
    from Adyen.util import is_valid_hmac_payload

    return is_valid_hmac_payload(_text(sent, "hmacsignature"), key, sent.body)


def _gocardless(key: str, sent: Sent) -> object:
    from gocardless_pro import webhooks

    return webhooks.parse(sent.body.decode(), key, _text(sent, "webhook-signature"))


def _paddle(key: str, sent: Sent) -> object:
    from paddle_billing.Notifications import Secret, Verifier

    request = SimpleNamespace(
        headers={"Paddle-Signature": _text(sent, "paddle-signature")}, body=sent.body
    )
    return Verifier(60).verify(request, Secret(key))


def _razorpay(key: str, sent: Sent) -> object:
    import razorpay

    utility = razorpay.Client(auth=("id", "key")).utility
    header = _text(sent, "x-razorpay-signature")
    return utility.verify_webhook_signature(sent.body.decode(), header, key)


def _hubspot(version: str, name: str) -> Judge:
    def judge(key: str, sent: Sent) -> object:
        from hubspot.utils.signature import Signature

        return Signature.is_valid(
            signature=_text(sent, name),
            client_secret=key,
            request_body=sent.body.decode(),
            http_uri=sent.url,
            http_method=sent.method,
            signature_version=version,
            timestamp=_named(sent).get("x-hubspot-request-timestamp"),
        )

    return judge


def _line(key: str, sent: Sent) -> object:
    from linebot.v3.webhook import SignatureValidator

    header = _text(sent, "x-line-signature")
    return SignatureValidator(key).validate(sent.body.decode(), header)


def _braintree(key: str, sent: Sent) -> object:
    import braintree

    gateway = braintree.BraintreeGateway(
        braintree.Configuration(
            braintree.Environment.Development, "merchant", "integration_public_key", key
        )
    )
    form = parse_qs(sent.body.decode())
    return gateway.webhook_notification.parse(form["bt_signature"][0], form["bt_payload"][0])


def _discord(key: str, sent: Sent) -> object:
    from discord_interactions import verify_key

    signature, stamp = (_text(sent, f"x-signature-{n}") for n in ("ed25519", "timestamp"))
    return verify_key(sent.body, signature, stamp, key)


def _plisio(key: str, sent: Sent) -> object:
    import plisio

    return plisio.PlisioClient(api_key=key).validate_callback(sent.body.decode())


def _mailgun(key: str, sent: Sent) -> object:
    from mailgun.security import SecurityGuard

    told = json.loads(sent.body)["signature"]
    return SecurityGuard.verify_webhook(key, told["token"], told["timestamp"], told["signature"])


def _workos(key: str, sent: Sent) -> object:
    from workos.webhooks._verification import verify_header

    header = _text(sent, "workos-signature")
    return verify_header(event_body=sent.body, event_signature=header, secret=key)


def _paypal(key: str, sent: Sent) -> object:
    """Check over the text that the library builds; its own check needs the network."""
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
    from cryptography.hazmat.primitives.hashes import SHA1, SHA256
    from paypalrestsdk.notifications import WebhookEvent

    name = "paypal-transmission-"
    webhook_id = str(SENDERS["paypal"].parameters["webhook_id"])
    text = WebhookEvent._get_expected_sig(
        _text(sent, name + "id"), _text(sent, name + "time"), webhook_id, sent.body.decode()
    )
    algorithm = {"SHA256withRSA": SHA256(), "SHA1withRSA": SHA1()}[_text(sent, "paypal-auth-algo")]
    public = x509.load_pem_x509_certificate(key.encode()).public_key()
    signature = base64.b64decode(_text(sent, name + "sig"))
    assert isinstance(public, RSAPublicKey)
    return public.verify(signature, text.encode(), PKCS1v15(), algorithm)


def _sns(key: str, sent: Sent) -> object:
    from sns_message_validator import SNSMessageValidator

    validator = SNSMessageValidator()
    fetched = SimpleNamespace(content=key.encode())
    validator._cert_session = SimpleNamespace(get=lambda _: fetched)
    return validator.validate_message(json.loads(sent.body))


def _google(key: str, sent: Sent) -> object:
    from google.auth import jwt

    token = _text(sent, "authorization").removeprefix("Bearer ")
    audience = str(SENDERS["google_pubsub"].parameters["audience"])
    return jwt.decode(token, {jwt.decode_header(token)["kid"]: key}, audience=audience)


def _plaid(key: str, sent: Sent) -> object:
    import hashlib

    import jwt

    token = _text(sent, "plaid-verification")
    claims = jwt.decode(token, key, algorithms=["ES256"])
    return claims["request_body_sha256"] == hashlib.sha256(sent.body).hexdigest()


def _transak(key: str, sent: Sent) -> object:
    import jwt

    return jwt.decode(json.loads(sent.body)["data"], key, algorithms=["HS256"])


def _fireblocks(key: str, sent: Sent) -> object:
    from jwcrypto import jwk, jws

    token = jws.JWS()
    token.deserialize(_text(sent, "fireblocks-webhook-signature"))
    token.verify(jwk.JWK.from_pem(key.encode()), alg="RS512", detached_payload=sent.body)
    return token.is_valid


JUDGES: dict[str, Judge] = {
    "stripe": _stripe,
    "coinbase_commerce": _coinbase,
    "coinbase_cdp": _hook0,
    "standard_webhooks": _standard,
    "standard_webhooks_gitlab": _standard,
    "svix": _svix,
    "openai": _openai,
    "slack": _slack,
    "twilio": _twilio,
    "twilio with a shared key": _twilio,
    "twilio sending JSON": _twilio,
    "sendgrid": _sendgrid,
    "square": _square,
    "adyen_standard": _adyen,
    "adyen_standard with two items": _adyen,
    "adyen_header": _adyen_header,
    "gocardless": _gocardless,
    "paddle": _paddle,
    "razorpay": _razorpay,
    "hubspot_v1": _hubspot("v1", "x-hubspot-signature"),
    "hubspot_v2": _hubspot("v2", "x-hubspot-signature"),
    "hubspot_v3": _hubspot("v3", "x-hubspot-signature-v3"),
    "line": _line,
    "braintree": _braintree,
    "discord": _discord,
    "plisio": _plisio,
    "mailgun": _mailgun,
    "workos": _workos,
    "paypal": _paypal,
    "paypal with SHA-1": _paypal,
    "aws_sns of version 1": _sns,
    "google_pubsub": _google,
    "plaid": _plaid,
    "transak": _transak,
    "fireblocks_v2": _fireblocks,
}

# Secrets as dashboards show them; the libraries take text.
WORDS = st.text(st.characters(codec="ascii", categories=("L", "N")), min_size=1, max_size=64)
WHSEC = st.binary(min_size=24, max_size=64).map(
    lambda key: "whsec_" + base64.b64encode(key).decode()
)
HEX = st.binary(min_size=32, max_size=32).map(bytes.hex)
SECRETS = {
    "adyen_header": HEX,
    "standard_webhooks": WHSEC,
    "standard_webhooks_gitlab": WHSEC,
    "svix": WHSEC,
    "openai": WHSEC,
}


def _accepts(judge: Judge, key: bytes, sent: Sent) -> bool:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        try:
            return judge(key.decode(), sent) is not False
        except Exception as refusal:
            if isinstance(refusal, ImportError | TypeError | AttributeError | NameError):
                raise
            return False


def _changed(signer: Signer, sent: Sent) -> Sent:
    if signer.covered is None:
        return wire.respelt(signer, sent, lambda text: text[:-8] + b"AAAAAAAA")
    return replace(sent, body=signer.covered(sent.body))


every_judge = pytest.mark.parametrize("name", JUDGES)


@every_judge
@pytest.mark.parametrize("age", ["old", "new"])
def test_the_library_accepts_what_the_sender_sends(name: str, age: str) -> None:
    """The nearest thing to the provider itself."""
    signer = SENDERS[name]
    key = getattr(signer, age)
    sent = signer.sample(int(time.time()), key)
    assert _accepts(JUDGES[name], signer.shown(key), sent)


@every_judge
def test_the_library_refuses_it_changed(name: str) -> None:
    """Else its yes would mean nothing."""
    signer = SENDERS[name]
    sent = _changed(signer, signer.sample(int(time.time())))
    assert not _accepts(JUDGES[name], signer.shown(signer.old), sent)


@pytest.mark.parametrize("name", [n for n in JUDGES if SENDERS[n].uncovered is not None])
def test_the_library_accepts_a_change_that_is_not_covered(name: str) -> None:
    """What the attacks are told to expect of the scheme is what its own library does."""
    signer = SENDERS[name]
    sent = signer.sample(int(time.time()))
    assert signer.uncovered is not None
    spared = replace(sent, body=signer.uncovered(sent.body))
    assert _accepts(JUDGES[name], signer.shown(signer.old), spared)


@pytest.mark.parametrize(
    "name",
    [
        name
        for name in JUDGES
        if SENDERS[name].covers == "body" and not SENDERS[name].old.startswith(b"-----")
    ],
)
def test_the_library_accepts_any_report_under_any_secret(name: str) -> None:
    """One sample may agree by luck: letters beyond ASCII, short and long secrets must as well."""

    @settings(max_examples=25, deadline=None, database=None)
    @given(
        note=st.text(st.characters(codec="utf-8"), max_size=60),
        ascii_only=st.booleans(),
        secret=SECRETS.get(name, WORDS),
    )
    def holds(note: str, ascii_only: bool, secret: str) -> None:
        body = json.dumps({"events": [], "note": note}, ensure_ascii=ascii_only).encode()
        sent = SENDERS[name].send(secret.encode(), body, int(time.time()))
        assert _accepts(JUDGES[name], secret.encode(), sent)

    holds()
