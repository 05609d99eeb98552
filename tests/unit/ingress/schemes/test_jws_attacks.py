"""Tokens under attack: the algorithm, the key, the spelling and the content are not the sender's.

Each attack takes a good token and changes one thing; what comes of it is a refusal with its reason.
"""

import base64
import contextlib
import hashlib
import hmac
import json
from collections.abc import Callable
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa, utils
from hypothesis import given, settings
from hypothesis import strategies as st
from jwcrypto import jwk as jose

from ingress.delivery import Delivery, Reason, Rejected
from ingress.schemes.jws import Algorithm, Jws
from ingress.schemes.parts import places
from ingress.schemes.parts.claims import Claims
from ingress.schemes.parts.keys import Key

NOW_MS = 1_760_000_000_000
RSA = rsa.generate_private_key(65537, 2048)
MALLORY = rsa.generate_private_key(65537, 2048)
P256 = ec.generate_private_key(ec.SECP256R1())
PEM = RSA.public_key().public_bytes(
    serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
)
HEADER = places.parse("header:x-token")
SCHEME = Jws(Algorithm.RS256, HEADER, claims=Claims())
KEYS = [SCHEME.key(PEM, "k1")]
PAYLOAD = {"amount": "10", "iat": 1_760_000_000}


def _b64(raw: bytes) -> bytes:
    return base64.urlsafe_b64encode(raw).rstrip(b"=")


def _delivery(token: bytes, body: bytes = b"{}") -> Delivery:
    return Delivery("shop", "POST", b"", ((b"x-token", token),), body, NOW_MS)


def _refusal(token: bytes, scheme: Jws = SCHEME, keys: list[Key] | None = None) -> Reason:
    with pytest.raises(Rejected) as refused:
        scheme.verify(_delivery(token), KEYS if keys is None else keys)
    return refused.value.reason


def _signed(head: bytes, payload: bytes | None = None, private: rsa.RSAPrivateKey = RSA) -> bytes:
    """Sign any head, which no library would, so that only what it says can be what is wrong."""
    text = json.dumps(PAYLOAD).encode() if payload is None else payload
    message = _b64(head) + b"." + _b64(text)
    return message + b"." + _b64(private.sign(message, padding.PKCS1v15(), hashes.SHA256()))


GOOD = _signed(b'{"alg":"RS256","kid":"k1"}')
HEAD, MIDDLE, TAIL = GOOD.split(b".")


def test_the_good_token_is_good() -> None:
    """Otherwise every refusal below would mean nothing."""
    assert SCHEME.verify(_delivery(GOOD), KEYS) == 0


@pytest.mark.parametrize("name", ["none", "None", "NONE", "nOnE", ""])
@pytest.mark.parametrize("tail", [b"", TAIL])
def test_no_algorithm_is_no_signature(name: str, tail: bytes) -> None:
    """``alg: none`` was valid in half the libraries of 2015."""
    token = b".".join([_b64(json.dumps({"alg": name}).encode()), MIDDLE, tail])
    assert _refusal(token) is Reason.VERSION_UNSUPPORTED


def test_the_public_key_is_no_shared_secret() -> None:
    """Everybody has it: HS256 with the PEM as the secret is the classic confusion (CVE-2015-9235).

    The reason is told apart, since a sender who tries this is no mistake of configuration.
    """
    for secret in (PEM, PEM.strip(), PEM + b"\n"):
        message = _b64(b'{"alg":"HS256","kid":"k1"}') + b"." + MIDDLE
        forged = message + b"." + _b64(hmac.new(secret, message, hashlib.sha256).digest())
        assert _refusal(forged) is Reason.VERSION_UNSUPPORTED
    with pytest.raises(ValueError, match="this is a PEM file"):
        Jws(Algorithm.HS256, HEADER).key(PEM)


def test_a_secret_is_no_public_key() -> None:
    """Keys of another kind that slipped among ours sign nothing, whatever their name."""
    shared = Jws(Algorithm.HS256, HEADER)
    token = jwt.encode(PAYLOAD, "s" * 32, "HS256", {"kid": "k1"}).encode()
    assert shared.verify(_delivery(token), [shared.key(b"s" * 32)]) == 0
    assert _refusal(token, shared, KEYS) is Reason.SIGNATURE_MISMATCH
    message = HEAD + b"." + MIDDLE
    forged = message + b"." + _b64(hmac.digest(PEM, message, "sha256"))
    assert _refusal(forged, keys=[Key(PEM, "k1")]) is Reason.SIGNATURE_MISMATCH


