"""Write a checkpoint every hour, from within a process that plays the monitor.

Where several do, the first writes and the others find its number taken. When the database or the
directory is away it is tried again soon; how old the last one is stands in a metric.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from prometheus_client import Counter, Gauge

from consumers.app import Background, Parts
from consumers.store.port import Store, StoreUnavailable
from ingress import telemetry
from sealgate.audit import checkpoints, folder
from sealgate.audit.checkpoints import Checkpoint, Seen, Unsound
from sealgate.config import Configuration

AGAIN_S = 60.0


@dataclass(frozen=True, slots=True)
class Desk:
    """Where checkpoints are written, and with what."""

    directory: Path
    key: Ed25519PrivateKey
    environment: str

    @classmethod
    def of(cls, configuration: Configuration) -> "Desk | None":
        """Take it from the configuration; None where no key is named. Raises `ValueError`."""
        settings = configuration.settings.audit
        if settings.key_file is None:
            return None
        key = folder.private_key(configuration.base, settings.key_file)
        directory = configuration.base / settings.directory
        return cls(directory, key, configuration.settings.environment)

    def latest(self) -> tuple[Checkpoint | None, bytes]:
        """Read the last checkpoint. Raises `Unsound` for one that is not ours, and `OSError`."""
        found = folder.latest(self.directory)
        if found is None:
            return None, b""
        try:
            last = checkpoints.read(found.content, self.key.public_key())
        except Unsound as wrong:
            raise Unsound(f"{found.path}: {wrong}; see docs/audit.md") from None
        return last, found.content

    async def write(self, store: Store, at_ms: int) -> tuple[Path | None, Checkpoint, list[str]]:
        """Write a checkpoint; say where, and which chains were longer at the last one.

        No path where somebody else wrote it meanwhile. Raises as `latest` does, and
        `StoreUnavailable`.
        """
        last, before = await asyncio.to_thread(self.latest)
        async with store.auditing() as moment:
            heads = [Seen(one.chain, one.seq, one.hash) for one in await moment.heads()]
        following = checkpoints.follow(last, before, self.environment, heads, at_ms)
        content = checkpoints.sign(following, self.key)
        taken = await asyncio.to_thread(folder.keep, self.directory, following.number, content)
        path = self.directory / folder.name(following.number) if taken else None
        return path, following, checkpoints.shorter(last, heads)


class CheckpointsApp(Background):
    """Writes checkpoints for as long as the process lives."""

    def __init__(self, parts: Parts, desk: Desk, every_s: float) -> None:
        super().__init__(parts)
        self._store = parts.store
        self._clock = parts.clock
        self._desk = desk
        self._every_s = every_s
        self._written = Gauge(
            "sealgate_audit_checkpoint_timestamp_seconds",
            "When the last checkpoint of the audit chain was written.",
            registry=parts.registry,
        )
        self._failures = Counter(
            "sealgate_audit_checkpoint_failures",
            "Checkpoints of the audit chain that could not be written.",
            registry=parts.registry,
        )

    def ready(self) -> Sequence[tuple[str, bool]]:
        """Answer ``/readyz``: payments go on without checkpoints, so there is nothing to say."""
        return ()

    async def work(self) -> None:
        """Write one whenever the last is old enough."""
        while True:
            try:
                wait_s = await self._due_s()
                if wait_s <= 0:
                    await self._write()
                    continue
            except (StoreUnavailable, OSError, Unsound) as wrong:
                self._failures.inc()
                telemetry.logger("audit").warning("checkpoint_failed", reason=str(wrong))
                wait_s = AGAIN_S
            await asyncio.sleep(min(wait_s, AGAIN_S, self._every_s))

    async def _due_s(self) -> float:
        last, _ = await asyncio.to_thread(self._desk.latest)
        if last is None:
            return 0.0
        self._written.set(last.at_ms / 1000)
        return self._every_s - (self._clock() - last.at_ms) / 1000

    async def _write(self) -> None:
        path, written, shorter = await self._desk.write(self._store, self._clock())
        log = telemetry.logger("audit")
        if shorter:
            log.error("chain_shorter_than_checkpoint", chains=shorter, number=written.number)
        if path is not None:
            log.info("checkpoint_written", number=written.number, new=written.new, path=str(path))
