"""How much the journal may still take: its own limit, and what the disk must keep for others."""

from collections.abc import Callable
from dataclasses import dataclass

from ingress.eventlog.journal_files import Directory

# Looking costs some 50 microseconds: at most this often.
LOOK_S = 0.1
# A large record may find no room where a small one still does: full is told for this long after.
FULL_S = 1.0


@dataclass(frozen=True, slots=True)
class Limits:
    """What an operator allows a journal, of all workers of the machine together."""

    bytes_max: int
    free_bytes_min: int


class Room:
    """Says whether the journal takes so many bytes more; what was taken counts until it is seen."""

    def __init__(self, directory: Directory, limits: Limits, clock_s: Callable[[], float]) -> None:
        self._directory = directory
        self._limits = limits
        self._clock_s = clock_s
        self._look_at_s = 0.0
        self._full_until_s = 0.0
        self._left_bytes = 0
        self._why = "the journal has not been opened"
        self.size_bytes = 0

    def lacks(self, wanted_bytes: int = 0) -> str:
        """Return what is in the way of so many bytes more; empty where nothing is."""
        now_s = self._clock_s()
        if now_s >= self._look_at_s:
            self._look_at_s = now_s + LOOK_S
            self._look()
        if wanted_bytes < self._left_bytes:
            return ""
        self._full_until_s = now_s + FULL_S
        return self._why

    def is_full(self) -> bool:
        """Say whether something was lately not taken, or would not be."""
        return bool(self.lacks()) or self._clock_s() < self._full_until_s

    def take(self, taken_bytes: int) -> None:
        """Note what was taken since the last look."""
        self._left_bytes -= taken_bytes

    def _look(self) -> None:
        try:
            self.size_bytes = self._directory.size_bytes()
            free_bytes = self._directory.free_bytes() - self._limits.free_bytes_min
        except OSError as error:
            self._left_bytes = 0
            self._why = f"the journal's directory cannot be read ({error}): check its disk"
            return
        allowed_bytes = self._limits.bytes_max - self.size_bytes
        self._left_bytes = min(allowed_bytes, free_bytes)
        self._why = (
            "the journal is full: bring Kafka back, or raise bytes_max"
            if allowed_bytes <= free_bytes
            else "the journal's disk is as full as free_bytes_min allows: make room"
        )
