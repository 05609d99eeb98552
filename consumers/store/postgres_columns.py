"""Rows on their way to PostgreSQL: each column as one text, taken apart by the server. Pure.

A statement over a set of rows takes one array per column. The driver asks of every element of an
array whether it is an array itself, which for a batch of events cost more than all its statements
on the server's side of it. One text per column, its elements joined by a separator, costs a tenth
of that, and `string_to_array` is as quick as reading an array.

So a statement is written with arrays, as anybody would write it, and is rewritten here. Separator
and the word for NULL are its first two parameters, chosen anew where a value happens to hold them.
Columns of bytes go as arrays.
"""

import re
from collections.abc import Collection, Iterator, Sequence
from functools import cache
from itertools import count
from typing import Any

from consumers.store.rows import Row

# Not printable, so that almost no text holds them.
_SEPARATOR, _NULL = "\x1f", "\x1e"
_END = "\x1d"
_PARAMETER = re.compile(r"\$([0-9]+)(?:::(text|integer|bigint|boolean)\[\])?")
_OWN = 2  # the parameters that come before the statement's own


@cache
def packed(statement: str) -> str:
    """Return the statement for columns as `columns` writes them."""
    return _PARAMETER.sub(_take_apart, statement)


def columns(each: Collection[Row]) -> list[object]:
    """Return the separator, the word for NULL, and the columns of the rows."""
    turned = list(zip(*each, strict=True))
    for separator, null in _words():
        written = [_write(column, separator, null) for column in turned]
        if None not in written:
            return [separator, null, *written]
    raise AssertionError("there is always another separator")


def _take_apart(found: "re.Match[str]") -> str:
    number, kind = int(found[1]) + _OWN, found[2]
    if kind is None:
        return f"${number}"
    # The first element is empty and left out: else one empty text would be read as no text at all.
    array = f"(string_to_array(${number}::text, $1::text, $2::text))[2:]"
    return array if kind == "text" else f"{array}::{kind}[]"


def _words() -> Iterator[tuple[str, str]]:
    """Propose a separator and a word for NULL, and others without end."""
    yield _SEPARATOR, _NULL
    for number in count():
        yield f"{_SEPARATOR}{number}{_END}", f"{_NULL}{number}{_END}"


def _write(column: Sequence[Any], separator: str, null: str) -> object:
    """Write a column as one text; None where a value holds the separator or the word for NULL."""
    if isinstance(column[0], bytes):
        return column
    nulls = column.count(None)
    # A column is of one type, so a first text without a NULL anywhere means texts throughout.
    if nulls or not isinstance(column[0], str):
        column = [null if value is None else str(value) for value in column]
    text = separator + separator.join(column)
    is_sound = text.count(separator) == len(column) and text.count(null) == nulls
    return text if is_sound else None
