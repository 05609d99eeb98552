"""Read the configuration: files in, one checked `Configuration` out, or every mistake at once.

One TOML file holds everything; a directory ``conf.d`` beside it may hold more sources, one file per
provider or team. A few values that differ per deployment can be overridden by the environment,
``SEALGATE__EDGE__PORT=9090``. Secrets are never values, only the names of files, so no error text
and no ``--show`` can print one. Each mistake says in which file it is, where, and what to do.
"""

import difflib
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

from pydantic import BaseModel, Field, ValidationError

from consumers.settings import ConsumerSettings, StoreSettings
from ingress.contract import topics
from ingress.settings import (
    ConfigurationInvalid,
    EdgeSettings,
    LogSettings,
    Mistake,
    Port,
    SourceSettings,
    Strict,
)

FRAGMENTS = "conf.d"
PREFIX = "SEALGATE__"
SOURCES = "source"


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

    environment: Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,31}$")]
    """One process serves one environment; it stands in every topic name."""

    log: LogSettings = LogSettings()
    store: StoreSettings = StoreSettings()
    edge: EdgeSettings = EdgeSettings()
    consumer: ConsumerSettings = ConsumerSettings()
    admin: AdminSettings = AdminSettings()
    logging: LoggingSettings = LoggingSettings()
    source: Annotated[list[SourceSettings], Field(default_factory=list)]


@dataclass(frozen=True, slots=True)
class Configuration:
    """Checked settings, their file, the base of their paths, and the files of the sources."""

    settings: Settings
    file: str
    base: Path
    files: Mapping[str, str]


def read(path: Path, environ: Mapping[str, str]) -> Configuration:
    """Read `path`, its ``conf.d`` and the overrides. Raises `ConfigurationInvalid`."""
    mistakes: list[Mistake] = []
    merged = _parse(path, mistakes)
    origins = [path.name] * len(_tables(merged))
    for fragment in sorted((path.parent / FRAGMENTS).glob("*.toml")):
        name = f"{FRAGMENTS}/{fragment.name}"
        found = _parse(fragment, mistakes)
        mistakes += [
            Mistake(other, "only [[source]] tables may stand in conf.d", name)
            for other in sorted(found.keys() - {SOURCES})
        ]
        tables = _tables(found)
        origins += [name] * len(tables)
        merged[SOURCES] = _tables(merged) + tables
    if mistakes:
        raise ConfigurationInvalid(mistakes)
    mistakes += _override(merged, environ)
    try:
        settings = Settings.model_validate(merged)
    except ValidationError as wrong:
        mistakes += [_explain(error, merged, origins, path.name) for error in wrong.errors()]
        raise ConfigurationInvalid(mistakes) from None
    if mistakes:
        raise ConfigurationInvalid(mistakes)
    topics.check_environment(settings.environment)
    slugs = [source.slug for source in settings.source]
    files = dict(zip(slugs, origins, strict=True))
    return Configuration(settings, path.name, path.parent.resolve(), files)


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


def _override(merged: dict[str, Any], environ: Mapping[str, str]) -> list[Mistake]:
    """Set single values from the environment: ``SEALGATE__TABLE__NAME`` or ``SEALGATE__NAME``."""
    mistakes = []
    for variable, text in environ.items():
        if not variable.startswith(PREFIX):
            continue
        *tables, name = variable[len(PREFIX) :].lower().split("__")
        table: Any = merged
        for part in tables:
            table = table.setdefault(part, {})
            if not isinstance(table, dict):
                break
        if not isinstance(table, dict) or SOURCES in (*tables, name):
            mistakes.append(Mistake("", "sources are configured in files only", variable))
            continue
        table[name] = text
    return mistakes


def _explain(
    error: Mapping[str, Any], merged: Mapping[str, Any], origins: Sequence[str], main: str
) -> Mistake:
    """Turn one of pydantic's errors into a place a human can find and a thing to do."""
    location: tuple[int | str, ...] = error["loc"]
    file = main
    words: list[str] = []
    node: Any = merged
    for part in location:
        if isinstance(part, int):
            node = node[part] if isinstance(node, list) and part < len(node) else None
            if len(words) == 1 and words[0] == SOURCES:
                file = origins[part] if part < len(origins) else main
            words[-1] += f" {_name(node, part)}"
            continue
        words.append(part)
        node = node.get(part) if isinstance(node, dict) else None
    message = str(error["msg"])
    if error["type"] == "extra_forbidden":
        message = f"is not known here{_suggest(location)}"
    elif error["type"] == "missing":
        message = "is missing"
    return Mistake(".".join(words), message, file)


def _name(node: Any, index: int) -> str:
    """Name an item of a list by what its author called it."""
    if isinstance(node, dict):
        for field in ("slug", "id"):
            if isinstance(node.get(field), str):
                return repr(node[field])
    return f"number {index + 1}"


def _suggest(location: Sequence[int | str]) -> str:
    """Find the known name nearest to the unknown one at `location`."""
    model: Any = Settings
    for part in location[:-1]:
        if isinstance(part, str):
            model = _model(model, part)
    known = getattr(model, "model_fields", {})
    near = difflib.get_close_matches(str(location[-1]), known, n=1)
    return f"; did you mean {near[0]!r}?" if near else f"; known are {', '.join(sorted(known))}"


def _model(model: Any, name: str) -> Any:
    field = getattr(model, "model_fields", {}).get(name)
    if field is None:
        return None
    options = [field.annotation, *get_args(field.annotation)]
    return next((o for o in options if isinstance(o, type) and issubclass(o, BaseModel)), None)
