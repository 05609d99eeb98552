"""When a delivery was signed, and whether that is close enough to its receipt.

Syntax is checked early and on bytes, because `int` also reads ``+1``, ``1_0`` and digits of other
scripts. Age is judged last and in both directions: until the signature holds, the timestamp is only
a claim, and a timestamp far ahead would keep a captured delivery alive until then.
"""

import re
from dataclasses import dataclass, field
from enum import StrEnum

from ingress.delivery import Reason, Rejected


class Unit(StrEnum):
    """The unit of a provider's timestamp."""

    SECONDS = "s"
    MILLISECONDS = "ms"


_SECOND_MS = 1000
# Twelve digits of seconds reach the year 33658; of milliseconds it takes fifteen.
_SYNTAX = {
    Unit.SECONDS: re.compile(rb"[0-9]{1,12}"),
    Unit.MILLISECONDS: re.compile(rb"[0-9]{1,15}"),
}
_UNIT_MS = {Unit.SECONDS: _SECOND_MS, Unit.MILLISECONDS: 1}


@dataclass(frozen=True, slots=True)
class Freshness:
    """A unit, and a window of `window_s` seconds either side of the receipt."""

    unit: Unit
    window_s: int
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
        return timestamp

    def sent_ms(self, timestamp: bytes) -> int:
        """Read a timestamp of right syntax: milliseconds since the epoch."""
        return int(timestamp) * self.unit_ms

    def judge(self, timestamp: bytes, received_ms: int) -> None:
        """Return if the delivery is fresh. Raises `Rejected`: too old, or too far ahead."""
        age_ms = received_ms - self.sent_ms(timestamp)
        if age_ms > self.window_s * _SECOND_MS:
            raise Rejected(Reason.TIMESTAMP_STALE)
        if -age_ms > self.window_s * _SECOND_MS:
            raise Rejected(Reason.TIMESTAMP_FUTURE)
