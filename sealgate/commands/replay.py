"""The command that reads events again: `sealgate replay`."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from sealgate.commands.context import DEFAULT_CONFIG, configured

if TYPE_CHECKING:
    from sealgate.flags import Config, Replaying


def replay(*, what: "Replaying" = None, config: "Config" = DEFAULT_CONFIG) -> int:
    """Read events again: show the difference for each payment, or write it with --apply."""
    from sealgate.replay.asked import Asked
    from sealgate.replay.command import run

    return configured(config, ["worker"], lambda found: run(found, what or Asked()))


COMMANDS: tuple[Callable[..., int], ...] = (replay,)
