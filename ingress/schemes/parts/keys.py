"""How a provider's secret, as its dashboard shows it, becomes the bytes of a key.

The same look means different things: ``whsec_…`` is base64 for Standard Webhooks and is the key
itself, letter for letter, for Stripe. So the profile says which, and nothing is guessed. Messages
name what is wrong and never what was given.
"""

import hashlib
import hmac
from collections.abc import Callable
from enum import StrEnum
from typing import TYPE_CHECKING, Final, NoReturn

from ingress.schemes.parts.encoding import Encoding, decode

if TYPE_CHECKING:
    # Importing cryptography costs start time, and most sources need none of it.
    from ingress.schemes.parts.public_keys import PublicKey

_WHSEC_PREFIX = b"whsec_"
# Standard Webhooks 1.0.0: "at least 24 bytes (192 bits, 512 maximum)".
WHSEC_BYTES_MIN = 24
WHSEC_BYTES_MAX = 64


class Key:
    """One key, decoded once: the bytes of a shared secret, or a public key.

    `kid` is the provider's own name of it, "" where it has none: such a key fits any delivery. It
    is no dataclass, for what walks through dataclasses would walk through this: a copy of a key is
    a key left lying about.
    """

    __slots__ = ("kid", "material")

    def __init__(self, material: "bytes | PublicKey", kid: str = "") -> None:
        self.material: Final = material
        self.kid: Final = kid

    def __repr__(self) -> str:
        return f"Key(hidden, kid={self.kid!r})"

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Key):
            mine, its = self.material, other.material
            if isinstance(mine, bytes) and isinstance(its, bytes):
                return hmac.compare_digest(mine, its) and self.kid == other.kid
        # Left to Python, which asks whether the two are one: of public keys nobody asks more.
        return NotImplemented

    def __hash__(self) -> NoReturn:
        raise TypeError("a key has no hash, for that would be its fingerprint: compare it")

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError("a key is not pickled or copied")


class KeyForm(StrEnum):
    """How the text of a secret is to be read."""

    UTF8 = "utf8"
    TRIM = "trim"
    HEX = "hex"
    BASE64 = "base64"
    WHSEC = "whsec"
    SVIX = "svix"
    """As whsec, of any length: Svix gave out 18 bytes before there was a specification."""
    SHA1 = "sha1"
    """The SHA-1 of the text (Braintree)."""


def key_material(form: KeyForm, secret: bytes) -> bytes:
    """Decode a secret once, when it is loaded. Raises `ValueError` with a hint, never the secret.

    An empty key is refused whatever the form: anybody can sign with it.
    """
    material = _DECODERS[form](secret)
    if not material:
        raise ValueError("the secret is empty; anybody could sign with it")
    return material


def _verbatim(secret: bytes) -> bytes:
    return secret


def _hex(secret: bytes) -> bytes:
    try:
        return decode(Encoding.HEX, secret)
    except ValueError:
        raise ValueError(
            "the secret must be hexadecimal, as the provider shows it: an even number of 0-9, a-f"
        ) from None


def _base64(secret: bytes) -> bytes:
    try:
        return decode(Encoding.BASE64, secret)
    except ValueError:
        raise ValueError(
            "the secret must be base64 with its padding, as the provider shows it"
        ) from None


def _whsec(secret: bytes) -> bytes:
    material = _svix(secret)
    if not WHSEC_BYTES_MIN <= len(material) <= WHSEC_BYTES_MAX:
        raise ValueError(
            f"the secret must hold {WHSEC_BYTES_MIN}-{WHSEC_BYTES_MAX} bytes behind whsec_; "
            f"this one holds {len(material)}"
        )
    return material


def _svix(secret: bytes) -> bytes:
    if secret.startswith((b"whpk_", b"whsk_")):
        raise ValueError("this is an asymmetric key (v1a); a v1 secret begins with whsec_")
    text = secret.removeprefix(_WHSEC_PREFIX)
    # The padding is optional here, and only here.
    text += b"=" * (-len(text) % 4)
    try:
        return decode(Encoding.BASE64, text)
    except ValueError:
        raise ValueError("the secret must be base64 behind whsec_, without blanks") from None


def _sha1(secret: bytes) -> bytes:
    # No signature rests on this hash: it only stretches a key to a length.
    return hashlib.sha1(secret, usedforsecurity=False).digest() if secret else b""


_DECODERS: dict[KeyForm, Callable[[bytes], bytes]] = {
    KeyForm.UTF8: _verbatim,
    KeyForm.TRIM: bytes.strip,
    KeyForm.HEX: _hex,
    KeyForm.BASE64: _base64,
    KeyForm.WHSEC: _whsec,
    KeyForm.SVIX: _svix,
    KeyForm.SHA1: _sha1,
}
