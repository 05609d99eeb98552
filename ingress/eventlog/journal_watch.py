"""What a journal tells whoever watches it: counts as they happen, and now and then a log line.

Nothing is said for each record. What waits for more than a moment is said once, and once that it is
gone; what waits for too long is an error once a minute, because then somebody has to act.
"""

from dataclasses import dataclass
from typing import Protocol

from ingress.telemetry import Log

# Always mode passes everything through the journal: only what stays is worth a line.
BEGUN_AGE_MS = 1_000
ALARM_EVERY_MS = 60_000


@dataclass(frozen=True, slots=True)
class State:
    """What waits in a journal now: `size_bytes` of all workers, the rest of this process."""

    records: int
    size_bytes: int
    oldest_ms: int | None
    is_full: bool


class Observer(Protocol):
    """Whoever counts what a journal does; must neither wait nor fail."""

    def appended(self) -> None:
        """Hear that a record is on the disk."""

    def drained(self, count: int) -> None:
        """Hear that so many records are with Kafka."""

    def refused(self, count: int) -> None:
        """Hear that Kafka did not take so many records, and that they are kept aside."""

    def damaged(self, count: int) -> None:
        """Hear that so many records were not as they were written."""


class Teller:
    """Writes the log lines about a journal's state."""

    def __init__(self, log: Log, alarm_age_s: float) -> None:
        self._log = log
        self._alarm_age_ms = int(alarm_age_s * 1000)
        self._begun_ms: int | None = None
        self._alarm_at_ms = 0
        self._was_full = False

    def look(self, state: State, now_ms: int) -> None:
        """Say what is new."""
        self._tell_backlog(state, now_ms)
        self._tell_age(state, now_ms)
        if state.is_full and not self._was_full:
            self._log.error(
                "journal_full", size_bytes=state.size_bytes, do="bring Kafka back, or make room"
            )
        elif self._was_full and not state.is_full:
            self._log.info("journal_has_room", size_bytes=state.size_bytes)
        self._was_full = state.is_full

    def _tell_backlog(self, state: State, now_ms: int) -> None:
        if self._begun_ms is None:
            if state.oldest_ms is not None and now_ms - state.oldest_ms >= BEGUN_AGE_MS:
                self._begun_ms = state.oldest_ms
                self._log.warning("journal_begun", records=state.records)
        elif not state.records:
            self._log.info("journal_drained", lasted_s=(now_ms - self._begun_ms) / 1000)
            self._begun_ms = None

    def _tell_age(self, state: State, now_ms: int) -> None:
        if state.oldest_ms is None:
            return
        age_ms = now_ms - state.oldest_ms
        if age_ms >= self._alarm_age_ms and now_ms >= self._alarm_at_ms:
            self._alarm_at_ms = now_ms + ALARM_EVERY_MS
            self._log.error(
                "journal_old",
                age_s=age_ms // 1000,
                records=state.records,
                do="Kafka does not take what was acknowledged: bring it back",
            )
