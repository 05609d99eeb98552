"""What needs the log and the database together, or their clocks: who is behind, and since when.

It is asked after `live` found that both answer. Nothing is written; each question has its time.
"""

import asyncio
from collections.abc import AsyncIterator, Collection, Iterator, Sequence

from consumers.store.looking import NotMade, OlderSchema
from consumers.store.port import (
    KeyUse,
    Store,
    StoreUnavailable,
    WrongDatabase,
    WrongEnvironment,
)
from consumers.store.proving import ProvingReads
from ingress import telemetry
from ingress.contract import topics
from ingress.contract.declaration import RETENTION_MS
from ingress.eventlog.port import (
    AccessRefused,
    EventLog,
    LogUnavailable,
    Partition,
    Position,
    PositionLost,
)
from ingress.keyring import Status
from sealgate.audit import folder
from sealgate.audit.checkpoints import read
from sealgate.config import Configuration
from sealgate.doctor import alive
from sealgate.doctor.findings import Finding, Level
from sealgate.exposure.command import addresses_of
from sealgate.keys import instants
from sealgate.logs import open_log
from sealgate.role import ALL_ROLES, Role
from sealgate.stores import open_store

ANSWER_S = 10.0
CLOCK_MS = 2000
KEY_DAYS = 90
CHECKPOINTS_MISSED = 2
"""Of a monitor that writes one an hour, two may be late; three are missing."""
LATER_THAN_EVER_MS = 2**62
_DAY_MS = 24 * 3600 * 1000
# Who else may not read the records themselves, where each role has its own user at the brokers.
_READERS = frozenset({Role.WORKER, Role.MONITOR})
# What is older than a quarter of what the log keeps is a consumer that nobody looks after.
_WARN_MS, _FAIL_MS = RETENTION_MS // 4, RETENTION_MS // 2
_AWAY = (
    *(AccessRefused, LogUnavailable, NotMade, OlderSchema, StoreUnavailable),
    *(TimeoutError, WrongDatabase, WrongEnvironment),
)


async def look(
    configuration: Configuration, now_ms: int, roles: Collection[Role] = ALL_ROLES
) -> list[Finding]:
    """Ask what needs both; `live` has told whatever keeps either from answering."""
    store, log = open_store(configuration), open_log(configuration)
    found: list[Finding] = []
    try:
        async with asyncio.timeout(ANSWER_S):
            await store.look(configuration.settings.environment)
            found += [one async for one in _clock(store)]
            if Role.EDGE in roles:
                found += key_ages(configuration, await store.key_uses(), now_ms)
            if not _READERS.isdisjoint(roles):
                found += [one async for one in _unread(configuration, store, log, now_ms)]
        async with asyncio.timeout(ANSWER_S + alive.AGAIN_S):
            looking = alive.Looking(configuration, store, log, now_ms)
            found += [one async for one in looking.look(roles)]
    except _AWAY:
        return found
    finally:
        await store.close()
        await log.close()
    return found


