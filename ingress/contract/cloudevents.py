"""CloudEvents 1.0 in Kafka's binary mode: attributes as ``ce_`` headers, the value left alone.

Everything that could let a provider's text break out of its place is here. A header name is ours
alone; an attribute value must be printable Unicode of bounded length or it is replaced by a digest
of itself; the content type is chosen from a list, because one beginning ``application/cloudevents``
would make every subscriber parse the value as a structured event.

Source: CloudEvents 1.0.2, section "Context attributes" (types), and its Kafka protocol binding 3.2.
"""

import hashlib
import re
import unicodedata
from collections.abc import Collection, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from functools import lru_cache

Headers = tuple[tuple[str, bytes], ...]

ATTRIBUTE_CHARS_MAX = 512
CONTENT_TYPES = frozenset(
    {
        "application/json",
        "application/x-www-form-urlencoded",
        "application/xml",
        "application/jwt",
        "application/jose",
        "text/plain",
        "text/xml",
    }
)
OPAQUE = "application/octet-stream"

# Control, surrogate, unassigned (which holds the non-characters) and private use: none may travel.
# Format (Cf) holds the bidirectional overrides, which would let a value lie in a log or console.
_UNPRINTABLE = frozenset({"Cc", "Cs", "Cn", "Co", "Cf", "Zl", "Zp"})
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SECOND_MS = 1000
# How `timestamp` writes: all but the milliseconds and the zone.
_SECOND = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}")
_WRITTEN_CHARS = 24
_FRACTION = slice(19, 24)
# Moments of events that are under way lie close together: all seconds of an hour.
_SECONDS_KEPT = 3600
_FRACTIONS = {f".{ms:03d}Z": ms for ms in range(_SECOND_MS)}


def is_attribute(text: str) -> bool:
    """Say whether `text` may be an attribute value as it stands."""
    if not 0 < len(text) <= ATTRIBUTE_CHARS_MAX:
        return False
    if text.isascii():
        return text.isprintable()
    return not any(unicodedata.category(char) in _UNPRINTABLE for char in text)


def attribute(text: str) -> str:
    """Return `text`, or ``sha256:<hex>`` of it where it may not travel as it stands.

    The digest keeps two different texts different, so that an event key stays an event key.
    """
    if is_attribute(text):
        return text
    return "sha256:" + hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


@lru_cache(maxsize=64)
def content_type(sent: bytes | None) -> str:
    """Normalise a request's Content-Type through the allow-list."""
    if sent is None:
        return OPAQUE
    media = sent.split(b";", 1)[0].strip().lower().decode("ascii", "replace")
    return media if media in CONTENT_TYPES else OPAQUE


def timestamp(ms: int) -> str:
    """Render milliseconds since the epoch as an RFC 3339 timestamp in UTC."""
    second, ms = divmod(ms, _SECOND_MS)
    return f"{_second(second)}.{ms:03d}Z"


@lru_cache(maxsize=_SECONDS_KEPT)
def _second(second: int) -> str:
    """Render a whole second since the epoch, without its zone."""
    return (_EPOCH + timedelta(seconds=second)).isoformat()[: _FRACTION.start]


def timestamp_ms(text: str) -> int:
    """Read an RFC 3339 timestamp; raise `ValueError` for anything else."""
    # As we write it, it is read piece by piece; whatever else there is, as a whole.
    if len(text) == _WRITTEN_CHARS:
        ms = _FRACTIONS.get(text[_FRACTION])
        second_ms = None if ms is None else _second_ms(text[: _FRACTION.start])
        if ms is not None and second_ms is not None:
            return second_ms + ms
    return _any_ms(text)


@lru_cache(maxsize=_SECONDS_KEPT)
def _second_ms(text: str) -> int | None:
    """Read a whole second without its zone; None where it is not written as we write it."""
    return _any_ms(text + "Z") if _SECOND.fullmatch(text) else None


def _any_ms(text: str) -> int:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError("a timestamp needs its zone")
    return (moment - _EPOCH) // timedelta(milliseconds=1)


def to_headers(attributes: Mapping[str, str], data_content_type: str) -> Headers:
    """Write attributes as Kafka headers, ``datacontenttype`` bare as the binding demands."""
    head = [("ce_" + name, value.encode()) for name, value in attributes.items()]
    return (*head, ("content-type", data_content_type.encode()))


def from_headers(headers: Iterable[tuple[str, bytes]]) -> dict[str, str]:
    """Read the attributes; raise `ValueError` for a repeated or undecodable one.

    A repeated attribute would let two readers see two different events in one record.
    """
    attributes: dict[str, str] = {}
    for name, value in headers:
        if not name.startswith("ce_") and name != "content-type":
            continue
        short = "datacontenttype" if name == "content-type" else name[3:]
        if short in attributes:
            raise ValueError(f"the header {name} is repeated")
        attributes[short] = value.decode()
    return attributes


def check_version(attributes: Mapping[str, str], name: str, known: Collection[str]) -> None:
    """Raise `ValueError` unless the attribute `name` holds a version that this code reads."""
    version = attributes[name]
    if version not in known:
        raise ValueError(f"version {version!r} ({name}) is not known here")
