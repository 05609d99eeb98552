"""Fixed key pairs of public-key providers, and the forms in which dashboards show the public half.

The private keys in `keys/` were made for these tests and have never guarded anything. Fixed ones
cost nothing to make; every provider with keys of a kind uses the same two.
"""

import base64
import datetime as dt
import hashlib
import uuid
from collections.abc import Callable
from functools import lru_cache, partial
from pathlib import Path
from typing import NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import NameOID

KEYS = Path(__file__).parent / "keys"


class Pair(NamedTuple):
    """Two private keys as PEM: before and after a rotation."""

    old: bytes
    new: bytes


def _pair(kind: str) -> Pair:
    old, new = (KEYS / f"made_for_tests_{kind}_{age}.pem" for age in ("old", "new"))
    return Pair(old.read_bytes(), new.read_bytes())


RSA = _pair("rsa_2048")
RSA_1024 = _pair("rsa_1024")
P256 = _pair("p256")
SECP256K1 = _pair("secp256k1")
ED25519 = _pair("ed25519")


@lru_cache
def _private(
    pem: bytes,
) -> rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey:
    key = load_pem_private_key(pem, None)
    assert isinstance(
        key, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey
    )
    return key


def rsa_sign(pem: bytes, message: bytes, algorithm: hashes.HashAlgorithm) -> bytes:
    """RSASSA-PKCS1-v1_5."""
    key = _private(pem)
    assert isinstance(key, rsa.RSAPrivateKey)
    return key.sign(message, padding.PKCS1v15(), algorithm)


def ecdsa_sign(pem: bytes, message: bytes) -> bytes:
    """ECDSA over SHA-256, as DER."""
    key = _private(pem)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    return key.sign(message, ec.ECDSA(hashes.SHA256()))


def es256_sign(pem: bytes, message: bytes) -> bytes:
    """Sign the same, as JWS writes it: r and s, 32 bytes each."""
    r, s = decode_dss_signature(ecdsa_sign(pem, message))
    return r.to_bytes(32, "big") + s.to_bytes(32, "big")


def ed25519_sign(pem: bytes, message: bytes) -> bytes:
    """Ed25519, 64 bytes."""
    key = _private(pem)
    assert isinstance(key, ed25519.Ed25519PrivateKey)
    return key.sign(message)


def _public(pem: bytes, encoding: Encoding, form: PublicFormat) -> bytes:
    return _private(pem).public_key().public_bytes(encoding, form)


def public_pem(pem: bytes) -> bytes:
    """Show the public key as PEM (SubjectPublicKeyInfo)."""
    return _public(pem, Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def public_der(pem: bytes) -> bytes:
    """Show the public key as base64 of its DER, without PEM's frame: Circle, SendGrid."""
    return base64.b64encode(_public(pem, Encoding.DER, PublicFormat.SubjectPublicKeyInfo))


def public_hex(pem: bytes) -> bytes:
    """Show the 32 bytes of an Ed25519 key in hex: Discord."""
    return _public(pem, Encoding.Raw, PublicFormat.Raw).hex().encode()


def public_whpk(pem: bytes) -> bytes:
    """Show the 32 bytes of an Ed25519 key as Standard Webhooks does."""
    return b"whpk_" + base64.b64encode(_public(pem, Encoding.Raw, PublicFormat.Raw))


def certificate(name: str) -> Callable[[bytes], bytes]:
    """Make the function that shows a key as a self-signed certificate of this common name."""
    return partial(_certificate, name)


@lru_cache
def _certificate(name: str, pem: bytes) -> bytes:
    key = _private(pem)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(7)
        .not_valid_before(dt.datetime(2020, 1, 1, tzinfo=dt.UTC))
        .not_valid_after(dt.datetime(2049, 12, 31, tzinfo=dt.UTC))
        .sign(key, hashes.SHA256())
    )
    return made.public_bytes(Encoding.PEM)


def kid_uuid(pem: bytes) -> str:
    """Name a key by a UUID, as Circle and Plaid do."""
    return str(uuid.UUID(bytes=hashlib.sha256(pem).digest()[:16], version=4))


def kid_sha1(pem: bytes) -> str:
    """Name a key by 40 hex digits, as Google does."""
    return hashlib.sha1(pem, usedforsecurity=False).hexdigest()
