"""Shapes of exceptions, of deposits, of the report of ages, and of the freeze."""

from collections.abc import Mapping

from consumers.ageing import BUCKETS
from consumers.store.cases import Status
from consumers.store.deposits import DepositState
from sealgate.schemas.payments import CODE, EVENT, HEAD, PAYMENT, outcome
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

_AGES = [one.name for one in BUCKETS]
_NEXT = maybe(text("what --after takes for the next page; null at the end"))
_ITEM: Fields = {
    "exception": text("its id", pattern="^ex-[0-9]+$"),
    "code": text(CODE),
    "subject": text("what it is about: a payment, a deposit, a source"),
    "severity": number("1 pages somebody, 4 is for this week", minimum=1, maximum=4),
    "status": word("how it is worked", Status),
    "owner": text("who answers for its code; empty for a code of another version"),
    "assignee": text("who has it; empty for nobody"),
    "next_check_at": maybe(moment("when to look again")),
    "opened_at": moment("when it was raised"),
    "last_at": moment("when it was last told of"),
    "age": word("how old it is, or was at its end", _AGES),
    "crosses_period_end": truth("whether it began in an earlier month"),
    "times": number("how often it was raised"),
    "reopened": number("how often it was opened again"),
    "version": number("what --expect-version takes"),
    "at_risk": maybe(ref("Amount", "the money that it is about")),
    "evidence": text("what is the matter, in a sentence"),
    "event": maybe(text(EVENT)),
    "closed_at": maybe(moment("when it ended")),
    "resolution": maybe(text("how it ended")),
    "resolution_code": maybe(text("the reason in one word")),
    "resolved_by": maybe(text("who ended it; empty where it ended by itself")),
    "approved_by": maybe(text("the second person")),
}
_ITEM_SHOWN: Fields = {
    **_ITEM,
    "later_evidence": listed(
        "what was told of it later",
        shape(
            "one telling",
            {
                "evidence": text("a sentence"),
                "event": maybe(text(EVENT)),
                "at": moment("when"),
            },
        ),
    ),
    "actions": listed("what people did", ref("Action")),
    "how_it_is_worked": text("what ends it; empty for a code of another version"),
}
_AFTER: Fields = {
    **_ITEM,
    **{name: {"const": [], "description": "empty"} for name in ("later_evidence", "actions")},
    "how_it_is_worked": {"const": "", "description": "empty"},
}
_DEPOSIT: Fields = {
    "deposit": text("provider/account/deposit:transfer"),
    "state": word("what was decided", DepositState),
    "version": number("what --expect-version takes"),
    "since": moment("when that was decided, or it was first seen"),
    "first_seen": moment("when it was first seen"),
    "amounts": listed("what stands, by asset", ref("Amount")),
    "is_final": truth("whether all that stands is final"),
    "is_removed": truth("whether nothing of it stands any more"),
    "network": text("of the transfer; empty where it is not told"),
    "transaction": text("its id on the network"),
    "to": text("the address that got it"),
    "from": text("the address that sent it"),
    "memo": text("what was written on it"),
    "names": text("the payment that the event names; empty for none"),
    "payment": maybe(text("the payment that it was matched with")),
    "event": text(EVENT),
}
DEPOSIT_MOVE: Fields = {
    "version": number("of the deposit, from 1"),
    "state": word("what was decided", DepositState),
    "payment": maybe(text(PAYMENT)),
    "at": moment("when"),
    "event": text(EVENT),
    "why": {
        "anyOf": [listed("payments that it may be for", ref("Candidate")), {"type": "object"}],
        "description": "what spoke for it: where it is Proposed a list, else what was ordered",
    },
}
_ROW: Fields = {
    "code": sometimes("there where --by has it", text(CODE)),
    "bucket": sometimes("there where --by has it", word("the age", _AGES)),
    "asset": sometimes("there where --by has it", text("the asset; empty where none is known")),
    "network": sometimes("there where --by has asset", text("the asset's network; mostly empty")),
    "atomic": sometimes(
        "there where --by has asset", maybe(digits("the sum at risk; null where none is known"))
    ),
    "decimals": sometimes("there where --by has asset", maybe(number("of these digits"))),
    "count": number("how many exceptions"),
    "without_amount": number("of how many no amount is known"),
    "crosses_period_end": number("how many are of before the period"),
    "oldest": moment("when the oldest was raised"),
}
_WORD_ON_FREEZE: Fields = {
    "is_on": truth("whether it freezes or clears"),
    "reason": text("why"),
    "by": text("who"),
    "role": text("as what; empty where it was not said"),
    "approved_by": text("the second person; empty where there was none"),
    "at": moment("when"),
}
DEFS: Mapping[str, Schema] = {
    "Candidate": shape(
        "A payment that a deposit may be for.",
        {
            "payment": text(PAYMENT),
            "score": text("from 0.00 to 1.00", pattern="^[01][.][0-9]{2}$"),
            "reasons": listed("what speaks for it", text("a reason")),
        },
    ),
    "Exception": shape("An exception: work for people.", _ITEM),
    "Exceptions": shape(
        "A page of exceptions.",
        {
            "format": const("sealgate.exceptions/1"),
            "exceptions": listed("the most severe and the oldest first", ref("Exception")),
            "next": _NEXT,
        },
    ),
    "ExceptionShown": shape(
        "One exception with all that was told and done.",
        {"format": const("sealgate.exception/1"), **_ITEM_SHOWN},
    ),
    "ExceptionOrder": shape(
        "What follows from an order about an exception.",
        {
            "format": const("sealgate.exception-order/1"),
            **HEAD,
            "before": ref("Exception"),
            "after": shape("how it stands then; of the last three, nothing is told here", _AFTER),
        },
    ),
    "Ageing": shape(
        "How old the queue is, and what it is worth.",
        {
            "format": const("sealgate.ageing/1"),
            "environment": text("the environment"),
            "as_of": moment("the instant that it is of"),
            "period_begins": moment("when the accounting month began"),
            "by": listed("what the rows are by", word("a dimension", ("code", "bucket", "asset"))),
            "open": number("how many exceptions were open"),
            "crosses_period_end": number("how many of them are of before the period"),
            "rows": listed("alike ones together", shape("one row", _ROW)),
            "closed": shape(
                "what ended meanwhile",
                {
                    "from": moment("from when on"),
                    "to": moment("until when"),
                    "codes": listed(
                        "by code",
                        shape(
                            "one code",
                            {
                                "code": text(CODE),
                                "by_itself": number("ended by facts"),
                                "by_people": number("ended by people"),
                                "by_itself_percent": number("share of the first", maximum=100),
                            },
                        ),
                    ),
                },
            ),
        },
    ),
    "Deposit": shape("Money that names no payment.", _DEPOSIT),
    "Deposits": shape(
        "A page of deposits.",
        {
            "format": const("sealgate.deposits/1"),
            "deposits": listed("the latest seen first", ref("Deposit")),
            "next": _NEXT,
        },
    ),
    "DepositShown": shape(
        "One deposit with all that is decided upon.",
        {
            "format": const("sealgate.deposit/1"),
            **_DEPOSIT,
            "facts": listed("what was stated", ref("Statement")),
            "history": listed("what was decided", shape("one decision", DEPOSIT_MOVE)),
            "candidates": listed(
                "payments that it may be for, the likeliest first",
                ref("Candidate"),
            ),
            "exceptions": listed("open ones about it", ref("Exception")),
        },
    ),
    "DepositOrder": shape(
        "What follows from an order about a deposit.",
        {
            "format": const("sealgate.deposit-order/1"),
            **HEAD,
            "deposit": text("provider/account/deposit:transfer"),
            "state_before": maybe(word("what was decided; null of a repeat", DepositState)),
            "state": maybe(word("what is decided then; null of a repeat", DepositState)),
            "version": maybe(number("its version then; null of a repeat")),
            "payment": maybe(text(PAYMENT)),
            "before": maybe(ref("Payment", "how that payment stood")),
            "after": maybe(ref("Payment", "how that payment stands then")),
            "raised": outcome("exceptions that begin"),
            "resolved": outcome("exceptions that end"),
        },
    ),
    "FreezeOrder": shape(
        "The word that was said.", {"format": const("sealgate.freeze-order/1"), **_WORD_ON_FREEZE}
    ),
    "Freeze": shape(
        "Whether all is frozen.",
        {
            "format": const("sealgate.freeze/1"),
            "is_frozen": truth("whether it is"),
            "words": listed(
                "what was said, the last word first", shape("one word", _WORD_ON_FREEZE)
            ),
        },
    ),
}
