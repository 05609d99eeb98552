"""What has to be done to a cluster, decided: topics found and wanted flow in, a `Plan` out. Pure.

A setting is raised where it is weaker than the promises need, and left where it is stronger. What
would move keys to other partitions, or copy data between brokers, is never done by itself: it is
told, with what to do.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from ingress.contract import declaration
from ingress.contract.declaration import QUARANTINE, TOPICS
from ingress.eventlog.kafka_admin import Grant
from ingress.eventlog.kafka_weakness import Found
from ingress.eventlog.port import RECORD_BYTES_MAX

_FOR_EVER = -1


@dataclass(frozen=True, slots=True)
class Wish:
    """What a configuration wants of its topics."""

    environment: str
    partitions: int
    replication_factor: int
    quarantine_ms: int

    def kept_ms(self) -> Mapping[str, int]:
        """Return how long each topic keeps its records."""
        return {
            topic.name(self.environment): self.quarantine_ms
            if topic.kept_ms is None
            else topic.kept_ms
            for topic in TOPICS
        }


@dataclass(frozen=True, slots=True)
class Plan:
    """What to do, and what is left to a person."""

    make: Mapping[str, int] = field(default_factory=dict)
    set: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    grant: tuple[Grant, ...] = ()
    refused: tuple[str, ...] = ()

    @property
    def is_empty(self) -> bool:
        """Say whether everything is as it should be."""
        return not (self.make or self.set or self.grant or self.refused)


def plan(
    wish: Wish, found: Mapping[str, Found], grants: Iterable[Grant], refused: Iterable[str] = ()
) -> Plan:
    """Compare; `grants` are missing already, `refused` is told with the rest."""
    kept_ms = wish.kept_ms()
    changes = {
        name: changed
        for name, one in found.items()
        if (changed := dict(_changes(one, kept_ms[name], is_exact=_is_exact(name, wish))))
    }
    told = [reason for name, one in found.items() for reason in _refused(name, one, wish)]
    return Plan(
        make={name: wish.partitions for name in kept_ms if name not in found},
        set=changes,
        grant=tuple(grants),
        refused=(*refused, *told),
    )


def _is_exact(name: str, wish: Wish) -> bool:
    """Say whether records must be gone in time, not only stay: refused ones may be anything."""
    return name == QUARANTINE.name(wish.environment)


def _changes(found: Found, kept_ms: int, *, is_exact: bool) -> Iterator[tuple[str, str]]:
    settings = found.settings
    if settings is None:
        return
    wanted = declaration.settings(found.replicas, RECORD_BYTES_MAX, kept_ms)
    for name in (declaration.CLEANUP, declaration.UNCLEAN, declaration.TIMESTAMP):
        if settings.get(name) != wanted[name]:
            yield name, wanted[name]
    if int(settings[declaration.RECORD_BYTES]) < RECORD_BYTES_MAX:
        yield declaration.RECORD_BYTES, wanted[declaration.RECORD_BYTES]
    kept = int(settings[declaration.RETENTION])
    if kept != kept_ms if is_exact else _FOR_EVER < kept < kept_ms:
        yield declaration.RETENTION, wanted[declaration.RETENTION]
    in_sync = int(settings[declaration.IN_SYNC])
    if in_sync < min(declaration.IN_SYNC_MIN, found.replicas - 1) or in_sync >= found.replicas > 1:
        yield declaration.IN_SYNC, str(min(declaration.IN_SYNC_MIN, found.replicas - 1))


def _refused(name: str, found: Found, wish: Wish) -> Iterator[str]:
    if found.partitions != wish.partitions:
        yield (
            f"{name} has {found.partitions} partitions, and log.partitions says {wish.partitions}:"
            f" say {found.partitions}. More partitions would move payments to others, and the order"
            " of their events would be lost; see docs/kafka.md"
        )
    if found.replicas < wish.replication_factor:
        yield (
            f"{name} has {found.replicas} replicas of {wish.replication_factor}: copying it is for"
            " kafka-reassign-partitions; see docs/kafka.md"
        )
    if found.settings is None:
        yield f"{name}: its settings cannot be seen, nor so changed; enter as one who may"
