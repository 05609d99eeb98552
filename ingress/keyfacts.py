"""What metrics tell of sources and keys beside what is counted: which there are, and until when.

A snapshot flows in whenever the configuration is loaded; what Prometheus scrapes flows out. Nothing
here changes between two loads, so it is put together once, when it is first looked at. A key that
is revoked has its name and its status and no times: nobody has to mind when it ends. Where the
sources are too many to be told apart, one series stands for all keys of a provider, and tells of
the first that ends.
"""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from prometheus_client import CollectorRegistry
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from ingress.keyring import Live, Status
from ingress.series import MANY
from ingress.sources import Snapshot, Source

_SOURCE = ("source", "provider")
_KEY = (*_SOURCE, "key_id")
_Labels = tuple[str, ...]


class _Held(NamedTuple):
    """A key, and since when this process has it."""

    live: Live
    since_ms: int


class KeyFacts(Collector):
    """The gauges of the sources that are served, and of their keys."""

    def __init__(self, registry: CollectorRegistry, sources_max: int) -> None:
        self._sources_max = sources_max
        self._sources: Snapshot = {}
        self._held: dict[str, Mapping[str, _Held]] = {}
        self._told: list[GaugeMetricFamily] = []
        registry.register(self)

    def serve(self, sources: Snapshot, now_ms: int) -> None:
        """Tell of these sources from now on; a key that stays was loaded when it first came."""
        before = self._held
        # A source of which nothing changed is the very same object.
        self._held = {
            slug: before[slug]
            if slug in before and self._sources.get(slug) is source
            else _hold(source, before.get(slug, {}), now_ms)
            for slug, source in sources.items()
        }
        self._sources = sources
        self._told = []

    def describe(self) -> Iterator[GaugeMetricFamily]:
        """Tell the registry the names, so that no other metric takes one."""
        yield from _families(_Facts())

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Write down every source and every key."""
        if not self._told:
            self._told = list(_families(self._facts()))
        yield from self._told

    def _facts(self) -> "_Facts":
        is_many = len(self._sources) > self._sources_max
        facts = _Facts()
        for slug, source in self._sources.items():
            at = (MANY if is_many else slug, source.profile.name)
            horizon_s = source.profile.declaration.answers.retry_horizon_s
            if horizon_s is not None:
                facts.horizons[at] = float(horizon_s)
            for key in source.setting.key:
                key_id = MANY if is_many else key.id
                facts.keys[(*at, key_id, key.role, key.status.value)] = 1.0
            for held in self._held[slug].values():
                _note(facts, (*at, MANY if is_many else held.live.id), held)
        return facts


class _Facts:
    """The values of all four gauges, by their labels."""

    __slots__ = ("ends", "horizons", "keys", "loaded")

    def __init__(self) -> None:
        self.keys: dict[_Labels, float] = {}
        self.ends: dict[_Labels, float] = {}
        self.loaded: dict[_Labels, float] = {}
        self.horizons: dict[_Labels, float] = {}


def _note(facts: _Facts, at: _Labels, held: _Held) -> None:
    """Note the times of a key; of several in one series, the earliest."""
    live, since_ms = held
    if live.status is Status.REVOKED:
        return
    begins_ms = since_ms if live.not_before_ms is None else live.not_before_ms
    facts.loaded[at] = min(begins_ms / 1000, facts.loaded.get(at, begins_ms / 1000))
    if live.not_after_ms is not None:
        ends_s = live.not_after_ms / 1000
        facts.ends[at] = min(ends_s, facts.ends.get(at, ends_s))


def _hold(source: Source, before: Mapping[str, _Held], now_ms: int) -> Mapping[str, _Held]:
    """Return the keys of a source; one under a known name that holds another secret is new."""
    return {
        live.id: _Held(live, before[live.id].since_ms)
        if live.id in before and before[live.id].live.key == live.key
        else _Held(live, now_ms)
        for live in source.ring.keys
    }


def _families(facts: _Facts) -> Iterator[GaugeMetricFamily]:
    yield _family(
        "sealgate_key_info",
        "Always 1; the labels say which keys are configured, what for, and what they may still do.",
        (*_KEY, "role", "status"),
        facts.keys,
    )
    yield _family(
        "sealgate_key_not_after_timestamp_seconds",
        "When a verifying key ends; absent where nothing was configured, or it is revoked.",
        _KEY,
        facts.ends,
    )
    yield _family(
        "sealgate_key_loaded_timestamp_seconds",
        "From when a verifying key may be used here: its not_before, or else when this process"
        " loaded it; absent where it is revoked.",
        _KEY,
        facts.loaded,
    )
    yield _family(
        "sealgate_source_retry_horizon_seconds",
        "For how long the provider tries again what is not accepted; absent where nobody knows.",
        _SOURCE,
        facts.horizons,
    )


def _family(
    name: str, told: str, labels: tuple[str, ...], values: Mapping[_Labels, float]
) -> GaugeMetricFamily:
    family = GaugeMetricFamily(name, told, labels=labels)
    for at, value in values.items():
        family.add_metric(at, value)
    return family
