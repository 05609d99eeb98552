"""The headers of every kind of record, as schemas: what a subscriber may rely on, and when.

Nothing flows in but the closed lists of the code; tables flow out, of which `asyncapi` makes its
document. CloudEvents in binary mode: each attribute is a header of its own, and its value UTF-8. A
header that says `when` is not always there. Tests hold the tables against what is really written.
"""

from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import Any, NamedTuple

from consumers.lifecycle import State
from consumers.notices import TYPE_PREFIX as NOTICE_PREFIX
from consumers.notices import VERSION as NOTICE_VERSION
from ingress.contract import alarm, quarantined
from ingress.contract.cloudevents import CONTENT_TYPES, OPAQUE
from ingress.contract.declaration import ALARMS, LIFECYCLE, QUARANTINE, VERIFIED, Topic
from ingress.contract.envelope import VERSION as ENVELOPE_VERSION
from ingress.contract.envelope import Assurance, Coverage, Mode
from ingress.delivery import Reason

RELEASES = "released"
"""The second kind of record of the quarantine's topic."""
SIGNED_HEADERS = "^signed-[!#$%&'*+.^_`|~0-9a-z-]+$"
NOTICE_TYPES = tuple(f"{NOTICE_PREFIX}{word.lower()}" for word in (*State, "held", "released"))


class Header(NamedTuple):
    """What one header says; `schema` narrows its text; `when` is empty where it is always there."""

    told: str
    schema: Mapping[str, Any] = {}
    when: str = ""

    def described(self) -> dict[str, Any]:
        """Write it as a schema."""
        told = f"{self.told}; {self.when}" if self.when else self.told
        return {"type": "string", "description": told, **self.schema}


Headers = Mapping[str, Header]


def _one_of(words: type[StrEnum]) -> Mapping[str, Any]:
    return {"enum": [word.value for word in words]}


def _always(version: str) -> Mapping[str, Any]:
    return {"const": version}


_MOMENT = {
    "format": "date-time",
    "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}[.][0-9]{3}Z$",
}
_TRACE = {"pattern": "^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$"}
_UUID = {"format": "uuid", "pattern": "^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$"}
_NUMBER = {"pattern": "^(0|[1-9][0-9]*)$"}
_ENVIRONMENT = {"pattern": "^[a-z][a-z0-9-]{0,31}$"}
_VALUE_TYPE = Header("the media type of the value", {"enum": [*sorted(CONTENT_TYPES), OPAQUE]})


def _of_events(kind: Header) -> Headers:
    """Write what every record has."""
    return {
        "ce_specversion": Header("of CloudEvents", _always("1.0")),
        "ce_id": Header("what identifies the event; the same each time it is written"),
        "ce_source": Header("where it comes from, a URI reference", {"format": "uri-reference"}),
        "ce_type": kind,
        "ce_time": Header("when it happened, RFC 3339 in UTC", _MOMENT),
        "ce_environment": Header("of the process that wrote it", _ENVIRONMENT),
    }


