"""Shapes of payments, of what people order about them, and of what was stated."""

from collections.abc import Mapping

from consumers.actions import Act, Approval, Role
from consumers.facts import FactKind
from consumers.lifecycle import State
from consumers.standing import Posting
from consumers.store.kept import Kept
from consumers.store.port import Cause
from sealgate.schemas.shapes import (
    Fields,
    Schema,
    const,
    digits,
    listed,
    maybe,
    moment,
    number,
    ref,
    shape,
    sometimes,
    text,
    truth,
    word,
)

PAYMENT = "provider/account/reference"
EVENT = "provider/account/id of the event"
CODE = "the exception's code; `sealgate glossary` tells each"
_NOT_REPEATED = "not there where it was done before"
_SUMS = {
    "asked": "what the payer was asked for",
    "detected": "what was seen and stands",
    "confirmed": "what is final",
    "refunded": "what was given back",
    "posted": "what is in the books",
}
_MILESTONES = (
    *("detected", "confirmed", "settled", "expired", "cancelled", "failed"),
    *("reversed", "refunded", "posted"),
)
AMOUNTS = shape(
    "amounts by what they are; each by asset",
    {name: listed(told, ref("Amount")) for name, told in _SUMS.items()},
)
FACT: Fields = {
    "kind": word("what is stated", FactKind),
    "transfer": text("what of: a transfer, a refund, a posting; empty where it is the payment"),
    "asset": text("of which asset; empty where no amount is told"),
    "atomic": maybe(digits("how much, in the asset's smallest unit")),
    "decimals": maybe(number("how many of the digits are decimals; null where nobody knows")),
    "whole": truth("whether the provider says that it is all that was asked for"),
    "late": truth("whether the provider says that it came late"),
    "at": maybe(moment("when it happened; null where that is not told")),
    "expires_at": maybe(moment("until when money was asked for")),
}
HEAD: Fields = {
    "action": word("what was ordered", Act),
    "key": text("the key that it was ordered under: the same again is done once"),
    "is_repeat": truth("whether it was done before under this key"),
    "is_dry_run": truth("whether nothing was to be written"),
    "is_written": truth("whether anything was written now"),
}
"""The beginning of the answer to every order."""


def outcome(told: str) -> Schema:
    """Return the shape of the codes of exceptions, sorted."""
    return listed(told, text(CODE))


