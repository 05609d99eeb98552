"""Read a provider's ledger from a file: CSV with a header, or one JSON object a line.

The columns are few and closed, because a misspelled one that is passed over would turn "the
provider has no such amount" into "the ledger says nothing". Every mistake is told at once, with its
line. Amounts are whole numbers of the asset's smallest unit and never pass through a float.
"""

import csv
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from consumers.interpret import assets, strict_json
from consumers.interpret.drift import Drift
from consumers.ledger import Ledger, LedgerMalformed, Row
from consumers.lifecycle import State

COLUMNS = ("account", "event", "payment", "status", "asset", "amount", "price")
MISTAKES_MAX = 20
FILE_BYTES_MAX = 256 * 1024 * 1024

_ATOMIC = re.compile(r"[0-9]{1,78}")
_STATES = {state.lower(): state for state in State}


def read(path: Path, *, is_complete: bool) -> Ledger:
    """Read the ledger at `path`. Raises `LedgerMalformed`, with every mistake on a line."""
    try:
        if path.stat().st_size > FILE_BYTES_MAX:
            raise LedgerMalformed(f"{path} is larger than {FILE_BYTES_MAX} bytes")
        # Spreadsheets begin a file with a byte order mark.
        text = path.read_text(encoding="utf-8-sig")
    except OSError as wrong:
        raise LedgerMalformed(f"{path} cannot be read: {wrong.strerror}") from None
    except UnicodeDecodeError:
        raise LedgerMalformed(f"{path} is not UTF-8") from None
    raw = _json_lines if text.lstrip().startswith("{") else _csv
    rows = _rows(path, raw(text))
    if not rows:
        raise LedgerMalformed(
            f"{path} has no rows: an empty list would contradict every event; if the provider"
            " really knows of none, mark them with `sealgate events mark`"
        )
    try:
        return Ledger(rows, is_complete=is_complete)
    except LedgerMalformed as wrong:
        raise LedgerMalformed(f"{path}: {wrong}") from None


Cells = Mapping[str, object] | str
"""A row by column, or what is wrong with it."""


def _rows(path: Path, lines: Iterator[tuple[int, Cells]]) -> Sequence[Row]:
    known = assets.load().decimals
    rows, mistakes = [], []
    for number, cells in lines:
        mistake = cells
        if not isinstance(cells, str):
            try:
                rows.append(_row(number, cells, known))
                continue
            except LedgerMalformed as wrong:
                mistake = str(wrong)
        mistakes.append(f"{path}: line {number}: {mistake}")
    if mistakes:
        more = len(mistakes) - MISTAKES_MAX
        rest = [f"and {more} more"] if more > 0 else []
        raise LedgerMalformed("\n".join([*mistakes[:MISTAKES_MAX], *rest]))
    return rows


def _csv(text: str) -> Iterator[tuple[int, Cells]]:
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        header = [name.strip().lower() for name in next(reader, [])]
        if len(set(header)) != len(header):
            yield 1, "a column is there twice"
            return
        for cells in reader:
            if not cells:
                continue
            if len(cells) != len(header):
                yield reader.line_num, f"has {len(cells)} cells, and the header {len(header)}"
            else:
                yield reader.line_num, dict(zip(header, cells, strict=True))
    except csv.Error as wrong:
        yield reader.line_num, f"is not CSV: {wrong}"


def _json_lines(text: str) -> Iterator[tuple[int, Cells]]:
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            found = strict_json.loads(line.encode())
        except Drift:
            yield number, "is not JSON, or repeats a key; write one object on each line"
            continue
        yield number, found if isinstance(found, dict) else "is not a JSON object"


def _row(number: int, cells: Mapping[str, object], known: Mapping[str, int]) -> Row:
    odd = sorted(cells.keys() - set(COLUMNS))
    if odd:
        raise LedgerMalformed(f"unknown column {odd[0]!r}; the columns are {', '.join(COLUMNS)}")
    texts = {name: _text(name, cells.get(name)) for name in COLUMNS}
    status, asset = texts["status"], texts["asset"].upper()
    if status and status.lower() not in _STATES:
        raise LedgerMalformed(f"status {status!r} is none of {', '.join(_STATES.values())}")
    if asset and asset not in known:
        raise LedgerMalformed(f"asset {asset!r} is not registered; write its symbol, such as USDT")
    return Row(
        line=number,
        account=texts["account"],
        event=texts["event"],
        payment=texts["payment"],
        status=_STATES[status.lower()] if status else None,
        asset=asset,
        amount=_atomic("amount", texts["amount"]),
        price=_atomic("price", texts["price"]),
    )


def _text(name: str, cell: object) -> str:
    if cell is None:
        return ""
    if isinstance(cell, int) and not isinstance(cell, bool):
        return str(cell)
    if not isinstance(cell, str):
        raise LedgerMalformed(f"{name} is not a text")
    return cell.strip()


def _atomic(name: str, text: str) -> int | None:
    if not text:
        return None
    if not _ATOMIC.fullmatch(text):
        raise LedgerMalformed(
            f"{name} {text!r} is not a whole number of the asset's smallest unit:"
            " 10.50 of an asset with 6 decimals is 10500000"
        )
    return int(text)
