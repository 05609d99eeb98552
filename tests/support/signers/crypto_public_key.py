"""Crypto and payment rails that sign with a private key or a token; the receiver holds the other.

From the documentation named at each sender; JSON Web Tokens are built by hand (RFC 7515).
"""

import base64
import hashlib
from collections.abc import Callable
from dataclasses import replace
from functools import partial

from cryptography.hazmat.primitives import hashes

from tests.support.signers import json_text, pairs
from tests.support.signers.json_text import b64url, compact, unb64url
from tests.support.signers.shape import (
    FORM,
    URL,
    Change,
    Outgoing,
    Sent,
    Signer,
    mac,
    sent,
    swap,
)

FIREBLOCKS = (
    b'{"id":"a2c4e6f8-0b1d-4f3a-9c5e-7d8b9a0c1e2f","eventType":"transaction.status.updated",'
    b'"eventVersion":1,"resourceId":"tx-7f3a","createdAt":1760000000000,'
    b'"data":{"id":"tx-7f3a","status":"COMPLETED","amountInfo":{"amount":"10.50"}},'
    b'"workspaceId":"9a1b"}'
)
FIREBLOCKS_V1 = (
    b'{"type":"TRANSACTION_STATUS_UPDATED","tenantId":"9a1b","timestamp":1760000000000,'
    b'"data":{"id":"tx-7f3a","status":"COMPLETED","amount":10.50,"note":"caf\xc3\xa9"}}'
)
CIRCLE = (
    b'{"subscriptionId":"d4c07d5f-f05f-4fe4-853d-4dd434806dfb",'
    b'"notificationId":"acab8c14-92cb-489a-9f1b-1c8bd8a1d5c4",'
    b'"notificationType":"transactions.inbound","notification":{"id":"3f2a","amounts":["10.50"],'
    b'"state":"COMPLETED"},"timestamp":"2025-10-09T08:53:20.779834211Z","version":2}'
)
BRIDGE = (
    b'{"api_version":"v0","event_id":"wh_1Nf3","event_category":"transfer",'
    b'"event_type":"transfer.updated","event_object_id":"tr_7f3a",'
    b'"event_object":{"id":"tr_7f3a","amount":"10.50","state":"payment_processed"},'
    b'"event_created_at":"2025-10-09T08:53:20.000Z"}'
)
PAYOUT = (
    b'{"event":"payout.completed","payout_reference":"FPO-7","status":"completed",'
    b'"amount":"10.50","currency":"EUR","beneficiary":"Caf\xc3\xa9"}'
)
RAMP = (
    b'{"type":"RELEASED","purchase":{"id":"sz4zbz99senhx92","endTime":"2025-10-09T08:53:20.000Z",'
    b'"updatedAt":"2025-10-09T08:53:20.000Z","fiatValue":20,"fiatCurrency":"EUR",'
    b'"cryptoAmount":"6953883514304059","assetExchangeRate":2374.212907944046,'
    b'"asset":{"symbol":"ETH","decimals":18,"address":null},"status":"RELEASED"}}'
)
CRYPTAPI = (
    b"uuid=dbfcb40e-5a6b-4305-9fa2-b0fbda6e3ff2&address_in=3PFoGK63cVVUWnd2vu7W1kM83NXUfvzMqM"
    b"&txid_in=a2174ffd39289100709f2a07b129cdbba69df2e22e5be1830221dab1fd4e332c"
    b"&value_coin=0.05&confirmations=3&pending=0&coin=btc&price=1&result=sent"
)
TRANSAK = (
    b'{"webhookData":{"id":"9151faa1-e69b-4a36-b959-3c4f894afb68","status":"COMPLETED",'
    b'"fiatAmount":10.50,"fiatCurrency":"EUR"},"eventID":"ORDER_COMPLETED",'
    b'"createdAt":"2025-10-09T08:53:20.000Z"}'
)


def rsa_body(header: bytes, out: Outgoing, message: bytes, algorithm: hashes.HashAlgorithm) -> Sent:
    """Show an RSA signature of a message in base64."""
    text = base64.b64encode(pairs.rsa_sign(out.key, message, algorithm))
    return sent(out, (header, text))


def fireblocks_v1(out: Outgoing) -> Sent:
    """RSA-SHA512 of the raw body: developers.fireblocks.com/reference/verify-requests."""
    return rsa_body(b"fireblocks-signature", out, out.body, hashes.SHA512())


def fireblocks_v2(out: Outgoing) -> Sent:
    """Detached JWS: the payload between the dots is left out and is the body."""
    protected = b64url(compact({"alg": "RS512", "kid": out.kid}))
    signature = pairs.rsa_sign(out.key, protected + b"." + b64url(out.body), hashes.SHA512())
    text = protected + b".." + b64url(signature)
    return sent(out, (b"fireblocks-webhook-signature", text))


def circle(out: Outgoing) -> Sent:
    """ECDSA P-256 of the raw body; the key is named by a UUID."""
    return sent(
        out,
        (b"x-circle-signature", base64.b64encode(pairs.ecdsa_sign(out.key, out.body))),
        (b"x-circle-key-id", out.kid.encode()),
    )


