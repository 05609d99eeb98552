"""What is claimed of a gateway, and how each claim is proven: one table. Pure.

Every claim has a section, a sentence that can be false, the way in which it is looked at, and the
command with which anybody looks again. Two kinds of proof are told apart, and named in the report:
what this gateway's own log and database show, and what a throw-away gateway with the same sources
did when it was attacked. Who looks hands in a `Finding`; what nobody looked at is not proven.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple


class Section(StrEnum):
    """The five parts of an acceptance report; there are no others."""

    SIGNATURES = "signature_verification"
    IDEMPOTENCY = "idempotency"
    LIFECYCLE = "lifecycle_transitions"
    EXCEPTIONS = "exception_handling"
    REFERENCES = "reporting_references"


class Proof(StrEnum):
    """Where the proof is taken from."""

    RECORDS = "records"  # this gateway's own log and database
    SELF_TEST = "self_test"  # a throw-away gateway with the same sources, policy and mappings


class Verdict(StrEnum):
    """What became of a claim."""

    PROVEN = "proven"
    NOT_YET = "not_proven_yet"  # nothing contradicts it, and there is not enough to show it
    FAILED = "failed"


class Claim(NamedTuple):
    """One claim. `name` is for ever; `repeat` is what looks again, in the words of a shell.

    `tables` are those of whose rows it is proven: what the audit chain says of these has to hold.
    """

    name: str
    section: Section
    proof: Proof
    says: str
    how: str
    repeat: str
    tables: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found of one claim: the verdict, what was looked at, and what is missing or wrong.

    `why` says what to do about it; it is empty of what is proven.
    """

    name: str
    verdict: Verdict
    looked_at: tuple[tuple[str, str], ...] = ()
    why: str = ""


UNSEEN = "nobody looked at it"
_S, _P = Section, Proof
_AGAIN = "sealgate evidence"

