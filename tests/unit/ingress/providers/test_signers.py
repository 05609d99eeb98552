"""The senders of `tests/support/signers`, held against numbers and code from outside.

Published vectors say what a provider writes; the providers' own libraries say what they accept.
Nothing of Sealgate takes part: what it is judged by must not be its own.
"""

import base64
import hashlib
import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.serialization import (
    load_der_public_key,
    load_pem_public_key,
)

from tests.support.signers import EVERY, Outgoing, Sent, Signer, pairs, wire

VECTORS = Path(__file__).parents[4] / "tests" / "vectors"
NOW_S = 1_760_000_000
BY_PROVIDER = {
    name: [signer for signer in EVERY if signer.provider == name]
    for name in {signer.provider for signer in EVERY}
}
# Providers of which nobody publishes a signature.
WITHOUT_VECTORS = {
    "azure_event_grid",
    "bitpay",
    "bvnk",
    "circle_v1",
    "coingate",
    "cryptapi",
    "cryptopay",
    "mollie_legacy",
    "openai",
    "triplea_fiat",
    "zeroxpay",
}

every_sender = pytest.mark.parametrize("signer", EVERY, ids=str)


def _vectors() -> list[dict[str, Any]]:
    files = sorted(file for file in VECTORS.glob("*/*.json") if file.parent.name != "wire")
    return [vector for file in files for vector in json.loads(file.read_bytes())]


def _symmetric(signer: Signer) -> bool:
    return signer.shown(signer.old) == signer.old


ALL = _vectors()
SHARED_SECRET = [
    vector
    for vector in ALL
    if vector["expect"] == "valid" and _symmetric(BY_PROVIDER[vector["provider"]][0])
]
PUBLIC_KEY = [
    vector
    for vector in ALL
    # Fireblocks' token has its own JSON inside; see the test with jwcrypto.
    if vector["expect"] == "valid"
    and not _symmetric(BY_PROVIDER[vector["provider"]][0])
    and vector["provider"] != "fireblocks_v2"
]


def _received(vector: dict[str, Any], signer: Signer) -> Sent:
    headers = tuple(
        (name.lower().encode(), text.encode()) for name, text in vector["headers"].items()
    )
    url = vector.get("url", signer.url)
    return Sent(vector.get("method", "POST"), url, headers, vector["body"].encode())


def _unsigned(signer: Signer, sent: Sent) -> bytes:
    """Give back the report as it was before its provider signed it."""
    if signer.provider == "braintree":
        return base64.b64decode(parse_qs(sent.body)[b"bt_payload"][0])
    if signer.provider == "transak":
        return base64.urlsafe_b64decode(json.loads(sent.body)["data"].split(".")[1] + "===")
    if signer.provider == "mailgun":
        return re.sub(rb'"signature": ?\{[^}]*\}, ?', b"", sent.body)
    if signer.place.startswith(("json:", "form:")):
        return wire.without_signature(signer, sent).body
    return sent.body


def _at_ms(signer: Signer, sent: Sent) -> int:
    if signer.stamp_place == "" or signer.stamp_place.startswith("claim:"):
        return NOW_S * 1000
    text = wire.stamp(signer, sent).decode()
    if signer.unit == "iso":
        return round(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)
    return int(text) * (1 if signer.unit == "ms" else 1000)


def _extra(signer: Signer, sent: Sent) -> dict[str, str]:
    """Find what the scheme signs besides, in a delivery of the provider."""
    headers = {name.decode(): text.decode() for name, text in sent.headers}
    if signer.provider == "quicknode":
        return {"nonce": headers["x-qn-nonce"]}
    if signer.provider == "coinpayments":
        return {"client": headers["x-coinpayments-client"]}
    if signer.provider == "mailgun":
        return {"token": json.loads(sent.body)["signature"]["token"]}
    if signer.provider == "coinbase_cdp":
        found = re.search(",h=([^,]*)", headers["x-hook0-signature"])
        return {name: headers[name] for name in found[1].split()} if found else {}
    return {}


def _spellings(signer: Signer, url: str) -> list[str]:
    """Spell a URL with and without its port, which Twilio leaves open; without the body's hash."""
    if signer.provider != "twilio":
        return [url]
    parts = urlsplit(re.sub("&bodySHA256=[0-9a-f]*", "", url))
    host = str(parts.hostname)
    port = {"https": 443, "http": 80}[parts.scheme]
    hosts = [parts.netloc, host, f"{host}:{port}"]
    return [parts._replace(netloc=netloc).geturl() for netloc in hosts]


