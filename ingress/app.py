"""The edge as one thing that starts, says how it is, and stops: for whoever composes a process."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry

from ingress import telemetry
from ingress.contract import topics
from ingress.edge import Edge, Means
from ingress.eventlog.port import EventLog, LogUnavailable
from ingress.fetching import Fetching, is_whole
from ingress.metrics import EdgeMetrics
from ingress.refusals import Refusals
from ingress.settings import EdgeSettings
from ingress.sources import Snapshot

if TYPE_CHECKING:
    # An HTTP client and its cryptography, for sources that fetch keys; most do not.
    from ingress.keysources.fetch import Fetch

RETRY_S = 1.0


@dataclass(frozen=True, slots=True)
class Parts:
    """What the edge is made of, chosen by whoever composes the process.

    `fetch` is how public keys are asked for: the strict way, where it is absent.
    """

    environment: str
    settings: EdgeSettings
    sources: Snapshot
    log: EventLog
    partitions: int
    registry: CollectorRegistry
    clock: telemetry.Clock
    fetch: "Fetch | None" = None


class EdgeApp:
    """The edge with its publisher: starts without the log, and answers 503 until it is there."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._publisher = parts.log.publisher(deadline_s=parts.settings.publish_s)
        metrics = EdgeMetrics(parts.registry)
        plans = {slug: one.plan for slug, one in parts.sources.items() if one.plan is not None}
        counts = {slug: metrics.fetches(slug) for slug in plans}
        self._fetching = Fetching(
            plans,
            lambda slug, result, held: counts[slug].note(result, held),
            parts.clock,
            parts.fetch,
        )
        # These verify nothing before their keys are there, and need no delivery to fetch them.
        self._keyless = {
            slug
            for slug, needed in plans.items()
            if is_whole(needed) and not parts.sources[slug].ring.keys
        }
        means = Means(self._publisher, Refusals(), metrics, parts.clock)
        self._edge = Edge(parts.settings, parts.sources, self._fetching.by_slug, means)
        self._log = telemetry.logger("edge")
        self.task: asyncio.Task[None] | None = None

    async def start(self) -> int:
        """Listen and return the port; connect to the log now, or as soon as it is there."""
        port = await self._edge.start()
        self._fetching.start()
        self.task = asyncio.create_task(self._connect())
        return port

    def ready(self) -> Sequence[tuple[str, bool]]:
        """Answer ``/readyz``: each check by name, and whether it holds."""
        # Once they were there, that they are gone is for metrics to say: see the log.
        self._keyless = {slug for slug in self._keyless if not self._fetching.has_keys(slug)}
        return (
            ("edge accepts deliveries", not self._edge.draining),
            ("log accepts envelopes", self._publisher.ready()),
            *((f"source {slug} has its provider's keys", False) for slug in sorted(self._keyless)),
        )

    async def stop(self) -> None:
        """Drain the edge, then the publisher: in this order nothing accepted is lost."""
        await self._edge.drain()
        if self.task is not None:
            self.task.cancel()
            await asyncio.wait({self.task})
        await self._fetching.stop()
        await self._publisher.stop()

    async def _connect(self) -> None:
        """Make the topics and start the publisher, however long the log is away.

        Ends only by being cancelled, or with what no waiting mends: topics made otherwise.
        """
        names = (
            topics.verified(self._parts.environment),
            topics.lifecycle(self._parts.environment),
            topics.alarms(self._parts.environment),
            topics.quarantine(self._parts.environment),
        )
        while True:
            try:
                await self._parts.log.ensure_topics(dict.fromkeys(names, self._parts.partitions))
                await self._publisher.start()
            except LogUnavailable as away:
                self._log.warning("log_unavailable", reason=str(away), retry_in_s=RETRY_S)
                await asyncio.sleep(RETRY_S)
            else:
                self._log.info("log_connected")
                await asyncio.get_running_loop().create_future()
