"""The commands about provider profiles."""

import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from sealgate.commands.context import now_ms

if TYPE_CHECKING:
    from sealgate.flags import AsRead, Config, WithKeys

SUMMARY = "List and show the provider profiles, and test one: list, show, test."


def providers_list(*, config: "Config | None" = None, json: bool = False) -> int:
    """List every provider profile: class, confidence, scheme, answers, and what it needs."""
    from sealgate.catalogue import listing
    from sealgate.catalogue.command import list_all

    columns = shutil.get_terminal_size((listing.WIDTH, 0)).columns
    return list_all(config, as_json=json, out=sys.stdout, columns=columns)


def providers_show(name: str, *, config: "Config | None" = None) -> int:
    """Show all that a merchant needs to set a provider up, with a ready [[source]].

    Parameters
    ----------
    name
        A profile's name, or the path of a profile.
    """
    from sealgate.catalogue.command import show

    return show(name, config, out=sys.stdout)


def providers_test(
    name: str,
    *,
    request: Path | None = None,
    config: "Config | None" = None,
    keys: "WithKeys" = None,
    reading: "AsRead" = None,
) -> int:
    """Check a profile, by name or path, and explain a captured request with it.

    Parameters
    ----------
    name
        A profile's name, or the path of a profile that is being written.
    request
        The capture, as for `sealgate verify`; where absent only the profile is checked.
    """
    from sealgate.catalogue.command import own_profiles, test
    from sealgate.explain.asked import Keys, Question, Reading

    keys, own, asked = keys or Keys(), own_profiles(config), None
    if request is not None:
        asked = Question(request, keys, reading or Reading(), provider=name, own=own)
    return test(name, config, asked, keys, now_ms())


COMMANDS: dict[str, Callable[..., int]] = {
    "list": providers_list,
    "show": providers_show,
    "test": providers_test,
}
