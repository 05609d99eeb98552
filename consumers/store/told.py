"""The rows of a table as the entries of the chain name them, whichever database they are in. Pure.

`auditing` reads a table's rows in the columns of `audit_sql.ROWS`; here each becomes what the entry
that wrote it says of it (`chain.NAMED`), so that whoever compares need not know the tables. What
identifies a fact is worked out anew: a fact that was changed in its place is named by no entry.
"""

from collections.abc import Callable, Mapping
from typing import NamedTuple

from consumers.store import chain, rows
from consumers.store.keys import EventKey, PaymentKey
from consumers.store.rows import Row


class Told(NamedTuple):
    """One row of a table, under the word by which entries name it."""

    kind: str
    row: Row


def _event(row: Row) -> list[Told]:
    *event, verdict = row
    key = tuple(event[:3])
    judged = Told("unjudged", key) if verdict is None else Told("verdicts", (*key, verdict))
    return [Told("events", tuple(event)), judged]


def _fact(row: Row) -> list[Told]:
    """Work the digest out anew: a fact that was changed has another one than it says."""
    said = rows.fact(row[4:13])
    return [Told("facts", chain.named_fact(rows.fact_row(PaymentKey(*row[:3]), said, _by(row))))]


def _restatement(row: Row) -> list[Told]:
    said = rows.fact(row[4:13])
    again = rows.restatement_row(PaymentKey(*row[:3]), said, _by(row))
    return [Told("restated", chain.named_fact(again))]


def _by(row: Row) -> EventKey:
    return EventKey(*row[13:16])


def _payment(row: Row) -> list[Told]:
    """Say where the payment is; where it is not at its last transition, say what is nowhere."""
    *named, last = row
    return [Told("payments", tuple(named) if named[3] == last else (*named, last))]


def _anomaly(row: Row) -> list[Told]:
    """Say how an exception was raised, and how it ended: by its name, or by its number."""
    number, *raised, times, resolution, closed_ms = row
    code, subject = raised[:2]
    told = [Told("raised", tuple(raised)), Told("times", (code, subject, times))]
    if closed_ms is not None:
        told.append(Told("closed", (number, code, subject, resolution, closed_ms)))
    return told


TOLD: Mapping[str, Callable[[Row], list[Told]]] = {
    "anomaly": _anomaly,
    "anomaly_evidence": lambda row: [Told("evidence", row)],
    "dead_letter": lambda row: [Told("buried", chain.named_letter(row))],
    "event": _event,
    "fact": _fact,
    "mark": lambda row: [Told("marks", row)],
    "notice": lambda row: [Told("notices", chain.named_notice(row))],
    "operator_action": lambda row: [Told("actions", row)],
    "payment": _payment,
    "position": lambda row: [Told("positions", row)],
    "restatement": _restatement,
    "transition": lambda row: [Told("transitions", row)],
}
