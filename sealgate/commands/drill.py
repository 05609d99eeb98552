"""The drills: failures arranged on purpose, worked by the runbooks' own commands, and judged."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Literal

from sealgate.commands.context import EXIT_FAILED, EXIT_FOUND, EXIT_OK


def drill(
    name: Literal["key-compromise", "environment-leak", "duplicate-delivery", "divergence"],
    /,
    *,
    kafka: str = "",
    postgres: str = "",
    output: Path | None = None,
    json: bool = False,
) -> int:
    """Rehearse a failure: a stolen secret, a sandbox in production, duplicates, divergence.

    Parameters
    ----------
    name
        key-compromise: revoke, add, verify again, report, void. environment-leak: eight ways in
        which a sandbox gets into production. duplicate-delivery: everything is sent again and
        again, and workers are killed in between. divergence: a provider's API and its webhooks tell
        different stories.
    kafka
        Use this Kafka (host:port) instead of the embedded log.
    postgres
        Use this PostgreSQL database (a URL; empty, for this run alone) instead of the embedded
        store.
    output
        A new directory that keeps everything: the evidence sheet, the gateway's files, its log
        lines. `sealgate audit drill` writes the sheet's digest into a gateway's audit log.
    json
        Print the evidence sheet as JSON instead of Markdown.
    """
    from sealgate.drills import compromise, divergence, duplicates, leak
    from sealgate.drills.stage import DrillFailed, Services, ground
    from sealgate.plain import plain

    drills = {
        "key-compromise": compromise.drill,
        "environment-leak": leak.drill,
        "duplicate-delivery": duplicates.drill,
        "divergence": divergence.drill,
    }
    try:
        with ground(output) as place:
            sheet = drills[name](place, Services(kafka, postgres))
            if output is not None:
                (output / "evidence.md").write_text(sheet.markdown(), "utf-8")
                (output / "evidence.json").write_bytes(sheet.json())
    except FileExistsError:
        print(f"{output} is there already; name a new directory", file=sys.stderr)
        return EXIT_FAILED
    except DrillFailed as failed:
        print(plain(str(failed)), file=sys.stderr)
        return EXIT_FAILED
    print(sheet.json().decode() if json else sheet.markdown(), end="")
    return EXIT_OK if sheet.passed else EXIT_FOUND


COMMANDS: tuple[Callable[..., int], ...] = (drill,)
