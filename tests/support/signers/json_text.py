"""JSON as the providers' languages write it, for schemes that sign a canonical text.

Numbers keep the text of their sender: Python would write 1e-07 where JavaScript writes 1e-7.
"""

import base64
import json
import re
from collections.abc import Callable

Text = Callable[[str], str]
Order = Callable[[str], tuple[int, int, bytes]]


class Lexeme(str):
    """A number as it stood in the source."""

    __slots__ = ()


def read(body: bytes) -> object:
    """Read JSON and keep the text of its numbers."""
    return json.loads(body, parse_int=Lexeme, parse_float=Lexeme)


def members(body: bytes) -> dict[str, object]:
    """Read a JSON object."""
    value = read(body)
    assert isinstance(value, dict)
    return value


def write(value: object, text: Text, order: Order | None = None) -> str:
    """Write compact JSON; with an order, its keys are sorted at every depth."""
    if isinstance(value, Lexeme):
        return value
    if isinstance(value, str):
        return text(value)
    if isinstance(value, dict):
        names = sorted(value, key=order) if order else list(value)
        inside = (f"{text(name)}:{write(value[name], text, order)}" for name in names)
        return "{" + ",".join(inside) + "}"
    if isinstance(value, list):
        return "[" + ",".join(write(item, text, order) for item in value) + "]"
    return json.dumps(value)


def literal(text: str) -> str:
    """Write a string as JavaScript: every letter and the slash as they are."""
    return json.dumps(text, ensure_ascii=False)


def php(text: str) -> str:
    r"""Write a string as PHP with JSON_UNESCAPED_UNICODE: / and two line ends are escaped."""
    escaped = literal(text).replace("/", "\\/")
    return escaped.replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


def utf16(name: str) -> tuple[int, int, bytes]:
    """Order keys as JavaScript's sort does, by UTF-16 code units."""
    return 1, 0, name.encode("utf-16-be", "surrogatepass")


def rebuilt(name: str) -> tuple[int, int, bytes]:
    """Order the keys of an object filled in sorted order: array indices come first, as numbers."""
    if re.fullmatch("0|[1-9][0-9]{0,9}", name) and int(name) < 2**32 - 1:
        return 0, int(name), b""
    return utf16(name)


def b64url(text: bytes) -> bytes:
    """Write base64url without padding, as JSON Web Tokens do."""
    return base64.urlsafe_b64encode(text).rstrip(b"=")


def unb64url(text: bytes) -> bytes:
    """Read it."""
    return base64.urlsafe_b64decode(text + b"=" * (-len(text) % 4))


def compact(value: object) -> bytes:
    """Write plain Python values without blanks."""
    return json.dumps(value, separators=(",", ":")).encode()


def jwt(header: object, payload: bytes, sign: Callable[[bytes], bytes]) -> bytes:
    """Build a JSON Web Token by hand (RFC 7515, compact serialisation)."""
    claims = b64url(compact(header)) + b"." + b64url(payload)
    return claims + b"." + b64url(sign(claims))
