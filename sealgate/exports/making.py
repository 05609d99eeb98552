"""Make the files of one run: everything but their writing, so the same input is the same bytes.

What was recorded flows in, with the period and the terms; out flow the files, each twice (a sheet
and lines of JSON), and the manifest that names them by their digests and tells the figures that
they add up to. No clock is read and nothing is drawn: a run as of the same entries is the same run.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from consumers.lifecycle import State
from consumers.policy import Policy
from consumers.store.keys import PaymentKey
from sealgate.exports import queue
from sealgate.exports.balances import Balance
from sealgate.exports.columns import FILES
from sealgate.exports.held import Held, is_deposit
from sealgate.exports.lines import Lines
from sealgate.exports.movements import Movement, Teller, balance
from sealgate.exports.periods import Closed, Period
from sealgate.exports.queue import Item
from sealgate.exports.recorded import AsOf, Recorded
from sealgate.exports.rolling import Account, Document, RollForward
from sealgate.exports.sheets import Sheet
from sealgate.exposure.addresses import write
from sealgate.exposure.instants import show
from sealgate.plain import in_json

FORMAT = "sealgate.export/1"
MANIFEST = "manifest.json"


class Terms(NamedTuple):
    """What a run is made with, beside what was recorded."""

    period: Period
    closed: Sequence[Closed]
    policy: Policy
    decimals: Mapping[str, int]
    version: str


@dataclass(slots=True)
class Made:
    """One run. `early` are payments of which more is booked than is final."""

    files: dict[str, bytes]
    manifest: Document
    items: list[Item]
    differences: list[Account]
    early: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)

    def sealed(self, **more: object) -> dict[str, bytes]:
        """Return the files with their manifest; `more` is said in it, too."""
        return {**self.files, MANIFEST: written({**self.manifest, **more})}


def make(recorded: Recorded, terms: Terms) -> Made:
    """Make the files of a run."""
    told = Teller(recorded, terms.closed, terms.period.zone)
    rolled = RollForward(terms.period)
    kept: list[Movement] = []
    for one in told.tell():
        rolled.add(one)
        if terms.period.holds(one.booking.at_ms):
            kept.append(one)
    rolled.hold(_held(recorded, told))
    items = queue.items(recorded)
    lines = Lines(told, terms.period, terms.policy, terms.decimals)
    unknown = 0
    tables = {name: Sheet(columns) for name, columns in FILES.items()}
    for line in lines.payments(items):
        tables["payments"].add(line)
        unknown += line["state"] == State.CONFIRMED and line["confirmed_amount_atomic"] is None
    for name, found in (
        ("transfers", lines.transfers()),
        ("movements", map(lines.movement, kept)),
        ("exceptions", lines.exceptions(items)),
    ):
        for line in found:
            tables[name].add(line)
    files = _files(tables)
    figures = {
        "adjusted_movements": sum(bool(one.booking.adjusted_from) for one in kept),
        "confirmed_without_amount": unknown,
        "roll_forward": list(rolled.documents(recorded.environment, terms.decimals)),
        "differences": len(rolled.differences()),
    }
    counts = {name: table.rows for name, table in tables.items()}
    return Made(
        files=files,
        manifest={**_manifest(recorded, terms, files, counts), **figures},
        items=items,
        differences=rolled.differences(),
        early=_early(told),
        lost=recorded.lost,
    )


def written(document: Document) -> bytes:
    """Write a document as it is kept."""
    return f"{in_json(document, indent=2)}\n".encode()


def manifest_of(content: bytes) -> Document:
    """Read a manifest. Raises `ValueError` for what is none."""
    try:
        told = json.loads(content)
    except RecursionError:
        raise ValueError("no manifest of an export") from None
    if not isinstance(told, dict) or told.get("format") != FORMAT:
        raise ValueError("no manifest of an export")
    return told


def digest(content: bytes) -> str:
    """Name a file by what it holds."""
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def as_of_document(as_of: AsOf, at_ms: int) -> Document:
    """Write where every chain was."""
    return {
        "entries": sum(seen.seq + 1 for seen in as_of.values()),
        "at": show(at_ms),
        "chains": [
            {"chain": name, "seq": seen.seq, "head": seen.hash} for name, seen in as_of.items()
        ],
    }


def _held(recorded: Recorded, told: Teller) -> dict[PaymentKey, Balance]:
    """Work out how everything stands: by the tables where they are of the same moment."""
    held = Held.of_tables(recorded) if recorded.is_now else told.held
    return {one: balance(held, one, held.standing(one)) for one in _known(held)}


def _known(held: Held) -> list[PaymentKey]:
    return sorted({*held.subjects, *held.matched})


def _files(tables: Mapping[str, Sheet]) -> dict[str, bytes]:
    files = {}
    for name, table in tables.items():
        files[f"{name}.csv"] = table.csv()
        files[f"{name}.jsonl"] = table.jsonl()
    return files


def _manifest(
    recorded: Recorded, terms: Terms, files: Mapping[str, bytes], counts: Mapping[str, int]
) -> Document:
    period = terms.period
    moves = [move for moves in recorded.transitions.values() for move in moves]
    return {
        "format": FORMAT,
        "environment": recorded.environment,
        "generator": {"name": "sealgate", "version": terms.version},
        "period": {
            "name": period.name or None,
            "timezone": period.zone,
            "from": show(period.from_ms),
            "to": show(period.to_ms),
        },
        "as_of": as_of_document(recorded.as_of, recorded.at_ms),
        "versions": {
            "mappings": sorted({move.mapping for move in moves if move.mapping}),
            "policies": sorted({move.policy for move in moves if move.policy}),
            "policy_in_force": terms.policy.version or None,
        },
        "closed_before": [one.period for one in terms.closed],
        "files": [
            {
                "name": name,
                "sha256": digest(content).removeprefix("sha256:"),
                "bytes": len(content),
                "rows": counts[name.partition(".")[0]],
            }
            for name, content in files.items()
        ],
    }


def _early(told: Teller) -> list[str]:
    """Name the payments of which more is in the books than is final."""
    return [
        write(subject)
        for subject, found in sorted(told.balances.items())
        if not is_deposit(subject)
        and any(amount > found.confirmed.get(asset, 0) for asset, amount in found.booked().items())
    ]
