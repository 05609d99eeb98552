"""What the log's latest records show: repetitions of events, and what was refused.

The log is read from some thousands of records before its ends up to its ends, outside any group and
beside a running gateway; how far back that is is said in the report. Bodies are dropped as soon as
a record was read.
"""

from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field

from consumers.store.port import EventKey, Store
from ingress.contract import topics
from ingress.contract.envelope import Envelope, EnvelopeMalformed
from ingress.contract.quarantined import Quarantined, Release, decode
from ingress.eventlog.port import (
    EventLog,
    Position,
    PositionLost,
    Record,
    Unreadable,
)
from sealgate.evidence.claims import Finding
from sealgate.evidence.judging import finding
from sealgate.exposure import addresses

RECORDS_MAX = 20_000
"""Of each topic; at a few KiB a record, seconds of reading."""
VERIFIED_MAX = 2000
"""Records that are verified again: a signature takes up to a millisecond."""
READ_RECORDS = 250
LOOKED_UP_MAX = 500


@dataclass(slots=True)
class Repetitions:
    """The places of each event among the latest records of the log."""

    places: Mapping[EventKey, list[Position]] = field(default_factory=dict)
    records: int = 0
    unreadable: int = 0

    @property
    def repeated(self) -> Sequence[EventKey]:
        """Return the events that are there more than once."""
        return sorted(key for key, places in self.places.items() if len(places) > 1)


@dataclass(slots=True)
class Refusals:
    """What the quarantine kept lately, by source and reason, and how much of it was released."""

    kept: Counter[tuple[str, str]] = field(default_factory=Counter)
    released: int = 0


async def repetitions(log: EventLog, environment: str) -> Repetitions:
    """Read the latest records of the verified topic. Raises `LogUnavailable`."""
    places: defaultdict[EventKey, list[Position]] = defaultdict(list)
    found = Repetitions(places)
    async for record in latest(log, topics.verified(environment)):
        found.records += 1
        try:
            sealed = Envelope.decode(record.headers, record.value)
        except EnvelopeMalformed:
            found.unreadable += 1
            continue
        key = EventKey(sealed.provider, sealed.account, sealed.event_key)
        places[key].append(record.position)
    return found


async def refusals(log: EventLog, environment: str) -> Refusals:
    """Read the latest records of the quarantine. Raises `LogUnavailable`."""
    found = Refusals()
    async for record in latest(log, topics.quarantine(environment)):
        try:
            one = decode(record.headers, record.value)
        except EnvelopeMalformed:
            continue
        if isinstance(one, Release):
            found.released += 1
        elif isinstance(one, Quarantined):
            found.kept[one.slug, one.reason] += 1
    return found


async def one_row_each(found: Repetitions, store: Store) -> Finding:
    """Hold the repetitions against the rows. Raises `StoreUnavailable`."""
    asked = found.repeated[:LOOKED_UP_MAX]
    rows = {key: await store.event(key) for key in asked}
    waiting = sum(row is None for row in rows.values())
    elsewhere = [
        addresses.write(key)
        for key, row in rows.items()
        if row is not None and _is_behind(row.event.position, found.places[key])
    ]
    looked = [
        ("records read", f"{found.records}, the latest of the log"),
        ("events among them", str(len(found.places))),
        ("events delivered more than once", str(len(found.repeated))),
        ("of these looked up, one row each", str(len(asked) - len(elsewhere) - waiting)),
        ("of these without a row: not applied yet, or given up on", str(waiting)),
        ("records that are no envelope", str(found.unreadable)),
    ]
    wrong = f"not as claimed: {', '.join(elsewhere[:3])}; report it" if elsewhere else ""
    missing = ""
    if len(asked) == waiting:
        missing = "no event was delivered twice lately: have the provider deliver one again"
    return finding("one-row-each", wrong, missing, looked)


def _is_behind(row: Position, places: Sequence[Position]) -> bool:
    """Say whether a row is of a place behind all of the event's: it is of the first, or before."""
    same = [one.offset for one in places if one.partition == row.partition]
    return bool(same) and row.offset > min(same)


async def latest(
    log: EventLog, topic: str, records_max: int = RECORDS_MAX
) -> AsyncIterator[Record]:
    """Yield a topic's latest records, each partition in order. Raises `LogUnavailable`."""
    ends = await log.ends(topic)
    if not ends:
        return
    begins, each = await log.begins(topic), records_max // len(ends) or 1
    for partition, end in sorted(ends.items()):
        at = max(begins.get(partition, 0), end - each)
        while at < end:
            try:
                records = await log.read(Position(partition, at), READ_RECORDS)
            except PositionLost:
                # Retention went by: what it took is not the latest.
                at = max((await log.begins(topic)).get(partition, 0), at + 1)
                continue
            for record in records:
                if record.position.offset < end and not isinstance(record, Unreadable):
                    yield record
            at = records[-1].position.offset + 1 if records else end
