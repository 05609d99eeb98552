"""Libraries that judge a body by its headers, each beside our profile of the same provider."""

import base64
import hmac
from datetime import UTC, datetime
from types import SimpleNamespace

from hypothesis import strategies as st

from tests.support.oracles import URL, Oracle, Sent, bodies, filled, sdk
from tests.support.signers import pairs

# HMAC fills a key up with zeros: two keys are different only if neither ends in one.
HEX_KEYS = st.binary(min_size=8, max_size=40).map(lambda key: (key + b"\x01").hex())
WHSEC = st.binary(min_size=23, max_size=63).map(
    lambda key: "whsec_" + base64.b64encode(key + b"\x01").decode()
)
PAIRS = st.sampled_from(["old", "new"])


def _stripe(secret: str, body: str, at_s: int) -> Sent:
    signature = sdk("stripe").WebhookSignature
    return Sent({"Stripe-Signature": signature.generate_signature_header(body, secret, at_s)}, body)


def _stripe_accepts(secret: str, sent: Sent, at_s: int) -> object:
    header = sent.headers["Stripe-Signature"]
    return sdk("stripe").WebhookSignature.verify_header(sent.body, header, secret, tolerance=None)


def _commerce(secret: str, body: str, at_s: int) -> Sent:
    signature = sdk("coinbase_commerce.webhook").WebhookSignature
    return Sent({"X-CC-Webhook-Signature": signature._compute_signature(body, secret)}, body)


def _commerce_accepts(secret: str, sent: Sent, at_s: int) -> object:
    signature = sdk("coinbase_commerce.webhook").WebhookSignature
    return signature.verify_sig_header(sent.body, sent.headers["X-CC-Webhook-Signature"], secret)


def _adyen(secret: str, body: str, at_s: int) -> Sent:
    digest = sdk("Adyen.util").generate_payload_sig(body.encode(), secret)
    return Sent({"HmacSignature": digest.decode()}, body)


def _adyen_accepts(secret: str, sent: Sent, at_s: int) -> object:
    check = sdk("Adyen.util").is_valid_hmac_payload
    return check(sent.headers["HmacSignature"], secret, sent.body.encode())


def _hexed(secret: str, body: str) -> str:
    """Make the HMAC that verifiers without a signer of their own compare with."""
    return hmac.digest(secret.encode(), body.encode(), "sha256").hex()


def _gocardless(secret: str, body: str, at_s: int) -> Sent:
    return Sent({"Webhook-Signature": _hexed(secret, body)}, body)


def _gocardless_accepts(secret: str, sent: Sent, at_s: int) -> object:
    check = sdk("gocardless_pro.webhooks")._verify_signature
    return check(sent.body, secret, sent.headers["Webhook-Signature"])


def _razorpay(secret: str, body: str, at_s: int) -> Sent:
    return Sent({"X-Razorpay-Signature": _hexed(secret, body)}, body)


def _razorpay_accepts(secret: str, sent: Sent, at_s: int) -> object:
    utility = sdk("razorpay.utility.utility").Utility()
    return utility.verify_webhook_signature(sent.body, sent.headers["X-Razorpay-Signature"], secret)


def _line(secret: str, body: str, at_s: int) -> Sent:
    digest = hmac.digest(secret.encode(), body.encode(), "sha256")
    return Sent({"x-line-signature": base64.b64encode(digest).decode()}, body)


def _line_accepts(secret: str, sent: Sent, at_s: int) -> object:
    validator = sdk("linebot.v3.webhook").SignatureValidator(secret)
    return validator.validate(sent.body, sent.headers["x-line-signature"])


def _square(secret: str, body: str, at_s: int) -> Sent:
    digest = hmac.digest(secret.encode(), (URL + body).encode(), "sha256")
    return Sent({"x-square-hmacsha256-signature": base64.b64encode(digest).decode()}, body)


def _square_accepts(secret: str, sent: Sent, at_s: int) -> object:
    return sdk("square.utils.webhooks_helper").verify_signature(
        request_body=sent.body,
        signature_header=sent.headers["x-square-hmacsha256-signature"],
        signature_key=secret,
        notification_url=sent.url,
    )


def _slack(secret: str, body: str, at_s: int) -> Sent:
    verifier = sdk("slack_sdk.signature").SignatureVerifier(secret)
    signature = verifier.generate_signature(timestamp=str(at_s), body=body)
    return Sent({"X-Slack-Request-Timestamp": str(at_s), "X-Slack-Signature": signature}, body)


