"""How a shape is said: small functions that each return a piece of JSON Schema 2020-12. Pure.

An object is closed: what it does not name is not there. A field is always there unless it is said
to be `sometimes`. A shape with a name stands once, under ``$defs``, and others point to it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

Schema = dict[str, Any]
_DEFS = "#/$defs/"


@dataclass(frozen=True, slots=True)
class Sometimes:
    """A field that is not always there, and when it is."""

    schema: Schema
    when: str


Fields = Mapping[str, Schema | Sometimes]


def sometimes(when: str, schema: Schema) -> Sometimes:
    """Say of a field when it is there."""
    return Sometimes(schema, when)


def text(told: str, **more: Any) -> Schema:
    """Return the shape of a text."""
    return {"type": "string", "description": told, **more}


def digits(told: str) -> Schema:
    """Return the shape of a whole number that is written as a text, so that no reader rounds it."""
    return text(told, pattern="^-?[0-9]+$")


def moment(told: str) -> Schema:
    """Return the shape of an instant, RFC 3339 in UTC."""
    return text(told, format="date-time")


def number(told: str, **more: Any) -> Schema:
    """Return the shape of a whole number; of a count, unless it is said otherwise."""
    return {"type": "integer", "description": told, **({"minimum": 0} | more)}


def truth(told: str) -> Schema:
    """Return the shape of a yes or no."""
    return {"type": "boolean", "description": told}


def word(told: str, words: type[StrEnum] | Iterable[str]) -> Schema:
    """Return the shape of one of several words."""
    return {"enum": [str(one) for one in words], "description": told}


def const(value: str) -> Schema:
    """Return the shape of what is always this text."""
    return {"const": value, "description": "of this document; a higher one where it changes"}


def listed(told: str, items: Schema) -> Schema:
    """Return the shape of a list."""
    return {"type": "array", "description": told, "items": items}


def mapped(told: str, values: Schema) -> Schema:
    """Return the shape of an object whose names are no fields, such as addresses."""
    return {"type": "object", "description": told, "additionalProperties": values}


def maybe(schema: Schema) -> Schema:
    """Return the shape of what may be null."""
    if set(schema) == {"type", "description"} and isinstance(schema["type"], str):
        return schema | {"type": [schema["type"], "null"]}
    told = {"description": schema["description"]} if "description" in schema else {}
    bare = {name: value for name, value in schema.items() if name != "description"}
    return {"anyOf": [bare, {"type": "null"}], **told}


def shape(told: str, fields: Fields) -> Schema:
    """Return the shape of an object with these fields and no others."""
    required = [name for name, one in fields.items() if not isinstance(one, Sometimes)]
    return {
        "type": "object",
        "description": told,
        "properties": {name: _written(one) for name, one in fields.items()},
        "required": required,
        "additionalProperties": False,
    }


def ref(name: str, told: str = "") -> Schema:
    """Point to a shape that has a name; `told` says what it is here."""
    return {"$ref": _DEFS + name, **({"description": told} if told else {})}


def pointed(schema: object) -> set[str]:
    """Return the names that a shape points to."""
    if isinstance(schema, Mapping):
        own = schema.get("$ref")
        found = {str(own).removeprefix(_DEFS)} if own else set()
        return found.union(*map(pointed, schema.values()))
    if isinstance(schema, list):
        return set[str]().union(*map(pointed, schema))
    return set()


def _written(one: Schema | Sometimes) -> Schema:
    if isinstance(one, Sometimes):
        told = one.schema.get("description", "")
        return one.schema | {"description": f"{told}; {one.when}" if told else one.when}
    return one
