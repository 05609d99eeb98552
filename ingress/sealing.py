"""Sealing: what is refused is kept so that only who holds a key file can read it.

A refused `Delivery` flows in and its bytes flow out, whole: `serialise` keeps every octet, order
and repetition, because it is to be verified again. `Seals` encrypts them with the first configured
key, and opens what any of them sealed; a record says by which key, so that a new key can go in
front and the old one stay behind until what it sealed is gone. `about` says where a record belongs:
it is not in the sealed bytes, and one that was moved to another place does not open there. Without
a key the bytes are kept as they are, and what may be kept so is the quarantine's to decide.
"""

import base64
import binascii
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from ingress import secretfiles
from ingress.delivery import Delivery
from ingress.keyring import Key, Keyring, Secret
from ingress.settings import ConfigurationInvalid, Mistake, QuarantineKeySettings
from ingress.settings import QuarantineSettings as Settings

if TYPE_CHECKING:
    # Cryptography costs start time, and is imported only where a key is configured.
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

KEY_BYTES = 32
# Random nonces of 96 bits are safe for 2^32 records of one key (NIST SP 800-38D, 8.3): five years
# of the largest quarantine there is by default, 2 GiB a day in records of 1 KiB.
_NONCE_BYTES = 12

_VERSION = b"\x01"
_TIME_BYTES = 8
_LENGTH_BYTES = 4
_PARTS_MIN = len(("source", "method", "url", "address", "query", "body"))
_CUT = "what is kept is cut off"
# A method may hold what the request line held and no UTF-8 does; it comes back as it was.
_TEXT = ("utf-8", "surrogatepass")


@dataclass(frozen=True, slots=True)
class Seals:
    """The keys of the quarantine by their ids; the first seals, all of them open."""

    _ciphers: Mapping[str, "AESGCM"] = field(default_factory=dict, repr=False)

    def __bool__(self) -> bool:
        """Say whether anything is sealed at all."""
        return bool(self._ciphers)

    def seal(self, content: bytes, about: bytes) -> tuple[str, bytes]:
        """Return the id of the key and what it sealed; without a key, "" and the content."""
        seal_id = next(iter(self._ciphers), "")
        if not seal_id:
            return "", content
        nonce = os.urandom(_NONCE_BYTES)
        return seal_id, nonce + self._ciphers[seal_id].encrypt(nonce, content, about)

    def open(self, seal_id: str, sealed: bytes, about: bytes) -> bytes:
        """Return the content. Raises `ValueError`, saying what to do."""
        if not seal_id:
            return sealed
        cipher = self._ciphers.get(seal_id)
        if cipher is None:
            raise ValueError(
                f"it is sealed with the key {seal_id!r}, which is not configured: add it as a "
                "[[quarantine.key]], behind the one that seals"
            )
        from cryptography.exceptions import InvalidTag

        nonce, encrypted = sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:]
        try:
            return cipher.decrypt(nonce, encrypted, about)
        except (InvalidTag, ValueError):
            raise ValueError(
                f"the key {seal_id!r} does not open it: its file holds another key than sealed "
                "it, or the record was changed or moved here from another place"
            ) from None


def seals(settings: Settings, base: Path) -> Seals:
    """Read the keys' files, counted from `base`. Raises `ConfigurationInvalid`, with all faults."""
    if not settings.key:
        return Seals()
    mistakes: list[Mistake] = []
    found: list[Key] = []
    for setting in settings.key:
        try:
            found.append(_key(setting, base))
        except ValueError as wrong:
            mistakes.append(Mistake(f"quarantine.key {setting.id!r}", str(wrong)))
    try:
        Keyring(tuple(found))
    except ValueError as wrong:
        mistakes.append(Mistake("quarantine.key", str(wrong)))
    if mistakes:
        raise ConfigurationInvalid(mistakes)
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    return Seals({key.id: AESGCM(key.secret.reveal()) for key in found})


def new_key() -> bytes:
    """Return the content of a new key's file."""
    return base64.b64encode(os.urandom(KEY_BYTES)) + b"\n"


def _key(setting: QuarantineKeySettings, base: Path) -> Key:
    """Read one key. Raises `ValueError`."""
    written = secretfiles.read_secret_file(base, setting.file)
    try:
        raw = base64.b64decode(written, validate=True)
    except binascii.Error:
        raw = b""
    if len(raw) != KEY_BYTES:
        raise ValueError(
            f"the file named there does not hold {KEY_BYTES} bytes in base64; "
            "`sealgate quarantine new-key` writes one that does"
        )
    return Key(setting.id, Secret(raw))


def serialise(delivery: Delivery) -> bytes:
    """Write a delivery so that `deserialise` returns it to the byte."""
    texts = (delivery.source, delivery.method, delivery.url, delivery.address)
    parts = [
        *(text.encode(*_TEXT) for text in texts),
        delivery.query,
        delivery.body,
        *(part for header in delivery.headers for part in header),
    ]
    when = delivery.received_ms.to_bytes(_TIME_BYTES, "big", signed=True)
    framed = (_length(len(part)) + part for part in parts)
    return b"".join((_VERSION, when, _length(len(parts)), *framed))


def deserialise(content: bytes) -> Delivery:
    """Read a delivery back. Raises `ValueError` for what `serialise` did not write."""
    if not content.startswith(_VERSION):
        raise ValueError("what is kept is of a version that is not known here: upgrade this one")
    begin = len(_VERSION) + _TIME_BYTES
    parts = _parts(content, begin)
    if len(parts) % 2 or len(parts) < _PARTS_MIN:
        raise ValueError("what is kept was not written by Sealgate")
    source, method, url, address = (part.decode(*_TEXT) for part in parts[:4])
    return Delivery(
        source=source,
        method=method,
        query=parts[4],
        headers=tuple(zip(parts[6::2], parts[7::2], strict=True)),
        body=parts[5],
        received_ms=int.from_bytes(content[len(_VERSION) : begin], "big", signed=True),
        url=url,
        address=address,
    )


def _length(number: int) -> bytes:
    return number.to_bytes(_LENGTH_BYTES, "big")


def _parts(content: bytes, begin: int) -> list[bytes]:
    """Split what is framed by lengths. Raises `ValueError` unless all of it is there."""
    parts = []
    number, begin = _read_length(content, begin)
    for _ in range(number):
        length, begin = _read_length(content, begin)
        parts.append(content[begin : begin + length])
        begin += length
        if begin > len(content):
            raise ValueError(_CUT)
    if begin != len(content):
        raise ValueError("what is kept is longer than it was")
    return parts


def _read_length(content: bytes, at: int) -> tuple[int, int]:
    """Return a length, and where it ends."""
    end = at + _LENGTH_BYTES
    if end > len(content):
        raise ValueError(_CUT)
    return int.from_bytes(content[at:end], "big"), end