def _slack_accepts(secret: str, sent: Sent, at_s: int) -> object:
    clock = SimpleNamespace(now=lambda: at_s)
    verifier = sdk("slack_sdk.signature").SignatureVerifier(secret, clock)
    return verifier.is_valid_request(sent.body, sent.headers)


def _paddle(secret: str, body: str, at_s: int) -> Sent:
    calculate = sdk("paddle_billing.Notifications.PaddleSignature").PaddleSignature.calculate_hmac
    digest = calculate(secret, f"{at_s}:{body}".encode()).hexdigest()
    return Sent({"Paddle-Signature": f"ts={at_s};h1={digest}"}, body)


def _paddle_accepts(secret: str, sent: Sent, at_s: int) -> object:
    """Ask the verifier behind its clock, which it reads itself, and judge the age as it does."""
    signature = sdk("paddle_billing.Notifications.PaddleSignature").PaddleSignature()
    window_s = sdk("paddle_billing.Notifications.Verifier").Verifier().maximum_variance
    signed_s, _ = signature.parse(sent.headers["Paddle-Signature"])
    key = sdk("paddle_billing.Notifications.Secret").Secret(secret)
    fresh = abs(at_s - signed_s) <= window_s
    return fresh and signature.verify(sent.headers["Paddle-Signature"], sent.body, key)


def _hubspot(version: str, secret: str, body: str, at_s: int) -> Sent:
    sign = sdk("hubspot.utils.signature").Signature.get_signature
    text = sign(secret, body, version, URL, "POST", f"{at_s}000")
    if version == "v3":
        return Sent(
            {"X-HubSpot-Signature-v3": text, "X-HubSpot-Request-Timestamp": f"{at_s}000"}, body
        )
    return Sent({"X-HubSpot-Signature": text, "X-HubSpot-Signature-Version": version}, body)


def _hubspot_accepts(version: str, secret: str, sent: Sent, at_s: int) -> object:
    name = "X-HubSpot-Signature-v3" if version == "v3" else "X-HubSpot-Signature"
    return sdk("hubspot.utils.signature").Signature.is_valid(
        sent.headers[name],
        secret,
        sent.body,
        sent.url,
        sent.method,
        version,
        sent.headers.get("X-HubSpot-Request-Timestamp"),
    )


def _of_hubspot(version: str, *, live: bool = False) -> Oracle:
    return Oracle(
        f"hubspot_{version}",
        lambda secret, body, at_s: _hubspot(version, secret, body, at_s),
        lambda secret, sent, at_s: _hubspot_accepts(version, secret, sent, at_s),
        # A zero byte stands in no JSON; behind a secret that is hashed in front, it is refused.
        bodies=bodies if version == "v3" else bodies.filter(lambda text: "\0" not in text),
        live=live,
        hex=version != "v3",
    )


def _workos(secret: str, body: str, at_s: int) -> Sent:
    text = _hexed(secret, f"{at_s}000.{body}")
    return Sent({"WorkOS-Signature": f"t={at_s}000, v1={text}"}, body)


def _workos_accepts(secret: str, sent: Sent, at_s: int) -> object:
    return sdk("workos.webhooks._verification").verify_header(
        event_body=sent.body.encode(),
        event_signature=sent.headers["WorkOS-Signature"],
        secret=secret,
    )


def _standard(names: str, library: str, secret: str, body: str, at_s: int) -> Sent:
    webhook = sdk(library).Webhook(secret)
    signature = webhook.sign("msg_1", datetime.fromtimestamp(at_s, UTC), body)
    return Sent(
        {f"{names}-id": "msg_1", f"{names}-timestamp": str(at_s), f"{names}-signature": signature},
        body,
    )


def _standard_accepts(secret: str, sent: Sent, at_s: int) -> object:
    library = sdk("standardwebhooks.webhooks")
    return library.Webhook(secret).verify(sent.body, sent.headers, json_parse=False)


def _svix_accepts(secret: str, sent: Sent, at_s: int) -> object:
    return sdk("svix.webhooks").Webhook(secret).verify(sent.body, sent.headers)


def _openai_accepts(secret: str, sent: Sent, at_s: int) -> object:
    client = sdk("openai").OpenAI(api_key="unused")
    return client.webhooks.verify_signature(sent.body, sent.headers, secret=secret)


