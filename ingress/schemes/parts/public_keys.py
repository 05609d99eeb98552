"""Public keys, in every spelling in which a provider shows one, and the check of a signature.

A text from a dashboard, a certificate or a key set flows in; a key that is strong enough to rely on
flows out, of the one kind the profile asks for. What is wrong is told with what was expected and
never with what was given: a text in the wrong box may be a secret. Loading happens when a source
is configured or its keys are fetched; `check` happens for every delivery and raises nothing.

An ECDSA signature must be DER to the letter, but of the two signatures ``(r, s)`` and ``(r, n-s)``
that anybody can turn into each other both are accepted: providers sign with libraries and key
stores that produce either, and nothing here takes a signature for the identity of an event.
"""

import binascii
import contextlib
from collections.abc import Mapping
from enum import StrEnum

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey, RSAPublicNumbers
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_der_private_key,
    load_der_public_key,
    load_pem_public_key,
)

from ingress.delivery import Rejected
from ingress.schemes.parts import encoding, lexemes

PublicKey = RSAPublicKey | ec.EllipticCurvePublicKey | Ed25519PublicKey

# CryptAPI signs with 1024 bits; nobody signs with less, and less has been factored.
RSA_BITS_MIN = 1024
# The time to verify grows with the square of this.
RSA_BITS_MAX = 8192
JWKS_KEYS_MAX = 64
JWKS_BYTES_MAX = 256 * 1024
KID_CHARACTERS_MAX = 256


class KeyType(StrEnum):
    """The kinds of public key with which providers sign."""

    RSA = "rsa"
    P256 = "p256"
    SECP256K1 = "secp256k1"
    ED25519 = "ed25519"


_LOOKS = "as PEM (BEGIN PUBLIC KEY or BEGIN CERTIFICATE), as base64 of its DER, or as a JWK"
_EXPECTED = {
    KeyType.RSA: f"an RSA public key, {_LOOKS}",
    KeyType.P256: f"a public key on the curve P-256, {_LOOKS}",
    KeyType.SECP256K1: f"a public key on the curve secp256k1, {_LOOKS}",
    KeyType.ED25519: "an Ed25519 public key, as its 32 bytes in hexadecimal or in base64, "
    f"as whpk_…, {_LOOKS}",
}
_PRIVATE = (
    "this is a private key: give the public key that the provider shows, and replace this pair, "
    "since its private half has been copied"
)
# All that reading a key or a certificate may raise: not everything there is a `ValueError`.
UNREADABLE = (
    ValueError,
    TypeError,
    UnsupportedAlgorithm,
    x509.DuplicateExtension,
    x509.InvalidVersion,
    x509.UnsupportedGeneralNameType,
)

_CURVES = {"secp256r1": KeyType.P256, "secp256k1": KeyType.SECP256K1}
# SHA-1 is what Paddle Classic and version 1 of Amazon SNS sign; their profiles say so.
_HASHES = {kind.name: kind() for kind in (hashes.SHA1, hashes.SHA256, hashes.SHA512)}
# The points of Ed25519 that lie in a group of eight: with one of them as the key, any message has a
# signature that anybody can find. A placeholder of zeros is such a key. Signs are left out.
_SMALL_ORDER = frozenset(
    bytes.fromhex(y)
    for y in (
        "0000000000000000000000000000000000000000000000000000000000000000",
        "0100000000000000000000000000000000000000000000000000000000000000",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    )
)
_ED25519_BYTES = 32
# In base64, without its padding.
_ED25519_LETTERS = 43
_COORDINATE_BYTES = 32
_JWK_CURVES: dict[object, ec.EllipticCurve] = {"P-256": ec.SECP256R1(), "secp256k1": ec.SECP256K1()}
_JWK_PRIVATE = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth"})


def load(kind: KeyType, secret: bytes) -> PublicKey:
    """Read a public key as a provider shows it. Raises `ValueError` with a hint, never the text."""
    text = secret.strip()
    if b"PRIVATE KEY-----" in text or text.startswith(b"whsk_"):
        raise ValueError(_PRIVATE)
    if text.startswith(b"{"):
        found, key = from_jwk(_object(text))[1:]
    else:
        key = _read(kind, text)
        found = type_of(key)
    if found is not kind:
        raise ValueError(f"the key is of type {found}; expected {_EXPECTED[kind]}")
    return key


