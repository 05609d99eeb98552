"""Read the configuration: files in, one checked `Configuration` out, or every mistake at once.

One TOML file holds everything; a directory ``conf.d`` beside it may hold more sources, one file per
provider or team. A few values that differ per deployment can be overridden by the environment,
``SEALGATE__EDGE__PORT=9090``. Secrets are never values, only the names of files, so no error text
and nothing printed can show one. Each mistake says in which file it is, where, and what to do.
"""

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field

from consumers.settings import ConsumerSettings, StoreSettings
from ingress.settings import (
    ConfigurationInvalid,
    EdgeSettings,
    LogSettings,
    Mistake,
    Port,
    QuarantineSettings,
    SourceSettings,
    Strict,
)
from ingress.sources import Serves
from sealgate import environment
from sealgate.form import PLACEHOLDER, SOURCES, Form

FRAGMENTS = "conf.d"
PREFIX = "SEALGATE__"


class AdminSettings(Strict):
    """The private port: ``/livez``, ``/readyz``, ``/metrics``."""

    host: str = "127.0.0.1"
    port: Port = 9090


class LoggingSettings(Strict):
    """How log lines look."""

    style: Literal["json", "console"] = "json"
    level: Literal["debug", "info", "warning", "error"] = "info"


class Settings(Strict):
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

    log: LogSettings = LogSettings()
    store: StoreSettings = StoreSettings()
    edge: EdgeSettings = EdgeSettings()
    quarantine: QuarantineSettings = QuarantineSettings()
    consumer: ConsumerSettings = ConsumerSettings()
    admin: AdminSettings = AdminSettings()
    logging: LoggingSettings = LoggingSettings()
    source: Annotated[list[SourceSettings], Field(default_factory=list)]


@dataclass(frozen=True, slots=True)
class Configuration:
    """Checked settings, their file, and the files in which the sources stand."""

    settings: Settings
    file: Path
    files: Mapping[str, str] = field(default_factory=dict)

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


def examine(path: Path, environ: Mapping[str, str]) -> Reading:
    """Read as `read` does, but go on after a mistake, so that whoever asks can tell them all.

    A table or a source with a mistake is left out of what is returned; its default takes its place.
    """
    mistakes: list[Mistake] = []
    merged = _parse(path, mistakes)
    origins = [str(path)] * len(_tables(merged))
    for fragment in sorted((path.parent / FRAGMENTS).glob("*.toml")):
        found = _parse(fragment, mistakes)
        mistakes += [
            Mistake(other, "only [[source]] tables may stand in conf.d", str(fragment))
            for other in sorted(found.keys() - {SOURCES})
        ]
        tables = _tables(found)
        origins += [str(fragment)] * len(tables)
        merged[SOURCES] = _tables(merged) + tables
    if not merged and mistakes:
        return Reading(Configuration(Settings.model_validate(PLACEHOLDER), path), mistakes)
    overridden, wrong = _override(merged, environ)
    mistakes += wrong
    form = Form(Settings, merged, origins, str(path), overridden)
    settings, found_wrong, kept = form.validate()
    mistakes += found_wrong
    files = {source.slug: origins[n] for n, source in zip(kept, settings.source, strict=True)}
    return Reading(Configuration(settings, path, files), mistakes)


def _parse(path: Path, mistakes: list[Mistake]) -> dict[str, Any]:
    try:
        with path.open("rb") as file:
            return tomllib.load(file)
    except OSError as wrong:
        hint = f"cannot be read: {wrong.strerror}"
        if isinstance(wrong, FileNotFoundError):
            hint = "there is no such file; name one with --config, or start from the sample"
        mistakes.append(Mistake("", hint, str(path)))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as wrong:
        mistakes.append(Mistake("", f"is not valid TOML: {wrong}", str(path)))
    return {}


def _tables(raw: Mapping[str, Any]) -> list[Any]:
    found = raw.get(SOURCES, [])
    return found if isinstance(found, list) else [found]


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
