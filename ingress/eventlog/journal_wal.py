"""Whether SQLite sees all of a write-ahead log that a dead process left.

SQLite reads the log up to the first frame that is not right, and takes it for the end: after a
crash that is so. But a byte that changed later, before records that were committed, looks the same,
and would end in a file that is deleted with acknowledged records in it. So the frames that say of
themselves that they end a commit are counted here, and those that SQLite sees must not be fewer
(https://sqlite.org/fileformat2.html, section 4).
"""

import struct
from pathlib import Path

from ingress.eventlog.embedded_file import PAGE_BYTES

_HEADER = struct.Struct(">IIIIIIII")
_FRAME = struct.Struct(">IIII")
_FRAME_BYTES = 24 + PAGE_BYTES
_BIG_ENDIAN = 1
_MASK = 0xFFFFFFFF


def committed_frames(path: Path) -> int | None:
    """Count the frames up to the last commit; None where the log's head is not right."""
    wal = path.with_name(path.name + "-wal")
    data = wal.read_bytes() if wal.exists() else b""
    if len(data) < _HEADER.size:
        return 0
    magic, _, _, _, *salts, first, second = _HEADER.unpack_from(data)
    if _sum(data[:24], ">" if magic & _BIG_ENDIAN else "<") != (first, second):
        return None
    committed = 0
    for number, at in enumerate(range(_HEADER.size, len(data) - _FRAME_BYTES + 1, _FRAME_BYTES), 1):
        _, pages, *found = _FRAME.unpack_from(data, at)
        if pages and found == salts:
            committed = number
    return committed


def _sum(data: bytes, order: str) -> tuple[int, int]:
    first = second = 0
    words = struct.unpack(f"{order}{len(data) // 4}I", data)
    for even, odd in zip(words[::2], words[1::2], strict=True):
        first = first + even + second & _MASK
        second = second + odd + first & _MASK
    return first, second
