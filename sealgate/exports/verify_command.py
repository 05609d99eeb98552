"""`sealgate export verify`: a folder against its own figures, and against the chain and the key."""

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from consumers.store.auditing import Auditing
from consumers.store.port import Store
from sealgate.audit import checkpoints, folder
from sealgate.audit.checkpoints import Unsound
from sealgate.config import Configuration
from sealgate.exports import closes, command, kept, reading, vouching, wanting
from sealgate.exports.kept import CHECKPOINT, Kept
from sealgate.exports.reading import NotThere
from sealgate.exports.recorded import AsOf, Recorded, Seen
from sealgate.exports.vouching import Unreadable
from sealgate.exposure.storing import with_store
from sealgate.operations.answering import EXIT_OK, EXIT_USAGE, Document
from sealgate.plain import plain

ALONE = "the folder alone: say --config, and it is held against the audit chain too"


def alone(path: Path, *, as_json: bool) -> int:
    """Verify a folder by itself; return the exit code."""
    try:
        found = kept.read(path)
    except kept.NoExport as wrong:
        print(plain(str(wrong)), file=sys.stderr)
        return EXIT_USAGE
    return _answer(found, kept.problems(found), is_chained=False, as_json=as_json)


def verify(configuration: Configuration, path: Path, *, as_json: bool) -> int:
    """Verify a folder by itself, and against the database; return the exit code."""
    try:
        found = kept.read(path)
    except kept.NoExport as wrong:
        print(plain(str(wrong)), file=sys.stderr)
        return EXIT_USAGE

    async def use(store: Store) -> int:
        problems = kept.problems(found)
        async with store.auditing() as moment:
            problems += await _against_chain(moment, found, configuration)
        return _answer(found, problems, is_chained=True, as_json=as_json)

    return with_store(configuration, use)


async def _against_chain(
    moment: Auditing, found: Kept, configuration: Configuration
) -> Sequence[str]:
    """Hold what a folder says of the chains against them."""
    environment = configuration.settings.environment
    if found.manifest["environment"] != environment:
        return [f"it is of environment {found.manifest['environment']}, and not of {environment}"]
    try:
        _, contradicted = await vouching.read(moment, configuration, wanting.as_of_of(found.path))
    except NotThere as wrong:
        return [f"{wrong}: the database is an older backup, or was written anew"]
    except Unreadable as wrong:
        contradicted = wrong.found
    # A package is of what was there when it was closed, and is looked up where that is whole.
    if contradicted:
        return [f"the audit chain contradicts the database: {text}" for text in contradicted]
    close = found.manifest.get("close")
    if not close:
        return []
    try:
        seen = _checkpoint(found, configuration)
        recorded = await reading.read(moment, environment, seen)
    except (Unsound, ValueError, OSError) as wrong:
        return [f"{CHECKPOINT}: {wrong}"]
    return list(_closed(recorded, found, str(close["key"])))


def _checkpoint(found: Kept, configuration: Configuration) -> AsOf | None:
    """Return what the signed checkpoint of a package saw; None where our key is not here.

    Raises `Unsound`, `ValueError` and `OSError`.
    """
    named = configuration.settings.audit.key_file
    content = found.files.get(CHECKPOINT)
    if content is None:
        raise Unsound("it is not there")
    if named is None:
        return None
    base = configuration.base
    one = checkpoints.read(content, folder.public_key(base, folder.public_path(base / named)))
    return {seen.chain: Seen(seen.seq, seen.hash.hex()) for seen in one.chains}


def _closed(recorded: Recorded, found: Kept, key: str) -> Iterator[str]:
    """Look the close up in the audit log, as of the checkpoint."""
    one = next((one for one in closes.closed_of(recorded) if one.key == key), None)
    if one is None:
        yield f"the audit log knew of no close {key} when the checkpoint was signed"
    elif one.package != found.package:
        yield f"{one.period} was closed with another package: {one.package}"


def _answer(found: Kept, problems: Sequence[str], *, is_chained: bool, as_json: bool) -> int:
    told: Document = {
        "format": "sealgate.export-verified/1",
        "folder": str(found.path),
        "manifest": found.package,
        "environment": found.manifest["environment"],
        "period": found.manifest["period"],
        "is_close": bool(found.manifest.get("close")),
        "is_held_against_chain": is_chained,
        "problems": list(problems),
    }
    command.tell(told, _lines(told), as_json=as_json)
    return command.EXIT_FOUND if problems else EXIT_OK


def _lines(told: Document) -> Iterator[str]:
    for text in told["problems"]:
        yield f"WRONG {text}"
    if not told["problems"]:
        kind = "close package" if told["is_close"] else "export"
        yield f"{told['folder']}: a sound {kind}, {told['manifest']}"
    if not told["is_held_against_chain"]:
        yield ALONE
