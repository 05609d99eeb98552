"""A request on its way to being signed: putting a text where a profile says it stands. Pure.

A `Draft` flows in and another one flows out, with a text at a place, or without the one that was
there. What nobody asked to change keeps its bytes; a JSON body that a text is put into is written
anew, its numbers letter for letter. `ValueError` says what a body would have to be.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from urllib.parse import urlencode

from ingress.delivery import Delivery, Rejected
from ingress.schemes.parts import canonical, forms, lexemes, pointer
from ingress.schemes.parts.lexemes import Missing, Node, Number
from ingress.schemes.parts.places import Kind, Place
from ingress.schemes.parts.view import View

EACH = "*"
FIRST = "0"
JSON = "application/json"
FORM = "application/x-www-form-urlencoded"
CONTENT_TYPE = "content-type"

Text = str | Number


@dataclass(frozen=True, slots=True)
class Draft:
    """One request. `url` is the registered one; header names are in lower case."""

    method: str = "POST"
    url: str = ""
    query: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes = field(default=b"", repr=False)

    def delivery(self, received_ms: int = 0) -> Delivery:
        """Return what the receiver gets of it."""
        headers = tuple((name.encode(), text.encode()) for name, text in self.headers.items())
        return Delivery(
            "simulator", self.method, self.query, headers, self.body, received_ms, self.url
        )


def find(draft: Draft, place: Place, under: pointer.Tokens = ()) -> str | None:
    """Return the text at a place, None where there is none; `under` is where pointers begin."""
    try:
        found = View(draft.delivery()).find(_below(place, under))
    except Rejected:
        return None
    return found.decode() if isinstance(found, bytes) else found


def put(draft: Draft, place: Place, text: Text, under: pointer.Tokens = ()) -> Draft:
    """Put a text at a place, over what is there. Raises `ValueError` if the body has no room."""
    match place.kind:
        case Kind.HEADER:
            return replace(draft, headers={**draft.headers, place.name: _letters(text)})
        case Kind.QUERY:
            return replace(draft, query=_with_field(draft.query, place.name, text))
        case Kind.FORM:
            return replace(draft, body=_with_field(draft.body, place.name, text))
        case Kind.JSON:
            tree = with_member(_tree(draft.body), (*under, *place.tokens), text)
            return replace(draft, body=written(tree))


def drop(draft: Draft, place: Place, under: pointer.Tokens = ()) -> Draft:
    """Take away what stands at a place."""
    match place.kind:
        case Kind.HEADER:
            kept = {name: text for name, text in draft.headers.items() if name != place.name}
            return replace(draft, headers=kept)
        case Kind.QUERY:
            return replace(draft, query=_without_field(draft.query, place.name))
        case Kind.FORM:
            return replace(draft, body=_without_field(draft.body, place.name))
        case Kind.JSON:
            tree = _without_member(_tree(draft.body), (*under, *place.tokens))
            return replace(draft, body=written(tree))


def with_member(node: Node | Missing, tokens: pointer.Tokens, value: Node) -> Node:
    """Return a tree with a value at a pointer; ``*`` is the first element. Raises `ValueError`."""
    if not tokens:
        return value
    head, rest = tokens[0], tokens[1:]
    if isinstance(node, Missing):
        node = [] if head in {EACH, FIRST} else {}
    if isinstance(node, dict):
        return {**node, head: with_member(node.get(head, lexemes.MISSING), rest, value)}
    place = 0 if head == EACH else int(head) if head.isascii() and head.isdigit() else -1
    if not isinstance(node, list) or not 0 <= place <= len(node):
        raise ValueError(f"the body has no room for {pointer.render(tokens)}")
    below = node[place] if place < len(node) else lexemes.MISSING
    return [*node[:place], with_member(below, rest, value), *node[place + 1 :]]


def texts(node: Node, tokens: pointer.Tokens = ()) -> list[tuple[pointer.Tokens, str]]:
    """Return every string of a tree with its pointer, in order."""
    if isinstance(node, str):
        return [(tokens, node)]
    below = node.items() if isinstance(node, dict) else []
    if isinstance(node, list):
        below = [(str(index), one) for index, one in enumerate(node)]
    return [found for name, one in below for found in texts(one, (*tokens, name))]


def written(node: Node) -> bytes:
    """Write a tree, compact, in the order of its members."""
    return canonical.js(node, canonical.Order.RECEIVED)


def _below(place: Place, under: pointer.Tokens) -> Place:
    return place._replace(tokens=(*under, *place.tokens)) if place.kind is Kind.JSON else place


def _tree(body: bytes) -> Node:
    try:
        return lexemes.parse(body)
    except Rejected:
        raise ValueError(
            "the body must be JSON: this provider signs a part or form of it"
        ) from None


def _letters(text: Text) -> str:
    return text.text if isinstance(text, Number) else text


def _fields(content: bytes) -> list[tuple[str, str]]:
    try:
        return forms.parse(content)
    except Rejected:
        raise ValueError("the body must be a form: this provider signs a part of it") from None


def _with_field(content: bytes, name: str, text: Text) -> bytes:
    fields, letters = _fields(content), _letters(text)
    if any(one == name for one, _ in fields):
        return urlencode([(one, letters if one == name else old) for one, old in fields]).encode()
    return b"&".join(filter(None, (content, urlencode([(name, letters)]).encode())))


def _without_field(content: bytes, name: str) -> bytes:
    return urlencode([one for one in _fields(content) if one[0] != name]).encode()


def _without_member(node: Node, tokens: pointer.Tokens) -> Node:
    head, rest = tokens[0], tokens[1:]
    if isinstance(node, list) and head.isdigit() and int(head) < len(node):
        place = int(head)
        return [*node[:place], _without_member(node[place], rest), *node[place + 1 :]]
    if not isinstance(node, dict) or head not in node:
        return node
    if rest:
        return {**node, head: _without_member(node[head], rest)}
    return {name: value for name, value in node.items() if name != head}
