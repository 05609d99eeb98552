"""What Sealgate needs of an event log, said once; one conformance suite holds every implementation.

The words are Kafka's. A topic has partitions; records with one key share a partition and keep the
order in which they were published. A position is the offset of the *next* record to read. The log
delivers at least once: what makes an effect happen once is the reader's own transaction, so the
reader keeps its positions itself and hands them over whenever partitions are assigned to it.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from ingress.eventlog.observer import Observer

Headers = tuple[tuple[str, bytes], ...]

# The largest record any log takes, by `size_bytes`: a value of 1 MiB and 64 KiB for the rest. It is
# checked before anything is sent, because a record that only the broker refuses takes the innocent
# records of its batch down with it.
RECORD_BYTES_MAX = 1_048_576 + 65_536
# Kafka's own bytes around one batch of one record, and around each header: the most they can be.
_RECORD_OVERHEAD_BYTES = 128
_HEADER_OVERHEAD_BYTES = 10


class Partition(NamedTuple):
    """One ordered sequence of a topic's records."""

    topic: str
    number: int


class Position(NamedTuple):
    """A place in a partition: the offset of a record, or of the next one to read.

    The offset of a published record is `UNPLACED` where the record is durable and its place is not
    known: the local journal has it, or the broker had it already from an earlier try.
    """

    partition: Partition
    offset: int


UNPLACED = -1


# Made for every event, so not frozen: that costs twice as much. Nothing changes it all the same.
@dataclass(slots=True)
class Message:
    """A record to be: the log gives it its position."""

    topic: str
    key: bytes
    value: bytes
    headers: Headers = ()


def size_bytes(message: Message) -> int:
    """Return what the message takes on the wire: never less than the true number."""
    size = len(message.key) + len(message.value) + _RECORD_OVERHEAD_BYTES
    if not message.headers:
        return size
    # Joined first: to add up forty lengths one by one takes three times as long.
    names, values = zip(*message.headers, strict=True)
    text_bytes = 4 * len("".join(names)) + len(b"".join(values))
    return size + text_bytes + len(names) * _HEADER_OVERHEAD_BYTES


@dataclass(frozen=True, slots=True)
class Record:
    """A record as read. `timestamp_ms` is the log's own time of writing."""

    position: Position
    key: bytes
    value: bytes
    headers: Headers
    timestamp_ms: int


@dataclass(frozen=True, slots=True)
class Unreadable(Record):
    """A record that is there and cannot be read, or a whole batch of them; `reason` says which.

    Its value is what the log holds for it, its key and headers are empty. A batch stands at the
    last of its offsets, so that whoever has handled it goes on behind it.
    """

    reason: str


class Weakness(NamedTuple):
    """What a topic does not promise. `loses`: what is acknowledged there can be lost."""

    topic: str
    told: str
    loses: bool


class LogUnavailable(Exception):
    """The log did not confirm in time, or cannot be reached; try again later.

    After a publish, `is_unknown` tells two answers apart. False: the record is not in the log and
    will not be. True: it may be there, or may still arrive; whoever publishes again may make a
    duplicate, and every reader of the log is built for duplicates.
    """

    def __init__(self, reason: str = "", *, is_unknown: bool = False) -> None:
        super().__init__(reason)
        self.is_unknown = is_unknown


class AccessRefused(LogUnavailable):
    """The log is there and does not let us, until an operator has mended a password or a right."""


class MessageRefused(Exception):
    """The log will not take this message, however often it is tried: it is too large, for one."""


class TopicRefused(MessageRefused):
    """There is no such topic, or it is not for us: the message is fine, an operator can mend it."""


class PositionLost(Exception):
    """The wanted position is not in the log (retention passed it, or the topic was made anew).

    A reader stops here and tells a human: going on elsewhere would skip events in silence.
    """


# Asked for the next offset of each newly assigned partition, before any of its records is handed
# out. Partitions left out of the answer start at the oldest record kept.
Positions = Callable[[frozenset[Partition]], Awaitable[Mapping[Partition, int]]]


