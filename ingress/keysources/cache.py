"""What a key source holds, what it was asked for, and what it may fetch next, and when. Pure.

Keys flow in from fetches and names from refused deliveries; the next `Errand` flows out, with its
time. Names come from strangers, so all that a name can cause is bounded: how many wait, how many
failures are remembered, how often the provider is asked. Among those that wait, the one asked for
most goes first: a provider tries again, and to be asked for more often than it is what a stranger
has to keep up, since a name that leads nowhere is fetched once. A failure takes no key away. Times
named `now_s` are of a clock that only goes forward; those named `now_ms` are of the wall, because
that is how certificates say when they end.
"""

import math
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from ingress.keysources.declaration import WHOLE_SET, Declaration, Kind
from ingress.schemes.parts.keys import Key

# Room for a flood of eight names a second between two tries of a provider, a minute apart.
WISHES_MAX = 512
# Of single keys at most ten misses a minute are added: to push one out takes longer than it counts.
MISSES_MAX = 128
ENTRIES_MAX = 64
WAIT_MAX_S = 600.0
# While a set was never fetched nothing verifies, so the first failures are tried again soon. Who
# sends deliveries has no part in it.
EAGER_S = 1.0
FETCHES_PER_MINUTE = 10
_NOTHING = 1e-6


class Found(NamedTuple):
    """One key of an answer, and when it ends by its own account."""

    key: Key
    expires_ms: float = math.inf


class Errand(NamedTuple):
    """The next thing to fetch, and not before when."""

    at_s: float
    name: str


@dataclass(slots=True)
class _Entry:
    found: Sequence[Found]
    fetched_s: float


class Misses:
    """Names that a fetch did not find, and how long each is left alone: longer every time."""

    def __init__(self) -> None:
        self._waits: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._waits)

    def add(self, name: str, now_s: float, first_s: float, most_s: float = WAIT_MAX_S) -> None:
        """Remember one more miss; of too many, the one longest unused is forgotten."""
        wait_s = min(max(2 * self._waits.pop(name, (0.0, 0.0))[1], first_s), most_s)
        self._waits[name] = (now_s + wait_s, wait_s)
        if len(self._waits) > MISSES_MAX:
            self._waits.popitem(last=False)

    def forget(self, name: str) -> None:
        """Begin anew: it was found."""
        self._waits.pop(name, None)

    def until_s(self, name: str) -> float:
        """Return when `name` may be tried again."""
        if name not in self._waits:
            return -math.inf
        self._waits.move_to_end(name)
        return self._waits[name][0]


class Bucket:
    """Tokens for fetches of any name: ten at once, and then one every six seconds."""

    def __init__(self) -> None:
        self._tokens = float(FETCHES_PER_MINUTE)
        self._at_s = 0.0

    def ready_s(self, now_s: float) -> float:
        """Return when there is a token."""
        self._fill(now_s)
        lacking = 1.0 - self._tokens
        # Fractions of seconds do not add up to a whole to the last digit.
        return now_s if lacking < _NOTHING else now_s + lacking * 60 / FETCHES_PER_MINUTE

    def take(self, now_s: float) -> None:
        """Use a token."""
        self._fill(now_s)
        self._tokens -= 1.0

    def _fill(self, now_s: float) -> None:
        gained = (now_s - self._at_s) * FETCHES_PER_MINUTE / 60
        self._tokens = min(self._tokens + gained, float(FETCHES_PER_MINUTE))
        self._at_s = now_s


