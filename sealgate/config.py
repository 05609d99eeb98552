"""Read the configuration: files in, one checked `Configuration` out, or every mistake at once.

One TOML file holds everything; a directory ``conf.d`` beside it may hold more sources: see
`sealgate.fragments`. A few values that differ per deployment can be overridden by the environment,
``SEALGATE__EDGE__PORT=9090``. Secrets are never values, only the names of files, so no error text
and nothing printed can show one. Each mistake says in which file it is, where, and what to do.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field

from consumers.settings import ConsumerSettings, PolicySettings, StoreSettings
from ingress.filestate import Memory, Touched
from ingress.log_settings import LogSettings
from ingress.sealing import Seals
from ingress.settings import (
    ConfigurationInvalid,
    EdgeSettings,
    Mistake,
    Port,
    QuarantineSettings,
    Strict,
)
from ingress.sources import Serves, Source
from ingress.tls import Loaded
from sealgate import environment
from sealgate.audit.settings import AuditSettings
from sealgate.fetching.settings import FetchingSettings
from sealgate.form import SOURCES, Form
from sealgate.fragments import Fragment, Sources, beside, parse
from sealgate.operations.settings import OperatorSettings

PREFIX = "SEALGATE__"
# Stands in for an environment that is missing or wrong, while the rest is looked at.
PLACEHOLDER = {"environment": "unknown"}


class AdminSettings(Strict):
    """The private port: ``/livez``, ``/readyz``, ``/metrics``."""

    host: str = "127.0.0.1"
    port: Port = 9090


class LoggingSettings(Strict):
    """How log lines look."""

    style: Literal["json", "console"] = "json"
    level: Literal["debug", "info", "warning", "error"] = "info"


class FingerprintSettings(Strict):
    """Which secrets other environments hold, told without the secrets."""

    key_file: Path
    """32 random bytes in hex, the same in every environment that compares itself with others."""

    foreign_files: Annotated[list[Path], Field(default_factory=list)]
    """The others' lists, as `sealgate fingerprints` writes them; a secret in one is refused."""


class Settings(Sources):
    """The whole configuration, as written."""

    environment: Annotated[
        str,
        Field(
            pattern=r"^[a-z][a-z0-9-]{0,31}$",
            description="1-32 of a-z, 0-9 and '-', beginning with a letter",
        ),
    ]
    """One process serves one environment; it stands in every topic name."""

    mode: Literal["live", "test"] | None = None
    """Whether money is real here; where absent, the environment's own name says so."""

    accepts_labels: Annotated[list[str], Field(default_factory=list)]
    """Words such as ``test`` that mean something else in the names of hosts, databases, files and
    secrets here, and do not keep a live process from starting; or ``live`` a test one."""

    fingerprints: FingerprintSettings | None = None
    log: LogSettings = LogSettings()
    store: StoreSettings = StoreSettings()
    edge: EdgeSettings = EdgeSettings()
    quarantine: QuarantineSettings = QuarantineSettings()
    consumer: ConsumerSettings = ConsumerSettings()
    policy: PolicySettings = PolicySettings()
    operators: OperatorSettings = OperatorSettings()
    audit: AuditSettings = AuditSettings()
    fetching: FetchingSettings = FetchingSettings()
    admin: AdminSettings = AdminSettings()
    logging: LoggingSettings = LoggingSettings()


@dataclass(frozen=True, slots=True)
class Cache:
    """What was read and built before, for the next reading of the same configuration."""

    fragments: Memory[Fragment] = field(default_factory=Memory)
    sources: Memory[Source] = field(default_factory=Memory)
    tls: Memory[Loaded] = field(default_factory=Memory)
    seals: Memory[Seals] = field(default_factory=Memory)

    def expect(self, touched: Touched) -> None:
        """Say which files may have changed since."""
        for memory in (self.fragments, self.sources, self.tls, self.seals):
            memory.touched = touched

    def files(self) -> set[str]:
        """Return every file that went into what is kept."""
        memories = (self.fragments, self.sources, self.tls, self.seals)
        return {file for memory in memories for file in memory.files()}


@dataclass(frozen=True, slots=True)
class Configuration:
    """Checked settings, their file, and the files in which the sources stand."""

    settings: Settings
    file: Path
    files: Mapping[str, str] = field(default_factory=dict)
    cache: Cache = field(default_factory=Cache, repr=False, compare=False)

    @property
    def base(self) -> Path:
        """Return the directory that relative paths count from."""
        return self.file.parent.resolve()

    @property
    def serves(self) -> Serves:
        """Return what a process with this configuration is for."""
        return environment.serves(self.settings.environment, self.settings.mode)


@dataclass(frozen=True, slots=True)
class Reading:
    """What a configuration says as far as it is whole, and every mistake of its form."""

    configuration: Configuration
    mistakes: Sequence[Mistake]


def read(path: Path, environ: Mapping[str, str]) -> Configuration:
    """Read `path`, its ``conf.d`` and the overrides. Raises `ConfigurationInvalid`."""
    reading = examine(path, environ)
    if reading.mistakes:
        raise ConfigurationInvalid(reading.mistakes)
    return reading.configuration


def examine(path: Path, environ: Mapping[str, str], cache: Cache | None = None) -> Reading:
    """Read as `read` does, but go on after a mistake, so that whoever asks can tell them all.

    A table or a source with a mistake is left out of what is returned; its default takes its place.
    `cache` spares reading again what did not change.
    """
    cache = Cache() if cache is None else cache
    mistakes: list[Mistake] = []
    main = parse(path, mistakes)
    if mistakes:
        settings = Settings.model_validate(PLACEHOLDER)
    else:
        overridden, wrong = _override(main, environ)
        form = Form(Settings, main, str(path), overridden, PLACEHOLDER)
        settings, found_wrong = form.validate()
        mistakes += wrong + found_wrong
    if not mistakes or settings.environment != PLACEHOLDER["environment"]:
        unsaid = environment.unsaid(settings.environment, settings.mode)
        mistakes += [Mistake("mode", unsaid, str(path))] if unsaid else []
    files = {source.slug: str(path) for source in settings.source}
    everything = list(settings.source)
    for fragment in beside(path, cache.fragments):
        mistakes += fragment.mistakes
        everything += fragment.sources
        files.update((source.slug, fragment.file) for source in fragment.sources)
    whole = settings.model_copy(update={SOURCES: everything})
    return Reading(Configuration(whole, path, files, cache), mistakes)


def _override(
    merged: dict[str, Any], environ: Mapping[str, str]
) -> tuple[dict[tuple[str, ...], str], list[Mistake]]:
    """Set single values from the environment: ``SEALGATE__TABLE__NAME`` or ``SEALGATE__NAME``.

    Returns the variables by the place they set.
    """
    mistakes = []
    places: dict[tuple[str, ...], str] = {}
    for variable, text in environ.items():
        if not variable.startswith(PREFIX):
            continue
        place = tuple(variable[len(PREFIX) :].lower().split("__"))
        table: Any = merged
        for part in place[:-1]:
            table = table.setdefault(part, {})
            if not isinstance(table, dict):
                break
        if not isinstance(table, dict) or SOURCES in place:
            mistakes.append(Mistake("", "sources are configured in files only", variable))
            continue
        table[place[-1]] = text
        places[place] = variable
    return places, mistakes
