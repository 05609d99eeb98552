"""One suite for every event log: what the port says, asked of SQLite and of a real Kafka alike."""

import asyncio
import time
from collections.abc import Mapping

import pytest

from ingress.eventlog.port import (
    RECORD_BYTES_MAX,
    LogUnavailable,
    Message,
    MessageRefused,
    Partition,
    Position,
    PositionLost,
    TopicRefused,
)
from tests.support.eventlogs import PARTITIONS, PATIENCE_S, Ground, from_the_oldest, take, values

MIB = 1_048_576


@pytest.fixture(params=["embedded", pytest.param("kafka", marks=pytest.mark.kafka)])
def ground(request: pytest.FixtureRequest, tmp_path) -> Ground:
    """Return a log of each kind in turn."""
    if request.param == "embedded":
        return Ground.at(f"embedded://{tmp_path}/log.db")
    bootstrap = request.getfixturevalue("kafka_bootstrap")
    return Ground.at(f"kafka://{bootstrap}?replication_factor=1")


async def test_records_of_one_key_share_a_partition_and_keep_their_order(ground):
    """A payment's events are applied in the order in which they were published."""
    keys = [b"pi_%d" % n for n in range(12)]
    async with ground.log() as log, ground.publishing(log) as publisher:
        for turn in range(5):
            for key in keys:
                await publisher.publish(ground.message(b"%d" % turn, key))
        async with ground.reading(log) as subscription:
            records = await take(subscription, 60)
    assert len({record.position.partition for record in records}) > 1
    for key in keys:
        mine = [record for record in records if record.key == key]
        assert values(mine) == [b"0", b"1", b"2", b"3", b"4"]
        assert len({record.position.partition for record in mine}) == 1


async def test_a_position_tells_where_the_record_is(ground):
    """What publish returns is evidence: it must lead to that record and no other."""
    async with ground.log() as log, ground.publishing(log) as publisher:
        messages = [ground.message(b"%d" % n, b"k%d" % n) for n in range(20)]
        positions = await asyncio.gather(*map(publisher.publish, messages))
        for message, position in zip(messages, positions, strict=True):
            [record] = await log.read(position, 1)
            assert (record.position, record.value) == (position, message.value)


async def test_offsets_have_no_gaps_when_many_publish_at_once(ground):
    """Batches are an economy: no record may be lost, doubled or overwritten by them."""
    async with ground.log() as log, ground.publishing(log) as publisher:
        messages = [ground.message(b"%d" % n, b"k%d" % (n % 50)) for n in range(1000)]
        positions = await asyncio.gather(*map(publisher.publish, messages))
        ends = await log.ends(ground.topic)
        async with ground.reading(log) as subscription:
            records = await take(subscription, 1000)
    assert len(set(positions)) == 1000
    assert sum(ends.values()) == 1000
    assert sorted(values(records)) == sorted(message.value for message in messages)
    for partition, end in ends.items():
        offsets = [r.position.offset for r in records if r.position.partition == partition]
        assert offsets == list(range(end))


async def test_an_acknowledged_record_survives_a_restart_of_writer_and_reader(ground):
    """A 2xx means durable (P1): whoever opens the log later finds the record."""
    async with ground.log() as log, ground.publishing(log) as publisher:
        position = await publisher.publish(ground.message(b"kept"))
    async with ground.log() as log:
        assert values(await log.read(position, 1)) == [b"kept"]
        async with ground.reading(log) as subscription:
            assert values(await take(subscription, 1)) == [b"kept"]


async def test_a_reader_continues_where_it_says_that_it_was(ground):
    """The reader's own database holds its position, so the log must start exactly there."""
    async with ground.log() as log, ground.publishing(log) as publisher:
        for n in range(6):
            await publisher.publish(ground.message(b"%d" % n))
        async with ground.reading(log, group="g" + ground.topic) as subscription:
            third = (await take(subscription, 6))[2].position

        async def positions(_: frozenset[Partition]) -> Mapping[Partition, int]:
            return {third.partition: third.offset + 1}

        async with ground.reading(log, positions, group="g" + ground.topic) as subscription:
            assert values(await take(subscription, 3)) == [b"3", b"4", b"5"]


