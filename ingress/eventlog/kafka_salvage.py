"""Reading by hand what aiokafka cannot read.

One header name that is not UTF-8, one codec that is not installed, one flipped bit on a disk: then
aiokafka raises for its whole answer, the records of other partitions in it included, and raises
again for ever, because it reads each batch from its beginning. So the bytes are asked for once more
(`fetch`) and read batch by batch (`decode`): by aiokafka where it can, by hand where it cannot.
What nobody can read becomes an `Unreadable`, one for each record, or one for a whole batch where
nothing tells its records apart; what can be read around it is handed over as ever, in order.
"""

import struct
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any, NamedTuple

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition, codec
from aiokafka import errors as kafka
from aiokafka.protocol.fetch import FetchRequest
from aiokafka.record.memory_records import MemoryRecords
from aiokafka.record.util import decode_varint

from ingress.eventlog.port import RECORD_BYTES_MAX, Partition, Position, Record, Unreadable

FETCH_WAIT_MS = 100
# A batch as it begins: base offset and length; epoch, magic and checksum; attributes, the offset of
# its last record, its times, its producer, and how many records follow.
_PREFIX = struct.Struct(">qi")
_HEAD = struct.Struct(">qiibIhiqqqhii")
_MAGIC_AT, _MAGIC = 16, 2
_CODEC, _LOG_APPEND_TIME, _CONTROL = 0x07, 0x08, 0x20
_CODECS: Mapping[int, tuple[str, Callable[[bytes], bytes]]] = {
    0: ("none", bytes),
    1: ("gzip", codec.gzip_decode),
    2: ("snappy", codec.snappy_decode),
    3: ("lz4", codec.lz4_decode),
    4: ("zstd", codec.zstd_decode),
}


def is_of_a_record(error: Exception) -> bool:
    """Say whether aiokafka failed on what it read, and not on the way to it."""
    about = (kafka.CorruptRecordException, kafka.UnsupportedCodecError, kafka.RecordTooLargeError)
    # Decoding raises whatever it runs into; all that has to do with the broker is a KafkaError.
    return isinstance(error, about) or not isinstance(error, kafka.KafkaError)


def to_record(found: ConsumerRecord) -> Record:
    """Read a record as the port has it: what Kafka allows to be absent is empty."""
    place = Position(Partition(found.topic, found.partition), found.offset)
    headers = tuple((name, value or b"") for name, value in found.headers)
    return Record(place, found.key or b"", found.value or b"", headers, found.timestamp)


async def fetch(
    consumer: AIOKafkaConsumer, wanted: Mapping[TopicPartition, int], most_bytes: int
) -> list[Record]:
    """Read what each partition has from its offset on. Raises `KafkaError`."""
    client = vars(consumer)["_client"]
    by_leader: dict[int, list[TopicPartition]] = defaultdict(list)
    for partition in wanted:
        leader = client.cluster.leader_for_partition(partition)
        if leader is not None and leader >= 0:
            by_leader[leader].append(partition)
    found: list[Record] = []
    for leader, partitions in by_leader.items():
        asked = [(p.topic, [(p.partition, wanted[p], most_bytes)]) for p in partitions]
        request = FetchRequest(FETCH_WAIT_MS, 1, len(partitions) * most_bytes, 0, asked)
        for one in _answers(await client.send(leader, request)):
            begin = wanted[TopicPartition(*one.partition)]
            if one.failed is kafka.OffsetOutOfRangeError:
                raise one.failed({TopicPartition(*one.partition): begin})
            if one.failed is not kafka.NoError:
                raise one.failed(str(one.partition))
            found += decode(one.raw, one.partition, begin, one.end)
    return found


def decode(raw: bytes, partition: Partition, begin: int, end: int) -> Iterator[Record]:
    """Read whole batches from offset `begin` on; the partition ends before `end`."""
    batches = list(_split(raw))
    nexts = [_PREFIX.unpack_from(batch)[0] for batch in batches[1:]]
    for batch, following in zip_longest(batches, nexts):
        last = _last(batch, begin, following, end)
        for record in _records(_Batch.of(batch, partition, begin, last)):
            if record.position.offset >= begin:
                yield record


class _Answer(NamedTuple):
    """What a broker has of one partition."""

    partition: Partition
    failed: type[kafka.KafkaError]
    end: int
    raw: bytes


def _answers(response: Any) -> Iterator[_Answer]:
    for topic, partitions in response.topics:
        for number, code, end, *rest in partitions:
            raw = bytes(rest[-1] or b"")
            yield _Answer(Partition(topic, number), kafka.for_code(code), end, raw)


def _split(raw: bytes) -> Iterator[bytes]:
    """Cut the bytes into batches; what comes last may be cut off, and comes again."""
    at = 0
    while at + _HEAD.size <= len(raw):
        _, length = _PREFIX.unpack_from(raw, at)
        end = at + _PREFIX.size + length
        if not at + _HEAD.size <= end <= len(raw):
            return
        yield raw[at:end]
        at = end