def from_jwk(jwk: Mapping[str, object]) -> tuple[str, KeyType, PublicKey]:
    """Read one JSON Web Key: its provider's name of it ("" for none), its type, the key.

    Raises `ValueError` unless it is a public key, for signatures, of a kind that is used here.
    """
    if not _signs(jwk):
        raise ValueError("the JWK is of a kind, or for a use, that signs no deliveries")
    if not _JWK_PRIVATE.isdisjoint(jwk):
        raise ValueError(_PRIVATE)
    kid = jwk.get("kid", "")
    if not isinstance(kid, str) or not is_kid(kid):
        raise ValueError(f"the kid of a JWK is text of at most {KID_CHARACTERS_MAX} ASCII letters")
    try:
        key = accepted(_jwk_key(jwk))
    except UnsupportedAlgorithm:
        raise ValueError("the JWK is not supported by this system's cryptography") from None
    return kid, type_of(key), key


def from_jwks(document: bytes) -> list[tuple[str, KeyType, PublicKey]]:
    """Read a key set (RFC 7517), or Google's map of names to certificates.

    Keys that are not for signatures, or of a kind not used here, are passed over. Raises
    `ValueError` if anything else is wrong with any key: half a set would refuse honest deliveries.
    """
    if len(document) > JWKS_BYTES_MAX:
        raise ValueError(f"the key set is larger than {JWKS_BYTES_MAX} bytes")
    content = _object(document)
    keys = content.get("keys", content)
    if not isinstance(keys, list | dict) or not keys:
        raise ValueError('a key set looks like {"keys": [{"kty": …}, …]}, and is not empty')
    if len(keys) > JWKS_KEYS_MAX:
        raise ValueError(f"the key set holds more than {JWKS_KEYS_MAX} keys")
    if isinstance(keys, dict):
        return [_from_certificate(kid, pem) for kid, pem in keys.items()]
    if not all(isinstance(key, dict) for key in keys):
        raise ValueError("a key of the key set is no JSON object")
    return [from_jwk(key) for key in keys if isinstance(key, dict) and _signs(key)]


def is_kid(text: str) -> bool:
    """Say whether a text can be a key's name: printable ASCII of bounded length, or none."""
    return len(text) <= KID_CHARACTERS_MAX and text.isascii() and text.isprintable()


def type_of(key: PublicKey) -> KeyType:
    """Say of which kind a key is."""
    if isinstance(key, RSAPublicKey):
        return KeyType.RSA
    if isinstance(key, Ed25519PublicKey):
        return KeyType.ED25519
    return _CURVES[key.curve.name]


def accepted(key: object) -> PublicKey:
    """Return a key that can be relied on. Raises `ValueError`: weak, or of a kind not used."""
    if isinstance(key, RSAPublicKey):
        if not RSA_BITS_MIN <= key.key_size <= RSA_BITS_MAX:
            raise ValueError(
                f"the RSA key has {key.key_size} bits; expected {RSA_BITS_MIN} to {RSA_BITS_MAX}"
            )
        return key
    if isinstance(key, ec.EllipticCurvePublicKey):
        if key.curve.name not in _CURVES:
            raise ValueError(f"the curve is {key.curve.name}; expected P-256 or secp256k1")
        return key
    if isinstance(key, Ed25519PublicKey):
        point = key.public_bytes(Encoding.Raw, PublicFormat.Raw)
        if point[:-1] + bytes([point[-1] & 0x7F]) in _SMALL_ORDER:
            raise ValueError("anybody can sign for this Ed25519 key; is it a placeholder?")
        return key
    raise ValueError("the key is of a kind with which no provider signs deliveries")


def check(key: PublicKey, signature: bytes, message: bytes, hash_name: str) -> bool:
    """Say whether a signature is the key's over the message. Raises nothing.

    RSA is PKCS #1 v1.5, ECDSA is DER; Ed25519 has its own hash and heeds no `hash_name`.
    """
    try:
        if isinstance(key, Ed25519PublicKey):
            key.verify(signature, message)
        elif isinstance(key, RSAPublicKey):
            key.verify(signature, message, PKCS1v15(), _HASHES[hash_name])
        else:
            key.verify(signature, message, ec.ECDSA(_HASHES[hash_name]))
    except (InvalidSignature, UnsupportedAlgorithm, ValueError, KeyError):
        return False
    return True


def base64url(text: bytes) -> bytes:
    """Decode base64url without padding (RFC 7515), in its one canonical form. Raises `ValueError`.

    Three letters may not end in bits that nobody reads: they would be a second spelling.
    """
    if b"+" in text or b"/" in text or b"=" in text:
        raise ValueError("not base64url")
    plain = text.replace(b"-", b"+").replace(b"_", b"/")
    return encoding.decode(encoding.Encoding.BASE64, plain + b"=" * (-len(plain) % 4))


