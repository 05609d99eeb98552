"""How the commands about one payment are done: by the table of actions."""

from typing import TYPE_CHECKING

from sealgate.commands.context import configured

if TYPE_CHECKING:
    from sealgate.flags import Config, Deciding
    from sealgate.operations.wanting import Wanted


def pay(
    act: str, payment: str, said: "Deciding", config: "Config", wanted: "Wanted | None" = None
) -> int:
    """Do an action on a payment; return the exit code."""
    from consumers.actions import Act
    from sealgate.operations import deciding
    from sealgate.operations.wanting import Wanted

    return configured(
        config,
        ["worker"],
        lambda found: deciding.pay(found, Act(act), payment, said, wanted or Wanted()),
    )
