"""Crypto and payment rails that sign with a shared secret over raw text.

From the documentation and sources named in each group; the bodies are in the providers' own form.
"""

import base64
from dataclasses import replace
from datetime import UTC, datetime
from urllib.parse import urlsplit

from Crypto.Hash import keccak

from tests.support.signers import crypto_bodies as bodies
from tests.support.signers.shape import (
    FORM,
    Outgoing,
    Sent,
    Signer,
    hexed,
    mac,
    plain,
    sent,
    swap,
    token,
    unsigned,
    with_extra,
)


def kobbopay(out: Outgoing) -> Sent:
    """Sign as the profile's documented defaults assume: the contract is not public."""
    return sent(
        out,
        (b"x-kobbopay-timestamp", out.stamp),
        (b"x-kobbopay-signature", hexed(mac(out.key, out.stamp + b"." + out.body))),
    )


def coinbase_cdp(out: Outgoing) -> Sent:
    """Sign as hook0 does: v1 covers the named headers and the body, v0 the body alone."""
    covered = out.extra or {"x-event-id": "evt-7f3a", "x-event-type": "onchain.activity.detected"}
    names = " ".join(covered).encode()
    values = ".".join(covered.values()).encode()
    older = mac(out.key, out.stamp + b"." + out.body)
    newer = mac(out.key, b".".join((out.stamp, names, values, out.body)))
    text = b"t=%s,v0=%s,h=%s,v1=%s" % (out.stamp, hexed(older), names, hexed(newer))
    more = ((name.encode(), value.encode()) for name, value in covered.items())
    return sent(out, (b"x-hook0-signature", text), *more)


def coinpayments_ipn(out: Outgoing) -> Sent:
    """HMAC-SHA512 of the raw form; the plugins trim the secret."""
    return sent(out, (b"hmac", hexed(mac(out.key.strip(), out.body, "sha512"))))


