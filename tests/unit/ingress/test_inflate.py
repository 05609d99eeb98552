"""Undoing gzip: byte for byte what was put in, in bounded pieces, or nothing at all."""

import gzip

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingress.inflate import PIECE_BYTES, inflated


@given(st.binary(max_size=200_000), st.integers(0, 9))
def test_what_was_compressed_comes_out(plain: bytes, level: int) -> None:
    """The signature is of exactly these bytes."""
    assert b"".join(inflated(gzip.compress(plain, level))) == plain


def test_no_piece_is_larger_than_it_may_be() -> None:
    """Whoever takes the pieces counts them: one huge piece would have been taken already."""
    pieces = list(inflated(gzip.compress(bytes(1_000_000))))
    assert max(map(len, pieces)) <= PIECE_BYTES
    assert sum(map(len, pieces)) == 1_000_000


@given(st.binary())
def test_arbitrary_bytes_raise_nothing_else(body: bytes) -> None:
    """They come from anybody."""
    try:
        list(inflated(body))
    except ValueError:
        return
    assert body.startswith(b"\x1f\x8b")


@given(st.binary(min_size=1, max_size=1000), st.data())
def test_a_member_cut_short_or_followed_by_anything_is_refused(
    plain: bytes, data: st.DataObject
) -> None:
    """There is one compressed body for a delivery, with nothing hidden behind it."""
    whole = gzip.compress(plain)
    cut = data.draw(st.integers(0, len(whole) - 1))
    behind = data.draw(st.binary(min_size=1, max_size=100))
    for wrong in (whole[:cut], whole + behind):
        with pytest.raises(ValueError, match=r"the body is|something stands behind"):
            list(inflated(wrong))