def _replays(vector: dict[str, Any]) -> list[tuple[Signer, Sent, Sent]]:
    """Let every sender of the provider sign what the vector reports."""
    replays = []
    for signer in BY_PROVIDER[vector["provider"]]:
        received = _received(vector, signer)
        headers = dict(received.headers)
        told = headers.get(b"webhook-id", headers.get(b"svix-id", b"")).decode()
        try:
            at_ms = _at_ms(signer, received)
            report = _unsigned(signer, received)
        except (KeyError, IndexError):
            continue  # another of the provider's ways of signing
        for secret in vector.get("secrets", [vector["secret"]]):
            for url in _spellings(signer, received.url):
                out = Outgoing(
                    secret.encode(),
                    report,
                    at_ms // 1000,
                    received.method,
                    url,
                    told,
                    extra=_extra(signer, received),
                )
                replays.append((signer, signer.signs(out), received))
    return replays


def _texts(signer: Signer, sent: Sent) -> set[bytes]:
    """Tell the signatures that a delivery carries where its provider writes them."""
    kind = signer.place.partition(":")[0]
    if kind != "header" or signer.encoding == "token":
        return {wire.signature(signer, sent)}
    stem = signer.header.removesuffix(b"-1")
    values = [text for name, text in sent.headers if name.startswith(stem)]
    return {
        text for value in values for text in re.split(rb"[,; ]|v0=|v1=|h1=|s=|sha256=|sha1=", value)
    } - {b""}


@pytest.mark.parametrize("vector", SHARED_SECRET, ids=lambda vector: vector["id"])
def test_a_sender_writes_the_published_signature(vector: dict[str, Any]) -> None:
    """From the vector's secret and report, the sender must come to the provider's own text."""
    written = {
        text
        for signer, sent, received in _replays(vector)
        for text in _texts(signer, sent) & _texts(signer, received)
        if len(text) >= 40 or signer.encoding == "token" or len(text) in {28, 32}
    }
    assert written


@pytest.mark.parametrize(
    "vector_id",
    [
        "coinpayments-no-bom",
        "moralis-sha3-256-instead-of-keccak",
        "now-tampered",
        "square-url-mismatch",
    ],
)
def test_a_sender_does_not_write_a_wrong_signature(vector_id: str) -> None:
    """The near misses that these vectors were made of: another start, hash, body, address."""
    (vector,) = [vector for vector in ALL if vector["id"] == vector_id]
    ((signer, sent, received),) = _replays(vector)
    assert wire.signature(signer, sent) != wire.signature(signer, received)


@pytest.fixture
def message(monkeypatch: pytest.MonkeyPatch) -> list[tuple[bytes, Any]]:
    """Catch what is about to be signed with a private key, in place of signing it."""
    caught: list[tuple[bytes, Any]] = []

    def catch(_: bytes, text: bytes, algorithm: Any = None) -> bytes:
        caught.append((text, algorithm))
        return hashlib.sha256(text).digest()

    for name in ("rsa_sign", "ecdsa_sign", "es256_sign", "ed25519_sign"):
        monkeypatch.setattr(pairs, name, catch)
    return caught


def _key(secret: str) -> Any:
    if secret.startswith("-----BEGIN CERTIFICATE"):
        return x509.load_pem_x509_certificate(secret.encode()).public_key()
    if secret.startswith("-----"):
        return load_pem_public_key(secret.encode())
    if secret.startswith("whpk_"):
        return ed25519.Ed25519PublicKey.from_public_bytes(base64.b64decode(secret[5:]))
    if re.fullmatch("[0-9a-f]{64}", secret):
        return ed25519.Ed25519PublicKey.from_public_bytes(bytes.fromhex(secret))
    return load_der_public_key(base64.b64decode(secret))


def _check(key: Any, signature: bytes, text: bytes, algorithm: Any) -> None:
    if isinstance(key, rsa.RSAPublicKey):
        key.verify(signature, text, padding.PKCS1v15(), algorithm)
    elif isinstance(key, ec.EllipticCurvePublicKey):
        key.verify(signature, text, ec.ECDSA(hashes.SHA256()))
    else:
        key.verify(signature, text)


@pytest.mark.parametrize("vector", PUBLIC_KEY, ids=lambda vector: vector["id"])
def test_a_sender_signs_what_the_published_signature_covers(
    vector: dict[str, Any], message: list[tuple[bytes, Any]]
) -> None:
    """The private keys are not published; but over the sender's text the signature must hold."""
    signer = BY_PROVIDER[vector["provider"]][0]
    received = _received(vector, signer)
    headers = dict(received.headers)
    text = wire.signature(signer, received)
    signature = bytes.fromhex(text.decode()) if signer.encoding == "hex" else base64.b64decode(text)
    at_ms = _at_ms(signer, received)
    out = Outgoing(
        b"",
        _unsigned(signer, received),
        at_ms // 1000,
        beyond_ms=at_ms % 1000,
        message_id=headers.get(b"webhook-id", b"").decode(),
        extra=vector.get("config", {}),
    )
    signer.signs(out)
    ((covered, algorithm),) = message
    if vector["provider"] == "paypal":
        # The transmission's id is the vector's own.
        covered = headers[b"paypal-transmission-id"] + covered[covered.index(b"|") :]
    _check(_key(vector["secret"]), signature, covered, algorithm)