def coinpayments(out: Outgoing) -> Sent:
    """Sign a byte order mark, method, URL, client, time without a zone, and the body."""
    out = with_extra(out, client="cc7caaa431d54ad6accfd28b20170ee4")
    client = out.extra["client"]
    stamp = datetime.fromtimestamp(out.at_s, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    message = f"\ufeff{out.method}{out.url}{client}{stamp}".encode() + out.body
    return sent(
        out,
        (b"x-coinpayments-client", client.encode()),
        (b"x-coinpayments-timestamp", stamp.encode()),
        (b"x-coinpayments-signature", base64.b64encode(mac(out.key, message))),
    )


def triplea(out: Outgoing) -> Sent:
    """Sign timestamp, dot, body."""
    text = hexed(mac(out.key, out.stamp + b"." + out.body))
    return sent(out, (b"triplea-signature", b"t=" + out.stamp + b",v1=" + text))


def blockonomics(out: Outgoing) -> Sent:
    """Call the callback URL, which carries the secret, with the payment in the query."""
    url = out.url + ("&" if "?" in out.url else "?") + "secret=" + out.key.decode()
    url += "&addr=1C3FrYaGgUJ8R21jJcwzryQQUFCWFpwcuA&status=2&value=1050&txid=4cfbec27"
    return Sent("GET", url, (), out.body)


def coingate(out: Outgoing) -> Sent:
    """Call the callback URL that the merchant made for this one order, with its token."""
    url = out.url + ("&" if "?" in out.url else "?") + "token=" + out.key.decode()
    return Sent("POST", url, (), out.body)


def quicknode(out: Outgoing) -> Sent:
    """Sign nonce, timestamp and body, with nothing between."""
    nonce = with_extra(out, nonce="3f5c1d0a-4a0e-4c57-9f5e-5b1a2d9c7e11").extra["nonce"].encode()
    return sent(
        out,
        (b"x-qn-nonce", nonce),
        (b"x-qn-timestamp", out.stamp),
        (b"x-qn-signature", hexed(mac(out.key, nonce + out.stamp + out.body))),
    )


def moralis(out: Outgoing) -> Sent:
    """Hash body and secret with Keccak-256, which is older than SHA3-256 and pads otherwise."""
    digest = keccak.new(digest_bits=256, data=out.body + out.key).hexdigest()
    return sent(out, (b"x-signature", b"0x" + digest.encode()))


def moonpay(out: Outgoing) -> Sent:
    """Sign timestamp, dot, and the body; for GET the query with its question mark instead."""
    what = b"?" + urlsplit(out.url).query.encode() if out.method == "GET" else out.body
    text = b"t=" + out.stamp + b",s=" + hexed(mac(out.key, out.stamp + b"." + what))
    return sent(out, (b"moonpay-signature-v2", text))


def strike(out: Outgoing) -> Sent:
    """Sign the body; a C# sender writes its hex in capitals."""
    return sent(out, (b"x-webhook-signature", hexed(mac(out.key, out.body)).upper()))


def zeroxpay(out: Outgoing) -> Sent:
    """Sign method, path, body and timestamp: docs.0xpay.app/public-api/authorization."""
    message = out.method.encode() + urlsplit(out.url).path.encode() + out.body + out.stamp
    return sent(
        out,
        (b"merchant-id", b"b2a46898-7e6d-4c13-8a31-47154c43ee8b"),
        (b"signature", hexed(mac(out.key, message))),
        (b"timestamp", out.stamp),
    )


BTCPAY = plain(
    "btcpay",
    "btcpay-sig",
    bodies.INVOICE,
    swap(b"InvoiceSettled", b"InvoiceInvalid"),
    prefix="sha256=",
)
COINBASE_COMMERCE = plain(
    "coinbase_commerce", "x-cc-webhook-signature", bodies.CHARGE, swap(b"10.50", b"99.50")
)
KOBBOPAY = Signer(
    "kobbopay",
    "kobbopay",
    kobbopay,
    bodies.PAYMENT,
    "header:x-kobbopay-signature",
    timed=300,
    stamp_place="header:x-kobbopay-timestamp",
    covered=swap(b"10.50", b"99.50"),
)


def _kobbopay_body() -> Signer:
    """Sign the body alone with SHA-512: another contract that the profile can be told."""
    told = {
        "header": "X-Signature",
        "hash": "sha512",
        "encoding": "base64",
        "prefix": "hmac=",
        "message": "{body}",
        "timestamp_header": "",
    }
    row = plain(
        "kobbopay",
        "x-signature",
        bodies.PAYMENT,
        swap(b"10.50", b"99.50"),
        name="kobbopay signing the body",
        algorithm="sha512",
        encoding="base64",
        prefix="hmac=",
    )
    return replace(row, parameters=told)


KOBBOPAY_BODY = _kobbopay_body()

# Bodies whose event no signature covers: whoever knows the token may say anything.
TOKENS = (
    token("helius", "authorization", bodies.HELIUS, swap(b"1050000000", b"9950000000")),
    Signer(
        "blockonomics",
        "blockonomics",
        blockonomics,
        b"",
        "query:secret",
        "token",
        method="GET",
        covers="nothing",
    ),
    Signer(
        "coingate",
        "coingate",
        coingate,
        bodies.COINGATE,
        "query:token",
        "token",
        content_type=FORM,
        covers="nothing",
        uncovered=swap(b"status=paid", b"status=refunded"),
    ),
    Signer(
        "bitpay",
        "bitpay",
        unsigned,
        bodies.BITPAY,
        "",
        "",
        covers="nothing",
        uncovered=swap(b"invoice_confirmed", b"invoice_completed"),
    ),
)

BODY_ALONE = (
    plain("alchemy", "x-alchemy-signature", bodies.ALCHEMY, swap(b"0.105", b"9.105")),
    plain(
        "tatum",
        "x-payload-hash",
        bodies.TATUM,
        swap(b'"amount":"20"', b'"amount":"99"'),
        algorithm="sha512",
        encoding="base64",
    ),
    plain("cryptopay", "x-cryptopay-signature", bodies.CRYPTOPAY, swap(b'"0.02"', b'"9.02"')),
    plain("coinify", "x-coinify-webhook-signature", bodies.COINIFY, swap(b"10.50", b"99.50")),
    plain("bvnk", "x-signature", bodies.BVNK, swap(b"10.50", b"99.50"), encoding="base64"),
    Signer(
        "strike",
        "strike",
        strike,
        bodies.STRIKE,
        "header:x-webhook-signature",
        covered=swap(b"5e7c1c4e", b"6e7c1c4e"),
    ),
    Signer(
        "coinpayments_ipn",
        "coinpayments_ipn",
        coinpayments_ipn,
        bodies.IPN,
        "header:hmac",
        content_type=FORM,
        covered=swap(b"status=100", b"status=-1"),
    ),
    Signer(
        "moralis",
        "moralis",
        moralis,
        bodies.MORALIS,
        "header:x-signature",
        prefix=b"0x",
        covered=swap(b"10500000", b"99500000"),
    ),
)

WITH_MORE = (
    Signer(
        "coinbase_cdp",
        "coinbase_cdp",
        coinbase_cdp,
        bodies.ONCHAIN,
        "header:x-hook0-signature",
        prefix=b"v1=",
        timed=300,
        stamp_place="member:t=",
        covered=swap(b"1050000", b"9950000"),
    ),
    Signer(
        "coinpayments",
        "coinpayments",
        coinpayments,
        bodies.COINPAYMENTS,
        "header:x-coinpayments-signature",
        "base64",
        stamp_place="header:x-coinpayments-timestamp",
        unit="iso",
        covered=swap(b"InvoiceCompleted", b"InvoiceCancelled"),
    ),
    Signer(
        "triplea",
        "triplea",
        triplea,
        bodies.TRIPLEA,
        "header:triplea-signature",
        prefix=b"v1=",
        timed=300,
        stamp_place="member:t=",
        covered=swap(b"10.50", b"99.50"),
    ),
    Signer(
        "quicknode",
        "quicknode",
        quicknode,
        bodies.STREAM,
        "header:x-qn-signature",
        stamp_place="header:x-qn-timestamp",
        covered=swap(b"0x1b4", b"0x1b5"),
    ),
    Signer(
        "moonpay",
        "moonpay",
        moonpay,
        bodies.MOONPAY,
        "header:moonpay-signature-v2",
        prefix=b"s=",
        stamp_place="member:t=",
        covered=swap(b"10.50", b"99.50"),
    ),
    Signer(
        "moonpay calling by GET",
        "moonpay",
        moonpay,
        b"",
        "header:moonpay-signature-v2",
        prefix=b"s=",
        method="GET",
        url="https://hooks.example/moonpay?externalCustomerId=adbb317d&type=buy",
        stamp_place="member:t=",
        covers="nothing",
    ),
    Signer(
        "zeroxpay",
        "zeroxpay",
        zeroxpay,
        bodies.ZEROXPAY,
        "header:signature",
        stamp_place="header:timestamp",
        covered=swap(b"0.105", b"9.105"),
    ),
)

CRYPTO_MAC = (
    BTCPAY,
    COINBASE_COMMERCE,
    KOBBOPAY,
    KOBBOPAY_BODY,
    *TOKENS,
    *BODY_ALONE,
    *WITH_MORE,
)