@pytest.mark.parametrize("other", ["RS512", "PS256", "RS384", "ES256", "HS256", "rs256", "EdDSA"])
def test_the_algorithm_is_the_profiles(other: str) -> None:
    """One algorithm: what the token says is compared, and never used."""
    token = _signed(b'{"alg":"%s","kid":"k1"}' % other.encode())
    assert _refusal(token) is Reason.VERSION_UNSUPPORTED


@pytest.mark.parametrize("value", [b"null", b"256", b'["RS256"]', b'{"RS256":1}', b"true"])
def test_an_algorithm_that_is_no_text_is_none(value: bytes) -> None:
    """A list that holds the right one is not the right one."""
    assert _refusal(_signed(b'{"alg":' + value + b"}")) is Reason.VERSION_UNSUPPORTED
    assert _refusal(_signed(b'{"kid":"k1"}')) is Reason.VERSION_UNSUPPORTED


def test_a_key_of_the_same_family_does_not_stand_in() -> None:
    """Ethereum's curve has signatures of the same length; ES256 is on P-256."""
    scheme = Jws(Algorithm.ES256, HEADER)
    stranger = ec.generate_private_key(ec.SECP256K1())
    token = jwt.encode(PAYLOAD, P256, "ES256").encode()
    assert scheme.verify(_delivery(token), [Key(P256.public_key())]) == 0
    assert _refusal(token, scheme, [Key(stranger.public_key())]) is Reason.SIGNATURE_MISMATCH
    message = _b64(b'{"alg":"ES256"}') + b"." + MIDDLE
    r, s = utils.decode_dss_signature(stranger.sign(message, ec.ECDSA(hashes.SHA256())))
    renamed = message + b"." + _b64(r.to_bytes(32) + s.to_bytes(32))
    keys = [Key(stranger.public_key()), Key(RSA.public_key())]
    assert _refusal(renamed, scheme, keys) is Reason.SIGNATURE_MISMATCH


@pytest.mark.parametrize("crit", [b'["exp"]', b'["b64"]', b"[]", b"null", b'"exp"'])
def test_what_must_be_understood_is_not(crit: bytes) -> None:
    """RFC 7515: whoever does not understand an extension must refuse the token."""
    head = b'{"alg":"RS256","kid":"k1","crit":' + crit + b',"b64":false}'
    assert _refusal(_signed(head)) is Reason.VERSION_UNSUPPORTED


@pytest.mark.parametrize("member", ["jwk", "jku", "x5u", "x5c", "x5t"])
def test_a_key_that_the_token_brings_is_not_looked_at(member: str) -> None:
    """CVE-2018-0114: a library verified with the key in the header, which is to believe anybody."""
    brought = json.loads(jose.JWK.from_pyca(MALLORY).export_public())
    values: dict[str, Any] = {"jwk": brought, "x5c": ["MIIB"]}
    said = {"alg": "RS256", "kid": "k1", member: values.get(member, "https://evil.example/keys")}
    head = json.dumps(said).encode()
    assert _refusal(_signed(head, private=MALLORY)) is Reason.SIGNATURE_MISMATCH
    assert SCHEME.verify(_delivery(_signed(head)), KEYS) == 0


@pytest.mark.parametrize(
    "kid", ["../../etc/passwd", "k2", "K1", "k1 ", "' OR 1=1 --", "/dev/null", "http://evil/k1"]
)
def test_a_name_is_compared_and_nothing_else(kid: str) -> None:
    """Names became paths, queries and addresses elsewhere; here an unknown one is unknown."""
    token = _signed(json.dumps({"alg": "RS256", "kid": kid}).encode())
    assert _refusal(token) is Reason.KEY_UNKNOWN
    assert SCHEME.kid(_delivery(token)) == kid


