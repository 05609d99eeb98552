"""The evidence sheet of a drill: what happened when, what was checked, what remains. Pure.

A drill flows in step by step; Markdown for people and JSON for archives flow out. A check that was
never made is a failed one: a sheet knows beforehand which checks there must be.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib import metadata

import orjson

from ingress.contract import cloudevents

FORMAT = "1"


@dataclass(frozen=True, slots=True)
class Moment:
    """Something that happened. `at_ms` is milliseconds since the epoch."""

    at_ms: int
    what: str


@dataclass(frozen=True, slots=True)
class Check:
    """One criterion: what must hold, whether it does, and what was found."""

    name: str
    must: str
    holds: bool
    found: str


@dataclass(slots=True)
class Sheet:
    """One drill, as it went. `criteria` names every check, with what must hold."""

    drill: str
    environment: str
    criteria: Mapping[str, str]
    moments: list[Moment] = field(default_factory=list)
    checks: dict[str, Check] = field(default_factory=dict)
    commands: list[str] = field(default_factory=list)
    affected: list[str] = field(default_factory=list)
    figures: dict[str, str] = field(default_factory=dict)
    residual: str = ""
    version: str = field(default_factory=lambda: metadata.version("sealgate"))
    """The version that was rehearsed."""

    def note(self, at_ms: int, what: str) -> None:
        """Write down that something happened."""
        self.moments.append(Moment(at_ms, what))

    def check(self, name: str, found: str, *, holds: bool) -> None:
        """Write down the outcome of a criterion."""
        self.checks[name] = Check(name, self.criteria[name], holds, found)

    @property
    def outcome(self) -> Sequence[Check]:
        """Return every check in the order of the criteria; what was not made does not hold."""
        return [
            self.checks.get(name) or Check(name, must, holds=False, found="never checked")
            for name, must in self.criteria.items()
        ]

    @property
    def passed(self) -> bool:
        """Say whether every criterion holds."""
        return all(check.holds for check in self.outcome)

    def markdown(self) -> str:
        """Render the sheet for people."""
        verdict = "PASSED" if self.passed else "FAILED"
        where = f"Environment `{self.environment}`, Sealgate {self.version}."
        lines = [f"# Drill {self.drill}: {verdict}", "", where, ""]
        lines += ["| check | must hold | found | |", "| --- | --- | --- | --- |"]
        lines += [
            f"| {one.name} | {one.must} | {one.found} | {'ok' if one.holds else 'FAILED'} |"
            for one in self.outcome
        ]
        lines += ["", "## What happened", ""]
        lines += [f"- {cloudevents.timestamp(one.at_ms)} {one.what}" for one in self.moments]
        if self.commands:
            lines += ["", "## Commands", "", "```sh", *self.commands, "```"]
        if self.figures:
            lines += ["", "## Figures", ""]
            lines += [f"- {name}: {value}" for name, value in self.figures.items()]
        if self.affected:
            lines += ["", f"## Affected ({len(self.affected)})", ""]
            lines += [f"- `{one}`" for one in self.affected]
        if self.residual:
            lines += ["", "## What remains", "", self.residual]
        return "\n".join(lines) + "\n"

    def json(self) -> bytes:
        """Render the sheet for machines."""
        return orjson.dumps(
            {
                "format": FORMAT,
                "drill": self.drill,
                "environment": self.environment,
                "version": self.version,
                "passed": self.passed,
                "checks": [
                    {"name": one.name, "must": one.must, "holds": one.holds, "found": one.found}
                    for one in self.outcome
                ],
                "moments": [
                    {"at": cloudevents.timestamp(one.at_ms), "what": one.what}
                    for one in self.moments
                ],
                "commands": self.commands,
                "figures": self.figures,
                "affected": self.affected,
                "residual": self.residual,
            },
            option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE,
        )
