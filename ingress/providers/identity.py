"""What a verified delivery is about: the event, its type, the payment, and when it occurred.

Only ever called behind `verify`, because this is where the body meets a parser. It never raises:
what cannot be read is published as it is, and whoever looks at it later sees why it was unreadable.
An event without a usable id is identified by its bytes. Everything that leaves here may stand in a
CloudEvents attribute.

A delivery may carry several events, in a list. It stays one event here, as it stays one body: its
key is made of all their ids, its type of all their types, and it has a payment only if they share
one.
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import orjson

from ingress.contract.cloudevents import attribute, is_attribute
from ingress.contract.envelope import UNPARSED_TYPE, Mode
from ingress.delivery import Delivery, Rejected
from ingress.providers.mode import Sign, told
from ingress.schemes.parts import pointer
from ingress.schemes.parts.fresh import Freshness
from ingress.schemes.parts.places import Kind, Place
from ingress.schemes.parts.view import View

UNKNOWN_TYPE = "unknown"
EACH = "*"
EACH_MAX = 100

# An enumeration is slow to look up.
_JSON = Kind.JSON
_FLAGS = {True: "true", False: "false"}
# The last millisecond of the year 9999: no later moment can be written as RFC 3339.
_LAST_MS = 253_402_300_799_999


class Identity(NamedTuple):
    """`payment_ref` is empty, and `occurred_ms` None, where the provider names none."""

    event_key: str
    event_type: str
    payment_ref: str
    occurred_ms: int | None


Alternative = tuple[Place, ...]
"""One place, or several that identify only together."""

Combine = Callable[[Sequence[str]], str]
"""How the texts of several events in one delivery become one."""


@dataclass(frozen=True, slots=True)
class Moment:
    """Where the provider says when the event occurred."""

    place: Place
    form: Freshness


class _Plain(NamedTuple):
    """The places of nearly every provider: single ones in the JSON, and no list. Empty if not."""

    key: tuple[pointer.Tokens, ...]
    word: tuple[pointer.Tokens, ...]
    payment: tuple[pointer.Tokens, ...]


def _pointers(alternatives: tuple[Alternative, ...]) -> tuple[pointer.Tokens, ...]:
    """Return where to look, if every alternative is one place in the JSON; else nothing."""
    is_plain = all(
        len(places) == 1 and places[0].kind is Kind.JSON and EACH not in places[0].tokens
        for places in alternatives
    )
    return tuple(places[0].tokens for places in alternatives) if is_plain else ()


class _Flag(NamedTuple):
    """Where true or false alone tells the mode, as most do who tell it: what each of them tells."""

    tokens: pointer.Tokens
    modes: dict[bool, Mode]


def _flag(signs: tuple[Sign, ...]) -> _Flag | None:
    """Return the one place of a profile that looks at one, where it is a single one in the JSON."""
    if len(signs) != 1 or signs[0].at.kind is not Kind.JSON or EACH in signs[0].at.tokens:
        return None
    return _Flag(signs[0].at.tokens, {value: _mode(signs, text) for value, text in _FLAGS.items()})


def _mode(signs: tuple[Sign, ...], text: str) -> Mode:
    return told(signs, lambda _: [text])


@dataclass(frozen=True, slots=True)
class Identifier:
    """Reads the identity out of one provider's deliveries; the first usable alternative counts.

    `documents` are the places in which the JSON may stand, if that is not the body itself.
    """

    type_prefix: str
    event_key: tuple[Alternative, ...]
    event_type: tuple[Alternative, ...]
    payment_ref: tuple[Alternative, ...]
    occurred: Moment | None
    documents: tuple[Place, ...] = ()
    repeats: bool = False
    keyed_by_type: bool = False
    modes: tuple[Sign, ...] = ()
    plain: "_Plain" = field(init=False)
    flag: "_Flag | None" = field(init=False)

    def __post_init__(self) -> None:
        said = (self.event_key, self.event_type, self.payment_ref)
        object.__setattr__(self, "plain", _Plain(*map(_pointers, said)))
        object.__setattr__(self, "flag", _flag(self.modes))

    def identify(
        self,
        delivery: Delivery,
        content: bytes | None = None,
        signed_ms: int | None = None,
        message: Callable[[], bytes] | None = None,
    ) -> Identity:
        """Return the identity of a verified delivery. Raises nothing.

        `content` is its JSON where that is neither the body nor at a place: a token's claims.
        `signed_ms` is when it was signed, for a provider whose bytes repeat. `message` tells what
        was signed where that is not the bytes sent: many bodies share one message, and one event.
        """
        reading = self._reading(delivery, content)
        plain = self.plain
        key = reading.at(plain.key) if plain.key else reading.key(self.event_key)
        word = reading.at(plain.word) if plain.word else reading.first(self.event_type, _distinct)
        payment = (
            reading.at(plain.payment) if plain.payment else reading.first(self.payment_ref, _shared)
        )
        return Identity(
            event_key=(
                attribute(key)
                if key
                else self._unnamed(
                    delivery.content if message is None else message(),
                    delivery.received_ms if signed_ms is None else signed_ms,
                    word,
                )
            ),
            event_type=self._type(word) if word else reading.unnamed,
            payment_ref=attribute(payment) if payment else "",
            occurred_ms=None if self.occurred is None else reading.moment(self.occurred),
        )

    def mode(self, delivery: Delivery, content: bytes | None = None) -> Mode:
        """Return whether a verified delivery says that money is real. Raises nothing.

        `content` is as in `identify`. Nothing is read where the profile has no place to look.
        """
        if not self.modes:
            return Mode.UNKNOWN
        reading = self._reading(delivery, content)
        if self.flag is not None and (mode := reading.flagged(self.flag)) is not None:
            return mode
        return told(self.modes, reading.texts)

    def _reading(self, delivery: Delivery, content: bytes | None) -> "Reading":
        if content is None:
            content = self._content(delivery) if self.documents else delivery.content
        return Reading.of(delivery, content)

    def _content(self, delivery: Delivery) -> bytes:
        """Return the JSON text: what stands at the first place that has one, else the body."""
        view = View.of(delivery)
        for place in self.documents:
            if place.kind is Kind.FORM and _is_json(delivery.body):
                continue
            try:
                return view.text(place)
            except Rejected:
                continue
        return delivery.content

    def _unnamed(self, content: bytes, at_ms: int, word: str) -> str:
        """Identify by the bytes; where these repeat by the moment too, or by the type."""
        if self.repeats:
            content = b"%d.%b" % (at_ms, content)
        if self.keyed_by_type and word:
            # A line end stands in no header, so no other type and body make the same bytes.
            content = b"%b\n%b" % (word.encode("utf-8", "surrogatepass"), content)
        return _digest(content)

    def _type(self, word: str) -> str:
        """Return the provider's word, if it can stand behind the prefix; else its digest."""
        if is_attribute(f"{self.type_prefix}.{word}"):
            return word
        return _digest(word.encode("utf-8", "surrogatepass"))