def _of_standard(provider: str, names: str, library: str, accepts: object) -> Oracle:
    return Oracle(
        provider,
        lambda secret, body, at_s: _standard(names, library, secret, body, at_s),
        accepts,
        secrets=WHSEC,
        live=True,
    )


def _hook0(secret: str, body: str, at_s: int) -> Sent:
    text = _hexed(secret, f"{at_s}.x-event-id.evt-1.{body}")
    return Sent(
        {"X-Hook0-Signature": f"t={at_s},h=x-event-id,v1={text}", "X-Event-Id": "evt-1"}, body
    )


def _hook0_accepts(secret: str, sent: Sent, at_s: int) -> object:
    return sdk("hook0").verify_webhook_signature_with_current_time(
        sent.headers["X-Hook0-Signature"],
        sent.body.encode(),
        {"x-event-id": sent.headers["X-Event-Id"]},
        secret,
        300,
        datetime.fromtimestamp(at_s, UTC),
    )


def _discord(age: str, body: str, at_s: int) -> Sent:
    signature = pairs.ed25519_sign(getattr(pairs.ED25519, age), f"{at_s}{body}".encode())
    return Sent({"X-Signature-Ed25519": signature.hex(), "X-Signature-Timestamp": str(at_s)}, body)


def _discord_shown(age: str) -> str:
    return pairs.public_hex(getattr(pairs.ED25519, age)).decode()


def _discord_accepts(age: str, sent: Sent, at_s: int) -> object:
    return sdk("discord_interactions").verify_key(
        sent.body.encode(),
        sent.headers["X-Signature-Ed25519"],
        sent.headers["X-Signature-Timestamp"],
        _discord_shown(age),
    )


_SENDGRID = "X-Twilio-Email-Event-Webhook"


def _sendgrid(age: str, body: str, at_s: int) -> Sent:
    signature = pairs.ecdsa_sign(getattr(pairs.P256, age), f"{at_s}{body}".encode())
    text = base64.b64encode(signature).decode()
    return Sent({f"{_SENDGRID}-Signature": text, f"{_SENDGRID}-Timestamp": str(at_s)}, body)


def _sendgrid_shown(age: str) -> str:
    return pairs.public_der(getattr(pairs.P256, age)).decode()


def _sendgrid_accepts(age: str, sent: Sent, at_s: int) -> object:
    webhook = sdk("sendgrid.helpers.eventwebhook").EventWebhook(_sendgrid_shown(age))
    return webhook.verify_signature(
        sent.body, sent.headers[f"{_SENDGRID}-Signature"], sent.headers[f"{_SENDGRID}-Timestamp"]
    )


ORACLES = (
    Oracle("stripe", _stripe, _stripe_accepts, hex=True, separator=","),
    Oracle("coinbase_commerce", _commerce, _commerce_accepts, hex=True),
    Oracle("adyen_header", _adyen, _adyen_accepts, secrets=HEX_KEYS),
    Oracle("gocardless", _gocardless, _gocardless_accepts, hex=True),
    Oracle("razorpay", _razorpay, _razorpay_accepts, hex=True),
    Oracle("line", _line, _line_accepts),
    Oracle("square", _square, _square_accepts, bodies=filled),
    Oracle("slack", _slack, _slack_accepts, hex=True),
    Oracle("paddle", _paddle, _paddle_accepts, hex=True, separator=";"),
    _of_hubspot("v1"),
    _of_hubspot("v2"),
    _of_hubspot("v3", live=True),
    Oracle("workos", _workos, _workos_accepts, live=True, hex=True, separator=", "),
    _of_standard("standard_webhooks", "webhook", "standardwebhooks.webhooks", _standard_accepts),
    _of_standard(
        "standard_webhooks_gitlab", "webhook", "standardwebhooks.webhooks", _standard_accepts
    ),
    _of_standard("svix", "svix", "svix.webhooks", _svix_accepts),
    _of_standard("openai", "webhook", "standardwebhooks.webhooks", _openai_accepts),
    Oracle("coinbase_cdp", _hook0, _hook0_accepts, hex=True),
    Oracle("discord", _discord, _discord_accepts, secrets=PAIRS, shown=_discord_shown),
    Oracle("sendgrid", _sendgrid, _sendgrid_accepts, secrets=PAIRS, shown=_sendgrid_shown),
)
