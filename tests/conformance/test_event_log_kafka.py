"""What only a real Kafka can be asked: groups of several, and brokers that die, hang and refuse."""

import asyncio
import itertools
from collections.abc import Mapping

import pytest
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from ingress.eventlog import kafka
from ingress.eventlog.kafka import HEARTBEAT_MS, SESSION_MS, KafkaLog
from ingress.eventlog.port import LogUnavailable, Message, MessageRefused, Partition, Position
from tests.support.eventlogs import PARTITIONS, PATIENCE_S, Ground, take, values
from tests.support.kafka import PrivateBroker

pytestmark = pytest.mark.kafka

DEADLINE_S = 1.0


@pytest.fixture
def ground(kafka_bootstrap) -> Ground:
    """Return a log on the broker of the session."""
    return Ground.at(f"kafka://{kafka_bootstrap}?replication_factor=1")


@pytest.fixture
def private(private_broker: PrivateBroker) -> Ground:
    """Return a log on a broker that may be killed."""
    return Ground.at(f"kafka://{private_broker.bootstrap}?replication_factor=1")


class Asked:
    """Positions from the oldest, and a note of every time they were asked for."""

    def __init__(self) -> None:
        self.sets: list[set[int]] = []

    async def __call__(self, assigned: frozenset[Partition]) -> Mapping[Partition, int]:
        self.sets.append({partition.number for partition in assigned})
        return {}


async def test_two_members_share_the_partitions_and_each_assignment_asks_again(ground):
    """A partition that changes hands is claimed anew: the old owner may have moved its position."""
    asked = Asked(), Asked()
    group = "g" + ground.topic
    async with (
        ground.log() as log,
        ground.publishing(log) as publisher,
        ground.reading(log, asked[0], group) as first,
    ):
        await publish_to_all_partitions(ground, publisher)
        await take(first, PARTITIONS)
        assert asked[0].sets == [{0, 1, 2}]

        async with ground.reading(log, asked[1], group) as second, asyncio.timeout(PATIENCE_S):
            while not asked[1].sets or len(asked[0].sets) < 2:
                await asyncio.gather(first.fetch(10, 0.2), second.fetch(10, 0.2))
            shares = [each.sets[-1] for each in asked]
            assert all(shares)
            assert sorted(itertools.chain(*shares)) == [0, 1, 2]

        while asked[0].sets[-1] != {0, 1, 2}:  # what the other held comes back
            await take(first, 1)


async def test_a_member_that_goes_while_it_joins_leaves_nothing_behind(ground, monkeypatch):
    """Deployments start and stop members at once: partitions must not go to one that is gone.

    The first member is slow to hear of the second, whose request to join is still waiting when it
    goes. Without a good-bye the second would be a member until its session ends.
    """
    asked = Asked()
    group = "g" + ground.topic
    monkeypatch.setattr(kafka, "HEARTBEAT_MS", 4 * HEARTBEAT_MS)
    async with (
        ground.log() as log,
        ground.publishing(log) as publisher,
        ground.reading(log, asked, group) as first,
    ):
        await publish_to_all_partitions(ground, publisher)
        await take(first, PARTITIONS)
        async with asyncio.timeout(0.7 * SESSION_MS / 1000):
            async with ground.reading(log, Asked(), group):
                await asyncio.sleep(0.5)
            while len(asked.sets) < 2 or asked.sets[-1] != {0, 1, 2}:
                await first.fetch(100, 0.2)


async def test_a_record_taken_before_a_new_assignment_is_not_handed_out(ground):
    """After a change of hands only the claimed position counts, whatever was fetched before it."""
    positions: dict[Partition, int] = {}

    async def claim(_: frozenset[Partition]) -> Mapping[Partition, int]:
        return dict(positions)

    async with ground.log() as log, ground.publishing(log) as publisher:
        sent = [await publisher.publish(ground.message(b"%d" % n)) for n in range(10)]
        async with ground.reading(log, claim, "g" + ground.topic) as first:
            assert values(await take(first, 10))[0] == b"0"
            positions[sent[0].partition] = 8  # as another member would have left it
            async with ground.reading(log, Asked(), "g" + ground.topic) as second:
                await asyncio.gather(first.fetch(1, 3.0), second.fetch(1, 3.0))
            assert values(await take(first, 2))[-2:] == [b"8", b"9"]


