"""Cards, wallets and banks: providers of fiat payments.

From the libraries in the dependency group `oracles` where there is one, else the documentation.
"""

import base64
import json
import zlib
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from hashlib import sha1
from urllib.parse import parse_qsl, quote_plus

from cryptography.hazmat.primitives import hashes

from tests.support.signers import card_bodies as bodies
from tests.support.signers import json_text, pairs
from tests.support.signers.shape import (
    FORM,
    Outgoing,
    Sent,
    Signer,
    hexed,
    mac,
    plain,
    sent,
    sha256,
    swap,
    token,
    unsigned,
    with_extra,
)

ADYEN_OLD = b"44782DEF547AAA06C910C43932B1EB0C71FC68D9D0C057550C48EC2ACF6BA056"
ADYEN_NEW = b"9F2C0E6A1B5D8374C6E0A9F1D3B7528E4C6A0F1E2D3C4B5A69788796A5B4C3D2"
ADYEN_ITEMS = "/notificationItems/{}/NotificationRequestItem/additionalData/hmacSignature"
BRAINTREE_KEY = "integration_public_key"
PAYPAL_WEBHOOK = "4JH86294D6297924G"


def stripe(out: Outgoing) -> Sent:
    """Sign timestamp, dot, body; the secret is used letter for letter."""
    text = hexed(mac(out.key, out.stamp + b"." + out.body))
    return sent(out, (b"stripe-signature", b"t=" + out.stamp + b",v1=" + text))


def _adyen_item(key: bytes, item: dict[str, object]) -> str:
    """Sign eight members with colons between; one that is not there is empty."""
    amount = item["amount"]
    assert isinstance(amount, dict)
    flat = item | amount
    names = "pspReference originalReference merchantAccountCode merchantReference value currency"
    message = ":".join(str(flat.get(n, "")) for n in [*names.split(), "eventCode", "success"])
    return base64.b64encode(mac(bytes.fromhex(key.decode()), message.encode())).decode()


def adyen_standard(out: Outgoing) -> Sent:
    """Sign every item on its own, and write the signature into the item."""
    notice = json.loads(out.body)
    for wrapped in notice["notificationItems"]:
        item = wrapped["NotificationRequestItem"]
        item.setdefault("additionalData", {})["hmacSignature"] = _adyen_item(out.key, item)
    text = json.dumps(notice, ensure_ascii=False, separators=(",", ":"))
    return sent(out, body=text.encode())


def adyen_header(out: Outgoing) -> Sent:
    """Sign the body with the bytes that the hex key stands for."""
    digest = mac(bytes.fromhex(out.key.decode()), out.body)
    return sent(out, (b"hmacsignature", base64.b64encode(digest)))


