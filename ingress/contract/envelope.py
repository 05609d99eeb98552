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
from functools import lru_cache
from typing import NamedTuple, Self

from ingress.contract import cloudevents
from ingress.contract.cloudevents import Headers

VERSION = "2"
# Version 2 added to 1: the environment in the key, the mode, when it was signed, whether it was
# verified late.
_READ = frozenset({b"1", VERSION.encode()})
# Headers that were part of what was signed keep their own name behind this prefix.
SIGNED_PREFIX = "signed-"
# The event type of a body that could not be read: no provider's word, so that it can be told apart.
UNPARSED_TYPE = "unparsed"
# A source writes some headers alike in all its envelopes; so many keep them. Those of further
# sources are made anew, at some two microseconds an envelope.
_FIXED_MAX = 4096
_SPEC_VERSION = ("ce_specversion", b"1.0")
_CONTENT_TYPE = "content-type"
# Whose clock the time of the event is of, where it is that of the receipt.
_PROVIDER, _RECEIPT = b"provider", b"receipt"


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
        return self is not other and self is not _UNKNOWN and other is not _UNKNOWN


# An enumeration is slow to look up.
_UNKNOWN = Mode.UNKNOWN


class EnvelopeMalformed(ValueError):
    """The record is not an envelope of a version this code knows: bury it, with its bytes."""


# Made for every event, so not frozen, like a `Delivery`: nothing changes it all the same.
@dataclass(slots=True)
class Envelope:
    """One authenticated delivery. All times are milliseconds since the epoch, UTC.

    `event_key` is what identifies the provider's event through all its deliveries; `event_type` is
    the provider's word for it; `type` is the same word behind the provider's own prefix.
    `payment_ref` is empty where the event concerns no payment. `occurred_ms` is the provider's
    claim, or the receipt where it makes none, which `untold` says. `mode` is what the delivery says
    of itself.
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
    mode: Mode = _UNKNOWN
    signed_ms: int | None = None
    late_ms: int | None = None
    untold: bool = False

    @property
    def key(self) -> bytes:
        """The partition key: one payment's events stay in order; an event without one is alone."""
        about = self.payment_ref or self.event_key
        return f"{self.environment}/{self.provider}/{self.account}/{about}".encode()

    def encode(self) -> tuple[bytes, Headers, bytes]:
        """Return the record's key, headers and value. Raises nothing: an envelope is valid."""
        key = self.key
        fixed = _fixed(
            self.source,
            (self.provider, self.environment, self.account),
            (self.key_id, self.scheme, self.coverage, self.assurance),
        )
        traceparent = self.traceparent.encode()
        headers = [
            _SPEC_VERSION,
            ("ce_id", self.event_key.encode()),
            fixed.source,
            ("ce_type", self.type.encode()),
            ("ce_time", cloudevents.timestamp(self.occurred_ms).encode()),
            ("ce_recordedtime", cloudevents.timestamp(self.received_ms).encode()),
            ("ce_partitionkey", key),
            *fixed.endpoint,
            ("ce_eventtype", self.event_type.encode()),
            ("ce_correlationid", self.correlation_id.encode()),
            ("ce_traceparent", traceparent),
            *fixed.proof,
            ("ce_bodydigest", self.body_digest.encode()),
            ("ce_livemode", self.mode.encode()),
        ]
        # An empty string is no CloudEvents value: what is absent is not written.
        if self.payment_ref:
            headers.append(("ce_subject", self.payment_ref.encode()))
        if self.trace_link:
            headers.append(("ce_tracelink", self.trace_link.encode()))
        if self.signed_ms is not None:
            headers.append(("ce_signedtime", cloudevents.timestamp(self.signed_ms).encode()))
        # Where the two times differ, the provider told its own.
        if self.occurred_ms == self.received_ms:
            headers.append(("ce_timesource", _RECEIPT if self.untold else _PROVIDER))
        if self.late_ms is not None:
            headers.append(("ce_latetime", cloudevents.timestamp(self.late_ms).encode()))
        headers.append((_CONTENT_TYPE, self.content_type.encode()))
        headers.append(("traceparent", traceparent))
        headers += [(SIGNED_PREFIX + name, _to_wire(value)) for name, value in self.signed_headers]
        return key, tuple(headers), self.body

    @classmethod
    def decode(cls, headers: Iterable[tuple[str, bytes]], value: bytes | None) -> Self:
        """Read a record back. Raises `EnvelopeMalformed`, saying what is wrong with it."""
        head = tuple(headers)
        found = dict(head)
        try:
            # Nearly always no name stands twice and all is ASCII; else it is looked at one by one.
            if len(found) != len(head) or not b"".join(found.values()).isascii():
                cloudevents.from_headers(head)
            if found["ce_sealgateversion"] not in _READ:
                cloudevents.check_version(cloudevents.from_headers(head), "sealgateversion", ())
            time, recorded = found["ce_time"], found["ce_recordedtime"]
            return cls(
                source=found["ce_source"].decode(),
                provider=found["ce_provider"].decode(),
                environment=found["ce_environment"].decode(),
                account=found["ce_account"].decode(),
                event_key=found["ce_id"].decode(),
                event_type=found["ce_eventtype"].decode(),
                type=found["ce_type"].decode(),
                payment_ref=found.get("ce_subject", b"").decode(),
                occurred_ms=cloudevents.timestamp_ms(time.decode()),
                received_ms=cloudevents.timestamp_ms(recorded.decode()),
                correlation_id=found["ce_correlationid"].decode(),
                traceparent=found["ce_traceparent"].decode(),
                trace_link=found.get("ce_tracelink", b"").decode(),
                key_id=found["ce_keyid"].decode(),
                scheme=found["ce_scheme"].decode(),
                coverage=_coverage(found["ce_coverage"]),
                assurance=_assurance(found["ce_assurance"]),
                body_digest=found["ce_bodydigest"].decode(),
                content_type=found[_CONTENT_TYPE].decode(),
                signed_headers=tuple(
                    [
                        (name[len(SIGNED_PREFIX) :], _from_wire(text))
                        for name, text in head
                        if name.startswith(SIGNED_PREFIX)
                    ]
                ),
                body=b"" if value is None else value,
                mode=_mode(found.get("ce_livemode", _UNKNOWN_WORD)),
                signed_ms=_time(found, "ce_signedtime"),
                late_ms=_time(found, "ce_latetime"),
                # Before there was the word, equal times were nearly always the receipt twice.
                untold=time == recorded and found.get("ce_timesource") != _PROVIDER,
            )
        except KeyError as missing:
            raise EnvelopeMalformed(f"the header {missing.args[0]} is missing") from None
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


