"""Commands that look for trouble: the doctor, and the fingerprints it compares."""

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from sealgate.commands.context import DEFAULT_CONFIG, ROLES, RoleName, environ, now_ms

if TYPE_CHECKING:
    from sealgate.flags import Config


def doctor(
    *,
    config: "Config" = DEFAULT_CONFIG,
    against: Sequence[Path] = (),
    offline: bool = False,
    rules: Sequence[Path] = (),
    role: Sequence[RoleName] = (),
    json: bool = False,
) -> int:
    """Look at configuration, keys, log, database, ports and clock, and say what to do.

    Parameters
    ----------
    against
        The configuration of another environment, to find what the two share and must not; may be
        repeated. Its secrets are compared in memory and never shown.
    offline
        Ask nothing over the network, open no database and no log.
    rules
        Alert rules or boards as they are installed, a file or a folder, to find what they ask for
        and this version does not tell; may be repeated.
    role
        Look only at what this role needs and may see, as where it runs: a worker holds no key of a
        source. May be repeated; all roles where absent.
    json
        Print JSON.
    """
    from sealgate.doctor.command import Asked
    from sealgate.doctor.command import doctor as run
    from sealgate.role import Role

    roles = tuple(map(Role, role or ROLES))
    asked = Asked(config, tuple(against), offline, json, tuple(rules), roles)
    if rules:
        # To know every metric, every part is loaded that tells one.
        from sealgate.metrics_docs.catalogue import named

        asked = asked._replace(known=named)
    return run(asked, environ(), now_ms(), sys.stdout)


def fingerprints(*, config: "Config" = DEFAULT_CONFIG) -> int:
    """Print the fingerprints of this environment's secrets, for the others to refuse."""
    from sealgate.doctor.command import list_fingerprints

    return list_fingerprints(config, environ(), sys.stdout)


COMMANDS: tuple[Callable[..., int], ...] = (doctor, fingerprints)
