"""Which partition a key belongs to: Kafka's own answer, for every log.

Every client of Kafka that follows the Java producer's default gives a key the same partition, so a
subscriber can join our topics with its own. The embedded log uses the same function: what was
written there first and is carried over to Kafka later keeps its partition, and while it is being
carried over, "the records before this one" means the same thing on both sides.

Source: `org.apache.kafka.common.utils.Utils.murmur2` and `toPositive`, and `BuiltInPartitioner`.
"""

from struct import unpack_from

_SEED = 0x9747B28C
_M = 0x5BD1E995
_MASK = 0xFFFFFFFF


def murmur2(data: bytes) -> int:
    """Hash `data` as Kafka's Java client does; the answer is unsigned."""
    length = len(data)
    words = length >> 2
    h = (_SEED ^ length) & _MASK
    for word in unpack_from(f"<{words}I", data):
        k = word * _M & _MASK
        h = (h * _M ^ (k ^ k >> 24) * _M) & _MASK
    if tail := data[words << 2 :]:
        h = (h ^ int.from_bytes(tail, "little")) * _M & _MASK
    h = (h ^ h >> 13) * _M & _MASK
    return h ^ h >> 15


def partition_of(key: bytes, partitions: int) -> int:
    """Return the number of the partition that `key` belongs to, of so many."""
    return (murmur2(key) & 0x7FFFFFFF) % partitions
