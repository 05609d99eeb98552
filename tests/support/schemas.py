"""The schemas of what commands print, as a judge: what was printed is told, and what is told seen.

Schemas flow in; each printed document flows in with its command, is held against the schema, and
leaves behind which fields were there. What a schema names and no document had can be asked for.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator

FOLDER = Path(__file__).parents[2] / "deploy/schemas"
Schema = Mapping[str, Any]
_DEFS = "#/$defs/"
_NULL = {"type": "null"}


def read(name: str) -> Schema:
    """Read one schema; `name` is the command's, with hyphens."""
    found: Schema = json.loads((FOLDER / f"{name}.json").read_text("utf-8"))
    return found


@dataclass(slots=True)
class Judge:
    """All schemas; `given` is which shape each command has printed, `seen` which fields there were.

    A field is named by the shape that it stands in: a shape is shared by commands.
    """

    schemas: Mapping[str, Schema]
    given: set[tuple[str, str]] = field(default_factory=set)
    seen: set[str] = field(default_factory=set)

    def judge(self, command: str, text: str, *, is_lines: bool = False) -> list[Any]:
        """Hold what a command printed against its schema; return the documents."""
        schema = self.schemas[command]
        parts = text.splitlines() if is_lines else [text]
        documents = [json.loads(part) for part in parts]
        for document in documents:
            shapes = [one for one in schema["oneOf"] if _is_valid(one, schema, document)]
            if len(shapes) != 1:
                Draft202012Validator(schema).validate(document)
            for one in shapes:
                self.given.add((command, str(one["$ref"]).removeprefix(_DEFS)))
                self._walk(one, schema, document, "")
        return documents

    def promised(self) -> set[tuple[str, str]]:
        """Return which shapes each command may print."""
        return {
            (command, str(one["$ref"]).removeprefix(_DEFS))
            for command, schema in self.schemas.items()
            for one in schema["oneOf"]
        }

    def told(self) -> set[str]:
        """Return every field of every shape."""
        return {
            path
            for schema in self.schemas.values()
            for name, shape in schema["$defs"].items()
            for path in _fields(shape, name)
        }

    def _walk(self, shape: Schema, whole: Schema, value: Any, at: str) -> None:
        """Note the fields of a value."""
        if "$ref" in shape:
            name = str(shape["$ref"]).removeprefix(_DEFS)
            self._walk(whole["$defs"][name], whole, value, name)
            return
        for number, one in enumerate(_choices(shape)):
            # What may be null has one other shape, and the whole document was held against it.
            if _NULL in _choices(shape) or _is_valid(one, whole, value):
                self._walk(one, whole, value, at + _number(shape, number))
                break
        if isinstance(value, dict):
            self._walk_fields(shape, whole, value, at)
        elif isinstance(value, list) and "items" in shape:
            for part in value:
                self._walk(shape["items"], whole, part, f"{at}[]")

    def _walk_fields(self, shape: Schema, whole: Schema, value: Mapping[str, Any], at: str) -> None:
        """Note the fields of an object; names that are no fields are all one."""
        others = shape.get("additionalProperties")
        for name, part in value.items():
            told = shape.get("properties", {}).get(name)
            path = f"{at}.{name}"
            if told is None and isinstance(others, dict):
                told, path = others, f"{at}.*"
            if told is not None:
                self.seen.add(path)
                self._walk(told, whole, part, path)


def _fields(shape: Schema, at: str) -> Iterator[str]:
    """Yield the fields of a shape; those that it points to have names of their own."""
    for name, part in shape.get("properties", {}).items():
        yield f"{at}.{name}"
        yield from _fields(part, f"{at}.{name}")
    if isinstance(shape.get("additionalProperties"), dict):
        yield f"{at}.*"
        yield from _fields(shape["additionalProperties"], f"{at}.*")
    if "items" in shape:
        yield from _fields(shape["items"], f"{at}[]")
    for number, one in enumerate(_choices(shape)):
        yield from _fields(one, at + _number(shape, number))


def _choices(shape: Schema) -> list[Schema]:
    return [*shape.get("anyOf", []), *shape.get("oneOf", [])]


def _number(shape: Schema, number: int) -> str:
    """Tell alternatives apart, but for a null beside what may be null."""
    return f"|{number}" if "oneOf" in shape else ""


def _is_valid(shape: Schema, whole: Schema, value: Any) -> bool:
    return Draft202012Validator({**shape, "$defs": whole["$defs"]}).is_valid(value)
