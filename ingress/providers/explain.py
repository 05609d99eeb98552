"""Say what is wrong with a profile in the words of its file: which field, and what instead."""

import re
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from ingress.providers.declaration import Table
from ingress.providers.parameters import meant, reference

_QUOTED = re.compile(r"'([^']*)'")


def explain(file: str, wrong: ValidationError, table: object) -> str:
    """Render every mistake as ``file: field: what; did you mean …``.

    `table` is the file's own, so that a parameter's bad value is blamed on the parameter.
    """
    return "; ".join(f"{file}: {_mistake(error, table)}" for error in wrong.errors())


def _mistake(error: ErrorDetails, table: object) -> str:
    where = _where(error["loc"], table)
    message = error["msg"].removeprefix("Value error, ")
    return f"{where + ': ' if where else ''}{message}{_hint(error)}"


def _where(location: tuple[int | str, ...], table: Any) -> str:
    """Name the field as the file has it, or the parameter that filled it."""
    for step in location:
        if isinstance(table, dict):
            table = table.get(step, table)
        elif isinstance(table, list) and isinstance(step, int) and step < len(table):
            table = table[step]
    name = reference(table)
    return ".".join(map(str, location)) if name is None else f"parameter {name!r}"


def _hint(error: ErrorDetails) -> str:
    """Guess what was meant, from the names of all fields or from the values allowed here."""
    if error["type"] == "extra_forbidden":
        fields = {name for kind in Table.__subclasses__() for name in kind.model_fields}
        hint = meant(str(error["loc"][-1]), fields)
    elif error["type"] in {"enum", "literal_error"}:
        hint = meant(str(error["input"]), _QUOTED.findall(error["msg"]))
    else:
        hint = ""
    return f"; {hint.strip()}" if hint else ""
