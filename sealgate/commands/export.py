"""The commands of finance: export what happened, hold a folder against its figures, close."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from sealgate.commands.context import DEFAULT_CONFIG, configured

if TYPE_CHECKING:
    from sealgate.flags import Closing, Config, Exporting

SUMMARY = "Write payments, transfers, movements and exceptions of a period; verify such a folder."


def export(*, wanted: "Exporting", config: "Config" = DEFAULT_CONFIG) -> int:
    """Write payments, transfers, movements and exceptions of a period into one new folder."""
    from sealgate.exports import command

    return configured(config, ["worker"], lambda found: command.export(found, wanted))


def export_verify(folder: Path, /, *, json: bool = False, config: "Config" = DEFAULT_CONFIG) -> int:
    """Hold a folder against its own figures, and the audit chain. Exit code 3: it is wrong.

    Parameters
    ----------
    folder
        The folder that was exported, or the package of a close.
    json
        Print JSON, for machines.
    """
    from sealgate.exports import verify_command

    # An auditor has the folder, and often nothing else.
    if config == DEFAULT_CONFIG and not config.exists():
        return verify_command.alone(folder, as_json=json)
    return configured(
        config, ["worker"], lambda found: verify_command.verify(found, folder, as_json=json)
    )


def close(*, wanted: "Closing", config: "Config" = DEFAULT_CONFIG) -> int:
    """Close a month: an export with approvals and a signed checkpoint. Exit code 3: not yet."""
    from sealgate.exports import close_command

    return configured(
        config, ["worker", "monitor"], lambda found: close_command.close(found, wanted)
    )


COMMANDS: tuple[Callable[..., int], ...] = (close, export)
BELOW: dict[str, Callable[..., int]] = {"verify": export_verify}
