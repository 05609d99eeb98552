"""A short way to read what nearly every delivery states: one signature, in one header, well formed.

A `Statement` flows in once, when a profile is compiled, and a `Quick` flows out where its way of
stating is plain, else None. Of a delivery the `Quick` returns what the statement would read, or
nothing: it refuses nobody. What is not exactly of the plain form, and so every reason to refuse it,
is the statement's, which stays the one truth; here it is only reached sooner.
"""

import binascii
import re
import string
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from ingress.delivery import Rejected
from ingress.schemes.parts import simple
from ingress.schemes.parts.encoding import Encoding, decode
from ingress.schemes.parts.headers import Headers
from ingress.schemes.parts.message import Message
from ingress.schemes.parts.parsers import Named, Parser, Plain
from ingress.schemes.parts.scope import Scope
from ingress.schemes.parts.statement import Stamp, Statement
from ingress.schemes.parts.view import View

_PARTS = (simple.Literal, simple.Body, simple.Timestamp, simple.Header)
# Of every signature, in hex or base64, and of the digits of a timestamp.
_LETTERS = string.ascii_letters.encode() + string.digits.encode() + b"+/="
_GROUP_BYTES = 3
_GROUP_LETTERS = 4


class Stated(NamedTuple):
    """One signature over one message, with the timestamp as it was sent; unproven."""

    candidate: bytes
    message: bytes
    stamp: bytes


@dataclass(frozen=True, slots=True)
class Quick:
    """Reads the plain deliveries of one provider.

    `match` takes the signature's whole text apart: into the timestamp, if that is `in_text`, and
    the signature. `between` stands between timestamp and body, where the message is just these.
    """

    statement: Statement
    message: Message
    match: Callable[[bytes], re.Match[bytes] | None]
    in_text: bool
    is_hex: bool
    between: bytes | None

    def passes(self, headers: Headers) -> bool:
        """Say whether the headers alone show a plain delivery, that nothing is amiss with."""
        found = dict(headers)
        if len(found) != len(headers) or self.message.headers:
            return False
        text = found.get(self.statement.header)
        if text is None or self.match(text) is None:
            return False
        name = self.statement.stamp_header
        return not name or self._is_stamp(found.get(name))

    def read(self, view: View) -> Stated | None:
        """Return what a plain delivery states; of any other None. Raises nothing."""
        text = view.index.lone(self.statement.header)
        parts = None if text is None else self.match(text)
        if parts is None:
            return None
        stamp = b""
        if self.in_text:
            stamp = parts[1]
        elif self.statement.stamp_header:
            found = view.index.lone(self.statement.stamp_header)
            if found is None or not self._is_stamp(found):
                return None
            stamp = found
        try:
            candidate = (
                binascii.unhexlify(parts[2]) if self.is_hex else decode(Encoding.BASE64, parts[2])
            )
            message = self._message(view, stamp)
        except (ValueError, Rejected):
            return None
        view.stated = self.statement, stamp
        return Stated(candidate, message, stamp)

    def _is_stamp(self, text: bytes | None) -> bool:
        stamp = self.statement.stamp
        if stamp is None or text is None:
            return False
        return stamp.freshness.syntax.fullmatch(text) is not None

    def _message(self, view: View, stamp: bytes) -> bytes:
        if self.message.is_body:
            return view.delivery.body
        if self.between is not None:
            return stamp + self.between + view.delivery.body
        return self.message.render(Scope(view, stamp))[0]


def quick(statement: Statement) -> Quick | None:
    """Return the short way of a statement, if it is a plain one."""
    length, stamp, messages = statement.digest_bytes, statement.stamp, statement.messages
    is_plain = statement.header and not (
        statement.when or statement.each or statement.repeated or statement.body_digest
    )
    if not is_plain or length is None or len(messages) != 1 or not _is_readable(stamp):
        return None
    message = messages[0]
    if message.has_secret or not all(isinstance(part, _PARTS) for part in message.parts):
        return None
    text = _text(statement.parser, stamp, _signature(statement.encoding, length))
    if text is None:
        return None
    return Quick(
        statement,
        message,
        re.compile(text).fullmatch,
        in_text=stamp is not None and bool(stamp.field),
        is_hex=statement.encoding is Encoding.HEX,
        between=_between(message),
    )


def _is_readable(stamp: Stamp | None) -> bool:
    """Say whether a timestamp, if there is one, is mere digits, in a header or in the text."""
    if stamp is None:
        return True
    return bool(stamp.freshness.unit_ms) and bool(stamp.field or stamp.header)


def _between(message: Message) -> bytes | None:
    """Return what stands between timestamp and body, where a message is made of just these."""
    match message.parts:
        case (simple.Timestamp(), simple.Body()):
            return b""
        case (simple.Timestamp(), simple.Literal(text), simple.Body()):
            return text
    return None


def _signature(encoding: Encoding, length: int) -> bytes:
    """Write the expression of a signature of so many bytes."""
    if encoding is Encoding.HEX:
        return b"[0-9A-Fa-f]{%d}" % (2 * length)
    padding = -length % _GROUP_BYTES
    letters = (length + padding) // _GROUP_BYTES * _GROUP_LETTERS - padding
    return b"[A-Za-z0-9+/]{%d}={%d}" % (letters, padding)


def _text(parser: Parser, stamp: Stamp | None, signature: bytes) -> bytes | None:
    """Write the expression of the header's text; None where the parser might see more in it."""
    field = b"" if stamp is None else stamp.field
    if isinstance(parser, Plain):
        return None if field else b"()" + re.escape(parser.prefix) + b"(%b)" % signature
    name, assign = (
        (parser.key, parser.assign) if isinstance(parser, Named) else (parser.version, b",")
    )
    if not _are_apart(parser.separator, assign, name + field) or name == field:
        return None
    ours = re.escape(name + assign) + b"(%b)" % signature
    if stamp is None or not field:
        return b"()" + ours
    syntax = stamp.freshness.syntax.pattern
    return re.escape(field + assign) + b"(%b)" % syntax + re.escape(parser.separator) + ours


def _are_apart(separator: bytes, assign: bytes, names: bytes) -> bool:
    """Say whether what takes a text apart can be taken for nothing else in it."""
    taken = {*_LETTERS, *names}
    return taken.isdisjoint(separator) and not set(assign) & {*names, *separator}
