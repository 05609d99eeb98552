"""Reloading, all or nothing: changed files flow in, and either all of it is served, or none.

A process is told of a change (`sealgate.watching`) or asked by SIGHUP. The whole configuration is
then read and built again beside the one that is served, in a thread, what did not change being
taken over; only if there is no mistake in it is it put in place, in one step. Otherwise all stays
as it was, and it is said: in a metric, in the log once, and in ``/readyz?verbose``. A process that
goes on with what it has is ready, so the word there makes it none the less so.
"""

import asyncio
import sys
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from traceback import extract_tb
from typing import NamedTuple

from prometheus_client import CollectorRegistry, Counter, Gauge

from ingress import telemetry
from ingress.filestate import ANYTHING, Touched
from ingress.settings import ConfigurationInvalid, Mistake
from ingress.sources import Snapshot, Source
from sealgate.admin import Check
from sealgate.building import Fresh, build, places
from sealgate.config import Cache, Configuration, Reading, Settings
from sealgate.form import SOURCES
from sealgate.leaks import leaks
from sealgate.watching import Places, Watch

LOOK_S = 30.0
"""A mount over the network tells nobody of a change: how often everything is looked at anyhow."""
AMISS_S = 5.0
"""The same while something is wrong: what mends it may stand where nobody watches yet."""
AGAIN_S = 0.2
"""How soon a mistake is looked at again before it is told: the file may be half written."""
TRIES_MAX = 3
"""How often everything is read when directories change meanwhile; then it is taken as it is."""
SLICE_S = 0.0005
"""How long the thread that reads may keep the event loop waiting."""
MISTAKES_TOLD_MAX = 20
RESULTS = ("ok", "unchanged", "rejected", "failed")

Reread = Callable[[Cache], Reading]
"""Reads the configuration again, what did not change being taken from the cache."""


class Means(NamedTuple):
    """What a reloader works with, given by the process that is to be reloaded."""

    reread: Reread
    is_edge: bool
    apply: Callable[[Fresh, Fresh], Awaitable[None]]
    """Puts the second in place of the first."""


class _Metrics:
    def __init__(self, registry: CollectorRegistry) -> None:
        self.reloads = Counter(
            "sealgate_config_reloads",
            "Looks at the configuration of a running process, by what came of them; with rejected"
            " and failed, what was served before is served on.",
            ("result",),
            registry=registry,
        )
        for result in RESULTS:
            self.reloads.labels(result)
        self.loaded = Gauge(
            "sealgate_config_loaded_timestamp_seconds",
            "When the configuration that is served was put in place.",
            registry=registry,
        )
        self.generation = Gauge(
            "sealgate_config_generation",
            "How many configurations this process has served, the first included.",
            registry=registry,
        )
        self.is_ok = Gauge(
            "sealgate_config_last_reload_ok",
            "1 while what is on the disk is what is served; 0 after it was rejected.",
            registry=registry,
        )


@dataclass(frozen=True, slots=True)
class _Looked:
    """One look: what was found, and what waits for a restart."""

    fresh: Fresh
    changed: Snapshot
    waiting: tuple[str, ...]
    places: Places


