"""The ageing report for people, and for a spreadsheet (RFC 4180, UTF-8). Pure.

A sheet has one line for each row of the report and never a formula in it: a text that a spreadsheet
would execute gets an apostrophe before it. Amounts are digits of whole units, with a point.
"""

import csv
import io
from collections.abc import Iterator

from sealgate.exposure.report import Document
from sealgate.exposure.sheet import harmless
from sealgate.operations import documents
from sealgate.operations.answering import columns

COLUMNS = (
    "environment",
    "as_of",
    "code",
    "bucket",
    "asset",
    "network",
    "count",
    "without_amount",
    "amount_atomic",
    "amount",
    "crosses_period_end",
    "oldest",
)


def lines(told: Document) -> Iterator[str]:
    """Write the report for a person."""
    yield f"exceptions of {told['environment']}, as of {told['as_of']}: {told['open']} open"
    yield (
        f"{told['crosses_period_end']} of them are of before {told['period_begins']}, when the"
        " period began"
    )
    if told["rows"]:
        yield ""
        yield from columns(_table(told))
    yield ""
    closed = told["closed"]
    yield f"closed from {closed['from']} until {closed['to']}"
    if not closed["codes"]:
        yield "  nothing"
        return
    head = ("  code", "by itself", "by people", "by itself, %")
    body = (
        (
            f"  {one['code']}",
            str(one["by_itself"]),
            str(one["by_people"]),
            str(one["by_itself_percent"]),
        )
        for one in closed["codes"]
    )
    yield from columns([head, *body])


def sheet(told: Document) -> str:
    """Write the report's rows as a sheet."""
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    for row in told["rows"]:
        cells = {
            **row,
            "environment": told["environment"],
            "as_of": told["as_of"],
            "amount_atomic": row.get("atomic"),
            "amount": _amount(row),
        }
        writer.writerow([harmless(cells.get(name)) for name in COLUMNS])
    return out.getvalue()


def _table(told: Document) -> Iterator[tuple[str, ...]]:
    names = [name for name in ("code", "bucket", "asset") if name in told["by"]]
    has_money = "asset" in names
    yield (*names, "count", *(("at risk",) if has_money else ()), "of before", "oldest since")
    for row in told["rows"]:
        money = (_money(row),) if has_money else ()
        yield (
            *(row[name] or "-" for name in names),
            str(row["count"]),
            *money,
            str(row["crosses_period_end"]),
            row["oldest"],
        )


def _money(row: Document) -> str:
    """Write the money of a row, and of how many items none is known."""
    if row["atomic"] is None:
        return "not known"
    return documents.amounts_text([row])


def _amount(row: Document) -> str | None:
    """Write whole units with a point and no exponent; nothing where the decimals are not known."""
    if row.get("atomic") is None or row["decimals"] is None:
        return None
    # By its digits: decimal arithmetic rounds to the digits of a context.
    places: int = row["decimals"]
    digits = str(row["atomic"]).rjust(places + 1, "0")
    return f"{digits[:-places]}.{digits[-places:]}" if places else digits