async def test_a_dead_broker_is_told_within_the_deadline_and_everything_recovers(
    private, private_broker
):
    """P10: publishing and reading go on after SIGKILL and restart, in the same process."""
    async with (
        private.log() as log,
        private.publishing(log, DEADLINE_S) as publisher,
        private.reading(log) as subscription,
    ):
        kept = await publisher.publish(private.message(b"kept"))
        assert values(await take(subscription, 1)) == [b"kept"]
        await private_broker.kill()
        for _ in range(3):
            async with asyncio.timeout(3 * DEADLINE_S):
                with pytest.raises(LogUnavailable):
                    await publisher.publish(private.message(b"unknown"))
        assert not publisher.ready()
        with pytest.raises(LogUnavailable):
            await log.ends(private.topic)
        assert await fetch_quietly(subscription) == []

        await private_broker.restart()
        await until_ready(publisher)
        again = await publish_eventually(publisher, private.message(b"again"))
        assert values(await log.read(kept, 1)) == [b"kept"]
        assert values(await log.read(again, 1)) == [b"again"]
        async with asyncio.timeout(PATIENCE_S):
            while b"again" not in values(await fetch_quietly(subscription)):
                pass


async def test_no_acknowledged_record_is_lost_when_the_broker_is_killed_under_load(
    private, private_broker
):
    """Only what was confirmed may be counted on, and all of it must be there, in order by key."""
    acknowledged: list[Position] = []
    stop = asyncio.Event()

    async def write(name: bytes) -> None:
        for n in itertools.count():
            if stop.is_set():
                return
            message = private.message(b"%s %d" % (name, n), name)
            try:
                acknowledged.append(await publisher.publish(message))
            except LogUnavailable:
                await asyncio.sleep(0.05)

    async with private.log() as log, private.publishing(log, DEADLINE_S) as publisher:
        writers = [asyncio.create_task(write(b"key%d" % n)) for n in range(16)]
        await asyncio.sleep(0.5)
        await private_broker.kill()
        before = len(acknowledged)
        await private_broker.restart()
        async with asyncio.timeout(PATIENCE_S):
            while len(acknowledged) < before + 500:
                await asyncio.sleep(0.05)
        stop.set()
        await asyncio.gather(*writers)
        ends = await log.ends(private.topic)
        async with private.reading(log) as subscription:
            found = {r.position for r in await take(subscription, sum(ends.values()))}
    assert before > 0
    assert len(set(acknowledged)) == len(acknowledged)
    assert set(acknowledged) <= found


async def test_a_broker_that_hangs_is_told_within_the_deadline(private, private_broker):
    """Connections that stay open without an answer are the worst kind of away."""
    async with private.log() as log, private.publishing(log, DEADLINE_S) as publisher:
        await publisher.publish(private.message(b"before"))
        private_broker.pause()
        async with asyncio.timeout(3 * DEADLINE_S):
            with pytest.raises(LogUnavailable):
                await publisher.publish(private.message(b"unknown"))
        async with asyncio.timeout(DEADLINE_S / 2):  # and from then on at once
            with pytest.raises(LogUnavailable):
                await publisher.publish(private.message(b"never"))
        private_broker.resume()
        await until_ready(publisher)
        assert await publish_eventually(publisher, private.message(b"after"))


async def test_a_member_whose_client_gave_up_says_so(ground):
    """Its task can end with what nobody catches; then it would wait for records for ever."""
    async with ground.log() as log, ground.reading(log) as subscription:
        await subscription.fetch(1, 0.1)
        ended = vars(vars(vars(subscription)["_consumer"])["_fetcher"])["_fetch_task"]
        ended.cancel()
        await asyncio.wait({ended})
        with pytest.raises(LogUnavailable, match="start again"):
            await subscription.fetch(1, 0.1)


@pytest.mark.parametrize("state", ["killed", "hung"])
async def test_stopping_never_hangs(private, private_broker, state):
    """A deploy during an outage must not wait for the broker."""
    async with private.log() as log:
        publisher = log.publisher(deadline_s=DEADLINE_S)
        await publisher.start()
        await publisher.publish(private.message(b"before"))
        subscription = log.subscription(private.topic, "g" + private.topic, Asked())
        await subscription.start()
        await take(subscription, 1)
        await log.ends(private.topic)
        if state == "killed":
            await private_broker.kill()
        else:
            private_broker.pause()
        pending = publisher.publish(private.message(b"unknown"))
        await asyncio.sleep(0.05)
        async with asyncio.timeout(PATIENCE_S):
            await asyncio.gather(publisher.stop(), subscription.stop(), log.close())
            with pytest.raises(LogUnavailable):
                await pending
            # Nothing is left behind that would knock at the broker for ever.
            while asyncio.all_tasks() - {asyncio.current_task()}:
                await asyncio.sleep(0.05)
        private_broker.resume()


async def test_a_publisher_started_without_a_broker_connects_when_there_is_one(
    private, private_broker
):
    """The edge starts, says that it is not ready, and needs nobody when Kafka comes."""
    async with private.log() as log:
        await private_broker.kill()
        publisher = log.publisher(deadline_s=DEADLINE_S)
        with pytest.raises(LogUnavailable):
            await publisher.start()
        with pytest.raises(LogUnavailable):
            await log.subscription(private.topic, "g" + private.topic, Asked()).start()
        with pytest.raises(LogUnavailable):
            await log.ensure_topics({private.topic: PARTITIONS})
        await private_broker.restart()
        await until_ready(publisher)
        assert await publish_eventually(publisher, private.message())
        await publisher.stop()