class Publisher(Protocol):
    """Appends messages, each durably or not at all as far as the caller may believe."""

    async def start(self) -> None:
        """Connect. Raises `LogUnavailable` if the log is away; may be called again."""

    def publish(self, message: Message) -> asyncio.Future[Position]:
        """Begin to append: a future position, done once all replicas in sync, or the disk, have it.

        Its exception is `LogUnavailable`, within the publisher's deadline, or for good
        `MessageRefused`; nothing is raised at once. Not a coroutine: a caller that goes on by
        callback pays for no task. To cancel the future is to stop waiting, not to take it back.
        """

    def ready(self) -> bool:
        """Say whether a publish would be tried now."""

    async def stop(self) -> None:
        """Let what is in flight finish within the deadline, then let go of everything."""


class Subscription(Protocol):
    """One member of a group: reads the partitions that are assigned to it, in order."""

    async def start(self) -> None:
        """Join the group. Raises `LogUnavailable` if the log is away."""

    async def fetch(self, records_max: int, wait_s: float) -> Sequence[Record]:
        """Return the next records, at most `records_max`, after at most about `wait_s` seconds.

        Records of one partition come in order and without gaps of the log's making; records of
        several partitions may come in one answer. What cannot be read is an `Unreadable` in its
        place, and holds nothing up. Empty when nothing came. Raises `LogUnavailable` and may be
        called again; raises `PositionLost` for good.
        """

    async def seek(self, position: Position) -> None:
        """Read on from `position`; ignored if the partition is not assigned here any more."""

    async def advise(self, positions: Sequence[Position]) -> None:
        """Tell the log's own tools how far the group is. Never raises: nothing depends on it."""

    async def stop(self) -> None:
        """Leave the group."""


class EventLog(Protocol):
    """A log as a whole: makes topics, publishers and subscriptions, and answers about positions."""

    async def ensure_topics(
        self, partitions: Mapping[str, int], retention_ms: Mapping[str, int] | None = None
    ) -> None:
        """Create the topics that are missing. Raises `LogUnavailable`.

        What is older than its topic's `retention_ms` is forgotten in good time; a topic that is not
        named there is kept as long as the log keeps anything. Kafka leaves the retention of a topic
        that is there as it is, and says where it differs.

        Raises `ValueError` where a topic exists with another number of partitions: to change it
        would move keys to other partitions, and the order of their records would be lost.
        """

    async def weaknesses(self, topics: Collection[str]) -> Sequence[Weakness]:
        """Say what these topics do not promise, most of all to keep what is acknowledged.

        Nothing for a log whose acknowledgement means that the disk has it. Raises `LogUnavailable`.
        """

    def publisher(self, *, deadline_s: float = 2.0, observer: Observer | None = None) -> Publisher:
        """Make a publisher; `observer` is told what becomes of its messages."""

    def subscription(self, topic: str, group: str, positions: Positions) -> Subscription:
        """Make a member of `group` on `topic`."""

    async def members(self, topic: str, group: str) -> int:
        """Return how many members a group has on a topic now; 0 where nobody ever joined it.

        Who has just died may be counted for as long as the log waits for it. Raises
        `LogUnavailable`.
        """

    async def topics(self) -> Sequence[str]:
        """Return the names of the topics there are, in order. Raises `LogUnavailable`."""

    async def ends(self, topic: str) -> Mapping[Partition, int]:
        """Return the next offset to be written, per partition. Raises `LogUnavailable`."""

    async def begins(self, topic: str) -> Mapping[Partition, int]:
        """Return the oldest offset kept, per partition. Raises `LogUnavailable`."""

    async def read(self, position: Position, records_max: int) -> Sequence[Record]:
        """Read on from `position` outside any group. Raises `LogUnavailable`, `PositionLost`."""

    async def close(self) -> None:
        """Let go of connections and files."""
