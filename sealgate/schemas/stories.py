"""Shapes of the story of an id, and of one event."""

from collections.abc import Mapping

from consumers.lifecycle import State
from consumers.standing import Posting
from consumers.store.cases import Status
from consumers.store.history import Judgement
from consumers.store.kept import Kept
from consumers.store.port import Cause
from ingress.contract.envelope import Assurance, Mode
from sealgate.schemas.cases import DEPOSIT_MOVE
from sealgate.schemas.payments import AMOUNTS, CODE, EVENT, FACT, PAYMENT
from sealgate.schemas.shapes import (
    Fields,
    Schema,
    const,
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

_KNOWN = "not there where nothing was ever stated"
_BY_A_PERSON = "there where a person's action is known"
_FATE = word("whether it went out", ("delivered", "waiting", "unknown"))
ASSURANCE = word("what its proof is worth; empty for what nobody sent", ("", *Assurance))
STORY_FACT: Fields = {
    **FACT,
    "detail": text("what else it says"),
    "is_at_receipt": truth("whether its instant is that of the receipt, for want of another"),
}
SUMMARY: Fields = {
    "payment": text(PAYMENT),
    "state": maybe(word("null where none was told", State)),
    "kept": maybe(word("why none was told", Kept)),
    "label": maybe(text("the state with its adjectives")),
    "flags": sometimes(_KNOWN, listed("what is true of it beside its state", text("a flag"))),
    "version": text("what --expect-version takes"),
    "moves": number("how often it moved"),
    "since": sometimes(_KNOWN, moment("when it last changed")),
    "posting": sometimes(_KNOWN, word("how it stands to the books", Posting)),
    "amounts": sometimes(_KNOWN, AMOUNTS),
}
_OURS: Fields = {
    "part": text("which part of us stated it, or poll where the provider was asked"),
    "key": sometimes(_BY_A_PERSON, text("the key of the order")),
    "by": maybe(text("who; null where no person did")),
    "role": sometimes(_BY_A_PERSON, text("as what")),
    "approved_by": sometimes(_BY_A_PERSON, text("the second person; empty for none")),
    "action": sometimes(_BY_A_PERSON, text("what was done")),
    "reason": sometimes(_BY_A_PERSON, text("why, in one word")),
    "note": sometimes(_BY_A_PERSON, text("why, in their own words")),
}
RULED: Fields = {
    "type": text("the provider's word"),
    "means_final": word(
        "what its mapping takes it for", ("always", "sometimes", "never", "unknown")
    ),
    "policy_row": maybe(number("the row of the policy, from 1; null where none fits")),
    "line": maybe(number("the line of the file that it stands in")),
    "row": maybe(text("the row as written")),
    "rule": text("trust_provider, never, or a number of confirmations"),
    "untold": listed("what the event does not tell, and a row asks for", text("a name")),
    "says": text("the whole of it in a sentence"),
}
_PROOF: Fields = {
    "source": text("the source's URI; of what nobody sent, which part of us"),
    "key": text("the id of the key that proved it; empty for none"),
    "scheme": text("how it was signed; empty where that is not known"),
    "assurance": ASSURANCE,
    "mode": word("what it says of itself", Mode),
    "signed_at": maybe(moment("when the provider signed it, where it says so")),
    "late_verified_at": maybe(moment("when it was verified, where that was late")),
    "correlation_id": text("finds the whole story"),
    "body_digest": text("of the body"),
    "position": text("topic/partition/offset in the log"),
    "verdict": text("what came of it; `sealgate glossary` tells each"),
    "mapping": text("the table, and its version, that read it; empty where none did"),
}
_NOT_FINAL = listed(
    "what the provider may have called final, and the policy takes for seen",
    shape("one word", RULED),
)
_ENTRIES: Mapping[str, Fields] = {
    "event": {
        "event": text(EVENT),
        "is_asked": truth("whether it is what was asked for"),
        "type": text("the provider's own word"),
        **_PROOF,
        "facts": listed(
            "what it stated",
            shape("one fact", {**STORY_FACT, "is_first": truth("whether it was news")}),
        ),
        "ours": maybe(ref("Ours", "who of us stated it; null where a provider sent it")),
        "not_final": _NOT_FINAL,
    },
    "buried": {
        "position": text("topic/partition/offset in the log"),
        "reason": text("why it was given up on"),
    },
    "transition": {
        "before": maybe(word("the state that it left; null of the first", State)),
        "after": word("the state that it led to", State),
        "version": number("which move it is"),
        "cause": word("what brought the facts", Cause),
        "event": text(EVENT),
        "mapping": text("the table that read the event"),
        "policy": text("the policy that weighed it"),
        "correlation_id": text("finds the whole story"),
        "notice": text("the id of the notice about it"),
        "notice_is": _FATE,
    },
    "exception_opened": {
        "number": number("its number"),
        "exception": text("its id"),
        "code": text(CODE),
        "subject": text("what it is about"),
        "severity": number("1 to 4"),
        "owner": maybe(text("who answers for it; null for a code of another version")),
        "ends_by": maybe(text("what ends it")),
        "evidence": text("what is the matter"),
        "times": number("how often it was raised"),
        "status": word("how it is worked", Status),
        "assignee": text("who has it; empty for nobody"),
        "event": maybe(text(EVENT)),
    },
    "exception_closed": {
        "number": number("its number"),
        "exception": text("its id"),
        "code": text(CODE),
        "subject": text("what it is about"),
        "resolution": text("how it ended"),
        "reason": text("why, in one word; empty where it ended by itself"),
        "by": text("who; empty where it ended by itself"),
        "approved_by": text("the second person; empty for none"),
    },
    "action": {
        "name": text("what was done"),
        **{
            name: text(told)
            for name, told in {
                "key": "the key of the order",
                "by": "who",
                "role": "as what",
                "approved_by": "the second person; empty for none",
                "reason": "why, in one word",
                "note": "why, in their own words",
                "detail": "what it was about, as kept",
            }.items()
        },
    },
    "deposit_move": {**DEPOSIT_MOVE, "deposit": text("the deposit")},
    "mark": {
        "event": text(EVENT),
        "judgement": word("what was said of it", Judgement),
        "by": text("who"),
        "reason": text("why"),
    },
}
_HOLD_NOTICE: Fields = {
    "kind": {"const": "hold_notice", "description": "a hold alone"},
    "is_placed": truth("whether it began or ended"),
    "recorded_at": moment("when it was written"),
    "state": word("the state, which stayed", State),
    "version": number("the payment's, which stayed"),
    "holds": listed("which are on then", text("a kind of hold")),
    "cause": word("what brought the facts", Cause),
    "event": text("the id of the event"),
    "effect_key": maybe(text("where goods may leave then")),
    "correlation_id": text("finds the whole story"),
    "notice": text("its id"),
    "notice_is": _FATE,
}
_AT: Fields = {"at": moment("when")}


def _entry(kind: str, fields: Fields) -> Schema:
    """Return the shape of one kind of thing that happened."""
    return shape(
        f"Something that happened: {kind.replace('_', ' ')}.",
        {**_AT, "kind": {"const": kind, "description": "which"}, **fields},
    )


TOLD_MOVE: Fields = {
    "version": number("which move it is"),
    "cause": word("what brought the facts", Cause),
    "before": maybe(word("the state that it left; null of the first", State)),
    "after": word("the state that it led to", State),
    "at": moment("when"),
    "notice": _FATE,
}
_BY_THIS = {"by_this_event": truth("whether the event that was asked for did it")}
DEFS: Mapping[str, Schema] = {
    "StoryFact": shape("What was stated.", STORY_FACT),
    "Ours": shape("Who stated an event that no provider sent.", _OURS),
    "HoldNotice": shape("What was told of a hold.", _HOLD_NOTICE),
    "Trace": shape(
        "The whole story of what an id stands for.",
        {
            "format": const("sealgate.trace/1"),
            "environment": text("the environment"),
            "asked": text("what was asked for, as typed"),
            "found_by": text("what that is: an event, a payment, a place in the log"),
            "also": listed("what it stands for besides", text("in words")),
            "payment": maybe(
                shape(
                    "how the payment stands; null where it is about none",
                    {
                        **SUMMARY,
                        "deposit": maybe(
                            shape("of a deposit, what was decided last", DEPOSIT_MOVE)
                        ),
                    },
                )
            ),
            "entries": {
                "type": "array",
                "description": "what happened, in the order of time",
                "items": {
                    "oneOf": [
                        *(_entry(kind, fields) for kind, fields in _ENTRIES.items()),
                        shape("Something that was told of a hold.", {**_AT, **_HOLD_NOTICE}),
                    ]
                },
            },
        },
    ),
    "Event": shape(
        "One event, what it stated and moved, and what people said of it.",
        {
            "format": const("sealgate.event/1"),
            "event": text(EVENT),
            "type": text("the provider's own word"),
            "ours": maybe(ref("Ours", "who of us stated it; null where a provider sent it")),
            **_PROOF,
            "received_at": moment("when it was received"),
            "not_final": _NOT_FINAL,
            "marks": listed(
                "what people said of it",
                shape(
                    "one mark",
                    {
                        "judgement": word("what", Judgement),
                        "by": text("who"),
                        "at": moment("when"),
                        "reason": text("why"),
                    },
                ),
            ),
            "payment": maybe(
                shape(
                    "the payment that it is about; null for none",
                    {
                        "payment": text(PAYMENT),
                        "state": maybe(word("null where nothing was stated", (*State, *Kept))),
                        "version": number("how often it moved"),
                        "value": listed("what stands, by asset", ref("Amount")),
                    },
                )
            ),
            "statements": listed(
                "what was stated about that payment",
                shape(
                    "one fact",
                    {
                        **FACT,
                        "event": text(EVENT),
                        **_BY_THIS,
                        "is_first": truth("whether it was news"),
                    },
                ),
            ),
            "transitions": listed(
                "how that payment moved",
                shape("one move", {**TOLD_MOVE, "event": text(EVENT), **_BY_THIS}),
            ),
        },
    ),
}