@pytest.mark.parametrize(
    "kid", ["k" * 257, "k\n1", "k\x00", "ключ", "\u202ek1", "\x7f", "\x1b[2J", 7, None, ["k1"], {}]
)
def test_a_name_that_cannot_be_one_is_refused(kid: object) -> None:
    """It would be logged, and handed to whoever fetches keys."""
    token = _signed(json.dumps({"alg": "RS256", "kid": kid}).encode())
    assert _refusal(token) is Reason.HEADER_MALFORMED
    assert SCHEME.kid(_delivery(token)) is None


def test_no_name_is_no_name() -> None:
    """A fetch for nothing would be a fetch that a stranger can cause at will."""
    assert SCHEME.kid(_delivery(_signed(b'{"alg":"RS256"}'))) is None
    assert SCHEME.kid(_delivery(_signed(b'{"alg":"RS256","kid":""}'))) is None
    assert SCHEME.kid(_delivery(b"junk")) is None


def _bent(segment: bytes) -> bytes:
    """Change only bits of the last letter that nobody reads."""
    alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    assert len(segment) % 4 in (2, 3)
    return segment[:-1] + bytes([alphabet[alphabet.index(segment[-1]) + 1]])


MALFORMED: dict[str, Callable[[], bytes]] = {
    "empty": lambda: b"",
    "one part": lambda: HEAD,
    "signature stripped": lambda: HEAD + b"." + MIDDLE,
    "signature empty": lambda: HEAD + b"." + MIDDLE + b".",
    "payload empty": lambda: HEAD + b".." + TAIL,
    "head empty": lambda: b"." + MIDDLE + b"." + TAIL,
    "only dots": lambda: b"..",
    "a fourth part": lambda: GOOD + b"." + TAIL,
    "five parts, as of an encrypted token": lambda: GOOD + b".." + TAIL,
    "a dot behind": lambda: GOOD + b".",
    "signature padded": lambda: GOOD + b"=" * (-len(TAIL) % 4),
    "other alphabet": lambda: HEAD + b"." + MIDDLE + b"." + b"+/" + TAIL[2:],
    "unread bits in the signature": lambda: HEAD + b"." + MIDDLE + b"." + _bent(TAIL),
    "a blank in it": lambda: HEAD + b". " + MIDDLE + b"." + TAIL,
    "a line break in it": lambda: HEAD + b".\n" + MIDDLE + b"." + TAIL,
    "non-ASCII": lambda: GOOD[:-1] + b"\xc3\xa9",
    "NUL": lambda: GOOD + b"\x00",
    "head no JSON": lambda: _signed(b"alg=RS256"),
    "head no object": lambda: _signed(b'["RS256"]'),
    "head a text": lambda: _signed(b'"RS256"'),
    "head twice": lambda: _signed(b'{"alg":"RS256"}{"alg":"RS256"}'),
    "alg twice": lambda: _signed(b'{"alg":"none","alg":"RS256"}'),
    "kid twice": lambda: _signed(b'{"alg":"RS256","kid":"k2","kid":"k1"}'),
    "alg twice, once escaped": lambda: _signed(b'{"alg":"none","\\u0061lg":"RS256"}'),
    "head in UTF-16": lambda: _signed('{"alg":"RS256"}'.encode("utf-16")),
    "head with a byte order mark": lambda: _signed(b'\xef\xbb\xbf{"alg":"RS256"}'),
    "head with a lone surrogate": lambda: _signed(b'{"alg":"RS256","x":"\\ud800"}'),
    "head with NaN": lambda: _signed(b'{"alg":"RS256","x":NaN}'),
    "head a bomb": lambda: _signed(b'{"alg":"RS256","x":' + b"[" * 3000 + b"]" * 3000 + b"}"),
    "head too long": lambda: _signed(b'{"alg":"RS256","x":"' + b"x" * 4096 + b'"}'),
    "signature too long": lambda: GOOD + b"A" * 2048,
    "token too long": lambda: _signed(b'{"alg":"RS256","kid":"k1"}', b"x" * 16_384),
}


@pytest.mark.parametrize("case", MALFORMED)
def test_a_token_has_one_spelling(case: str) -> None:
    """Every second spelling of a token passes somewhere for another token."""
    assert _refusal(MALFORMED[case]()) is Reason.HEADER_MALFORMED


