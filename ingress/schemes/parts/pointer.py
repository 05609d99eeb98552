"""JSON pointers (RFC 6901): where in a verified body a value stands, and its text."""

import json
import re
from typing import Any

Tokens = tuple[str, ...]

_POINTER = re.compile(r"(?:/(?:[^~/]|~[01])*)+")
_INDEX = re.compile(r"0|[1-9][0-9]{0,8}")


def parse(pointer: str) -> Tokens:
    """Take a pointer apart. Raises `ValueError` if it is none, or points to the whole document."""
    if not _POINTER.fullmatch(pointer):
        raise ValueError(f"{pointer!r} is no JSON pointer; one looks like /data/object/id")
    tokens = pointer[1:].split("/")
    # In this order, or `~01` would turn into `/` instead of `~1`.
    return tuple(token.replace("~1", "/").replace("~0", "~") for token in tokens)


def render(tokens: Tokens) -> str:
    """Write a pointer as it is spelt."""
    return "".join("/" + token.replace("~", "~0").replace("/", "~1") for token in tokens)


def find(document: Any, tokens: Tokens) -> Any:
    """Return the value at the pointer, or None. Raises nothing, whatever the document is."""
    for token in tokens:
        if type(document) is dict:
            document = document.get(token)
        elif type(document) is list and _INDEX.fullmatch(token) and int(token) < len(document):
            document = document[int(token)]
        else:
            return None
    return document


def text(document: Any, tokens: Tokens, body: bytes) -> str:
    """Return the value as text, or "" where there is none that identifies anything.

    A string is itself; a whole number is its digits. Where the parser made a float of a number, its
    letters are read again from the body: ``1e2`` stays ``1e2``, and an integer too large for the
    parser keeps every digit.
    """
    value = document
    for token in tokens:
        # Nearly always a walk through objects alone, done here: it is done for every delivery.
        if type(value) is not dict:
            value = find(document, tokens)
            break
        value = value.get(token)
    if type(value) is str:
        return value
    if type(value) is int:
        return str(value)
    return _lexeme(body, tokens) if type(value) is float else ""


def _lexeme(body: bytes, tokens: Tokens) -> str:
    try:
        document = json.loads(body, parse_float=str, parse_int=str)
    except (ValueError, RecursionError):
        return ""
    value = find(document, tokens)
    return value if type(value) is str else ""
