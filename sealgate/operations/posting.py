"""`sealgate payments post-batch`: what finance booked, read from a file line by line.

A file of the books flows in, CSV with a head or one JSON object a line; every line is an order of
its own, all of it or nothing, and the answer says of each what became of it. So a file with one
wrong line books the others, and the same file again, or a longer one, books what is new: a posting
is said once under its id, whatever the file is called.
"""

import csv
import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from consumers.actions import Act
from consumers.interpret import assets
from consumers.interpret.assets import Assets
from consumers.operating import Limits, Order, Particulars, WrongWords, check, command
from consumers.policy import Policy
from consumers.stating import Desk, Refused
from consumers.store.port import Fenced, PaymentKey, Store
from ingress import telemetry
from ingress.contract import cloudevents
from sealgate.config import Configuration
from sealgate.exposure.marking import accounts
from sealgate.operations import objects, wanting, words
from sealgate.operations.answering import (
    EXIT_FAILED,
    Busy,
    Document,
    answer,
    columns,
    occurrence,
    refuse,
)
from sealgate.operations.asked import Acknowledgement, Decision
from sealgate.operations.wanting import Known, Wanted
from sealgate.policies import policy_of

FILE_BYTES_MAX = 64 * 1024 * 1024
LINES_MAX = 100_000
NEEDED = ("payment", "posting", "amount", "asset")
FIELDS = frozenset({*NEEDED, "posted_at", "books"})
_ACTS = {"": Act.RECORD_POSTING, "posted": Act.RECORD_POSTING, "unposted": Act.RECORD_UNPOSTING}
_REASONS = {Act.RECORD_POSTING: "booked", Act.RECORD_UNPOSTING: "entry_reversed"}


class Line(NamedTuple):
    """One line of a file as read: its number, and its fields as texts."""

    number: int
    fields: Mapping[str, str]


def post(configuration: Configuration, file: Path, said: Acknowledgement) -> int:
    """Do every line of a file; return the exit code: refused, if any line was."""
    registry, operators = assets.load(), configuration.settings.operators
    try:
        order = _order(Act.RECORD_POSTING, said, said.key)
        words.check_people(order, operators.people)
        check(order)
        limits = words.limits_of(operators.alone_up_to, registry)
        lines = list(read(file))
    except Refused as refused:
        return refuse(refused, as_json=said.json)
    refused_lines = 0

    async def ask(store: Store) -> Document:
        nonlocal refused_lines
        desk = _Desk(store, configuration, policy_of(configuration), registry, limits, said)
        told = [await desk.do(line) for line in lines]
        refused_lines = sum(one["outcome"] == "refused" for one in told)
        return {
            "format": "sealgate.postings/1",
            "is_dry_run": said.dry_run,
            "counts": {
                outcome: sum(one["outcome"] == outcome for one in told)
                for outcome in ("written", "repeat", "refused")
            },
            "lines": told,
        }

    done = answer(configuration, ask, _text, as_json=said.json, writes=True)
    return done or (EXIT_FAILED if refused_lines else done)


@dataclass(frozen=True, slots=True)
class _Desk:
    """Does the lines of one file, one after the other; `done` is the last word on each posting."""

    store: Store
    configuration: Configuration
    policy: Policy
    registry: Assets
    limits: Limits
    said: Acknowledgement
    names: set[str] = field(default_factory=set)
    done: dict[tuple[str, ...], Act] = field(default_factory=dict)

    async def do(self, line: Line) -> Document:
        """Do one line, and say what became of it."""
        told = {name: line.fields.get(name, "") for name in ("payment", "posting")}
        try:
            outcome = await self._do(line)
        except Refused as refused:
            why = {"error": refused.code, "message": str(refused)}
            return {"line": line.number, **told, "outcome": "refused", **why, "raised": []}
        except Fenced:
            why = {"error": Busy.code, "message": "others keep changing it: do the file again"}
            return {"line": line.number, **told, "outcome": "refused", **why, "raised": []}
        return {"line": line.number, **told, **outcome}

    async def _do(self, line: Line) -> Document:
        fields = line.fields
        act = _check_fields(fields)
        payment = await words.payment_of(
            self.store, fields["payment"], accounts(self.configuration)
        )
        found = await self.store.payment(payment)
        facts = frozenset() if found is None else found.facts
        wanted = Wanted(
            posting=fields["posting"],
            amount=fields["amount"],
            asset=fields["asset"],
            at=fields.get("posted_at", ""),
        )
        more = wanting.particulars(act, wanted, Known(payment, facts, self.registry))
        name = self._name(act, payment, more, wanted.at)
        order = _order(act, self.said, cloudevents.attribute(name))
        now = occurrence(self.configuration, self.policy)
        ordered = command(order, payment, more, self.limits, now)
        desk = Desk(self.store, self.policy, telemetry.now_ms)
        done = await desk.do(ordered, dry_run=self.said.dry_run)
        raised = sorted({one.code for one in done.changes.anomalies})
        return {"outcome": "repeat" if done.is_repeat else "written", "raised": raised}

    def _name(self, act: Act, payment: PaymentKey, more: Particulars, at: str) -> str:
        """Name what a line says, all of it. Raises `WrongWords` where nobody can tell it apart."""
        posting = (*payment, more.posting)
        name = "/".join((self.said.key, act, *posting, more.asset, str(more.amount), at))
        if name in self.names and self.done[posting] is not act:
            raise WrongWords(
                "posted_at: the file says the same before, and the other thing between the two; say"
                " when this was"
            )
        self.names.add(name)
        self.done[posting] = act
        return name


