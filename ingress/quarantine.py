"""What may be kept of refused deliveries: the closed list of outcomes, and the limits. Pure.

Anybody can send what is refused, so keeping it is rationed in bytes: so many a day for a source, a
quarter of that for one network of senders (an IPv4 /24 or an IPv6 /48, as `networks` has it: so
much is easily had by one), and so many for the whole process. The network of a sender, the size of
its delivery and a clock reading flow in; whether it may be kept flows out. A flood from one place
spends the ration of that place, and its neighbours' deliveries are still kept. Only what is kept
leaves a trace here: to go on sending costs no memory, from however many places.
"""

from dataclasses import dataclass
from enum import StrEnum

from ingress.settings import QuarantineSettings

RECORD_BYTES = 1024
"""What is counted of each delivery beside its own bytes: the record's headers, its seal and its
row; so even an empty one is not free."""
NETWORKS_MAX = 64
"""Networks of one source that are told apart; the next one takes the place of the fullest."""
SHARES_MAX = 256
"""Sources whose networks are told apart at once: 256 times 64, at some 200 bytes, are 3 MiB."""
_DAY_S = 86_400
_PART = 4
"""A quarter of a day's ration is there at once, and a quarter of a source's is one network's."""


class Kept(StrEnum):
    """What came of keeping one refused delivery: closed, because each value is a label."""

    KEPT = "kept"
    OFF = "off"
    OVER_LIMIT = "over_limit"
    TOO_LARGE = "too_large"
    UNSEALED = "unsealed"
    """It carries its secret, and there is no key to seal it with."""
    LOG_UNAVAILABLE = "log_unavailable"


@dataclass(frozen=True, slots=True)
class _Ration:
    """So many bytes a day, a part of which is there at once.

    What is left of it is held as one number: the moment at which nothing will be missing any more.
    """

    bytes_per_day: float

    @property
    def bytes_max(self) -> float:
        """How much is there at once."""
        return self.bytes_per_day / _PART

    def spent(self, full_at_s: float, now_s: float) -> float:
        """Return how many bytes are missing now."""
        return max(0.0, full_at_s - now_s) * self.bytes_per_day / _DAY_S

    def after(self, full_at_s: float, size: int, now_s: float) -> float:
        """Return the moment as it is once `size` bytes were taken; given back, if negative."""
        return max(full_at_s, now_s) + size / self.bytes_per_day * _DAY_S

    def has(self, full_at_s: float, size: int, now_s: float) -> bool:
        """Say whether there are `size` bytes."""
        return self.after(full_at_s, size, now_s) <= now_s + _DAY_S / _PART


_FULL = float("-inf")


class Allowances:
    """How much may still be kept, of every source and network. Times are of a monotonic clock.

    No source gets more than half of what the process has, so that a flood at one leaves its share
    to every other.
    """

    def __init__(self, settings: QuarantineSettings) -> None:
        total = settings.total_bytes_per_day
        each = min(settings.bytes_per_day, total / 2)
        self._process = _Ration(total)
        self._source = _Ration(each)
        self._network = _Ration(each / _PART)
        self._all = _FULL
        self._sources: dict[str, float] = {}
        # In the order of their use, the latest last.
        self._shares: dict[str, dict[str, float]] = {}

    @property
    def bytes_max(self) -> float:
        """How many bytes of all sources may be spent before nothing more is kept."""
        return self._process.bytes_max

    def spent(self, now_s: float) -> float:
        """Return how many of them are: what time has given back is not."""
        return self._process.spent(self._all, now_s)

    def has(self, slug: str, network: str, size: int, now_s: float) -> bool:
        """Say whether `size` bytes of a source, from a network, may be kept now."""
        wanted = size + RECORD_BYTES
        share = self._shares.get(slug, {})
        return (
            self._process.has(self._all, wanted, now_s)
            and self._source.has(self._sources.get(slug, _FULL), wanted, now_s)
            and self._network.has(share.get(network, _FULL), wanted, now_s)
        )

    def take(self, slug: str, network: str, size: int, now_s: float) -> bool:
        """Take the bytes from all three rations, or from none."""
        if not self.has(slug, network, size, now_s):
            return False
        self._spend(slug, network, size + RECORD_BYTES, now_s)
        return True

    def give(self, slug: str, network: str, size: int, now_s: float) -> None:
        """Give back what was taken for a delivery that could not be kept."""
        self._spend(slug, network, -(size + RECORD_BYTES), now_s)

    def _spend(self, slug: str, network: str, size: int, now_s: float) -> None:
        self._all = self._process.after(self._all, size, now_s)
        source = self._sources.get(slug, _FULL)
        self._sources[slug] = self._source.after(source, size, now_s)
        share = self._share(slug, network)
        share[network] = self._network.after(share.get(network, _FULL), size, now_s)

    def _share(self, slug: str, network: str) -> dict[str, float]:
        """Return the networks of a source, with room for this one."""
        share = self._shares.pop(slug, {})
        if len(self._shares) >= SHARES_MAX:
            del self._shares[next(iter(self._shares))]
        self._shares[slug] = share
        if network not in share and len(share) >= NETWORKS_MAX:
            # The fullest is the nearest to one that was never seen: least is forgotten.
            del share[min(share, key=share.__getitem__)]
        return share
