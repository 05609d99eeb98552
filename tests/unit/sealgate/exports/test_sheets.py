"""What a cell looks like: expected are RFC 4180, and that a spreadsheet executes nothing."""

import csv
import io
import json
from collections.abc import Sequence

import pytest

from sealgate.exports import sheets
from sealgate.exports.columns import FILES
from sealgate.exports.sheets import Column, Line, NotANumber, Sheet, major, money, numbers, texts

COLUMNS = (*texts("name"), *numbers("amount"))


def cell(text: str) -> str:
    """Write one text as a cell, with the head and the ends of the lines left out."""
    return csv_text(texts("name"), [{"name": text}]).split("\r\n")[1]


def sheet(columns: Sequence[Column], lines: Sequence[Line]) -> Sheet:
    """Write rows."""
    written = Sheet(columns)
    for line in lines:
        written.add(line)
    return written


def csv_text(columns: Sequence[Column], lines: Sequence[Line]) -> str:
    """Write rows as a sheet."""
    return sheet(columns, lines).csv().decode()


def test_a_sheet_is_read_by_whoever_reads_sheets() -> None:
    """A head always, CR LF always, and what a cell says comes back as it was."""
    odd = 'a,"b"\r\nc'
    text = csv_text(COLUMNS, [{"name": odd, "amount": "-1.50"}, {}])
    assert text == 'name,amount\r\n"a,""b""\r\nc",-1.50\r\n,\r\n'
    read = list(csv.reader(io.StringIO(text, newline="")))
    assert read == [["name", "amount"], [odd, "-1.50"], ["", ""]]
    assert not text.encode().startswith(b"\xef\xbb\xbf")
    assert next(sheets.read_csv(text)) == {"name": odd, "amount": "-1.50"}


def test_no_text_is_a_formula_and_no_number_becomes_a_text() -> None:
    """A reversal that became text would be missing in finance's sum."""
    for begin in ("=", "+", "-", "@", "\t", "\r", "\0", "\uff1d", "  ="):
        written = cell(f"{begin}1+1").strip('"')
        assert written.startswith("'"), begin
    assert cell("a=b") == "a=b"
    assert csv_text(COLUMNS, [{"amount": -5}]).split("\r\n")[1] == ",-5"
    for wrong in ("1e5", "1,000", "=1", "", " 1", "0x1", "1.", ".5", "+1", "\u0661"):
        with pytest.raises(NotANumber):
            csv_text(COLUMNS, [{"amount": wrong}])


def test_a_text_of_digits_stays_quoted() -> None:
    """An order's number with zeros before it is no number."""
    assert (cell("0042"), cell("12.5"), cell("a42")) == ('"0042"', '"12.5"', "a42")


def test_an_amount_is_written_by_its_digits() -> None:
    """Beyond what a double holds, and beyond 2^63, to the last of eighteen decimals."""
    for atomic, decimals, expected in (
        (12_000_000_000_000_000_001, 18, "12.000000000000000001"),
        (-5, 6, "-0.000005"),
        (0, 2, "0.00"),
        (7, 0, "7"),
        (10**77, 18, "1" + "0" * 59 + "." + "0" * 18),
        (5, None, None),
        (None, 6, None),
    ):
        assert major(atomic, decimals) == expected
    assert [one.name for one in money("fee")] == ["fee_atomic", "fee"]


def test_the_lines_of_json_say_the_same_and_are_not_armed() -> None:
    """A program reads them: no apostrophe, no rounding, and null for what nobody knows."""
    [line] = sheet(COLUMNS, [{"name": "=1", "amount": "12" * 12}]).jsonl().splitlines()
    assert json.loads(line) == {"name": "=1", "amount": "12" * 12}
    assert json.loads(sheet(COLUMNS, [{}]).jsonl()) == {"name": None, "amount": None}


def test_a_column_keeps_its_place() -> None:
    """Columns are only added, at the end: whoever reads by place reads on."""
    first = {name: [one.name for one in columns][:2] for name, columns in FILES.items()}
    assert first == {
        "payments": ["payment_id", "environment"],
        "transfers": ["transfer_key", "payment_id"],
        "movements": ["movement_id", "chain"],
        "exceptions": ["exception_id", "code"],
    }
    for columns in FILES.values():
        assert len({one.name for one in columns}) == len(columns)
