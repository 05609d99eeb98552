"""The edge as one thing that starts, says how it is, and stops: for whoever composes a process."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from prometheus_client import CollectorRegistry

from ingress import telemetry
from ingress.contract import topics
from ingress.edge import Edge
from ingress.eventlog.port import EventLog, LogUnavailable
from ingress.metrics import EdgeMetrics
from ingress.settings import EdgeSettings
from ingress.sources import Snapshot

RETRY_S = 1.0


@dataclass(frozen=True, slots=True)
class Parts:
    """What the edge is made of, chosen by whoever composes the process."""

    environment: str
    settings: EdgeSettings
    sources: Snapshot
    log: EventLog
    partitions: int
    registry: CollectorRegistry
    clock: telemetry.Clock


class EdgeApp:
    """The edge with its publisher: starts without the log, and answers 503 until it is there."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._publisher = parts.log.publisher(deadline_s=parts.settings.publish_s)
        self._edge = Edge(
            parts.settings,
            parts.sources,
            self._publisher,
            EdgeMetrics(parts.registry),
            parts.clock,
        )
        self._log = telemetry.logger("edge")
        self.task: asyncio.Task[None] | None = None

    async def start(self) -> int:
        """Listen and return the port; connect to the log now, or as soon as it is there."""
        port = await self._edge.start()
        self.task = asyncio.create_task(self._connect())
        return port

    def ready(self) -> Sequence[tuple[str, bool]]:
        """Answer ``/readyz``: each check by name, and whether it holds."""
        return (
            ("edge accepts deliveries", not self._edge.draining),
            ("log accepts envelopes", self._publisher.ready()),
        )

    async def stop(self) -> None:
        """Drain the edge, then the publisher: in this order nothing accepted is lost."""
        await self._edge.drain()
        if self.task is not None:
            self.task.cancel()
            await asyncio.wait({self.task})
        await self._publisher.stop()

    async def _connect(self) -> None:
        """Make the topics and start the publisher, however long the log is away.

        Ends only by being cancelled, or with what no waiting mends: topics made otherwise.
        """
        names = (
            topics.verified(self._parts.environment),
            topics.lifecycle(self._parts.environment),
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