def test_every_provider_has_a_sender() -> None:
    """A verifier without a sender of its own is tested by what it believes itself."""
    published = {vector["provider"] for vector in ALL}
    assert set(BY_PROVIDER) == published | WITHOUT_VECTORS


def test_senders_have_names_of_their_own() -> None:
    """Two tests of one name hide one another."""
    assert len({signer.name for signer in EVERY}) == len(EVERY)


ENCODED = {
    "hex": rb"([0-9a-f]{2})+|([0-9A-F]{2})+",
    "base64": rb"[A-Za-z0-9+/]+={0,2}",
    "base64url": rb"[A-Za-z0-9_-]+",
    "token": rb"[!-~]+",
}


@pytest.mark.parametrize("signer", [signer for signer in EVERY if signer.place], ids=str)
def test_the_signature_stands_where_the_sender_says(signer: Signer) -> None:
    """Attacks aim at this place: aimed elsewhere, each of them would be refused for nothing."""
    sent = signer.sample(NOW_S)
    text = wire.signature(signer, sent)
    assert re.fullmatch(ENCODED[signer.encoding], text)
    assert wire.signature(signer, wire.respelt(signer, sent, lambda _: b"abc")) == b"abc"
    assert wire.signature(signer, signer.sample(NOW_S, signer.new)) != text
    with pytest.raises((KeyError, ValueError, AssertionError)):
        wire.signature(signer, wire.without_signature(signer, sent))


@every_sender
def test_the_time_stands_where_the_sender_says(signer: Signer) -> None:
    """The same, for attacks on the timestamp."""
    if not signer.stamp_place:
        assert signer.timed is None
        return
    sent = signer.sample(NOW_S)
    text = {"s": b"1760000000", "ms": b"1760000000000", "iso": b"2025-10-09T08:53:20"}[signer.unit]
    assert wire.stamp(signer, sent).startswith(text)
    assert wire.stamp(signer, wire.restamped(signer, sent, b"12345")) == b"12345"
    with pytest.raises((KeyError, ValueError, AssertionError)):
        wire.stamp(signer, wire.without_stamp(signer, sent))


def _resigned(signer: Signer, sent: Sent) -> bytes:
    """Sign the report of a delivery anew, and tell the signature."""
    out = Outgoing(
        signer.old,
        _unsigned(signer, sent),
        NOW_S,
        signer.method,
        signer.url,
        kid=signer.kid(signer.old),
        extra=_extra(signer, sent),
    )
    return wire.signature(signer, signer.signs(out))


@every_sender
def test_what_a_sender_covers_changes_its_signature(
    signer: Signer, message: list[tuple[bytes, Any]]
) -> None:
    """What an attack calls covered must be so at the sender, and what it spares must not."""
    sent = signer.sample(NOW_S)
    if signer.covered is not None:
        changed = Sent(sent.method, sent.url, sent.headers, signer.covered(sent.body))
        assert _resigned(signer, changed) != wire.signature(signer, sent)
    if signer.uncovered is not None and signer.place:
        changed = Sent(sent.method, sent.url, sent.headers, signer.uncovered(sent.body))
        assert _resigned(signer, changed) == wire.signature(signer, sent)
    assert (signer.covered is None) == (signer.covers == "nothing")
    assert (signer.uncovered is None) or signer.covers != "body"


# Written by Node 20 with the published functions: sortObjectDeep of NOWPayments' library, and
# fast-json-stable-stringify. The lone difference is the place of keys that look like indices.
NODE_BODY = (
    '{"b":[{"z":1,"a":2.5}],"a":"caf\u00e9 / \\u2028 \\u0001 \\t \\"","10":1,"9":2,"B":null,'
    '"\U0001f4b0":1,"\uff5e":2}'
).encode()
NODE_TAIL = (
    ',"B":null,"a":"caf\u00e9 / \u2028 \\u0001 \\t \\"","b":[{"a":2.5,"z":1}],'
    '"\U0001f4b0":1,"\uff5e":2}'
)


def test_nowpayments_sorts_as_its_library_does() -> None:
    """JavaScript puts keys that look like array indices first, and sorts by UTF-16 units."""
    (signer,) = BY_PROVIDER["nowpayments"]
    sent = signer.send(b"ipn-secret", NODE_BODY, NOW_S)
    assert wire.signature(signer, sent).decode() == (
        "56f6e6e2bff9ffbc66c5e3d63579566a04dba87bf7637c12bf0b1b81ba6a4ade"
        "9f60e78df79ca3b7100053c5316fe25b7040559d9d0ea041dc0ba7e65d25a4d0"
    )


def test_ramp_sorts_as_its_library_does(message: list[tuple[bytes, Any]]) -> None:
    """The same keys, written out in sorted order and never put back into an object."""
    (signer,) = BY_PROVIDER["ramp"]
    signer.send(signer.old, NODE_BODY, NOW_S)
    assert message[0][0].decode() == '{"10":1,"9":2' + NODE_TAIL