class Reloader:
    """Keeps what a process serves the same as what is on the disk."""

    def __init__(
        self, means: Means, served: Fresh, registry: CollectorRegistry, clock: telemetry.Clock
    ) -> None:
        self._means = means
        self._served = served
        self._started = served.configuration.settings
        self._metrics = _Metrics(registry)
        self._clock = clock
        self._log = telemetry.logger("reload")
        self._told: tuple[str, ...] = ()
        self._waiting: tuple[str, ...] = ()
        self._trouble = ""
        self._places = Places()
        self.watch = Watch()
        self.generation = 0
        self.loaded_ms = 0
        self._placed()
        self._metrics.is_ok.set(1)

    async def run(self) -> None:
        """Reload whenever something changed; ends only by being cancelled."""
        first = asyncio.to_thread(places, self._served.configuration)
        (found,) = await asyncio.gather(first, return_exceptions=True)
        if isinstance(found, Places):
            self._places = found
        elif isinstance(found, Exception):
            # Told, and looked at again soon: whoever goes on must not do it in silence.
            self._fail(found)
        self.watch.follow(self._places)
        watching = asyncio.create_task(self.watch.run())
        try:
            while True:
                within_s = AMISS_S if self._trouble else LOOK_S
                await self.reload(await self.watch.touched(within_s))
        finally:
            watching.cancel()
            await asyncio.wait({watching})

    def checks(self) -> list[Check]:
        """Say how it stands, for ``/readyz``: none of it keeps a process from being ready."""
        said = [Check("configuration is what is on the disk", holds=True, is_required=False)]
        if self._trouble:
            said = [Check(self._trouble, holds=False, is_required=False)]
        if self._waiting:
            needed = f"restart needed: {', '.join(self._waiting)}"
            said.append(Check(needed, holds=False, is_required=False))
        if self.watch.trouble:
            polled = f"changes are looked for every second: {self.watch.trouble}"
            said.append(Check(polled, holds=False, is_required=False))
        return said

    async def reload(self, touched: Touched) -> None:
        """Look at what may have changed, and put it in place if it is whole."""
        (ended,) = await asyncio.gather(self._reload(touched), return_exceptions=True)
        if isinstance(ended, ConfigurationInvalid):
            self._reject(ended)
        elif isinstance(ended, Exception):
            self._fail(ended)

    async def _reload(self, touched: Touched) -> None:
        try:
            looked = await asyncio.to_thread(self._look, touched)
        except ConfigurationInvalid:
            # Seen once it may be a file that is half written, or half of a swap.
            await asyncio.sleep(AGAIN_S)
            self.watch.take()
            looked = await asyncio.to_thread(self._look, ANYTHING)
        self._places = looked.places
        self.watch.follow(looked.places)
        self._wait(looked.waiting)
        if _is_same(looked.fresh, self._served, looked.changed):
            self._metrics.reloads.labels("unchanged").inc()
            if self._trouble:
                self._log.info("configuration_as_before", generation=self.generation)
        else:
            before = self._served
            await self._means.apply(before, looked.fresh)
            self._served = looked.fresh
            self._placed()
            self._metrics.reloads.labels("ok").inc()
            self._log.info(
                "configuration_reloaded",
                generation=self.generation,
                sources=len(looked.fresh.sources),
                changed=len(looked.changed),
                removed=len(before.sources.keys() - looked.fresh.sources.keys()),
            )
        self._metrics.is_ok.set(1)
        self._trouble, self._told = "", ()

    def _look(self, touched: Touched) -> _Looked:
        """Read and build everything beside what is served. Raises `ConfigurationInvalid`."""
        interval_s = sys.getswitchinterval()
        sys.setswitchinterval(SLICE_S)
        try:
            for _ in range(TRIES_MAX - 1):
                stamp = self._places.stamp()
                looked = self._build(touched)
                if stamp == self._places.stamp():
                    return looked
                # Half of it may be of before the change and half of after.
                touched = ANYTHING
            return self._build(touched)
        finally:
            sys.setswitchinterval(interval_s)

    def _build(self, touched: Touched) -> _Looked:
        cache = self._served.configuration.cache
        cache.expect(touched)
        reading = self._means.reread(cache)
        if reading.mistakes:
            raise ConfigurationInvalid(reading.mistakes)
        written = reading.configuration
        configuration = Configuration(
            _reloadable(self._started, written.settings), written.file, written.files, cache
        )
        fresh = build(configuration, is_edge=self._means.is_edge)
        changed = _changed(self._served.sources, fresh.sources)
        mistakes = _leaks(self._served, fresh, changed)
        if mistakes:
            raise ConfigurationInvalid(mistakes)
        waiting = tuple(sorted(_differing(written.settings, configuration.settings)))
        stay = _names_same_files(self._served, fresh, changed) and not self._places.lacks()
        watched = self._places if stay else places(configuration)
        return _Looked(fresh, changed, waiting, watched)

    def _placed(self) -> None:
        self.generation += 1
        self.loaded_ms = self._clock()
        self._metrics.generation.set(self.generation)
        self._metrics.loaded.set(self.loaded_ms / 1000)

    def _wait(self, waiting: tuple[str, ...]) -> None:
        if waiting != self._waiting and waiting:
            self._log.warning("restart_needed", settings=list(waiting))
        self._waiting = waiting

    def _reject(self, invalid: ConfigurationInvalid) -> None:
        self._metrics.reloads.labels("rejected").inc()
        self._metrics.is_ok.set(0)
        mistakes = tuple(str(mistake) for mistake in invalid.mistakes)
        shown = list(mistakes[:MISTAKES_TOLD_MAX])
        if len(mistakes) > len(shown):
            shown.append(f"and {len(mistakes) - len(shown)} more: see `sealgate check`")
        self._trouble = f"configuration is the one of before; on the disk: {'; '.join(shown)}"
        if mistakes != self._told:
            self._log.error("configuration_rejected", mistakes=shown, generation=self.generation)
        self._told = mistakes

    def _fail(self, wrong: Exception) -> None:
        """Tell of a fault nobody thought of; not in its own words: they may quote a secret."""
        self._metrics.reloads.labels("failed").inc()
        self._metrics.is_ok.set(0)
        place = extract_tb(wrong.__traceback__)[-1]
        at = f"{type(wrong).__name__} at {Path(place.filename).name}:{place.lineno}"
        self._trouble = f"configuration is the one of before; it could not be reloaded: {at}"
        self._log.error("configuration_reload_failed", detail=at, generation=self.generation)


