"""What a connection and the edge know of each other: a request goes over, an answer comes back.

A `Line` tells of its head to the `Owner`, who answers at once or returns a `Taker`; the taker is
told of the body, and answers the line. Neither side waits for the other: each of these is one call.
"""

from typing import Protocol

from ingress.clients import Certificate
from ingress.metrics import EdgeMetrics
from ingress.parser import Asked
from ingress.settings import EdgeSettings


class Line(Protocol):
    """What a taker needs of the connection that its request came by."""

    peer: str
    """The address at its other end."""
    certificate: Certificate | None
    """What the client showed, and the handshake has verified."""
    is_last: bool
    """Whether the connection ends behind the request under way."""

    def write(self, data: bytes) -> None:
        """Write, if the client is still there."""

    def answer(self, written: bytes, *, is_last: bool) -> None:
        """Write the answer to the request under way, and go on with the next one."""

    def abort(self) -> None:
        """Drop the connection, and what is not written yet."""


class Taker(Protocol):
    """One request under way: it is told of its body, and answers its connection once."""

    def takes(self, size: int) -> bool:
        """Make room for so many bytes of the body; False if the request was answered instead."""

    def waits(self) -> None:
        """Hear that the rest of the body has not arrived yet."""

    def whole(self, body: bytes) -> None:
        """Go on with the whole body."""

    def broken(self) -> None:
        """End, because the rest of the body will not come."""

    def late(self) -> None:
        """End, because the rest of the body took too long."""


class Owner(Protocol):
    """What a connection needs of the edge that it belongs to."""

    settings: EdgeSettings
    metrics: EdgeMetrics

    def takes(self, line: Line, asked: Asked) -> Taker | None:
        """Begin a request; None if its head was enough to answer it."""

    def malformed(self, line: Line) -> None:
        """Answer what is no request."""
