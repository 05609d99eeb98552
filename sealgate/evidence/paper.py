"""The acceptance report as Markdown, for whoever reads and signs it. Pure.

A document flows in and pages flow out: first what it comes to, section by section, then each claim
with its proof, last what was bounded. Texts from the database stand in code spans or table cells,
and cannot end them.
"""

from collections.abc import Iterator

from sealgate.evidence.report import Document
from sealgate.plain import plain

TITLES = {
    "signature_verification": "Signature verification",
    "idempotency": "Idempotency",
    "lifecycle_transitions": "Lifecycle transitions",
    "exception_handling": "Exception handling",
    "reporting_references": "Reporting references",
}
SIGNERS = ("engineering", "payment operations", "finance", "security")
WORDS = {"proven": "proven", "not_proven_yet": "not proven yet", "failed": "FAILED"}
PROOFS = {
    "records": "this gateway's own log and database",
    "self_test": "a throw-away gateway with the same sources, policy and mappings",
}


def markdown(told: Document, digest: str) -> str:
    """Write the document for people; `digest` is that of its JSON."""
    return "\n".join([*_head(told, digest), *_sections(told), *_foot(told), *_signatures()]) + "\n"


def _head(told: Document, digest: str) -> Iterator[str]:
    gateway = told["gateway"]
    yield f"# Evidence of {_cell(gateway['environment'])}: {WORDS[told['verdict']]}"
    yield ""
    yield f"- looked at: {told['at']}"
    yield f"- environment: `{gateway['environment']}`, a {gateway['mode']} one"
    yield f"- software: Sealgate {gateway['version']}"
    yield f"- configuration: `{gateway['configuration']}`"
    yield f"- policy: {_code(gateway['policy']) if gateway['policy'] else 'none'}"
    yield f"- mappings: {', '.join(map(_code, gateway['mappings'])) or 'none'}"
    yield f"- this document: `{digest}` (of its JSON, `--json`)"
    yield ""
    yield "| key | of source | provider | status |"
    yield "| --- | --- | --- | --- |"
    for key in gateway["keys"]:
        row = (key["key"], key["source"], key["provider"], key["status"])
        yield f"| {' | '.join(map(_cell, row))} |"
    yield ""
    yield "| section | claims | verdict |"
    yield "| --- | --- | --- |"
    for section in told["sections"]:
        verdicts = [claim["verdict"] for claim in section["claims"]]
        count = f"{verdicts.count('proven')} of {len(verdicts)} proven"
        yield f"| {TITLES[section['section']]} | {count} | {WORDS[section['verdict']]} |"


def _sections(told: Document) -> Iterator[str]:
    for number, section in enumerate(told["sections"], 1):
        yield ""
        yield f"## {number}. {TITLES[section['section']]}: {WORDS[section['verdict']]}"
        for claim in section["claims"]:
            yield from _claim(claim)


def _claim(claim: Document) -> Iterator[str]:
    yield ""
    yield f"### {claim['says']}"
    yield ""
    yield f"**{WORDS[claim['verdict']]}** (`{claim['claim']}`)"
    yield ""
    yield f"- proof: {PROOFS[claim['proof']]}"
    yield f"- how: {claim['how']}"
    yield f"- when: {claim['at']}"
    if claim["why"]:
        yield f"- to do: {_text(claim['why'])}"
    yield f"- again: `{claim['repeat']}`"
    if claim["looked_at"]:
        yield ""
        yield "| looked at | found |"
        yield "| --- | --- |"
        for one in claim["looked_at"]:
            yield f"| {_cell(one['what'])} | {_cell(one['found'])} |"


def _foot(told: Document) -> Iterator[str]:
    if told["limits"]:
        yield ""
        yield "## What was bounded, or left out"
        yield ""
        yield from (f"- {_text(limit)}" for limit in told["limits"])


def _signatures() -> Iterator[str]:
    """Leave room for those who accept it: a report is nobody's decision."""
    yield from ("", "## Accepted by", "", "| for | name | date | signature |")
    yield "| --- | --- | --- | --- |"
    yield from (f"| {reader} | | | |" for reader in SIGNERS)


def _text(text: str) -> str:
    """Write a text that may come from outside into a line."""
    return plain(text).replace("\n", " ").replace("<", "&lt;")


def _cell(text: str) -> str:
    return _text(text).replace("|", "\\|")


def _code(text: str) -> str:
    return f"`{plain(text).replace('`', chr(39))}`"
