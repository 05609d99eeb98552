"""The rows of a table as the entries of the chain name them, whichever database they are in. Pure.

`auditing` reads a table's rows in the columns of `audit_sql.ROWS`; here each becomes what the entry
that wrote it says of it (`chain.NAMED`), so that whoever compares need not know the tables. What
identifies a fact is worked out anew: a fact that was changed in its place is named by no entry.
"""

from collections.abc import Callable, Mapping
from typing import NamedTuple

from consumers.facts import Fact
from consumers.store import chain, rows
from consumers.store.keys import EventKey, PaymentKey
from consumers.store.port import Unstorable
from consumers.store.rows import Row


class Told(NamedTuple):
    """One row of a table, under the word by which entries name it."""

    kind: str
    row: Row


def _event(row: Row) -> list[Told]:
    """Say what was claimed, and what came of it; who was not judged was read by nothing."""
    *event, verdict, mapping = row
    key = tuple(event[:3])
    if verdict is None:
        judged = Told("unjudged", (*key, mapping) if mapping else key)
    else:
        judged = Told("verdicts", (*key, verdict, mapping))
    return [Told("events", tuple(event)), judged]


def _fact(row: Row) -> list[Told]:
    """Work the digest out anew: a fact that was changed has another one than it says."""
    return [Told("facts", _stated(row, rows.fact_row))]


def _restatement(row: Row) -> list[Told]:
    return [Told("restated", _stated(row, rows.restatement_row))]


def _stated(row: Row, lay_out: Callable[[PaymentKey, Fact, EventKey], Row]) -> Row:
    """Name a fact by what it says; what cannot be read is named nowhere."""
    try:
        said = rows.fact(row[4:14])
        return _written(row, lay_out(PaymentKey(*row[:3]), said, EventKey(*row[14:17])))
    except (KeyError, ValueError, Unstorable):
        return (*row[:3], "not readable")


def _written(row: Row, again: Row) -> Row:
    """Name a fact; where its columns say the same in another way, say what is named nowhere.

    A changed digest, an amount with a zero before it and a 2 for yes were not written by us.
    """
    named = chain.named_fact(again)
    return named if tuple(row) == again else (*named, "written otherwise")


def _payment(row: Row) -> list[Told]:
    """Say where the payment is; where it is not at its last transition, say what is nowhere."""
    *named, created_ms, changed_ms, last, last_ms, first_ms = row
    # What is kept without a state has no history.
    if named[3] != (last or 0) or (last and changed_ms != last_ms):
        return [Told("payments", (*named, last, changed_ms))]
    # It is as old as its first transition, or as when it was kept before it had one.
    since = set() if created_ms == first_ms else {created_ms}
    if not last:
        since.add(changed_ms)
    key = tuple(named[:3])
    return [
        Told("payments", tuple(named)),
        *(Told("since", (*key, at_ms)) for at_ms in sorted(since)),
    ]


def _anomaly(row: Row) -> list[Told]:
    """Say how an exception was raised, and how it ended: by its name, or by its number."""
    number, _, code, subject, _, evidence, *event, first_ms, _, times = row[:12]
    resolution, closed_ms = row[12:14]
    told = [
        Told("raised", (code, subject, evidence, *event, first_ms)),
        Told("times", (code, subject, times)),
        *_numbered("anomaly", row),
    ]
    if closed_ms is not None:
        told.append(Told("closed", (number, code, subject, resolution, closed_ms)))
    return told


def _evidence(row: Row) -> list[Told]:
    """Say what was told of which exception."""
    *told, code, subject = row
    said = Told("evidence", (code, subject, *told[3:]))
    return [said, *_numbered("anomaly_evidence", tuple(told))]


def _letter(row: Row) -> list[Told]:
    number, *letter = row
    topic, partition, offset, *_, at_ms = letter
    named = Told("buried", chain.named_letter(tuple(letter)))
    return [named, *_numbered("dead_letter", (number, 0, topic, partition, offset, at_ms))]


def _mark(row: Row) -> list[Told]:
    number, *said = row
    told = (number, 0, *said[:4], said[-1])
    return [Told("marks", tuple(said)), *_numbered("mark", told)]


def _action(row: Row) -> list[Told]:
    number, *said = row
    told = (number, 0, *said[:2], said[-1])
    return [Told("actions", tuple(said)), *_numbered("operator_action", told)]


def _freeze(row: Row) -> list[Told]:
    number, is_on, *said = row
    told = (number, 0, *said[:2], said[-1])
    return [Told("freezes", (bool(is_on), *said)), *_numbered("freeze_word", told)]


def _read(row: Row) -> list[Told]:
    """Say what a provider answered."""
    number, *read = row
    told = (number, 0, *read[:3], read[4])
    return [
        Told("reads", (*read[:7], bool(read[7]), *read[8:])),
        *_numbered("provider_read", told),
    ]


def _numbered(table: str, row: Row) -> list[Told]:
    return [Told("numbered", one) for one in chain.numbered(table, [row])]


TOLD: Mapping[str, Callable[[Row], list[Told]]] = {
    "anomaly": _anomaly,
    "anomaly_evidence": _evidence,
    "deposit": lambda row: [Told("deposits", row)],
    "deposit_move": lambda row: [Told("deposit_moves", row)],
    "dead_letter": _letter,
    "event": _event,
    "expectation": lambda row: [Told("expectations", row)],
    "freeze_word": _freeze,
    "provider_read": _read,
    "fact": _fact,
    "mark": _mark,
    "notice": lambda row: [Told("notices", chain.named_notice(row))],
    "operator_action": _action,
    "payment": _payment,
    "position": lambda row: [Told("positions", row)],
    "reading": lambda row: [Told("readings", row)],
    "restatement": _restatement,
    "retraction": lambda row: [Told("retractions", chain.named_retraction(row))],
    "transition": lambda row: [Told("transitions", row)],
}
# Where the rows are that entries name under a word; of other words more is said than tables keep.
TABLES: Mapping[str, str] = {
    "actions": "operator_action",
    "buried": "dead_letter",
    "deposit_moves": "deposit_move",
    "deposits": "deposit",
    "events": "event",
    "expectations": "expectation",
    "facts": "fact",
    "freezes": "freeze_word",
    "marks": "mark",
    "notices": "notice",
    "readings": "reading",
    "reads": "provider_read",
    "restated": "restatement",
    "retractions": "retraction",
    "transitions": "transition",
}