@pytest.mark.parametrize(
    "message",
    [
        _bent(_b64(b'{"alg":"RS256" }')) + b"." + _b64(b"{}"),
        _b64(b'{"alg":"RS256" }') + b"." + _bent(_b64(b"{}")),
        _b64(b'{"alg":"RS256"}') + b"A." + _b64(b"{}"),
        _b64(b'{"alg":"RS256"}') + b"." + _b64(b"{ }") + b"A",
    ],
)
def test_a_head_or_payload_with_unread_bits_is_refused_though_signed(message: bytes) -> None:
    """The signature covers the text, so the text's reader must not overlook any of it."""
    signature = RSA.sign(message, padding.PKCS1v15(), hashes.SHA256())
    assert _refusal(message + b"." + _b64(signature)) is Reason.HEADER_MALFORMED


@pytest.mark.parametrize("payload", [{"amount": "99"}, {}, PAYLOAD | {"iat": 0}])
def test_another_payload_is_another_token(payload: dict[str, Any]) -> None:
    """The content is what was paid for."""
    token = b".".join([HEAD, _b64(json.dumps(payload).encode()), TAIL])
    assert _refusal(token) is Reason.SIGNATURE_MISMATCH


def test_a_head_may_not_be_exchanged() -> None:
    """It is signed too: the name of the key is not free to choose afterwards."""
    token = b".".join([_b64(b'{"alg":"RS256","kid":"k1","typ":"JWT"}'), MIDDLE, TAIL])
    assert _refusal(token) is Reason.SIGNATURE_MISMATCH


@pytest.mark.parametrize(
    "headers",
    [
        ((b"x-token", GOOD), (b"x-token", b"evil")),
        ((b"x-token", b"evil"), (b"x-token", GOOD)),
        ((b"x-token", GOOD), (b"x-token", GOOD)),
    ],
)
def test_a_token_comes_once(headers: tuple[tuple[bytes, bytes], ...]) -> None:
    """Of two, another reader may believe the other."""
    delivery = Delivery("shop", "POST", b"", headers, b"{}", NOW_MS)
    for judge in (lambda: SCHEME.verify(delivery, KEYS), lambda: SCHEME.precheck(headers)):
        with pytest.raises(Rejected) as refused:
            judge()
        assert refused.value.reason is Reason.HEADER_DUPLICATED


@pytest.mark.parametrize(
    "prefix", [b"", b"bearer ", b"Bearer", b"Basic ", b"Bearer  ", b"Bearer\t"]
)
def test_another_prefix_is_another_scheme(prefix: bytes) -> None:
    """The profile says how the token is announced; a proxy's own credentials are not it."""
    scheme = Jws(Algorithm.RS256, HEADER, b"Bearer ")
    assert scheme.verify(_delivery(b"Bearer " + GOOD), KEYS) == 0
    assert _refusal(prefix + GOOD, scheme) is Reason.HEADER_MALFORMED


IN_BODY = Jws(Algorithm.HS256, places.parse("/data"), claims=Claims())
SECRET = [IN_BODY.key(b"s" * 32)]
TOKEN = jwt.encode(PAYLOAD, "s" * 32, "HS256")


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"{}", Reason.HEADER_MISSING),
        (b'{"data":{}}', Reason.HEADER_MISSING),
        (b'{"data":null}', Reason.BODY_MALFORMED),
        (b'{"data":7}', Reason.BODY_MALFORMED),
        (b'{"data":""}', Reason.BODY_MALFORMED),
        (b"", Reason.BODY_MALFORMED),
        (b"[" * 200_000, Reason.BODY_MALFORMED),
        (f'{{"data":"{TOKEN}","data":"x"}}'.encode(), Reason.BODY_MALFORMED),
        (f'{{"data":"{TOKEN}"}} '.encode() + b"\x00", Reason.BODY_MALFORMED),
        (f'{{"data":"{TOKEN} "}}'.encode(), Reason.BODY_MALFORMED),
        (f'{{"data":"{TOKEN}é"}}'.encode(), Reason.BODY_MALFORMED),
    ],
)
def test_a_body_without_its_token_is_refused(body: bytes, reason: Reason) -> None:
    """Transak's content is the token: whatever else stands in the body was signed by nobody."""
    good = Delivery("shop", "POST", b"", (), f'{{"data":"{TOKEN}","x":1}}'.encode(), NOW_MS)
    assert IN_BODY.verify(good, SECRET) == 0
    with pytest.raises(Rejected) as refused:
        IN_BODY.verify(Delivery("shop", "POST", b"", (), body, NOW_MS), SECRET)
    assert refused.value.reason is reason
    assert IN_BODY.payload(Delivery("shop", "POST", b"", (), body, NOW_MS)) is None


