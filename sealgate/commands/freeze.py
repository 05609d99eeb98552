"""The commands about the freeze: on, off, show."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from sealgate.commands.context import DEFAULT_CONFIG, configured

if TYPE_CHECKING:
    from sealgate.flags import Config, Freezing

SUMMARY = "Keep books and clocks from moving while sources disagree: on, off, show."


def freeze_on(*, said: "Freezing", config: "Config" = DEFAULT_CONFIG) -> int:
    """Freeze: no payment expires by our own clock, and nothing is posted, until it is cleared."""
    from sealgate.freezing import command

    return configured(config, ["worker"], lambda found: command.say(found, said, is_on=True))


def freeze_off(*, said: "Freezing", config: "Config" = DEFAULT_CONFIG) -> int:
    """Clear the freeze: as finance, and with a second person."""
    from sealgate.freezing import command

    return configured(config, ["worker"], lambda found: command.say(found, said, is_on=False))


def freeze_show(*, json: bool = False, config: "Config" = DEFAULT_CONFIG) -> int:
    """Show whether anything is frozen, and what was said about it.

    Parameters
    ----------
    json
        Print JSON, for machines.
    """
    from sealgate.freezing import command

    return configured(config, ["worker"], lambda found: command.show(found, as_json=json))


COMMANDS: dict[str, Callable[..., int]] = {
    "on": freeze_on,
    "off": freeze_off,
    "show": freeze_show,
}
