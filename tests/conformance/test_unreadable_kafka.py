"""What aiokafka cannot read, on a real broker: handed over as unreadable, and nothing is held up.

Each was published by somebody else's producer, or rots on the broker's disk. Before, one such
record stopped its partition for ever, and everything else that its reader had in hand with it.
"""

import asyncio
from collections.abc import Mapping, Sequence

import pytest
from aiokafka.codec import has_zstd

from ingress.eventlog.port import Partition, Position, Record, Unreadable
from tests.support import undecodable
from tests.support.eventlogs import PATIENCE_S, Ground, take
from tests.support.kafka import PrivateBroker
from tests.support.undecodable import Plain, Raw, batch, unnamed, writing, zstd

pytestmark = pytest.mark.kafka


@pytest.fixture(name="ground")
def _ground(kafka_bootstrap: str) -> Ground:
    return Ground.at(f"kafka://{kafka_bootstrap}?replication_factor=1")


def _told(records: Sequence[Record], partition: int = 0) -> list[tuple[int, str]]:
    """Return a partition's records as they came: offset and value, or why it is unreadable."""
    return [
        (one.position.offset, one.reason if isinstance(one, Unreadable) else one.value.decode())
        for one in records
        if one.position.partition.number == partition
    ]


async def _write_mixed(raw: Raw) -> list[tuple[int, str]]:
    """Write what can and cannot be read; return what a reader must be told."""
    await raw.write(batch(Plain(b"0")))
    await raw.write(batch(Plain(b"1"), unnamed(), Plain(b"3")))
    await raw.write(batch(unnamed(), unnamed()))
    expected = [(0, "0"), (1, "1"), (2, "UTF-8"), (3, "3"), (4, "UTF-8"), (5, "UTF-8")]
    if not has_zstd():
        await raw.write(zstd(Plain(b"6"), Plain(b"7")))
        expected.append((7, "from offset 6 to 7: its codec is zstd"))
    offset = await raw.write(batch(Plain(b"last")))
    return [*expected, (offset, "last")]


def _assert_told(found: Sequence[tuple[int, str]], expected: Sequence[tuple[int, str]]) -> None:
    assert [offset for offset, _ in found] == [offset for offset, _ in expected]
    for (_, said), (_, wanted) in zip(found, expected, strict=True):
        assert wanted in said


async def test_a_member_is_handed_what_can_be_read_and_told_what_cannot(
    ground: Ground, kafka_bootstrap: str
) -> None:
    """In order, none twice, none left out, in the same batch as an unreadable one or not."""
    async with ground.log() as log, writing(kafka_bootstrap, ground.topic) as raw:
        expected = await _write_mixed(raw)
        for number in (1, 2):
            await raw.write(batch(*(Plain(b"%d" % n) for n in range(30))), number)
        async with ground.reading(log) as subscription:
            found = await take(subscription, len(expected) + 60)
            await raw.write(batch(Plain(b"afterwards")))
            found += await take(subscription, 1)
    offset = expected[-1][0] + 1
    _assert_told(_told(found), [*expected, (offset, "afterwards")])
    others = [[said for _, said in _told(found, number)] for number in (1, 2)]
    values = [str(n) for n in range(30)]
    assert others == [values, values], "the other partitions lost something"


@pytest.mark.parametrize("most", [1, 2, 3])
async def test_a_small_fetch_comes_through_too(
    ground: Ground, kafka_bootstrap: str, most: int
) -> None:
    """What a fetch has no room for comes with the next one, also between two unreadable ones."""
    async with ground.log() as log, writing(kafka_bootstrap, ground.topic) as raw:
        expected = await _write_mixed(raw)
        async with ground.reading(log) as subscription, asyncio.timeout(PATIENCE_S):
            found: list[Record] = []
            while len(found) < len(expected):
                some = await subscription.fetch(most, 1.0)
                assert len(some) <= most
                found += some
    _assert_told(_told(found), expected)


async def test_reading_outside_a_group_comes_through_too(
    ground: Ground, kafka_bootstrap: str
) -> None:
    """The monitor, the archive and the check of a recreated topic read this way."""
    async with ground.log() as log, writing(kafka_bootstrap, ground.topic) as raw:
        expected = await _write_mixed(raw)
        for offset, wanted in expected:
            [one, *_] = await log.read(Position(Partition(ground.topic, 0), offset), 1)
            _assert_told(_told([one]), [(offset, wanted.rpartition(": ")[2])])


async def test_a_rotten_batch_is_told_with_its_range(private_broker: PrivateBroker) -> None:
    """A bit flips on the broker's disk; everything but its batch is read, and so after a claim."""
    ground = Ground.at(f"kafka://{private_broker.bootstrap}?replication_factor=1")
    async with ground.log() as log, writing(private_broker.bootstrap, ground.topic) as raw:
        for built in (
            batch(Plain(b"0")),
            batch(Plain(b"rotten-one"), Plain(b"2")),
            batch(Plain(b"3")),
        ):
            await raw.write(built)
        undecodable.damage(private_broker.directory, ground.topic, 0, b"rotten-one")

        async def behind(_: frozenset[Partition]) -> Mapping[Partition, int]:
            return {Partition(ground.topic, 0): 3}

        async with ground.reading(log) as subscription:
            found = _told(await take(subscription, 3))
        async with ground.reading(log, behind) as subscription:
            assert _told(await take(subscription, 1)) == [(3, "3")]
    _assert_told(found, [(0, "0"), (2, "from offset 1 to 2: its checksum is wrong"), (3, "3")])
