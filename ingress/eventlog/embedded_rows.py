"""The statements of the embedded log: how messages become rows, and rows become records.

Nothing here begins or ends a transaction; the writer's thread and the reader's thread each call in
with a connection of their own.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from itertools import takewhile

import apsw
import orjson

from ingress.eventlog.partitioning import partition_of
from ingress.eventlog.port import (
    Headers,
    LogUnavailable,
    Message,
    MessageRefused,
    Partition,
    Position,
    PositionLost,
    Record,
    TopicRefused,
)

_INSERT = "INSERT INTO record (partition, offset, timestamp_ms, key, value, headers) VALUES "
_COLUMNS = 6
_INSERT_ROWS_MAX = 128
READ_BYTES_MAX = 8 * 1_048_576


class NoPartition(LogUnavailable):
    """The file has no such partition: it was not made yet, or this is another file by now."""


@dataclass(frozen=True, slots=True)
class Row:
    """A message made ready for the file."""

    topic: str
    key: bytes
    value: bytes
    headers: str


@dataclass(frozen=True, slots=True)
class Lane:
    """A partition and the number that stands for it in the file."""

    id: int
    partition: Partition


@dataclass(frozen=True, slots=True)
class Extent:
    """What of a partition is in the file: offsets from `begin` up to, but not with, `end`."""

    lane: Lane
    begin: int
    end: int


@dataclass(frozen=True, slots=True)
class Most:
    """How much is read at once; the record that goes over the bytes is the last."""

    records: int
    bytes: int = READ_BYTES_MAX


@dataclass(frozen=True, slots=True)
class Topics:
    """The partitions known so far, which never change once made; and where each one ends.

    The ends are right as long as nobody else has written to the file, which SQLite tells by a
    number; whoever rolls back must `forget` them.
    """

    lanes: dict[str, tuple[Lane, ...]] = field(default_factory=dict)
    _ends: dict[int, int] = field(default_factory=dict)
    _seen: list[int] = field(default_factory=lambda: [0])

    def of(self, connection: apsw.Connection, topic: str) -> tuple[Lane, ...]:
        """Return the topic's partitions, none if there is no such topic."""
        if topic not in self.lanes:
            found = tuple(extent.lane for extent in extents(connection, topic))
            if not found:
                return ()
            self.lanes[topic] = found
        return self.lanes[topic]

    def ends(self, connection: apsw.Connection) -> dict[int, int]:
        """Return the next offset of each lane, as far as they are known, to be kept up to date."""
        version: int = connection.execute("PRAGMA data_version").get
        if version != self._seen[0]:
            self._ends.clear()
            self._seen[0] = version
        return self._ends

    def forget(self) -> None:
        """Know nothing of ends any more."""
        self._ends.clear()


def row(message: Message) -> Row:
    """Make a message ready. Raises `MessageRefused` for a header that is not text."""
    # Any byte of a value survives as the character with its number.
    headers = [(name, value.decode("latin-1")) for name, value in message.headers]
    try:
        text = orjson.dumps(headers).decode()
    except orjson.JSONEncodeError as error:
        raise MessageRefused(f"a header's name is not text: {error}") from None
    return Row(message.topic, message.key, message.value, text)


def append(
    connection: apsw.Connection, topics: Topics, rows: Sequence[Row], now_ms: int
) -> list[Position | MessageRefused]:
    """Write the rows; return for each its position, or why it will never have one."""
    answers: list[Position | MessageRefused] = []
    ends = topics.ends(connection)
    values: list[object] = []
    for new in rows:
        lanes = topics.of(connection, new.topic)
        if not lanes:
            answers.append(TopicRefused(f"there is no topic {new.topic}: create it first"))
            continue
        lane = lanes[partition_of(new.key, len(lanes))]
        offset = ends[lane.id] if lane.id in ends else _end(connection, lane)
        ends[lane.id] = offset + 1
        values += (lane.id, offset, now_ms, new.key, new.value, new.headers)
        answers.append(Position(lane.partition, offset))
    _insert(connection, values)
    return answers


def make_topics(connection: apsw.Connection, partitions: Mapping[str, int]) -> None:
    """Create the topics that are missing; raise `ValueError` for one that differs."""
    for topic, wanted in partitions.items():
        found = len(extents(connection, topic))
        if found not in (0, wanted):
            raise ValueError(
                f"the topic {topic} has {found} partitions, not {wanted}: keep {found}"
            )
        if not found:
            connection.executemany(
                "INSERT INTO partition (topic, number) VALUES (?, ?)",
                [(topic, number) for number in range(wanted)],
            )


def trim(connection: apsw.Connection, position: Position) -> None:
    """Delete the records of a partition that come before `position`."""
    found = {e.lane.partition: e for e in extents(connection, position.partition.topic)}
    extent = _held(found, position.partition)
    keep = min(max(position.offset, extent.begin), extent.end)
    connection.execute(
        "DELETE FROM record WHERE partition = ? AND offset < ?", (extent.lane.id, keep)
    )
    connection.execute("UPDATE partition SET begin_offset = ? WHERE id = ?", (keep, extent.lane.id))