class Reading:
    """One delivery's JSON, form, query and headers, looked at behind verification."""

    __slots__ = ("_document", "_view", "content", "unnamed")

    def __init__(self, view: View, content: bytes) -> None:
        self._view = view
        self.content = content
        self.unnamed = UNKNOWN_TYPE
        try:
            self._document = orjson.loads(content)
        except orjson.JSONDecodeError:
            self._document = None
            self.unnamed = UNPARSED_TYPE

    @classmethod
    def of(cls, delivery: Delivery, content: bytes) -> "Reading":
        """Return what is read of a *verified* delivery's content: once, whoever asks."""
        view = View.of(delivery)
        told = view.told
        if isinstance(told, cls) and told.content is content:
            return told
        view.told = reading = cls(view, content)
        return reading

    @property
    def is_json(self) -> bool:
        """Say whether the content is one JSON object or array."""
        return isinstance(self._document, dict | list)

    def at(self, pointers: tuple[pointer.Tokens, ...]) -> str:
        """Return the first text that there is at one of these places of the JSON, or ""."""
        for tokens in pointers:
            text = pointer.text(self._document, tokens, self.content)
            if text:
                return text
        return ""

    def key(self, alternatives: tuple[Alternative, ...]) -> str:
        """Return the key of the first alternative of which every part is there, or "".

        Of a list every element has a key. The key of all is made of the different ones, sorted: an
        element sent twice, or in another order, is nothing new.
        """
        for alternative in alternatives:
            columns = [self._column(place, flags=len(alternative) > 1) for place in alternative]
            count = max(map(len, columns))
            # What stands once for the whole list counts with each of its elements.
            columns = [column * count if len(column) == 1 else column for column in columns]
            if all(len(column) == count and all(column) for column in columns) and count:
                rows = {_joined(row) for row in zip(*columns, strict=True)}
                return _joined(sorted(rows))
        return ""

    def first(self, alternatives: tuple[Alternative, ...], combine: Combine) -> str:
        """Return the text of the first alternative of which every part is there, or ""."""
        for alternative in alternatives:
            texts = [self._text(place, combine) for place in alternative]
            if all(texts):
                return _joined(texts)
        return ""

    def texts(self, place: Place) -> list[str]:
        """Return the texts at a place, true and false among them; of a list every element's."""
        return self._column(place, flags=True)

    def flagged(self, flag: _Flag) -> Mode | None:
        """Return the mode that true or false tells at a place; None where neither stands there."""
        value = pointer.find(self._document, flag.tokens)
        return flag.modes[value] if type(value) is bool else None

    def moment(self, moment: Moment) -> int | None:
        """Return the milliseconds of a moment; None where there is none that can be read."""
        if moment.place.kind is _JSON and moment.form.unit_ms:
            number = pointer.find(self._document, moment.place.tokens)
            # Written out and read again, a number would be the same one.
            if type(number) is int and 0 <= number * moment.form.unit_ms <= _LAST_MS:
                return number * moment.form.unit_ms
        text = self._text(moment.place, _shared).encode("utf-8", "surrogatepass")
        try:
            ms = moment.form.sent_ms(moment.form.check(text))
        except Rejected:
            return None
        return ms if 0 <= ms <= _LAST_MS else None

    def _text(self, place: Place, combine: Combine) -> str:
        if place.kind is not Kind.JSON:
            return self._elsewhere(place)
        if EACH not in place.tokens:
            return pointer.text(self._document, place.tokens, self.content)
        every = _expand(self._document, place.tokens)
        texts = [pointer.text(self._document, tokens, self.content) for tokens in every]
        return combine(texts) if texts and all(texts) else ""

    def _column(self, place: Place, *, flags: bool) -> list[str]:
        """Return the text of every element of a list, or of the one place there is.

        Beside others, true and false tell apart; alone they name nothing.
        """
        if place.kind is not Kind.JSON:
            return [self._elsewhere(place)]
        if EACH not in place.tokens:
            text = pointer.text(self._document, place.tokens, self.content)
            return [text or (self._flag(place.tokens) if flags else "")]
        return [
            pointer.text(self._document, tokens, self.content)
            or (self._flag(tokens) if flags else "")
            for tokens in _expand(self._document, place.tokens)
        ]

    def _flag(self, tokens: pointer.Tokens) -> str:
        value = pointer.find(self._document, tokens)
        return _FLAGS[value] if type(value) is bool else ""

    def _elsewhere(self, place: Place) -> str:
        # A POST may be called with any query and a GET sent with any body: no signature minds.
        if place.kind is (Kind.FORM if self._view.delivery.method == "GET" else Kind.QUERY):
            return ""
        if place.kind is Kind.FORM and _is_json(self._view.delivery.body):
            return ""
        try:
            found = self._view.find(place)
        except Rejected:
            return ""
        text = found.decode("utf-8", "surrogateescape") if isinstance(found, bytes) else found or ""
        # A line end that is signed, or that a framework dropped, makes no other event (Braintree).
        return text.rstrip("\r\n")