def bridge(out: Outgoing) -> Sent:
    """Hash timestamp, dot and body, and sign the digest with RSA-SHA256: two hashes in all."""
    digest = hashlib.sha256(out.stamp_ms + b"." + out.body).digest()
    text = base64.b64encode(pairs.rsa_sign(out.key, digest, hashes.SHA256()))
    return sent(out, (b"x-webhook-signature", b"t=" + out.stamp_ms + b",v0=" + text))


def triplea_fiat(out: Outgoing) -> Sent:
    """RSA-SHA512 of the raw body."""
    return rsa_body(b"triplea-signature", out, out.body, hashes.SHA512())


def ramp(out: Outgoing) -> Sent:
    """ECDSA secp256k1 of the sorted JSON, whatever the layout of the body."""
    message = json_text.write(json_text.read(out.body), json_text.literal, json_text.utf16).encode()
    text = base64.b64encode(pairs.ecdsa_sign(out.key, message))
    return sent(out, (b"x-body-signature", text))


def cryptapi(out: Outgoing) -> Sent:
    """RSA-SHA256 with 1024 bits: of the raw body, or for GET of the URL as called."""
    message = out.url.encode() if out.method == "GET" else out.body
    return rsa_body(b"x-ca-signature", out, message, hashes.SHA256())


def transak(out: Outgoing) -> Sent:
    """Wrap the event into a JWT under the partner's access token, and that into JSON."""
    header = {"alg": "HS256", "typ": "JWT"}
    jwt = json_text.jwt(header, out.body, partial(mac, out.key))
    return sent(out, body=b'{"data":"' + jwt + b'"}')


def other_claims(body: bytes) -> bytes:
    """Say in a token that the order failed, and keep its signature."""
    head, claims, tail = body.split(b".")
    failed = swap(b"ORDER_COMPLETED", b"ORDER_FAILED")(unb64url(claims))
    return b".".join((head, b64url(failed), tail))


def _keyed(
    provider: str,
    signs: Callable[[Outgoing], Sent],
    body: bytes,
    place: str,
    pair: pairs.Pair,
    covered: Change,
) -> Signer:
    """Make a sender with a private key; its public half is shown as PEM."""
    return Signer(
        provider,
        provider,
        signs,
        body,
        place,
        "base64",
        old=pair.old,
        new=pair.new,
        shown=pairs.public_pem,
        covered=covered,
    )


CRYPTO_PUBLIC_KEY = (
    _keyed(
        "fireblocks_v1",
        fireblocks_v1,
        FIREBLOCKS_V1,
        "header:fireblocks-signature",
        pairs.RSA,
        swap(b"10.50", b"99.50"),
    ),
    replace(
        _keyed(
            "fireblocks_v2",
            fireblocks_v2,
            FIREBLOCKS,
            "header:fireblocks-webhook-signature",
            pairs.RSA,
            swap(b"10.50", b"99.50"),
        ),
        encoding="base64url",
        prefix=b"..",
        kid=pairs.kid_uuid,
    ),
    replace(
        _keyed(
            "circle_v2",
            circle,
            CIRCLE,
            "header:x-circle-signature",
            pairs.P256,
            swap(b"10.50", b"99.50"),
        ),
        shown=pairs.public_der,
        kid=pairs.kid_uuid,
    ),
    replace(
        _keyed(
            "bridge",
            bridge,
            BRIDGE,
            "header:x-webhook-signature",
            pairs.RSA,
            swap(b"10.50", b"99.50"),
        ),
        prefix=b"v0=",
        timed=600,
        stamp_place="member:t=",
        unit="ms",
    ),
    _keyed(
        "triplea_fiat",
        triplea_fiat,
        PAYOUT,
        "header:triplea-signature",
        pairs.RSA,
        swap(b"10.50", b"99.50"),
    ),
    replace(
        _keyed(
            "ramp",
            ramp,
            RAMP,
            "header:x-body-signature",
            pairs.SECP256K1,
            swap(b'"fiatValue":20', b'"fiatValue":99'),
        ),
        covers="canonical",
        uncovered=swap(b'{"type":"RELEASED",', b'{\n "type" : "RELEASED" , '),
    ),
    replace(
        _keyed(
            "cryptapi",
            cryptapi,
            CRYPTAPI,
            "header:x-ca-signature",
            pairs.RSA_1024,
            swap(b"value_coin=0.05", b"value_coin=9.05"),
        ),
        content_type=FORM,
    ),
    replace(
        _keyed("cryptapi", cryptapi, b"", "header:x-ca-signature", pairs.RSA_1024, bytes),
        name="cryptapi calling by GET",
        method="GET",
        url=f"{URL}&{CRYPTAPI.decode()}",
        covers="nothing",
        covered=None,
    ),
    Signer(
        "transak",
        "transak",
        transak,
        TRANSAK,
        "json:/data",
        "base64url",
        b".",
        covers="fields",
        covered=other_claims,
        uncovered=swap(b'{"data":', b'{"other": 1, "data":'),
    ),
)
