"""From the receipt of a delivery to its committed transition: an edge and a worker, two processes.

Kafka is between them, PostgreSQL behind. First a closed loop finds out what the chain carries with
everything that runs on this machine; then deliveries come at half of that. The instant of receipt
is the edge's own, from the envelope; that of the commit is the database's, which keeps it for each
transaction: nothing of Sealgate's says when it was done.
"""

import asyncio
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import NamedTuple

import asyncpg

from tests.benchmarks.edge import Bench, Run, check
from tests.benchmarks.figures import Latency, latency
from tests.benchmarks.generator import Report
from tests.benchmarks.processes import Running, Unsound, cpu_s
from tests.benchmarks.programs import KAFKA, Server, Workshop

APPLIED_S = 120.0
LOOK_S = 0.05
_COUNT = "SELECT count(*) FROM event WHERE verdict IS NOT NULL"
# The verdict is written by the transaction that moves the payment, and a row knows who wrote it.
_TOOK = """
SELECT extract(epoch FROM pg_xact_commit_timestamp(xmin))::float8 AS committed_s,
       received_ms / 1000.0::float8 AS received_s
FROM event
WHERE verdict IS NOT NULL AND received_ms >= $1
"""


@dataclass(frozen=True, slots=True)
class Turn:
    """One round at half load. `commit` is from receipt to commit, `answer` what the sender saw."""

    round: int
    rate_per_s: float
    answer: Latency
    commit: Latency
    edge_cpu_us: float
    worker_cpu_us: float


@dataclass(frozen=True, slots=True)
class Commits:
    """What the chain carries, and what came of half of that."""

    chain_per_s: float
    turns: Sequence[Turn]


class Taken(NamedTuple):
    """One load, everything of it applied. Instants are in seconds since the epoch."""

    report: Report
    worker_cpu_s: float
    committed_s: Sequence[float]
    took_s: Sequence[float]


def measure(bench: Bench, workshop: Workshop, log_url: str, store_url: str) -> Commits:
    """Start an edge and a worker, find out what they carry, and load them with half of it."""
    with ExitStack() as stack:
        server = workshop.sealgate(KAFKA, log_url)
        stack.callback(server.running.stop)
        worker = workshop.consumer(log_url, store_url)
        stack.callback(worker.stop)
        chain = _Chain(bench, server, worker, store_url)
        chain.load(0.0)
        full = chain.load(0.0)
        lasted_s = max(full.committed_s) - min(full.committed_s)
        if not lasted_s:
            raise Unsound("commit: all of it was one transaction, which is no rate: take longer")
        chain_per_s = len(full.committed_s) / lasted_s
        halves = [chain.load(chain_per_s / 2) for _ in range(bench.options.rounds)]
    return Commits(chain_per_s, [_turn(number, half) for number, half in enumerate(halves)])


def _turn(number: int, taken: Taken) -> Turn:
    report = taken.report
    return Turn(
        number,
        report.rate_per_s,
        report.latency,
        latency(taken.took_s),
        report.cpu_us,
        taken.worker_cpu_s / report.accepted * 1e6,
    )


@dataclass(slots=True)
class _Chain:
    """An edge, a worker, and the database that they lead to."""

    bench: Bench
    server: Server
    worker: Running
    store_url: str
    applied: int = 0

    def load(self, rate_per_s: float) -> Taken:
        """Load, wait until all of it is applied, and ask the database when. Raises `Unsound`."""
        began_ms, began_cpu_s = time.time_ns() // 1_000_000, cpu_s(self.worker.pid)
        report = self.bench.loaded(self.server, self.bench.options.seconds, rate_per_s)
        check(Run(self.server.name, "commit", 0, report, None))
        self.applied += report.accepted
        rows = asyncio.run(self._applied(began_ms))
        if len(rows) != report.accepted:
            raise Unsound(f"commit: {report.accepted} answers, but {len(rows)} were applied")
        spent_s = cpu_s(self.worker.pid) - began_cpu_s
        committed_s = [committed for committed, _ in rows]
        # The receipt is in whole milliseconds, cut off: nothing here is shorter than it was.
        took_s = [committed - received for committed, received in rows]
        return Taken(report, spent_s, committed_s, took_s)

    async def _applied(self, began_ms: int) -> Sequence[tuple[float, float]]:
        connection = await asyncpg.connect(self.store_url)
        try:
            until_s = time.monotonic() + APPLIED_S
            while (found := await connection.fetchval(_COUNT)) < self.applied:
                self.worker.check()
                if time.monotonic() > until_s:
                    raise Unsound(f"commit: {self.applied} events, {found} applied")
                await asyncio.sleep(LOOK_S)
            rows = await connection.fetch(_TOOK, began_ms)
            return [(row["committed_s"], row["received_s"]) for row in rows]
        finally:
            await connection.close()
