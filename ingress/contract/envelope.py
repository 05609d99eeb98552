"""`Envelope`: one authenticated delivery, as it is written to the log and read for ever after.

A verified delivery flows in; a key, headers and a value flow out, the value being the provider's
exact bytes. What identifies the event, which key proved it, how much the proof covers, and the
request headers that were signed travel in the headers, so that anybody holding the key can verify
the record again, offline, years later. What does not travel: a token that *is* the secret.

The format has a version of its own. A reader refuses a version it does not know; a writer never
changes the meaning of one. `tests/conformance/test_wire.py` holds golden bytes of every version
ever written.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Self

from ingress.contract import cloudevents
from ingress.contract.cloudevents import Headers

VERSION = "2"
# Version 2 added to 1: the environment in the key, the mode, when it was signed, whether it was
# verified late.
_READ = frozenset({"1", VERSION})
# Headers that were part of what was signed keep their own name behind this prefix.
SIGNED_PREFIX = "signed-"
# The event type of a body that could not be read: no provider's word, so that it can be told apart.
UNPARSED_TYPE = "unparsed"


class Coverage(StrEnum):
    """How much of the delivery the signature speaks for."""

    FULL = "full"
    PARTIAL = "partial"
    NONE = "none"


class Assurance(StrEnum):
    """What the proof is worth: A body and timestamp, B body, C re-serialised body, D token, E none.

    Consumers treat D and E as hints: they may start a fetch and move nothing.
    """

    A = "A"
    B = "B"
    C = "C"
    D = "D"
    E = "E"


class Mode(StrEnum):
    """Whether money is real: what a process is for, and what a delivery says of itself."""

    LIVE = "live"
    TEST = "test"
    UNKNOWN = "unknown"

    def contradicts(self, other: "Mode") -> bool:
        """Say whether one is live and the other test; what is not known contradicts nothing."""
        return {self, other} == {Mode.LIVE, Mode.TEST}


class EnvelopeMalformed(ValueError):
    """The record is not an envelope of a version this code knows: bury it, with its bytes."""


@dataclass(frozen=True, slots=True)
class Envelope:
    """One authenticated delivery. All times are milliseconds since the epoch, UTC.

    `event_key` is what identifies the provider's event through all its deliveries; `event_type` is
    the provider's word for it; `type` is the same word behind the provider's own prefix.
    `payment_ref` is empty where the event concerns no payment. `occurred_ms` is the provider's
    claim, or the receipt where it makes none. `mode` is what the delivery says of itself.
    `signed_ms` is when the provider signed it, None where it does not say; `late_ms` is when it was
    verified, None where that was at its receipt.
    """

    source: str
    provider: str
    environment: str
    account: str
    event_key: str
    event_type: str
    type: str
    payment_ref: str
    occurred_ms: int
    received_ms: int
    correlation_id: str
    traceparent: str
    key_id: str
    scheme: str
    coverage: Coverage
    assurance: Assurance
    body_digest: str
    content_type: str
    signed_headers: Headers
    body: bytes
    trace_link: str = ""
    mode: Mode = Mode.UNKNOWN
    signed_ms: int | None = None
    late_ms: int | None = None

    @property
    def key(self) -> bytes:
        """The partition key: one payment's events stay in order; an event without one is alone."""
        about = self.payment_ref or self.event_key
        return f"{self.environment}/{self.provider}/{self.account}/{about}".encode()

    def encode(self) -> tuple[bytes, Headers, bytes]:
        """Return the record's key, headers and value. Raises nothing: an envelope is valid."""
        attributes = {
            "specversion": "1.0",
            "id": self.event_key,
            "source": self.source,
            "type": self.type,
            "time": cloudevents.timestamp(self.occurred_ms),
            "recordedtime": cloudevents.timestamp(self.received_ms),
            "partitionkey": self.key.decode(),
            "sealgateversion": VERSION,
            "provider": self.provider,
            "environment": self.environment,
            "account": self.account,
            "eventtype": self.event_type,
            "correlationid": self.correlation_id,
            "traceparent": self.traceparent,
            "keyid": self.key_id,
            "scheme": self.scheme,
            "coverage": self.coverage.value,
            "assurance": self.assurance.value,
            "bodydigest": self.body_digest,
            "livemode": self.mode.value,
        }
        # An empty string is no CloudEvents value: what is absent is not written.
        if self.payment_ref:
            attributes["subject"] = self.payment_ref
        if self.trace_link:
            attributes["tracelink"] = self.trace_link
        if self.signed_ms is not None:
            attributes["signedtime"] = cloudevents.timestamp(self.signed_ms)
        if self.late_ms is not None:
            attributes["latetime"] = cloudevents.timestamp(self.late_ms)
        headers = cloudevents.to_headers(attributes, self.content_type)
        signed = ((SIGNED_PREFIX + name, _to_wire(value)) for name, value in self.signed_headers)
        hop = ("traceparent", self.traceparent.encode())
        return self.key, (*headers, hop, *signed), self.body

    @classmethod
    def decode(cls, headers: Iterable[tuple[str, bytes]], value: bytes | None) -> Self:
        """Read a record back. Raises `EnvelopeMalformed`, saying what is wrong with it."""
        head = tuple(headers)
        try:
            found = cloudevents.from_headers(head)
            cloudevents.check_version(found, "sealgateversion", _READ)
            return cls(
                source=found["source"],
                provider=found["provider"],
                environment=found["environment"],
                account=found["account"],
                event_key=found["id"],
                event_type=found["eventtype"],
                type=found["type"],
                payment_ref=found.get("subject", ""),
                occurred_ms=cloudevents.timestamp_ms(found["time"]),
                received_ms=cloudevents.timestamp_ms(found["recordedtime"]),
                correlation_id=found["correlationid"],
                traceparent=found["traceparent"],
                trace_link=found.get("tracelink", ""),
                key_id=found["keyid"],
                scheme=found["scheme"],
                coverage=Coverage(found["coverage"]),
                assurance=Assurance(found["assurance"]),
                body_digest=found["bodydigest"],
                content_type=found["datacontenttype"],
                signed_headers=tuple(
                    (name[len(SIGNED_PREFIX) :], _from_wire(text))
                    for name, text in head
                    if name.startswith(SIGNED_PREFIX)
                ),
                body=b"" if value is None else value,
                mode=Mode(found.get("livemode", Mode.UNKNOWN)),
                signed_ms=_time(found, "signedtime"),
                late_ms=_time(found, "latetime"),
            )
        except KeyError as missing:
            raise EnvelopeMalformed(f"the header ce_{missing.args[0]} is missing") from None
        except ValueError as wrong:
            raise EnvelopeMalformed(str(wrong)) from None


def _to_wire(value: bytes) -> bytes:
    """Write a header's octets as UTF-8, one character an octet.

    A record's headers must be UTF-8 throughout: a reader that decodes them all would otherwise be
    stopped by one stray octet of a provider. ASCII, that is every real signature, stays itself.
    """
    return value if value.isascii() else value.decode("latin-1").encode()


def _from_wire(text: bytes) -> bytes:
    return text if text.isascii() else text.decode().encode("latin-1")


def _time(found: Mapping[str, str], name: str) -> int | None:
    return cloudevents.timestamp_ms(found[name]) if name in found else None
