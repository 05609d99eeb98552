"""A body as it was transferred in chunks (RFC 9112, section 7.1), put together."""

import re

_CHUNK = re.compile(rb"([0-9A-Fa-f]{1,8})(?:;[^\r\n]*)?\r\n")


def joined(body: bytes) -> bytes | None:
    """Return what the chunks hold; None where these are no chunks, or the last is missing."""
    at, found = 0, list[bytes]()
    while line := _CHUNK.match(body, at):
        size = int(line[1], 16)
        if size == 0:
            return b"".join(found)
        found.append(body[line.end() : line.end() + size])
        at = line.end() + size
        at += 2 if body[at : at + 2] == b"\r\n" else 0
    return None
