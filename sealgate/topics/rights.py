"""What each role must be allowed at the brokers, and no more: rules, made of the declaration. Pure.

No role needs a right on the cluster: an idempotent producer needs none beside its Write since Kafka
2.8 (KIP-679), and topics are made by whoever runs `sealgate topics apply`.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from ingress.contract.declaration import LOOKS_FOR, TOPICS, VERIFIED, Role, Topic
from ingress.eventlog.kafka_admin import Grant, Kind, Operation


class Subscriber(NamedTuple):
    """A service downstream: its user, its group, and whether it reads what was verified, too.

    The group is meant, and each whose name begins with it and a dot. A bare prefix would let `shop`
    into the groups of `shopping`.
    """

    user: str
    group: str
    reads_verified: bool = False

    def clashes(self, groups: Iterable[str]) -> list[str]:
        """Return which groups would be its own, too: who may read in one can take its records."""
        return sorted(one for one in groups if one == self.group or one.startswith(self.prefix))

    @property
    def prefix(self) -> str:
        """What the names of its further groups begin with."""
        return f"{self.group}."


@dataclass(frozen=True, slots=True)
class Deployment:
    """The environment, the groups in which its workers read, and the user of each role."""

    environment: str
    groups: frozenset[str]
    users: Mapping[Role, str]
    subscriber: Subscriber | None = None


def wanted(deployment: Deployment) -> list[Grant]:
    """Return the rules of all that have a user, in a lasting order."""
    found = {
        Grant(f"User:{user}", *right)
        for role, user in deployment.users.items()
        for right in rights(role, deployment.environment, deployment.groups)
    }
    if deployment.subscriber is not None:
        found |= set(_heard(deployment.subscriber, deployment.environment))
    return sorted(found)


def _heard(subscriber: Subscriber, environment: str) -> Iterator[Grant]:
    """Yield what a subscriber needs: notices, and what was verified only where that is asked for.

    A notice says what became of a payment; a delivery holds what a provider knows of a customer.
    """
    user = f"User:{subscriber.user}"
    for topic in TOPICS:
        is_asked = topic is not VERIFIED or subscriber.reads_verified
        for operation in operations(Role.SUBSCRIBER, topic) if is_asked else ():
            yield Grant(user, Kind.TOPIC, topic.name(environment), operation)
    yield Grant(user, Kind.GROUP, subscriber.group, Operation.READ)
    yield Grant(user, Kind.GROUP, subscriber.prefix, Operation.READ, is_prefix=True)


def rights(
    role: Role, environment: str, groups: Iterable[str]
) -> Iterator[tuple[Kind, str, Operation]]:
    """Yield what a role may do to which topic or group."""
    for topic in TOPICS:
        for operation in operations(role, topic):
            yield Kind.TOPIC, topic.name(environment), operation
    # To read is to describe, too; `sealgate doctor` asks who is in the groups.
    mine = {Role.WORKER: Operation.READ, Role.OPERATOR: Operation.DESCRIBE}.get(role)
    if mine is not None:
        for group in groups:
            yield Kind.GROUP, group, mine


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
