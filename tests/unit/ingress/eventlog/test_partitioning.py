"""Keys go where every other client of Kafka would send them."""

import pytest

from ingress.eventlog.partitioning import murmur2, partition_of

# From Kafka's own UtilsTest.testMurmur2, as Java prints them: signed.
JAVA = {
    b"21": -973932308,
    b"foobar": -790332482,
    b"a-little-bit-long-string": -985981536,
    b"a-little-bit-longer-string": -1486304829,
    b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8": -58897971,
    b"abc": 479470107,
}


@pytest.mark.parametrize(("key", "hashed"), JAVA.items())
def test_the_hash_is_java_s(key, hashed):
    """A subscriber that joins our topics with its own relies on this number."""
    assert murmur2(key) == hashed & 0xFFFFFFFF


@pytest.mark.parametrize(("key", "hashed"), JAVA.items())
@pytest.mark.parametrize("partitions", [1, 6, 7, 64])
def test_the_partition_is_java_s(key, hashed, partitions):
    """Java takes the lower 31 bits before the remainder: a negative hash must not differ."""
    assert partition_of(key, partitions) == (hashed & 0x7FFFFFFF) % partitions


def test_every_length_of_key_is_hashed_as_aiokafka_does():
    """The tail of one to three bytes is where implementations go apart."""
    from aiokafka.partitioner import murmur2 as reference

    for length in range(70):
        key = bytes((length * 37 + n * 11) % 256 for n in range(length))
        assert murmur2(key) == reference(key) & 0xFFFFFFFF
