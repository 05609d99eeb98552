"""The parts of a message that are taken from the delivery as they came.

Each is a few bytes of the request: its body, a header, a value behind a pointer, the method, the
registered URL. None of them changes what it takes.
"""

import binascii
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

from ingress.delivery import Reason, Rejected
from ingress.schemes.parts import places, urls
from ingress.schemes.parts.headers import Index
from ingress.schemes.parts.parsers import single
from ingress.schemes.parts.scope import Covers, Part, Scope

COVERED_HEADERS_MAX = 16
# One spelling, as the sender writes it: the names are a part of the message.
_COVERED = re.compile(rb"[a-z0-9!#$%&'*+.^_`|~-]{1,64}")


@dataclass(frozen=True, slots=True)
class Literal:
    """Bytes that stand in every message."""

    text: bytes
    covers: ClassVar[Covers] = Covers.NOTHING

    def render(self, scope: Scope) -> bytes:
        """Return the text."""
        return self.text


@dataclass(frozen=True, slots=True)
class Body:
    """The body, byte for byte."""

    covers: ClassVar[Covers] = Covers.BODY

    def render(self, scope: Scope) -> bytes:
        """Return the body."""
        return scope.view.delivery.body


@dataclass(frozen=True, slots=True)
class BodyOrQuery:
    """The body of a POST; of a GET the query with its question mark (MoonPay)."""

    covers: ClassVar[Covers] = Covers.BODY

    def render(self, scope: Scope) -> bytes:
        """Return the body or the query."""
        delivery = scope.view.delivery
        return b"?" + delivery.query if delivery.method == "GET" else delivery.body


@dataclass(frozen=True, slots=True)
class Timestamp:
    """The timestamp, as the text received: a number rendered anew could differ from it."""

    covers: ClassVar[Covers] = Covers.NOTHING

    def render(self, scope: Scope) -> bytes:
        """Return the timestamp's text."""
        return scope.stamp


@dataclass(frozen=True, slots=True)
class Header:
    """A header's value; `end` is the literal that follows it, and may not occur in it."""

    name: bytes
    end: bytes = b""
    covers: ClassVar[Covers] = Covers.NOTHING

    def read(self, index: Index) -> bytes:
        """Return the value. Raises `Rejected` if it is missing, empty or ambiguous."""
        text = index.value(self.name)
        if not text or (self.end and self.end in text):
            raise Rejected(Reason.HEADER_MALFORMED)
        return text

    def render(self, scope: Scope) -> bytes:
        """Return the value."""
        return self.read(scope.view.index)


@dataclass(frozen=True, slots=True)
class Value:
    """A text in the body or the query; where `optional`, a missing one is empty."""

    place: places.Place
    optional: bool
    covers: ClassVar[Covers] = Covers.FIELDS

    def render(self, scope: Scope) -> bytes:
        """Return the text as UTF-8."""
        if not self.optional:
            return scope.view.text(self.place, scope.root)
        found = scope.view.find(self.place, scope.root)
        if found is None:
            return b""
        return found if isinstance(found, bytes) else found.encode()


@dataclass(frozen=True, slots=True)
class Method:
    """The request's method."""

    covers: ClassVar[Covers] = Covers.NOTHING

    def render(self, scope: Scope) -> bytes:
        """Return the method's name."""
        return scope.view.delivery.method.encode()


@dataclass(frozen=True, slots=True)
class Url:
    """The registered URL with the query received; `port` as the provider wrote it."""

    port: urls.Port
    covers: ClassVar[Covers] = Covers.NOTHING

    def render(self, scope: Scope) -> bytes:
        """Return the URL."""
        delivery = scope.view.delivery
        return urls.with_port(urls.called(delivery.url, delivery.query), self.port)


@dataclass(frozen=True, slots=True)
class UrlPath:
    """The path of the registered URL, without host and query (0xPay)."""

    covers: ClassVar[Covers] = Covers.NOTHING

    def render(self, scope: Scope) -> bytes:
        """Return the path."""
        return urls.path(scope.view.delivery.url)


