"""One declarative profile per provider, and the way from its file to what the edge uses.

A name flows in, and the parameters of a source; a compiled `Profile` flows out, or a `ValueError`
that names the file, the field and the likely remedy. Only the file asked for is read.
"""

import tomllib
from collections.abc import Mapping
from importlib.resources import files
from importlib.resources.abc import Traversable

from pydantic import TypeAdapter, ValidationError

from ingress.providers.compiling import compile_profile
from ingress.providers.declaration import Declaration
from ingress.providers.explain import explain
from ingress.providers.identity import Identity
from ingress.providers.parameters import Parameter, fill, lacking, meant, resolve
from ingress.providers.profile import Profile

__all__ = ["Identity", "Profile", "load", "load_file", "names"]

_BUILT_IN: Traversable = files(__package__)
_SUFFIX = ".toml"
_PARAMETERS = TypeAdapter(dict[str, Parameter])


def names() -> tuple[str, ...]:
    """Return the names of the built-in profiles, in order. No profile is read."""
    found = (file.name for file in _BUILT_IN.iterdir())
    return tuple(sorted(name.removesuffix(_SUFFIX) for name in found if name.endswith(_SUFFIX)))


def load(name: str, parameters: Mapping[str, object] | None = None) -> Profile:
    """Load a built-in profile. Raises `ValueError` saying what is wrong and what was likely meant.

    `parameters` are the source's own; most profiles take none.
    """
    known = names()
    if name not in known:
        raise ValueError(
            f"there is no provider profile {name!r}; "
            f"{meant(name, known)}there are {', '.join(known)}"
        )
    return load_file(_BUILT_IN / (name + _SUFFIX), parameters)


def load_file(file: Traversable, parameters: Mapping[str, object] | None = None) -> Profile:
    """Load the profile in a file; its name is the file's. Raises `ValueError`, as `load` does."""
    name = file.name.removesuffix(_SUFFIX)
    try:
        table = tomllib.loads(file.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as wrong:
        raise ValueError(f"{file.name}: not TOML: {wrong}") from None
    try:
        declared = _PARAMETERS.validate_python(table.pop("parameters", {}) | _window(table))
    except ValidationError as wrong:
        raise ValueError(explain(file.name, wrong, {})) from None
    values = resolve(declared, parameters or {})
    try:
        declaration = Declaration.model_validate(fill(table, values))
        return compile_profile(name, declaration, tuple(lacking(declared, parameters or {})))
    except ValidationError as wrong:
        raise ValueError(explain(file.name, wrong, table)) from None
    except ValueError as wrong:
        raise ValueError(f"{file.name}: {wrong}") from None


def _window(table: Mapping[str, object]) -> dict[str, object]:
    """Let every source choose the window of a timestamp, whose default is the provider's own."""
    freshness = table.get("freshness")
    if not isinstance(freshness, dict) or freshness.get("window_s") == "$window_s":
        return {}
    default = freshness.get("window_s", 0)
    freshness["window_s"] = "$window_s"
    meaning = "seconds that the timestamp may be from the receipt, either way; 0 judges no age"
    return {"window_s": {"meaning": meaning, "default": default}}
