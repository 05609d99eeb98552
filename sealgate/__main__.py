"""The command line: what a person types.

Every command imports what it needs when it is called, and the overview is printed without the
library that reads flags, so that ``sealgate --help`` costs next to nothing. Results go to standard
output, messages to standard error. Exit codes: 0 done, 1 failed, 2 wrong usage, 3 a check found
something wrong, 69 a service or an address is not available, 78 the configuration is wrong,
130 interrupted.
"""

import gc
import os
import sys
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, NamedTuple, get_type_hints

from sealgate.commands import (
    audit,
    deposits,
    doctor,
    drill,
    events,
    evidence,
    exceptions,
    export,
    freeze,
    health,
    keys,
    payments,
    providers,
    quarantine,
    replay,
    running,
    story,
    tail,
    topics,
    trying,
)
from sealgate.commands.context import EXIT_INTERRUPTED

if TYPE_CHECKING:
    from cyclopts import App

SUMMARY = (
    "A webhook ingress gateway for payments: verify on the raw bytes, publish to Kafka,"
    " apply exactly once."
)
COMMANDS: tuple[Callable[..., int], ...] = (
    *running.COMMANDS,
    *trying.COMMANDS,
    *doctor.COMMANDS,
    *drill.COMMANDS,
    *evidence.COMMANDS,
    *export.COMMANDS,
    *health.COMMANDS,
    *replay.COMMANDS,
    *story.COMMANDS,
    *tail.COMMANDS,
)

GC_THRESHOLD = 20_000
"""So many new containers are looked at together, and not 700."""


class Group(NamedTuple):
    """Commands under one word: ``sealgate providers list``."""

    summary: str
    commands: Mapping[str, Callable[..., int]]


GROUPS: Mapping[str, Group] = {
    "audit": Group(audit.SUMMARY, audit.COMMANDS),
    "deposits": Group(deposits.SUMMARY, deposits.COMMANDS),
    "events": Group(events.SUMMARY, events.COMMANDS),
    "exceptions": Group(exceptions.SUMMARY, exceptions.COMMANDS),
    "export": Group(export.SUMMARY, export.BELOW),
    "freeze": Group(freeze.SUMMARY, freeze.COMMANDS),
    "keys": Group(keys.SUMMARY, keys.COMMANDS),
    "payments": Group(payments.SUMMARY, payments.COMMANDS),
    "providers": Group(providers.SUMMARY, providers.COMMANDS),
    "quarantine": Group(quarantine.SUMMARY, quarantine.COMMANDS),
    "topics": Group(topics.SUMMARY, topics.COMMANDS),
}


def overview() -> str:
    """Say what there is, from the commands themselves."""
    lines = {_name(command): (command.__doc__ or "").partition("\n")[0] for command in COMMANDS}
    groups = {name: group.summary for name, group in GROUPS.items()}
    rows = [f"  {name:<12} {line}" for name, line in sorted((lines | groups).items())]
    return "\n".join(
        [
            "Usage: sealgate COMMAND",
            "",
            SUMMARY,
            "",
            "Commands:",
            *rows,
            "",
            "  --help     Show this, or of a command its flags: sealgate COMMAND --help",
            "  --version  Show the version.",
        ]
    )


def application(word: str = "") -> "App":
    """Make what reads the flags: of the command or the group of this name, or else of all.

    To read the flags of eighty commands takes time that every call of one would pay for.
    """
    from cyclopts import App

    app = App(name="sealgate", help=SUMMARY, version_flags=["--version"])
    commands, groups = _under(word)
    alone = {_name(command): command for command in commands}
    for one, group in groups.items():
        below = App(name=one, help=group.summary)
        if one in alone:
            # A word may do something by itself, too: ``sealgate export``.
            below.default(_typed(alone.pop(one)))
        for name, command in group.commands.items():
            below.command(_typed(command), name=name)
        app.command(below)
    for command in alone.values():
        app.command(_typed(command))
    return app


def _under(word: str) -> tuple[Iterable[Callable[..., int]], Mapping[str, Group]]:
    """Find the command or the group of a name; everything where there is none."""
    alone = [command for command in COMMANDS if _name(command) == word]
    if word in GROUPS:
        return alone, {word: GROUPS[word]}
    return (alone, {}) if alone else (COMMANDS, GROUPS)


def _name(command: Callable[..., int]) -> str:
    """Name a command as it is typed."""
    return command.__name__.replace("_", "-")


def _typed(command: Callable[..., int]) -> Callable[..., int]:
    """Fill in the types of its flags, which stand in the functions as texts."""
    from sealgate import flags

    command.__annotations__ = get_type_hints(command, localns=vars(flags), include_extras=True)
    return command


def main() -> None:
    """Run the command line."""
    try:
        if sys.argv[1:] in ([], ["--help"], ["-h"]):
            print(overview())
            return
        # What is imported stays: to look for cycles in it again and again is a tenth of a start.
        gc.set_threshold(GC_THRESHOLD)
        sys.exit(application(sys.argv[1])())
    except KeyboardInterrupt:
        sys.exit(EXIT_INTERRUPTED)
    except BrokenPipeError:
        # Whoever read along has read enough (| head); nothing must be flushed to them at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(EXIT_INTERRUPTED)


if __name__ == "__main__":
    main()
