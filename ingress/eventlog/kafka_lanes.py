"""What the publisher holds: messages on their way, in lanes by partition, lanes by leading broker.

Everything here is plain state with no behaviour towards Kafka; `kafka_publisher` moves it. A lane
keeps the order of its partition: it has one batch in flight at most, and what comes meanwhile waits
behind it. A leader is one broker, which answers one request at a time; so all the lanes that it
leads hand over together, and one request carries them.
"""

import asyncio
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field

from aiokafka import AIOKafkaProducer

from ingress.eventlog.port import Message, Partition, Position


@dataclass(slots=True, eq=False)
class Waiting:
    """A message on its way, and whoever awaits its position.

    `alone` after it was in a batch that was refused for its content, `resent` after it was in one
    that was thrown back for its sequence numbers.
    """

    message: Message
    future: asyncio.Future[Position]
    size_bytes: int
    expires_s: float
    alone: bool = False
    resent: bool = False


@dataclass(slots=True, eq=False)
class Leader:
    """A broker, the lanes that it leads, and the last round of batches that it was handed."""

    lanes: list["Lane"] = field(default_factory=list)
    in_flight: int = 0
    began_s: float = 0.0
    records: int = 0
    round: asyncio.Handle | None = None


@dataclass(slots=True, eq=False)
class Lane:
    """The messages of one partition, oldest first.

    `leader` is None while nobody leads it, which is since `unled_s`.
    """

    partition: Partition
    unled_s: float
    waiting: deque[Waiting] = field(default_factory=deque)
    batch: "Batch | None" = None
    leader: Leader | None = None


@dataclass(slots=True, eq=False)
class Session:
    """A producer, and what it was given that it has not answered, oldest first."""

    producer: AIOKafkaProducer
    made_s: float
    records: int = 0
    batches: "dict[Batch, None]" = field(default_factory=dict)
    leaders: dict[int, Leader] = field(default_factory=dict)

    @property
    def oldest(self) -> "Batch | None":
        """The batch that has been in flight for the longest."""
        return next(iter(self.batches), None)


@dataclass(slots=True, eq=False)
class Batch:
    """Messages that were handed to a producer together; they end together."""

    session: Session
    leader: Leader
    lane: Lane
    sent: list[Waiting]
    began_s: float
    answer: asyncio.Future[object]
    is_doubted: bool = False

    def awaited(self) -> Iterator[Waiting]:
        """Go through those that somebody still awaits, oldest first."""
        return (waiting for waiting in self.sent if not waiting.future.done())
