"""The commands about refused deliveries that were kept."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from sealgate.commands.context import DEFAULT_CONFIG, environ, now_ms

if TYPE_CHECKING:
    from sealgate.flags import Config, Count, Every, Selecting
    from sealgate.quarantine.command import Means

SUMMARY = (
    "See what was refused and kept, verify it again, publish it: list, show, reverify, new-key."
)


def quarantine_list(
    *,
    selection: "Selecting" = None,
    every: "Every" = False,
    limit: "Count" = 50,
    json: bool = False,
    config: "Config" = DEFAULT_CONFIG,
) -> int:
    """List refused deliveries that were kept, newest first, and how many of which there are.

    Parameters
    ----------
    limit
        How many are listed; all of them are counted.
    json
        Print JSON, for machines.
    """
    from sealgate.quarantine.asked import Selection
    from sealgate.quarantine.command import list_kept

    asked = selection or Selection()
    return list_kept(_means(config), asked, limit, every=every, as_json=json)


def quarantine_show(
    kept: str,
    /,
    *,
    body: Path | None = None,
    raw: bool = False,
    config: "Config" = DEFAULT_CONFIG,
) -> int:
    """Show one kept delivery, and explain why it does not verify with today's keys.

    Parameters
    ----------
    kept
        Its id, as listed: the correlation id of its refusal.
    body
        Write its body to this new file, which nobody else can read. It is never printed.
    raw
        Show the query and all headers as they came; secrets may be among them.
    """
    from sealgate.quarantine.command import show

    return show(_means(config), kept, body, raw=raw)


def quarantine_reverify(
    *,
    selection: "Selecting" = None,
    apply: bool = False,
    config: "Config" = DEFAULT_CONFIG,
) -> int:
    """Verify kept deliveries with today's keys; say what would be published, or publish it.

    Parameters
    ----------
    apply
        Publish what verifies, marked as verified late, each once; without it nothing is changed.
    """
    from sealgate.quarantine.asked import Selection
    from sealgate.quarantine.command import verify_again

    return verify_again(_means(config), selection or Selection(), apply=apply)


def quarantine_new_key(*, key_file: Path) -> int:
    """Make a key that seals what is kept, and say how to configure it.

    Parameters
    ----------
    key_file
        The file to write; nothing is written over.
    """
    from sealgate.quarantine.new_key import run

    return run(key_file)


def _means(config: Path) -> "Means":
    from sealgate.quarantine.command import Means

    return Means(config, environ(), now_ms, sys.stdout)


COMMANDS: dict[str, Callable[..., int]] = {
    "list": quarantine_list,
    "show": quarantine_show,
    "reverify": quarantine_reverify,
    "new-key": quarantine_new_key,
}
