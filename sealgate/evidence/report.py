"""The acceptance report: what was looked at, and what each claim came to. Pure.

Findings flow in; one document flows out, the same for a machine and, through `paper`, for people.
Its five sections and its claims are those of the table, always all of them: what nobody looked at
is there, and is not proven.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from ingress.contract import cloudevents
from sealgate.evidence.claims import CLAIMS, NAMED, UNSEEN, Finding, Section, Verdict
from sealgate.plain import in_json

FORMAT = "sealgate.evidence/1"
EXIT_PROVEN = 0
EXIT_FOUND = 3
_WORST = (Verdict.FAILED, Verdict.NOT_YET)

Document = dict[str, Any]


class Named(NamedTuple):
    """A key that was configured when it was looked: no secret, and nothing made of one."""

    source: str
    provider: str
    key: str
    status: str


@dataclass(frozen=True, slots=True)
class Gateway:
    """Which gateway it is about. `configuration` is the SHA-256 of its settings, as merged.

    Secrets are no part of settings: these hold the names of their files.
    """

    environment: str
    mode: str
    version: str
    configuration: str
    policy: str
    mappings: Sequence[str]
    keys: Sequence[Named]


@dataclass(frozen=True, slots=True)
class Report:
    """A gateway, when it was looked at, and every finding."""

    gateway: Gateway
    at_ms: int
    findings: Sequence[Finding]
    limits: Sequence[str] = ()
    """What was bounded or left out, in sentences."""

    @property
    def by_name(self) -> Mapping[str, Finding]:
        """Return a finding for every claim; what was not looked at is not proven."""
        found = {one.name: one for one in self.findings}
        if strange := found.keys() - NAMED.keys():
            raise ValueError(f"nobody claims {', '.join(sorted(strange))}")
        return {
            one.name: found.get(one.name) or Finding(one.name, Verdict.NOT_YET, why=UNSEEN)
            for one in CLAIMS
        }

    def verdict(self, section: Section | None = None) -> Verdict:
        """Return the worst verdict of a section, or of all."""
        said = {
            one.verdict
            for one in self.by_name.values()
            if section in {None, NAMED[one.name].section}
        }
        return next((one for one in _WORST if one in said), Verdict.PROVEN)

    @property
    def exit_code(self) -> int:
        """Return 0 where all is proven, else 3."""
        return EXIT_PROVEN if self.verdict() is Verdict.PROVEN else EXIT_FOUND

    def document(self) -> Document:
        """Write it for a machine."""
        gateway = self.gateway
        return {
            "format": FORMAT,
            "at": cloudevents.timestamp(self.at_ms),
            "gateway": {
                "environment": gateway.environment,
                "mode": gateway.mode,
                "version": gateway.version,
                "configuration": gateway.configuration,
                "policy": gateway.policy,
                "mappings": list(gateway.mappings),
                "keys": [one._asdict() for one in gateway.keys],
            },
            "verdict": self.verdict().value,
            "exit_code": self.exit_code,
            "sections": [self._section(section) for section in Section],
            "limits": list(self.limits),
        }

    def json(self) -> bytes:
        """Write the document as bytes: what is attached, and what the digest is of."""
        return (in_json(self.document(), indent=2) + "\n").encode()

    def _section(self, section: Section) -> Document:
        found = self.by_name
        return {
            "section": section.value,
            "verdict": self.verdict(section).value,
            "claims": [
                {
                    "claim": claim.name,
                    "says": claim.says,
                    "proof": claim.proof.value,
                    "how": claim.how,
                    "at": cloudevents.timestamp(self.at_ms),
                    "verdict": found[claim.name].verdict.value,
                    "looked_at": [
                        {"what": what, "found": value}
                        for what, value in found[claim.name].looked_at
                    ],
                    "why": found[claim.name].why,
                    "repeat": claim.repeat,
                }
                for claim in CLAIMS
                if claim.section is section
            ],
        }


def digest(content: bytes) -> str:
    """Return what a document is known by."""
    return f"sha256:{hashlib.sha256(content).hexdigest()}"
