"""A JSON tree as a language prints it: what a provider signed when it did not sign the bytes sent.

A tree of `lexemes` flows in, bytes flow out: JavaScript's ``JSON.stringify`` (NOWPayments, Ramp),
PHP's ``json_encode`` (Cryptomus), Python's ``json.dumps`` (Plisio). All are compact; they differ in
what they escape, in the order of members and in how they print numbers. A body printed by the
language that signed has its numbers in their final form already, so their letters are kept; only
Plisio's own library is known to print them again.
"""

import math
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from json.encoder import encode_basestring, encode_basestring_ascii

from ingress.delivery import Reason, Rejected
from ingress.schemes.parts.lexemes import Node, Number

Members = dict[str, Node]


class Order(StrEnum):
    """In which order JavaScript wrote the members of every object, at whatever depth."""

    RECEIVED = "received"
    """As parsed: names that are array indices first, by value, and the others as they came."""
    REBUILT = "rebuilt"
    """Sorted into a new object (NOWPayments): indices first, by value, and the others by name."""
    STABLE = "stable"
    """Sorted text (fast-json-stable-stringify, for Ramp): every name, by name."""


@dataclass(frozen=True, slots=True)
class _Language:
    """How a language prints strings, numbers and the members of an object."""

    quote: Callable[[str], str]
    number: Callable[[str], str] = str
    members: Callable[[Members], Iterable[tuple[str, Node]]] = dict.items


def js(node: Node, order: Order) -> bytes:
    """Print as ``JSON.stringify(JSON.parse(body))`` does, after the sender's sorting if any.

    What JavaScript would lose on the way (a member named ``__proto__``) is printed all the same: a
    part that no signature covers must not ride along with one that does.
    """
    return _write(node, _JS[order]).encode()


def php(node: Node) -> bytes:
    """Print as ``json_encode(json_decode($body, true), JSON_UNESCAPED_UNICODE)`` does."""
    return _write(_php_arrays(node), _PHP).encode()


def python(node: Node) -> bytes:
    """Print as ``json.dumps(json.loads(body), separators=(",", ":"))`` does.

    Raises `Rejected` for a number too large for a float: Python would print the word ``Infinity``.
    """
    return _write(node, _PYTHON).encode()


def _write(node: Node, language: _Language) -> str:
    # As deep as the tree, whose reader allows 64 levels.
    if isinstance(node, str):
        return language.quote(node)
    if isinstance(node, Number):
        return language.number(node.text)
    if isinstance(node, dict):
        quote = language.quote
        members = language.members(node)
        return "{" + ",".join([f"{quote(k)}:{_write(v, language)}" for k, v in members]) + "}"
    if isinstance(node, list):
        return "[" + ",".join([_write(value, language) for value in node]) + "]"
    return _WORDS[node]


_WORDS = {True: "true", False: "false", None: "null"}
_DIGITS = re.compile(r"0|[1-9][0-9]{0,9}")
# ECMAScript 6.1.7: an array index is below 2^32 - 1; anything else is a name like any other.
_INDEX_END = 2**32 - 1


def _is_index(name: str) -> bool:
    # The colon follows the nine: most names are letters, and told apart without an expression.
    return name < ":" and _DIGITS.fullmatch(name) is not None and int(name) < _INDEX_END


def _by_name(members: Members) -> list[str]:
    """Sort names as JavaScript compares them: by UTF-16 code units, which are not characters."""
    if "".join(members).isascii():
        return sorted(members)
    return sorted(members, key=lambda name: name.encode("utf-16-be"))


def _indices_first(members: Members, names: Iterable[str]) -> Iterable[tuple[str, Node]]:
    indices = sorted(filter(_is_index, members), key=int)
    if indices:
        names = (*indices, *(name for name in names if not _is_index(name)))
    return [(name, members[name]) for name in names]


def _received(members: Members) -> Iterable[tuple[str, Node]]:
    return _indices_first(members, members)


def _rebuilt(members: Members) -> Iterable[tuple[str, Node]]:
    return _indices_first(members, _by_name(members))


def _stable(members: Members) -> Iterable[tuple[str, Node]]:
    return [(name, members[name]) for name in _by_name(members)]


def _php_quote(text: str) -> str:
    # PHP escapes the two line ends of Unicode unless it is told not to (since 7.1), and the slash.
    quoted = encode_basestring(text).replace("/", r"\/")
    return quoted.replace("\u2028", r"\u2028").replace("\u2029", r"\u2029")


def _php_arrays(node: Node) -> Node:
    """Turn objects into PHP's arrays, which are lists where the names count 0, 1, 2 ... from 0.

    So the empty object becomes the empty list, as for everybody who follows Cryptomus' example.
    """
    if isinstance(node, list):
        return [_php_arrays(value) for value in node]
    if not isinstance(node, dict):
        return node
    members = {name: _php_arrays(value) for name, value in node.items()}
    counts = all(name == str(index) for index, name in enumerate(members))
    return list(members.values()) if counts else members


def _python_number(letters: str) -> str:
    if not set(letters) & set(".eE"):
        return "0" if letters == "-0" else letters
    number = float(letters)
    if math.isinf(number):
        raise Rejected(Reason.BODY_MALFORMED)
    return repr(number)


_JS = {
    Order.RECEIVED: _Language(encode_basestring, members=_received),
    Order.REBUILT: _Language(encode_basestring, members=_rebuilt),
    Order.STABLE: _Language(encode_basestring, members=_stable),
}
_PHP = _Language(_php_quote)
_PYTHON = _Language(encode_basestring_ascii, number=_python_number)
