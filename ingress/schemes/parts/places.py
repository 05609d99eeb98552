"""Where a text stands in a delivery: one spelling for it, wherever a profile names a place.

``/data/id`` is a JSON pointer into the body, ``header:x-id`` a request header, ``form:id`` a field
of a form body, ``query:id`` a parameter of the query. Pure: a place says where, and `View` looks.
"""

import re
from enum import StrEnum
from typing import NamedTuple

from ingress.schemes.parts import pointer

_HEADER = re.compile(r"[a-z][a-z0-9-]{0,63}\*?")
_PATH = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z0-9_]+)*")
_NAME = re.compile(r"[!-~]{1,64}")


class Kind(StrEnum):
    """The parts of a delivery in which a text can stand."""

    JSON = "json"
    HEADER = "header"
    FORM = "form"
    QUERY = "query"


class Place(NamedTuple):
    """One place: `name` of the header, field or parameter, or `tokens` of the pointer."""

    kind: Kind
    name: str = ""
    tokens: pointer.Tokens = ()

    @property
    def header(self) -> bytes:
        """The header's name as a delivery has it; empty for any other place."""
        return self.name.encode() if self.kind is Kind.HEADER else b""

    def __str__(self) -> str:
        if self.kind is Kind.JSON:
            return pointer.render(self.tokens)
        return f"{self.kind}:{self.name}"


def parse(text: str) -> Place:
    """Take a place apart. Raises `ValueError` saying what one looks like."""
    if text.startswith("/"):
        return Place(Kind.JSON, tokens=pointer.parse(text))
    kind, colon, name = text.partition(":")
    if kind == Kind.HEADER and _HEADER.fullmatch(name.lower()):
        return Place(Kind.HEADER, name.lower())
    if colon and kind in {Kind.FORM, Kind.QUERY} and _NAME.fullmatch(name):
        return Place(Kind(kind), name)
    raise ValueError(
        f"{text!r} is no place; there are /json/pointer, header:x-name, form:name and query:name"
        + _meant(text)
    )


def _meant(text: str) -> str:
    """Guess the pointer that was meant by ``id``, ``data.id`` or ``$.data.id``."""
    path = text.removeprefix("$").removeprefix(".")
    return f"; did you mean '/{path.replace('.', '/')}'?" if _PATH.fullmatch(path) else ""
