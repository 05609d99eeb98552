"""Records that a broker takes and aiokafka cannot read: built by its own builder, then damaged."""

import asyncio
import gzip
import struct
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NamedTuple

from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.protocol.produce import ProduceRequest
from aiokafka.record.default_records import DefaultRecordBatchBuilder
from aiokafka.record.util import calc_crc32c

# A header's name of eight bytes, and eight bytes that are no UTF-8.
NAME, NO_NAME = "badname!", b"\xff\xfe\xfd\xfc\xff\xfe\xfd\xfc"
CRC_AT, ATTRIBUTES_AT, DELTA_AT, HEAD_BYTES = 17, 21, 23, 61
GZIP, ZSTD = 1, 4


class Plain(NamedTuple):
    """One record to be."""

    value: bytes
    key: bytes = b"key"
    headers: Sequence[tuple[str, bytes]] = ()


def unnamed(value: bytes = b"unnamed") -> Plain:
    """Return a record whose header's name will be no UTF-8."""
    return Plain(value, headers=[(NAME, b"held")])


def batch(*records: Plain, base: int = 0) -> bytes:
    """Build a batch; headers of the name `NAME` get one that cannot be read."""
    builder = DefaultRecordBatchBuilder(
        2,
        0,
        is_transactional=0,
        producer_id=-1,
        producer_epoch=-1,
        base_sequence=-1,
        batch_size=1_000_000,
    )
    for place, one in enumerate(records):
        headers = [(name, held) for name, held in one.headers]
        builder.append(place, 1_700_000_000_000 + place, one.key, one.value, headers)
    built = bytearray(builder.build().replace(NAME.encode(), NO_NAME))
    struct.pack_into(">q", built, 0, base)
    return summed(built)


def zipped(*records: Plain) -> bytes:
    """Build a batch that is compressed with gzip."""
    plain = batch(*records)
    return _with(plain, gzip.compress(plain[HEAD_BYTES:]), GZIP)


def zstd(*records: Plain) -> bytes:
    """Build a batch that is compressed as the broker can read and this installation cannot.

    It is a frame of zstd with one block that is not compressed at all.
    """
    plain = batch(*records)
    payload = plain[HEAD_BYTES:]
    frame = b"\x28\xb5\x2f\xfd\xa0" + len(payload).to_bytes(4, "little")
    frame += (len(payload) << 3 | 1).to_bytes(3, "little") + payload
    return _with(plain, frame, ZSTD)


def _with(plain: bytes, payload: bytes, codec: int) -> bytes:
    built = bytearray(plain[:HEAD_BYTES] + payload)
    struct.pack_into(">i", built, 8, len(built) - 12)
    struct.pack_into(">h", built, ATTRIBUTES_AT, codec)
    return summed(built)


def summed(built: bytearray) -> bytes:
    """Write the right checksum."""
    struct.pack_into(">I", built, CRC_AT, calc_crc32c(bytes(built[ATTRIBUTES_AT:])))
    return bytes(built)


def flipped(built: bytes, at: int) -> bytes:
    """Flip the bits of one byte, and leave the checksum as it is."""
    changed = bytearray(built)
    changed[at] ^= 0xFF
    return bytes(changed)


NOT_LEADER = 6
PATIENCE_S = 10.0


class Raw:
    """Writes batches to a broker, byte by byte as they are."""

    def __init__(self, producer: AIOKafkaProducer, topic: str) -> None:
        self._producer = producer
        self._topic = topic

    async def write(self, built: bytes, partition: int = 0) -> int:
        """Write a batch; return the offset of its first record."""
        client = self._producer.client
        async with asyncio.timeout(PATIENCE_S):
            while True:
                await client._wait_on_metadata(self._topic)
                leader = client.cluster.leader_for_partition(TopicPartition(self._topic, partition))
                asked = ProduceRequest(None, -1, 10_000, [(self._topic, [(partition, built)])])
                answer = await client.send(leader, asked)
                ((_, ((_, code, offset, *_),)),) = answer.topics
                # Metadata may name the leader of a new topic before it knows that it is.
                if code != NOT_LEADER:
                    break
                await asyncio.sleep(0.05)
        assert code == 0, f"the broker refuses it: {code}"
        return offset


@asynccontextmanager
async def writing(bootstrap: str, topic: str) -> AsyncIterator[Raw]:
    """Connect to a broker."""
    async with AIOKafkaProducer(bootstrap_servers=bootstrap) as producer:
        yield Raw(producer, topic)


def damage(directory: Path, topic: str, partition: int, value: bytes) -> None:
    """Flip a bit of a value where the broker keeps it: a disk that rots."""
    (segment,) = directory.glob(f"**/{topic}-{partition}/*.log")
    held = segment.read_bytes()
    assert held.count(value) == 1
    with segment.open("r+b") as file:
        file.seek(held.index(value))
        file.write(bytes([value[0] ^ 0x01]))
