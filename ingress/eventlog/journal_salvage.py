"""Reads the records of a journal's file from its bytes, where SQLite will not.

A page that is damaged high in a tree hides thousands of records that are whole. Records lie in
pages of one kind, each of which says itself where they are, so every page of the file and of its
write-ahead log is looked at alone (https://sqlite.org/fileformat2.html, sections 1.5, 1.6, 2.1 and
4.1), and a record counts if its own checksum holds. What was deleted already may come again, as a
duplicate: that is what readers of the log are built for.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import orjson

from ingress.eventlog.embedded_file import PAGE_BYTES
from ingress.eventlog.journal_record import unseal
from ingress.eventlog.port import Message

_LEAF = 0x0D
_WAL_HEADER_BYTES = 32
_FRAME_HEADER_BYTES = 24
_LOCAL_MAX = PAGE_BYTES - 35
_LOCAL_MIN = (PAGE_BYTES - 12) * 32 // 255 - 23
_COLUMNS = 7  # the id is among them: its place is empty, it is the cell's own
_CELLS_MAX = PAGE_BYTES // 4
_VARINT_MAX = 9
_GOES_ON = 0x80
_INTEGER_BYTES = (0, 1, 2, 3, 4, 6, 8, 8, 0, 0)
_BLOB = 12


@dataclass(frozen=True, slots=True)
class Salvaged:
    """What was read of a file: whole messages in the order of writing; how many were not whole."""

    messages: Sequence[Message]
    damaged: int


def salvage(path: Path) -> Salvaged:
    """Read every record that is whole. Raises `OSError`."""
    # One that somebody took away is as one of which nothing can be read.
    data = path.read_bytes() if path.exists() else b""
    pages = [*_pages(data, 0, 0), *_frames(path)]
    newest = dict(pages)
    found: dict[int, Message] = {}
    broken: set[int] = set()
    for _, page in pages:
        for id_, message in _records(page, newest):
            if message is None:
                broken.add(id_)
            else:
                found[id_] = message
    ordered = [found[id_] for id_ in sorted(found)]
    return Salvaged(ordered, len(broken - found.keys()))


def _frames(path: Path) -> list[tuple[int, bytes]]:
    wal = path.with_name(path.name + "-wal")
    if not wal.exists():
        return []
    return list(_pages(wal.read_bytes(), _WAL_HEADER_BYTES, _FRAME_HEADER_BYTES))


def _pages(data: bytes, begin: int, header: int) -> Iterator[tuple[int, bytes]]:
    """Cut bytes into pages by number; in the write-ahead log a header before each says which."""
    step = header + PAGE_BYTES
    for count, at in enumerate(range(begin, len(data) - step + 1, step), 1):
        number = int.from_bytes(data[at : at + 4], "big") if header else count
        yield number, data[at + header : at + step]


def _records(page: bytes, pages: Mapping[int, bytes]) -> Iterator[tuple[int, Message | None]]:
    """Read the cells of a page: each by its id, as a message, or None where it is not whole."""
    count = int.from_bytes(page[3:5], "big")
    if page[0] != _LEAF or count > _CELLS_MAX:
        return
    for number in range(count):
        at = int.from_bytes(page[8 + 2 * number : 10 + 2 * number], "big")
        try:
            size, at = _varint(page, at)
            id_, at = _varint(page, at)
            columns = _columns(_payload(page, at, size, pages))
        except (IndexError, ValueError, KeyError):
            continue
        if columns is not None:
            yield id_, _message(*columns)


def _payload(page: bytes, at: int, size: int, pages: Mapping[int, bytes]) -> bytes:
    """Put a cell's content together from its page and those that it goes on in."""
    if size <= _LOCAL_MAX:
        return page[at : at + size]
    local = _LOCAL_MIN + (size - _LOCAL_MIN) % (PAGE_BYTES - 4)
    local = local if local <= _LOCAL_MAX else _LOCAL_MIN
    whole = bytearray(page[at : at + local])
    number = int.from_bytes(page[at + local : at + local + 4], "big")
    for _ in range(len(pages)):
        if len(whole) >= size:
            break
        more = pages[number]
        whole += more[4:]
        number = int.from_bytes(more[:4], "big")
    return bytes(whole[:size])


def _columns(payload: bytes) -> tuple[bytes, bytes, bytes] | None:
    """Return key, value and headers of a record's row; None of another table's."""
    head, at = _varint(payload, 0)
    kinds = []
    while at < head:
        kind, at = _varint(payload, at)
        kinds.append(kind)
    if len(kinds) != _COLUMNS:
        return None
    ends = [head]
    for kind in kinds:
        width = (kind - _BLOB) // 2 if kind >= _BLOB else _INTEGER_BYTES[kind]
        ends.append(ends[-1] + width)
    key, value, headers = [payload[begin:end] for begin, end in pairwise(ends)][-3:]
    return key, value, headers


def _message(key: bytes, value: bytes, headers: bytes) -> Message | None:
    try:
        pairs = tuple((str(name), text.encode("latin-1")) for name, text in orjson.loads(headers))
    except (ValueError, TypeError, AttributeError):
        return None
    return unseal(key, value, pairs)


def _varint(data: bytes, at: int) -> tuple[int, int]:
    """Read a number of one to nine bytes; return it and where it ends. Raises `IndexError`."""
    number = 0
    for count in range(1, _VARINT_MAX + 1):
        byte = data[at]
        at += 1
        if count == _VARINT_MAX:
            return number << 8 | byte, at
        number = number << 7 | byte & 0x7F
        if byte < _GOES_ON:
            return number, at
    raise IndexError
