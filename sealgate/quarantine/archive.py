"""Reading the quarantine: records of its topic in, kept deliveries and releases out.

It is read outside any group and beside a running gateway, up to where it ended when reading began,
some records at a time: however much was kept, what is in memory is a handful of deliveries, and
one id for every release. A release lies behind its delivery, so whoever has to know of them reads
twice: `look` first, then `deliveries`.
"""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field

from ingress.contract import topics
from ingress.contract.envelope import EnvelopeMalformed
from ingress.contract.quarantined import Quarantined, Release, decode
from ingress.eventlog.port import (
    EventLog,
    LogUnavailable,
    Partition,
    Position,
    PositionLost,
    Record,
)
from sealgate.quarantine.wanted import Wanted

READ_RECORDS = 64


@dataclass(slots=True)
class Look:
    """What a first reading found: what was released as which event, and who was sent anything."""

    released: dict[str, str] = field(default_factory=dict)
    slugs: set[str] = field(default_factory=set)
    unreadable: int = 0


@dataclass(frozen=True, slots=True)
class Archive:
    """The quarantine of one environment, up to the `ends` it had when it was opened."""

    log: EventLog
    environment: str
    ends: Mapping[Partition, int]

    async def look(self, wanted: Wanted) -> Look:
        """Read everything once. Raises `LogUnavailable`."""
        found = Look()
        async for record in self._records():
            one = self._read(record)
            if one is None:
                found.unreadable += 1
            elif isinstance(one, Release):
                found.released[one.id] = one.event_key
            elif wanted.takes(one):
                found.slugs.add(one.slug)
        return found

    async def deliveries(self, wanted: Wanted) -> AsyncIterator[Quarantined]:
        """Read the deliveries that are meant, in order of receipt at each source."""
        async for record in self._records():
            one = self._read(record)
            if isinstance(one, Quarantined) and wanted.takes(one):
                yield one

    def _read(self, record: Record) -> Quarantined | Release | None:
        """Return what a record says; None where it says nothing, or speaks of elsewhere."""
        try:
            one = decode(record.headers, record.value)
        except EnvelopeMalformed:
            return None
        return one if one.environment == self.environment else None

    async def _records(self) -> AsyncIterator[Record]:
        begins = await self.log.begins(topics.quarantine(self.environment))
        for partition, end in sorted(self.ends.items()):
            at = begins[partition]
            while at < end:
                records = await self._next(partition, at)
                for record in records:
                    if record.position.offset < end:
                        yield record
                at = records[-1].position.offset + 1 if records else end

    async def _next(self, partition: Partition, at: int) -> list[Record]:
        try:
            return list(await self.log.read(Position(partition, at), READ_RECORDS))
        except PositionLost:
            # Retention went by while we read: what it took is no longer kept, and read on from
            # what is. Nowhere else may a reader skip; here nobody was promised more.
            begin = (await self.log.begins(partition.topic))[partition]
            if begin <= at:
                raise
            return list(await self.log.read(Position(partition, begin), READ_RECORDS))


async def opened(log: EventLog, environment: str) -> Archive:
    """Look where the quarantine ends now. Raises `LogUnavailable`."""
    topic = topics.quarantine(environment)
    ends = await log.ends(topic)
    if not ends:
        raise LogUnavailable(f"there is no topic {topic} yet: no gateway has made it")
    return Archive(log, environment, ends)
