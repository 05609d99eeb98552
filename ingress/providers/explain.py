"""Say what is wrong with a profile in the words of its file: which field, and what instead."""

import difflib
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from ingress.providers.declaration import Declaration
from ingress.providers.parameters import Parameter, meant, reference

NEAR_MAX = 4
_WINDOW = "window_s"
_QUOTED = re.compile(r"'([^']*)'")
_LIKE = {
    "header": "a header's name: letters, digits and '-', beginning with a letter",
    "type_prefix": 'small words with dots between, for example "com.example"',
    "prefix": "up to 32 printable ASCII characters",
    "separator": "1-32 printable ASCII characters",
    "key": "1-32 printable ASCII characters",
    "version": "1-32 printable ASCII characters",
    "field": "1-32 printable ASCII characters",
}
_IN_A_FILE = "a secret stands in a file that [[source.key]] names, and never in a profile"
_SOURCE = "a source says it: [[source]] in sealgate.toml"
_ELSEWHERE = {
    "secret": _IN_A_FILE,
    "secrets": _IN_A_FILE,
    "key_file": _IN_A_FILE,
    "experimental": _SOURCE,
    "accepts_hints": _SOURCE,
    "public_url": _SOURCE,
    "provider": "the name of a profile is its file's",
    "name": "the name of a profile is its file's; what people read is its title",
}
"""Fields that are looked for in a profile and stand elsewhere."""
_LACKING = {
    "kind": "say what signs: mac, asym, jws, token or none",
    "form": "say how the signature's text is written: plain, kv or list",
    "evidence": 'say who says so, and when: [[evidence]] what = "...", read = 2026-11-22',
    "identity": "[identity] says where ids and type stand; the table may be empty",
    "signature": "[signature] says how deliveries are signed",
}


def explain(file: str, wrong: ValidationError, table: object) -> str:
    """Render every mistake on a line, as ``file: field: what; did you mean …``.

    `table` is the file's own, so that a parameter's bad value is blamed on the parameter.
    """
    is_parameter = wrong.title != Declaration.__name__
    errors = wrong.errors()
    # Of a list whose items are all wrong the checker says, too, that it is empty.
    full = {error["loc"][:end] for error in errors for end in range(len(error["loc"]))}
    return "\n".join(
        f"{file}: {_mistake(error, table, is_parameter=is_parameter)}"
        for error in errors
        if error["type"] != "too_short" or error["loc"] not in full
    )


def near(name: str, known: Sequence[str]) -> str:
    """Guess which profiles were meant: those that are written nearly so, or begin so."""
    alike = difflib.get_close_matches(name, known, n=NEAR_MAX)
    begin = [one for one in known if name and one.startswith(name)]
    found = list(dict.fromkeys([*alike, *begin]))[:NEAR_MAX]
    return f"did you mean {' or '.join(map(repr, found))}? " if found else ""


def _mistake(error: ErrorDetails, table: object, *, is_parameter: bool) -> str:
    # The parameters are checked first, apart from their file.
    parts = ["parameters", *map(str, error["loc"])]
    where = ".".join(parts) if is_parameter else _where(error, table)
    say = _WORDS.get(error["type"])
    message = error["msg"].removeprefix("Value error, ") if say is None else say(error)
    return f"{where + ': ' if where else ''}{message}{_hint(error, is_parameter=is_parameter)}"


def _where(error: ErrorDetails, table: Any) -> str:
    """Name the field as the file has it, or the parameter that filled it."""
    steps: list[str] = []
    for step in error["loc"]:
        if isinstance(table, dict) and (step in table or _is_lacking(error, step)):
            table = table.get(step)
            steps.append(str(step))
        elif isinstance(table, list) and isinstance(step, int):
            steps.append(str(step))
            table = table[step] if step < len(table) else None
        # Anything else is no step of the file: one table that stands for a list, or the name of
        # the alternative that its `kind` chose.
    if error["type"].startswith("union_tag"):
        steps.append(_tag(error))
    name = reference(table)
    if name == _WINDOW and error["type"] == "int_type":
        name = None  # a source's would have been refused for its type: this is the file's own
    return ".".join(steps) if name is None else f"parameter {name!r}"


def _is_lacking(error: ErrorDetails, step: int | str) -> bool:
    return error["type"] == "missing" and step == error["loc"][-1]


def _tag(error: ErrorDetails) -> str:
    return str(error.get("ctx", {}).get("discriminator", "")).strip("'")


def _missing(error: ErrorDetails) -> str:
    more = _LACKING.get(str(error["loc"][-1]), "")
    return f"is missing{'; ' + more if more else ''}"


def _untagged(error: ErrorDetails) -> str:
    return f"is missing; {_LACKING.get(_tag(error), 'say which')}"


