"""The letters of a number, which whoever parses JSON and prints it again does not keep.

A body flows in, bodies flow out in which ``1.1`` is ``1.10`` again, ``5`` is ``5.0``, ``1e-07`` is
``1e-7``. What was lost can only be guessed: each guess is applied to all numbers at once, and the
commonest to one number at a time, in the layout received and in those in which JSON is sent.
"""

import re
from collections.abc import Callable
from decimal import Decimal

from sealgate.explain.bodies import Bodies, reprinted

_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|-?[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?', re.DOTALL)
_PADDED = re.compile(r"([eE])([+-]?)0+(?=[0-9])")
# Cents, tenths of them, six and eighteen for tokens, eight for bitcoin.
_PLACES = (2, 1, 3, 4, 6, 8, 18)
_SINGLES_MAX = 12
# Beyond this, printing anew so many times would keep a person waiting.
_CHARACTERS_MAX = 256 * 1024
# An exponent of two digits at most: printed out, a larger one could fill the memory.
_EXPONENT = re.compile(r"[^eE]{1,40}[eE][+-]?0*[0-9]{1,2}")

Rewrite = Callable[[str], str]


def rewritten(body: bytes) -> Bodies:
    """Undo this: numbers were printed again in other letters."""
    try:
        text = body.decode()
    except UnicodeDecodeError:
        return
    if len(text) > _CHARACTERS_MAX:
        return
    tokens = [found for found in _TOKEN.finditer(text) if not found[0].startswith('"')]
    for rewrite in _ALL:
        changed = _replaced(text, rewrite)
        if changed != text:
            yield from _laid_out(changed)
    for number in tokens[:_SINGLES_MAX]:
        for tail in ("0", "00") if "." in number[0] else (".0", ".00"):
            yield (text[: number.end()] + tail + text[number.end() :]).encode()


def _laid_out(text: str) -> Bodies:
    body = text.encode()
    yield body
    for indent, separators in ((None, (",", ":")), (None, (", ", ": ")), ("  ", (",", ": "))):
        yield from reprinted(indent, separators)(body)


def _replaced(text: str, rewrite: Rewrite) -> str:
    return _TOKEN.sub(lambda found: _once(found[0], rewrite), text)


def _once(token: str, rewrite: Rewrite) -> str:
    return token if token.startswith('"') else rewrite(token)


def _with_places(places: int) -> Rewrite:
    """Print numbers that have a point with so many digits behind it, at least."""

    def rewrite(number: str) -> str:
        whole, point, digits = number.partition(".")
        return f"{whole}.{digits:0<{places}}" if point and digits.isdigit() else number

    return rewrite


def _shortest(number: str) -> str:
    """Leave out the zeros at the end, and a point with nothing behind it."""
    is_plain = "." in number and "e" not in number.lower()
    return number.rstrip("0").rstrip(".") if is_plain else number


def _plain(number: str) -> str:
    """Print an exponent out."""
    return format(Decimal(number), "f") if _EXPONENT.fullmatch(number) else number


def _exponent(number: str) -> str:
    """Leave out the zeros before an exponent, as JavaScript does."""
    return _PADDED.sub(r"\1\2", number)


_ALL: tuple[Rewrite, ...] = (*map(_with_places, _PLACES), _shortest, _plain, _exponent)
