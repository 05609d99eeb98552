"""Crypto rails that sign a canonical form or a few members, most of them within the body.

NOWPayments: its Node library, src/ipn.js. Cryptomus: its PHP library's request builder, and the
documentation's `sign` of webhooks. Plisio: its Python library. OpenNode: its Node library.
"""

import base64
import hashlib
import json

from tests.support.signers import json_text
from tests.support.signers.shape import FORM, Outgoing, Sent, Signer, hexed, mac, sent, swap

NOWPAYMENTS = (
    b'{"payment_id":5077125051,"payment_status":"finished",'
    b'"pay_address":"0xd1cDE08A07cD25adEbEd35c3867a59228C09B606","price_amount":170,'
    b'"price_currency":"usd","pay_amount":155.38559757,"actually_paid":155.38559757,'
    b'"order_id":"a/b caf\xc3\xa9","fee":{"currency":"btc","depositFee":0.09853637216235617,'
    b'"serviceFee":1e-7,"withdrawalFee":0}}'
)
CRYPTOMUS = (
    b'{"type":"payment","uuid":"62f88b36-a9d5-4fa6-aa26-e040c3dbf26d","order_id":"97a/75b",'
    b'"amount":"10.50000000","payment_amount":"10.50000000","is_final":true,"status":"paid",'
    b'"txid":null,"additional_data":"caf\xc3\xa9","convert":{"to_currency":"USDT","rate":"1.00"}}'
)
PLISIO = (
    b'{"txn_id":"5f9f1a7e8c4b2d0012345678","ipn_type":"invoice","merchant":"Caf\\u00e9",'
    b'"amount":"0.00105","currency":"BTC","order_number":"14037","order_name":"a/b",'
    b'"status":"completed","confirmations":2}'
)
OPENNODE = (
    b"id=22b13c2f-3297-422d-9e7c-4f9a35651d38&status=paid&order_id=14037"
    b"&description=Caf%C3%A9+cr%C3%A8me&price=10500&fee=0&auto_settle=0"
)


def nowpayments(out: Outgoing) -> Sent:
    """HMAC-SHA512 of JSON rebuilt with sorted keys; the library trims the secret."""
    text = json_text.write(json_text.read(out.body), json_text.literal, json_text.rebuilt)
    return sent(out, (b"x-nowpayments-sig", hexed(mac(out.key.strip(), text.encode(), "sha512"))))


def cryptomus(out: Outgoing) -> Sent:
    """MD5 of the base64 of PHP's JSON, with the key behind it; the body is that JSON and `sign`."""
    text = json_text.write(json_text.read(out.body), json_text.php).encode()
    digest = hashlib.md5(base64.b64encode(text) + out.key, usedforsecurity=False).hexdigest()
    return sent(out, body=text.removesuffix(b"}") + b',"sign":"' + digest.encode() + b'"}')


def plisio(out: Outgoing) -> Sent:
    """HMAC-SHA1 of the JSON as Python writes it, in the order of the body."""
    text = json.dumps(json.loads(out.body), separators=(",", ":")).encode()
    digest = hexed(mac(out.key, text, "sha1"))
    return sent(out, body=text.removesuffix(b"}") + b',"verify_hash":"' + digest + b'"}')


def opennode(out: Outgoing) -> Sent:
    """HMAC of the charge's id alone."""
    charge = dict(pair.split(b"=") for pair in out.body.split(b"&"))[b"id"]
    return sent(out, body=out.body + b"&hashed_order=" + hexed(mac(out.key, charge)))


CRYPTO_CANONICAL = (
    Signer(
        "nowpayments",
        "nowpayments",
        nowpayments,
        NOWPAYMENTS,
        "header:x-nowpayments-sig",
        covers="canonical",
        covered=swap(b'"price_amount":170', b'"price_amount":171'),
        uncovered=swap(b'{"payment_id":5077125051,', b'{ "payment_id" :\t5077125051,\n'),
    ),
    Signer(
        "cryptomus",
        "cryptomus",
        cryptomus,
        CRYPTOMUS,
        "json:/sign",
        covers="canonical",
        covered=swap(b'"status":"paid"', b'"status":"fail"'),
        uncovered=swap(b'"97a\\/75b",', b'"97a/75b" ,\n'),
    ),
    Signer(
        "plisio",
        "plisio",
        plisio,
        PLISIO,
        "json:/verify_hash",
        covers="canonical",
        covered=swap(b'"status":"completed"', b'"status":"mismatch"'),
        uncovered=swap(b'"Caf\\u00e9",', b'"Caf\xc3\xa9" ,\n'),
    ),
    Signer(
        "opennode",
        "opennode",
        opennode,
        OPENNODE,
        "form:hashed_order",
        content_type=FORM,
        covers="fields",
        covered=swap(b"22b13c2f", b"32b13c2f"),
        uncovered=swap(b"status=paid", b"status=underpaid"),
    ),
)
