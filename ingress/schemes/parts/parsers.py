"""Take a signature header apart: one signature, named fields, or a list of versioned signatures.

A parser returns the signatures of the one version it was told to look for, still as text, and the
timestamp if it travels in the same header. Everything is bounded: a header offers a handful of
candidates, because every candidate is compared with every key.
"""

from dataclasses import dataclass

from ingress.delivery import Reason, Rejected

ITEMS_MAX = 16
# Two live secrets during a rotation make two signatures; five leave room and bound the work.
CANDIDATES_MAX = 5

Parsed = tuple[list[bytes], bytes | None]
"""The candidate signatures, and the timestamp where the header carries one."""


@dataclass(frozen=True, slots=True)
class Plain:
    """The whole header is one signature behind a fixed prefix, which names the algorithm."""

    prefix: bytes = b""

    def parse(self, header: bytes) -> Parsed:
        """Return the signature. Raises `Rejected` for an empty header or another prefix."""
        if not header.startswith(self.prefix):
            raise Rejected(Reason.VERSION_UNSUPPORTED if header else Reason.HEADER_MALFORMED)
        return [header[len(self.prefix) :]], None


@dataclass(frozen=True, slots=True)
class Fields:
    """``t=1760000000,v1=<signature>,v1=<signature>``: fields `key` are signatures, others are not.

    `timestamp` names the field that carries it, if one does.
    """

    separator: bytes
    key: bytes
    timestamp: bytes | None = None

    def parse(self, header: bytes) -> Parsed:
        """Return the signatures and the timestamp. Raises `Rejected` unless all is well formed."""
        signatures: list[bytes] = []
        timestamps: list[bytes] = []
        for item in _items(header, self.separator):
            name, equals, text = item.partition(b"=")
            if not equals:
                raise Rejected(Reason.HEADER_MALFORMED)
            if name == self.key:
                signatures.append(text)
            elif name == self.timestamp:
                timestamps.append(text)
        if len(timestamps) > 1:
            raise Rejected(Reason.HEADER_MALFORMED)
        return _bounded(signatures), timestamps[0] if timestamps else None


@dataclass(frozen=True, slots=True)
class Versions:
    """``v1,<signature> v1a,<signature>``: a list in which each signature names its version."""

    separator: bytes
    version: bytes

    def parse(self, header: bytes) -> Parsed:
        """Return the signatures of our version. Raises `Rejected` unless all is well formed."""
        signatures: list[bytes] = []
        for item in _items(header, self.separator):
            version, comma, text = item.partition(b",")
            if not comma:
                raise Rejected(Reason.HEADER_MALFORMED)
            if version == self.version:
                signatures.append(text)
        return _bounded(signatures), None


Parser = Plain | Fields | Versions


def _items(header: bytes, separator: bytes) -> list[bytes]:
    items = header.split(separator, ITEMS_MAX)
    if len(items) > ITEMS_MAX:
        raise Rejected(Reason.HEADER_MALFORMED)
    return items


def _bounded(signatures: list[bytes]) -> list[bytes]:
    """Refuse none (only other versions were offered: no downgrade) and too many."""
    if not signatures:
        raise Rejected(Reason.VERSION_UNSUPPORTED)
    if len(signatures) > CANDIDATES_MAX:
        raise Rejected(Reason.HEADER_MALFORMED)
    return signatures
