"""The topics, said once: what each is for, who writes and reads it, and what it must promise.

From here come the settings of a topic that is made, what `sealgate topics` plans and compares, what
the edge refuses to write to, the rights of each role, `docs/topics.md` and the AsyncAPI document.
Pure data: names are made for an environment by `topics`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from ingress.contract import topics

DAY_MS = 24 * 3600 * 1000
# Longer than any provider goes on retrying (Adyen: 30 days), so that whatever can still come twice
# can still be compared with the log, and a reader that was down for weeks has missed nothing.
RETENTION_MS = 45 * DAY_MS
# One copy may be lost and one be away, and what was acknowledged is still on a third.
REPLICAS_MIN = 3
IN_SYNC_MIN = 2

CLEANUP = "cleanup.policy"
FLUSH = "flush.messages"
IN_SYNC = "min.insync.replicas"
RECORD_BYTES = "max.message.bytes"
RETENTION = "retention.ms"
TIMESTAMP = "message.timestamp.type"
UNCLEAN = "unclean.leader.election.enable"


class Role(StrEnum):
    """Who uses the topics; each can have an identity of its own at the brokers."""

    EDGE = "edge"
    WORKER = "worker"
    RELAY = "relay"
    MONITOR = "monitor"
    OPERATOR = "operator"
    """A person with `sealgate quarantine` and `sealgate doctor`."""

    SUBSCRIBER = "subscriber"
    """A service downstream."""


@dataclass(frozen=True, slots=True)
class Topic:
    """One topic. `kept_ms` None: as long as the configuration says (the quarantine's days)."""

    word: str
    name: Callable[[str], str]
    purpose: str
    key: str
    value: str
    writers: frozenset[Role]
    readers: frozenset[Role]
    kept_ms: int | None = RETENTION_MS


VERIFIED = Topic(
    "verified",
    topics.verified,
    "authenticated deliveries, each as the provider sent it",
    "the payment: environment/provider/account/reference",
    "the exact bytes of the request's body",
    frozenset({Role.EDGE, Role.OPERATOR}),
    frozenset({Role.WORKER, Role.MONITOR, Role.OPERATOR, Role.SUBSCRIBER}),
)
LIFECYCLE = Topic(
    "lifecycle",
    topics.lifecycle,
    "notices: one record for each transition of a payment, and for each hold without one",
    "the payment, as in the verified topic",
    "the notice, as JSON: goods leave once for each effect key in it",
    frozenset({Role.RELAY}),
    frozenset({Role.OPERATOR, Role.SUBSCRIBER}),
)
ALARMS = Topic(
    "alarms",
    topics.alarms,
    "what the edge has to tell people",
    "environment/source",
    "what a person should know, as text",
    frozenset({Role.EDGE}),
    frozenset({Role.WORKER, Role.MONITOR}),
)
QUARANTINE = Topic(
    "quarantine",
    topics.quarantine,
    "refused deliveries of known sources, kept to be verified again",
    "environment/source",
    "the body, sealed where the quarantine has a key",
    frozenset({Role.EDGE, Role.OPERATOR}),
    frozenset({Role.OPERATOR}),
    kept_ms=None,
)
TOPICS = (VERIFIED, LIFECYCLE, ALARMS, QUARANTINE)

# Whoever starts looks for the topics of its path, and waits for those that are not there.
LOOKS_FOR: Mapping[Role, frozenset[str]] = {
    Role.EDGE: frozenset({"verified", "lifecycle", "alarms", "quarantine"}),
    Role.WORKER: frozenset({"verified", "lifecycle", "alarms"}),
    Role.RELAY: frozenset({"verified", "lifecycle", "alarms"}),
    # It counts what the quarantine holds, and reads nothing of it.
    Role.MONITOR: frozenset({"verified", "lifecycle", "alarms", "quarantine"}),
    Role.OPERATOR: frozenset({"verified", "lifecycle", "alarms", "quarantine"}),
    Role.SUBSCRIBER: frozenset(),
}


def settings(
    replication_factor: int, record_bytes_max: int, kept_ms: int = RETENTION_MS
) -> dict[str, str]:
    """Return the settings of a topic, as Kafka spells them."""
    return {
        CLEANUP: "delete",
        RETENTION: str(kept_ms),
        # The largest record must pass; the publisher keeps its batches smaller than that.
        RECORD_BYTES: str(record_bytes_max),
        # An acknowledgement means more than one disk wherever there is more than one.
        IN_SYNC: str(max(1, replication_factor - 1)),
        # A replica that was left behind never becomes the truth.
        UNCLEAN: "false",
        # The log's own time of writing, not the writer's claim.
        TIMESTAMP: "LogAppendTime",
    }