def _order(act: Act, said: Acknowledgement, key: str) -> Order:
    """Say a line as one decision. What is in the books is so, whatever was seen of the payment."""
    decision = Decision(
        by=said.by,
        role=said.role,
        reason=_REASONS[act],
        note=said.note,
        key=key,
        expect_version="0",
    )
    return words.order_of(act, decision)._replace(expected_version=None)


def _check_fields(fields: Mapping[str, str]) -> Act:
    """Say what a line does. Raises `WrongWords`."""
    missing = [name for name in NEEDED if not fields.get(name, "").strip()]
    if missing:
        raise WrongWords(f"the line has no {', no '.join(missing)}")
    act = _ACTS.get(fields.get("books", "").strip().lower())
    if act is None:
        raise WrongWords("books: posted or unposted")
    return act


def read(file: Path) -> Iterator[Line]:
    """Read a file's lines. Raises `WrongWords` for one that cannot be read at all."""
    try:
        if file.stat().st_size > FILE_BYTES_MAX:
            raise WrongWords(f"{file} is larger than {FILE_BYTES_MAX} bytes: split it")
        text = file.read_text(encoding="utf-8-sig")
    except OSError as wrong:
        raise WrongWords(f"{file} cannot be read: {wrong.strerror}") from None
    except UnicodeDecodeError:
        raise WrongWords(f"{file} is not UTF-8") from None
    is_json = text.lstrip().startswith("{")
    for count, line in enumerate(_objects(file, text) if is_json else _table(file, text), 1):
        if count > LINES_MAX:
            raise WrongWords(f"{file} has more than {LINES_MAX} lines: split it")
        yield line


def _objects(file: Path, text: str) -> Iterator[Line]:
    for number, told in enumerate(text.split("\n"), 1):
        if not told.strip():
            continue
        try:
            fields = objects.texts(told, has_numbers=True)
        except WrongWords as wrong:
            raise WrongWords(f"{file}:{number}: {wrong}") from None
        if not fields.keys() <= FIELDS:
            listed = ", ".join(sorted(FIELDS))
            raise WrongWords(f"{file}:{number}: an object of texts with the names {listed}")
        yield Line(number, fields)


def _table(file: Path, text: str) -> Iterator[Line]:
    rows = csv.DictReader(io.StringIO(text, newline=""), restkey="", restval="", strict=True)
    try:
        names = [name.strip().lower() for name in rows.fieldnames or ()]
        is_known = set(NEEDED) <= set(names) <= FIELDS
        if not is_known or len(set(names)) < len(names):
            raise WrongWords(
                f"{file}: the head names payment, posting, amount and asset, and may name posted_at"
                f" and books, each once; it is {', '.join(names) or 'empty'}"
            )
        rows.fieldnames = names
        for row in rows:
            if "" in row:
                raise WrongWords(f"{file}:{rows.line_num}: more fields than the head has")
            yield Line(rows.line_num, {name: row[name].strip() for name in names})
    except csv.Error as wrong:
        advice = "look for a quotation mark that is not closed, there or above"
        raise WrongWords(f"{file}:{rows.line_num}: {wrong}: {advice}") from None


def _text(told: Document) -> Iterator[str]:
    head = ("line", "payment", "posting", "outcome", "")
    yield from columns(
        [
            head,
            *(
                (
                    str(one["line"]),
                    one["payment"],
                    one["posting"],
                    one["outcome"],
                    f"{one['error']}: {one['message']}"
                    if one["outcome"] == "refused"
                    else ", ".join(f"raised {code}" for code in one["raised"]),
                )
                for one in told["lines"]
            ),
        ]
    )
    counts = told["counts"]
    yield ", ".join(f"{counts[name]} {name}" for name in counts)
    if told["is_dry_run"]:
        yield "dry run, nothing was written: leave --dry-run out to do it"
