"""`sealgate audit decisions`: who decided what, with the entry of the chain that names it.

Flags flow in; a table, a sheet or a document flows out. It is for whoever reviews rights and for
whoever closes a month, so it leaves nothing out in silence: what is too much is refused, and what
the chain and the tables say differently is in the list, and makes the exit code 3.
"""

import csv
import io
import sys
from collections.abc import Iterator
from dataclasses import dataclass

from consumers.actions import Role
from consumers.chainwalk import parsed
from consumers.refusals import WrongWords
from consumers.stating import Refused
from consumers.store import chain
from consumers.store.auditing import Auditing
from consumers.store.port import Store
from consumers.store.told import TOLD
from ingress import telemetry
from sealgate.audit.decided import TABLES, Listed, Matching, Wanted, contradicted
from sealgate.audit.documents import Document
from sealgate.commands.context import EXIT_FOUND, EXIT_OK
from sealgate.config import Configuration
from sealgate.exposure.instants import read_ms, show
from sealgate.exposure.sheet import harmless
from sealgate.exposure.storing import with_store
from sealgate.operations.answering import columns, refuse
from sealgate.plain import in_json, plain

FORMAT = "sealgate.decisions/1"
DECISIONS_MAX = 100_000
"""In one list: at a kilobyte each, as much memory as a command may take."""
COLUMNS = (
    "at",
    "by",
    "role",
    "approved_by",
    "command",
    "subject",
    "reason",
    "note",
    "key",
    "detail",
    "chain",
    "entry",
    "is_kept",
)
_HEAD = ("at", "by", "as", "with", "command", "about", "reason", "key", "entry", "note")


@dataclass(frozen=True, slots=True)
class Asked:
    """Which decisions a person wants to see, as typed."""

    by: str = ""
    role: str = ""
    since: str = ""
    until: str = ""


class TooMany(Refused):
    """More decisions than one list holds."""

    code = "too_many"


def run(configuration: Configuration, asked: Asked, *, output: str) -> int:
    """Print the decisions as a table, as JSON or as CSV; return the exit code."""
    try:
        wanted = _read(asked)
    except WrongWords as wrong:
        return refuse(wrong, as_json=output == "json")

    async def use(store: Store) -> int:
        matching = Matching(wanted)
        try:
            async with store.auditing() as moment:
                before = await gather(moment, matching)
        except TooMany as refused:
            return refuse(refused, as_json=output == "json")
        listed = matching.ended()
        wrong = contradicted(listed, matching.unnamed, before)
        told = document(configuration.settings.environment, asked, listed, wrong)
        _print(told, output)
        if wrong:
            print(
                f"careful: {wrong} decisions are not as the audit chain names them:"
                " sealgate audit verify",
                file=sys.stderr,
            )
        return EXIT_FOUND if wrong else EXIT_OK

    return with_store(configuration, use)


def document(environment: str, asked: Asked, listed: list[Listed], wrong: int) -> Document:
    """Write the list."""
    return {
        "format": FORMAT,
        "environment": environment,
        "made_at": show(telemetry.now_ms()),
        "by": asked.by,
        "role": asked.role,
        "since": asked.since,
        "until": asked.until,
        "decisions": [_document(one) for one in listed],
        "contradicted": wrong,
    }


def _document(one: Listed) -> Document:
    told = one.decision._asdict()
    at_ms = told.pop("at_ms")
    return {
        "at": show(at_ms),
        **told,
        "chain": chain.OPERATOR if one.entry is not None else None,
        "entry": one.entry,
        "is_kept": one.is_kept,
    }


async def gather(moment: Auditing, matching: Matching) -> set[str]:
    """Read the chain, then the tables; return the tables with rows of before the chain.

    Raises `TooMany`, `StoreUnavailable`.
    """
    before: set[str] = set()
    async for entry in moment.entries(chain.OPERATOR, -1):
        said = parsed(entry)
        if entry.seq == 0:
            rows = said.get("begun", {}).get("rows", {})
            before = {table for table in TABLES.values() if rows.get(table)}
        matching.entry(entry.seq, said)
        _check(matching)
    for table in TABLES.values():
        async for row in moment.rows(table):
            matching.row(TOLD[table](tuple(row))[0])
            _check(matching)
    return before


def _check(matching: Matching) -> None:
    if matching.count > DECISIONS_MAX:
        raise TooMany(
            f"more than {DECISIONS_MAX:,} decisions: ask for fewer of them, such as those of one"
            " month, with --since and --until"
        )


def _read(asked: Asked) -> Wanted:
    """Understand what was asked. Raises `WrongWords`."""
    if asked.role and asked.role not in set(Role):
        raise WrongWords(f"--role: one of {', '.join(Role)}")
    try:
        from_ms = read_ms(asked.since, "--since") if asked.since else None
        to_ms = read_ms(asked.until, "--until") if asked.until else None
    except ValueError as wrong:
        raise WrongWords(str(wrong)) from None
    if from_ms is not None and to_ms is not None and from_ms >= to_ms:
        raise WrongWords("--since is not before --until: nothing can be between them")
    return Wanted(asked.by.strip(), asked.role, from_ms, to_ms)


def _print(told: Document, output: str) -> None:
    if output == "json":
        print(in_json(told, indent=2))
    elif output == "csv":
        # The ends of its lines are part of a sheet, so it is not printed line by line.
        sys.stdout.write(sheet(told))
    else:
        print("\n".join(plain(line) for line in lines(told)))


def lines(told: Document) -> Iterator[str]:
    """Write the list for people."""
    found = told["decisions"]
    yield f"decisions of {told['environment']}: {len(found)}"
    if found:
        yield from columns([_HEAD, *map(_line, found)])


def _line(one: Document) -> tuple[str, ...]:
    entry = "none" if one["entry"] is None else str(one["entry"])
    if not one["is_kept"]:
        entry = f"{entry}, its row is gone"
    named = ("at", "by", "role", "approved_by", "command", "subject", "reason", "key")
    return (*(one[name] or "-" for name in named), entry, one["note"])


def sheet(told: Document) -> str:
    """Write the list as a sheet: RFC 4180, UTF-8, and no cell that a spreadsheet executes."""
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    for one in told["decisions"]:
        cells = {**one, "is_kept": "yes" if one["is_kept"] else "no"}
        writer.writerow([harmless(cells[name]) for name in COLUMNS])
    return out.getvalue()
