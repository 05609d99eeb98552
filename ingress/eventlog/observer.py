"""What a publisher tells whoever watches it: closed words, because each is a metric's label.

A publisher knows nothing of metrics; whoever makes it hands an `Observer` in. It is told once for
each batch, not for each message, and from the publisher's own loop: it must neither wait nor fail.
"""

from enum import StrEnum
from typing import Protocol


class Outcome(StrEnum):
    """What became of a message."""

    ACKED = "acked"
    """All in-sync replicas, or the disk, have it."""
    REJECTED = "rejected"
    """It was not sent: the log is away, or the queue is full, or its turn did not come in time."""
    UNKNOWN = "unknown"
    """It was sent and not confirmed in time."""
    REFUSED = "refused"
    """The log will never take it."""


class Rebuild(StrEnum):
    """Why a producer was thrown away and made anew."""

    REFUSED = "refused"
    """The broker refused a batch for its content or for our rights."""
    FAILED = "failed"
    """A batch failed for another reason: its sequence numbers are lost."""
    SILENT = "silent"
    """A batch was sent again and again and never confirmed."""
    ENDED = "ended"
    """The producer's own task came to an end."""
    AGE = "age"
    """It was old: nothing was wrong."""
    RECORDS = "records"
    """Its sequence numbers would have run out: nothing was wrong."""
    ACCESS = "access"
    """A password or a certificate was replaced: nothing was wrong."""


class Observer(Protocol):
    """Whoever watches a publisher."""

    def published(self, outcome: Outcome, count: int) -> None:
        """Hear that so many messages ended so."""

    def waiting(self, count: int, size_bytes: int) -> None:
        """Hear how many messages are with the publisher now."""

    def breaker(self, *, is_open: bool) -> None:
        """Hear that the breaker was opened, and nobody waits for the log any more; or closed."""

    def rebuilt(self, reason: Rebuild) -> None:
        """Hear that a producer was thrown away."""


class Unobserved:
    """Nobody watches."""

    def published(self, outcome: Outcome, count: int) -> None:
        """Say nothing."""

    def waiting(self, count: int, size_bytes: int) -> None:
        """Say nothing."""

    def breaker(self, *, is_open: bool) -> None:
        """Say nothing."""

    def rebuilt(self, reason: Rebuild) -> None:
        """Say nothing."""
