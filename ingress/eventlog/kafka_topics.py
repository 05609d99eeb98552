"""Making topics in Kafka: those that are missing, with the settings that the promises need.

A topic that is there is left as it is; only its number of partitions is compared, because keys
would move, and its retention, where one is wanted: it may be longer than is right for what lies
there, but to set it is the cluster's owner's. To return only when every partition has a leader
spares the first publish its retries.
"""

import asyncio
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from aiokafka import errors as kafka
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from ingress import telemetry
from ingress.eventlog.kafka_closing import bounded
from ingress.eventlog.port import RECORD_BYTES_MAX, LogUnavailable

# Longer than any provider goes on retrying (Adyen: 30 days), so that whatever can still come twice
# can still be compared with the log, and a reader that was down for weeks has missed nothing.
RETENTION_MS = 45 * 24 * 3600 * 1000
ENSURE_S = 15.0
CLOSE_S = 1.0
LOOK_S = 0.05
_EXISTS = kafka.TopicAlreadyExistsError.errno
_RETENTION = "retention.ms"
_UNKNOWN = kafka.UnknownTopicOrPartitionError.errno


@dataclass(frozen=True, slots=True)
class Wanted:
    """Topics with their partitions; those named in `retention_ms` keep records for so long."""

    partitions: Mapping[str, int]
    replication_factor: int
    retention_ms: Mapping[str, int] = field(default_factory=dict)

    def settings(self, topic: str) -> dict[str, str]:
        """Return the settings of a new topic."""
        return {
            "cleanup.policy": "delete",
            _RETENTION: str(self.retention_ms.get(topic, RETENTION_MS)),
            # The largest record must pass; the publisher keeps its batches smaller than that.
            "max.message.bytes": str(RECORD_BYTES_MAX),
            # An acknowledgement means more than one disk wherever there is more than one.
            "min.insync.replicas": str(max(1, self.replication_factor - 1)),
            # The log's own time of writing, not the writer's claim.
            "message.timestamp.type": "LogAppendTime",
        }


async def ensure_topics(options: Mapping[str, Any], wanted: Wanted) -> None:
    """Create what is missing and wait for its leaders. Raises `LogUnavailable`, `ValueError`."""
    partitions = wanted.partitions
    admin = AIOKafkaAdminClient(**options, request_timeout_ms=int(ENSURE_S * 1000))
    try:
        async with asyncio.timeout(ENSURE_S):
            await admin.start()
            found = await _look(admin, partitions)
            await _create(admin, wanted, partitions.keys() - found.keys())
            await _compare(admin, wanted, wanted.retention_ms.keys() & found.keys())
            while True:
                found = await _look(admin, partitions)
                if len(found) == len(partitions):
                    break
                await asyncio.sleep(LOOK_S)
    except kafka.InvalidReplicationFactorError:
        # Not a mistake for sure: the other brokers may only be on their way up.
        raise LogUnavailable(
            f"fewer than {wanted.replication_factor} brokers are up; if fewer are meant, say"
            " ?replication_factor=1 (or how many) at the end of the log's URL"
        ) from None
    except (kafka.KafkaError, OSError) as error:  # a time-out is an OSError
        reason = f"{type(error).__name__}: {error}"
        raise LogUnavailable(f"Kafka cannot make or show the topics ({reason})") from error
    finally:
        await bounded(admin.close(), within_s=CLOSE_S)
    for topic, count in partitions.items():
        if found[topic] != count:
            raise ValueError(
                f"the topic {topic} has {found[topic]} partitions, not {count}: keep {found[topic]}"
            )


async def _look(admin: AIOKafkaAdminClient, wanted: Mapping[str, int]) -> dict[str, int]:
    """Return the number of partitions of each topic that is there, with leaders."""
    found: dict[str, int] = {}
    for topic in await admin.describe_topics(list(wanted)):
        if topic["error_code"] == _UNKNOWN:
            continue
        if topic["error_code"]:
            raise kafka.for_code(topic["error_code"])(topic["topic"])
        if all(partition["leader"] >= 0 for partition in topic["partitions"]):
            found[topic["topic"]] = len(topic["partitions"])
    return found


async def _create(admin: AIOKafkaAdminClient, wanted: Wanted, missing: Collection[str]) -> None:
    if not missing:
        return
    new = [
        NewTopic(
            name,
            wanted.partitions[name],
            wanted.replication_factor,
            topic_configs=wanted.settings(name),
        )
        for name in missing
    ]
    answer = await admin.create_topics(new)
    for name, code, *message in answer.topic_errors:
        if code not in (0, _EXISTS):
            raise kafka.for_code(code)(name, *message)


async def _compare(admin: AIOKafkaAdminClient, wanted: Wanted, topics: Collection[str]) -> None:
    """Say where a topic keeps its records for longer or shorter than is wanted."""
    if not topics:
        return
    asked = [
        ConfigResource(ConfigResourceType.TOPIC, topic, {_RETENTION: None}) for topic in topics
    ]
    for answer in await admin.describe_configs(asked):
        for _, _, _, topic, entries in answer.resources:
            kept_ms = {name: value for name, value, *_ in entries}.get(_RETENTION)
            wanted_ms = str(wanted.retention_ms[topic])
            # Who may not look is not told: the topic may still be written.
            if kept_ms is not None and kept_ms != wanted_ms:
                telemetry.logger("eventlog").warning(
                    "topic_retention_differs",
                    topic=topic,
                    retention_ms=kept_ms,
                    wanted_ms=wanted_ms,
                    hint=f"set {_RETENTION} of the topic, with kafka-configs --alter",
                )
