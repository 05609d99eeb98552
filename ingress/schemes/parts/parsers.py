"""Take a signature's text apart: one signature, named fields, or a list of versioned signatures.

A parser returns the signatures of the one version it was told to look for, still as text, and what
else the text says: a timestamp, the names of signed headers. Everything is bounded: a text offers
a handful of candidates, because every candidate is compared with every key.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from ingress.delivery import Reason, Rejected

ITEMS_MAX = 16
# Two live secrets during a rotation make two signatures; five leave room and bound the work.
CANDIDATES_MAX = 5

Fields = Mapping[bytes, Sequence[bytes]]
_NO_FIELDS: Fields = {}


class Parsed(NamedTuple):
    """The candidate signatures, and the other fields by name where the text has some."""

    signatures: list[bytes]
    fields: Fields = _NO_FIELDS


def single(fields: Fields, name: bytes) -> bytes | None:
    """Return a field that comes at most once, None if absent. Raises `Rejected` if it came twice.

    One of two could be judged and the other signed.
    """
    found = fields.get(name, ())
    if len(found) > 1:
        raise Rejected(Reason.HEADER_MALFORMED)
    return found[0] if found else None


@dataclass(frozen=True, slots=True)
class Plain:
    """The whole text is one signature behind a fixed prefix, which names the algorithm."""

    prefix: bytes = b""

    def parse(self, text: bytes) -> Parsed:
        """Return the signature. Raises `Rejected` for an empty text or another prefix."""
        if not text.startswith(self.prefix):
            raise Rejected(Reason.VERSION_UNSUPPORTED if text else Reason.HEADER_MALFORMED)
        return Parsed([text[len(self.prefix) :]])


@dataclass(frozen=True, slots=True)
class Named:
    """``t=1760000000,v1=<signature>,v1=<signature>``: fields `key` are signatures.

    `assign` stands between a name and its value.
    """

    separator: bytes
    key: bytes
    assign: bytes = b"="

    def parse(self, text: bytes) -> Parsed:
        """Return the signatures and the fields. Raises `Rejected` unless all is well formed."""
        fields: dict[bytes, list[bytes]] = {}
        for item in _items(text, self.separator):
            name, assigned, value = item.partition(self.assign)
            if not assigned:
                raise Rejected(Reason.HEADER_MALFORMED)
            if name in fields:
                fields[name].append(value)
            else:
                fields[name] = [value]
        return Parsed(bounded(fields.get(self.key, [])), fields)


@dataclass(frozen=True, slots=True)
class Versions:
    """``v1,<signature> v1a,<signature>``: a list in which each signature names its version."""

    separator: bytes
    version: bytes

    def parse(self, text: bytes) -> Parsed:
        """Return the signatures of our version. Raises `Rejected` unless all is well formed."""
        signatures: list[bytes] = []
        for item in _items(text, self.separator):
            version, comma, value = item.partition(b",")
            if not comma:
                raise Rejected(Reason.HEADER_MALFORMED)
            if version == self.version:
                signatures.append(value)
        return Parsed(bounded(signatures))


Parser = Plain | Named | Versions


def bounded(signatures: list[bytes]) -> list[bytes]:
    """Refuse none (only other versions were offered: no downgrade) and too many."""
    if not signatures:
        raise Rejected(Reason.VERSION_UNSUPPORTED)
    if len(signatures) > CANDIDATES_MAX:
        raise Rejected(Reason.HEADER_MALFORMED)
    return signatures


def _items(text: bytes, separator: bytes) -> list[bytes]:
    items = text.split(separator, ITEMS_MAX)
    if len(items) > ITEMS_MAX:
        raise Rejected(Reason.HEADER_MALFORMED)
    return items