async def test_what_the_log_was_advised_of_does_not_move_the_reader(ground):
    """Advice is for people's tools; a stale one must never skip events or bring them back."""
    async with ground.log() as log, ground.publishing(log) as publisher:
        for n in range(4):
            await publisher.publish(ground.message(b"%d" % n))
        async with ground.reading(log, group="g" + ground.topic) as subscription:
            records = await take(subscription, 4)
            await subscription.advise([Position(*records[2].position)])

        async def positions(_: frozenset[Partition]) -> Mapping[Partition, int]:
            return {records[0].position.partition: 1}

        async with ground.reading(log, positions, group="g" + ground.topic) as subscription:
            assert values(await take(subscription, 3)) == [b"1", b"2", b"3"]


async def test_groups_read_independently(ground):
    """The workers and a subscriber's service both see everything."""
    async with ground.log() as log, ground.publishing(log) as publisher:
        await publisher.publish(ground.message(b"one"))
        async with ground.reading(log) as first, ground.reading(log) as second:
            assert values(await take(first, 1)) == [b"one"]
            await publisher.publish(ground.message(b"two"))
            assert values(await take(second, 2)) == [b"one", b"two"]
            assert values(await take(first, 1)) == [b"two"]


async def test_no_record_comes_before_the_positions_are_known(ground):
    """Trap 4: a client that hands records out while the position is being read applies them twice.

    The answer is held back for longer than the log needs to deliver what it has.
    """
    asked: list[frozenset[Partition]] = []
    answer = asyncio.Event()
    async with ground.log() as log, ground.publishing(log) as publisher:
        for n in range(10):
            await publisher.publish(ground.message(b"%d" % n))
        [partition] = [p for p, end in (await log.ends(ground.topic)).items() if end]

        async def positions(assigned: frozenset[Partition]) -> Mapping[Partition, int]:
            asked.append(assigned)
            await answer.wait()
            return {partition: 7}

        async with ground.reading(log, positions) as subscription:
            reading = asyncio.create_task(take(subscription, 3))
            while not asked:
                await asyncio.sleep(0.05)
            await asyncio.sleep(2.0)  # longer than the wait of a fetch, too: it is asked once
            assert not reading.done()
            answer.set()
            assert values(await reading) == [b"7", b"8", b"9"]
    assert asked == [frozenset(Partition(ground.topic, n) for n in range(PARTITIONS))]


async def test_a_failure_to_tell_the_positions_surfaces_and_is_asked_again(ground):
    """A database that is away must stop the reader: swallowed, it would read from anywhere."""
    answers = [TimeoutError("the database is away"), {}]

    async def positions(_: frozenset[Partition]) -> Mapping[Partition, int]:
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    async with ground.log() as log, ground.publishing(log) as publisher:
        await publisher.publish(ground.message(b"later"))
        async with ground.reading(log, positions) as subscription:
            with pytest.raises(TimeoutError, match="the database is away"):
                await take(subscription, 1)
            assert values(await take(subscription, 1)) == [b"later"]


async def test_a_reader_can_go_back_and_forth(ground):
    """A transaction that was rolled back reads its records again."""
    async with ground.log() as log, ground.publishing(log) as publisher:
        for n in range(5):
            await publisher.publish(ground.message(b"%d" % n))
        async with ground.reading(log) as subscription:
            records = await take(subscription, 5)
            await subscription.seek(records[1].position)
            assert values(await take(subscription, 4)) == [b"1", b"2", b"3", b"4"]
            await subscription.seek(records[4].position)
            assert values(await take(subscription, 1)) == [b"4"]
            await subscription.seek(Position(Partition("another.topic", 0), 0))


async def test_a_fetch_takes_no_more_than_it_is_asked_to(ground):
    """The batch's size is the transaction's size: it is the caller who knows the right one."""
    async with ground.log() as log, ground.publishing(log) as publisher:
        messages = [ground.message(b"%d" % n, b"k%d" % n) for n in range(30)]
        await asyncio.gather(*map(publisher.publish, messages))
        seen = 0
        async with ground.reading(log) as subscription, asyncio.timeout(PATIENCE_S):
            while seen < 30:
                records = await subscription.fetch(7, 1.0)
                assert len(records) <= 7
                seen += len(records)


