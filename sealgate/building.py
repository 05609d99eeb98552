"""From a checked configuration to what is served: sources with their keys, TLS, seals.

The same for the start of a process, for a check before it, and for a reload: what is kept in the
configuration's cache is taken from there, if no file of it changed.
"""

from collections.abc import Callable
from typing import NamedTuple, TypeVar

from ingress import sealing, sources, telemetry, tls
from ingress.settings import ConfigurationInvalid, Mistake
from sealgate.config import Configuration
from sealgate.fragments import FRAGMENTS
from sealgate.watching import Places
from sealgate.watching import places as watched

PROFILES = "providers"
"""The directory of the user's own profiles, beside the configuration file."""


Made = TypeVar("Made")


class Fresh(NamedTuple):
    """What can be put in place of what is served: built, and without a mistake."""

    configuration: Configuration
    sources: sources.Snapshot
    tls: tls.Loaded | None
    seals: sealing.Seals


def build(configuration: Configuration, *, is_edge: bool) -> Fresh:
    """Build all that is served. Raises `ConfigurationInvalid` with all mistakes."""
    if not is_edge:
        return Fresh(configuration, {}, None, sealing.Seals())
    mistakes: list[Mistake] = []
    snapshot = _or_mistakes(lambda: build_sources(configuration), mistakes)
    loaded = _or_mistakes(lambda: load_tls(configuration), mistakes)
    seals = _or_mistakes(lambda: build_seals(configuration), mistakes)
    if mistakes or snapshot is None or seals is None:
        raise ConfigurationInvalid(mistakes)
    return Fresh(configuration, snapshot, loaded, seals)


def build_sources(configuration: Configuration) -> sources.Snapshot:
    """Build the sources of a configuration. Raises `ConfigurationInvalid`."""
    settings = configuration.settings
    return sources.build(
        configuration.serves,
        settings.source,
        settings.edge,
        sources.Origin(
            configuration.base,
            configuration.files,
            configuration.base / PROFILES,
            configuration.cache.sources,
        ),
    )


def load_tls(configuration: Configuration) -> tls.Loaded | None:
    """Read the certificate of a configuration, if it has one. Raises `ConfigurationInvalid`."""
    settings, base = configuration.settings.edge.tls, configuration.base
    if settings is None:
        return None
    named = (settings.certificate_file, settings.key_file, settings.client_ca_file)
    files = tuple(str(base / name) for name in named if name is not None)
    return configuration.cache.tls.remember(
        "tls", (settings, base), files, lambda: tls.load(settings, base, telemetry.now_ms())
    )


def build_seals(configuration: Configuration) -> sealing.Seals:
    """Read the keys of the quarantine. Raises `ConfigurationInvalid`."""
    settings, base = configuration.settings.quarantine, configuration.base
    files = tuple(str(base / key.file) for key in settings.key)
    return configuration.cache.seals.remember(
        "seals", (tuple(settings.key), base), files, lambda: sealing.seals(settings, base)
    )


def places(configuration: Configuration) -> Places:
    """Return what is to be watched for changes of a configuration."""
    listed = (configuration.file.parent / FRAGMENTS, configuration.base / PROFILES)
    return watched(configuration.file, listed, configuration.cache.files())


def _or_mistakes(make: Callable[[], Made], mistakes: list[Mistake]) -> Made | None:
    try:
        return make()
    except ConfigurationInvalid as invalid:
        mistakes += invalid.mistakes
        return None
