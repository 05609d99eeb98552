"""Read the folder of a run back, and hold what is in it against its own manifest. Pure but to read.

The manifest names every file by its digest, and tells figures; the files are read as anybody would
read them, cell by cell, and added up anew. What does not agree is told, and nothing is believed
because the manifest says so.
"""

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sealgate.exports import making, rolling, sheets
from sealgate.exports.columns import FILES
from sealgate.exports.making import MANIFEST, digest
from sealgate.exports.sheets import Column

AGEING, APPROVALS, CHECKPOINT = "ageing.csv", "approvals.json", "checkpoint.json"
# A checkpoint has seen the manifest, and so the manifest cannot name it.
_BESIDE = frozenset({MANIFEST, CHECKPOINT})
_SHOWN_MAX = 20
Cells = Mapping[str, str]
Place = tuple[str, str, str]


class NoExport(ValueError):
    """The folder is none of a run; the message says why."""


@dataclass(frozen=True, slots=True)
class Kept:
    """The folder of a run."""

    path: Path
    manifest: Mapping[str, Any]
    files: Mapping[str, bytes]

    @property
    def package(self) -> str:
        """Return the digest that a close keeps of it."""
        return digest(self.files[MANIFEST])


def read(path: Path) -> Kept:
    """Read a folder. Raises `NoExport`."""
    try:
        # What is no file has no bytes, and no manifest names it.
        files = {
            one.name: one.read_bytes() if one.is_file() else b"" for one in sorted(path.iterdir())
        }
        manifest = making.manifest_of(files[MANIFEST])
        _check_shape(manifest)
    except OSError as wrong:
        raise NoExport(f"{path}: {wrong.strerror}") from None
    except (KeyError, TypeError, ValueError):
        raise NoExport(f"{path}: there is no {MANIFEST} of an export in it") from None
    return Kept(path, manifest, files)


def _check_shape(manifest: Mapping[str, Any]) -> None:
    """Refuse a manifest without what says of which run it is. Raises as `dict` does."""
    environment, close = manifest["environment"], manifest.get("close")
    dict.keys(manifest["period"])
    [(one["chain"], int(one["seq"]), one["head"]) for one in manifest["as_of"]["chains"]]
    if not isinstance(environment, str) or (close and not isinstance(close["key"], str)):
        raise ValueError(MANIFEST)


def problems(kept: Kept) -> list[str]:
    """Say what is wrong with a folder by itself."""
    try:
        found = list(_of_files(kept))
        return found or [*_of_twins(kept), *_of_sums(kept)]
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError) as wrong:
        return [f"{MANIFEST} or a file cannot be read as one of ours: {wrong}"]


def _of_files(kept: Kept) -> Iterator[str]:
    """Hold the files against their digests."""
    named = {one["name"]: one["sha256"] for one in _listed(kept)}
    for name in sorted(kept.files.keys() - named.keys() - _BESIDE):
        yield f"{name}: the manifest does not name it"
    for name in sorted(
        {f"{one}.{end}" for one in FILES for end in ("csv", "jsonl")} - named.keys()
    ):
        yield f"{name}: the manifest does not name it, and every run has it"
    for name, told in named.items():
        content = kept.files.get(name)
        if content is None:
            yield f"{name}: it is not there"
        elif digest(content).removeprefix("sha256:") != told:
            yield f"{name}: it is not what the manifest says: it was changed"


def _listed(kept: Kept) -> list[Mapping[str, Any]]:
    close = kept.manifest.get("close") or {"files": []}
    return [*kept.manifest["files"], *close["files"]]


def _of_twins(kept: Kept) -> Iterator[str]:
    """Hold each sheet against its lines of JSON, cell by cell, and count them."""
    rows = {one["name"]: one["rows"] for one in kept.manifest["files"]}
    for name, columns in FILES.items():
        numbers = {one.name for one in columns if one.is_number}
        sheet = _sheet(kept, name)
        lines = [json.loads(one) for one in kept.files[f"{name}.jsonl"].splitlines()]
        if not rows[f"{name}.csv"] == rows[f"{name}.jsonl"] == len(sheet) == len(lines):
            counted = f"{len(sheet)} and {len(lines)} lines"
            yield f"{name}: it has {counted}, and not as many as the manifest says"
        for number, (cells, line) in enumerate(zip(sheet, lines, strict=False), 1):
            again = {
                key: sheets.shown(Column(key, key in numbers), cell) for key, cell in line.items()
            }
            if again != cells:
                yield f"{name}: line {number} of the sheet is not that of the JSON"
                break


def _of_sums(kept: Kept) -> Iterator[str]:
    """Add the files up anew, and hold the sums against the figures of the manifest."""
    parts = _moved(_sheet(kept, "movements"))
    payments = _sum(_sheet(kept, "payments"), "unposted_amount_atomic")
    deposits = _sum(_sheet(kept, "transfers"), "liability_atomic")
    told: set[Place] = set()
    for row in kept.manifest["roll_forward"]:
        place = _place(row)
        told.add(place)
        yield from _of_row(row, parts, payments.get(place, 0), deposits.get(place, 0))
    for place in sorted({key[:3] for key in parts} - told):
        yield f"{_text(place)}: it moved, and the manifest does not tell its figures"
    ids = Counter(row["movement_id"] for row in _sheet(kept, "movements"))
    for name in [name for name, times in ids.items() if times > 1][:_SHOWN_MAX]:
        yield f"movements: {name} is there more than once"


def _of_row(
    row: Mapping[str, Any], parts: Mapping[tuple[str, str, str, str], int], held: int, open_: int
) -> Iterator[str]:
    place, figures = _place(row), {name: int(row[name]) for name in _FIGURES}
    at = _text(place)
    for name, (kind, sign) in rolling.PARTS.items():
        if figures[name] != sign * parts.get((*place, str(kind)), 0):
            yield f"{at}: {name} is not the sum of the movements"
    if figures["closing"] != rolling.closing(figures["opening"], figures):
        yield f"{at}: opening and movements do not come to closing"
    if figures["held_payments"] != held:
        yield f"{at}: held_payments is not the sum of the payments"
    if figures["held_deposits"] != open_:
        yield f"{at}: held_deposits is not the sum of the transfers"
    difference = figures["closing"] + figures["after_period"] - held - open_
    if difference or figures["difference"]:
        yield f"{at}: the roll-forward differs by {difference or figures['difference']}"


_FIGURES = (
    "opening",
    *rolling.PARTS,
    "closing",
    "after_period",
    "held_payments",
    "held_deposits",
    "difference",
)


def _moved(rows: Sequence[Cells]) -> dict[tuple[str, str, str, str], int]:
    sums: dict[tuple[str, str, str, str], int] = {}
    for row in rows:
        place = (*_place(row), row["kind"])
        sums[place] = sums.get(place, 0) + int(row["amount_atomic"])
    return sums


def _sum(rows: Sequence[Cells], name: str) -> dict[Place, int]:
    sums: dict[Place, int] = {}
    for row in rows:
        if row[name]:
            place = _place(row)
            sums[place] = sums.get(place, 0) + int(row[name])
    return sums


def _place(row: Mapping[str, Any]) -> Place:
    network = row["network"] or ""
    asset = f"{row['asset']}@{network}" if network else str(row["asset"])
    return (row["provider"], row["provider_account"], asset)


def _text(place: Place) -> str:
    return "/".join(place)


def _sheet(kept: Kept, name: str) -> list[dict[str, str]]:
    return list(sheets.read_csv(kept.files[f"{name}.csv"].decode()))
