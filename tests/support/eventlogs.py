"""Where an event log lives in a test, and the few moves that every test of one makes."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from uuid import uuid4

from ingress.eventlog.connect import connect
from ingress.eventlog.port import (
    EventLog,
    Message,
    Partition,
    Positions,
    Publisher,
    Record,
    Subscription,
)

PARTITIONS = 3
PATIENCE_S = 30.0


@dataclass(frozen=True)
class Ground:
    """A log by its URL, and a topic that nobody else uses."""

    url: str
    topic: str

    @classmethod
    def at(cls, url: str) -> "Ground":
        return cls(url, f"test.{uuid4().hex}")

    def message(self, value: bytes = b"{}", key: bytes = b"key", **more: object) -> Message:
        return Message(self.topic, key, value, **more)

    @asynccontextmanager
    async def log(self) -> AsyncIterator[EventLog]:
        """Open the log, with the topic made."""
        log = connect(self.url)
        try:
            await log.ensure_topics({self.topic: PARTITIONS})
            yield log
        finally:
            await log.close()

    @asynccontextmanager
    async def publishing(self, log: EventLog, deadline_s: float = 5.0) -> AsyncIterator[Publisher]:
        publisher = log.publisher(deadline_s=deadline_s)
        await publisher.start()
        try:
            yield publisher
        finally:
            await publisher.stop()

    @asynccontextmanager
    async def reading(
        self, log: EventLog, positions: Positions | None = None, group: str = ""
    ) -> AsyncIterator[Subscription]:
        subscription = log.subscription(
            self.topic, group or f"group-{uuid4().hex}", positions or from_the_oldest
        )
        await subscription.start()
        try:
            yield subscription
        finally:
            await subscription.stop()


async def from_the_oldest(_: frozenset[Partition]) -> Mapping[Partition, int]:
    """Answer as a group that has read nothing yet."""
    return {}


async def take(subscription: Subscription, count: int) -> list[Record]:
    """Read until so many records have come."""
    records: list[Record] = []
    async with asyncio.timeout(PATIENCE_S):
        while len(records) < count:
            records += await subscription.fetch(100, 1.0)
    return records


def values(records: Sequence[Record]) -> list[bytes]:
    """Return what the records carry."""
    return [record.value for record in records]
