"""When a delivery was signed, and whether that is close enough to its receipt.

Syntax is checked early and on bytes, because `int` also reads ``+1``, ``1_0`` and digits of other
scripts. Age is judged last and in both directions: until the signature holds, the timestamp is only
a claim, and a timestamp far ahead would keep a captured delivery alive until then. Where a provider
documents no tolerance there is no window: its timestamp is read and signed, and not judged.
"""

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from ingress.delivery import Reason, Rejected


class Unit(StrEnum):
    """How a provider writes a moment."""

    SECONDS = "s"
    MILLISECONDS = "ms"
    ISO = "iso"


_SECOND_MS = 1000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# Twelve digits of seconds reach the year 33658; of milliseconds it takes fifteen.
_SYNTAX = {
    Unit.SECONDS: re.compile(rb"[0-9]{1,12}"),
    Unit.MILLISECONDS: re.compile(rb"[0-9]{1,15}"),
    Unit.ISO: re.compile(
        rb"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}"
        rb"(?:\.[0-9]{1,9})?(?:Z|[+-][0-9]{2}:[0-9]{2})?"
    ),
}
_UNIT_MS = {Unit.SECONDS: _SECOND_MS, Unit.MILLISECONDS: 1, Unit.ISO: 0}


@dataclass(frozen=True, slots=True)
class Freshness:
    """A unit, and a window of `window_s` seconds either side of the receipt; None judges nothing.

    A moment in ISO 8601 without a zone is UTC.
    """

    unit: Unit
    window_s: int | None
    syntax: re.Pattern[bytes] = field(init=False)
    unit_ms: int = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "syntax", _SYNTAX[self.unit])
        object.__setattr__(self, "unit_ms", _UNIT_MS[self.unit])

    def check(self, timestamp: bytes | None) -> bytes:
        """Return the timestamp if its syntax is right, as sent. Raises `Rejected`."""
        if timestamp is None:
            raise Rejected(Reason.TIMESTAMP_MISSING)
        if not self.syntax.fullmatch(timestamp):
            raise Rejected(Reason.TIMESTAMP_MALFORMED)
        if not self.unit_ms:
            _moment_ms(timestamp)
        return timestamp

    def sent_ms(self, timestamp: bytes) -> int:
        """Read a timestamp of right syntax: milliseconds since the epoch."""
        return int(timestamp) * self.unit_ms if self.unit_ms else _moment_ms(timestamp)

    def judge(self, timestamp: bytes, received_ms: int) -> None:
        """Return if the delivery is fresh. Raises `Rejected`: too old, or too far ahead."""
        if self.window_s is None:
            return
        age_ms = received_ms - self.sent_ms(timestamp)
        if age_ms > self.window_s * _SECOND_MS:
            raise Rejected(Reason.TIMESTAMP_STALE)
        if -age_ms > self.window_s * _SECOND_MS:
            raise Rejected(Reason.TIMESTAMP_FUTURE)


def _moment_ms(timestamp: bytes) -> int:
    """Read ISO 8601, which may still name the thirtieth of February. Raises `Rejected`."""
    try:
        moment = datetime.fromisoformat(timestamp.decode("ascii"))
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=UTC)
        return (moment - _EPOCH) // timedelta(milliseconds=1)
    except (ValueError, OverflowError):
        raise Rejected(Reason.TIMESTAMP_MALFORMED) from None