def _is_json(body: bytes) -> bool:
    """Say whether a body is JSON by its first letter, and so no form.

    Read as a form, a text in it that somebody else wrote (``&payload=...``) would be a field.
    """
    return body.lstrip(b" \t\r\n")[:1] in {b"{", b"["}


def _expand(document: Any, tokens: pointer.Tokens) -> list[pointer.Tokens]:
    """Write a pointer with ``*`` out for every element; nothing where there are too many."""
    rows: list[pointer.Tokens] = [()]
    for token in tokens:
        if token == EACH:
            found = [(row, pointer.find(document, row)) for row in rows]
            rows = [
                (*row, str(index))
                for row, value in found
                if type(value) is list
                for index in range(len(value))
            ]
            if len(rows) > EACH_MAX:
                return []
        else:
            rows = [(*row, token) for row in rows]
    return rows


def _joined(texts: Sequence[str]) -> str:
    """Join texts that identify only together, so that two different lists never read the same."""
    if len(texts) == 1:
        return texts[0]
    return ":".join([text.replace("%", "%25").replace(":", "%3A") for text in texts])


def _distinct(texts: Sequence[str]) -> str:
    """Return the different words, in order of appearance."""
    return "+".join(dict.fromkeys(texts))


def _shared(texts: Sequence[str]) -> str:
    """Return the text that all have, if they have one."""
    return texts[0] if len(set(texts)) == 1 else ""


def _digest(content: bytes) -> str:
    return "sha256:" + hashlib.sha256(content).hexdigest()
