"""Whether the topics keep what the edge promises by a 2xx: asked at the start, before any is given.

Weak topics flow in; refusals and warnings flow out to the log, each once, and the answer whether
deliveries are taken. Where an acknowledgement could be lost with one broker, none is given until
that is mended, or the operator has said that it is meant. A journal changes nothing about it: what
is in it is safe, and leaves it only for Kafka, so before safe topics it would fill for ever. But an
edge that starts while Kafka is away takes deliveries into its journal, as it does in any outage;
should the topics then turn out to be unsafe, what is there waits, and nothing more is taken.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from ingress import telemetry
from ingress.eventlog.port import EventLog, Weakness

RETRY_S = 10.0
UNASKED = "the log has not been asked yet whether its topics keep what they are given"
UNSAFE = "the topics can lose what is acknowledged: mend them, with `sealgate topics apply`"
_HINT = (
    "deliveries are answered 503, and nothing is written to the topics: mend them; `sealgate topics"
    " apply` alters settings, and more replicas are for kafka-reassign-partitions; or set"
    " log.accepts_unsafe_topics = true, for development"
)


class UnsafeTopics(Exception):
    """What is acknowledged on these topics can be lost; what to do about it has been told."""


@dataclass(slots=True)
class Guard:
    """Asks a log about its topics. `accepts_unsafe` says that the answer changes nothing."""

    accepts_unsafe: bool
    is_unsafe: bool = False
    """The last answer: one that Kafka does not give changes nothing."""
    _told: set[Weakness] = field(default_factory=set)

    async def check(self, log: EventLog, topics: Collection[str]) -> None:
        """Tell what is weak, once. Raises `UnsafeTopics`, `LogUnavailable`."""
        found = await log.weaknesses(topics)
        fatal = [one for one in found if one.loses and not self.accepts_unsafe]
        told = telemetry.logger("edge")
        for one in found:
            if one not in self._told and one not in fatal:
                told.warning("topic_weak", topic=one.topic, reason=one.told)
        if fatal and not self._told.issuperset(fatal):
            reasons = [f"{one.topic} {one.told}" for one in fatal]
            told.error("topics_unsafe", reasons=reasons, hint=_HINT, retry_in_s=RETRY_S)
        self._told = set(found)
        self.is_unsafe = bool(fatal)
        if fatal:
            raise UnsafeTopics

    def checks(self) -> Sequence[tuple[str, bool]]:
        """Answer ``/readyz``: nothing where nothing is wrong."""
        return ((UNSAFE, False),) if self.is_unsafe else ()
