"""What a topic of Kafka does not promise: judged from its replicas and settings. Pure.

Kafka acknowledges what is in the brokers' memory, not on their disks. So an acknowledgement is
worth as many brokers as hold the record: with one, or with one in sync, a power cut takes back what
was promised. Either there are copies enough, or the broker writes each record through to its disk.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from ingress.contract import declaration
from ingress.eventlog.port import RECORD_BYTES_MAX, Weakness

_FOR_EVER = -1


@dataclass(frozen=True, slots=True)
class Found:
    """A topic as it is. `settings` is None where we may not see them; `own` are set on it alone."""

    partitions: int
    replicas: int
    settings: Mapping[str, str] | None
    own: Mapping[str, str]


def weaknesses_of(topic: str, found: Found) -> Iterator[Weakness]:
    """Say what the topic does not promise, the worst first."""
    settings = found.settings
    if settings is None:
        yield from _replicas(topic, found.replicas)
        yield Weakness(
            topic,
            "its settings cannot be checked: allow us DescribeConfigs (`sealgate topics plan`)",
            loses=False,
        )
        return
    if settings.get(declaration.FLUSH) != "1":
        yield from _replicas(topic, found.replicas)
        yield from _in_sync(topic, int(settings[declaration.IN_SYNC]))
        if settings.get(declaration.UNCLEAN) == "true":
            yield Weakness(
                topic,
                f"{declaration.UNCLEAN} lets a replica that was left behind take over: set false",
                loses=True,
            )
    yield from _others(topic, found.replicas, settings)


def _replicas(topic: str, replicas: int) -> Iterator[Weakness]:
    if replicas < declaration.REPLICAS_MIN:
        yield Weakness(
            topic,
            f"has {replicas} of {declaration.REPLICAS_MIN} replicas: give it more, with"
            " kafka-reassign-partitions",
            loses=True,
        )


def _in_sync(topic: str, in_sync: int) -> Iterator[Weakness]:
    if in_sync < declaration.IN_SYNC_MIN:
        yield Weakness(
            topic,
            f"{declaration.IN_SYNC} is {in_sync}: an acknowledgement may rest on one broker's"
            f" memory; set {declaration.IN_SYNC_MIN}",
            loses=True,
        )


def _others(topic: str, replicas: int, settings: Mapping[str, str]) -> Iterator[Weakness]:
    in_sync = int(settings[declaration.IN_SYNC])
    if in_sync >= replicas > 1:
        told = f"{declaration.IN_SYNC} is {in_sync} of {replicas}: one broker away stops all writes"
        yield Weakness(topic, told, loses=False)
    if settings[declaration.CLEANUP] != "delete":
        told = (
            f"{declaration.CLEANUP} is {settings[declaration.CLEANUP]}: of a payment only the last"
            " event would be left; set delete"
        )
        yield Weakness(topic, told, loses=False)
    kept_ms = int(settings[declaration.RETENTION])
    if kept_ms != _FOR_EVER and kept_ms < _kept_min_ms(topic):
        days = kept_ms / declaration.DAY_MS
        told = f"keeps records for {days:.1f} days: less than providers go on retrying"
        yield Weakness(topic, told, loses=False)
    if int(settings[declaration.RECORD_BYTES]) < RECORD_BYTES_MAX:
        told = (
            f"{declaration.RECORD_BYTES} is {settings[declaration.RECORD_BYTES]}: the largest"
            f" deliveries would be refused; set {RECORD_BYTES_MAX}"
        )
        yield Weakness(topic, told, loses=False)
    if settings.get(declaration.TIMESTAMP) != "LogAppendTime":
        told = f"{declaration.TIMESTAMP} is not LogAppendTime: retention trusts writers' clocks"
        yield Weakness(topic, told, loses=False)


def _kept_min_ms(topic: str) -> int:
    """Return how long a topic must keep records; the quarantine, as long as is configured."""
    quarantine = topic.endswith(f".{declaration.QUARANTINE.word}")
    return 0 if quarantine else declaration.RETENTION_MS
