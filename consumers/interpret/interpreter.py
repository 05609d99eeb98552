"""Say what an event states: an envelope in, facts or the reason for none out. Pure.

An event is read whole or not at all. Where one place of it cannot be right (an unknown asset, an
amount too fine, a repeated key) no fact is taken from any other place either: a half-read event
could confirm a payment by its status while the amount that contradicts it was the half left out.
The event is kept, an exception is raised, and a better mapping reads it again.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from consumers.exceptions import Code
from consumers.facts import TOTAL_PREFIX, Fact
from consumers.interpret import assets, bodies, mapping
from consumers.interpret.deposits import TransferTold
from consumers.interpret.drift import Drift
from consumers.interpret.table import Table, Told
from consumers.lifecycle import Verdict
from consumers.policy import NO_POLICY, Policy
from consumers.store.deposits import PREFIX as DEPOSIT_PREFIX
from ingress.contract.envelope import UNPARSED_TYPE, Assurance, Envelope

FACTS_MAX = 1000
# Neither proves the content: anybody who has seen one such event can write another.
_HINTS = frozenset({Assurance.D, Assurance.E})


@dataclass(frozen=True, slots=True)
class Finding:
    """An exception that an event is reason for. `subject` is empty where it is the payment."""

    code: Code
    subject: str
    evidence: str


class Interpretation(NamedTuple):
    """What an event states. `verdict` is None where there are facts, which are to be decided on.

    `mapping` names the table that read it, and its version: ``btcpay/3``; of an event that was
    refused, all that were asked. Where there are `deposits` the facts are those of transfers that
    name no payment.
    """

    verdict: Verdict | None
    facts: frozenset[Fact] = frozenset()
    findings: tuple[Finding, ...] = ()
    mapping: str = ""
    deposits: tuple[TransferTold, ...] = ()


@dataclass(frozen=True, slots=True)
class Interpreters:
    """The compiled mappings of all providers, and the policy that judges what they state."""

    tables: Mapping[str, Sequence[Table]]
    policy: Policy = field(default=NO_POLICY, kw_only=True)

    def interpret(self, envelope: Envelope) -> Interpretation:
        """Return what the event states. Raises nothing, whatever the body is."""
        if envelope.assurance in _HINTS:
            return _hint(envelope)
        if envelope.event_type == UNPARSED_TYPE:
            why = "the body is no JSON that can be read"
            return _refuse(Verdict.UNPARSEABLE, Code.SCHEMA_DRIFT, envelope, why)
        word = envelope.event_type
        asked = self.tables.get(envelope.provider, ())
        tables = [table for table in asked if word in table.rules]
        if not tables:
            why = "not in the mapping"
            return _refuse(Verdict.UNKNOWN_TYPE, Code.UNKNOWN_TYPE, envelope, why, asked=asked)
        if not envelope.payment_ref and not any(table.deposits for table in tables):
            why = "the envelope has no payment reference"
            return _refuse(Verdict.UNMATCHED, Code.UNKNOWN_PAYMENT, envelope, why, asked=tables)
        if envelope.payment_ref.startswith(DEPOSIT_PREFIX):
            why = "the reference is written as a deposit's own: no payment may be called so"
            return _refuse(Verdict.UNMATCHED, Code.UNKNOWN_PAYMENT, envelope, why, asked=tables)
        total = f"{TOTAL_PREFIX}{envelope.provider}:{envelope.payment_ref}"
        try:
            body = bodies.read(envelope.body, envelope.content_type)
            table, document = _choose(tables, body, envelope.received_ms)
            tables = [table]
            told = table.tell(word, document, total, envelope.occurred_ms)
            deposits = table.deposits_of(document, told)
            check_size(told)
            check_corridor(self.policy, envelope.provider, told)
        except Drift as drift:
            why, about = str(drift), drift.about
            return _refuse(Verdict.UNPARSEABLE, drift.code, envelope, why, about, asked=tables)
        findings = tuple(Finding(code, "", evidence) for code, evidence in told.raises)
        facts = self.policy.judge(
            envelope.provider, told.facts, told.confirmations, envelope.occurred_ms
        )
        if envelope.untold:
            facts = _untold(facts, envelope.received_ms)
        # What states nothing about a payment is no reason to write one down: a payout, a ping.
        verdict = None if facts else Verdict.APPLIED_NO_CHANGE
        return Interpretation(verdict, facts, findings, table.name, deposits)


def _untold(facts: frozenset[Fact], received_ms: int) -> frozenset[Fact]:
    """Say of the facts of an event without a time of its own that their instant is its receipt.

    What the body itself dates, an entry of a timeline or a transfer, keeps its instant.
    """
    return frozenset(
        fact._replace(untold=True) if fact.at_ms == received_ms else fact for fact in facts
    )


def _hint(envelope: Envelope) -> Interpretation:
    """Take an event for a reason to ask: its signature does not prove what it says."""
    if not envelope.payment_ref:
        return Interpretation(Verdict.HINT)
    why = "the signature does not prove the content: ask the provider for the payment"
    return Interpretation(Verdict.HINT, findings=(Finding(Code.NEEDS_FETCH, "", why),))


def _choose(tables: Sequence[Table], body: Any, received_ms: int) -> tuple[Table, Any]:
    """Return the latest table that was in force and fits, and what it reads. Raises `Drift`."""
    for table in tables:
        document = table.unfold(body)
        if table.reads(document, received_ms):
            return table, document
    raise Drift("no version of the mapping is for this API, or was in force at its receipt")


def load(own: Path | None = None, registry: Path = assets.SHIPPED) -> Interpreters:
    """Read and compile the mappings. Raises `ValueError`, naming the file that is wrong.

    `own` is an installation's folder: its files replace the shipped ones of the same providers,
    and add others.
    """
    known = assets.load(registry)
    told = {**mapping.load(), **({} if own is None else mapping.load(own))}
    return Interpreters(
        {name: tuple(Table.compile(one, known) for one in same) for name, same in told.items()}
    )


def check_size(told: Told) -> None:
    """Refuse an event that states more than any payment has: every later one would weigh it."""
    if len(told.facts) > FACTS_MAX:
        raise Drift(f"the event states {len(told.facts)} facts, more than {FACTS_MAX}")


def check_corridor(policy: Policy, provider: str, told: Told) -> None:
    """Refuse money that the merchant has not opened a way for: nothing of it is lost, or counts."""
    denied = policy.denied(provider, told.facts)
    if denied:
        raise Drift(
            f"{denied} is no corridor of this installation: open it in [[policy.corridor]] and"
            " replay, or return the money",
            Code.UNKNOWN_ASSET,
            denied,
        )


def _refuse(
    verdict: Verdict,
    code: Code,
    envelope: Envelope,
    evidence: str,
    about: str = "",
    asked: Sequence[Table] = (),
) -> Interpretation:
    """Take no fact from the event, and raise an exception about its kind or about `about`."""
    subject = f"{envelope.provider}/{about or envelope.event_type}"
    names = ", ".join(table.name for table in asked)
    return Interpretation(verdict, findings=(Finding(code, subject, evidence),), mapping=names)
