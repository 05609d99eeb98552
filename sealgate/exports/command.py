"""`sealgate export`: from a configuration to a folder, printed lines and an exit code."""

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from consumers.stating import Refused
from consumers.store.port import Store
from sealgate.config import Configuration
from sealgate.exports import closes, folder, making, vouching, wanting
from sealgate.exports.asked import Wanted
from sealgate.exports.making import MANIFEST, Made, digest
from sealgate.exports.reading import NotThere
from sealgate.exports.sheets import major
from sealgate.exports.vouching import Unreadable
from sealgate.exposure.storing import with_store
from sealgate.operations.answering import EXIT_FAILED, EXIT_OK, Document, columns, refuse
from sealgate.plain import in_json, plain

EXIT_FOUND = 3
_SHOWN_MAX = 20


class ChainGone(Refused):
    """The chains do not hold what an earlier run was made as of."""

    code = "as_of_gone"


def export(configuration: Configuration, asked: Wanted) -> int:
    """Write one run into a new folder; return the exit code."""
    try:
        period = wanting.period_of(asked, configuration)
        as_of = None if asked.as_of is None else wanting.as_of_of(asked.as_of)
        wanting.check_out(asked.out)
    except Refused as refused:
        return refuse(refused, as_json=asked.json)

    async def use(store: Store) -> int:
        try:
            async with store.auditing() as moment:
                recorded, contradicted = await vouching.read(moment, configuration, as_of)
            terms = wanting.terms_of(configuration, period, closes.closed_of(recorded))
        except NotThere as gone:
            return refuse(ChainGone(str(gone)), as_json=asked.json)
        except Refused as refused:
            return refuse(refused, as_json=asked.json)
        except Unreadable as wrong:
            print("\n".join(map(plain, _contradicted(wrong.found))), file=sys.stderr)
            return EXIT_FOUND
        made = making.make(recorded, terms)
        files = made.sealed()
        try:
            folder.place(asked.out, files)
        except OSError as wrong:
            print(plain(f"{asked.out}: {wrong.strerror or wrong}"), file=sys.stderr)
            return EXIT_FAILED
        told = document(made, asked.out, files[MANIFEST], contradicted)
        tell(told, lines(told), as_json=asked.json)
        return EXIT_FOUND if contradicted or not is_sound(made) else EXIT_OK

    return with_store(configuration, use)


def is_sound(made: Made) -> bool:
    """Say whether everything adds up."""
    return not made.differences and not made.lost


def document(
    made: Made, out: Path, manifest: bytes, chain_problems: Sequence[str] = ()
) -> Document:
    """Say what was written."""
    told = made.manifest
    return {
        "format": "sealgate.exported/1",
        "environment": told["environment"],
        "out": str(out),
        "manifest": digest(manifest),
        "period": told["period"],
        "as_of": told["as_of"],
        "files": told["files"],
        "roll_forward": told["roll_forward"],
        "adjusted_movements": told["adjusted_movements"],
        "confirmed_without_amount": told["confirmed_without_amount"],
        "differences": len(made.differences),
        "lost_facts": len(made.lost),
        "chain_problems": list(chain_problems),
    }


def lines(told: Document) -> Iterator[str]:
    """Say the same to a person."""
    period, as_of = told["period"], told["as_of"]
    yield f"{told['out']}: {period['name'] or 'the period'} of {told['environment']}"
    yield f"from {period['from']} until {period['to']}, by the clocks of {period['timezone']}"
    if as_of["at"] < period["to"]:
        yield "no entry is of after its end: more of it may follow"
    yield f"as of {as_of['entries']} entries of the chains, the last of {as_of['at']}"
    yield ""
    counts = {one["name"]: one["rows"] for one in told["files"]}
    yield "  ".join(f"{name}: {rows}" for name, rows in counts.items() if name.endswith(".csv"))
    if told["confirmed_without_amount"]:
        unknown = told["confirmed_without_amount"]
        yield f"{unknown} payments are Confirmed, and no event tells an amount or a price"
    if told["adjusted_movements"]:
        yield f"{told['adjusted_movements']} of the movements are of months that are closed"
    yield ""
    yield from columns(_table(told))
    yield from _wrong(told)


def _table(told: Document) -> Iterator[tuple[str, ...]]:
    names = ("opening", "confirmed", "reversed", "refunded", "posted", "adjustments", "closing")
    yield ("account", "asset", *names, "difference")
    for row in told["roll_forward"]:
        network = f"@{row['network']}" if row["network"] else ""
        yield (
            f"{row['provider']}/{row['provider_account']}",
            f"{row['asset']}{network}",
            *(_amount(row, name) for name in names),
            _amount(row, "difference"),
        )


def _amount(row: Document, name: str) -> str:
    atomic = int(row[name])
    if name == "posted":
        atomic -= int(row["unposted"])
    return major(atomic, row["decimals"]) or f"{atomic} atomic"


def _wrong(told: Document) -> Iterator[str]:
    if told["differences"]:
        yield f"WRONG {told['differences']} rows do not roll forward: sealgate audit verify"
    if told["lost_facts"]:
        yield f"WRONG {told['lost_facts']} facts that were recorded are gone: sealgate audit verify"
    yield from _contradicted(told["chain_problems"])


def _contradicted(problems: Sequence[str]) -> Iterator[str]:
    """Say what the audit chain contradicts: the rows that figures are made of are not to be had."""
    for text in problems[:_SHOWN_MAX]:
        yield f"WRONG {text}"
    if problems:
        yield (
            f"WRONG the audit chain contradicts the database at {len(problems)} places, so no"
            " figure here is sound: sealgate audit verify"
        )


def tell(told: Document, text: Iterator[str], *, as_json: bool) -> None:
    """Print it, for machines or for people."""
    if as_json:
        print(in_json(told, indent=2))
    else:
        print("\n".join(plain(line) for line in text))