async def test_a_waiting_reader_is_woken_by_a_publish(ground):
    """Receipt to transition takes milliseconds, not a polling interval."""
    async with (
        ground.log() as log,
        ground.publishing(log) as publisher,
        ground.reading(log) as subscription,
    ):
        assert await subscription.fetch(10, 3.0) == []
        waiting = asyncio.create_task(subscription.fetch(10, 10 * PATIENCE_S))
        await asyncio.sleep(0.2)
        await publisher.publish(ground.message(b"now"))
        async with asyncio.timeout(PATIENCE_S):
            assert values(await waiting) == [b"now"]


@pytest.mark.parametrize("size", [0, 1, MIB])
async def test_a_value_comes_back_byte_for_byte(ground, size):
    """The value is what was signed: an empty one stays empty, and 1 MiB passes."""
    value = bytes(range(256)) * (size // 256) if size > 1 else b"\x00" * size
    async with ground.log() as log, ground.publishing(log) as publisher:
        position = await publisher.publish(ground.message(value))
        [record] = await log.read(position, 1)
        assert record.value == value
        async with ground.reading(log) as subscription:
            assert values(await take(subscription, 1)) == [value]


async def test_headers_come_back_in_order_with_repeats_and_any_bytes(ground):
    """Signed headers are evidence; to verify a record again they must be what they were."""
    headers = (
        ("z", b"first"),
        ("signed-x", "Zürich ✓".encode()),
        ("signed-x", bytes(range(256))),
        ("Größe", b""),
        ("a", b"last"),
    )
    async with ground.log() as log, ground.publishing(log) as publisher:
        position = await publisher.publish(ground.message(b"{}", headers=headers))
        [record] = await log.read(position, 1)
    assert record.headers == headers


async def test_a_record_carries_the_log_s_own_time(ground):
    """Age in the log is counted from here, so a writer's wrong clock must not matter."""
    async with ground.log() as log, ground.publishing(log) as publisher:
        before = time.time_ns() // 1_000_000
        position = await publisher.publish(ground.message())
        after = time.time_ns() // 1_000_000
        [record] = await log.read(position, 1)
    assert before <= record.timestamp_ms <= after


@pytest.mark.parametrize("size", [RECORD_BYTES_MAX, 5 * MIB])
async def test_a_message_that_is_too_large_is_refused_and_harms_nobody(ground, size):
    """Trap 1: a record that only the broker refuses stops its partition for ever."""
    async with ground.log() as log, ground.publishing(log) as publisher:
        large, small = ground.message(b"x" * size), ground.message(b"small")
        outcomes = await asyncio.gather(
            *map(publisher.publish, [small, large, small]), return_exceptions=True
        )
        assert isinstance(outcomes[1], MessageRefused)
        assert isinstance(outcomes[0], Position)
        assert isinstance(outcomes[2], Position)
        assert await publisher.publish(small)


async def test_a_message_for_no_topic_is_refused(ground):
    """Topics are made on purpose: a typing error must not make one, or wait for one."""
    async with ground.log() as log, ground.publishing(log) as publisher:
        # An operator can make the topic: so it is not the message that is at fault.
        with pytest.raises(TopicRefused, match="no topic"):
            await publisher.publish(Message("no.such.topic", b"k", b"v"))
        assert await publisher.publish(ground.message())


async def test_ends_and_begins_tell_what_is_there(ground):
    """Lag is `ends` minus the position in the database: it must be right while nobody reads."""
    async with ground.log() as log, ground.publishing(log) as publisher:
        everything = {Partition(ground.topic, n): 0 for n in range(PARTITIONS)}
        assert await log.begins(ground.topic) == everything
        assert await log.ends(ground.topic) == everything
        position = await publisher.publish(ground.message())
        assert await log.ends(ground.topic) == everything | {position.partition: 1}
        assert await log.begins(ground.topic) == everything
        assert await log.read(Position(position.partition, 1), 10) == []


async def test_reading_outside_a_group_takes_any_place_and_number(ground):
    """An operator looks at one record, or replays from one, without disturbing the workers."""
    async with ground.log() as log, ground.publishing(log) as publisher:
        positions = [await publisher.publish(ground.message(b"%d" % n)) for n in range(5)]
        assert values(await log.read(positions[1], 2)) == [b"1", b"2"]
        assert values(await log.read(positions[4], 10)) == [b"4"]
        assert values(await log.read(positions[0], 1)) == [b"0"]


@pytest.mark.parametrize("offset", [2, 1000])
async def test_a_position_that_is_not_in_the_log_stops_the_reader(ground, offset):
    """A topic made anew must not be read as if nothing had happened: that skips events."""
    async with ground.log() as log, ground.publishing(log) as publisher:
        position = await publisher.publish(ground.message())

        async def positions(_: frozenset[Partition]) -> Mapping[Partition, int]:
            return {position.partition: offset}

        place = f"{ground.topic}/{position.partition.number} "  # as the runbook writes it
        with pytest.raises(PositionLost, match=place):
            await log.read(Position(position.partition, offset), 1)
        async with ground.reading(log, positions) as subscription:
            for _ in range(2):  # and it stays stopped
                with pytest.raises(PositionLost, match=ground.topic):
                    await take(subscription, 1)
            await subscription.seek(position)
            assert values(await take(subscription, 1)) == [b"{}"]


async def test_topics_are_made_once(ground):
    """Every start asks for the topics; asking must change nothing that is there."""
    async with ground.log() as log, ground.publishing(log) as publisher:
        position = await publisher.publish(ground.message(b"kept"))
        await log.ensure_topics({ground.topic: PARTITIONS})
        assert values(await log.read(position, 1)) == [b"kept"]
        with pytest.raises(ValueError, match="has 3 partitions, not 4"):
            await log.ensure_topics({ground.topic: PARTITIONS + 1})
        assert len(await log.ends(ground.topic)) == PARTITIONS


async def test_a_publisher_takes_nothing_before_its_start_and_after_its_stop(ground):
    """A shutdown must not acknowledge what it can no longer confirm."""
    async with ground.log() as log:
        publisher = log.publisher(deadline_s=5.0)
        assert not publisher.ready()
        with pytest.raises(LogUnavailable):
            await publisher.publish(ground.message())
        await publisher.start()
        await publisher.start()
        assert publisher.ready()
        assert await publisher.publish(ground.message())
        await publisher.stop()
        assert not publisher.ready()
        with pytest.raises(LogUnavailable):
            await publisher.publish(ground.message())


async def test_advice_never_raises(ground):
    """Nothing depends on it, so nothing may fail of it, before the start or after the stop."""
    async with ground.log() as log, ground.publishing(log) as publisher:
        position = await publisher.publish(ground.message())
        subscription = log.subscription(ground.topic, "g" + ground.topic, from_the_oldest)
        await subscription.advise([position])
        await subscription.start()
        await take(subscription, 1)
        await subscription.advise([position, Position(Partition("another.topic", 9), 1)])
        await subscription.advise([])
        await subscription.stop()
        await subscription.advise([position])


async def test_a_log_names_its_topics(ground):
    """Whoever looks for another environment's records asks for the names first."""
    async with ground.log() as log, ground.publishing(log):
        names = await log.topics()
    assert ground.topic in names
    assert list(names) == sorted(set(names))


async def test_a_log_knows_whether_anybody_is_in_a_group(ground):
    """Who looks for dead workers asks the log: a worker that is dead says nothing of itself."""
    async with ground.log() as log:
        assert await log.members(ground.topic, "nobody-ever") == 0
        async with ground.reading(log, group=f"{ground.topic}.one") as subscription:
            # Kafka counts a member from its first fetch on, which is when it joins.
            await subscription.fetch(1, 0.1)
            async with asyncio.timeout(PATIENCE_S):
                while await log.members(ground.topic, f"{ground.topic}.one") != 1:
                    await asyncio.sleep(0.1)
                    await subscription.fetch(1, 0.1)
            assert await log.members(ground.topic, f"{ground.topic}.other") == 0
        async with asyncio.timeout(PATIENCE_S):
            while await log.members(ground.topic, f"{ground.topic}.one"):
                await asyncio.sleep(0.1)
        async with ground.reading(log, group=f"{ground.topic}.one"):
            pass  # and whoever looked keeps nobody out
