"""Since when a source fails through our fault: what its provider will try again, and not for ever.

Every refusal that may be our fault flows in, with what is known of it; the instant since when the
source fails flows out, whenever somebody looks. There are two kinds, because a stranger can bring
about one of them. What a key has proven is the provider's own: it fails until a delivery is
accepted. Of all else nobody knows whose it is, so it fails only as long as it goes on: a provider
comes again until it is accepted or the time is over for which it tries. When nothing has come for
a third of that time, there was nobody who tries again; and where the keys alone were doubted,
the doubt ends with the suspicion (see `trust`). A burst of forgeries is over when it is over.
"""

QUIET_PARTS = 3
"""The alert comes after half of the horizon: a burst of less than a sixth of it never reaches it. A
wrong key's retries do: where each pause is less than six times all before it, as in every schedule
that is known here, one of them falls into the third before the half."""
QUIET_MIN_MS = 60_000
"""As often things are looked at; less would be seen by nobody."""
UNKNOWN_MS = 24 * 3600 * 1000
"""For how long, where nobody knows how long a provider tries."""


class _Spell:
    """Refusals of one kind that follow each other closely enough. 0 is never."""

    __slots__ = ("latest_ms", "since_ms")

    def __init__(self) -> None:
        self.since_ms = 0
        self.latest_ms = 0

    def note(self, now_ms: int, quiet_ms: int) -> None:
        if not self.at(now_ms, quiet_ms):
            self.since_ms = now_ms
        self.latest_ms = now_ms

    def at(self, now_ms: int, quiet_ms: int) -> int:
        return self.since_ms if now_ms - self.latest_ms < quiet_ms else 0


class Failing:
    """What one source fails with. Times are milliseconds since the epoch, 0 is never."""

    __slots__ = ("_crowded", "_doubted", "_proven_ms", "_quiet_ms")

    def __init__(self) -> None:
        self._proven_ms = 0
        self._doubted = _Spell()
        self._crowded = _Spell()
        self._quiet_ms = UNKNOWN_MS

    def refused(self, now_ms: int, horizon_s: int | None, *, is_proven: bool) -> None:
        """Note a delivery that was refused for want of room, or of the log.

        Its provider tries for `horizon_s`; `is_proven` says that a key proved it.
        """
        if is_proven:
            self._proven_ms = self._proven_ms or now_ms
        else:
            self._crowded.note(now_ms, self._quieten(horizon_s))

    def doubted(self, now_ms: int, horizon_s: int | None) -> None:
        """Note a delivery that did not verify, while the keys are suspected of being wrong."""
        self._doubted.note(now_ms, self._quieten(horizon_s))

    def accepted(self) -> None:
        """Note that a delivery was accepted: what was refused before it comes again, too."""
        if self._proven_ms or self._doubted.latest_ms or self._crowded.latest_ms:
            self._proven_ms = 0
            self._doubted = _Spell()
            self._crowded = _Spell()

    def since_ms(self, now_ms: int, *, is_suspect: bool) -> int:
        """Say since when it fails, or 0; `is_suspect` says that its keys are still doubted."""
        found = (
            self._proven_ms,
            self._crowded.at(now_ms, self._quiet_ms),
            self._doubted.at(now_ms, self._quiet_ms) if is_suspect else 0,
        )
        return min(filter(None, found), default=0)

    def _quieten(self, horizon_s: int | None) -> int:
        if horizon_s is None:
            self._quiet_ms = UNKNOWN_MS
        else:
            self._quiet_ms = max(QUIET_MIN_MS, horizon_s * 1000 // QUIET_PARTS)
        return self._quiet_ms