async def _clock(store: Store) -> AsyncIterator[Finding]:
    """Compare this clock with the database's, as of the middle of the question's time."""
    begun_ms = telemetry.now_ms()
    theirs_ms = await ProvingReads.of(store).now_ms()
    if theirs_ms is not None:
        yield clock(theirs_ms - (begun_ms + telemetry.now_ms()) // 2)


def clock(ahead_ms: int) -> Finding:
    """Judge by how much the database's clock is ahead of ours."""
    if abs(ahead_ms) <= CLOCK_MS:
        return Finding(Level.OK, "clock", f"agrees with the database's to {abs(ahead_ms)} ms")
    which = "behind" if ahead_ms > 0 else "ahead of"
    told = f"is {abs(ahead_ms) / 1000:.0f} s {which} the database's: set both by NTP"
    return Finding(Level.FAIL, "clock", f"{told}; runbook clock-skew")


async def _unread(
    configuration: Configuration, store: Store, log: EventLog, now_ms: int
) -> AsyncIterator[Finding]:
    """Hold what the workers have not read yet against how long the log keeps it."""
    settings = configuration.settings
    name = topics.verified(settings.environment)
    ends, begins = await log.ends(name), await log.begins(name)
    at = await store.positions(settings.consumer.group)
    oldest_ms = now_ms
    for partition, end in sorted(ends.items()):
        begin = begins.get(partition, 0)
        next_offset = at.get(partition, begin)
        if next_offset < begin:
            yield Finding(Level.FAIL, name, _lost(partition, next_offset, begin))
        elif next_offset < end:
            oldest_ms = min(oldest_ms, await _written_ms(log, Position(partition, next_offset)))
    if ends:
        yield aged(name, now_ms - oldest_ms)


def _lost(partition: Partition, next_offset: int, begin: int) -> str:
    return (
        f"partition {partition.number}: the log begins at {begin}, and the workers had read up to"
        f" {next_offset}: what lay between is gone unread; runbook position-lost"
    )


async def _written_ms(log: EventLog, position: Position) -> int:
    """Return when the record at a position was written; later than ever where it is gone."""
    try:
        for record in await log.read(position, 1):
            return record.timestamp_ms
    except PositionLost:
        pass
    return LATER_THAN_EVER_MS


def aged(topic: str, age_ms: int) -> Finding:
    """Judge the oldest record that nobody applied."""
    kept = f"and the log keeps {RETENTION_MS // _DAY_MS} days"
    told = f"the oldest unread record is {instants.span(max(age_ms, 0) / 1000)} old, {kept}"
    if age_ms <= _WARN_MS:
        return Finding(Level.OK, topic, told)
    level = Level.FAIL if age_ms > _FAIL_MS else Level.WARN
    return Finding(level, topic, f"{told}: start workers; runbook consumer-lag")


def key_ages(
    configuration: Configuration, uses: Sequence[KeyUse], now_ms: int
) -> Iterator[Finding]:
    """Say which active keys have been proving events for longer than a key should."""
    old, first = [], now_ms
    for source in configuration.settings.source:
        names = addresses_of(configuration, source.slug)
        active = {key.id for key in source.key if key.status is Status.ACTIVE}
        since = {
            use.key_id: use.first_ms for use in uses if use.source in names and use.key_id in active
        }
        first = min(first, *since.values(), now_ms)
        old += [
            (source.slug, key, (now_ms - begun_ms) // _DAY_MS)
            for key, begun_ms in since.items()
            if now_ms - begun_ms > KEY_DAYS * _DAY_MS
        ]
    for slug, key, days in old:
        told = f"key {key} has been proving events for {days} days: runbook planned-rotation"
        yield Finding(Level.WARN, f"source {slug!r}", told)
    if uses and not old:
        told = f"no active key has been proving events for more than {KEY_DAYS} days"
        yield Finding(Level.OK, "key ages", told)


def checkpoints(configuration: Configuration, now_ms: int) -> Iterator[Finding]:
    """Ask whether the monitor writes checkpoints: by the last one, for it may run elsewhere."""
    settings = configuration.settings.audit
    if settings.key_file is None:
        return
    directory = configuration.base / settings.directory
    advice = "is `sealgate monitor` running, and may it write there? runbook audit-chain"
    try:
        last = folder.latest(directory)
        public = folder.public_key(
            configuration.base, folder.public_path(configuration.base / settings.key_file)
        )
        at_ms = None if last is None else read(last.content, public).at_ms
    except (OSError, ValueError) as wrong:
        yield Finding(Level.FAIL, "monitor", f"its checkpoints cannot be read: {wrong}")
        return
    if at_ms is None:
        yield Finding(Level.WARN, "monitor", f"{directory} holds no checkpoint yet: {advice}")
        return
    age_ms = now_ms - at_ms
    told = f"wrote the last checkpoint {max(age_ms, 0) / 60_000:.0f} min ago"
    if age_ms > settings.checkpoint_s * 1000 * (1 + CHECKPOINTS_MISSED):
        yield Finding(Level.FAIL, "monitor", f"{told}: {advice}")
    else:
        yield Finding(Level.OK, "monitor", told)
