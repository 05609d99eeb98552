"""The bytes a signature speaks for, as a template: ``{header:webhook-id}.{timestamp}.{body}``.

A part in braces stands for bytes exactly as they were received; the rest is literal. Two different
deliveries must never make the same message, so a header's value may not contain the literal that
ends it: otherwise ``a`` + ``.`` + ``b.c`` and ``a.b`` + ``.`` + ``c`` would share a signature.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from ingress.delivery import Reason, Rejected
from ingress.schemes.parts import headers

_PART = re.compile(r"\{([^{}]*)\}")
_HEADER = re.compile(r"header:([a-z0-9-]+)")


class Kind(StrEnum):
    """What a part of a message stands for."""

    LITERAL = "literal"
    TIMESTAMP = "timestamp"
    BODY = "body"
    HEADER = "header"


# Looked up for every part of every delivery, which an enumeration makes slow.
_LITERAL, _BODY, _TIMESTAMP = Kind.LITERAL, Kind.BODY, Kind.TIMESTAMP


class Part(NamedTuple):
    """One part. `text` is the literal, or the header's name; `end` is the literal that follows."""

    kind: Kind
    text: bytes = b""
    end: bytes = b""


@dataclass(frozen=True, slots=True)
class Message:
    """A template, taken apart once; `headers` are those of its parts that are headers."""

    parts: tuple[Part, ...]
    headers: tuple[Part, ...]

    def has(self, kind: Kind) -> bool:
        """Say whether a part of this kind is signed."""
        return any(part.kind is kind for part in self.parts)

    @property
    def header_names(self) -> tuple[bytes, ...]:
        """The headers whose values are signed."""
        return tuple(part.text for part in self.headers)

    def read(self, index: Mapping[bytes, bytes]) -> Mapping[bytes, bytes]:
        """Take the signed headers' values from all headers. Raises `Rejected` if one is unfit."""
        found = {}
        for part in self.headers:
            text = headers.value(index, part.text, Reason.HEADER_MISSING)
            if not text or (part.end and part.end in text):
                raise Rejected(Reason.HEADER_MALFORMED)
            found[part.text] = text
        return found

    def render(self, timestamp: bytes, values: Mapping[bytes, bytes], body: bytes) -> bytes:
        """Put the message together from what was received."""
        pieces = []
        for kind, text, _ in self.parts:
            if kind is _LITERAL:
                pieces.append(text)
            elif kind is _BODY:
                pieces.append(body)
            else:
                pieces.append(timestamp if kind is _TIMESTAMP else values[text])
        return b"".join(pieces)


def compile_message(template: str) -> Message:
    """Take a template apart. Raises `ValueError` saying which part is not understood."""
    pieces = _PART.split(template)
    if any("{" in piece or "}" in piece for piece in pieces):
        raise ValueError("a brace is left open; write parts as {timestamp}, {body}, {header:name}")
    parts: list[Part] = []
    # `split` with one group alternates: literal, part, literal, part, literal.
    for index, piece in enumerate(pieces):
        if index % 2:
            parts.append(_part(piece, pieces[index + 1].encode()))
        elif piece:
            parts.append(Part(Kind.LITERAL, piece.encode()))
    return Message(tuple(parts), tuple(part for part in parts if part.kind is Kind.HEADER))


def _part(name: str, end: bytes) -> Part:
    if name in {Kind.TIMESTAMP, Kind.BODY}:
        return Part(Kind(name), end=end)
    header = _HEADER.fullmatch(name)
    if header is None:
        raise ValueError(
            f"{{{name}}} is no part of a message; "
            "there are {timestamp}, {body} and {header:name} (lower case)"
        )
    return Part(Kind.HEADER, header[1].encode(), end)