async def test_a_refusal_by_the_broker_spares_the_neighbours_and_the_partition(
    ground, kafka_bootstrap
):
    """Trap 1: after one refused batch an idempotent producer fails on that partition for ever.

    The topic allows less than the publisher checks for, so that it is the broker who refuses.
    """
    await make_topic(kafka_bootstrap, ground.topic, {"max.message.bytes": "3000"})
    log = KafkaLog(kafka_bootstrap, replication_factor=1)
    async with ground.publishing(log) as publisher:
        sizes = [100, 100, 5000, 100, 100]
        outcomes = await asyncio.gather(
            *(publisher.publish(ground.message(bytes(size))) for size in sizes),
            return_exceptions=True,
        )
        assert [type(outcome) for outcome in outcomes] == [
            Position, Position, MessageRefused, Position, Position,
        ]  # fmt: skip
        for _ in range(3):
            assert await publisher.publish(ground.message(b"after"))
        found = await log.read(Position(Partition(ground.topic, 0), 0), 10)
        assert [len(value) for value in values(found)] == [100, 100, 100, 100, 5, 5, 5]
    await log.close()


async def test_a_topic_is_made_with_the_settings_that_the_promises_need(ground, kafka_bootstrap):
    """In-sync replicas, room for the largest record and the broker's clock are set at birth."""
    async with ground.log():
        found = await settings_of(kafka_bootstrap, ground.topic)
    assert found["min.insync.replicas"] == "1"
    assert int(found["max.message.bytes"]) >= 1_048_576 + 65_536
    assert found["message.timestamp.type"] == "LogAppendTime"
    assert found["cleanup.policy"] == "delete"


async def test_more_replicas_than_brokers_is_unavailable_and_says_so(ground, kafka_bootstrap):
    """The default asks for three replicas; one broker must not pass for three in silence."""
    log = KafkaLog(kafka_bootstrap)
    with pytest.raises(LogUnavailable, match=r"\?replication_factor=1"):
        await log.ensure_topics({ground.topic: 1})
    await log.close()


async def test_a_topic_made_by_others_is_joined_by_java_s_partitioner(ground, kafka_bootstrap):
    """A subscriber co-partitions with our topics; aiokafka's own producer is one such other."""
    from aiokafka import AIOKafkaProducer

    keys = [b"pi_%d" % n for n in range(30)]
    async with ground.log() as log, ground.publishing(log) as publisher:
        ours = [(await publisher.publish(ground.message(key=key))).partition.number for key in keys]
    async with AIOKafkaProducer(bootstrap_servers=kafka_bootstrap) as other:
        sent = [await other.send_and_wait(ground.topic, b"{}", key) for key in keys]
    assert ours == [each.partition for each in sent]


async def test_a_record_with_nothing_in_it_is_read_as_empty(ground, kafka_bootstrap):
    """Others may write keys, values and headers that are absent; readers here never see None."""
    from aiokafka import AIOKafkaProducer

    async with ground.log() as log, AIOKafkaProducer(bootstrap_servers=kafka_bootstrap) as other:
        sent = await other.send_and_wait(ground.topic, None, b"key", headers=[("h", None)])
        [record] = await log.read(Position(Partition(ground.topic, sent.partition), 0), 1)
    assert (record.key, record.value, record.headers) == (b"key", b"", (("h", b""),))


async def publish_to_all_partitions(ground: Ground, publisher) -> None:
    """Publish one record to each partition."""
    reached: set[int] = set()
    for n in itertools.count():
        message = Message(ground.topic, b"k%d" % n, b"{}")
        reached.add((await publisher.publish(message)).partition.number)
        if len(reached) == PARTITIONS:
            return


async def fetch_quietly(subscription) -> list:
    """Fetch as a worker does that backs off when the log is away."""
    try:
        return list(await subscription.fetch(100, 0.5))
    except LogUnavailable:
        return []


async def until_ready(publisher) -> None:
    """Wait until the publisher has recovered by itself."""
    async with asyncio.timeout(PATIENCE_S):
        while not publisher.ready():
            await asyncio.sleep(0.02)


async def publish_eventually(publisher, message: Message) -> Position:
    """Publish as a caller does that tries again: a broker just started may not lead yet."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            try:
                return await publisher.publish(message)
            except LogUnavailable:
                await asyncio.sleep(0.1)


async def make_topic(bootstrap: str, topic: str, settings: dict[str, str]) -> None:
    """Make a topic of one partition as an operator would."""
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        await admin.create_topics([NewTopic(topic, 1, 1, topic_configs=settings)])
    finally:
        await admin.close()


async def settings_of(bootstrap: str, topic: str) -> dict[str, str]:
    """Ask the broker how a topic is set."""
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        [answer] = await admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, topic)])
    finally:
        await admin.close()
    return {entry[0]: entry[1] for entry in answer.resources[0][4]}
