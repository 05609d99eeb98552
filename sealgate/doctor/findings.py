"""`Finding`: one thing looked at, how it is, and what to do. Lines and JSON are made of them."""

from collections.abc import Sequence
from enum import StrEnum
from typing import NamedTuple

from sealgate.commands.context import (
    EXIT_CONFIGURATION,
    EXIT_FOUND,
    EXIT_OK,
    EXIT_UNAVAILABLE,
)
from sealgate.plain import in_json, plain


class Level(StrEnum):
    """How something is."""

    OK = "ok"
    WARN = "warn"
    """It works, and may not for long, or not as was meant."""
    FAIL = "fail"
    AWAY = "away"
    """It did not answer, so nothing is known of it."""
    MISTAKE = "mistake"
    """The configuration is wrong: nothing starts with it."""


class Finding(NamedTuple):
    """One thing that was looked at."""

    level: Level
    subject: str
    told: str


_EXITS = (
    (Level.MISTAKE, EXIT_CONFIGURATION),
    (Level.FAIL, EXIT_FOUND),
    (Level.AWAY, EXIT_UNAVAILABLE),
)


def exit_code(findings: Sequence[Finding]) -> int:
    """Return the exit code of the worst that was found."""
    levels = {finding.level for finding in findings}
    return next((code for level, code in _EXITS if level in levels), EXIT_OK)


def as_text(findings: Sequence[Finding]) -> str:
    """Write a line for each, and what it comes to."""
    width = max((len(finding.subject) for finding in findings), default=0)
    lines = [plain(f"{level:<8} {subject:<{width}}  {told}") for level, subject, told in findings]
    counts = [
        f"{count} {level}"
        for level in Level
        if (count := sum(finding.level is level for finding in findings))
    ]
    return "\n".join([*lines, "", ", ".join(counts) or "nothing was looked at"])


def as_json(environment: str, findings: Sequence[Finding]) -> str:
    """Write the same for a machine."""
    rows = [finding._asdict() for finding in findings]
    told = {"environment": environment, "findings": rows, "exit_code": exit_code(findings)}
    return in_json(told, indent=2)