@dataclass(frozen=True, slots=True)
class BodyOrUrl:
    """The body of a POST; of a GET, whose content is its query, the whole URL (CryptAPI).

    Two messages of which either may be signed would not do: who saw a signed GET could then POST
    any body to its URL.
    """

    covers: ClassVar[Covers] = Covers.BODY

    def render(self, scope: Scope) -> bytes:
        """Return the body or the URL."""
        delivery = scope.view.delivery
        if delivery.method == "GET":
            return urls.called(delivery.url, delivery.query)
        # What was signed for a GET is no body: it would be the same event under another key.
        if delivery.body.startswith(urls.called(delivery.url, b"")):
            raise Rejected(Reason.BODY_MALFORMED)
        return delivery.body


URL_PARTS = (Url, UrlPath, BodyOrUrl)
"""The parts that cannot be made without the registered URL."""


@dataclass(frozen=True, slots=True)
class Crc32:
    """The body's CRC-32 as a decimal number (PayPal): no hash, so a body can be made to fit it."""

    covers: ClassVar[Covers] = Covers.FIELDS

    def render(self, scope: Scope) -> bytes:
        """Return the checksum's digits."""
        return str(binascii.crc32(scope.view.delivery.body)).encode()


@dataclass(frozen=True, slots=True)
class Field:
    """Another field of the text in which the signature stands."""

    name: bytes
    covers: ClassVar[Covers] = Covers.NOTHING

    def render(self, scope: Scope) -> bytes:
        """Return the field's text."""
        return self.read(scope)

    def read(self, scope: Scope) -> bytes:
        """Return the field's text. Raises `Rejected` if it is missing or came twice."""
        found = single(scope.fields, self.name)
        if found is None:
            raise Rejected(Reason.HEADER_MALFORMED)
        return found


@dataclass(frozen=True, slots=True)
class CoveredHeaders:
    """The values of the headers that a field names, blanks between, joined by dots (hook0)."""

    field: bytes
    covers: ClassVar[Covers] = Covers.NOTHING

    def render(self, scope: Scope) -> bytes:
        """Return the values. A header that is named and absent cannot have been signed.

        That is a mistake of this signature and not the lack of one: an older, weaker signature
        beside it must not be tried instead.
        """
        names = Field(self.field).read(scope).split(b" ")
        if len(names) > COVERED_HEADERS_MAX or not all(map(_COVERED.fullmatch, names)):
            raise Rejected(Reason.HEADER_MALFORMED)
        value = scope.view.index.value
        return b".".join([value(name, Reason.HEADER_MALFORMED) for name in names])


def bare(part: Part) -> Callable[[str], Part]:
    """Make what takes a part's argument for a part that has none."""

    def make(argument: str) -> Part:
        if argument:
            raise ValueError("takes nothing behind a colon")
        return part

    return make


def _header(argument: str) -> Part:
    place = places.parse(f"header:{argument}")
    if argument != argument.lower() or argument.endswith("*"):
        raise ValueError("a header's name stands in lower case, and stands for one header")
    return Header(place.header)


def _value(kind: str, *, optional: bool) -> Callable[[str], Part]:
    def make(argument: str) -> Part:
        text = argument if kind == places.Kind.JSON else f"{kind}:{argument}"
        return Value(places.parse(text), optional)

    return make


def _url(argument: str) -> Part:
    ports = {"": urls.Port.AS_REGISTERED, "port": urls.Port.ADDED, "no-port": urls.Port.REMOVED}
    if argument not in ports:
        raise ValueError("a URL is {url}, {url:port} or {url:no-port}")
    return Url(ports[argument])


PARTS: dict[str, Callable[[str], Part]] = {
    "body": bare(Body()),
    "body_or_query": bare(BodyOrQuery()),
    "body_or_url": bare(BodyOrUrl()),
    "timestamp": bare(Timestamp()),
    "header": _header,
    "json": _value("json", optional=False),
    "json?": _value("json", optional=True),
    "form": _value("form", optional=False),
    "query": _value("query", optional=False),
    "method": bare(Method()),
    "url": _url,
    "path": bare(UrlPath()),
    "crc32": bare(Crc32()),
    "field": lambda argument: Field(argument.encode()),
    "covered": lambda argument: CoveredHeaders(argument.encode()),
}
