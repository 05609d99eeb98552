"""What was found, for a person and for a machine.

Steps, a verdict and findings flow in; text of at most a hundred columns, or one JSON object with a
stable schema, flows out.
"""

import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass

from ingress.delivery import Reason
from sealgate.explain.case import Verdict
from sealgate.explain.diagnoses import Finding
from sealgate.explain.steps import Step
from sealgate.plain import block, in_json

WIDTH = 98
MEANING = {
    Reason.HEADER_MISSING: "the signature, or something else that is signed, is not there",
    Reason.HEADER_MALFORMED: "the signature is there and is not written as this provider writes it",
    Reason.HEADER_DUPLICATED: "a header or field that is relied upon came twice",
    Reason.VERSION_UNSUPPORTED: "only signatures of other versions or algorithms are there",
    Reason.SIGNATURE_MISMATCH: "none of the keys made this signature over these bytes",
    Reason.TIMESTAMP_MISSING: "there is no timestamp",
    Reason.TIMESTAMP_MALFORMED: "the timestamp is not written as this provider writes it",
    Reason.TIMESTAMP_STALE: "the signature holds, and the delivery was too old at its receipt",
    Reason.TIMESTAMP_FUTURE: "the signature holds, and the delivery is ahead of its receipt",
    Reason.KEY_UNKNOWN: "the delivery names a key that is not held",
    Reason.KEY_MISSING: "there is no key to verify with",
    Reason.CERTIFICATE_UNTRUSTED: "the certificate's address is not one of the provider's",
    Reason.DIGEST_MISMATCH: "the token is genuine, and was made for another body",
    Reason.CLAIM_MISMATCH: "it is genuine, and meant for another account, topic or audience",
    Reason.BODY_MALFORMED: "the body cannot be read as what the signature needs: JSON or a form",
    Reason.UNVERIFIABLE: "it cannot be verified",
}


@dataclass(frozen=True, slots=True)
class Named:
    """What a valid delivery is about, as it is published."""

    event_type: str
    event_key: str
    payment_ref: str
    type_is_named: bool
    key_is_digest: bool

    @property
    def lines(self) -> tuple[str, ...]:
        """Write it for a person."""
        return (
            f"type {self.event_type}" + ("" if self.type_is_named else " (none named)"),
            f"key {self.event_key}"
            + (" (by digest: no id is named)" if self.key_is_digest else ""),
            f"payment {self.payment_ref or 'none named'}",
        )


@dataclass(frozen=True, slots=True)
class Report:
    """Everything that is told about one request."""

    steps: Sequence[Step]
    verdict: Verdict
    is_proof: bool
    findings: Sequence[Finding]
    identity: Named | None = None
    is_past: bool = False
    """Whether it is valid at the moment it claims, and would be refused now."""

    @property
    def judgement(self) -> str:
        """The verdict in a sentence."""
        if self.verdict.is_other_content:
            return (
                f"NOT VALID ({self.verdict.reason}): the signature holds, and the body is not one "
                "JSON object or array"
            )
        if self.verdict.reason is not None:
            return f"NOT VALID ({self.verdict.reason}): {MEANING[self.verdict.reason]}"
        if not self.is_proof:
            return "TAKEN AS A HINT: nothing is signed, and anybody could have sent this"
        moment = " at the moment it claims" if self.is_past else ""
        return f"VALID{moment}: signed with the key {self.verdict.key_id!r}"


def as_text(report: Report) -> str:
    """Write the report for a person."""
    lines = [*_steps(report), "", *_wrap(report.judgement, "", ""), *_findings(report)]
    return block("\n".join(lines))


def as_json(report: Report) -> str:
    """Write the report for a machine."""
    reason = report.verdict.reason
    return in_json(
        {
            "valid": report.verdict.is_valid,
            "signature_holds": report.verdict.is_signed,
            "reason": None if reason is None else reason.value,
            "key_id": report.verdict.key_id or None,
            "steps": [{"title": step.title, "lines": list(step.lines)} for step in report.steps],
            "findings": [asdict(finding) for finding in report.findings],
            "identity": None if report.identity is None else asdict(report.identity),
        },
        indent=2,
    )


def _steps(report: Report) -> Iterator[str]:
    for number, step in enumerate(report.steps, 1):
        for index, line in enumerate(step.lines):
            head = f"{number}. {step.title}" if index == 0 else ""
            yield from _wrap(line, f"{head:<17}", " " * 19)
    number = len(report.steps) + 1
    for index, line in enumerate(report.identity.lines if report.identity else ()):
        head = f"{number}. Event" if index == 0 else ""
        yield from _wrap(line, f"{head:<17}", " " * 19)


def _findings(report: Report) -> Iterator[str]:
    if report.verdict.is_valid and not report.findings:
        return
    proven = [finding for finding in report.findings if finding.proven]
    seen = [finding for finding in report.findings if not finding.proven]
    for title, listed in (("Found by trying:", proven), ("Seen, and worth a look:", seen)):
        if listed:
            yield from ("", title)
        for finding in listed:
            yield from _wrap(f"{finding.what}  [{finding.name}]", "  * ", "    ")
            yield from _wrap(finding.advice, "    -> ", "       ")
            if finding.line:
                yield f"       as a line of a profile: {finding.line}"


def _wrap(text: str, first: str, others: str) -> list[str]:
    return textwrap.wrap(
        text,
        WIDTH,
        initial_indent=first,
        subsequent_indent=others,
        replace_whitespace=False,
        drop_whitespace=True,
        break_on_hyphens=False,
    )
