"""What each role must be allowed at the brokers, and no more: rules, made of the declaration. Pure.

No role needs a right on the cluster: an idempotent producer needs none beside its Write since Kafka
2.8 (KIP-679), and topics are made by whoever runs `sealgate topics apply`.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from ingress.contract.declaration import LOOKS_FOR, TOPICS, Role, Topic
from ingress.eventlog.kafka_admin import Grant, Kind, Operation


@dataclass(frozen=True, slots=True)
class Deployment:
    """The environment, the groups in which its workers read, and the user of each role."""

    environment: str
    groups: frozenset[str]
    users: Mapping[Role, str]


def wanted(deployment: Deployment) -> list[Grant]:
    """Return the rules of all roles that have a user, in a lasting order."""
    found = {
        Grant(f"User:{user}", *right)
        for role, user in deployment.users.items()
        for right in rights(role, deployment.environment, deployment.groups)
    }
    return sorted(found)


def rights(
    role: Role, environment: str, groups: Iterable[str]
) -> Iterator[tuple[Kind, str, Operation]]:
    """Yield what a role may do to which topic or group."""
    for topic in TOPICS:
        for operation in operations(role, topic):
            yield Kind.TOPIC, topic.name(environment), operation
    if role is Role.WORKER:
        for group in groups:
            yield Kind.GROUP, group, Operation.READ


def operations(role: Role, topic: Topic) -> Iterator[Operation]:
    """Yield what a role may do to one topic."""
    writes, reads = role in topic.writers, role in topic.readers
    if writes:
        yield Operation.WRITE
    if reads:
        yield Operation.READ
    # Both let it describe the topic, too.
    if not writes and not reads and topic.word in LOOKS_FOR[role]:
        yield Operation.DESCRIBE
    # What the edge promises rests on the settings; `sealgate doctor` shows them to people.
    if (role is Role.EDGE and writes) or role is Role.OPERATOR:
        yield Operation.DESCRIBE_CONFIGS


def missing(wanted: Iterable[Grant], found: Iterable[Grant]) -> list[Grant]:
    """Return the rules that are not there, and that no rule for everything on the thing covers."""
    held = set(found)
    return [
        one
        for one in wanted
        if one not in held and one._replace(operation=Operation.ALL) not in held
    ]
