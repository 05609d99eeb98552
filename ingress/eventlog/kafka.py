"""Apache Kafka as an event log: the door to aiokafka, and how its clients are set up.

Every client is made here, so that what guards the promises is in one place: idempotence and
``acks=all`` for producers; no commits and no resets of their own for consumers; and for all of them
a logger that stays at WARNING, because below it aiokafka writes keys, values and whole requests.
"""

import asyncio
import logging
from collections.abc import Collection, Mapping, Sequence

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.coordinator.assignors.roundrobin import RoundRobinPartitionAssignor

from ingress.eventlog.kafka_access import Access
from ingress.eventlog.kafka_admin import KafkaAdmin
from ingress.eventlog.kafka_closing import close_producer
from ingress.eventlog.kafka_link import Door
from ingress.eventlog.kafka_publisher import KafkaPublisher, Limits
from ingress.eventlog.kafka_reader import KafkaReader
from ingress.eventlog.kafka_subscription import KafkaSubscription
from ingress.eventlog.kafka_topics import Wanted, ensure_topics, look_for_weaknesses
from ingress.eventlog.kafka_trouble import Entrance
from ingress.eventlog.observer import Observer
from ingress.eventlog.port import (
    RECORD_BYTES_MAX,
    Partition,
    Position,
    Positions,
    Record,
    Weakness,
)

# Below the broker's default of 1,048,588 for a batch, so that a batch of small records always fits.
BATCH_BYTES = 1_000_000
# One record of the largest size, or about a batch, at each fetch of a partition.
FETCH_BYTES = 2 * RECORD_BYTES_MAX
CONNECT_S = 5.0
CLOSE_S = 1.0
# A member that is killed keeps its partitions for this long.
SESSION_MS = 10_000
HEARTBEAT_MS = 1_000
# Longer than a rebalance may take, since joining a group is one request.
CONSUMER_REQUEST_MS = 15_000
READER_REQUEST_MS = 3_000
# How soon a member hears of a topic that was made anew: until then it holds no partition, and what
# was lost with the old one is not told. aiokafka's own five minutes are long for that.
METADATA_MS = 10_000


class KafkaLog:
    """A Kafka cluster as an event log; every client enters it by `access`."""

    def __init__(
        self,
        bootstrap: str,
        *,
        replication_factor: int = 3,
        access: Access | None = None,
        limits: Limits | None = None,
    ) -> None:
        _quieten()
        self._limits = limits
        self._entrance = Entrance(bootstrap, access or Access())
        self._replication_factor = replication_factor
        self._topics: set[str] = set()
        self._reader = KafkaReader(self._make_reader, self._entrance)

    async def ensure_topics(
        self, partitions: Mapping[str, int], retention_ms: Mapping[str, int] | None = None
    ) -> None:
        """Create the topics that are missing. Raises `LogUnavailable`, `ValueError`."""
        self._topics |= set(partitions)
        wanted = Wanted(partitions, self._replication_factor, retention_ms or {})
        await ensure_topics(self._entrance, wanted)

    async def weaknesses(self, topics: Collection[str]) -> Sequence[Weakness]:
        """Say what these topics do not promise. Raises `LogUnavailable`."""
        return await look_for_weaknesses(self._entrance, topics)

    def publisher(
        self, *, deadline_s: float = 2.0, observer: Observer | None = None
    ) -> KafkaPublisher:
        """Make a publisher, with a producer and connections of its own."""

        async def connect() -> AIOKafkaProducer:
            return await self._connect(deadline_s)

        access = self._entrance.access
        door = Door(connect, access.stamp, access.who)
        return KafkaPublisher(door, deadline_s=deadline_s, observer=observer, limits=self._limits)

    def subscription(self, topic: str, group: str, positions: Positions) -> KafkaSubscription:
        """Make a member of `group` on `topic`."""

        def make() -> AIOKafkaConsumer:
            return self._make_member(group)

        return KafkaSubscription(make, topic, positions, self._entrance)

    def admin(self) -> KafkaAdmin:
        """Return what looks after the cluster's topics and rules."""
        return KafkaAdmin(self._entrance, self._replication_factor)

    async def members(self, topic: str, group: str) -> int:
        """Return how many members a group has: each of ours is on one topic alone.

        Raises `LogUnavailable`.
        """
        return await self.admin().members(group)

    async def topics(self) -> Sequence[str]:
        """Return the names of the topics there are, in order. Raises `LogUnavailable`."""
        return await self._reader.topics()

    async def ends(self, topic: str) -> Mapping[Partition, int]:
        """Return the next offset to be written, per partition. Raises `LogUnavailable`."""
        return await self._reader.ends(topic)

    async def begins(self, topic: str) -> Mapping[Partition, int]:
        """Return the oldest offset kept, per partition. Raises `LogUnavailable`."""
        return await self._reader.begins(topic)

    async def read(self, position: Position, records_max: int) -> Sequence[Record]:
        """Read on from `position`. Raises `LogUnavailable`, `PositionLost`."""
        return await self._reader.read(position, records_max)

    async def close(self) -> None:
        """Let go of the reader; publishers and subscriptions are stopped by whoever made them."""
        await self._reader.close()

    async def _connect(self, deadline_s: float) -> AIOKafkaProducer:
        """Return a started producer that knows the topics. Raises `LogUnavailable`."""
        producer = AIOKafkaProducer(
            **self._entrance.options(),
            enable_idempotence=True,
            acks="all",
            max_batch_size=BATCH_BYTES,
            max_request_size=RECORD_BYTES_MAX,
            # A request that is not answered within the deadline has no caller left.
            request_timeout_ms=int(deadline_s * 1000),
        )
        try:
            async with asyncio.timeout(CONNECT_S):
                await producer.start()
                for topic in self._topics:
                    producer.client.add_topic(topic)
                await producer.client.force_metadata_update()
        except BaseException as error:
            await close_producer(producer, within_s=CLOSE_S)
            if not isinstance(error, Exception):
                raise
            raise await self._entrance.unavailable(error, "Kafka cannot be reached") from error
        return producer

    def _make_member(self, group: str) -> AIOKafkaConsumer:
        return AIOKafkaConsumer(
            **self._entrance.options(),
            group_id=group,
            enable_auto_commit=False,
            auto_offset_reset="none",
            # Exactly one: aiokafka joins once for each.
            partition_assignment_strategy=[RoundRobinPartitionAssignor],
            session_timeout_ms=SESSION_MS,
            heartbeat_interval_ms=HEARTBEAT_MS,
            request_timeout_ms=CONSUMER_REQUEST_MS,
            metadata_max_age_ms=METADATA_MS,
            max_partition_fetch_bytes=FETCH_BYTES,
        )

    def _make_reader(self) -> AIOKafkaConsumer:
        return AIOKafkaConsumer(
            **self._entrance.options(),
            enable_auto_commit=False,
            auto_offset_reset="none",
            request_timeout_ms=READER_REQUEST_MS,
            max_partition_fetch_bytes=FETCH_BYTES,
        )


def _quieten() -> None:
    logger = logging.getLogger("aiokafka")
    if logger.level < logging.WARNING:
        logger.setLevel(logging.WARNING)
