"""What a verified delivery is about: the event, its type, the payment, and when it occurred.

Only ever called behind `verify`, because this is where the body meets a parser. It never raises:
what cannot be read is published as it is, and whoever looks at it later sees why it was unreadable.
An event without a usable id is identified by its bytes. Everything that leaves here may stand in a
CloudEvents attribute.
"""

import hashlib
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import orjson

from ingress.contract import cloudevents
from ingress.contract.cloudevents import attribute, is_attribute
from ingress.contract.envelope import UNPARSED_TYPE
from ingress.providers import pointer
from ingress.schemes.parts.headers import Headers

UNKNOWN_TYPE = "unknown"

_SECOND_MS = 1000
# The last millisecond of the year 9999: no later moment can be written as RFC 3339.
_LAST_MS = 253_402_300_799_999


@dataclass(frozen=True, slots=True)
class Identity:
    """`payment_ref` is empty, and `occurred_ms` None, where the provider names none."""

    event_key: str
    event_type: str
    payment_ref: str
    occurred_ms: int | None


@dataclass(frozen=True, slots=True)
class Place:
    """Where a text stands: in a signed header, or behind a pointer into the body."""

    header: bytes = b""
    tokens: pointer.Tokens = ()


Alternative = tuple[Place, ...]
"""One place, or several that identify only together."""


class TimeForm(StrEnum):
    """How a provider writes a moment."""

    SECONDS = "s"
    MILLISECONDS = "ms"
    ISO = "iso"


@dataclass(frozen=True, slots=True)
class Moment:
    """Where the provider says when the event occurred."""

    tokens: pointer.Tokens
    form: TimeForm


@dataclass(frozen=True, slots=True)
class Identifier:
    """Reads the identity out of one provider's deliveries; the first usable alternative counts."""

    type_prefix: str
    event_key: tuple[Alternative, ...]
    event_type: tuple[Alternative, ...]
    payment_ref: tuple[Alternative, ...]
    occurred: Moment | None

    def identify(self, body: bytes, headers: Headers) -> Identity:
        """Return the identity of a verified delivery. Raises nothing."""
        try:
            document = orjson.loads(body)
        except orjson.JSONDecodeError:
            document, unnamed = None, UNPARSED_TYPE
        else:
            unnamed = UNKNOWN_TYPE
        key = _first(self.event_key, document, body, headers)
        word = _first(self.event_type, document, body, headers)
        payment = _first(self.payment_ref, document, body, headers)
        return Identity(
            event_key=attribute(key) if key else _digest(body),
            event_type=self._type(word) if word else unnamed,
            payment_ref=attribute(payment) if payment else "",
            occurred_ms=None if self.occurred is None else _occurred(document, self.occurred),
        )

    def _type(self, word: str) -> str:
        """Return the provider's word, if it can stand behind the prefix; else its digest."""
        if is_attribute(f"{self.type_prefix}.{word}"):
            return word
        return _digest(word.encode("utf-8", "surrogatepass"))


def _first(
    alternatives: tuple[Alternative, ...],
    document: Any,
    body: bytes,
    headers: Headers,
) -> str:
    for alternative in alternatives:
        if len(alternative) == 1:
            found = _text(alternative[0], document, body, headers)
        else:
            found = _joined([_text(place, document, body, headers) for place in alternative])
        if found:
            return found
    return ""


def _joined(texts: list[str]) -> str:
    """Join texts that identify only together, so that two different lists never read the same."""
    if not all(texts):
        return ""
    return ":".join([text.replace("%", "%25").replace(":", "%3A") for text in texts])


def _text(place: Place, document: Any, body: bytes, headers: Headers) -> str:
    if place.header:
        sent = next((value for name, value in headers if name == place.header), b"")
        return sent.strip(b" \t").decode("utf-8", "surrogateescape")
    return pointer.text(document, place.tokens, body)


def _occurred(document: Any, moment: Moment) -> int | None:
    value = pointer.find(document, moment.tokens)
    if moment.form is TimeForm.ISO:
        if type(value) is not str:
            return None
        try:
            ms = cloudevents.timestamp_ms(value)
        except (ValueError, OverflowError):
            return None
    else:
        if type(value) is not int:
            return None
        ms = value * _SECOND_MS if moment.form is TimeForm.SECONDS else value
    return ms if 0 <= ms <= _LAST_MS else None


def _digest(content: bytes) -> str:
    return "sha256:" + hashlib.sha256(content).hexdigest()
