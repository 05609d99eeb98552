"""Drills: failures arranged on purpose, worked by the runbooks' own commands, and judged."""

import sys
from collections.abc import Callable
from pathlib import Path

from sealgate.commands.context import EXIT_FAILED, EXIT_FOUND, EXIT_OK

SUMMARY = "Rehearse a failure: key-compromise, environment-leak."


def key_compromise(
    *, kafka: str = "", postgres: str = "", output: Path | None = None, json: bool = False
) -> int:
    """Rehearse a stolen webhook secret: revoke, add, verify again, report, void.

    Parameters
    ----------
    kafka
        Use this Kafka (host:port) instead of the embedded log.
    postgres
        Use this PostgreSQL database (a URL; empty, for this run alone) instead of the embedded
        store.
    output
        A new directory that keeps everything: the evidence sheet, the gateway's files, its log
        lines.
    json
        Print the evidence sheet as JSON instead of Markdown.
    """
    from sealgate.drills.compromise import drill

    return _run(drill, kafka, postgres, output, as_json=json)


def environment_leak(
    *, kafka: str = "", postgres: str = "", output: Path | None = None, json: bool = False
) -> int:
    """Rehearse eight ways in which a sandbox leaks into production.

    Parameters
    ----------
    kafka
        Use this Kafka (host:port) instead of the embedded log.
    postgres
        Use this PostgreSQL database (a URL; empty, for this run alone) instead of the embedded
        store.
    output
        A new directory that keeps everything: the evidence sheet, the gateway's files, its log
        lines.
    json
        Print the evidence sheet as JSON instead of Markdown.
    """
    from sealgate.drills.leak import drill

    return _run(drill, kafka, postgres, output, as_json=json)


def _run(
    drill: Callable[..., object],
    kafka: str,
    postgres: str,
    output: Path | None,
    *,
    as_json: bool,
) -> int:
    """Play a drill and print its evidence."""
    from sealgate.drills.sheet import Sheet
    from sealgate.drills.stage import DrillFailed, Services, ground

    try:
        with ground(output) as place:
            sheet = drill(place, Services(kafka, postgres))
            assert isinstance(sheet, Sheet)
            if output is not None:
                (output / "evidence.md").write_text(sheet.markdown(), "utf-8")
                (output / "evidence.json").write_bytes(sheet.json())
    except FileExistsError:
        print(f"{output} is there already; name a new directory", file=sys.stderr)
        return EXIT_FAILED
    except DrillFailed as failed:
        print(failed, file=sys.stderr)
        return EXIT_FAILED
    print(sheet.json().decode() if as_json else sheet.markdown(), end="")
    return EXIT_OK if sheet.passed else EXIT_FOUND


COMMANDS: dict[str, Callable[..., int]] = {
    "key-compromise": key_compromise,
    "environment-leak": environment_leak,
}
