"""JSON before anything is proven: a body flows in, a tree flows out that forgets nothing written.

Some providers sign a form of the JSON and not the bytes sent, so the body must be read while its
sender is still anybody. Therefore the reader is strict (RFC 8259 to the letter, and no name twice
in an object: of two, another reader may believe the other), bounded (depth, length of a number) and
linear in the body's length, and it raises nothing but `Rejected`. A number stays the letters it was
written with: read as a float and printed again, ``1e-7`` becomes ``1e-07`` and no signature holds.

`canonical` writes such a tree as one language or another would print it.
"""

import json
import re
from enum import Enum
from itertools import accumulate
from typing import NamedTuple, NoReturn

from ingress.delivery import Reason, Rejected

DEPTH_MAX = 64
# An uint256 has 78 digits. Below the 4300 at which Python itself refuses, and enough for anybody.
NUMBER_CHARACTERS_MAX = 1000


class Number(NamedTuple):
    """A number, by its letters. No `str`: ``1`` and ``"1"`` never pass for each other."""

    text: str


Node = dict[str, "Node"] | list["Node"] | str | Number | bool | None
"""A JSON value. Objects keep the order of their members."""


class Missing(Enum):
    """The type of `MISSING`: nothing stands there, which is not the same as ``null``."""

    MISSING = "missing"


MISSING = Missing.MISSING

_INDEX = re.compile(r"0|[1-9][0-9]{0,8}")
_WORDS = {True: "true", False: "false", None: ""}

# Of a body only its quotes and brackets are kept; as signed bytes, brackets are steps: 1 and -1.
_STEPS = bytes.maketrans(b"{[}]", b"\x01\x01\xff\xff")
_NO_SKELETON = bytes(set(range(256)) - set(b'{}[]"'))
_PAIR = re.compile(rb"\\u[Dd][89ABab][0-9A-Fa-f]{2}\\u[Dd][C-Fc-f][0-9A-Fa-f]{2}")
_SURROGATE = re.compile(rb"\\u[Dd][89A-Fa-f]")


def parse(body: bytes) -> Node:
    """Read a body that is one JSON value. Raises `Rejected`, and nothing else."""
    # Two backslashes are one letter: without them, a backslash always begins another escape. Their
    # place is kept, or two halves on either side of them would seem to meet.
    plain = body.replace(rb"\\", b"__")
    _check_depth(plain)
    _check_surrogates(plain)
    try:
        node: Node = _DECODER.decode(body.decode())
    except ValueError:
        raise Rejected(Reason.BODY_MALFORMED) from None
    return node


def find(node: Node, tokens: tuple[str, ...]) -> Node | Missing:
    """Return the value at a JSON pointer, `MISSING` where there is none. Raises nothing."""
    for token in tokens:
        if isinstance(node, dict):
            if token not in node:
                return MISSING
            node = node[token]
        elif isinstance(node, list) and _INDEX.fullmatch(token) and int(token) < len(node):
            node = node[int(token)]
        else:
            return MISSING
    return node


def text(node: Node) -> str | None:
    """Return a value's text: a number's letters, "" for null, None for an object or an array."""
    if isinstance(node, str):
        return node
    if isinstance(node, Number):
        return node.text
    return None if isinstance(node, dict | list) else _WORDS[node]


def without(node: Node, member: str) -> Node:
    """Return an object less one of its members, in the same order. Raises `Rejected` if absent."""
    if not isinstance(node, dict) or member not in node:
        raise Rejected(Reason.BODY_MALFORMED)
    return {name: value for name, value in node.items() if name != member}


def _check_depth(plain: bytes) -> None:
    """Refuse what nests deeper than the decoder, which recurses, is allowed to follow.

    Behind the first mistake of a malformed body this count may err; the decoder stops before it.
    """
    if plain.count(b"[") + plain.count(b"{") <= DEPTH_MAX:
        return
    skeleton = plain.replace(rb"\"", b"").translate(_STEPS, _NO_SKELETON)
    # Split at its quotes, a body is outside a string in its first piece, its third, its fifth ...
    steps = memoryview(b"".join(skeleton.split(b'"')[::2])).cast("b")
    if max(accumulate(steps), default=0) > DEPTH_MAX:
        raise Rejected(Reason.BODY_MALFORMED)


def _check_surrogates(plain: bytes) -> None:
    """Refuse half a character, which the decoder passes and no encoding can write."""
    if rb"\u" in plain and _SURROGATE.search(_PAIR.sub(b"", plain)):
        raise Rejected(Reason.BODY_MALFORMED)


# What the decoder asks of us raises as the decoder does, and `parse` turns all of it into one.


def _object(members: list[tuple[str, Node]]) -> dict[str, Node]:
    node = dict(members)
    if len(node) != len(members):
        raise ValueError("a name stands twice in an object")
    return node


def _number(letters: str) -> Number:
    if len(letters) > NUMBER_CHARACTERS_MAX:
        raise ValueError("a number is too long")
    return Number(letters)


def _constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")


_DECODER = json.JSONDecoder(
    object_pairs_hook=_object, parse_float=_number, parse_int=_number, parse_constant=_constant
)
