"""`sealgate verify`: put the question, judge, and look for the reason.

The flags flow in; the report is printed, and the exit code says whether the request is valid.
"""

import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TextIO

from ingress.contract.envelope import UNPARSED_TYPE
from ingress.delivery import Delivery
from ingress.providers.identity import UNKNOWN_TYPE
from sealgate.explain import capture, hints, last, others, report, steps, times
from sealgate.explain.asked import Question
from sealgate.explain.capture import Capture, Unusable
from sealgate.explain.case import Case, Verdict, decoded
from sealgate.explain.diagnoses import Finding, Search
from sealgate.explain.question import Subject, subject
from sealgate.explain.table import TABLE
from sealgate.plain import plain

VALID = 0
NOT_VALID = 1
UNUSABLE = 2
CAPTURE_BYTES_MAX = 8 * 1024 * 1024


def run(question: Question, environ: Mapping[str, str], now_ms: int, out: TextIO) -> int:
    """Explain one request; return 0 if it is valid, 1 if it is not, 2 if it cannot be examined."""
    try:
        found = explain(question, environ, now_ms)
    except Unusable as wrong:
        print(plain(f"sealgate verify: {wrong}"), file=sys.stderr)
        return UNUSABLE
    print((report.as_json if question.reading.json else report.as_text)(found), file=out)
    return VALID if found.verdict.is_valid else NOT_VALID


def explain(question: Question, environ: Mapping[str, str], now_ms: int) -> report.Report:
    """Judge one request and explain the verdict. Raises `Unusable`."""
    body = None if question.reading.body is None else _bytes(question.reading.body)
    captured = capture.read(_bytes(question.request), body)
    asked = subject(question, environ)
    keys, wrong = decoded(asked.profile, asked.held)
    delivery = _delivery(captured, asked)
    try:
        receipt = times.receipt(asked.profile, delivery, question.reading.at, now_ms)
    except ValueError as mistaken:
        raise Unusable(f"--at: {mistaken}") from None
    delivery = replace(delivery, received_ms=receipt.ms)
    case = Case(asked.profile, delivery, asked.held, tuple(keys), captured.target)
    verdict = case.judge()
    told = [
        steps.request(case, captured.form, captured.notes),
        steps.profile(case, asked.origin),
        steps.signature(case),
        steps.timestamp(case, receipt, now_ms),
        steps.message(case, show_body=question.reading.show_body),
        steps.keys(case, wrong, verdict),
    ]
    findings = diagnose(case, verdict, asked, now_ms)
    past = [*times.past(case, now_ms)] if verdict.is_valid and receipt.is_assumed else []
    return report.Report(
        told,
        verdict,
        asked.profile.is_signed,
        [*past, *findings],
        _identity(case) if verdict.is_valid else None,
        is_past=bool(past),
    )


def diagnose(case: Case, verdict: Verdict, asked: Subject, now_ms: int) -> list[Finding]:
    """Find out why a delivery does not verify; of one that does, tell only what strikes the eye."""
    seen = [*times.judged(verdict), *hints.seen(case, verdict)]
    odd = [*times.units(case, now_ms)]
    if verdict.is_signed:
        return [*odd, *seen]
    profiles = others.loaded()
    guesses = [*seen, *others.resembling(case, profiles)]
    if not case.held:
        return guesses
    search = Search(TABLE)
    proven = [
        *odd,
        *search.one(case),
        *others.neighbours(case, asked.others),
        *others.verifying(case, profiles),
    ]
    if not proven and not any(one.name in hints.FATAL for one in guesses):
        proven = search.two(case)
    if any(one.name == others.OTHERWISE for one in proven):
        guesses = [one for one in guesses if one.name != hints.MISNAMED]
    told = proven or any(one.name in hints.FATAL | hints.ENOUGH for one in guesses)
    return [*proven, *guesses, *([] if told else [last.last_resort(case, verdict)])]


def _delivery(captured: Capture, asked: Subject) -> Delivery:
    return Delivery(
        source="verify",
        method=captured.method,
        query=captured.query,
        headers=captured.headers,
        body=captured.body,
        received_ms=0,
        url=asked.url,
    )


def _identity(case: Case) -> report.Named:
    found = case.profile.identify(case.delivery)
    return report.Named(
        event_type=f"{case.profile.type_prefix}.{found.event_type}",
        event_key=found.event_key,
        payment_ref=found.payment_ref,
        type_is_named=found.event_type not in {UNKNOWN_TYPE, UNPARSED_TYPE},
        key_is_digest=found.event_key.startswith("sha256:"),
    )


def _bytes(path: Path) -> bytes:
    """Read a file, or standard input for ``-``. Raises `Unusable`."""
    try:
        with sys.stdin.buffer if str(path) == "-" else path.open("rb") as file:
            raw = file.read(CAPTURE_BYTES_MAX + 1)
    except OSError as wrong:
        raise Unusable(f"{path}: cannot be read: {wrong.strerror}") from None
    if len(raw) > CAPTURE_BYTES_MAX:
        raise Unusable(f"{path}: larger than {CAPTURE_BYTES_MAX} bytes")
    return raw