def _read(kind: KeyType, text: bytes) -> PublicKey:
    """Read any spelling but a JWK."""
    try:
        if b"-----BEGIN CERTIFICATE-----" in text:
            key: object = x509.load_pem_x509_certificate(text).public_key()
        elif text.startswith(b"-----BEGIN "):
            key = load_pem_public_key(text)
        else:
            key = _unarmoured(kind, text)
    except UNREADABLE:
        broken = rb"\n" in text
        hint = "; its line breaks are written as \\n and must be line breaks" if broken else ""
        raise ValueError(f"this is no public key{hint}; expected {_EXPECTED[kind]}") from None
    if key is None:
        raise ValueError(_PRIVATE)
    return accepted(key)


def _unarmoured(kind: KeyType, text: bytes) -> object:
    """Read a key without PEM around it; None for a private one."""
    if kind is KeyType.ED25519:
        if len(text) == 2 * _ED25519_BYTES:
            return Ed25519PublicKey.from_public_bytes(binascii.unhexlify(text))
        bare = text.removeprefix(b"whpk_")
        if bare != text or len(bare.rstrip(b"=")) == _ED25519_LETTERS:
            # The padding is optional, as behind the prefix of a shared secret.
            raw = encoding.decode(encoding.Encoding.BASE64, bare + b"=" * (-len(bare) % 4))
            return Ed25519PublicKey.from_public_bytes(raw)
    # A dashboard may show the one long line folded.
    der = encoding.decode(encoding.Encoding.BASE64, b"".join(text.split()))
    return None if _is_private(der) else load_der_public_key(der)


def _is_private(der: bytes) -> bool:
    try:
        load_der_private_key(der, password=None)
    except TypeError:
        return True  # and encrypted
    except (ValueError, UnsupportedAlgorithm):
        return False
    return True


def _object(document: bytes) -> dict[str, lexemes.Node]:
    """Read a JSON object, strictly. Raises `ValueError`."""
    with contextlib.suppress(Rejected):
        content = lexemes.parse(document)
        if isinstance(content, dict):
            return content
    raise ValueError("this is no JSON object, or a name stands twice in it")


def _signs(jwk: Mapping[str, object]) -> bool:
    """Say whether a JWK is a public key for signatures of a kind used here."""
    operations = jwk.get("key_ops", ["verify"])
    if jwk.get("use", "sig") != "sig" or not isinstance(operations, list):
        return False
    kind, curve = jwk.get("kty"), jwk.get("crv")
    known = (
        kind == "RSA"
        or (kind == "EC" and curve in ("P-256", "secp256k1"))
        or (kind == "OKP" and curve == "Ed25519")
    )
    return known and "verify" in operations


def _jwk_key(jwk: Mapping[str, object]) -> object:
    if jwk["kty"] == "RSA":
        modulus, exponent = (int.from_bytes(_member(jwk, name)) for name in ("n", "e"))
        if modulus.bit_length() > RSA_BITS_MAX or exponent.bit_length() > RSA_BITS_MAX:
            raise ValueError(f"the RSA key has more than {RSA_BITS_MAX} bits")
        return RSAPublicNumbers(exponent, modulus).public_key()
    if jwk["kty"] == "OKP":
        return Ed25519PublicKey.from_public_bytes(_member(jwk, "x", _ED25519_BYTES))
    x, y = (int.from_bytes(_member(jwk, name, _COORDINATE_BYTES)) for name in ("x", "y"))
    return ec.EllipticCurvePublicNumbers(x, y, _JWK_CURVES[jwk["crv"]]).public_key()


def _member(jwk: Mapping[str, object], name: str, length: int | None = None) -> bytes:
    text = jwk.get(name)
    try:
        value = base64url(text.encode()) if isinstance(text, str) else b""
    except ValueError:
        value = b""
    if not value or length not in {None, len(value)}:
        wanted = "bytes" if length is None else f"{length} bytes"
        raise ValueError(f"the member {name} of the JWK must be {wanted} in base64url") from None
    return value


def _from_certificate(kid: str, pem: lexemes.Node) -> tuple[str, KeyType, PublicKey]:
    if not isinstance(pem, str) or not is_kid(kid):
        raise ValueError('a key set looks like {"keys": […]} or {"<kid>": "-----BEGIN CERT…"}')
    try:
        key = accepted(x509.load_pem_x509_certificate(pem.encode()).public_key())
    except UNREADABLE:
        raise ValueError("a certificate of the key set cannot be read") from None
    return kid, type_of(key), key
