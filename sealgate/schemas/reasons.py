"""Shapes of why a payment is in its state: the rule, the numbers, the facts, who stated them."""

from collections.abc import Mapping

from consumers.lifecycle import State
from consumers.store.cases import Status
from sealgate.schemas.payments import CODE, EVENT
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
from sealgate.schemas.stories import ASSURANCE, RULED, STORY_FACT, SUMMARY

_RECORDED = "not there where the event itself is not known"
_STATED_BY: Fields = {
    "event": text(EVENT),
    "is_void": truth("whether it was taken back"),
    "is_ours": truth("whether no provider sent it"),
    "mapping": maybe(text("the table that read it; null where nobody knows")),
    "ours": sometimes(
        _RECORDED, maybe(ref("Ours", "who of us stated it; null where a provider sent it"))
    ),
    "type": sometimes(_RECORDED, text("the provider's own word")),
    "verdict": sometimes(_RECORDED, text("what came of it")),
    "received_at": sometimes(_RECORDED, moment("when it was received")),
    "key": sometimes(_RECORDED, text("the id of the key that proved it")),
    "source": sometimes(_RECORDED, text("where it came from")),
    "assurance": sometimes(_RECORDED, ASSURANCE),
    "body_digest": sometimes(_RECORDED, text("of the body")),
    "correlation_id": sometimes(_RECORDED, text("finds the whole story")),
}
_WHY: Fields = {
    "format": const("sealgate.why/1"),
    "environment": text("the environment"),
    "payment": shape("how it stands", SUMMARY),
    "proven": word("the state that the facts prove", State),
    "rule": number("the rule that says so", minimum=1),
    "checks": listed(
        "the rules in their order, until one holds",
        shape(
            "one rule",
            {
                "rule": number("its number", minimum=1),
                "name": text("the state that it gives"),
                "says": text("what it asks"),
                "holds": truth("whether it holds"),
                "why": text("why, in numbers"),
            },
        ),
    ),
    "numbers": shape(
        "what was weighed",
        {
            **{
                name: listed(told, ref("Amount"))
                for name, told in {
                    "asked": "what the payer was asked for",
                    "tolerated": "how much less is enough",
                    "ever": "what ever came",
                    "standing": "what of it stands",
                    "final": "what of that is final",
                    "in_time": "what of it came in time",
                    "refunded": "what was given back",
                }.items()
            },
            "takes_any_amount": truth("whether any amount will do"),
            "meets_the_price": truth("whether it is enough"),
            "is_final": truth("whether enough of it is final"),
            "is_late": truth("whether it came late"),
            "window_closed_at": maybe(moment("when the window closed; null where it did not")),
            "window_closed_by": text("what closed it; empty for nothing"),
        },
    ),
    "not_final": listed(
        "money that is only seen, and why",
        shape("one", {"fact": ref("StoryFact"), "event": text(EVENT), **RULED}),
    ),
    "decisive": listed(
        "the least that has to be taken away for another state",
        shape(
            "one such set",
            {
                "facts": listed("taken together", ref("StoryFact")),
                "without": word("the state without them", State),
            },
        ),
    ),
    "is_smallest": truth("whether all smaller sets were tried"),
    "facts": listed("what counts", ref("Stated")),
    "excluded": listed("what only void events state", ref("Stated")),
    "policy": shape(
        "versions of the merchant's terms",
        {
            "of_last_move": maybe(text("which weighed the last move; null where it never moved")),
            "in_force": text("which is in force; empty for none"),
        },
    ),
    "next": listed(
        "what would move it on",
        shape("one way", {"to": word("to which state", State), "by": text("by what")}),
    ),
    "exceptions": listed(
        "open ones about it",
        shape(
            "one exception",
            {
                "number": number("its number"),
                "exception": text("its id"),
                "code": text(CODE),
                "severity": number("1 to 4"),
                "evidence": text("what is the matter"),
                "since": moment("when it was raised"),
                "status": word("how it is worked", Status),
                "assignee": text("who has it; empty for nobody"),
                "owner": maybe(text("who answers for it; null for a code of another version")),
                "ends_by": maybe(text("what ends it")),
            },
        ),
    ),
    "hold_notices": listed("what was told of holds alone", ref("HoldNotice")),
}
DEFS: Mapping[str, Schema] = {
    "Stated": shape(
        "A fact with its evidence.",
        {
            **STORY_FACT,
            "stated_by": listed("the first to state it first", shape("one event", _STATED_BY)),
        },
    ),
    "Why": shape("Why a payment is in its state.", _WHY),
}
