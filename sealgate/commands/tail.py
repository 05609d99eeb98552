"""The command that shows records as they come: `sealgate tail`."""

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

from sealgate.commands.context import DEFAULT_CONFIG, environ

if TYPE_CHECKING:
    from sealgate.flags import Config, Tailing


def tail(*, what: "Tailing" = None, config: "Config" = DEFAULT_CONFIG) -> int:
    """Show envelopes and notices as they come, in no group; verify them again with --verify."""
    from sealgate.tail.asked import Asked
    from sealgate.tail.command import Means, run

    return run(Means(config, environ(), sys.stdout), what or Asked())


COMMANDS: tuple[Callable[..., int], ...] = (tail,)
