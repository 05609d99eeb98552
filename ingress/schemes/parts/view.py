"""One delivery, as everybody reads it: each part is taken apart once, and only if asked.

Most schemes ask for nothing but headers and bytes. Those that sign a part of the body, or a form of
it, need the body read before anything is proven: so the readers behind this view are strict,
bounded and linear, and raise nothing but `Rejected`.
"""

from typing import Self

from ingress.delivery import Delivery, Reason, Rejected
from ingress.schemes.parts import forms, lexemes, pointer
from ingress.schemes.parts.headers import Index
from ingress.schemes.parts.places import Kind, Place


class View:
    """A delivery with its headers indexed, and its form, query and JSON read on demand.

    `stated` is the timestamp that a statement found, with the statement; `told` is what was read of
    the content behind verification. Both are kept by those who read them, and asked for again.
    """

    __slots__ = ("_form", "_json", "_query", "delivery", "index", "stated", "told")

    def __init__(self, delivery: Delivery) -> None:
        self.delivery = delivery
        self.index = Index(delivery.headers)
        self._form: list[tuple[str, str]] | None = None
        self._query: list[tuple[str, str]] | None = None
        self._json: lexemes.Node | lexemes.Missing = lexemes.MISSING
        self.stated: tuple[object, bytes] | None = None
        self.told: object = None

    @classmethod
    def of(cls, delivery: Delivery) -> Self:
        """Return the view of a delivery: the same one, whoever asks."""
        seen = delivery.seen
        if isinstance(seen, cls):
            return seen
        delivery.seen = view = cls(delivery)
        return view

    @property
    def form(self) -> list[tuple[str, str]]:
        """The fields of a form body, in order."""
        if self._form is None:
            self._form = forms.parse(self.delivery.body)
        return self._form

    @property
    def query(self) -> list[tuple[str, str]]:
        """The parameters of the query, in order."""
        if self._query is None:
            self._query = forms.parse(self.delivery.query)
        return self._query

    @property
    def json(self) -> lexemes.Node:
        """The body as JSON, every number as it was written."""
        if isinstance(self._json, lexemes.Missing):
            self._json = lexemes.parse(self.delivery.body)
        return self._json

    def find(self, place: Place, root: lexemes.Node | None = None) -> str | bytes | None:
        """Return the text at a place, None where there is none. Raises `Rejected`: sent twice.

        `root` is the JSON value that a pointer counts from, where that is not the whole body.
        """
        if place.kind is Kind.HEADER:
            return self.index.find(place.header)
        if place.kind is Kind.JSON:
            return self.json_text(place.tokens, root)
        fields = self.form if place.kind is Kind.FORM else self.query
        found = [value for name, value in fields if name == place.name]
        if len(found) > 1:
            raise Rejected(Reason.HEADER_DUPLICATED)
        return found[0] if found else None

    def text(self, place: Place, root: lexemes.Node | None = None) -> bytes:
        """Return the bytes of the text at a place. Raises `Rejected` where there is none."""
        found = self.find(place, root)
        if found is None:
            raise Rejected(Reason.HEADER_MISSING)
        return found if isinstance(found, bytes) else found.encode()

    def json_text(self, tokens: pointer.Tokens, root: lexemes.Node | None = None) -> str | None:
        """Return the text of a JSON value; None where there is no such value, or no text of it."""
        node = lexemes.find(self.json if root is None else root, tokens)
        return None if isinstance(node, lexemes.Missing) else lexemes.text(node)
