"""Key sets: what providers publish is read whole or not at all, and only keys that sign count."""

import base64
import json

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from hypothesis import given
from hypothesis import strategies as st
from jwcrypto import jwk as jose
from trustme import CA

from ingress.schemes.parts import public_keys
from ingress.schemes.parts.public_keys import KeyType, from_jwk, from_jwks

RSA = rsa.generate_private_key(65537, 2048)
P256 = ec.generate_private_key(ec.SECP256R1())
SECP256K1 = ec.generate_private_key(ec.SECP256K1())
ED25519 = ed25519.Ed25519PrivateKey.generate()
# The same number with a zero before it: RFC 7518 wants exactly the length of the curve.
LONG = base64.urlsafe_b64encode(P256.public_key().public_numbers().x.to_bytes(33)).decode()


def _jwk(private: object, **more: object) -> dict[str, object]:
    return {**json.loads(jose.JWK.from_pyca(private).export_public()), **more}


def _set(*keys: object) -> bytes:
    return json.dumps({"keys": keys}).encode()


def test_a_set_made_by_another_library_is_read() -> None:
    """The library jwcrypto writes what Fireblocks and Google publish; each keeps its name."""
    made = {"r": RSA, "e": P256, "k": SECP256K1, "d": ED25519}
    read = from_jwks(_set(*(_jwk(key, kid=kid, use="sig") for kid, key in made.items())))
    assert [kid for kid, _, _ in read] == list(made)
    assert [kind for _, kind, _ in read] == list(KeyType)
    assert [key for _, _, key in read] == [private.public_key() for private in made.values()]


def test_the_standards_own_keys_are_read() -> None:
    """RFC 8037, appendix A.2, and RFC 7517, appendix A.1, know nothing of us."""
    okp = {"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}
    elliptic = {
        "kty": "EC",
        "crv": "P-256",
        "x": "MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4",
        "y": "4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM",
    }
    (_, first, key), (name, second, _) = from_jwks(_set(okp, {**elliptic, "kid": "1"}))
    assert (first, second, name) == (KeyType.ED25519, KeyType.P256, "1")
    raw = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"
    assert isinstance(key, ed25519.Ed25519PublicKey)
    assert key.public_bytes_raw().hex() == raw


@pytest.mark.parametrize(
    "other",
    [
        _jwk(RSA, use="enc"),
        _jwk(RSA, key_ops=["encrypt"]),
        _jwk(RSA, key_ops="verify"),
        _jwk(ec.generate_private_key(ec.SECP384R1())),
        {"kty": "OKP", "crv": "X25519", "x": "3p7bfXt9wbTTW2HC7OQ1Nz-DQ8hbeGdNrfx-FG-IK08"},
        {"kty": "oct", "k": "c2VjcmV0"},
        {"kty": "future"},
        {"kty": ["RSA"]},
        {},
    ],
)
def test_a_key_for_something_else_is_passed_over(other: dict[str, object]) -> None:
    """Providers publish keys for encryption beside the others, and will publish kinds to come."""
    assert [kid for kid, _, _ in from_jwks(_set(other, _jwk(P256, kid="ours")))] == ["ours"]
    with pytest.raises(ValueError, match="signs no deliveries"):
        from_jwk(other)


@pytest.mark.parametrize(
    "broken",
    [
        _jwk(RSA, n=""),
        _jwk(RSA, n=5),
        _jwk(RSA, n="AQ=="),
        _jwk(RSA, e="AA"),
        _jwk(RSA, e="Ag"),
        _jwk(P256, x="AQ"),
        _jwk(P256, x="A" * 43, y="A" * 43),
        _jwk(P256, y=None),
        _jwk(P256, x=LONG),
        _jwk(ED25519, x="A" * 43),
        _jwk(ED25519, x="11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURp"),
        _jwk(RSA, kid=7),
        _jwk(RSA, kid="k" * 257),
        _jwk(RSA, kid="a\nb"),
        _jwk(RSA, kid="ключ"),
        _jwk(RSA, d="AQ"),
    ],
)
def test_one_broken_key_refuses_the_whole_set(broken: dict[str, object]) -> None:
    """Half a set would replace a whole one, and the keys it lost would refuse honest deliveries."""
    with pytest.raises(ValueError):
        from_jwks(_set(_jwk(P256, kid="good"), broken))


@pytest.mark.parametrize(
    "document",
    [
        b"",
        b"null",
        b"[]",
        b"{}",
        b'{"keys": []}',
        b'{"keys": {}}',
        b'{"keys": null}',
        b'{"keys": [1]}',
        b'{"keys": "RSA"}',
        b'{"error": "not found"}',
        b'{"keys": [], "keys": []}',
        b'{"keys": ' + b"[" * 100_000,
        b'{"1": 2}',
        b'{"1": "-----BEGIN CERTIFICATE-----\\nMIIB\\n-----END CERTIFICATE-----"}',
        b"<html>",
        b"\xff",
    ],
)
def test_what_is_no_key_set_is_refused(document: bytes) -> None:
    """An error page with status 200 must not empty the set."""
    with pytest.raises(ValueError):
        from_jwks(document)


def test_a_set_is_bounded() -> None:
    """Each key may be tried for each delivery, and the answer came from outside."""
    assert len(from_jwks(_set(*[_jwk(P256)] * 64))) == 64
    with pytest.raises(ValueError, match="more than 64"):
        from_jwks(_set(*[_jwk(P256)] * 65))
    with pytest.raises(ValueError, match="larger than"):
        from_jwks(_set(_jwk(P256)) + b" " * 256 * 1024)


def test_googles_map_of_certificates_is_read() -> None:
    """``/oauth2/v1/certs`` is no RFC 7517 set; it is what google-auth reads."""
    ca = CA()
    leaf = ca.issue_cert("unit.test").cert_chain_pems[0].bytes()
    ours = x509.load_pem_x509_certificate(leaf).public_key()
    document = json.dumps({"74fd": leaf.decode(), "": ca.cert_pem.bytes().decode()}).encode()
    assert [(kid, key == ours) for kid, _, key in from_jwks(document)] == [
        ("74fd", True),
        ("", False),
    ]


@pytest.mark.parametrize("text", ["AQ==", "AQ+", "AR", "A", "AQ\n", "A Q", "ÄQ", "AQ.", "-_="])
def test_base64url_has_one_spelling(text: str) -> None:
    """Padding, the other alphabet, blanks, unread bits: each spells the same signature again."""
    with pytest.raises(ValueError):
        public_keys.base64url(text.encode())


@given(st.binary(max_size=100))
def test_base64url_reads_back_what_the_standard_library_writes(raw: bytes) -> None:
    """Whatever a provider encodes, we decode."""
    assert public_keys.base64url(base64.urlsafe_b64encode(raw).rstrip(b"=")) == raw
