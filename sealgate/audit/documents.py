"""What an audit found, as a document for machines. Pure.

It says the same as the lines for people, and its verdict is that of the exit code: whoever keeps it
as evidence of a close can show later what was looked at, how much of it, and as of when.
"""

from collections.abc import Sequence
from typing import Any

from consumers.chainwalk import Problem, Report
from sealgate.audit.checkpoints import Checkpoint
from sealgate.audit.showing import instant

FORMAT = "sealgate.audit/1"
SOUND, WRONG = "sound", "wrong"

Document = dict[str, Any]


def verified(
    report: Report,
    sound: Sequence[Checkpoint],
    wrong: Sequence[str],
    begin: Checkpoint | None,
    environment: str,
    at_ms: int,
) -> Document:
    """Write what was looked at, what is wrong, and what it comes to."""
    first = report.first
    is_sound = not report.problems and not wrong
    return {
        "format": FORMAT,
        "environment": environment,
        "at": instant(at_ms),
        "verdict": SOUND if is_sound else WRONG,
        "entries": report.entries,
        "chains": [{"chain": name, "entry": seq} for name, seq in report.heads.items()],
        "checkpoints": {
            "sound": len(sound),
            "last": _checkpoint(sound[-1]) if sound else None,
            "begun_behind": None if begin is None else _checkpoint(begin),
        },
        "tables": [
            {
                "table": table,
                "rows": count,
                "before_the_chain": report.before.get(table, 0),
                "contradicted": report.contradicted[table],
            }
            for table, count in report.rows.items()
        ],
        "first_bad": None if first is None else {"chain": first.chain, "entry": first.seq},
        "problems": [
            *(_problem(Problem("", None, text)) | {"of": "checkpoints"} for text in wrong),
            *map(_problem, report.problems),
        ],
        "remarks": list(report.remarks),
    }


def _checkpoint(one: Checkpoint) -> Document:
    return {"number": one.number, "at": instant(one.at_ms)}


def _problem(one: Problem) -> Document:
    """Write a problem: of a table, or of a chain itself."""
    return {
        "of": "table" if one.table else "chain",
        "chain": one.chain or None,
        "entry": one.seq,
        "table": one.table or None,
        "says": one.text,
    }
