"""Whether a key can go: one pure judgement, from what the keys of a source have proven, and when.

An old key is safe to retire when another key of its source proves deliveries, and the old one has
proven none for as long as the provider goes on retrying. Some providers sign a retry anew, with the
key of the moment; others send the signature again that they made at first (Razorpay). The whole
horizon is the bound that is safe for both.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from ingress.keyring import Status

UNKNOWN_HORIZON_S = 7 * 86_400
"""Where nobody knows how long a provider retries: longer than all but two of those that say it."""

HORIZON_MIN_S = 3_600
"""Providers switch a key over on many machines, and people press "redeliver": no horizon is
shorter than this, though some providers give up after seconds."""


class Verdict(StrEnum):
    """What can be said of a key."""

    IN_USE = "in use"
    WAIT = "wait"
    SAFE = "safe to retire"
    SILENT = "safe to revoke"
    """Retired already, and silent."""
    ONLY = "the only key"
    NEVER = "never used"
    UNPROVEN = "no successor yet"
    """Another key is there, and has proven nothing: nobody knows that the provider has it."""
    UNKNOWN = "unknown"
    PENDING = "not open yet"
    CLOSED = "closed"
    REVOKED = "revoked"


RETIRABLE = frozenset({Verdict.SAFE, Verdict.SILENT, Verdict.CLOSED})
"""Verdicts after which a key is missed by nobody."""


@dataclass(frozen=True, slots=True)
class Held:
    """A verifying key, and what it has proven. `last_ms` is None where it has proven nothing.

    `is_known` says whether that is the whole story.
    """

    id: str
    status: Status = Status.ACTIVE
    not_before_ms: int | None = None
    not_after_ms: int | None = None
    last_ms: int | None = None
    is_known: bool = True

    def opens_later(self, now_ms: int) -> bool:
        """Say whether the window is still to open."""
        return self.not_before_ms is not None and now_ms < self.not_before_ms

    def has_closed(self, now_ms: int) -> bool:
        """Say whether the window is past."""
        return self.not_after_ms is not None and now_ms >= self.not_after_ms

    def is_successor(self, now_ms: int) -> bool:
        """Say whether a source can rely on it alone."""
        is_open = not self.opens_later(now_ms) and not self.has_closed(now_ms)
        return self.status is Status.ACTIVE and is_open


@dataclass(frozen=True, slots=True)
class Judged:
    """The verdict, and where it is to wait, until when."""

    verdict: Verdict
    until_ms: int | None = None


def horizon_s(retry_horizon_s: int | None) -> int:
    """Return how long a key must be silent, for a provider that retries so long (None: unknown)."""
    if retry_horizon_s is None:
        return UNKNOWN_HORIZON_S
    return max(retry_horizon_s, HORIZON_MIN_S)


def judge(key: Held, others: Sequence[Held], silent_s: int, now_ms: int, told_ms: int) -> Judged:
    """Judge one key beside the other verifying keys of its source.

    `silent_s` is `horizon_s`. `told_ms` is the instant up to which what the keys have proven is
    known: silence behind it is only a want of news.
    """
    if verdict := _out_of_service(key, now_ms):
        return Judged(verdict)
    successors = [other for other in others if other.is_successor(now_ms)]
    if not successors:
        return Judged(Verdict.ONLY)
    if not key.is_known:
        return Judged(Verdict.UNKNOWN)
    if key.last_ms is None:
        return Judged(Verdict.NEVER)
    latest_ms = max((one.last_ms for one in successors if one.last_ms is not None), default=None)
    if latest_ms is None:
        is_known = all(one.is_known for one in successors)
        return Judged(Verdict.UNPROVEN if is_known else Verdict.UNKNOWN)
    if latest_ms <= key.last_ms:
        return Judged(Verdict.IN_USE)
    until_ms = key.last_ms + silent_s * 1000
    if told_ms < until_ms:
        return Judged(Verdict.WAIT, until_ms)
    return Judged(Verdict.SAFE if key.status is Status.ACTIVE else Verdict.SILENT)


def _out_of_service(key: Held, now_ms: int) -> Verdict | None:
    if key.status is Status.REVOKED:
        return Verdict.REVOKED
    if key.has_closed(now_ms):
        return Verdict.CLOSED
    return Verdict.PENDING if key.opens_later(now_ms) else None
