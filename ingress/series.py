"""The metrics that have a series for each source: made when a source comes, gone when it goes.

What is to be counted flows in as names, at every reload; the children to count with flow out, those
of a source that stays being the same as before, so that its counters go on. With more sources than
`sources_max` the series are by provider and the source is ``many``: ten thousand sources would make
half a million series. When a key was last used here is kept beside, for each source in any case.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from prometheus_client import CollectorRegistry

from ingress.answers import Outcome
from ingress.delivery import Reason
from ingress.failing import Failing
from ingress.quarantine import Kept
from ingress.tallies import Level, Levels, Spread, Spreads, Tallies, Tally

MANY = "many"
"""The source, and the key, in the labels where there are more sources than series."""
DURATION_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
SIZE_BUCKETS = (256, 1024, 4096, 16384, 65536, 262144, 1048576)
SKEW_BUCKETS = (-300, -60, -10, -1, 1, 10, 60, 300)
"""Either side of nothing: a provider whose clock is behind ours, or whose delivery was long on its
way; and one that is ahead."""

UNKNOWN = "unknown"

_At = tuple[str, str]
"""The labels of a series: source and provider."""
_UNKNOWN = (UNKNOWN, UNKNOWN)


class Named(NamedTuple):
    """What the labels of one source are made of."""

    provider: str
    key_ids: tuple[str, ...]


class KeyMetrics(NamedTuple):
    """The children of one key."""

    verified: Tally
    last_used: Level


@dataclass(frozen=True, slots=True)
class SourceMetrics:
    """The children of one source, looked up once: a label lookup costs more than the count."""

    requests: dict[Outcome, Tally]
    failures: dict[Reason, Tally]
    quarantined: dict[Kept, Tally]
    duration: Spread
    body: Spread
    skew: Spread
    last_accepted: Level
    keys: dict[str, KeyMetrics] = field(default_factory=dict)


@dataclass(slots=True)
class Use:
    """What one key has proven in this process, and when it did last."""

    verified: int = 0
    last_ms: int | None = None


class Counted(NamedTuple):
    """Where one source is counted, and what is its own among many that are counted together.

    `uses` are those of its keys by id; not every key has one.
    """

    provider: str
    metrics: SourceMetrics
    uses: dict[str, Use]
    failing: Failing

    def used(self, key_id: str, now_ms: int) -> None:
        """Count that a key proved a delivery."""
        use = self.uses.get(key_id)
        if use is None:
            use = self.uses[key_id] = Use()
        use.verified += 1
        use.last_ms = now_ms
        # The key may be gone by now; what it proved was counted while it was there.
        key = self.metrics.keys.get(key_id) or self.metrics.keys.get(MANY)
        if key is not None:
            key.verified.inc()
            key.last_used.set(now_ms / 1000)


class Counting(NamedTuple):
    """Where sources are counted, and the keys of every series that they need."""

    by_source: Mapping[str, Counted]
    wanted: Mapping[_At, set[str]]


class _Plain:
    """The families in which a source has one child, and no other label tells children apart."""

    def __init__(self, registry: CollectorRegistry) -> None:
        by_source = ("source", "provider")
        self.duration = Spreads(
            "sealgate_request_duration_seconds",
            "From the request's head to its answer, the log's acknowledgement included; what did"
            " not verify is of the source unknown.",
            by_source,
            bounds=DURATION_BUCKETS,
            registry=registry,
        )
        self.body = Spreads(
            "sealgate_request_body_bytes",
            "Size of bodies that were read.",
            by_source,
            bounds=SIZE_BUCKETS,
            registry=registry,
        )
        self.skew = Spreads(
            "sealgate_clock_skew_seconds",
            "The time that a delivery was signed for, less our clock at its receipt; only of what"
            " its key has proven. Below zero it was long on its way, or our clock is ahead.",
            by_source,
            bounds=SKEW_BUCKETS,
            registry=registry,
        )
        self.last_accepted = Levels(
            "sealgate_last_accepted_timestamp_seconds",
            "When the source's last delivery was accepted; 0 until the first.",
            by_source,
            registry=registry,
        )

    def remove(self, at: _At) -> None:
        """Take the children of a source out of what is scraped."""
        for spread in (self.duration, self.body, self.skew):
            spread.remove(*at)
        self.last_accepted.remove(*at)


class SourceSeries:
    """Every series that a source has."""

    def __init__(self, registry: CollectorRegistry, sources_max: int) -> None:
        by_source = ("source", "provider")
        self._sources_max = sources_max
        self._made: dict[_At, SourceMetrics] = {}
        self._counted: Mapping[str, Counted] = {}
        self._requests = Tallies(
            "sealgate_requests",
            "Requests answered, by source and outcome; exactly one for each request.",
            (*by_source, "outcome"),
            registry=registry,
        )
        self._failures = Tallies(
            "sealgate_verification_failures",
            "Deliveries of a known source that did not verify, by the check that failed.",
            (*by_source, "reason"),
            registry=registry,
        )
        self._quarantined = Tallies(
            "sealgate_quarantined",
            "Refused deliveries, by what came of keeping them; only kept can be verified again.",
            (*by_source, "result"),
            registry=registry,
        )
        self._verified = Tallies(
            "sealgate_verified",
            "Deliveries that verified, by the key that matched; a rotation is over when the old"
            " key's rate is zero.",
            (*by_source, "key_id"),
            registry=registry,
        )
        self._last_used = Levels(
            "sealgate_key_last_used_timestamp_seconds",
            "When a key last proved a delivery to this process; 0 until the first.",
            (*by_source, "key_id"),
            registry=registry,
        )
        self._plain = _Plain(registry)
        self.unknown = self.make(_UNKNOWN, ())
        # It belongs to no source, so none takes it away.
        del self._made[_UNKNOWN]

    def is_many(self, sources: int) -> bool:
        """Say whether so many sources are told apart by their providers only."""
        return sources > self._sources_max

    def plan(self, named: Mapping[str, Named]) -> Counting:
        """Make the series that are missing, and say where each of these sources will be counted.

        Nothing that is counted now changes, so this may be done in another thread.
        """
        is_many = self.is_many(len(named))
        wanted: dict[_At, set[str]] = {}
        counted = {}
        for slug, one in named.items():
            at = (MANY if is_many else slug, one.provider)
            keys = wanted.setdefault(at, set())
            if not keys.issuperset(one.key_ids):
                keys.update(one.key_ids)
                self.make(at, one.key_ids)
            before = self._counted.get(slug)
            is_same = before is not None and before.provider == one.provider
            made = self._made.get(at) or self.make(at, ())
            if before is not None and is_same:
                counted[slug] = before._replace(metrics=made)
            else:
                counted[slug] = Counted(one.provider, made, {}, Failing())
        return Counting(counted, wanted)

    def serve(self, counting: Counting) -> Mapping[str, Counted]:
        """Return where each source is counted from now on; what is of none of them is gone."""
        self._counted = counting.by_source
        self._forget(counting.wanted)
        return counting.by_source

    def make(self, at: _At, key_ids: tuple[str, ...]) -> SourceMetrics:
        """Create every series of one source, and of these keys of it, at zero."""
        made = self._made.get(at)
        if made is None:
            made = self._made[at] = SourceMetrics(
                requests={one: self._requests.labels(*at, one.value) for one in Outcome},
                failures={one: self._failures.labels(*at, one.value) for one in Reason},
                quarantined={one: self._quarantined.labels(*at, one.value) for one in Kept},
                duration=self._plain.duration.labels(*at),
                body=self._plain.body.labels(*at),
                skew=self._plain.skew.labels(*at),
                last_accepted=self._plain.last_accepted.labels(*at),
            )
        for key_id in key_ids:
            if key_id not in made.keys:
                verified = self._verified.labels(*at, key_id)
                made.keys[key_id] = KeyMetrics(verified, self._last_used.labels(*at, key_id))
        return made

    def _forget(self, wanted: Mapping[_At, set[str]]) -> None:
        for at, made in list(self._made.items()):
            keys = wanted.get(at)
            for key_id in made.keys.keys() - (keys or ()):
                self._verified.remove(*at, key_id)
                self._last_used.remove(*at, key_id)
                del made.keys[key_id]
            if keys is None:
                self._remove(at)

    def _remove(self, at: _At) -> None:
        del self._made[at]
        for family, values in (
            (self._requests, Outcome),
            (self._failures, Reason),
            (self._quarantined, Kept),
        ):
            for value in values:
                family.remove(*at, value.value)
        self._plain.remove(at)
