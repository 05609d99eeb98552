"""Verify the audit chains and the tables once a day, from within a process that runs the timers.

Where several do, each verifies: reading twice does no harm, and an exception is raised once. What
checkpoints saw is read anew at every round, with the public key alone; where there are none, a
chain is held against itself, and against what this process saw of it before.
"""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from prometheus_client import Counter, Gauge

from consumers.app import Background, Parts
from consumers.chainwalk import Anchor, Problem, Report
from consumers.store.port import StoreUnavailable
from consumers.verifying import Verifying
from ingress import telemetry
from sealgate.audit import command, folder
from sealgate.config import Configuration

AGAIN_S = 60.0
# Whoever starts the process has more urgent things for it to do.
FIRST_S = 300.0
SUNDAY = 6
# What is wrong with the directory has no chain.
CHECKPOINTS = "checkpoints"


@dataclass(frozen=True, slots=True)
class Watch:
    """How often the chains are verified, and where checkpoints of them are."""

    environment: str
    every_s: float
    directory: Path
    key: Ed25519PublicKey | None = None
    first_s: float = FIRST_S
    tables: bool = True

    @classmethod
    def of(cls, configuration: Configuration) -> "Watch | None":
        """Take it from the configuration; None where nothing is to be verified here.

        Without the public key, which need not be on this machine, checkpoints are left out.
        """
        settings = configuration.settings.audit
        if not settings.verify_every_s:
            return None
        key = None
        if settings.key_file is not None:
            with suppress(ValueError, OSError):
                key = folder.public_key(
                    configuration.base, folder.public_path(configuration.base / settings.key_file)
                )
        directory = configuration.base / settings.directory
        environment = configuration.settings.environment
        every_s = settings.verify_every_s
        return cls(environment, every_s, directory, key, tables=settings.verify_tables)

    def anchors(self) -> tuple[list[Anchor], list[str]]:
        """Read what checkpoints saw, and what is wrong with them. Raises `OSError`."""
        if self.key is None:
            return [], []
        found = command.chained(list(folder.kept(self.directory)), self.key, self.environment)
        return found.anchors(), found.problems


class VerifyingApp(Background):
    """Verifies the chains for as long as the process lives."""

    def __init__(self, parts: Parts, watch: Watch) -> None:
        super().__init__(parts)
        self._clock = parts.clock
        self._watch = watch
        self._whole_on: date | None = None
        self._verifying = Verifying(parts.store, parts.environment, parts.clock)
        self._entry = Gauge(
            "sealgate_audit_verified_entry",
            "Up to which entry a chain was verified; absent before the first round has ended.",
            ("chain",),
            registry=parts.registry,
        )
        self._ended = Gauge(
            "sealgate_audit_verified_timestamp_seconds",
            "When all chains were last verified; 0 until the first time.",
            registry=parts.registry,
        )
        self._tables_ended = Gauge(
            "sealgate_audit_tables_verified_timestamp_seconds",
            "When all rows of the tables were last held against the chains; 0 before the first.",
            registry=parts.registry,
        )
        self._problems = Gauge(
            "sealgate_audit_problems",
            "What the last round of verifying found wrong: chains, checkpoints and tables.",
            registry=parts.registry,
        )
        self._failures = Counter(
            "sealgate_audit_verify_failures",
            "Rounds of verifying that were broken off: the database or the directory was away.",
            registry=parts.registry,
        )

    def ready(self) -> Sequence[tuple[str, bool]]:
        """Answer ``/readyz``: payments go on unverified, so there is nothing to say."""
        return ()

    async def work(self) -> None:
        """Verify, and again after the time that is configured."""
        await asyncio.sleep(min(self._watch.first_s, self._watch.every_s))
        while True:
            try:
                await self.round()
                wait_s = self._watch.every_s
            except (StoreUnavailable, OSError) as away:
                self._failures.inc()
                telemetry.logger("audit").warning("verify_failed", reason=str(away))
                wait_s = min(AGAIN_S, self._watch.every_s)
            await asyncio.sleep(wait_s)

    async def round(self) -> None:
        """Verify once: all of the chains on a Sunday, once, else what is new; then the tables."""
        anchors, wrong = await asyncio.to_thread(self._watch.anchors)
        others = [Problem(CHECKPOINTS, None, text) for text in wrong]
        today = datetime.fromtimestamp(self._clock() / 1000, UTC).date()
        is_whole = today.weekday() == SUNDAY and today != self._whole_on
        report = await self._verifying.round(anchors, others, is_whole=is_whole)
        if is_whole:
            self._whole_on = today
        for name, seq in report.heads.items():
            self._entry.labels(name).set(seq)
        self._problems.set(len(report.problems))
        self._ended.set(self._clock() / 1000)
        telemetry.logger("audit").info(
            "chains_verified", entries=report.entries, problems=len(report.problems)
        )
        if self._watch.tables:
            await self._tables(anchors, report)

    async def _tables(self, anchors: Sequence[Anchor], chains: Report) -> None:
        """Hold the tables against the chains. What fails here is not tried again before its time.

        The chains were verified, and to begin anew at once would read all of it again and again.
        """
        log = telemetry.logger("audit")
        try:
            report = await self._verifying.tables(anchors, chains)
        except StoreUnavailable as away:
            self._failures.inc()
            log.warning("verify_tables_failed", reason=str(away))
            return
        if report is None:
            log.warning("tables_not_verified", reason="too many rows: sealgate audit verify")
            return
        self._problems.set(len(chains.problems) + len(report.problems))
        self._tables_ended.set(self._clock() / 1000)
        rows = sum(report.rows.values())
        log.info("tables_verified", rows=rows, problems=len(report.problems))
