"""The command that proves: the acceptance report of a gateway."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from sealgate.commands.context import DEFAULT_CONFIG, configured

if TYPE_CHECKING:
    from sealgate.flags import Config, Evidencing


def evidence(
    *,
    config: "Config" = DEFAULT_CONFIG,
    self_test: bool = True,
    output: Path | None = None,
    json: bool = False,
    told: "Evidencing" = None,
) -> int:
    """Prove what this gateway claims, in five sections, for a go-live. Exit code 3: not all of it.

    Parameters
    ----------
    self_test
        Attack a throw-away gateway with the same sources, policy and mappings, too: some seconds.
    output
        A new directory that keeps the report: evidence.md and evidence.json.
    json
        Print the report as JSON instead of Markdown.
    """
    from sealgate.evidence.command import Asked, run
    from sealgate.evidence.told import Told

    asked = Asked(self_test, output, json, told or Told())
    return configured(config, ["worker"], lambda found: run(found, asked))


COMMANDS: tuple[Callable[..., int], ...] = (evidence,)
