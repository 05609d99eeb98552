"""Write down that evidence was given: its digest, in the audit log of the gateway that it is about.

The report is kept by whoever it was made for. What is kept here is its SHA-256, its verdict, the
version and what was not proven, as an action that is claimed once under its key and named by the
audit chain. Whoever is shown a report later can tell whether it is the one, and what it said.
"""

import json
from typing import NamedTuple

from sealgate.entering import Entry
from sealgate.evidence.claims import Verdict
from sealgate.evidence.report import Report, digest

NAME = "evidence"
PROVEN, OPEN = "evidence_proven", "evidence_open"


class Given(NamedTuple):
    """What is kept of a report. `evidence` is the SHA-256 of its JSON."""

    evidence: str
    verdict: str
    version: str
    configuration: str
    unproven: tuple[str, ...]

    @property
    def detail(self) -> str:
        """Write it as it is kept."""
        return json.dumps(self._asdict(), sort_keys=True)

    @property
    def entry(self) -> Entry:
        """Say how it is entered into the audit log."""
        return Entry(NAME, PROVEN if self.verdict == Verdict.PROVEN else OPEN, self.detail)


def given(report: Report) -> Given:
    """Say what is kept of a report."""
    found = report.by_name.values()
    return Given(
        evidence=digest(report.json()),
        verdict=report.verdict().value,
        version=report.gateway.version,
        configuration=report.gateway.configuration,
        unproven=tuple(one.name for one in found if one.verdict is not Verdict.PROVEN),
    )
