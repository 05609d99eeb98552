"""Undo gzip (RFC 1952) in small steps, for providers that sign the plain bytes and send others.

Compressed bytes flow in, pieces of plain ones flow out, each bounded: whoever takes them counts as
they come and stops when it has enough, so that a small request never becomes a large one. There is
one spelling of a body: a second member, or anything behind the first, is refused.
"""

import zlib
from collections.abc import Iterator

PIECE_BYTES = 16 * 1024
# zlib's own number for gzip's head and checksum, with the largest window.
_GZIP = 16 + zlib.MAX_WBITS


def inflated(body: bytes) -> Iterator[bytes]:
    """Yield the plain bytes of one whole gzip member. Raises `ValueError` for anything else."""
    machine = zlib.decompressobj(_GZIP)
    rest = body
    while not machine.eof:
        try:
            piece = machine.decompress(rest, PIECE_BYTES)
        except zlib.error:
            raise ValueError("the body is not gzip") from None
        if not piece and not machine.eof:
            raise ValueError("the body is cut short")
        rest = machine.unconsumed_tail
        yield piece
    if machine.unused_data:
        raise ValueError("something stands behind the end of the body")