def paypal(algorithm: hashes.HashAlgorithm, name: str, out: Outgoing) -> Sent:
    """Sign id, time, the webhook's id and the CRC32 of the body; never the body itself."""
    webhook_id = with_extra(out, webhook_id=PAYPAL_WEBHOOK).extra["webhook_id"]
    identity = "dfb3be50-fd74-11e4-8bf3-77339302725b"
    stamp = datetime.fromtimestamp(out.at_s, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    message = f"{identity}|{stamp}|{webhook_id}|{zlib.crc32(out.body)}".encode()
    return sent(
        out,
        (b"paypal-transmission-id", identity.encode()),
        (b"paypal-transmission-time", stamp.encode()),
        (b"paypal-cert-url", b"https://api.paypal.com/v1/notifications/certs/CERT-360caa42-fca2"),
        (b"paypal-auth-algo", name.encode()),
        (
            b"paypal-transmission-sig",
            base64.b64encode(pairs.rsa_sign(out.key, message, algorithm)),
        ),
    )


def square(out: Outgoing) -> Sent:
    """Sign the registered URL and the body; the older SHA-1 of the same is still sent beside it."""
    message = out.url.encode() + out.body
    return sent(
        out,
        (b"x-square-hmacsha256-signature", base64.b64encode(mac(out.key, message))),
        (b"x-square-signature", base64.b64encode(mac(out.key, message, "sha1"))),
    )


def braintree(out: Outgoing) -> Sent:
    """Sign the base64 of the XML, with its line ends, under the SHA-1 of the private key."""
    name = with_extra(out, public_key=BRAINTREE_KEY).extra["public_key"]
    payload = base64.encodebytes(out.body)
    digest = mac(sha1(out.key, usedforsecurity=False).digest(), payload, "sha1").hex()
    form = f"bt_signature={quote_plus(f'{name}|{digest}')}&bt_payload={quote_plus(payload)}"
    return sent(out, body=form.encode())


def paddle(out: Outgoing) -> Sent:
    """Sign timestamp, colon, body."""
    text = hexed(mac(out.key, out.stamp + b":" + out.body))
    return sent(out, (b"paddle-signature", b"ts=" + out.stamp + b";h1=" + text))


def paddle_classic(out: Outgoing) -> Sent:
    """RSA-SHA1 of PHP's serialize() of all fields, sorted by name; lengths count bytes."""
    fields = sorted(parse_qsl(out.body.decode(), keep_blank_values=True, strict_parsing=True))
    texts = (text.encode() for field in fields for text in field)
    inside = b"".join(b's:%d:"%s";' % (len(text), text) for text in texts)
    message = b"a:%d:{%s}" % (len(fields), inside)
    text = base64.b64encode(pairs.rsa_sign(out.key, message, hashes.SHA1()))
    return sent(out, body=out.body + b"&p_signature=" + quote_plus(text).encode())


def wise(out: Outgoing) -> Sent:
    """RSA-SHA256 of the raw body."""
    text = base64.b64encode(pairs.rsa_sign(out.key, out.body, hashes.SHA256()))
    return sent(
        out,
        (b"x-signature-sha256", text),
        (b"x-delivery-id", b"d1a5c1e0-7f3a-4f1d-9b6e-2c9a0b1d3e4f"),
    )


def plaid(out: Outgoing) -> Sent:
    """ES256 token over the moment and the SHA-256 of the raw body."""
    claims = {"iat": out.at_s, "request_body_sha256": sha256(out.body).decode()}
    header = {"alg": "ES256", "kid": out.kid, "typ": "JWT"}
    sign = partial(pairs.es256_sign, out.key)
    text = json_text.jwt(header, json_text.compact(claims), sign)
    return sent(out, (b"plaid-verification", text))


STRIPE = Signer(
    "stripe",
    "stripe",
    stripe,
    bodies.STRIPE,
    "header:stripe-signature",
    prefix=b"v1=",
    timed=300,
    stamp_place="member:t=",
    covered=swap(b"1050", b"9950"),
    joint=b",v1=",
)

_PAYPAL = Signer(
    "paypal",
    "paypal",
    partial(paypal, hashes.SHA256(), "SHA256withRSA"),
    bodies.PAYPAL,
    "header:paypal-transmission-sig",
    "base64",
    old=pairs.RSA.old,
    new=pairs.RSA.new,
    shown=pairs.certificate("messageverificationcerts.paypal.com"),
    parameters={"webhook_id": PAYPAL_WEBHOOK},
    stamp_place="header:paypal-transmission-time",
    unit="iso",
    covered=swap(b"10.50", b"99.50"),
)

_ADYEN = Signer(
    "adyen_standard",
    "adyen_standard",
    adyen_standard,
    bodies.ADYEN,
    "json:" + ADYEN_ITEMS.format(0),
    "base64",
    old=ADYEN_OLD,
    new=ADYEN_NEW,
    covers="fields",
    covered=swap(b'"value":1050', b'"value":9950'),
    uncovered=swap(b"033899:1111:03/2030", b"refused"),
)

CARDS = (
    STRIPE,
    _ADYEN,
    replace(
        _ADYEN,
        name="adyen_standard with two items",
        body=bodies.ADYEN_TWO,
        place="json:" + ADYEN_ITEMS.format(1),
        covered=swap(b'"value":2100', b'"value":9900'),
        uncovered=swap(b'"reason":"second"', b'"reason":"refused"'),
    ),
    Signer(
        "adyen_header",
        "adyen_header",
        adyen_header,
        bodies.ADYEN_PLATFORM,
        "header:hmacsignature",
        "base64",
        old=ADYEN_OLD,
        new=ADYEN_NEW,
        covered=swap(b"1050", b"9950"),
    ),
    _PAYPAL,
    replace(
        _PAYPAL,
        name="paypal with SHA-1",
        signs=partial(paypal, hashes.SHA1(), "SHA1withRSA"),
    ),
    Signer(
        "square",
        "square",
        square,
        bodies.SQUARE,
        "header:x-square-hmacsha256-signature",
        "base64",
        covered=swap(b"1050", b"9950"),
    ),
    Signer(
        "braintree",
        "braintree",
        braintree,
        bodies.BRAINTREE,
        "form:bt_signature",
        prefix=BRAINTREE_KEY.encode() + b"|",
        parameters={"public_key": BRAINTREE_KEY},
        content_type=FORM,
        covers="fields",
        covered=swap(b"bt_payload=PG5", b"bt_payload=QG5"),
        uncovered=swap(b"bt_signature=", b"more=1&bt_signature="),
        joint=b"&another_public_key|",
    ),
    Signer(
        "paddle",
        "paddle",
        paddle,
        bodies.PADDLE,
        "header:paddle-signature",
        prefix=b"h1=",
        timed=5,
        stamp_place="member:ts=",
        covered=swap(b"1050", b"9950"),
        joint=b";h1=",
    ),
    Signer(
        "paddle_classic",
        "paddle_classic",
        paddle_classic,
        bodies.PADDLE_CLASSIC,
        "form:p_signature",
        "base64",
        old=pairs.RSA.old,
        new=pairs.RSA.new,
        shown=pairs.public_pem,
        content_type=FORM,
        covers="canonical",
        covered=swap(b"sale_gross=10.50", b"sale_gross=99.50"),
        uncovered=swap(b"J%C3%B6rg+M", b"J%c3%b6rg%20M"),
    ),
    Signer(
        "wise",
        "wise",
        wise,
        bodies.WISE,
        "header:x-signature-sha256",
        "base64",
        old=pairs.RSA.old,
        new=pairs.RSA.new,
        shown=pairs.public_pem,
        covered=swap(b"outgoing_payment_sent", b"funds_refunded"),
    ),
    Signer(
        "plaid",
        "plaid",
        plaid,
        bodies.PLAID,
        "header:plaid-verification",
        "base64url",
        prefix=b".",
        old=pairs.P256.old,
        new=pairs.P256.new,
        shown=pairs.public_pem,
        kid=pairs.kid_uuid,
        timed=300,
        stamp_place="claim:iat",
        covered=swap(b"TRANSFER_EVENTS_UPDATE", b"RECURRING_NEW_TRANSFER"),
    ),
    Signer(
        "mollie_legacy",
        "mollie_legacy",
        unsigned,
        b"id=tr_WDqYK6vllg",
        "",
        "",
        content_type=FORM,
        covers="nothing",
        uncovered=swap(b"tr_WDqYK6vllg", b"tr_7UhSN1zuXS"),
    ),
    replace(
        plain(
            "mollie",
            "x-mollie-signature",
            bodies.MOLLIE,
            swap(b"10.50", b"99.50"),
            prefix="sha256=",
        ),
        repeats=True,
    ),
    replace(
        plain("razorpay", "x-razorpay-signature", bodies.RAZORPAY, swap(b"1050", b"9950")),
        also=((b"x-razorpay-event-id", b"NzsKrbWGmZ1Mfx"),),
    ),
    plain("checkout", "cko-signature", bodies.CHECKOUT, swap(b"1050", b"9950")),
    plain("gocardless", "webhook-signature", bodies.GOCARDLESS, swap(b"confirmed", b"cancelled")),
    plain(
        "paystack",
        "x-paystack-signature",
        bodies.PAYSTACK,
        swap(b"1050", b"9950"),
        algorithm="sha512",
    ),
    plain(
        "flutterwave_v4",
        "flutterwave-signature",
        bodies.FLUTTERWAVE,
        swap(b"10.5", b"99.5"),
        encoding="base64",
    ),
    token("flutterwave_v3", "verif-hash", bodies.FLUTTERWAVE, swap(b"10.5", b"99.5")),
)
