"""Which of the kept deliveries are meant: the flags as typed, apart from all that answers them."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Selection:
    """Every kept delivery for which all that is said here holds."""

    source: str = ""
    """Only what was sent to this source: its slug."""

    reason: str = ""
    """Only what was refused for this reason, such as no_matching_signature."""

    since: str = ""
    """Only what was received then or later: ISO 8601 or epoch seconds."""

    until: str = ""
    """Only what was received before."""

    id: tuple[str, ...] = ()
    """Only the delivery of this id, the correlation id of its refusal; may be repeated."""