CLAIMS: tuple[Claim, ...] = (
    Claim(
        "verified-deliveries",
        _S.SIGNATURES,
        _P.RECORDS,
        "Every source that signs has delivered, and a named key proved each of its events.",
        "all events of the database, counted by source, key and assurance",
        "sealgate keys status SOURCE",
        ("event",),
    ),
    Claim(
        "refusals-kept",
        _S.SIGNATURES,
        _P.RECORDS,
        "What did not verify was refused, and is kept with its reason, to be verified again.",
        "the latest deliveries of the quarantine, counted by source and reason",
        "sealgate quarantine list",
    ),
    Claim(
        "verified-again",
        _S.SIGNATURES,
        _P.RECORDS,
        "What the log holds verifies again, offline, with the keys that are configured.",
        "the latest records of the log, each put together again and verified as of its receipt",
        "sealgate tail --verify",
    ),
    Claim(
        "genuine-accepted",
        _S.SIGNATURES,
        _P.SELF_TEST,
        "A delivery signed with the source's key is accepted, and the key that proved it is named.",
        "one genuine delivery for each profile, over HTTP; its record in the log names the key",
        _AGAIN,
    ),
    Claim(
        "forgeries-refused",
        _S.SIGNATURES,
        _P.SELF_TEST,
        "A forged, altered, unsigned, wrongly signed or stale delivery is refused, and reaches no"
        " topic of verified events.",
        "each attack that the profile's way of signing can express, over HTTP; the log read after",
        _AGAIN,
    ),
    Claim(
        "one-row-each",
        _S.IDEMPOTENCY,
        _P.RECORDS,
        "An event that was delivered again is one row, of its first place in the log.",
        "the latest records of the log; each event among them twice is looked up in the database",
        "sealgate trace EVENT",
        ("event",),
    ),
    Claim(
        "moved-once",
        _S.IDEMPOTENCY,
        _P.RECORDS,
        "No event has moved a payment twice.",
        "all transitions that an event caused, grouped by event and payment",
        "sealgate payments show PAYMENT",
        ("event", "transition"),
    ),
    Claim(
        "repetitions-change-nothing",
        _S.IDEMPOTENCY,
        _P.SELF_TEST,
        "The same event, sent again, several times at once and byte for byte, changes nothing.",
        "every genuine delivery three times more, two of them at once; rows and moves counted",
        _AGAIN,
    ),
    Claim(
        "declared-transitions",
        _S.LIFECYCLE,
        _P.RECORDS,
        "Every transition ever written is one of the declared table, or a correction by people.",
        "all transitions, counted by their ends and cause, held against the table",
        "sealgate payments show PAYMENT",
        ("transition",),
    ),
    Claim(
        "connected-histories",
        _S.LIFECYCLE,
        _P.RECORDS,
        "Each transition begins where the one before it ended, and the last one is the state.",
        "all transitions and payments, each joined with the one before",
        "sealgate trace PAYMENT",
        ("payment", "transition"),
    ),
    Claim(
        "states-from-facts",
        _S.LIFECYCLE,
        _P.RECORDS,
        "A payment's state is what its facts prove: computed anew, it is the same.",
        "the payments that changed last, reduced again under the policy in force",
        "sealgate why PAYMENT",
        (
            "anomaly",
            "deposit",
            "deposit_move",
            "event",
            "fact",
            "mark",
            "payment",
            "reading",
            "restatement",
            "retraction",
        ),
    ),
    Claim(
        "audit-chain",
        _S.LIFECYCLE,
        _P.RECORDS,
        "History was not rewritten: chains are whole, checkpoints agree, tables say what they say.",
        "every entry of every chain hashed again and held against the checkpoints, and every row of"
        " every table held against the entries, as of one moment",
        "sealgate audit verify",
    ),
    Claim(
        "any-order",
        _S.LIFECYCLE,
        _P.SELF_TEST,
        "The order of arrival does not matter: the same events, reversed, end in the same state.",
        "a payment told in order and one told backwards, for each provider with sample events",
        _AGAIN,
    ),
    Claim(
        "exceptions-closed-by-name",
        _S.EXCEPTIONS,
        _P.RECORDS,
        "Exceptions are raised, and whoever ended one by hand gave a name and a reason.",
        "all exceptions ever raised, counted by code, status and who ended them",
        "sealgate exceptions list",
        ("anomaly", "operator_action"),
    ),
    Claim(
        "nothing-severe-open",
        _S.EXCEPTIONS,
        _P.RECORDS,
        "No exception of severity 1 is open.",
        "all open exceptions, counted by code and severity",
        "sealgate exceptions list",
        ("anomaly",),
    ),
    Claim(
        "drills-passed",
        _S.EXCEPTIONS,
        _P.RECORDS,
        "Each failure drill was played with this version, passed, and was written down.",
        "the drills in the audit log: the last of each, with the digest of its evidence sheet",
        "sealgate drill NAME --output DIRECTORY; sealgate audit drill DIRECTORY/evidence.json",
        ("operator_action",),
    ),
    Claim(
        "unreadable-becomes-work",
        _S.EXCEPTIONS,
        _P.SELF_TEST,
        "An event that verifies and cannot be read moves nothing, and becomes work for people.",
        "a well signed delivery with broken JSON; the exceptions that it raised",
        _AGAIN,
    ),
    Claim(
        "shortfall-opens-and-closes",
        _S.EXCEPTIONS,
        _P.SELF_TEST,
        "Money that falls short raises an exception, and facts end it once the rest has come.",
        "a payment underpaid and then topped up; its exception before and after",
        _AGAIN,
    ),
    Claim(
        "moves-name-events",
        _S.REFERENCES,
        _P.RECORDS,
        "Each move of a payment names the event that caused it, by key and correlation id.",
        "all transitions that an event caused, joined with the events",
        "sealgate trace CORRELATION-ID",
        ("event", "transition"),
    ),
    Claim(
        "notices-told",
        _S.REFERENCES,
        _P.RECORDS,
        "Of each transition there is a notice for the services downstream.",
        "all transitions, held against the outbox",
        "sealgate trace NOTICE-ID",
        ("notice", "transition"),
    ),
    Claim(
        "postings-joined",
        _S.REFERENCES,
        _P.RECORDS,
        "Each posting that finance acknowledged belongs to a payment that is there.",
        "all postings, joined with the payments",
        "sealgate payments show PAYMENT",
        ("fact", "payment", "restatement", "retraction"),
    ),
    Claim(
        "one-correlation-id",
        _S.REFERENCES,
        _P.SELF_TEST,
        "One correlation id runs from the answer over the record and the row to the notice.",
        "the answer to each genuine delivery, its record, its event, its move and its notice",
        _AGAIN,
    ),
)
NAMED = {claim.name: claim for claim in CLAIMS}
