"""What a part of a message may draw on, and what it says about the body it was drawn from."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Protocol

from ingress.schemes.parts import lexemes
from ingress.schemes.parts.view import View


class Covers(IntEnum):
    """How much of a delivery's content is under the signature, weakest first."""

    NOTHING = 0
    FIELDS = 1
    """Some values: the rest may be changed by anybody."""
    CANONICAL = 2
    """All that carries content, in another form than the bytes sent."""
    BODY = 3
    """The bytes sent."""


@dataclass(slots=True)
class Scope:
    """A delivery with what its signature's text told: the timestamp, and the other fields.

    `root` is the JSON value that pointers count from, where that is not the whole body.
    """

    view: View
    stamp: bytes = b""
    fields: Mapping[bytes, Sequence[bytes]] = field(default_factory=dict)
    root: lexemes.Node | None = None


class Part(Protocol):
    """One part of a message."""

    @property
    def covers(self) -> Covers:
        """Say what of the content this part brings under the signature."""

    def render(self, scope: Scope) -> bytes:
        """Return the part's bytes. Raises `Rejected` where the delivery lacks them."""
