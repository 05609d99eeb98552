"""`sealgate close`: from a configuration to a package, printed lines and an exit code."""

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from consumers.stating import Refused
from consumers.store.port import Store
from sealgate.audit.checkpoints import Unsound
from sealgate.audit.command import NO_KEY
from sealgate.audit.keeping import Desk
from sealgate.config import Configuration
from sealgate.exports import closing, command
from sealgate.exports.asked import ToClose
from sealgate.exports.blockers import Blocker
from sealgate.exports.closing import Blocked, Package
from sealgate.exports.making import MANIFEST
from sealgate.exposure.storing import with_store
from sealgate.operations.answering import (
    EXIT_FAILED,
    EXIT_OK,
    Document,
    columns,
    occurrence,
    refuse,
)
from sealgate.plain import plain

EXIT_CONFIGURATION = 78


def close(configuration: Configuration, asked: ToClose) -> int:
    """Close a month; return the exit code: 3 where something is in the way."""
    try:
        desk = Desk.of(configuration)
    except ValueError as wrong:
        print(plain(f"audit.key_file: {wrong}"), file=sys.stderr)
        return EXIT_CONFIGURATION
    if desk is None:
        print(NO_KEY, file=sys.stderr)
        return EXIT_CONFIGURATION
    try:
        wanted = closing.begin(configuration, asked, occurrence(configuration), desk)
    except Refused as refused:
        return refuse(refused, as_json=asked.json)

    async def use(store: Store) -> int:
        try:
            package = await wanted.run(store)
        except Blocked as blocked:
            told = _blocked(wanted, blocked.found)
            command.tell(told, _blocked_lines(told), as_json=asked.json)
            return command.EXIT_FOUND
        except Refused as refused:
            return refuse(refused, as_json=asked.json)
        except (Unsound, OSError) as wrong:
            print(plain(str(wrong)), file=sys.stderr)
            return EXIT_FAILED
        told = _closed(wanted, package, asked.out)
        command.tell(told, _closed_lines(told), as_json=asked.json)
        return EXIT_OK

    return with_store(configuration, use, writes=True)


def _blocked(wanted: closing.Closing, found: Sequence[Blocker]) -> Document:
    return {
        "format": "sealgate.close/1",
        "environment": wanted.environment,
        "period": wanted.period.name,
        "is_closed": False,
        "is_repeat": False,
        "blockers": [one._asdict() for one in found],
        "export": None,
    }


def _closed(wanted: closing.Closing, package: Package, out: Path) -> Document:
    exported = command.document(package.made, out, package.files[MANIFEST])
    return {
        "format": "sealgate.close/1",
        "environment": wanted.environment,
        "period": wanted.period.name,
        "is_closed": True,
        "is_repeat": package.is_repeat,
        "blockers": [],
        "export": exported,
    }


def _blocked_lines(told: Document) -> Iterator[str]:
    count = len(told["blockers"])
    yield f"{told['period']} stays open, and nothing was written: {count} in the way"
    rows = ((one["code"], one["about"], one["text"]) for one in told["blockers"])
    yield from columns(rows)


def _closed_lines(told: Document) -> Iterator[str]:
    how = "was closed before: the same package again" if told["is_repeat"] else "is closed"
    yield f"{told['period']} {how}"
    yield f"package {told['export']['manifest']}"
    yield from command.lines(told["export"])
