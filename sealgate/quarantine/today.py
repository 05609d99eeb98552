"""The sources as they are now, for a work that takes longer than a revocation may.

A configuration flows in once, and its sources flow out as often as they are asked for: read again
when the last look is too old, what did not change being taken over. So a key that is revoked while
much is verified again proves nothing from then on, as at the edge.
"""

import time
from collections.abc import Mapping

from ingress.settings import ConfigurationInvalid
from ingress.sources import Snapshot
from sealgate.building import build_sources
from sealgate.config import Configuration, examine

LOOK_S = 0.5
"""How old a look may be: a revocation is to be in force within a second."""


class Today:
    """The sources of a configuration file, never older than `LOOK_S`."""

    def __init__(self, configuration: Configuration, environ: Mapping[str, str]) -> None:
        self._configuration = configuration
        self._environ = environ
        self._sources = build_sources(configuration)
        self._looked_s = time.monotonic()

    def sources(self) -> Snapshot:
        """Return them. Raises `ConfigurationInvalid` where the files hold a mistake by now."""
        if time.monotonic() - self._looked_s >= LOOK_S:
            self._look()
            self._looked_s = time.monotonic()
        return self._sources

    def _look(self) -> None:
        before = self._configuration
        reading = examine(before.file, self._environ, before.cache)
        if reading.mistakes:
            raise ConfigurationInvalid(reading.mistakes)
        self._sources = build_sources(reading.configuration)
