"""Say what a provider's answer states about the payment that it was asked for. Pure.

The bytes of one answer flow in, and what it shows flows out: the same facts as an event of the same
word would state, through the same table, so that a webhook and a read of one thing corroborate each
other. What cannot be read is told as such, and states nothing.
"""

from dataclasses import dataclass
from typing import Any, NamedTuple

from consumers.exceptions import Code
from consumers.facts import TOTAL_PREFIX, Fact
from consumers.interpret import bodies, pointer
from consumers.interpret.drift import Drift
from consumers.interpret.interpreter import (
    Finding,
    Interpreters,
    check_corridor,
    check_size,
)
from consumers.interpret.reading import first
from consumers.interpret.table import Answers, Table
from consumers.store.keys import PaymentKey
from ingress.contract import cloudevents

JSON = "application/json"
# A status that is in no mapping is not repeated: whatever a provider answers with stood there.
UNKNOWN = "unknown"


class Shown(NamedTuple):
    """What an answer shows. `word` is the payment's status, if the mapping has that word.

    `findings` are exceptions that the words themselves are reason for; where nobody can read the
    answer, `is_read` is False and there are no facts.
    """

    word: str
    facts: frozenset[Fact] = frozenset()
    findings: tuple[Finding, ...] = ()
    mapping: str = ""
    at_ms: int = 0
    counts_parts: bool = True
    is_read: bool = True


@dataclass(frozen=True, slots=True)
class _Answered:
    """An answer, taken apart."""

    table: Table
    answers: Answers
    document: Any


def show(interpreters: Interpreters, asked: PaymentKey, body: bytes, fetched_ms: int) -> Shown:
    """Return what the answer shows. Raises nothing, whatever the body is."""
    word = ""
    try:
        found = _open(interpreters, asked, body, fetched_ms)
        told = first(found.document, found.answers.word)
        status = told if isinstance(told, str) and cloudevents.is_attribute(told) else ""
        word = status if status in found.table.rules else UNKNOWN
        return _read(interpreters, asked, found, status, fetched_ms)
    except Drift as drift:
        subject = f"{asked.provider}/{drift.about or word or 'answer'}"
        evidence = f"an answer of the provider: {drift}"
        return Shown(word, findings=(Finding(drift.code, subject, evidence),), is_read=False)


def can_read(interpreters: Interpreters, provider: str) -> bool:
    """Say whether answers of a provider have a mapping."""
    return any(table.answers is not None for table in interpreters.tables.get(provider, ()))


def _open(interpreters: Interpreters, asked: PaymentKey, body: bytes, fetched_ms: int) -> _Answered:
    """Find the table and the part of the document that it reads. Raises `Drift`."""
    whole = bodies.read(body, JSON)
    for table in interpreters.tables.get(asked.provider, ()):
        answers = table.answers
        if answers is None:
            continue
        document = whole if answers.inside is None else pointer.find(whole, answers.inside)
        if document is not None and table.reads(document, fetched_ms):
            return _Answered(table.of_answers(), answers, document)
    raise Drift("no mapping reads this answer, or was in force")


def _read(
    interpreters: Interpreters, asked: PaymentKey, found: _Answered, word: str, fetched_ms: int
) -> Shown:
    """Read the answer by its word. Raises `Drift`."""
    named = first(found.document, found.answers.reference)
    if isinstance(named, bool) or str(named) != asked.reference:
        # Whatever it says, it does not say it of this payment.
        raise Drift("it is about another payment than was asked for", about="reference")
    table = found.table
    if word not in table.rules:
        raise Drift("its status is not in the mapping", Code.UNKNOWN_TYPE, word or "no status")
    told_ms = None if found.answers.at is None else found.answers.at.read(found.document)
    at_ms = fetched_ms if told_ms is None else told_ms
    total = f"{TOTAL_PREFIX}{asked.provider}:{asked.reference}"
    told = table.tell(word, found.document, total, at_ms)
    check_size(told)
    check_corridor(interpreters.policy, asked.provider, told)
    facts = interpreters.policy.judge(asked.provider, told.facts, told.confirmations, at_ms)
    if told_ms is None:
        # When we asked is a bound, and no instant of the provider's.
        facts = frozenset(f._replace(untold=True) if f.at_ms == at_ms else f for f in facts)
    findings = tuple(Finding(code, "", evidence) for code, evidence in told.raises)
    return Shown(word, facts, findings, table.name, at_ms, found.answers.counts_parts)
