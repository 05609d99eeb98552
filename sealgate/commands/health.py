"""The command that asks a process of this machine how it is."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from sealgate.commands.context import environ

if TYPE_CHECKING:
    from sealgate.flags import Port

# Where a deployment says which port a process has, beside its configuration file.
VARIABLE = "SEALGATE__ADMIN__PORT"
USUAL_PORT = 9090


def healthcheck(*, host: str = "127.0.0.1", port: "Port | None" = None, ready: bool = False) -> int:
    """Ask the process behind an admin port how it is. Exit code 1: unwell, 69: nobody answers.

    Parameters
    ----------
    host
        Where its admin port is.
    port
        The admin port; that of the environment (SEALGATE__ADMIN__PORT), or 9090, where absent.
    ready
        Ask whether it takes work (/readyz), and not only whether it turns (/livez).
    """
    from sealgate.health import ask

    said = environ().get(VARIABLE, "")
    chosen = int(said) if port is None and said.isascii() and said.isdigit() else port
    return ask(host, USUAL_PORT if chosen is None else chosen, "/readyz" if ready else "/livez")


COMMANDS: tuple[Callable[..., int], ...] = (healthcheck,)
