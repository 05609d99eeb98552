"""Which records of the log a replay reads: of every partition from an offset until before another.

An instant is the log's own time of writing. What no worker has read yet is not in any span: it will
be read by the mapping in force anyway. What retention has taken is gone; the spans say where the
log begins, so that nobody believes more was read.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from consumers.refusals import WrongWords
from ingress.eventlog.port import EventLog, Partition, Position, PositionLost, Record
from sealgate.exposure.instants import read_ms
from sealgate.story.search import read_place

BEGINNING = "beginning"


class Span(NamedTuple):
    """Records of one partition. `oldest` is the first offset that the log has left."""

    partition: Partition
    begin: int
    end: int
    oldest: int

    def holds(self, position: Position) -> bool:
        """Say whether a record stands in the span."""
        return self.partition == position.partition and self.begin <= position.offset < self.end

    def has_lost(self, position: Position) -> bool:
        """Say whether a record stood in the partition, and the log has forgotten it."""
        return self.partition == position.partition and position.offset < self.oldest


class Ground(NamedTuple):
    """The log, the topic of events, and how far the workers are."""

    log: EventLog
    topic: str
    read: Mapping[Partition, int]


async def spans(ground: Ground, begin: str, end: str) -> Sequence[Span]:
    """Find the spans. Raises `Refused`, and `LogUnavailable`."""
    ends = await ground.log.ends(ground.topic)
    whole = [
        Span(partition, oldest, min(ends.get(partition, 0), ground.read.get(partition, 0)), oldest)
        for partition, oldest in sorted((await ground.log.begins(ground.topic)).items())
    ]
    begun = [await _from(ground, span, begin) for span in whole]
    ended = [await _to(ground, span, end) for span in begun if span is not None]
    return [span for span in ended if span.begin < span.end]


async def _from(ground: Ground, span: Span, text: str) -> Span | None:
    """Begin a span where a person says; None for a partition that is not meant."""
    if text in {"", BEGINNING}:
        return span
    place = _place(ground, text, "--from")
    if place is None:
        begin = await since(ground.log, span, read_ms(text, "--from"))
        return span._replace(begin=begin)
    if place.partition != span.partition:
        return None
    if place.offset < span.oldest:
        raise WrongWords(
            f"--from: {text} is gone, retention has taken it; the log begins at"
            f" {span.partition.topic}/{span.partition.number}/{span.oldest}"
        )
    return span._replace(begin=place.offset)


async def _to(ground: Ground, span: Span, text: str) -> Span:
    if not text:
        return span
    place = _place(ground, text, "--to")
    if place is None:
        end = await since(ground.log, span, read_ms(text, "--to"))
        return span._replace(end=end)
    if place.partition != span.partition:
        return span
    return span._replace(end=min(span.end, place.offset))


def _place(ground: Ground, text: str, flag: str) -> Position | None:
    """Read a place in the log; None where the text is none. Raises `WrongWords`."""
    place = read_place(text)
    if place is not None and place.partition.topic != ground.topic:
        raise WrongWords(f"{flag}: events are in {ground.topic}, as in {ground.topic}/0/17")
    return place


async def since(log: EventLog, span: Span, at_ms: int) -> int:
    """Find the first offset that was written at or after an instant, by halves."""
    low, high = span.begin, span.end
    while low < high:
        middle = (low + high) // 2
        found = await first(log, Position(span.partition, middle))
        if found is None or found.position.offset >= high or found.timestamp_ms >= at_ms:
            high = middle
        else:
            low = found.position.offset + 1
    return low


async def first(log: EventLog, position: Position) -> Record | None:
    """Read the first record at or behind a place; None where there is none."""
    try:
        found = await log.read(position, 1)
    except PositionLost:
        return None
    return found[0] if found else None
