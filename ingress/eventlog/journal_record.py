"""How a message lies in the journal: as it is, with one header more that proves it is whole.

SQLite notices a page that makes no sense, and not a byte that changed inside a value. What was
verified must not be published with another amount in it, so every record carries a checksum of
everything it is, and its topic, with which it can be read where the file around it cannot.
"""

import zlib

from ingress.eventlog.port import Headers, Message

CHECK = "sealgate-journal"
_CHECK_BYTES = 4


def seal(message: Message) -> Message:
    """Add the check to a message."""
    check = _check(message) + message.topic.encode()
    return Message(message.topic, message.key, message.value, (*message.headers, (CHECK, check)))


def unseal(key: bytes, value: bytes, headers: Headers) -> Message | None:
    """Return the message as it was appended; None where a byte of it is not as it was."""
    if not headers or headers[-1][0] != CHECK:
        return None
    check = headers[-1][1]
    topic = check[_CHECK_BYTES:].decode("utf-8", "replace")
    message = Message(topic, key, value, headers[:-1])
    return message if _check(message) == check[:_CHECK_BYTES] else None


def _check(message: Message) -> bytes:
    named = [
        part for name, value in message.headers for part in (name.encode("utf-8", "replace"), value)
    ]
    sizes = b"%d %d" % (len(message.key), len(message.value))
    rest = b"\x00".join([message.topic.encode("utf-8", "replace"), sizes, message.key, *named])
    return zlib.crc32(message.value, zlib.crc32(rest)).to_bytes(_CHECK_BYTES, "big")
