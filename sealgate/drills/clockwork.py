"""Consumers whose clock a drill moves: hours pass in a moment, and nothing waits for them.

Worker, relay, timers and what asks the provider are those of the gateway, put together by the same
code; only their clock is the drill's. It begins in the past and ends at the present, so that what
people type at the end is later than all of it. The edge keeps the real time: providers sign with
it.
"""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from prometheus_client import CollectorRegistry

from consumers import app
from consumers.fetching.passing import Fetching
from ingress import telemetry
from sealgate import config, consuming
from sealgate.drills.stage import DrillFailed, Running, until
from sealgate.fetching import part
from sealgate.role import Role

MINUTE_MS = 60_000
_SWEPT = "sealgate_timers_last_sweep_timestamp_seconds"
_FROZEN = "sealgate_timers_frozen"


@dataclass(slots=True)
class Clock:
    """A clock that is moved: minutes since the drill's beginning."""

    begun_ms: int
    at_ms: int = 0

    def __call__(self) -> int:
        """Read it."""
        return self.at_ms

    def move(self, minutes: float) -> None:
        """Set it to so many minutes after the beginning; it never goes back."""
        self.at_ms = max(self.at_ms, self.begun_ms + int(minutes * MINUTE_MS))

    def catch_up(self) -> None:
        """Set it to the present."""
        self.at_ms = max(self.at_ms, telemetry.now_ms())


def _none(step: str) -> None:
    """Pass a crash point."""


@dataclass(frozen=True, slots=True)
class Clockwork:
    """Starts the consumers of one configuration, each for as long as it is wanted."""

    running: Running
    configuration: Path
    clock: Clock

    @asynccontextmanager
    async def working(self) -> AsyncIterator[None]:
        """Let a worker and a relay run."""
        async with AsyncExitStack() as stack:
            parts = self._parts()
            for role in (Role.RELAY, Role.WORKER):
                consuming.start(role, parts, stack)
            yield

    async def sweep(self) -> str:
        """Let the timers judge once; return why they did not judge time, or nothing."""
        parts = self._parts()
        async with AsyncExitStack() as stack:
            consuming.start(Role.TIMERS, parts, stack)

            async def swept() -> bool:
                return bool(parts.registry.get_sample_value(_SWEPT))

            if not await until(swept):
                raise DrillFailed("the timers did not sweep")
        return ", ".join(
            sample.labels.get("reason", "frozen")
            for family in parts.registry.collect()
            if family.name == _FROZEN
            for sample in family.samples
            if sample.value
        )

    def fetching(self) -> Fetching:
        """Put together what asks the provider."""
        return part.build(config.read(self.configuration, {}), self._parts())

    def _parts(self) -> app.Parts:
        parts = consuming.parts(
            config.read(self.configuration, {}),
            self.running.log,
            self.running.store,
            CollectorRegistry(),
            _none,
        )
        return replace(parts, clock=self.clock)
