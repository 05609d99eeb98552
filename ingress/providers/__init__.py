"""One declarative profile per provider, and the way from its file to what the edge uses.

A name flows in, and the parameters of a source; a compiled `Profile` flows out, or a `ValueError`
that names the file, the field and the likely remedy. Only the file asked for is read, and for as
long as it stays as it is only once: ten thousand sources share one profile.
"""

import re
import tomllib
from collections.abc import Mapping
from functools import lru_cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import NamedTuple

from pydantic import TypeAdapter, ValidationError

from ingress import filestate
from ingress.providers.compiling import compile_profile
from ingress.providers.declaration import Declaration
from ingress.providers.explain import explain, near
from ingress.providers.identity import Identity
from ingress.providers.parameters import Parameter, fill, lacking, resolve
from ingress.providers.profile import Profile

__all__ = ["Identity", "Profile", "find", "load", "load_file", "names", "own_file"]

_BUILT_IN: Traversable = files(__package__)
_SUFFIX = ".toml"
# Of one provider with parameters of its own at each source, some 20 KiB each.
_SHARED_MAX = 512
# A name becomes part of a path, and must not lead out of its directory.
_NAME = re.compile(r"[a-z0-9_-]{1,64}")
_PARAMETERS = TypeAdapter(dict[str, Parameter])


def names() -> tuple[str, ...]:
    """Return the names of the built-in profiles, in order. No profile is read."""
    found = (file.name for file in _BUILT_IN.iterdir())
    return tuple(sorted(name.removesuffix(_SUFFIX) for name in found if name.endswith(_SUFFIX)))


def find(name: str, parameters: Mapping[str, object], own: Path | None) -> Profile:
    """Load the profile of that name: the user's, in the directory `own`, or else a built-in one.

    Raises `ValueError`, as `load` does. What is returned is shared, and never changes.
    """
    # With their types, for 1 and true are the same to a dictionary.
    given = tuple((key, type(parameters[key]), parameters[key]) for key in sorted(parameters))
    file = own_file(name, own)
    return (
        _built_in(name, given)
        if file is None
        else _own(_Seen(file, filestate.signature(str(file))), given)
    )


class _Seen(NamedTuple):
    """A file with what tells one content of it from another."""

    file: Path
    now: filestate.Signature | None


@lru_cache(maxsize=_SHARED_MAX)
def _built_in(name: str, given: tuple[tuple[str, type, object], ...]) -> Profile:
    return load(name, {key: value for key, _, value in given})


@lru_cache(maxsize=_SHARED_MAX)
def _own(seen: _Seen, given: tuple[tuple[str, type, object], ...]) -> Profile:
    return load_file(seen.file, {key: value for key, _, value in given})


def own_file(name: str, own: Path | None) -> Path | None:
    """Return the file of the user's own profile of that name, if there is one.

    Raises `ValueError` for what can be no profile's name.
    """
    if not _NAME.fullmatch(name):
        raise ValueError(
            f"{name!r} is no name of a provider profile: "
            "1 to 64 of a-z, 0-9, _ and - make one, without .toml"
        )
    file = None if own is None else own / (name + _SUFFIX)
    return file if file is not None and file.is_file() else None


def load(name: str, parameters: Mapping[str, object] | None = None) -> Profile:
    """Load a built-in profile. Raises `ValueError` saying what is wrong and what was likely meant.

    `parameters` are the source's own; most profiles take none.
    """
    known = names()
    if name not in known:
        raise ValueError(
            f"there is no provider profile {name!r}; {near(name, known)}"
            "`sealgate providers list` shows all"
        )
    return load_file(_BUILT_IN / (name + _SUFFIX), parameters)


def load_file(file: Traversable, parameters: Mapping[str, object] | None = None) -> Profile:
    """Load the profile in a file; its name is the file's. Raises `ValueError`, as `load` does."""
    try:
        # With the mark that some editors put at the beginning, or without.
        table = tomllib.loads(file.read_text(encoding="utf-8-sig"))
        return _read(file.name, table, parameters or {})
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as wrong:
        raise ValueError(f"{file.name}: not TOML: {wrong}") from None
    except OSError as wrong:
        raise ValueError(f"{file.name}: cannot be read: {wrong.strerror}") from None
    except RecursionError:
        raise ValueError(f"{file.name}: its tables or lists are nested too deeply") from None


def _read(file: str, table: dict[str, object], parameters: Mapping[str, object]) -> Profile:
    """Check a profile's table and compile it. Raises `ValueError`."""
    name = file.removesuffix(_SUFFIX)
    try:
        said = table.pop("parameters", {})
        all_of_them = said | _window(table) if isinstance(said, dict) else said
        declared = _PARAMETERS.validate_python(all_of_them)
    except ValidationError as wrong:
        raise ValueError(explain(file, wrong, {})) from None
    values = resolve(declared, parameters)
    try:
        declaration = Declaration.model_validate(fill(table, values))
        return compile_profile(name, declaration, tuple(lacking(declared, parameters)))
    except ValidationError as wrong:
        raise ValueError(explain(file, wrong, table)) from None
    except ValueError as wrong:
        raise ValueError(f"{file}: {wrong}") from None


def _window(table: Mapping[str, object]) -> dict[str, object]:
    """Let every source choose the window of a timestamp, whose default is the provider's own."""
    freshness = table.get("freshness")
    if not isinstance(freshness, dict) or freshness.get("window_s") == "$window_s":
        return {}
    default = freshness.get("window_s", 0)
    freshness["window_s"] = "$window_s"
    meaning = "seconds that the timestamp may be from the receipt, either way; 0 judges no age"
    return {"window_s": {"meaning": meaning, "default": default}}
