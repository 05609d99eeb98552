"""The bytes a signature speaks for, as a template: ``{header:webhook-id}.{timestamp}.{body}``.

A part in braces stands for bytes of the delivery; the rest is literal. Two different deliveries
must never make the same message, so a header's value may not contain the literal that ends it:
otherwise ``a`` + ``.`` + ``b.c`` and ``a.b`` + ``.`` + ``c`` would share a signature. Where a
provider signs another form of its body than the bytes it sent, a part of `rewritten` makes it.
"""

import difflib
import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from enum import StrEnum

from ingress.schemes.parts import rewritten, simple
from ingress.schemes.parts.headers import Index
from ingress.schemes.parts.scope import Covers, Part, Scope

_PART = re.compile(r"\{([^{}]*)\}")


class Secret(StrEnum):
    """Where the secret itself stands in the message of a plain hash."""

    HERE = "secret"


Pieces = tuple[bytes, ...]
"""A message; of one with the secret in it, what stands before, between and behind the secret."""


@dataclass(frozen=True, slots=True)
class Message:
    """A template, taken apart once: a row of parts for every stretch without the secret."""

    stretches: tuple[tuple[Part, ...], ...]
    headers: tuple[simple.Header, ...] = field(init=False)
    covers: Covers = field(init=False)
    is_body: bool = field(init=False)
    renders: tuple[tuple[Callable[[Scope], bytes], ...], ...] = field(init=False)

    def __post_init__(self) -> None:
        parts = [part for stretch in self.stretches for part in stretch]
        headers = tuple(part for part in parts if isinstance(part, simple.Header))
        object.__setattr__(self, "headers", headers)
        covers = max((part.covers for part in parts), default=Covers.NOTHING)
        object.__setattr__(self, "covers", covers)
        object.__setattr__(self, "is_body", self.stretches == ((simple.Body(),),))
        renders = tuple(tuple(part.render for part in row) for row in self.stretches)
        object.__setattr__(self, "renders", renders)

    @property
    def is_timed(self) -> bool:
        """Say whether the timestamp is signed, as the part that stands for it."""
        return self.has(simple.Timestamp)

    @property
    def has_secret(self) -> bool:
        """Say whether the secret is a part of the message."""
        return len(self.stretches) > 1

    @property
    def parts(self) -> tuple[Part, ...]:
        """Every part but the secret, in order."""
        return tuple(part for stretch in self.stretches for part in stretch)

    def has(self, kind: type) -> bool:
        """Say whether a part of this kind is signed."""
        return any(isinstance(part, kind) for part in self.parts)

    @property
    def header_names(self) -> tuple[bytes, ...]:
        """The headers whose values are signed."""
        return tuple(part.name for part in self.headers)

    def precheck(self, index: Index) -> None:
        """Look at the signed headers. Raises `Rejected` if one is missing or unfit."""
        for part in self.headers:
            part.read(index)

    def render(self, scope: Scope) -> Pieces:
        """Put the message together from what was received. Raises `Rejected`."""
        if self.is_body:
            return (scope.view.delivery.body,)
        return tuple([b"".join([render(scope) for render in row]) for row in self.renders])


def compile_message(template: str) -> Message:
    """Take a template apart. Raises `ValueError` saying which part is not understood."""
    pieces = _PART.split(template)
    if any("{" in piece or "}" in piece for piece in pieces):
        raise ValueError("a brace is left open; write parts as {timestamp}, {body}, {header:name}")
    stretches: list[list[Part]] = [[]]
    # `split` with one group alternates: literal, part, literal, part, literal.
    for index, piece in enumerate(pieces):
        if index % 2 == 0:
            if piece:
                stretches[-1].append(simple.Literal(piece.encode()))
        elif piece == Secret.HERE:
            stretches.append([])
        else:
            stretches[-1].append(_part(piece, pieces[index + 1].encode()))
    return Message(tuple(tuple(row) for row in stretches))


_PARTS: dict[str, Callable[[str], Part]] = simple.PARTS | rewritten.PARTS


def _part(text: str, end: bytes) -> Part:
    name, _, argument = text.partition(":")
    make = _PARTS.get(name)
    if make is None:
        known = ", ".join(sorted([*_PARTS, Secret.HERE]))
        near = difflib.get_close_matches(name, [*_PARTS, Secret.HERE], n=1)
        hint = f"; did you mean {{{near[0]}}}?" if near else ""
        raise ValueError(f"{{{text}}} is no part of a message; there are {known}{hint}")
    try:
        part = make(argument)
    except ValueError as wrong:
        raise ValueError(f"{{{text}}}: {wrong}") from None
    return replace(part, end=end) if isinstance(part, simple.Header) else part
