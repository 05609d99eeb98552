"""Reading the quarantine: records of its topic in, kept deliveries and releases out.

It is read outside any group and beside a running gateway, up to where it ended when reading began,
some records at a time: however much was kept, what is in memory is a handful of deliveries, and
one id for every release. A release lies behind its delivery, so whoever has to know of them reads
twice: `look` first, then `deliveries`.

Retention may go by meanwhile. Nowhere else may a reader skip; here nobody was promised more than
is kept, so it reads on from what still is, and says in `gone` how much it did not see.
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
    """The quarantine of one environment, from `begins` to `ends` as they were at its opening.

    `gone` is filled by a reading: how many records of a partition retention took before it came.
    """

    log: EventLog
    environment: str
    begins: Mapping[Partition, int]
    ends: Mapping[Partition, int]
    gone: dict[Partition, int] = field(default_factory=dict)

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
        self.gone.clear()
        for partition, end in sorted(self.ends.items()):
            at = self.begins[partition]
            while at < end:
                try:
                    records = await self.log.read(Position(partition, at), READ_RECORDS)
                except PositionLost:
                    begin = min(await self._begin(partition, at), end)
                    self.gone[partition] = self.gone.get(partition, 0) + begin - at
                    at = begin
                    continue
                for record in records:
                    if record.position.offset < end:
                        yield record
                at = records[-1].position.offset + 1 if records else end

    async def _begin(self, partition: Partition, lost: int) -> int:
        """Return where a partition begins now that a place of it is lost."""
        begin = (await self.log.begins(partition.topic)).get(partition, 0)
        if begin <= lost:
            raise LogUnavailable(f"{partition.topic} was made anew meanwhile: look again")
        return begin


async def opened(log: EventLog, environment: str) -> Archive:
    """Look where the quarantine begins and ends now. Raises `LogUnavailable`."""
    topic = topics.quarantine(environment)
    ends = await log.ends(topic)
    if not ends:
        raise LogUnavailable(f"there is no topic {topic} yet: no gateway has made it")
    return Archive(log, environment, await log.begins(topic), ends)
