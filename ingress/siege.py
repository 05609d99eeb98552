"""Whose the failures of a source are: a stranger's, or of a key of ours that is wrong.

What verifies and what fails flows in, each with the network that it came from; whether people are
to be called, and whether the source is besieged, flows out. By what they send a wrong key's
failures and a forger's look alike, and either may go on for ever. Two things a forger cannot make:
a delivery that verifies, and an address from where the provider delivers. So a source whose key
proves a delivery after a row of failures from elsewhere has a key that is right, and is besieged:
for a week the like calls nobody at night. It ends at once when something fails that comes from
where deliveries verified, when no key is left that could prove anything, and when the source is
configured anew: these can be our own fault again. So can it be when nothing has verified for twice
as long as ever before, half a day at least: with a right key deliveries go on at their pace. And
what fails from where deliveries verified is our fault until one verifies, however long the
suspicion of `trust` lasts.

It decides who is called, and nothing else: a besieged source that fails altogether is suspect all
the same, so its provider hears 503 and what it sent is kept. Where every delivery seems to come
from one address, a proxy's, no failure comes from elsewhere and nothing is besieged. Nothing of
this is written down: a process that starts knows no network, and takes every failure for ours.
"""

from ingress.delivery import Reason

LASTS_MS = 7 * 24 * 3600 * 1000
"""So seldom can somebody call people who begins and ends as he likes."""
PATIENCE_MS = 12 * 3600 * 1000
"""A source whose deliveries verify every few minutes has quiet nights."""
NETWORKS_MAX = 32
"""From so many networks a provider is known; one with more is known by those of its last ones."""


class Siege:
    """What is known of the failures of one source. Times are milliseconds since the epoch."""

    __slots__ = (
        "_failures",
        "_is_home",
        "_is_ours",
        "_networks",
        "_pause_ms",
        "_proven_ms",
        "_verified_ms",
    )

    def __init__(self) -> None:
        self._proven_ms = 0
        self._verified_ms = 0
        self._pause_ms = 0
        self._failures = 0
        self._is_home = False
        self._is_ours = False
        # In the order of their last use: a dict keeps it.
        self._networks: dict[str, None] = {}

    @property
    def is_ours(self) -> bool:
        """Say whether what fails comes from where deliveries verified, and was suspected."""
        return self._is_ours

    def verified(self, network: str, now_ms: int, failures_min: int) -> None:
        """Note that a delivery verified; so many failures before it are a siege."""
        if self._failures >= failures_min and not self._is_home:
            self._proven_ms = now_ms
        if self._verified_ms:
            self._pause_ms = max(self._pause_ms, now_ms - self._verified_ms)
        self._verified_ms = now_ms
        self._failures = 0
        self._is_home = self._is_ours = False
        if network:
            self._networks.pop(network, None)
            self._networks[network] = None
            if len(self._networks) > NETWORKS_MAX:
                del self._networks[next(iter(self._networks))]

    def failed(self, network: str, reason: Reason, now_ms: int, *, is_suspect: bool) -> bool:
        """Note a failure that a wrong key can bring about; say whether to call people for it."""
        self._failures += 1
        if self._may_be_home(network) or reason is Reason.KEY_MISSING:
            self._is_home = True
            self._proven_ms = 0
        self._is_ours = self._is_ours or (self._is_home and is_suspect)
        return self._is_ours or (is_suspect and not self.lasts(now_ms))

    def lasts(self, now_ms: int) -> bool:
        """Say whether the source is besieged: what fails is a stranger's."""
        if self._proven_ms == 0 or now_ms - self._proven_ms >= LASTS_MS:
            return False
        return now_ms - self._verified_ms <= max(PATIENCE_MS, 2 * self._pause_ms)

    def _may_be_home(self, network: str) -> bool:
        """Say whether the provider may deliver from there: it did, or nobody knows."""
        return not network or not self._networks or network in self._networks
