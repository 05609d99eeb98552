"""JSON pointers (RFC 6901): the places that a mapping names in an event. Pure.

One extension: a negative index counts from the end of an array, because a provider's timeline is
told oldest first, and what it says now is its last entry. RFC 6901 gives such a token no meaning.
"""

import re
from typing import Any

Tokens = tuple[str, ...]

_POINTER = re.compile(r"(?:/(?:[^~/]|~[01])*)+")
_INDEX = re.compile(r"0|-?[1-9][0-9]{0,5}")


def parse(pointer: str) -> Tokens:
    """Take a pointer apart. Raises `ValueError` for anything else, the whole document included."""
    if not _POINTER.fullmatch(pointer):
        raise ValueError(f"{pointer!r} is no JSON pointer: write one like /data/object/amount")
    # `~1` first: `~01` is a tilde and a one, not a slash.
    return tuple(token.replace("~1", "/").replace("~0", "~") for token in pointer[1:].split("/"))


def find(document: Any, tokens: Tokens) -> Any:
    """Return the value at the place, or None: a mapping treats null and nothing alike."""
    for token in tokens:
        if isinstance(document, dict):
            document = document.get(token)
        elif isinstance(document, list) and _INDEX.fullmatch(token):
            index = int(token)
            if not -len(document) <= index < len(document):
                return None
            document = document[index]
        else:
            return None
    return document


def replaced(document: Any, tokens: Tokens, value: Any) -> Any:
    """Return the document with another value at a place that is there; the document stays as is."""
    if not tokens:
        return value
    token, rest = tokens[0], tokens[1:]
    if isinstance(document, list):
        copied = list(document)
        copied[int(token)] = replaced(document[int(token)], rest, value)
        return copied
    return {**document, token: replaced(document[token], rest, value)}