_STANDING: Fields = {
    "payment": text(PAYMENT),
    "label": text("the state with its adjectives, for people"),
    "state": word(
        "the state; Parked and Deposit are those of which nobody was told one", (*State, *Kept)
    ),
    "flags": listed("what is true of it beside its state", text("a flag, of `sealgate glossary`")),
    "version": text(
        "what --expect-version takes: moves and facts, such as 2.5f0c11aa",
        pattern="^[0-9]+([.][0-9a-f]{8})?$",
    ),
    "moves": number("how often it moved"),
    "since": moment("when it last changed"),
}
_LINE: Fields = {
    "payment": text(PAYMENT),
    "state": _STANDING["state"],
    "version": _STANDING["version"],
    "moves": _STANDING["moves"],
    "since": _STANDING["since"],
    "created_at": moment("when it was first heard of"),
    "label": _STANDING["label"],
    "flags": _STANDING["flags"],
    "amounts": AMOUNTS,
}
_PAYMENT: Fields = {
    **_STANDING,
    "posting": word("how it stands to the books", Posting),
    "amounts": AMOUNTS,
    "milestones": shape(
        "when it first was so; null where it was not",
        {name: maybe(moment(f"when it was {name}")) for name in _MILESTONES},
    ),
}
_MOVE: Fields = {
    "version": number("which move it is, from 1"),
    "before": maybe(word("the state that it left; null of the first", State)),
    "after": word("the state that it led to", State),
    "at": moment("when it was written"),
    "cause": word("what brought the facts", Cause),
    "event": text(EVENT),
    "mapping": text("the table, and its version, that read the event; empty where none did"),
    "policy": text("the version of the policy that weighed it; empty where there was none"),
}
_ACTION: Fields = {
    "action": text("what was done, by the name that it is kept under"),
    "command": text("what is typed for it"),
    "at": moment("when"),
    "by": text("who"),
    "role": text("as what"),
    "approved_by": text("the second person; empty where there was none"),
    "reason": text("why, in one word"),
    "note": text("why, in their own words"),
    "detail": text("what it was about, as kept: mostly JSON"),
    "about": text("the same for people"),
    "key": text("the key that it was ordered under"),
    "is_withdrawn": truth("whether it was taken back"),
}
_CHOICE: Fields = {
    "action": word("what can be done now", Act),
    "command": text("what is typed for it"),
    "meaning": text("what it does"),
    "roles": listed("who may; empty is anybody", word("a role", Role)),
    "second_person": word(
        "when a second person has to agree; empty is never",
        ("", *(one for one in Approval if one is not Approval.NEVER)),
    ),
}
_ORDER: Fields = {
    "format": const("sealgate.payment-order/1"),
    **HEAD,
    "payment": text(PAYMENT),
    "before": maybe(ref("Payment", "how it stood")),
    "after": maybe(ref("Payment", "how it stands then")),
    "made": sometimes(
        _NOT_REPEATED,
        listed("payments that begin with it, such as a new reference", text(PAYMENT)),
    ),
    "notice": sometimes(
        _NOT_REPEATED, maybe(text("the type of the notice that downstream hears; null for none"))
    ),
    "raised": sometimes(_NOT_REPEATED, outcome("exceptions that begin")),
    "resolved": sometimes(_NOT_REPEATED, outcome("exceptions that end")),
    "holds": sometimes(_NOT_REPEATED, listed("holds that are on then", text("kind of hold"))),
}
_WITHDRAWAL: Fields = {
    "format": const("sealgate.withdrawal/1"),
    **HEAD,
    "withdrawn": ref("Action", "the command that is taken back"),
    "payment": text(PAYMENT),
    "meanwhile": listed(
        "what downstream was told since the command, which people must follow up",
        shape(
            "one notice",
            {
                "version": number("of the payment"),
                "notice": text("its type"),
                "at": moment("when it was written"),
                "fate": word("whether it went out", ("delivered", "waiting", "unknown")),
            },
        ),
    ),
    **{name: _ORDER[name] for name in ("before", "after", "notice", "raised", "resolved", "holds")},
}
_EXPECTED: Fields = {
    "line": sometimes(
        "there where announcements are read from standard input", number("which line of the input")
    ),
    "format": const("sealgate.payment-expected/1"),
    "payment": text(PAYMENT),
    "is_repeat": HEAD["is_repeat"],
    "is_dry_run": HEAD["is_dry_run"],
    "is_written": HEAD["is_written"],
    "was_parked": truth("whether events of it had waited for the announcement"),
    "state": maybe(word("the state then", State)),
    "version": maybe(_STANDING["version"] if isinstance(_STANDING["version"], dict) else {}),
}
_POSTED_LINE: Fields = {
    "line": number("which line of the file"),
    "payment": text("as the file says it"),
    "posting": text("as the file says it"),
    "outcome": word("what became of it", ("written", "repeat", "refused")),
    "raised": outcome("exceptions that begin"),
    "error": sometimes("there where it was refused", text("why, as a code")),
    "message": sometimes("there where it was refused", text("why, and what to do")),
}
DEFS: Mapping[str, Schema] = {
    "Amount": shape(
        "An amount of one asset, exact.",
        {
            "asset": text("as the registry names it, with its network behind an @"),
            "atomic": digits("digits of the smallest unit"),
            "decimals": maybe(number("how many of them are decimals; null where nobody knows")),
        },
    ),
    "Fact": shape("What was stated.", FACT),
    "Payment": shape("How a payment stands.", _PAYMENT),
    "PaymentLine": shape("A payment in a list.", _LINE),
    "Move": shape("One move of a payment.", _MOVE),
    "Statement": shape(
        "A fact, and who stated it.",
        {
            **FACT,
            "detail": text("what else the fact says, such as a block"),
            "event": text(EVENT),
            "is_first": truth("whether this event was the first to state it"),
            "is_void": truth("whether the event was taken back, so that it does not count"),
        },
    ),
    "Action": shape("What a person did.", _ACTION),
    "Choice": shape("What can be decided now.", _CHOICE),
    "Payments": shape(
        "A page of payments.",
        {
            "format": const("sealgate.payments/1"),
            "payments": listed("the latest changed first", ref("PaymentLine")),
            "next": maybe(text("what --after takes for the next page; null at the end")),
        },
    ),
    "PaymentShown": shape(
        "One payment with all that is decided upon.",
        {
            "format": const("sealgate.payment/1"),
            **_PAYMENT,
            "facts": listed("what was stated, in the order of its coming", ref("Statement")),
            "transitions": listed("its history", ref("Move")),
            "exceptions": listed("open ones first", ref("Exception")),
            "actions": listed("what people did", ref("Action")),
            "choices": listed("what can be decided now", ref("Choice")),
        },
    ),
    "PaymentOrder": shape("What follows from an order.", _ORDER),
    "Withdrawal": shape("What follows from taking a command back.", _WITHDRAWAL),
    "Expected": shape("What became of an announcement.", _EXPECTED),
    "RefusedLine": shape(
        "An announcement of standard input that was refused; the others go on.",
        {
            "line": number("which line of the input"),
            "error": text("why, as a code"),
            "message": text("why, and what to do"),
        },
    ),
    "Postings": shape(
        "What became of every line of a file.",
        {
            "format": const("sealgate.postings/1"),
            "is_dry_run": HEAD["is_dry_run"],
            "counts": shape(
                "how many lines",
                {name: number(f"were {name}") for name in ("written", "repeat", "refused")},
            ),
            "lines": listed("in the order of the file", shape("one line", _POSTED_LINE)),
        },
    ),
    "Refused": shape(
        "Why nothing was done; the exit code is not 0.",
        {
            "error": text("a code that is the same for ever; `sealgate glossary` tells each"),
            "message": text("why, and what to do"),
        },
    ),
}