def expire(connection: apsw.Connection, topic: str, before_ms: int, records_max: int) -> bool:
    """Delete the oldest records of a topic, those written before `before_ms`.

    At most `records_max` of each partition, for it is done between two commits; say whether there
    may be more. What was written behind a younger record stays until that one goes.
    """
    is_more = False
    for extent in extents(connection, topic):
        old = _old(connection, extent, before_ms, records_max)
        if old:
            trim(connection, Position(extent.lane.partition, extent.begin + old))
        is_more |= old == records_max
    return is_more


def _old(connection: apsw.Connection, extent: Extent, before_ms: int, records_max: int) -> int:
    """Count the records at a partition's beginning that are older."""
    oldest = connection.execute(
        "SELECT timestamp_ms FROM record WHERE partition = ? ORDER BY offset LIMIT ?",
        (extent.lane.id, records_max),
    )
    times = [written_ms for (written_ms,) in oldest]
    return sum(1 for _ in takewhile(lambda written_ms: written_ms < before_ms, times))


def advise(connection: apsw.Connection, group: str, positions: Iterable[Position]) -> None:
    """Keep how far a group is."""
    connection.executemany(
        "INSERT OR REPLACE INTO advice"
        " SELECT ?, id, ? FROM partition WHERE topic = ? AND number = ?",
        [(group, offset, topic, number) for (topic, number), offset in positions],
    )


def advised(connection: apsw.Connection, group: str, topic: str) -> dict[Partition, int]:
    """Return how far a group said it is."""
    found = connection.execute(
        "SELECT number, advice.next_offset FROM advice JOIN partition ON id = partition"
        " WHERE member_group = ? AND topic = ?",
        (group, topic),
    )
    return {Partition(topic, number): offset for number, offset in found}


def topics(connection: apsw.Connection) -> list[str]:
    """Return the names of the topics, in order."""
    found = connection.execute("SELECT DISTINCT topic FROM partition ORDER BY topic")
    return [str(topic) for (topic,) in found]


def extents(connection: apsw.Connection, topic: str) -> list[Extent]:
    """Return the topic's partitions in order, none if there is no such topic."""
    found = connection.execute(
        "SELECT id, number, begin_offset, coalesce("
        " (SELECT max(offset) + 1 FROM record WHERE partition = partition.id), begin_offset)"
        " FROM partition WHERE topic = ? ORDER BY number",
        (topic,),
    )
    return [Extent(Lane(row, Partition(topic, number)), b, e) for row, number, b, e in found]


def read(connection: apsw.Connection, wanted: Mapping[Partition, int], most: Most) -> list[Record]:
    """Read on from each wanted offset, in the order of the mapping. Raises `PositionLost`."""
    records: list[Record] = []
    with connection:  # one view of the file, so that an extent and its records agree
        topics = {partition.topic for partition in wanted}
        held = {e.lane.partition: e for topic in topics for e in extents(connection, topic)}
        for partition, offset in wanted.items():
            extent = _held(held, partition)
            if not extent.begin <= offset <= extent.end:
                raise PositionLost(
                    f"{partition.topic}/{partition.number} holds {extent.begin} to {extent.end},"
                    f" not {offset}: decide where to read on, nothing is skipped by itself"
                )
            left = most.records - len(records)
            if offset < extent.end and left > 0:
                records += _read(connection, extent, offset, Most(left, most.bytes))
    return records


def _read(connection: apsw.Connection, extent: Extent, offset: int, most: Most) -> list[Record]:
    records: list[Record] = []
    size = 0
    found = connection.execute(
        "SELECT offset, timestamp_ms, key, value, headers FROM record"
        " WHERE partition = ? AND offset >= ? ORDER BY offset LIMIT ?",
        (extent.lane.id, offset, most.records),
    )
    for at, timestamp_ms, key, value, headers in found:
        place = Position(extent.lane.partition, at)
        records.append(Record(place, key, value, _from_text(headers), timestamp_ms))
        size += len(value)
        if size >= most.bytes:
            break
    return records


def _held(held: Mapping[Partition, Extent], partition: Partition) -> Extent:
    if partition not in held:
        raise NoPartition(f"there is no partition {partition.topic}/{partition.number}")
    return held[partition]


def _end(connection: apsw.Connection, lane: Lane) -> int:
    found = connection.execute(
        "SELECT coalesce((SELECT max(offset) + 1 FROM record WHERE partition = ?1),"
        " (SELECT begin_offset FROM partition WHERE id = ?1))",
        (lane.id,),
    )
    end: int = found.get
    return end


def _insert(connection: apsw.Connection, values: list[object]) -> None:
    width = _COLUMNS * _INSERT_ROWS_MAX
    for at in range(0, len(values), width):
        part = values[at : at + width]
        connection.execute(_insert_sql(len(part) // _COLUMNS), part)


@cache
def _insert_sql(rows: int) -> str:
    """Write one statement for many rows.

    SQLite lets go of the interpreter's lock for each statement, and to get it back may mean to wait
    for the event loop: with one statement a row, a group of a hundred would wait a hundred times.
    """
    return _INSERT + ",".join(["(?,?,?,?,?,?)"] * rows)


def _from_text(text: str) -> Headers:
    return tuple([(name, value.encode("latin-1")) for name, value in orjson.loads(text)])
