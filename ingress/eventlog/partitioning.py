"""Which partition a key belongs to: Kafka's own answer, for every log.

Every client of Kafka that follows the Java producer's default gives a key the same partition, so a
subscriber can join our topics with its own. The embedded log uses the same function: what was
written there first and is carried over to Kafka later keeps its partition, and while it is being
carried over, "the records before this one" means the same thing on both sides.

Source: `org.apache.kafka.common.utils.Utils.murmur2` and `toPositive`, and `BuiltInPartitioner`.
"""

from functools import lru_cache
from struct import unpack_from

_SEED = 0x9747B28C
_M = 0x5BD1E995
_MASK = 0xFFFFFFFF
# The keys of one source begin alike: environment, provider, account. What is made of so much of a
# key, and of its length, is kept.
_HEAD_BYTES = 32
_HEADS_MAX = 4096


def murmur2(data: bytes) -> int:
    """Hash `data` as Kafka's Java client does; the answer is unsigned."""
    length = len(data)
    if length < _HEAD_BYTES:
        h = _mixed(_SEED ^ length, data, 0)
    else:
        h = _mixed(_head(data[:_HEAD_BYTES], length), data, _HEAD_BYTES)
    if tail := data[length & ~3 :]:
        h = (h ^ int.from_bytes(tail, "little")) * _M & _MASK
    h = (h ^ h >> 13) * _M & _MASK
    return h ^ h >> 15


def _mixed(h: int, data: bytes, start: int) -> int:
    """Mix in the whole words of `data` from `start` on."""
    m, mask = _M, _MASK
    for word in unpack_from(f"<{len(data) - start >> 2}I", data, start):
        k = word * m & mask
        h = (h * m ^ (k ^ k >> 24) * m) & mask
    return h


@lru_cache(maxsize=_HEADS_MAX)
def _head(head: bytes, length: int) -> int:
    return _mixed(_SEED ^ length, head, 0)


def partition_of(key: bytes, partitions: int) -> int:
    """Return the number of the partition that `key` belongs to, of so many."""
    return (murmur2(key) & 0x7FFFFFFF) % partitions
