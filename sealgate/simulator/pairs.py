"""Key pairs, the sender's half included: made, read from a file, and signed with.

Only the simulator ever holds a private key, and only to try a gateway out.
"""

import base64
import binascii
from collections.abc import Callable

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey

RSA_BITS = 2048
_EXPONENT = 65_537
_SEED_BYTES = 32
_HALF_BYTES = 32
_WHSK_PREFIX = b"whsk_"
_CURVES = {"p256": "secp256r1", "secp256k1": "secp256k1"}
_HASHES: dict[str, hashes.HashAlgorithm] = {
    kind.name: kind() for kind in (hashes.SHA1, hashes.SHA256, hashes.SHA512)
}
_MAKERS: dict[str, Callable[[], PrivateKey]] = {
    "rsa": lambda: rsa.generate_private_key(_EXPONENT, RSA_BITS),
    "p256": lambda: ec.generate_private_key(ec.SECP256R1()),
    "secp256k1": lambda: ec.generate_private_key(ec.SECP256K1()),
    "ed25519": ed25519.Ed25519PrivateKey.generate,
}


def make(kind: str) -> tuple[str, str]:
    """Make a new pair: the private key and the public key, both as PEM."""
    key = _MAKERS[kind]()
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return private.decode(), public.decode()


def read(kind: str, text: bytes) -> PrivateKey:
    """Read a private key of a kind. Raises `ValueError` with a hint, never the text."""
    text = text.strip()
    if b"PUBLIC KEY-----" in text or b"CERTIFICATE-----" in text or text.startswith(b"whpk_"):
        raise ValueError(
            "this is a public key, which the gateway verifies with; to sign, give the private one"
        )
    try:
        pem = text.startswith(b"-----BEGIN ")
        key = load_pem_private_key(text, None) if pem else _unarmoured(kind, text)
    except (ValueError, TypeError):
        raise ValueError(f"this is no private key; expected {_expected(kind)}") from None
    if not _is(kind, key):
        raise ValueError(f"the private key is of another type; expected {_expected(kind)}")
    assert isinstance(key, PrivateKey)
    return key


def sign(key: PrivateKey, message: bytes, hash_name: str) -> bytes:
    """Sign: RSA as PKCS #1 v1.5, ECDSA as DER; Ed25519 heeds no hash."""
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return key.sign(message)
    if isinstance(key, rsa.RSAPrivateKey):
        return key.sign(message, PKCS1v15(), _HASHES[hash_name])
    return key.sign(message, ec.ECDSA(_HASHES[hash_name]))


def as_halves(signature: bytes) -> bytes:
    """Write a DER signature as a token does: both numbers at full length."""
    r, s = decode_dss_signature(signature)
    return r.to_bytes(_HALF_BYTES) + s.to_bytes(_HALF_BYTES)


def _unarmoured(kind: str, text: bytes) -> PrivateKey:
    """Read an Ed25519 key without PEM around it: in hex, in base64, or behind ``whsk_``."""
    if kind != "ed25519":
        raise ValueError("no PEM")
    if len(text) in {2 * _SEED_BYTES, 4 * _SEED_BYTES} and not text.startswith(_WHSK_PREFIX):
        try:
            return _from_seed(binascii.unhexlify(text))
        except binascii.Error:
            pass  # as many letters of base64 there can be
    return _from_seed(base64.b64decode(text.removeprefix(_WHSK_PREFIX), validate=True))


def _from_seed(raw: bytes) -> PrivateKey:
    """Read the seed; many write the public key behind it, which must then be its own."""
    key = ed25519.Ed25519PrivateKey.from_private_bytes(raw[:_SEED_BYTES])
    public = key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    if raw[_SEED_BYTES:] not in {b"", public}:
        raise ValueError("the halves do not belong together")
    return key


def _is(kind: str, key: object) -> bool:
    if isinstance(key, ec.EllipticCurvePrivateKey):
        return _CURVES.get(kind) == key.curve.name
    kinds = {"rsa": rsa.RSAPrivateKey, "ed25519": ed25519.Ed25519PrivateKey}
    return kind in kinds and isinstance(key, kinds[kind])


def _expected(kind: str) -> str:
    if kind == "ed25519":
        return "an Ed25519 private key, as PEM, as 64 hexadecimal digits, as base64 or as whsk_…"
    names = {"rsa": "an RSA private key", "p256": "a private key on the curve P-256"}
    return f"{names.get(kind, 'a private key on the curve secp256k1')}, as PEM without a password"
