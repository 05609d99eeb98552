"""Parameters: what a source must say itself, where a provider's contract is not public.

A profile declares each parameter with its meaning and default, and uses it as ``"$name"``. The
values of a source flow in, the profile's table with every ``"$name"`` filled in flows out, and the
schema then checks the result as if it had been written so. An empty text leaves its place out.
Inside a message, ``{config:name}`` stands for the value itself.
"""

import difflib
import re
from collections.abc import Iterable, Mapping
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

Value = str | int

_PATH = ("$.", "$[")
_CONFIG = re.compile(r"\{config:([a-z_]+)\}")


class Parameter(BaseModel):
    """One parameter. The type of its default is the type it has."""

    # Deferred: a table is compiled when it is first read, and not at every start.
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, defer_build=True)

    meaning: Annotated[str, Field(min_length=1)]
    default: Value
    choices: list[Value] = []
    required: bool = False
    """Whether a source must give it: without, its deliveries would prove less than they seem to."""


def lacking(declared: Mapping[str, Parameter], given: Mapping[str, object]) -> list[str]:
    """Return what a source must still say: each required parameter with its meaning."""
    return [
        f"parameter {name!r} is needed: {parameter.meaning}"
        for name, parameter in declared.items()
        if parameter.required and not given.get(name)
    ]


def resolve(declared: Mapping[str, Parameter], given: Mapping[str, object]) -> Mapping[str, Value]:
    """Return the value of every parameter. Raises `ValueError` naming what was wrongly given."""
    for name in given:
        if name not in declared:
            raise ValueError(f"parameter {name!r}: {_unknown(name, declared)}")
    return {
        name: _checked(name, parameter, given.get(name, parameter.default))
        for name, parameter in declared.items()
    }


def fill(table: Any, values: Mapping[str, Value]) -> Any:
    """Return the table with every ``"$name"`` replaced. Raises `ValueError` for an unknown name."""
    if isinstance(table, dict):
        filled = {name: fill(entry, values) for name, entry in table.items()}
        # What must equal nothing is never met; what need not equal anything would always be.
        return {
            name: entry
            for name, entry in filled.items()
            if entry != "" or table[name] == "" or name == "equals"
        }
    if isinstance(table, list):
        return [entry for entry in (fill(entry, values) for entry in table) if entry != ""]
    name = reference(table)
    if name is None:
        return _CONFIG.sub(lambda found: _text(found[1], values), table) if _said(table) else table
    return _value(name, values)


def _said(entry: object) -> bool:
    return isinstance(entry, str) and "{config:" in entry


def _value(name: str, values: Mapping[str, Value]) -> Value:
    if name not in values:
        raise ValueError(f"${name} is used and not declared under parameters")
    return values[name]


def _text(name: str, values: Mapping[str, Value]) -> str:
    text = str(_value(name, values))
    if "{" in text or "}" in text:
        raise ValueError(f"parameter {name!r}: must be without braces")
    return text


def reference(entry: object) -> str | None:
    """Return the name of the parameter that an entry stands for, if it does.

    What looks like ``$.id`` is no parameter, but a path of another kind in a place's place.
    """
    if not isinstance(entry, str) or entry.startswith(_PATH):
        return None
    return entry[1:] if entry.startswith("$") else None


def meant(word: str, known: Iterable[str]) -> str:
    """Return a hint for a misspelt word, or "" where none is near."""
    # Letters of the other case are the commonest misspelling, and far apart to a comparison.
    spelt = {one.lower(): one for one in known}
    near = difflib.get_close_matches(word.lower(), list(spelt), n=1)
    return f"did you mean {spelt[near[0]]!r}? " if near else ""


def _unknown(name: str, declared: Mapping[str, Parameter]) -> str:
    if not declared:
        return "this profile takes no parameters"
    return f"not known; {meant(name, declared)}there are {', '.join(sorted(declared))}"


def _checked(name: str, parameter: Parameter, value: object) -> Value:
    kind = type(parameter.default)
    # `type` and not `isinstance`: a bool is no number here.
    if type(value) is not kind or not isinstance(value, str | int):
        raise ValueError(f"parameter {name!r}: must be {'a text' if kind is str else 'a number'}")
    if parameter.choices and value not in parameter.choices:
        choices = ", ".join(repr(choice) for choice in parameter.choices)
        raise ValueError(f"parameter {name!r}: must be one of {choices}")
    return value