def test_an_es256_signature_is_two_numbers_at_full_length() -> None:
    """DER, a shorter form or zeros are not it; the last once passed for anybody's."""
    scheme = Jws(Algorithm.ES256, HEADER)
    keys = [Key(P256.public_key())]
    message = _b64(b'{"alg":"ES256"}') + b"." + MIDDLE
    der = P256.sign(message, ec.ECDSA(hashes.SHA256()))
    for signature in (der, bytes(63), bytes(65)):
        assert _refusal(message + b"." + _b64(signature), scheme, keys) is Reason.HEADER_MALFORMED
    for signature in (bytes(64), b"\xff" * 64, b"\x00" * 31 + b"\x01" + bytes(32)):
        refused = _refusal(message + b"." + _b64(signature), scheme, keys)
        assert refused is Reason.SIGNATURE_MISMATCH


def test_claims_are_judged_only_of_a_token_that_is_signed() -> None:
    """Until then they are a stranger's words, and the reason would tell a stranger how to go on."""
    scheme = Jws(Algorithm.RS256, HEADER, claims=Claims({"aud": ("us",)}))
    forged = _signed(b'{"alg":"RS256","kid":"k1"}', b'{"aud":"us","exp":1}', MALLORY)
    assert _refusal(forged, scheme) is Reason.SIGNATURE_MISMATCH
    assert _refusal(GOOD, scheme) is Reason.CLAIM_MISMATCH


@settings(deadline=None)
@given(st.data())
def test_a_damaged_token_is_believed_by_nobody(data: st.DataObject) -> None:
    """Whatever is changed: we refuse it, and raise nothing else while we do."""
    token = bytearray(GOOD)
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(token) - 1))
        how = data.draw(st.sampled_from(["change", "remove", "insert"]))
        if how != "insert":
            del token[at]
        if how != "remove":
            token.insert(at, data.draw(st.sampled_from(b".=-_Aa0 \xff")))
    # Blanks around a header are no part of it.
    if bytes(token).strip(b" ") != GOOD:
        assert _refusal(bytes(token))


SCHEMES = [
    SCHEME,
    IN_BODY,
    Jws(Algorithm.RS512, HEADER, detached=True),
    Jws(Algorithm.ES256, HEADER, claims=Claims(iat_window_s=300, body_hash="h")),
    Jws(Algorithm.EDDSA, places.parse("form:jwt")),
]
texts = st.one_of(
    st.binary(max_size=60),
    st.sampled_from([GOOD, TOKEN.encode(), HEAD + b".." + TAIL, b'{"data":"a.b.c"}', b"a.b.c"]),
)


@pytest.mark.parametrize("scheme", SCHEMES, ids=lambda one: one.scheme)
@settings(deadline=None)
@given(
    headers=st.lists(st.tuples(st.sampled_from([b"x-token", b"x"]), texts), max_size=3),
    body=texts,
    received_ms=st.integers(),
    keys=st.lists(st.sampled_from([*KEYS, *SECRET, Key(P256.public_key(), "k2")]), max_size=3),
)
def test_any_input_is_judged_and_none_is_an_error(
    scheme: Jws,
    headers: list[tuple[bytes, bytes]],
    body: bytes,
    received_ms: int,
    keys: list[Key],
) -> None:
    """Whatever else was raised would become a 500, and the sender would come again."""
    delivery = Delivery("shop", "POST", b"", tuple(headers), body, received_ms)
    for judge in (
        lambda: scheme.verify(delivery, keys),
        lambda: scheme.precheck(delivery.headers),
        lambda: scheme.claimed_ms(delivery),
    ):
        with contextlib.suppress(Rejected):
            judge()
    kid = scheme.kid(delivery)
    assert kid is None or 0 < len(kid) <= 256
    scheme.payload(delivery)