_OF_PAYMENTS: Headers = {
    "ce_recordedtime": Header("when it was received, RFC 3339 in UTC", _MOMENT),
    "ce_partitionkey": Header("the record's key"),
    "ce_provider": Header("whose event it is: a profile's name"),
    "ce_account": Header("whose events and payments these ids are unique among"),
    "ce_correlationid": Header("finds the whole story, in logs and in the store", _UUID),
    "ce_traceparent": Header("the trace that began with the delivery", _TRACE),
    "traceparent": Header("the trace of the last hop", _TRACE),
}
_VERIFIED: Headers = {
    **_of_events(Header("the provider's own word, behind a prefix of the provider's")),
    **_OF_PAYMENTS,
    "ce_sealgateversion": Header("of the envelope", _always(ENVELOPE_VERSION)),
    "ce_eventtype": Header("the provider's own word; `unparsed` where the body could not be read"),
    "ce_keyid": Header("which key proved it, by the id of the configuration"),
    "ce_scheme": Header("how it was signed"),
    "ce_coverage": Header("how much the signature speaks for", _one_of(Coverage)),
    "ce_assurance": Header(
        "what the proof is worth; D and E are hints, which move nothing", _one_of(Assurance)
    ),
    "ce_bodydigest": Header("of the value", {"pattern": "^sha256:[0-9a-f]{64}$"}),
    "ce_livemode": Header("what the delivery says of itself", _one_of(Mode)),
    "content-type": _VALUE_TYPE,
    "ce_subject": Header("the payment", when="there where the event is about one"),
    "ce_tracelink": Header(
        "the trace that the provider sent", _TRACE, when="there where it sent one"
    ),
    "ce_signedtime": Header(
        "when the provider signed it", _MOMENT, when="there where it says so in what it signed"
    ),
    "ce_timesource": Header(
        "whose clock ce_time is of",
        {"enum": ["provider", "receipt"]},
        when="there where ce_time is ce_recordedtime, and it would not be known otherwise",
    ),
    "ce_latetime": Header(
        "when it was verified", _MOMENT, when="there where that was later than its receipt"
    ),
}
_LIFECYCLE: Headers = {
    **_of_events(
        Header(
            "the state that a payment moved to, or that a hold began or ended",
            {"enum": [*NOTICE_TYPES]},
        )
    ),
    **_OF_PAYMENTS,
    "ce_sealgatenotice": Header("of the notice", _always(NOTICE_VERSION)),
    "ce_subject": Header("the payment's reference"),
    "ce_paymentversion": Header(
        "counts the payment's moves, without a gap; a hold alone has the last one", _NUMBER
    ),
    "content-type": Header("the media type of the value", _always("application/json")),
    "ce_effectkey": Header(
        "send goods once for each key", when="there where goods may leave: Confirmed and no hold"
    ),
}
_ALARMS: Headers = {
    **_of_events(
        Header(
            "the alarm's code in lower case, behind a prefix",
            {"pattern": f"^{alarm.TYPE_PREFIX.replace('.', '[.]')}[a-z_]+$"},
        )
    ),
    "ce_subject": Header("what one open exception is about"),
    "ce_sealgatealarm": Header("of the alarm", _always(alarm.VERSION)),
    "ce_code": Header("the exception that a worker opens", {"pattern": "^[A-Z_]+$"}),
    "ce_correlationid": Header("finds the delivery, in logs and in the quarantine", _UUID),
    "content-type": Header("the media type of the value", _always("text/plain")),
}
_OF_QUARANTINE: Headers = {
    "ce_sealgatequarantine": Header("of the record", _always(quarantined.VERSION)),
    "ce_slug": Header("the source"),
    "content-type": Header("the media type of the value", _always(OPAQUE)),
}
_QUARANTINE: Headers = {
    **_of_events(Header("a refused delivery", _always(quarantined.DELIVERY_TYPE))),
    **_OF_QUARANTINE,
    "ce_provider": Header("whose delivery it says it is: a profile's name"),
    "ce_account": Header("of the source"),
    "ce_reason": Header("why it was refused", _one_of(Reason)),
    "ce_length": Header("of the body, in bytes", _NUMBER),
    "ce_network": Header(
        "that of the sender, no narrower than IPv4 /24 and IPv6 /48",
        when="there where the address is known",
    ),
    "ce_seal": Header(
        "the id of the key that the value is sealed with", when="there where there was one"
    ),
}
_RELEASED: Headers = {
    **_of_events(Header("a kept delivery was published", _always(quarantined.RELEASE_TYPE))),
    **_OF_QUARANTINE,
    "ce_eventkey": Header("the id of the event as which it was published"),
    "ce_keyid": Header("which key proved it, by the id of the configuration"),
}
HEADERS: Mapping[str, Headers] = {
    VERIFIED.word: _VERIFIED,
    LIFECYCLE.word: _LIFECYCLE,
    ALARMS.word: _ALARMS,
    QUARANTINE.word: _QUARANTINE,
    RELEASES: _RELEASED,
}
"""By message."""


def messages(topic: Topic) -> Iterator[str]:
    """Yield the messages of a topic, by name."""
    yield topic.word
    if topic is QUARANTINE:
        yield RELEASES


def schema(message: str) -> dict[str, Any]:
    """Return the schema of a message's headers, each header a text."""
    headers = HEADERS[message]
    found: dict[str, Any] = {
        "type": "object",
        "properties": {name: header.described() for name, header in headers.items()},
        "required": sorted(name for name, header in headers.items() if not header.when),
    }
    if message == VERIFIED.word:
        found["patternProperties"] = {
            SIGNED_HEADERS: {
                "type": "string",
                "description": (
                    "a request's header that was signed or names what was, under its own name;"
                    " octets beyond ASCII are written as Latin-1 reads them. With them and the"
                    " value, whoever holds the key can verify the record again"
                ),
            }
        }
    return found
