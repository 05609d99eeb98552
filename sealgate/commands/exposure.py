"""The command about a key that somebody else may have had: `sealgate keys exposure`."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from sealgate.commands.context import DEFAULT_CONFIG, EXIT_USAGE, configured, now_ms

if TYPE_CHECKING:
    from sealgate.flags import Config


def keys_exposure(
    source: str,
    key: str,
    /,
    *,
    from_: str = "",
    to: str = "",
    ledger: Path | None = None,
    ledger_partial: bool = False,
    output: Literal["table", "json", "csv"] = "table",
    json: bool = False,
    csv: bool = False,
    raise_: bool = False,
    config: "Config" = DEFAULT_CONFIG,
) -> int:
    """List what a key proved in a window, what it moved, and what else bears it out.

    Parameters
    ----------
    source
        The slug of the source; of one that is gone, the address its events are stored under.
    key
        The id of the key.
    from_
        The beginning, such as 2026-01-31T10:00:00Z; where absent, the key's first use.
    to
        The end, itself left out; where absent, now.
    ledger
        What the provider itself says happened: CSV or JSON lines, see docs/exposure-report.md.
    ledger_partial
        The ledger does not hold everything: what it lacks is not thereby contradicted.
    output
        table for people, json for `sealgate events`, csv for a spreadsheet.
    json
        The same as --output json.
    csv
        The same as --output csv.
    raise_
        Open a severity 1 exception for each event that nothing bears out, once.
    """
    from sealgate.exposure.command import Asked, run

    if json and csv:
        print("choose one of --json and --csv", file=sys.stderr)
        return EXIT_USAGE
    shown = "json" if json else "csv" if csv else output
    asked = Asked(source, key, from_, to, ledger, ledger_partial, shown, raise_)
    return configured(config, ["worker"], lambda found: run(found, asked, now_ms()))
