"""Record batches as bytes: what can be read is read, what cannot is told, and nothing is skipped.

The bytes come from aiokafka's builder; what is wrong with them is put in by hand.
"""

import struct
from collections.abc import Callable

import pytest

from ingress.eventlog.kafka_salvage import decode
from ingress.eventlog.port import Partition, Record, Unreadable
from tests.support.undecodable import (
    DELTA_AT,
    HEAD_BYTES,
    Plain,
    batch,
    flipped,
    summed,
    unnamed,
    zipped,
    zstd,
)

HERE = Partition("topic", 3)
ONE, TWO, THREE = Plain(b"one"), Plain(b"two", headers=[("h", b"x")]), Plain(b"three")


def _read(raw: bytes, begin: int = 0, end: int = 100) -> list[tuple[int, bytes | str]]:
    """Read; each record is its offset and value, or why it cannot be read."""
    found: list[tuple[int, bytes | str]] = []
    for one in decode(raw, HERE, begin, end):
        assert one.position.partition == HERE
        held = one.reason if isinstance(one, Unreadable) else one.value
        found.append((one.position.offset, held))
    return found


def test_what_is_whole_is_read_whole() -> None:
    """Batches, a cut-off end, and records that come before the wanted offset: as on the wire."""
    raw = batch(ONE, TWO) + batch(THREE, base=2) + batch(ONE, base=3)[:-1]
    assert list(decode(raw, HERE, 1, 4)) == [
        Record((HERE, 1), b"key", b"two", (("h", b"x"),), 1_700_000_000_001),
        Record((HERE, 2), b"key", b"three", (), 1_700_000_000_000),
    ]


@pytest.mark.parametrize("build", [batch, zipped])
def test_a_header_without_a_name_spares_its_neighbours_in_the_batch(
    build: Callable[..., bytes],
) -> None:
    """One record is given up, at its own offset; aiokafka gives up everything behind it."""
    found = _read(build(ONE, unnamed(), TWO))
    why = "the record cannot be read: a header's name is not UTF-8"
    assert found == [(0, b"one"), (1, why), (2, b"two")]


def test_what_is_given_up_is_kept_as_it_is() -> None:
    """An operator may still need what a human can see in the bytes."""
    [one] = decode(batch(unnamed(b"pi_1 paid")), HERE, 0, 1)
    assert isinstance(one, Unreadable)
    assert b"pi_1 paid" in one.value
    assert (one.key, one.headers) == (b"", ())


def test_a_batch_with_a_wrong_checksum_is_one_and_its_range_is_told() -> None:
    """Nothing in it can be believed; what follows it can."""
    raw = flipped(batch(ONE, TWO), HEAD_BYTES + 8) + batch(THREE, base=2)
    why = "the batch cannot be read from offset 0 to 1: its checksum is wrong"
    assert _read(raw) == [(1, why), (2, b"three")]


@pytest.mark.parametrize("delta", [-5, 0, 7, 2**31 - 1])
def test_a_damaged_batch_is_not_believed_about_its_own_end(delta: int) -> None:
    """Its last offset is among what may be damaged: believing it would skip what can be read."""
    damaged = bytearray(batch(ONE, TWO))
    struct.pack_into(">i", damaged, DELTA_AT, delta)
    found = _read(bytes(damaged) + batch(THREE, base=2))
    assert [offset for offset, _ in found] == [1, 2]
    assert found[1] == (2, b"three")


def test_a_damaged_batch_at_the_end_of_the_log_is_passed_offset_by_offset() -> None:
    """Where the next batch is not there to tell, an end beyond the log's end is a lie."""
    damaged = bytearray(batch(ONE, TWO))
    struct.pack_into(">i", damaged, DELTA_AT, 1000)
    assert [offset for offset, _ in _read(bytes(damaged), 0, 2)] == [0]
    assert [offset for offset, _ in _read(bytes(damaged), 1, 2)] == [1]


def test_a_codec_that_is_not_installed_costs_its_batch_and_no_more() -> None:
    """Somebody else's producer compresses; the batch is named with its codec."""
    raw = batch(ONE) + zstd(TWO, THREE)
    raw = raw[: len(batch(ONE))] + struct.pack(">q", 1) + raw[len(batch(ONE)) + 8 :]
    [first, (offset, why)] = _read(raw + batch(THREE, base=3))[:2]
    assert first == (0, b"one")
    assert offset == 2
    assert why == (
        "the batch cannot be read from offset 1 to 2: its codec is zstd, which fails or is not"
        " installed"
    )


def test_a_record_that_is_not_built_as_records_are_spares_the_next() -> None:
    """The length before it says where the next one begins."""
    built = bytearray(batch(Plain(b"odd"), TWO))
    at = built.index(b"odd")
    built[at - 1] = 0x7E  # a value that is longer than its record
    found = _read(summed(built))
    assert found == [
        (0, "the record cannot be read: it is not built as records are"),
        (1, b"two"),
    ]


def test_where_nothing_tells_records_apart_the_rest_of_the_batch_is_one() -> None:
    """What came before in the batch is still handed over."""
    built = bytearray(batch(ONE, TWO, THREE))
    second = HEAD_BYTES + 1 + built[HEAD_BYTES] // 2
    built[second] = 0x7F  # a negative length
    why = "the batch cannot be read from offset 1 to 2: nothing tells its records apart"
    assert _read(summed(built)) == [(0, b"one"), (2, why)]


def test_bytes_of_any_kind_end_and_never_move_backwards() -> None:
    """Each flipped byte of a batch: every offset is handed over once, as a record or as lost."""
    whole = batch(ONE, TWO, THREE)
    tail = batch(ONE, base=3)
    for at in range(12, len(whole)):
        found = _read(flipped(whole, at) + tail, 0, 4)
        offsets = [offset for offset, _ in found]
        assert offsets == sorted(set(offsets))
        assert found[-1] == (3, b"one")
        assert offsets[-2] == 2
