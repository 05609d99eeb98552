"""Handshakes: a provider asks whether an endpoint is ours, and is answered from a template.

A delivery, the source's handshake tokens and its keys flow in; a `Reply` flows out, or a `Refusal`.
The request may come from anybody: so nothing is echoed but single texts that look as the profile
says, bounded, escaped for where they will stand, and never as anything that a browser would run.
Where the answer shows that we hold a secret, it is an HMAC of a text that the profile has narrowed.
"""

import hmac
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from ingress.delivery import Reason, Rejected
from ingress.schemes.parts import lexemes, places
from ingress.schemes.parts.keys import Key
from ingress.schemes.parts.places import Kind, Place
from ingress.schemes.parts.statement import Condition
from ingress.schemes.parts.view import View

# The largest is SNS's, of some 2 KiB; what is larger is a delivery.
REQUEST_BYTES_MAX = 16 * 1024
TEXT_CHARACTERS_MAX = 4096
UNFILLED_STATUS = 400
JSON_TYPE = "application/json"
NOSNIFF = ("X-Content-Type-Options", "nosniff")

_SIGNED = "hmac:"
_PART = re.compile(r"\{((?:hmac:)?(?:/|header:|form:|query:)[^{}]*)\}")
# JSON's own braces are followed by a quote, or a blank: by a letter, only those of a misspelt part.
_LEFT_OPEN = re.compile(r"\{\s*[A-Za-z/]")
_FIELD = re.compile(r"[ -~]*")
_BLANKS = b" \t\r\n"


class Echo(NamedTuple):
    """A text of the request, or our signature of it."""

    place: Place
    is_signed: bool


Template = tuple[str | Echo, ...]


class Reply(NamedTuple):
    """The answer that was asked for; `told` is what the operator should hear of it."""

    status: int
    content_type: str
    headers: tuple[tuple[str, str], ...]
    body: bytes
    told: str = ""


class Refusal(NamedTuple):
    """No answer: with which status, and why."""

    status: int
    reason: Reason


def template(text: str) -> Template:
    """Take a template apart. Raises `ValueError` saying which part is not understood."""
    pieces = _PART.split(text)
    parts: list[str | Echo] = []
    # `split` with one group alternates: literal, part, literal, part, literal.
    for index, piece in enumerate(pieces):
        if index % 2:
            parts.append(Echo(places.parse(piece.removeprefix(_SIGNED)), piece.startswith(_SIGNED)))
        elif _LEFT_OPEN.search(piece):
            raise ValueError(
                f"{piece.strip()!r} is no part of an answer; there are {{query:name}}, "
                "{form:name}, {header:x-name}, {/json/pointer}, each also behind hmac:"
            )
        elif piece:
            parts.append(piece)
    return tuple(parts)


def is_signing(parts: Template) -> bool:
    """Say whether a template holds a signature of ours."""
    return any(isinstance(part, Echo) and part.is_signed for part in parts)


@dataclass(frozen=True, slots=True)
class Handshake:
    """One exchange of one provider.

    `hash_name` is the hash of the HMAC that it may ask for. `token` is where it shows that it comes
    from the provider, `request_body` what its whole body must be, `tell` where a text stands that
    the operator should see.
    """

    method: str
    when: tuple[Condition, ...]
    accepts: re.Pattern[str]
    status: int
    content_type: str
    body: Template
    headers: tuple[tuple[str, Template], ...] = ()
    signed: bool = False
    token: Place | None = None
    request_body: bytes | None = None
    refusal_status: int = 403
    hash_name: str = "sha256"
    tell: Place | None = None

    def matches(self, view: View) -> bool:
        """Say whether a request is this handshake's. Raises nothing, whatever was sent."""
        delivery = view.delivery
        if delivery.method != self.method or len(delivery.body) > REQUEST_BYTES_MAX:
            return False
        if self.request_body is not None and delivery.body.strip(_BLANKS) != self.request_body:
            return False
        try:
            return all(_holds(condition, view) for condition in self.when)
        except Rejected:
            return False

    def answer(self, view: View, tokens: Sequence[Key], keys: Sequence[Key]) -> Reply | Refusal:
        """Answer a request that matches. The first of `keys` signs. Raises nothing."""
        try:
            self._check_token(view, tokens)
        except Rejected as rejected:
            return Refusal(self.refusal_status, rejected.reason)
        try:
            headers = [(name, self._field(view, parts, keys)) for name, parts in self.headers]
            body = self._render(view, self.body, keys, is_json=self.content_type == JSON_TYPE)
            told = "" if self.tell is None else self._text(view, self.tell)
        except Rejected as rejected:
            return Refusal(UNFILLED_STATUS, rejected.reason)
        content_type = self.content_type if body else ""
        return Reply(self.status, content_type, (NOSNIFF, *headers), body.encode(), told)

    def _check_token(self, view: View, tokens: Sequence[Key]) -> None:
        """Compare the text with every token, and stop at none. Raises `Rejected`."""
        if self.token is None:
            return
        shown = view.text(self.token)
        if not tokens:
            raise Rejected(Reason.KEY_MISSING)
        known = False
        for token in tokens:
            assert isinstance(token.material, bytes)
            if hmac.compare_digest(token.material, shown):
                known = True
        if not known:
            raise Rejected(Reason.SIGNATURE_MISMATCH)

    def _field(self, view: View, parts: Template, keys: Sequence[Key]) -> str:
        """Render a header's value; whatever a profile accepts, no line ends inside it."""
        value = self._render(view, parts, keys, is_json=False)
        if not _FIELD.fullmatch(value):
            raise Rejected(Reason.BODY_MALFORMED)
        return value

    def _render(self, view: View, parts: Template, keys: Sequence[Key], *, is_json: bool) -> str:
        rendered = []
        for part in parts:
            if isinstance(part, str):
                rendered.append(part)
                continue
            text = self._text(view, part.place)
            if part.is_signed:
                text = self._hmac(text, keys)
            rendered.append(json.dumps(text)[1:-1] if is_json else text)
        return "".join(rendered)

    def _text(self, view: View, place: Place) -> str:
        """Return a text of the request that may be echoed. Raises `Rejected`."""
        if place.kind is Kind.JSON:
            found = lexemes.find(view.json, place.tokens)
            if not isinstance(found, str):
                raise Rejected(Reason.BODY_MALFORMED)
            text = found
        else:
            try:
                text = view.text(place).decode()
            except UnicodeDecodeError:
                raise Rejected(Reason.BODY_MALFORMED) from None
        if len(text) > TEXT_CHARACTERS_MAX or not self.accepts.fullmatch(text):
            raise Rejected(Reason.BODY_MALFORMED)
        return text

    def _hmac(self, text: str, keys: Sequence[Key]) -> str:
        if not keys:
            raise Rejected(Reason.KEY_MISSING)
        material = keys[0].material
        assert isinstance(material, bytes)
        return hmac.digest(material, text.encode(), self.hash_name).hex()


def _holds(condition: Condition, view: View) -> bool:
    """Say whether a condition holds. Raises `Rejected` for what is not there, or not readable."""
    if condition.absent and condition.place.kind is Kind.JSON:
        # An object is no text, and all the same it is there.
        return lexemes.find(view.json, condition.place.tokens) is lexemes.MISSING
    found = view.find(condition.place)
    condition.check(found.encode() if isinstance(found, str) else found)
    return True
