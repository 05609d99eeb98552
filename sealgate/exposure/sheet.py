"""The exposure report as CSV (RFC 4180, UTF-8): a row for each fact, for a spreadsheet. Pure.

An event that stated nothing has one row without a fact. A provider's or an operator's text that a
spreadsheet would take for a formula gets an apostrophe before it: whoever opens the evidence of an
attack must not run what the attacker wrote.
"""

import csv
import io
from collections.abc import Iterator

from sealgate.exposure.report import Document

COLUMNS = (
    "event",
    "type",
    "standing",
    "reasons",
    "received_at",
    "signed_at",
    "late_verified",
    "correlation_id",
    "verdict",
    "payment",
    "fact",
    "transfer",
    "asset",
    "atomic",
    "decimals",
    "transitions",
    "body_digest",
    "deposits",
)
# The wide forms are taken for formulas too where an Asian input method is set up.
_FORMULA = tuple("=+-@\t\r\n\uff1d\uff0b\uff0d\uff20")


def render(report: Document) -> str:
    """Write the events of the report."""
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    for event in report["events"]:
        for row in _rows(event):
            writer.writerow([harmless(row.get(name)) for name in COLUMNS])
    return out.getvalue()


def _rows(event: Document) -> Iterator[Document]:
    moves = [
        f"{move['before'] or '(none)'} > {move['after']} v{move['version']} notice {move['notice']}"
        for move in event["transitions"]
    ]
    about = {
        **event,
        "reasons": "; ".join(event["reasons"]),
        "late_verified": "yes" if event["late_verified"] else "no",
        "transitions": "; ".join(moves),
        "deposits": "; ".join(event["deposits"]),
    }
    for fact in event["facts"] or [{}]:
        yield {**about, **fact, "fact": fact.get("kind")}


def harmless(cell: object) -> str:
    """Write a cell that no spreadsheet executes."""
    text = "" if cell is None else str(cell)
    return f"'{text}" if text.lstrip(" ").startswith(_FORMULA) else text
