"""Shapes of what is told of keys: their account, their exposure, what was refused, and why."""

from collections.abc import Mapping

from consumers.exposure import Standing
from consumers.lifecycle import State
from ingress.contract.envelope import Assurance
from ingress.delivery import Reason
from ingress.keyring import Status
from sealgate.keys.safety import Verdict
from sealgate.schemas.payments import EVENT, PAYMENT
from sealgate.schemas.shapes import (
    Fields,
    Schema,
    const,
    listed,
    mapped,
    maybe,
    moment,
    number,
    ref,
    shape,
    text,
    truth,
    word,
)
from sealgate.schemas.stories import TOLD_MOVE

_USES: Fields = {
    "first_used": maybe(moment("when it first proved something; null where nothing is known")),
    "last_used": maybe(moment("when it last did")),
}
_KEY: Fields = {
    "key": text("its id, as configured"),
    "role": word("what it is for", ("verify", "handshake", "api")),
    "status": word("as configured", Status),
    "not_before": maybe(moment("when its window opens; null where it has none")),
    "not_after": maybe(moment("when its window closes; null where it has none")),
    "file_age_s": maybe(number("how old its file is; null where there is none")),
    **_USES,
    "verdict": maybe(word("whether it can go; null for one that proves no deliveries", Verdict)),
    "wait_until": maybe(moment("until when to wait, where that is the verdict")),
    "in_force": mapped(
        "its status at each edge that was asked; null where it is not there",
        maybe(word("its status there", Status)),
    ),
    "todo": text("what to type next; empty for nothing"),
}
_TALLY: Fields = {
    "events": number("how many events"),
    "payments": number("about how many payments"),
    "amounts": listed("of which money", ref("Amount")),
    "payments_of_unknown_amount": number("payments of which no amount is told"),
}
_EXPOSED: Fields = {
    "event": text(EVENT),
    "type": text("the provider's own word"),
    "standing": word("how far it can be believed without the key", Standing),
    "reasons": listed("why", text("in words")),
    "received_at": moment("when it was received"),
    "signed_at": maybe(moment("when it was signed, where it says so")),
    "late_verified": truth("whether it was verified late"),
    "correlation_id": text("finds the whole story"),
    "scheme": text("how it was signed"),
    "assurance": word("what its proof is worth", Assurance),
    "body_digest": text("of the body"),
    "verdict": text("what came of it"),
    "payment": maybe(text(PAYMENT)),
    "deposits": listed("deposits that it tells of", text("a deposit")),
    "facts": listed("what it stated", ref("Fact")),
    "transitions": listed("what it moved", shape("one move", TOLD_MOVE)),
    "witnesses": listed(
        "events that state the same, proven otherwise",
        shape("one of them", {"event": text(EVENT), "key": text("the key that proved it")}),
    ),
}
_EXPOSURE: Fields = {
    "format": const("sealgate.exposure/1"),
    "environment": text("the environment"),
    "source": text("as asked for"),
    "source_uris": listed("under which its events are stored", text("a URI")),
    "key": text("the id of the key"),
    "from": moment("the beginning of the window"),
    "to": moment("its end, itself left out"),
    "made_at": moment("when this was made"),
    "ledger": word(
        "what the provider itself says, and how much of it", ("none", "partial", "complete")
    ),
    "residual_risk": text("what remains, in words"),
    "notes": listed("what to know when reading it", text("a sentence")),
    "totals": shape(
        "the sums",
        {
            "events": number("how many the key proved"),
            "payments": number("about how many payments"),
            "deposits": number("about how many deposits"),
            "by_standing": shape(
                "by how far they can be believed",
                {one.value: shape("of these", _TALLY) for one in Standing},
            ),
            "duplicates_rejected": number("events that told only what was known"),
            "late_verified": number("events that were verified late"),
            "transitions": number("moves"),
            "notices_of_unsupported": shape(
                "notices about what nothing else bears out",
                {fate: number(f"are {fate}") for fate in ("delivered", "waiting", "unknown")},
            ),
        },
    ),
    "payments": listed(
        "payments concerned",
        shape(
            "one payment",
            {
                "payment": text(PAYMENT),
                "state": maybe(word("its state", State)),
                "state_without": maybe(word("its state without what nothing else tells", State)),
                "unsupported": listed("money that nothing else tells", ref("Amount")),
            },
        ),
    ),
    "deposits": listed(
        "deposits concerned",
        shape(
            "one deposit",
            {
                "deposit": text("the deposit"),
                "matched": maybe(text("the payment that it was matched with")),
            },
        ),
    ),
    "events": listed("all that the key proved, the oldest first", shape("one event", _EXPOSED)),
}
_EXPLAINED: Fields = {
    "valid": truth("whether the gateway would take it"),
    "signature_holds": truth("whether a key made the signature over these bytes"),
    "reason": maybe(word("why it is not valid; null where it is", Reason)),
    "key_id": maybe(text("the key that proves it; null where none does")),
    "steps": listed(
        "what was looked at, in order",
        shape(
            "one step",
            {"title": text("which"), "lines": listed("what was found", text("a line"))},
        ),
    ),
    "findings": listed(
        "what differs from what would be valid",
        shape(
            "one finding",
            {
                "name": text("the same word for the same cause, always"),
                "what": text("what differs"),
                "advice": text("what to do"),
                "proven": truth("whether it was found by trying, or is a guess"),
                "line": text("the answer as a line of a profile; empty where none says it"),
            },
        ),
    ),
    "identity": maybe(
        shape(
            "what a valid one is about; null where it is not valid",
            {
                "event_type": text("its type, as published"),
                "event_key": text("its id, as published"),
                "payment_ref": text("the payment; empty for none"),
                "type_is_named": truth("whether it names its type itself"),
                "key_is_digest": truth("whether it names no id, and has a digest for one"),
            },
        )
    ),
}
DEFS: Mapping[str, Schema] = {
    "Keys": shape(
        "The keys of sources, and whether old ones can go.",
        {
            "at": moment("the instant that it is of"),
            "database": text("asked, or why it could not be"),
            "edges": mapped("each edge by its address", text("its generation, or why not asked")),
            "sources": listed(
                "as configured",
                shape(
                    "one source",
                    {
                        "source": text("its slug"),
                        "provider": text("its profile"),
                        "retry_horizon_s": number("how long an old key must be silent"),
                        "retry_horizon_known": truth("whether the provider says how long it tries"),
                        "keys": listed("as configured", shape("one key", _KEY)),
                        "gone": listed(
                            "keys that proved something and are configured no more",
                            shape("one of them", {"key": text("its id"), **_USES}),
                        ),
                    },
                ),
            ),
        },
    ),
    "Exposure": shape("What a key proved, and what else bears that out.", _EXPOSURE),
    "Explained": shape("Why a captured request verifies, or why not.", _EXPLAINED),
    "Quarantine": shape(
        "What was refused and kept.",
        {
            "items": listed(
                "the newest first",
                shape(
                    "one delivery",
                    {
                        "id": text("the correlation id of its refusal"),
                        "received": moment("when"),
                        "source": text("the source"),
                        "provider": text("its profile"),
                        "reason": text("why it was refused"),
                        "network": text("of the sender; empty where it is not known"),
                        "bytes": number("of the body"),
                        "seal": maybe(text("the key that it is sealed with; null for none")),
                        "released_as": maybe(text("the event as which it was published")),
                    },
                ),
            ),
            "summary": listed(
                "all of it, by source and reason",
                shape(
                    "one sum",
                    {
                        "source": text("the source"),
                        "reason": text("why"),
                        "kept": number("how many are kept"),
                        "released": number("how many of them were published"),
                    },
                ),
            ),
            "unreadable": number("records that a newer version wrote"),
        },
    ),
}