class Cache:
    """The keys of one source, and the book of what is due."""

    def __init__(self, declaration: Declaration) -> None:
        self._declaration = declaration
        self._is_set = declaration.kind is Kind.JWKS
        self._entries: dict[str, _Entry] = {}
        # How often each was asked for, in the order of their coming.
        self._wishes: dict[str, int] = {}
        # How often the name last forgotten was asked for: a newcomer may have been as often before.
        self._forgotten = 0
        self._misses = Misses()
        self._bucket = Bucket()
        self._last_s = -math.inf
        self._expires_ms = math.inf
        self._keys: tuple[Key, ...] = ()

    def keys(self, now_ms: int) -> tuple[Key, ...]:
        """Return the keys that are good now. Called for every delivery."""
        if now_ms >= self._expires_ms:
            self._renew(now_ms)
        return self._keys

    def wish(self, kid: str, now_s: float) -> bool:
        """Count that `kid` was asked for, unless it is held or was just missed.

        Return whether it is a new wish. Of too many, the one asked for least is forgotten.
        """
        if kid in self._wishes:
            self._wishes[kid] += 1
            return False
        if any(key.kid == kid for key in self._keys) or self._misses.until_s(kid) > now_s:
            return False
        if len(self._wishes) >= WISHES_MAX:
            least = min(self._wishes, key=self._wishes.__getitem__)
            self._forgotten = self._wishes.pop(least)
        self._wishes[kid] = self._forgotten + 1
        return True

    def next(self, now_s: float) -> Errand:
        """Return the next errand; one at infinity where there is nothing to do."""
        refresh = self._next_refresh()
        if self._is_set:
            errand = Errand(self._wanted_s(refresh, now_s), WHOLE_SET)
        elif self._wishes and refresh.at_s > now_s:
            errand = Errand(now_s, max(self._wishes, key=self._wishes.__getitem__))
        else:
            # A refresh that is due goes before any wish: strangers could else wish so much that
            # the keys held grow stale.
            errand = refresh
        return Errand(max(errand.at_s, self._bucket.ready_s(now_s)), errand.name)

    def begin(self, now_s: float) -> None:
        """Count a fetch, whatever comes of it."""
        self._bucket.take(now_s)
        self._last_s = now_s

    def succeed(self, name: str, found: Sequence[Found], now_s: float, now_ms: int) -> None:
        """Hold what was fetched in place of what was held under that name, and nothing else's."""
        self._misses.forget(name)
        if name not in self._entries and len(self._entries) >= ENTRIES_MAX:
            # Only a key that the provider has vouched for pushes one out: the longest unrefreshed.
            del self._entries[min(self._entries, key=lambda one: self._entries[one].fetched_s)]
        self._entries[name] = _Entry(found, now_s)
        self._renew(now_ms)
        if self._is_set:
            held = {one.key.kid for one in found}
            for kid in self._wishes.keys() - held:
                self._misses.add(kid, now_s, self._declaration.apart_s)
            self._wishes.clear()
        else:
            self._wishes.pop(name, None)

    def fail(self, name: str, now_s: float) -> None:
        """Leave `name` alone for a while. What is held under it stays."""
        eager = self._is_set and not self._entries
        first_s = EAGER_S if eager else self._declaration.apart_s
        # What is held can wait: a key that was taken off its page is asked for six times a period.
        most_s = self._declaration.refresh_s / 6 if name in self._entries else 0.0
        self._misses.add(name, now_s, first_s, max(most_s, WAIT_MAX_S))
        self._wishes.pop(name, None)

    def withdraw(self, name: str, now_s: float, now_ms: int) -> None:
        """Let go of a key that its provider no longer stands by."""
        self._entries.pop(name, None)
        self.fail(name, now_s)
        self._renew(now_ms)

    def drop_stale(self, now_s: float, now_ms: int) -> int:
        """Let go of what could not be refreshed for too long; return how much that was."""
        oldest_s = now_s - self._declaration.stale_s
        stale = [name for name, entry in self._entries.items() if entry.fetched_s <= oldest_s]
        for name in stale:
            del self._entries[name]
        if stale:
            self._renew(now_ms)
        return len(stale)

    def _next_refresh(self) -> Errand:
        refresh_s = self._declaration.refresh_s
        due = (
            Errand(max(entry.fetched_s + refresh_s, self._misses.until_s(name)), name)
            for name, entry in self._entries.items()
        )
        return min(due, default=Errand(math.inf, WHOLE_SET))

    def _wanted_s(self, refresh: Errand, now_s: float) -> float:
        """Return when a set that is wanted may be fetched."""
        is_wanted = self._wishes or not self._entries
        wanted_s = now_s if is_wanted else refresh.at_s
        pace_s = EAGER_S if not self._entries else self._declaration.apart_s
        return max(wanted_s, self._last_s + pace_s, self._misses.until_s(WHOLE_SET))

    def _renew(self, now_ms: int) -> None:
        """Make the snapshot anew, without what has ended."""
        for name, entry in list(self._entries.items()):
            entry.found = [one for one in entry.found if one.expires_ms > now_ms]
            if not entry.found:
                del self._entries[name]
        found = [one for entry in self._entries.values() for one in entry.found]
        self._expires_ms = min((one.expires_ms for one in found), default=math.inf)
        self._keys = tuple(one.key for one in found)
