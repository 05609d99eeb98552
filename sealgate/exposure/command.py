"""`sealgate keys exposure`: find the window, gather, judge, show; and raise where asked to."""

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from consumers.exposure import Window
from consumers.interpret import assets
from consumers.ledger import Ledger, LedgerMalformed
from consumers.store.port import KeyUse, Store
from sealgate.config import Configuration
from sealgate.exposure import ledger_file, sheet, table
from sealgate.exposure.gather import gather
from sealgate.exposure.instants import read_ms
from sealgate.exposure.raising import raise_items
from sealgate.exposure.report import Document, Subject, document, is_settled
from sealgate.exposure.storing import EXIT_CONFIGURATION, with_store
from sealgate.plain import in_json, plain

EXIT_OK = 0
EXIT_FOUND = 3

_STRAYS = """\
a key of the id {key!r} proved events of addresses too that no configured source has: where one is a
former public_url of this source, its events are NOT in this report; ask again with it as SOURCE:
{addresses}"""

Output = Literal["table", "json", "csv"]


@dataclass(frozen=True, slots=True)
class Asked:
    """What a person asked for. An empty `begin` is the key's first use, an empty `end` is now."""

    source: str
    key: str
    begin: str = ""
    end: str = ""
    ledger: Path | None = None
    is_partial: bool = False
    output: Output = "table"
    is_raised: bool = False


class _Wrong(ValueError):
    """The question cannot be answered as it is; the message says what to change."""


def run(configuration: Configuration, asked: Asked, now_ms: int) -> int:
    """Print the report; return the exit code."""
    try:
        begin = read_ms(asked.begin, "--from") if asked.begin else None
        end = read_ms(asked.end, "--to") if asked.end else None
        ledger = _ledger(asked)
    except ValueError as wrong:
        print(plain(str(wrong)), file=sys.stderr)
        return EXIT_CONFIGURATION

    async def use(store: Store) -> int:
        uses = await store.key_uses()
        try:
            window = _window(configuration, asked, uses, (begin, end, now_ms))
        except _Wrong as wrong:
            print(plain(str(wrong)), file=sys.stderr)
            return EXIT_CONFIGURATION
        found = await gather(store, window, ledger)
        basis = "none" if ledger is None else "partial" if asked.is_partial else "complete"
        environment = configuration.settings.environment
        about = Subject(environment, asked.source, window, now_ms, basis)
        report = document(about, found, assets.load().decimals)
        print(_RENDER[asked.output](report), end="")
        strays = _strays(configuration, asked.key, uses)
        if strays:
            print(_STRAYS.format(key=asked.key, addresses="\n".join(strays)), file=sys.stderr)
        if asked.is_raised:
            raised = await raise_items(store, found, now_ms)
            print(
                f"exceptions: {raised.opened} opened, {raised.kept} open already,"
                f" {raised.closed} closed",
                file=sys.stderr,
            )
        return EXIT_OK if is_settled(report) and not strays else EXIT_FOUND

    return with_store(configuration, use, writes=asked.is_raised)


def _json(report: Document) -> str:
    return in_json(report, indent=2) + "\n"


_RENDER: dict[Output, Callable[[Document], str]] = {
    "table": table.render,
    "json": _json,
    "csv": sheet.render,
}


def _ledger(asked: Asked) -> Ledger | None:
    """Read the ledger. Raises `LedgerMalformed`."""
    if asked.ledger is not None:
        return ledger_file.read(asked.ledger, is_complete=not asked.is_partial)
    if asked.is_partial:
        raise LedgerMalformed("--ledger-partial says something about a --ledger; name one")
    return None


def addresses_of(configuration: Configuration, source: str) -> frozenset[str]:
    """Return what events of a source are stored under: of its slug, or the stored text itself."""
    environment = configuration.settings.environment
    if ":" in source:
        return frozenset({source})
    urls = {one.public_url for one in configuration.settings.source if one.slug == source}
    # A source that was given its public_url later has older events under the other name.
    return frozenset({f"urn:sealgate:{environment}:{source}", *urls} - {""})


def _window(
    configuration: Configuration,
    asked: Asked,
    uses: Sequence[KeyUse],
    times: tuple[int | None, int | None, int],
) -> Window:
    """Say exactly what is asked about. Raises `_Wrong`, so that a misspelt key is no all-clear."""
    begin, end, now_ms = times
    sources = addresses_of(configuration, asked.source)
    used = [use for use in uses if use.source in sources and use.key_id == asked.key]
    if not used and not _is_configured(configuration, asked):
        raise _Wrong(_unknown(asked, sources, uses))
    first = min((use.first_ms for use in used), default=now_ms)
    # The clock of an edge may be ahead of this machine's.
    last = max((use.last_ms for use in used), default=now_ms)
    window = Window(
        sources,
        asked.key,
        first if begin is None else begin,
        max(now_ms, last) + 1 if end is None else end,
    )
    if window.from_ms >= window.to_ms:
        raise _Wrong("--from is not before --to: the window is empty")
    return window


def _strays(configuration: Configuration, key: str, uses: Sequence[KeyUse]) -> list[str]:
    """Return the addresses under which a key of this id proved something and that nobody has.

    A public_url that was changed leaves the older events under the one of before.
    """
    slugs = (source.slug for source in configuration.settings.source)
    known = frozenset[str]().union(*(addresses_of(configuration, slug) for slug in slugs))
    return sorted({use.source for use in uses if use.key_id == key} - known)


def _is_configured(configuration: Configuration, asked: Asked) -> bool:
    return any(
        key.id == asked.key
        for source in configuration.settings.source
        if source.slug == asked.source
        for key in source.key
    )


def _unknown(asked: Asked, sources: frozenset[str], uses: Sequence[KeyUse]) -> str:
    here = sorted({use.key_id for use in uses if use.source in sources})
    elsewhere = sorted({use.source for use in uses if use.key_id == asked.key})
    lines = [f"source {asked.source!r} has no key {asked.key!r}, and none so named proved anything"]
    if here:
        lines.append(f"keys that proved events of this source: {', '.join(here)}")
    if elsewhere:
        lines.append(f"a key of this id proved events of: {', '.join(elsewhere)}")
    return "\n".join(lines)
