"""How often a provider may be asked, and when not at all: one budget for each account. Pure.

A bucket of tokens fills at a steady rate, a fraction of what the provider allows, because the
merchant's own programs ask there too. Who says "later" is left alone for as long as it says; who
does not answer, for longer each time. Nothing here reads a clock.
"""

from dataclasses import dataclass, field

from consumers.fetching.port import Later, Trouble

BURST = 10
PAUSE_MS = 60_000
PAUSE_MAX_MS = 15 * 60_000
# So many questions without an answer, one after the other, are an outage and no accident.
TROUBLES_MAX = 3
# Whoever hears this from one question, need not ask another.
_AT_ONCE = frozenset({Trouble.BUSY, Trouble.REFUSED, Trouble.UNREACHABLE})


@dataclass(slots=True)
class Budget:
    """The tokens of one account, and until when nobody asks."""

    rate_per_s: float
    burst: int = BURST
    _tokens: float = field(default=BURST, init=False)
    _filled_ms: int | None = field(default=None, init=False)
    _paused_until_ms: int = field(default=0, init=False)
    _troubles: int = field(default=0, init=False)

    def take(self, now_ms: int) -> bool:
        """Say whether to ask now, and count it."""
        if self._is_paused(now_ms):
            return False
        self._tokens, self._filled_ms = self._left(now_ms), now_ms
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True

    def used(self, now_ms: int) -> float:
        """Return the share of the tokens that is spent; all, while the provider is left alone."""
        return 1.0 if self._is_paused(now_ms) else 1.0 - self._left(now_ms) / self.burst

    def _is_paused(self, now_ms: int) -> bool:
        # A clock that is set back must not keep everybody waiting.
        return now_ms < self._paused_until_ms <= now_ms + PAUSE_MAX_MS

    def _left(self, now_ms: int) -> float:
        since_ms = now_ms if self._filled_ms is None else self._filled_ms
        filled = self._tokens + max(0, now_ms - since_ms) / 1000 * self.rate_per_s
        return min(float(self.burst), filled)

    def answered(self) -> None:
        """Take an answer for a sign that the provider is there."""
        self._troubles = 0

    def troubled(self, later: Later, now_ms: int) -> None:
        """Leave the provider alone, where it asks for it or is not there."""
        self._troubles += 1
        if later.trouble not in _AT_ONCE and self._troubles < TROUBLES_MAX:
            return
        times = 1 << min(max(0, self._troubles - TROUBLES_MAX), 8)
        wished_ms = int((later.retry_after_s or 0) * 1000)
        pause_ms = min(max(PAUSE_MS * times, wished_ms), PAUSE_MAX_MS)
        self._paused_until_ms = now_ms + pause_ms
