"""The commands about the audit chain: a key, checkpoints, decisions, a drill, look, and verify."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from sealgate.commands.context import DEFAULT_CONFIG, EXIT_USAGE, configured, now_ms

if TYPE_CHECKING:
    from sealgate.config import Configuration
    from sealgate.flags import Config, Recording

SUMMARY = "Prove that history was not rewritten: init, checkpoint, decisions, drill, show, verify."


def audit_init(*, config: "Config" = DEFAULT_CONFIG) -> int:
    """Make the key that signs checkpoints, and the directory they go to."""

    def run(configuration: "Configuration") -> int:
        from sealgate.audit import command

        return command.init(configuration)

    # Before there is a key, a configuration that names one is not whole.
    return configured(config, [], run)


def audit_checkpoint(*, config: "Config" = DEFAULT_CONFIG) -> int:
    """Write a checkpoint now, such as before a close; the monitor writes the others."""

    def run(configuration: "Configuration") -> int:
        from sealgate.audit import command

        return command.checkpoint(configuration, now_ms())

    return configured(config, ["monitor"], run)


def audit_decisions(
    *,
    by: str = "",
    role: str = "",
    since: str = "",
    until: str = "",
    json: bool = False,
    csv: bool = False,
    config: "Config" = DEFAULT_CONFIG,
) -> int:
    """List what people decided, who agreed, and which entry says so. Exit code 3: entries differ.

    Parameters
    ----------
    by
        Only what this colleague decided, or agreed to.
    role
        Only what was decided as this: finance, operations and others.
    since
        Only from this instant on, such as 2026-11-01T00:00:00Z.
    until
        Only before this instant.
    json
        Print JSON, for machines.
    csv
        Print a sheet, one line for each decision.
    """
    from sealgate.audit.decisions import Asked, run

    asked = Asked(by, role, since, until)
    output = "json" if json else "csv" if csv else "table"
    return configured(config, ["worker"], lambda found: run(found, asked, output=output))


def audit_drill(
    sheet: Path, /, *, told: "Recording" = None, config: "Config" = DEFAULT_CONFIG
) -> int:
    """Write down that a drill was played, by the digest of its evidence sheet.

    Parameters
    ----------
    sheet
        The evidence.json that `sealgate drill --output` kept.
    """

    def run(configuration: "Configuration") -> int:
        from sealgate.drills import recording
        from sealgate.drills.told import Told

        try:
            content = sheet.read_bytes()
        except OSError as wrong:
            advice = "name the evidence.json that `sealgate drill --output` keeps"
            print(f"{sheet}: {wrong.strerror}; {advice}", file=sys.stderr)
            return EXIT_USAGE
        return recording.run(configuration, content, told or Told(), sys.stdout)

    return configured(config, ["worker"], run)


def audit_show(chain: str = "", seq: int = -1, /, *, config: "Config" = DEFAULT_CONFIG) -> int:
    """Show where every chain is, or what one entry says.

    Parameters
    ----------
    chain
        The chain of the entry.
    seq
        The number of the entry.
    """

    def run(configuration: "Configuration") -> int:
        from sealgate.audit import command

        return command.show(configuration, chain, seq)

    return configured(config, ["worker"], run)


def audit_verify(
    *,
    from_: Path | None = None,
    key: Path | None = None,
    json: bool = False,
    config: "Config" = DEFAULT_CONFIG,
) -> int:
    """Hash every chain again and hold it against checkpoints and tables. Exit code 3: it is wrong.

    Parameters
    ----------
    from_
        A checkpoint's file: begin behind what it saw, and leave the tables out.
    key
        The public key that checkpoints must be signed with, from where no attacker reaches it.
    json
        Print JSON, for machines; the exit codes are the same.
    """

    def run(configuration: "Configuration") -> int:
        from sealgate.audit import command

        return command.verify(configuration, from_, key, as_json=json)

    return configured(config, ["worker"], run)


COMMANDS: dict[str, Callable[..., int]] = {
    "checkpoint": audit_checkpoint,
    "decisions": audit_decisions,
    "drill": audit_drill,
    "init": audit_init,
    "show": audit_show,
    "verify": audit_verify,
}
