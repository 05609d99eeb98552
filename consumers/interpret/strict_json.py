"""Read a verified body as JSON in one way only, and number for number as it was written. Pure.

A signature proves who wrote the bytes, not that every parser sees the same thing in them. What two
parsers could read differently is refused: repeated keys, NaN and infinities, lone surrogates, a
byte order mark, nesting without end. A fraction stays the decimal that was written, an integer
keeps every digit: neither ever passes through a binary float.

orjson reads first, because it is strict about UTF-8 and cannot be driven into recursion. What it
read is taken where the two things that it loses cannot have been there: a fraction, and a key that
was repeated. Else the standard library reads again, because it alone can keep decimals and see
repeated keys.
"""

import json
from decimal import Decimal, InvalidOperation
from typing import Any

import orjson

from consumers.interpret.drift import Drift

# Real events nest some ten deep. Beyond this the second parser's own stack would decide.
DEPTH_MAX = 64
# A 256-bit amount has 78 digits. `int` of a text takes time in the square of its length.
NUMBER_CHARS_MAX = 128
_WHITE_SPACE = " \t\n\r"
# What can stand before the colon of a member.
_BEFORE_COLON = frozenset({b'"', b" ", b"\t", b"\n", b"\r"})
_LOOKED_AT = frozenset({dict, list, float})
_UNSURE = -1


def loads(body: bytes) -> Any:
    """Return the document. Raises `Drift`, saying what is wrong with it, and nothing else."""
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise Drift("the body is not JSON, or not UTF-8 without a byte order mark") from None
    if _members(document) >= _written(body):
        return document
    # Fewer brackets than the limit cannot nest deeper than it: most bodies are not walked.
    if body.count(b"{") + body.count(b"[") > DEPTH_MAX and _depth(document) > DEPTH_MAX:
        raise Drift(f"the body nests deeper than {DEPTH_MAX}")
    text = body.decode()
    # The first parser has seen one document with nothing but white space around it.
    return _DECODER.raw_decode(text, len(text) - len(text.lstrip(_WHITE_SPACE)))[0]


def _members(document: Any) -> int:
    """Count the members of all objects; `_UNSURE` where that is not all there is to look at.

    A float is a fraction, or an integer of more than 64 bits: neither is what was written. All
    other numbers are. Level by level, so that depth costs no stack.
    """
    members = 0
    level = [document] if type(document) in _LOOKED_AT else []
    for _ in range(DEPTH_MAX):
        below: list[Any] = []
        for item in level:
            if type(item) is float:
                return _UNSURE
            if type(item) is dict:
                members += len(item)
                below += [value for value in item.values() if type(value) in _LOOKED_AT]
            else:
                below += [value for value in item if type(value) in _LOOKED_AT]
        if not below:
            return members
        level = below
    return _UNSURE


def _written(body: bytes) -> int:
    """Return how many members the text has at the most: a colon may stand in a text, too."""
    return sum([part[-1:] in _BEFORE_COLON for part in body.split(b":")[:-1]])


def _depth(document: Any) -> int:
    """Measure nesting level by level, so that depth costs no stack."""
    depth = 0
    level = [document]
    while level := [item for item in level if isinstance(item, dict | list)]:
        depth += 1
        level = [
            inner for item in level for inner in (item.values() if isinstance(item, dict) else item)
        ]
    return depth


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise Drift("the body repeats a key in one object")
    return found


def _whole(digits: str) -> int:
    if len(digits) > NUMBER_CHARS_MAX:
        raise Drift(f"the body has a number of more than {NUMBER_CHARS_MAX} characters")
    return int(digits)


def _fraction(text: str) -> Decimal:
    if len(text) > NUMBER_CHARS_MAX:
        raise Drift(f"the body has a number of more than {NUMBER_CHARS_MAX} characters")
    try:
        return Decimal(text)
    except InvalidOperation:
        raise Drift("the body has a number with an exponent out of range") from None


def _constant(_: str) -> Any:
    raise Drift("the body has NaN or an infinity for a number")


_DECODER = json.JSONDecoder(
    object_pairs_hook=_unique,
    parse_int=_whole,
    parse_float=_fraction,
    parse_constant=_constant,
)
