"""The values of the records, as schemas.

Of a verified event it is the provider's: nothing is said of it. Of a notice it is ours, and every
field is always there.
"""

from collections.abc import Mapping
from typing import Any

from consumers.facts import HoldKind
from consumers.lifecycle import State
from consumers.notices import VERSION as NOTICE_VERSION
from consumers.store.port import Cause
from ingress.contract.declaration import ALARMS, LIFECYCLE, QUARANTINE, VERIFIED
from sealgate.topics.headers import RELEASES

_STATES = [state.value for state in State]
_TEXT = {"type": "string"}
_MOMENT = {"type": "string", "format": "date-time"}


def _field(told: str, schema: Mapping[str, Any]) -> dict[str, Any]:
    return {"description": told, **schema}


_NOTICE: Mapping[str, Any] = {
    "notice_version": _field("as ce_sealgatenotice", {"const": NOTICE_VERSION}),
    "environment": _field("as ce_environment", _TEXT),
    "payment": _field("provider/account/reference", _TEXT),
    "provider": _field("as ce_provider", _TEXT),
    "account": _field("as ce_account", _TEXT),
    "reference": _field("as ce_subject", _TEXT),
    "version": _field("as ce_paymentversion", {"type": "integer", "minimum": 1}),
    "before": _field(
        "the state that it left; null where it was not known before", {"enum": [None, *_STATES]}
    ),
    "after": _field("the state that it is in now", {"enum": _STATES}),
    "effect_key": _field(
        "send goods once for each key; null where none may leave", {"type": ["string", "null"]}
    ),
    "flags": _field(
        "what is true of the payment beside its state, such as overpaid",
        {"type": "array", "items": _TEXT},
    ),
    "holds": _field(
        "which holds are on; goods leave only where there is none",
        {"type": "array", "items": {"enum": [kind.value for kind in HoldKind]}},
    ),
    "cause": _field("what brought the facts", {"enum": [cause.value for cause in Cause]}),
    "event": _field("the id of the event behind it, as ce_id of the verified topic", _TEXT),
    "event_type": _field("the provider's word for it, or ours", _TEXT),
    "correlation_id": _field("as ce_correlationid", _TEXT),
    "occurred_at": _field("as ce_time", _MOMENT),
    "recorded_at": _field("as ce_recordedtime", _MOMENT),
}
PAYLOADS: Mapping[str, Mapping[str, Any]] = {
    VERIFIED.word: {"description": f"{VERIFIED.value}, whatever they are"},
    LIFECYCLE.word: {
        "type": "object",
        "description": LIFECYCLE.value,
        "properties": dict(_NOTICE),
        "required": [*_NOTICE],
    },
    ALARMS.word: {"type": "string", "description": ALARMS.value},
    QUARANTINE.word: {"type": "string", "description": QUARANTINE.value},
    RELEASES: {"type": "string", "const": "", "description": "nothing"},
}
CONTENT_TYPES: Mapping[str, str] = {
    LIFECYCLE.word: "application/json",
    ALARMS.word: "text/plain",
    QUARANTINE.word: "application/octet-stream",
    RELEASES: "application/octet-stream",
}
"""By message; of a verified event it is the provider's, and stands in its header."""