def _wrong_tag(error: ErrorDetails) -> str:
    said = error.get("ctx", {})
    return f"must be one of {said.get('expected_tags')}, not {str(said.get('tag'))!r}"


def _one_of(error: ErrorDetails) -> str:
    return f"must be {error.get('ctx', {}).get('expected')}"


def _unlike(error: ErrorDetails) -> str:
    like = _LIKE.get(str(error["loc"][-1]))
    return f"must be {like}" if like else error["msg"]


def _unknown(error: ErrorDetails) -> str:
    more = _ELSEWHERE.get(str(error["loc"][-1]), "")
    return f"there is no such field{'; ' + more if more else ''}"


def _no_list(error: ErrorDetails) -> str:
    example = {"methods": "POST", "message": "{body}"}.get(str(error["loc"][-1]), "/id")
    return f'must be a list: ["{example}"]'


def _bounded(error: ErrorDetails) -> str:
    said = error.get("ctx", {})
    limit = said.get("ge", said.get("le"))
    return f"must be {'at least' if 'ge' in said else 'at most'} {limit}"


_WORDS: Mapping[str, Callable[[ErrorDetails], str]] = {
    "missing": _missing,
    "extra_forbidden": _unknown,
    "union_tag_not_found": _untagged,
    "union_tag_invalid": _wrong_tag,
    "enum": _one_of,
    "literal_error": _one_of,
    "string_pattern_mismatch": _unlike,
    "greater_than_equal": _bounded,
    "less_than_equal": _bounded,
    "int_type": lambda _: "must be a whole number, without quotes",
    "string_type": lambda _: "must be a text, in quotes",
    "bool_type": lambda _: "must be true or false, without quotes",
    "date_from_datetime_parsing": lambda _: "must be a date, without quotes: 2026-11-22",
    "date_type": lambda _: "must be a date, without quotes: 2026-11-22",
    "model_type": lambda _: 'must be a table: { name = "value" }',
    "tuple_type": _no_list,
    "list_type": lambda _: "must be a list: [...]",
    "dict_type": lambda _: 'must be a table: { name = "value" }',
    "too_short": lambda _: "is empty; at least one is needed",
    "string_too_short": lambda _: "is empty",
}


def _hint(error: ErrorDetails, *, is_parameter: bool) -> str:
    """Guess what was meant, from the fields of the same table or from the values allowed here."""
    kind = error["type"]
    if kind == "extra_forbidden":
        hint = _field_meant(error["loc"], Parameter if is_parameter else Declaration)
    elif kind in {"enum", "literal_error"}:
        hint = meant(str(error["input"]), _QUOTED.findall(error["msg"]))
    elif kind == "union_tag_invalid":
        said = error.get("ctx", {})
        hint = meant(str(said.get("tag")), _QUOTED.findall(str(said.get("expected_tags"))))
    else:
        hint = ""
    return f"; {hint.strip()}" if hint else ""


def _field_meant(steps: tuple[int | str, ...], root: type[BaseModel]) -> str:
    word = str(steps[-1])
    if word in _ELSEWHERE:
        return ""
    hint = meant(word, _fields(steps[:-1], root))
    # At the top of a file stands what was to stand in a table whose line was forgotten.
    is_top = root is Declaration and len(steps) == 1
    return _below(word) if is_top and not hint else hint


def _below(word: str) -> str:
    """Guess the table in which a field was meant to stand."""
    places = [
        f"{name}.{inner}"
        for name, field in Declaration.model_fields.items()
        for kind in _kinds(field.annotation)
        for inner in kind.model_fields
    ]
    inner = meant(word, [place.partition(".")[2] for place in places])
    found = _QUOTED.search(inner)
    where = [] if found is None else [place for place in places if place.endswith("." + found[1])]
    return f"did you mean {' or '.join(map(repr, dict.fromkeys(where)))}? " if where else ""


def _fields(steps: tuple[int | str, ...], root: type[BaseModel]) -> set[str]:
    """Return the names that a table may hold, of whichever kinds it can be."""
    kinds = {root}
    for step in steps:
        below = {
            kind
            for one in kinds
            if step in one.model_fields
            for kind in _kinds(one.model_fields[str(step)].annotation)
        }
        # A step that is no field is the name of the alternative, or an item's number.
        kinds = below or {one for one in kinds if step in _names(one)} or kinds
    return {name for one in kinds for name in one.model_fields}


def _kinds(annotation: object) -> Iterator[type[BaseModel]]:
    """Yield every table that an annotation allows."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for part in get_args(annotation):
        yield from _kinds(part)


def _names(kind: type[BaseModel]) -> tuple[object, ...]:
    """Return the words by which an alternative is chosen."""
    found = [
        kind.model_fields[name].annotation for name in ("kind", "form") if name in kind.model_fields
    ]
    return tuple(word for annotation in found for word in get_args(annotation))
