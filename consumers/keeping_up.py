"""Say whether the consumers have applied what came in, so that silence is evidence.

That no money was seen means something only if every record that could tell of it has been read.
After a night's outage the log is full of sightings from before the windows closed: who judges time
then lets paid orders expire. So time is judged only where all that is on the log at a look is
applied within moments of it, and has been for `settle_s`: after a start or an outage the providers
need a while to deliver what they could not.

No clock is compared with another: not the brokers', which stamp the records, nor the providers'.
"""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from consumers.store.poll_store import Polls
from consumers.store.port import Store, StoreUnavailable
from ingress.eventlog.port import EventLog, LogUnavailable, Partition

# Under load there is always a batch in hand. Whoever needs longer than this is behind.
PATIENCE_S = 5.0
AGAIN_S = 0.25
# Nobody looked for so long: this process was stopped, and perhaps the machine with it.
GAP_MAX_S = 600.0


class Frozen(StrEnum):
    """Why time is not judged; closed, because each value is a metric label."""

    AWAY = "away"  # the log or the store cannot be reached
    BEHIND = "behind"  # records wait to be applied
    SETTLING = "settling"  # all is applied, and not for long enough
    ORDERED = "ordered"  # a freeze is on: see `freezing`


@dataclass(slots=True)
class KeepingUp:
    """Compares a group's positions with the ends of its log.

    `uptime` counts seconds, those too in which the machine slept, and is never set back.
    """

    log: EventLog
    store: Store
    topic: str
    group: str
    settle_s: float
    uptime: Callable[[], float]
    patience_s: float = PATIENCE_S
    _since_s: float | None = field(default=None, init=False)
    _looked_s: float | None = field(default=None, init=False)

    async def look(self) -> Frozen | None:
        """Return why time must not be judged now; None where it may."""
        now_s = self.uptime()
        if self._looked_s is None or now_s - self._looked_s > max(GAP_MAX_S, self.settle_s):
            self.interrupted()
        self._looked_s = now_s
        try:
            is_applied = await self._is_applied()
            freeze = await Polls.of(self.store).freeze()
        except (LogUnavailable, StoreUnavailable):
            self.interrupted()
            return Frozen.AWAY
        if not is_applied:
            self.interrupted()
            return Frozen.BEHIND
        if self._since_s is None:
            self._since_s = now_s
        if now_s - self._since_s < self.settle_s:
            return Frozen.SETTLING
        return Frozen.ORDERED if freeze is not None and freeze.is_on else None

    def interrupted(self) -> None:
        """Let everything settle anew."""
        self._since_s = None

    async def _is_applied(self) -> bool:
        """Say whether what is on the log now is applied, or is before patience ends."""
        ends = await self.log.ends(self.topic)
        begins = await self.log.begins(self.topic)
        for _ in range(max(1, int(self.patience_s / AGAIN_S))):
            positions = await self.store.positions(self.group)
            if all(_is_read(positions.get(one), begins[one], end) for one, end in ends.items()):
                return await self._are_places(positions)
            await asyncio.sleep(AGAIN_S)
        return False

    async def _are_places(self, positions: Mapping[Partition, int]) -> bool:
        """Say whether every position is in the log: in a topic made anew it lies beyond the end."""
        ends = await self.log.ends(self.topic)
        return all(positions.get(one, 0) <= end for one, end in ends.items())


def _is_read(position: int | None, begin: int, end: int) -> bool:
    """Say whether a partition is read to its end; what retention took unread was not."""
    return begin == end if position is None else begin <= position >= end
