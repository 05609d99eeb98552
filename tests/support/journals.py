"""A journal in a test: in front of a real log that can be away, silent, forgetful or strict."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from ingress.eventlog.embedded import EmbeddedLog
from ingress.eventlog.journal import Terms
from ingress.eventlog.journal_room import Limits
from ingress.eventlog.journaled import JournaledPublisher, Journaling, Policy
from ingress.eventlog.port import (
    LogUnavailable,
    Message,
    MessageRefused,
    Position,
    Publisher,
    Record,
    TopicRefused,
)

TOPIC = "payments.test.verified"
TOPICS = {TOPIC: 3, "payments.test.alarms": 3}
PATIENCE_S = 30.0
MIB = 1_048_576


class Behind:
    """A real log as Kafka can be: what it says of a publish is chosen, what it stores is true."""

    def __init__(self, inner: Publisher) -> None:
        self._inner = inner
        self.is_away = False
        """It is known to be away: the breaker is open."""
        self.is_silent = False
        """It stores nothing, and says nothing until its deadline."""
        self.is_forgetful = False
        """It stores, and its confirmation is lost."""
        self.refuses: Callable[[Message], bool] = lambda _: False
        self.lacks_topic = False
        """It has no such topic, or not for us."""
        self.published: list[Message] = []

    async def start(self) -> None:
        if self.is_away:
            raise LogUnavailable("away")
        await self._inner.start()

    def ready(self) -> bool:
        return not self.is_away and self._inner.ready()

    def publish(self, message: Message) -> asyncio.Future[Position]:
        self.published.append(message)
        return asyncio.ensure_future(self._publish(message))

    async def _publish(self, message: Message) -> Position:
        if self.lacks_topic:
            raise TopicRefused("no such topic, or not for us")
        if self.refuses(message):
            raise MessageRefused("not this one")
        if not self.ready():
            raise LogUnavailable("away")
        if self.is_silent:
            await asyncio.sleep(0.05)
            raise LogUnavailable("silent", is_unknown=True)
        position = await self._inner.publish(message)
        if self.is_forgetful:
            raise LogUnavailable("forgotten", is_unknown=True)
        return position

    async def stop(self) -> None:
        await self._inner.stop()


@dataclass(slots=True)
class Counts:
    """What the journal told its observer."""

    appended_: int = 0
    drained_: int = 0
    refused_: int = 0
    damaged_: int = 0

    def appended(self) -> None:
        self.appended_ += 1

    def drained(self, count: int) -> None:
        self.drained_ += count

    def refused(self, count: int) -> None:
        self.refused_ += count

    def damaged(self, count: int) -> None:
        self.damaged_ += count


@dataclass(slots=True)
class Journaled:
    """A running publisher behind a journal, and what it stands in front of."""

    publisher: JournaledPublisher
    behind: Behind
    log: EmbeddedLog
    counts: Counts
    directory: Path
    running: asyncio.Task[None] | None = None

    async def records(self) -> list[Record]:
        """Read everything that the log behind the journal has, partition by partition."""
        found: list[Record] = []
        for topic in TOPICS:
            for partition, begin in (await self.log.begins(topic)).items():
                found += await self.log.read(Position(partition, begin), 100_000)
        return found

    async def values(self) -> list[bytes]:
        return [record.value for record in await self.records()]

    async def until_drained(self) -> None:
        """Wait until nothing waits, and every file but the one that is written to is gone."""
        await until(lambda: not self.publisher.state().records and len(self.files()) <= 1)

    def files(self) -> list[Path]:
        """Return the journal's files that wait to be sent, or are written to."""
        return sorted(self.directory.glob("*.db"))


@dataclass(slots=True)
class Place:
    """A journal's directory, and the log behind it: both outlive the publishers of a test."""

    base: Path
    policy: Policy = Policy.JOURNAL
    limits: Limits = field(default_factory=lambda: Limits(256 * MIB, 0))
    checkpoint: Callable[[str], None] = lambda _: None

    @property
    def directory(self) -> Path:
        return self.base / "journal"

    @asynccontextmanager
    async def journaled(
        self, worker: str = "0", *, away: bool = False, runs: bool = True
    ) -> AsyncIterator[Journaled]:
        """Run a publisher behind a journal; `away`: what is behind it cannot be reached yet."""
        log = EmbeddedLog(self.base / "log.db")
        await log.ensure_topics(TOPICS)
        counts = Counts()
        behind = Behind(log.publisher(deadline_s=5.0))
        terms = Terms(
            self.directory, worker, self.limits, takes=self.policy is not Policy.REFUSE,
            checkpoint=self.checkpoint,
        )  # fmt: skip
        publisher = Journaling(self.policy, 300.0, terms).before(behind, counts)
        await publisher.open(TOPICS)
        await publisher.start()
        behind.is_away = away
        one = Journaled(publisher, behind, log, counts, self.directory)
        if runs:
            one.running = asyncio.create_task(publisher.run())
        try:
            yield one
        finally:
            if one.running is not None:
                one.running.cancel()
                await asyncio.wait({one.running})
            await publisher.stop()
            await log.close()
        if one.running is not None and not one.running.cancelled():
            one.running.result()


def message(number: int, key: bytes | None = None, size: int = 0) -> Message:
    """Return a message that no other number has."""
    value = b"%d" % number + b"x" * size
    headers = (("n", b"%d" % number), ("any", bytes(range(256))), ("n", b""))
    return Message(TOPIC, b"k%d" % (number % 7) if key is None else key, value, headers)


async def until(holds: Callable[[], bool]) -> None:
    """Wait for something to become true."""
    async with asyncio.timeout(PATIENCE_S):
        while not holds():
            await asyncio.sleep(0.01)
