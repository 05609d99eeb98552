"""Looking after a cluster for `sealgate topics`: what is there, and each kind of change to it.

Nothing here decides: names, settings and rules flow in, and are read or written, each kind in one
question. Rules are Kafka's ACLs, as `Grant`: who may do what to which topic or group.
"""

import asyncio
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, NamedTuple

from aiokafka import errors as kafka
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.protocol.admin import CreateAclsRequest, DescribeAclsRequest

from ingress.eventlog.kafka_incremental import SetSettings
from ingress.eventlog.kafka_topics import Wanted, administering, create, look_closely
from ingress.eventlog.kafka_trouble import Entrance
from ingress.eventlog.kafka_weakness import Found
from ingress.eventlog.port import AccessRefused, LogUnavailable

_ANY, _ALLOW, _LITERAL, _PREFIXED = 1, 3, 3, 4
_ASK_AGAIN = frozenset(
    {
        kafka.GroupLoadInProgressError.errno,
        kafka.GroupCoordinatorNotAvailableError.errno,
        kafka.NotCoordinatorForGroupError.errno,
    }
)
_NO_GROUP = 69
"""Kafka's GROUP_ID_NOT_FOUND, which aiokafka has no name for."""
ASK_AGAIN_S = 0.2
_ANY_HOST = "*"


class Kind(IntEnum):
    """What a rule is about, by Kafka's numbers."""

    TOPIC = 2
    GROUP = 3


class Operation(IntEnum):
    """What a rule allows, by Kafka's numbers. To read or to write is to describe, too."""

    ALL = 2
    READ = 3
    WRITE = 4
    DESCRIBE = 8
    DESCRIBE_CONFIGS = 10


class Grant(NamedTuple):
    """One rule: a principal such as ``User:sealgate-edge`` may do this to exactly that.

    `is_prefix`: to all whose names begin so.
    """

    principal: str
    kind: Kind
    name: str
    operation: Operation
    is_prefix: bool = False

    def __str__(self) -> str:
        name = f"{self.name}*" if self.is_prefix else self.name
        return f"{self.principal} {self.operation.name} {self.kind.name.lower()} {name}"


class NoRules(Exception):
    """The brokers have no authorizer: everybody may do everything."""


@dataclass(frozen=True, slots=True)
class KafkaAdmin:
    """Looks after the topics and rules of one cluster."""

    entrance: Entrance
    replication_factor: int

    async def found(self, topics: Collection[str]) -> Mapping[str, Found]:
        """Return those of these topics that are there. Raises `LogUnavailable`."""
        async with administering(self.entrance, "Kafka does not show its topics") as admin:
            return await look_closely(admin, topics)

    async def make(self, partitions: Mapping[str, int], kept_ms: Mapping[str, int]) -> None:
        """Make these topics. Raises `LogUnavailable`."""
        wanted = Wanted(partitions, self.replication_factor, kept_ms)
        async with administering(self.entrance, "Kafka does not make the topics") as admin:
            await create(admin, wanted, partitions.keys())

    async def set(self, settings: Mapping[str, Mapping[str, str]]) -> None:
        """Set these settings of topics, and no others. Raises `LogUnavailable`."""
        async with administering(self.entrance, "Kafka does not change the topics") as admin:
            answer = await _ask(admin, SetSettings(settings))
            for code, message, _, topic in answer.responses:
                _check(code, topic, message)

    async def members(self, group: str) -> int:
        """Return how many members a group has. Raises `LogUnavailable`, `AccessRefused`."""
        doing = "Kafka does not show who is in a group"
        async with administering(self.entrance, doing) as admin:
            error, members = await _described(admin, group)
        if error == kafka.GroupAuthorizationFailedError.errno:
            raise AccessRefused(f"Kafka does not allow us to describe the group {group}")
        # A group that nobody ever joined is told of as dead, or as none.
        if error and error != _NO_GROUP:
            raise LogUnavailable(f"{doing}: {kafka.for_code(error).__name__}")
        return len(members)

    async def grants(self) -> Sequence[Grant]:
        """Return the rules that allow something. Raises `NoRules`, `LogUnavailable`."""
        request = DescribeAclsRequest(_ANY, None, _ANY, None, None, _ANY, _ANY)
        async with administering(self.entrance, "Kafka does not show its rules") as admin:
            answer = await _ask(admin, request)
            if answer.error_code == kafka.SecurityDisabled.errno:
                raise NoRules("the brokers have no authorizer.class.name: everybody may everything")
            _check(answer.error_code, "the rules", answer.error_message)
        return list(_allowed(answer.resources))

    async def grant(self, grants: Iterable[Grant]) -> None:
        """Add these rules; one that is there is left. Raises `LogUnavailable`."""
        async with administering(self.entrance, "Kafka does not take the rules") as admin:
            for principal, kind, name, operation, is_prefix in grants:
                pattern = _PREFIXED if is_prefix else _LITERAL
                request = CreateAclsRequest(
                    kind, name, pattern, principal, _ANY_HOST, operation, _ALLOW
                )
                for code, message in (await _ask(admin, request)).creation_responses:
                    _check(code, name, message)


async def _described(admin: AIOKafkaAdminClient, group: str) -> tuple[int, Sequence[Any]]:
    """Ask for a group until somebody knows it: an error's number, and the members.

    The first question of a new cluster makes who answers it, and whoever takes a group over reads
    it first.
    """
    while True:
        with suppress(kafka.GroupCoordinatorNotAvailableError):
            [answer] = await admin.describe_consumer_groups([group])
            [[error, _, _, _, _, members, *_]] = answer.groups
            if error not in _ASK_AGAIN:
                return error, members
        await asyncio.sleep(ASK_AGAIN_S)


async def _ask(admin: AIOKafkaAdminClient, request: object) -> Any:
    # aiokafka has no public way to send a request that it has no method for.
    client = vars(admin)["_client"]
    return await client.send(client.get_random_node(), request)


def _check(code: int, subject: str, message: str | None) -> None:
    if code == kafka.ClusterAuthorizationFailedError.errno:
        raise LogUnavailable("Kafka does not allow us that: enter as one who may administer it")
    if code:
        raise LogUnavailable(f"Kafka refuses a change of {subject}: {message or code}")


def _allowed(resources: Iterable[Any]) -> Iterable[Grant]:
    """Read rules; those that forbid, or are about hosts or other things, are others' business."""
    kinds, operations = set(Kind), set(Operation)
    for kind, name, pattern, rules in resources:
        for principal, host, operation, permission in rules:
            is_plain = pattern in {_LITERAL, _PREFIXED} and (host, permission) == (
                _ANY_HOST,
                _ALLOW,
            )
            if is_plain and kind in kinds and operation in operations:
                is_prefix = pattern == _PREFIXED
                yield Grant(principal, Kind(kind), name, Operation(operation), is_prefix)
