"""How bytes are written as text: hex in either case, or base64 in its one canonical form.

Nothing is forgiven, because each forgiveness is a second spelling of the same signature, and a
second spelling is what gets past a cache, a log search or a replay check.
"""

import binascii
from enum import StrEnum


class Encoding(StrEnum):
    """A closed set: a profile chooses one, a message never does."""

    HEX = "hex"
    BASE64 = "base64"


def decode(encoding: Encoding, text: bytes) -> bytes:
    """Return the bytes that `text` stands for. Raises `ValueError` for any other spelling."""
    if encoding is Encoding.HEX:
        return binascii.unhexlify(text)
    decoded = binascii.a2b_base64(text, strict_mode=True)
    # Strict mode lets the unused bits of the last letter be anything; the canonical form has zeros.
    if binascii.b2a_base64(decoded, newline=False) != text:
        raise ValueError("not canonical base64")
    return decoded