def _last(raw: bytes, begin: int, following: int | None, end: int) -> int:
    """Find the last offset of a batch, whose own word for it may be what is damaged."""
    if following is not None:
        return following - 1
    base, *_, delta, _, _, _, _, _, _ = _HEAD.unpack_from(raw)
    # Where nothing can be trusted, one offset at a time comes to the batch's end too.
    return base + delta if begin <= base + delta < end else begin


def _records(batch: "_Batch") -> Sequence[Record]:
    """Read one batch: as aiokafka does where it can, so that nothing is read in two ways."""
    with suppress(Exception):
        known = MemoryRecords(batch.raw).next_batch()
        if not known.validate_crc():
            return [batch.given_up(batch.begin, "its checksum is wrong")]
        if known.is_control_batch:
            return []
        return [_plain(batch.partition, one) for one in known]
    if batch.raw[_MAGIC_AT] != _MAGIC:
        return [batch.given_up(batch.begin, "it is of a format of long ago")]
    return list(batch.read())


def _plain(partition: Partition, one: Any) -> Record:
    headers = tuple((name, value or b"") for name, value in one.headers)
    place = Position(partition, one.offset)
    return Record(place, one.key or b"", one.value or b"", headers, one.timestamp)


@dataclass(frozen=True, slots=True)
class _Batch:
    """The bytes of a batch, and what its head says; it is read from `begin` to its `last`."""

    raw: bytes
    partition: Partition
    begin: int
    last: int
    base: int
    attributes: int
    first_ms: int
    latest_ms: int
    count: int

    @classmethod
    def of(cls, raw: bytes, partition: Partition, begin: int, last: int) -> "_Batch":
        base, _, _, _, _, attributes, _, first_ms, latest_ms, _, _, _, count = _HEAD.unpack_from(
            raw
        )
        begin = max(begin, base)
        return cls(raw, partition, begin, last, base, attributes, first_ms, latest_ms, count)

    def given_up(self, first: int, why: str) -> Unreadable:
        """Give up what is left from `first` on, in one."""
        told = f"the batch cannot be read from offset {first} to {self.last}: {why}"
        place = Position(self.partition, self.last)
        value = self.raw[:RECORD_BYTES_MAX]
        return Unreadable(place, b"", value, (), max(0, self.first_ms), told)

    def read(self) -> Iterator[Record]:
        """Read the records one by one, by the length that stands before each."""
        name, unpack = _CODECS.get(self.attributes & _CODEC, ("unknown", _unknown))
        payload = b""
        with suppress(Exception):
            payload = unpack(self.raw[_HEAD.size :])
        if not payload:
            yield self.given_up(self.begin, f"its codec is {name}, which fails or is not installed")
            return
        at, first = 0, self.base
        for _ in range(self.count):
            try:
                length, start = decode_varint(payload, at)
                body = payload[start : start + length]
                offset, at_ms, rest = self._place(body, length, first)
            except (ValueError, IndexError):
                yield self.given_up(max(first, self.begin), "nothing tells its records apart")
                return
            at, first = start + length, offset + 1
            yield self._record(body, rest, offset, at_ms)

    def _place(self, body: bytes, length: int, first: int) -> tuple[int, int, int]:
        """Read a record's offset and time; what follows them begins at the third number."""
        delta_ms, at = decode_varint(body, 1)
        delta, at = decode_varint(body, at)
        if len(body) != length or not first <= self.base + delta <= self.last:
            raise ValueError("a record is not where it belongs")
        is_of_log = self.attributes & _LOG_APPEND_TIME
        return self.base + delta, self.latest_ms if is_of_log else self.first_ms + delta_ms, at

    def _record(self, body: bytes, at: int, offset: int, at_ms: int) -> Record:
        place = Position(self.partition, offset)
        try:
            key, at = _bytes(body, at)
            value, at = _bytes(body, at)
            count, at = decode_varint(body, at)
            headers = []
            for _ in range(count):
                name, at = _bytes(body, at)
                held, at = _bytes(body, at)
                headers.append((name.decode(), held))
        except UnicodeDecodeError:
            told = "the record cannot be read: a header's name is not UTF-8"
        except (ValueError, IndexError):
            told = "the record cannot be read: it is not built as records are"
        else:
            return Record(place, key, value, tuple(headers), at_ms)
        return Unreadable(place, b"", body[:RECORD_BYTES_MAX], (), at_ms, told)


def _bytes(body: bytes, at: int) -> tuple[bytes, int]:
    """Read bytes with their length before them; a negative length says that there are none."""
    length, at = decode_varint(body, at)
    end = at + max(0, length)
    if end > len(body):
        raise ValueError("it ends too early")
    return body[at:end], end


def _unknown(_: bytes) -> bytes:
    raise ValueError("no such codec")
