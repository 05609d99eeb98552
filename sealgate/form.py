"""The form of a configuration: raw tables in, settings out, and every mistake in words for a human.

pydantic finds all that is wrong with the values; here each of its errors becomes a place that can
be found (a source is named by its slug, not by its number; a value that came from the environment
by its variable) and a thing to do. What is wrong is left out, so that the rest can be looked at.
"""

import difflib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar, get_args

from pydantic import BaseModel, ValidationError

from ingress.settings import KEY_ID, Mistake

SOURCES = "source"
_WORDS = {
    "string_pattern_mismatch": "is written with other characters than may be, or is too long",
    "model_type": "is a table: write it as [name], or [[name]] where there may be several",
    "list_type": "may occur several times: write it as [[name]]",
}

Model = TypeVar("Model", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Form(Generic[Model]):
    """The raw tables of one file, the model they must fit, and which of them were overridden.

    `placeholder` stands in for what must be there and is missing or wrong.
    """

    model: type[Model]
    raw: Mapping[str, Any]
    file: str
    overridden: Mapping[tuple[str, ...], str] = field(default_factory=dict)
    placeholder: Mapping[str, Any] = field(default_factory=dict)

    def validate(self) -> tuple[Model, list[Mistake]]:
        """Return the model of what is whole, and the mistakes."""
        try:
            return self.model.model_validate(self.raw), []
        except ValidationError as wrong:
            errors = wrong.errors()
        sources = self.raw.get(SOURCES, [])
        mistakes = [self._explain(error) for error in errors]
        tables = {error["loc"][0] for error in errors}
        broken = {e["loc"][1] for e in errors if e["loc"][0] == SOURCES and len(e["loc"]) > 1}
        whole = {name: table for name, table in self.raw.items() if name not in tables}
        if isinstance(sources, list) and (SOURCES,) not in {error["loc"] for error in errors}:
            whole[SOURCES] = [one for number, one in enumerate(sources) if number not in broken]
        return self.model.model_validate({**self.placeholder, **whole}), mistakes

    def _explain(self, error: Any) -> Mistake:
        location: tuple[int | str, ...] = error["loc"]
        variable = self.overridden.get(tuple(str(part) for part in location))
        if variable is not None:
            return Mistake("", self._message(error), variable)
        words: list[str] = []
        node: Any = self.raw
        for part in location:
            if isinstance(part, int):
                node = node[part] if isinstance(node, list) and part < len(node) else None
                words[-1] += f" {_name(node, part)}"
                continue
            words.append(part)
            node = node.get(part) if isinstance(node, dict) else None
        return Mistake(".".join(words), self._message(error), self.file)

    def _message(self, error: Any) -> str:
        if error["type"] == "extra_forbidden":
            return f"is not known here{_suggest(self.model, error['loc'])}"
        if error["type"] == "missing":
            return "is missing"
        described = _description(self.model, error["loc"])
        message = _WORDS.get(error["type"], str(error["msg"]))
        return f"{message}; {described}" if described else message


def _name(node: Any, index: int) -> str:
    """Name an item of a list by what its author called it.

    An id that is none is not quoted: it may be the secret, put in the wrong place.
    """
    if isinstance(node, dict):
        if isinstance(node.get("slug"), str):
            return repr(node["slug"])
        if isinstance(node.get("id"), str) and re.fullmatch(KEY_ID, node["id"]):
            return repr(node["id"])
    return f"number {index + 1}"


def _suggest(model: type[BaseModel], location: Sequence[int | str]) -> str:
    """Find the known name nearest to the unknown one at `location`."""
    known = getattr(_at(model, location[:-1]), "model_fields", {})
    near = difflib.get_close_matches(str(location[-1]), known, n=1)
    return f"; did you mean {near[0]!r}?" if near else f"; known are {', '.join(sorted(known))}"


def _description(model: type[BaseModel], location: Sequence[int | str]) -> str:
    """Return what a setting says it may be, where it says so."""
    names = [part for part in location if isinstance(part, str)]
    fields = getattr(_at(model, names[:-1]), "model_fields", {})
    return (fields[names[-1]].description or "") if names and names[-1] in fields else ""


def _at(model: type[BaseModel], location: Sequence[int | str]) -> Any:
    found: Any = model
    for part in location:
        if isinstance(part, str):
            found = _model(found, part)
    return found


def _model(model: Any, name: str) -> Any:
    field = getattr(model, "model_fields", {}).get(name)
    if field is None:
        return None
    options = [field.annotation, *get_args(field.annotation)]
    return next((o for o in options if isinstance(o, type) and issubclass(o, BaseModel)), None)
