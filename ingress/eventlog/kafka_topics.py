"""Making topics in Kafka, and saying what those that are there do not promise.

A topic that is missing is made with the settings that the promises need; one that is there is left
as it is. Only its number of partitions is compared, because keys would move, and its retention,
where one is wanted: it may be longer than is right for what lies there, but to set it is the
cluster's owner's, with `sealgate topics apply`. To return only when every partition has a leader
spares the first publish its retries.
"""

import asyncio
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiokafka import errors as kafka
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from ingress import telemetry
from ingress.contract import declaration
from ingress.eventlog.kafka_closing import bounded
from ingress.eventlog.kafka_trouble import TROUBLE, Entrance
from ingress.eventlog.kafka_weakness import Found, weaknesses_of
from ingress.eventlog.port import RECORD_BYTES_MAX, LogUnavailable, Weakness

ENSURE_S = 15.0
CLOSE_S = 1.0
LOOK_S = 0.05
_EXISTS = kafka.TopicAlreadyExistsError.errno
_UNKNOWN = kafka.UnknownTopicOrPartitionError.errno


@dataclass(frozen=True, slots=True)
class Wanted:
    """Topics with their partitions; those named in `retention_ms` keep records for so long."""

    partitions: Mapping[str, int]
    replication_factor: int
    retention_ms: Mapping[str, int] = field(default_factory=dict)

    def settings(self, topic: str) -> dict[str, str]:
        """Return the settings of a new topic."""
        kept_ms = self.retention_ms.get(topic, declaration.RETENTION_MS)
        return declaration.settings(self.replication_factor, RECORD_BYTES_MAX, kept_ms)


@asynccontextmanager
async def administering(entrance: Entrance, doing: str) -> AsyncIterator[AIOKafkaAdminClient]:
    """Give a connected client for `ENSURE_S` at most. Raises `LogUnavailable` for its errors."""
    admin = AIOKafkaAdminClient(**entrance.options(), request_timeout_ms=int(ENSURE_S * 1000))
    try:
        async with asyncio.timeout(ENSURE_S):
            await admin.start()
            yield admin
    except TROUBLE as error:
        raise await entrance.unavailable(error, doing) from error
    finally:
        await bounded(admin.close(), within_s=CLOSE_S)


async def ensure_topics(entrance: Entrance, wanted: Wanted) -> None:
    """Create what is missing and wait for its leaders. Raises `LogUnavailable`, `ValueError`."""
    partitions = wanted.partitions
    async with administering(entrance, "Kafka cannot make or show the topics") as admin:
        found = await _look(admin, partitions)
        await create(admin, wanted, partitions.keys() - found.keys())
        await _compare(admin, wanted, wanted.retention_ms.keys() & found.keys())
        while len(found) < len(partitions):
            await asyncio.sleep(LOOK_S)
            found = await _look(admin, partitions)
    for topic, count in partitions.items():
        if found[topic] != count:
            raise ValueError(
                f"the topic {topic} has {found[topic]} partitions, not {count}: keep {found[topic]}"
            )


async def look_for_weaknesses(entrance: Entrance, topics: Collection[str]) -> Sequence[Weakness]:
    """Say what those of these topics that are there do not promise. Raises `LogUnavailable`."""
    async with administering(entrance, "Kafka does not show the topics' settings") as admin:
        found = await look_closely(admin, topics)
    return [one for name in sorted(found) for one in weaknesses_of(name, found[name])]


async def look_closely(admin: AIOKafkaAdminClient, topics: Collection[str]) -> dict[str, Found]:
    """Return the topics that are there, with their replicas and settings as far as we may look."""
    there = {
        topic["topic"]: topic["partitions"]
        for topic in _known(await admin.describe_topics(list(topics)))
    }
    settings, own = await _settings(admin, there)
    return {
        name: Found(
            partitions=len(each),
            replicas=min((len(partition["replicas"]) for partition in each), default=0),
            settings=settings.get(name),
            own=own.get(name, {}),
        )
        for name, each in there.items()
    }


async def create(admin: AIOKafkaAdminClient, wanted: Wanted, missing: Collection[str]) -> None:
    """Make these topics. Raises aiokafka's errors, `LogUnavailable` where brokers are missing."""
    if not missing:
        return
    new = [
        NewTopic(
            name,
            wanted.partitions[name],
            wanted.replication_factor,
            topic_configs=wanted.settings(name),
        )
        for name in sorted(missing)
    ]
    answer = await admin.create_topics(new)
    for name, code, *message in answer.topic_errors:
        if code == kafka.InvalidReplicationFactorError.errno:
            # Not a mistake for sure: the other brokers may only be on their way up.
            raise LogUnavailable(
                f"fewer than {wanted.replication_factor} brokers are up; if fewer are meant, say"
                " ?replication_factor=1 (or how many) at the end of the log's URL"
            )
        if code == kafka.TopicAuthorizationFailedError.errno:
            raise LogUnavailable(
                f"there is no topic {name}, and Kafka does not allow us to make it: let whoever may"
                " run `sealgate topics apply`"
            )
        if code not in (0, _EXISTS):
            raise kafka.for_code(code)(name, *message)


async def _look(admin: AIOKafkaAdminClient, wanted: Mapping[str, int]) -> dict[str, int]:
    """Return the number of partitions of each topic that is there, with leaders."""
    return {
        topic["topic"]: len(topic["partitions"])
        for topic in _known(await admin.describe_topics(list(wanted)))
        if all(partition["leader"] >= 0 for partition in topic["partitions"])
    }


def _known(described: Sequence[Any]) -> list[Any]:
    """Leave out what is not there. Raises aiokafka's errors."""
    for topic in described:
        if topic["error_code"] not in (0, _UNKNOWN):
            raise kafka.for_code(topic["error_code"])(topic["topic"])
    return [topic for topic in described if not topic["error_code"]]


async def _settings(
    admin: AIOKafkaAdminClient, topics: Collection[str]
) -> tuple[dict[str, dict[str, str]], dict[str, dict[str, str]]]:
    """Return the settings of topics as they hold, and those that are the topics' own.

    Topics whose settings we may not see are left out.
    """
    hold: dict[str, dict[str, str]] = {}
    own: dict[str, dict[str, str]] = {}
    if not topics:
        return hold, own
    asked = [ConfigResource(ConfigResourceType.TOPIC, topic) for topic in topics]
    for answer in await admin.describe_configs(asked):
        for code, _, _, topic, entries in answer.resources:
            if code:
                continue
            hold[topic] = {name: value for name, value, *_ in entries}
            own[topic] = {name: value for name, value, _, source, *_ in entries if source == _OWN}
    return hold, own


# The source of a setting, in Kafka's answer: set on the topic itself.
_OWN = 1


async def _compare(admin: AIOKafkaAdminClient, wanted: Wanted, topics: Collection[str]) -> None:
    """Say where a topic keeps its records for longer or shorter than is wanted."""
    settings, _ = await _settings(admin, topics)
    for topic, found in settings.items():
        kept_ms, wanted_ms = found[declaration.RETENTION], str(wanted.retention_ms[topic])
        if kept_ms != wanted_ms:
            telemetry.logger("eventlog").warning(
                "topic_retention_differs",
                topic=topic,
                retention_ms=kept_ms,
                wanted_ms=wanted_ms,
                hint="set it with `sealgate topics apply`",
            )
