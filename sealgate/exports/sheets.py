"""Write rows as CSV for people's tools and as JSON lines for programs: the same rows twice. Pure.

CSV is RFC 4180 in UTF-8 without a mark before it, every line ended by CR LF, a head always. What is
not known is empty, and never a 0. A text that a spreadsheet would take for a formula gets an
apostrophe before it; a number is a number by its form and by nothing else, so that what is below
zero stays one. A text of digits is quoted. In JSON lines amounts are texts, which no reader rounds,
what is not known is null, and no apostrophe is put anywhere.
"""

import csv
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from sealgate.plain import in_json

Cell = str | int | bool | None
Line = Mapping[str, Cell]

END = "\r\n"
_NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?")
# The wide forms are taken for formulas too where an Asian input method is set up.
_FORMULA = tuple("=+-@\t\r\n\0\uff1d\uff0b\uff0d\uff20")
_QUOTED = frozenset('",\r\n')


class NotANumber(ValueError):
    """A cell of a column of numbers is none: the sheet would not add up."""


class Column(NamedTuple):
    """One column. Of one of numbers no cell is a text."""

    name: str
    is_number: bool = False


def texts(*names: str) -> tuple[Column, ...]:
    """Name columns of texts."""
    return tuple(Column(name) for name in names)


def numbers(*names: str) -> tuple[Column, ...]:
    """Name columns of numbers."""
    return tuple(Column(name, is_number=True) for name in names)


def money(*names: str) -> tuple[Column, ...]:
    """Name columns of amounts: each twice, in the smallest unit and in whole ones."""
    return tuple(column for name in names for column in numbers(f"{name}_atomic", name))


@dataclass(slots=True)
class Sheet:
    """One table on its way into its two files, a row at a time: rows are not kept."""

    columns: Sequence[Column]
    rows: int = 0
    _csv: io.BytesIO = field(default_factory=io.BytesIO)
    _jsonl: io.BytesIO = field(default_factory=io.BytesIO)

    def __post_init__(self) -> None:
        head = ",".join(_quoted(column.name) for column in self.columns)
        self._csv.write(f"{head}{END}".encode())

    def add(self, line: Line) -> None:
        """Write a row. Raises `NotANumber`."""
        cells = [(column, line.get(column.name)) for column in self.columns]
        row = ",".join(_cell(column, cell) for column, cell in cells)
        self._csv.write(f"{row}{END}".encode())
        told = {column.name: cell for column, cell in cells}
        self._jsonl.write(f"{in_json(told)}\n".encode())
        self.rows += 1

    def csv(self) -> bytes:
        """Return the sheet."""
        return self._csv.getvalue()

    def jsonl(self) -> bytes:
        """Return the lines of JSON."""
        return self._jsonl.getvalue()


def read_csv(text: str) -> Iterator[dict[str, str]]:
    """Read a sheet back, cell by cell, as they stand."""
    return iter(csv.DictReader(io.StringIO(text, newline=""), strict=True))


def shown(column: Column, cell: Cell) -> str:
    """Return what a cell says in the sheet, without its quotes. Raises `NotANumber`."""
    if cell is None:
        return ""
    if isinstance(cell, bool):
        return "yes" if cell else "no"
    text = str(cell)
    if column.is_number:
        if not _NUMBER.fullmatch(text):
            raise NotANumber(f"{column.name}: {text!r}")
        return text
    return f"'{text}" if text.lstrip(" ").startswith(_FORMULA) else text


def major(atomic: int | None, decimals: int | None) -> str | None:
    """Write atomic units as whole ones, by their digits; None where either is not known."""
    if atomic is None or decimals is None:
        return None
    # Not by arithmetic of decimals, which rounds to the digits of a context.
    digits = str(abs(atomic)).rjust(decimals + 1, "0")
    sign = "-" if atomic < 0 else ""
    return f"{sign}{digits[:-decimals]}.{digits[-decimals:]}" if decimals else f"{sign}{digits}"


def _cell(column: Column, cell: Cell) -> str:
    text = shown(column, cell)
    return text if column.is_number else _quoted(text)


def _quoted(text: str) -> str:
    """Quote a text that has to be, and one that looks like a number."""
    has_to_be = _QUOTED & set(text) or text != text.strip() or _NUMBER.fullmatch(text)
    return '"' + text.replace('"', '""') + '"' if has_to_be else text