def _leaks(before: Fresh, fresh: Fresh, changed: Snapshot) -> list[Mistake]:
    """List what of the changed sources, or of what seals, contradicts the environment."""
    if not changed and _seals_alike(before, fresh):
        return []
    whole = fresh.configuration
    settings = whole.settings.model_copy(
        update={SOURCES: [source.setting for source in changed.values()]}
    )
    part = Configuration(settings, whole.file, whole.files, whole.cache)
    return leaks(part, changed, is_edge=True, has_store=False)


def _reloadable(started: Settings, written: Settings) -> Settings:
    """Return the settings of the start with what a running process can take over."""
    quarantine = written.quarantine.model_copy(update={"days": started.quarantine.days})
    logging = started.logging.model_copy(update={"level": written.logging.level})
    return started.model_copy(
        update={SOURCES: written.source, "quarantine": quarantine, "logging": logging}
    )


def _differing(written: Settings, served: Settings) -> Iterator[str]:
    """Name the settings that are written and not served, in the words of the file."""
    yield from _unlike(
        written.model_dump(exclude={SOURCES}), served.model_dump(exclude={SOURCES}), ""
    )


def _unlike(one: object, other: object, place: str) -> Iterator[str]:
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        for name in one.keys() | other.keys():
            below = f"{place}.{name}" if place else str(name)
            yield from _unlike(one.get(name), other.get(name), below)
    elif one != other:
        yield place


def _changed(before: Snapshot, after: Snapshot) -> Snapshot:
    """Return the sources that are others than before."""
    return {slug: one for slug, one in after.items() if before.get(slug) is not one}


def _seals_alike(one: Fresh, other: Fresh) -> bool:
    quarantines = [each.configuration.settings.quarantine for each in (one, other)]
    return one.seals == other.seals and quarantines[0] == quarantines[1]


def _is_same(one: Fresh, other: Fresh, changed: Snapshot) -> bool:
    mine, theirs = one.configuration.settings, other.configuration.settings
    return (
        not changed
        and len(one.sources) == len(other.sources)
        and one.tls is other.tls
        and _seals_alike(one, other)
        and mine.logging == theirs.logging
    )


def _names_same_files(before: Fresh, after: Fresh, changed: Snapshot) -> bool:
    """Say whether the files to watch stay the same: to collect those of all is dear.

    New files of sources need no watch of their own: their directory is watched.
    """
    if len(before.sources) != len(after.sources):
        return False
    quarantines = [one.configuration.settings.quarantine for one in (before, after)]
    return quarantines[0] == quarantines[1] and all(
        slug in before.sources and _files(before.sources[slug]) == _files(one)
        for slug, one in changed.items()
    )


def _files(source: Source) -> list[Path]:
    return [key.file for key in source.setting.key]