def _time(found: Mapping[str, bytes], name: str) -> int | None:
    return cloudevents.timestamp_ms(found[name].decode()) if name in found else None


class _Fixed(NamedTuple):
    """The headers that all envelopes of one source and key share, in their three places."""

    source: tuple[str, bytes]
    endpoint: Headers
    proof: Headers


@lru_cache(maxsize=_FIXED_MAX)
def _fixed(
    source: str, endpoint: tuple[str, str, str], proof: tuple[str, str, Coverage, Assurance]
) -> _Fixed:
    """Write what never varies: of a source, its provider, environment and account, its proof."""
    provider, environment, account = endpoint
    key_id, scheme, coverage, assurance = proof
    return _Fixed(
        ("ce_source", source.encode()),
        (
            ("ce_sealgateversion", VERSION.encode()),
            ("ce_provider", provider.encode()),
            ("ce_environment", environment.encode()),
            ("ce_account", account.encode()),
        ),
        (
            ("ce_keyid", key_id.encode()),
            ("ce_scheme", scheme.encode()),
            ("ce_coverage", coverage.encode()),
            ("ce_assurance", assurance.encode()),
        ),
    )


# The words of the three closed lists, as they are written: an enumeration is slow to look up.


@lru_cache
def _coverage(word: bytes) -> Coverage:
    return Coverage(word.decode())


@lru_cache
def _assurance(word: bytes) -> Assurance:
    return Assurance(word.decode())


@lru_cache
def _mode(word: bytes) -> Mode:
    return Mode(word.decode())


_UNKNOWN_WORD = _UNKNOWN.encode()
