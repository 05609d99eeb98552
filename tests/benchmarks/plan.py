"""The paper plan to a million events a second: arithmetic from what one run measured. Pure.

What one machine measured is multiplied, not promised: every row shows its sum. What no run here can
measure, because it takes many machines, is an assumption, and says so; so are prices.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tests.benchmarks.downstream import POSTGRES
from tests.benchmarks.figures import spread
from tests.benchmarks.programs import KAFKA
from tests.benchmarks.results import Results
from tests.benchmarks.tables import Table

TARGET_PER_S = 1_000_000
BUSY_SHARE = 0.5
REPLICAS = 3
BROKER_IN_MB_PER_S = 150.0
BROKER_CORES = 8
PARTITION_MB_PER_S = 10.0
CORES_PER_MACHINE = 16
DATABASE_CORES = 16
RETENTION_DAYS = 7
CORE_HOUR = 0.04
GB_MONTH = 0.08
HOURS_A_MONTH = 730
BATCH = 500
HEAD_BYTES = 400


@dataclass(frozen=True, slots=True)
class Figures:
    """What the plan starts from: all of it measured, in one run."""

    edge_cpu_us: float
    worker_cpu_us: float
    database_per_s: float
    record_bytes: float
    body_bytes: int


def figures(results: Results) -> Figures | None:
    """Take them from a run; None where it did not measure all of them."""
    edge = spread(
        run.report.cpu_us
        for run in results.runs
        if run.program == KAFKA and run.load == "closed 256"
    )
    works = [w.done for w in results.consumer if w.what == POSTGRES and w.size == BATCH]
    worker, database = (
        spread(done.cpu_us for done in works),
        spread(done.rate_per_s for done in works),
    )
    if edge is None or worker is None or database is None or results.split is None:
        return None
    weight = results.split.record_bytes
    return Figures(edge.median, worker.median, database.median, weight, results.options.body_bytes)


def table(found: Figures | None) -> list[Table]:
    """Show the plan, sum by sum."""
    if found is None:
        return []
    columns = ("what", "sum", "needed")
    return [Table(f"{TARGET_PER_S:,} events a second", columns, _rows(found))]


@dataclass(frozen=True, slots=True)
class _Needs:
    """What a million events a second take. Each property is one sum of the plan."""

    found: Figures

    @property
    def edges(self) -> int:
        """Cores of edges."""
        return _cores(self.found.edge_cpu_us)

    @property
    def workers(self) -> int:
        """Cores of consumers."""
        return _cores(self.found.worker_cpu_us)

    @property
    def shards(self) -> int:
        """Databases."""
        return math.ceil(TARGET_PER_S / (self.found.database_per_s * BUSY_SHARE))

    @property
    def log_mb_per_s(self) -> float:
        """What is written to the log, once."""
        return TARGET_PER_S * self.found.record_bytes / 1e6

    @property
    def brokers(self) -> int:
        """Brokers: every replica is written by one."""
        needed = math.ceil(self.log_mb_per_s * REPLICAS / BROKER_IN_MB_PER_S)
        return max(REPLICAS, needed)

    @property
    def partitions(self) -> int:
        """Partitions: each has one consumer, and a disk's worth of bytes."""
        return max(self.workers, math.ceil(self.log_mb_per_s / PARTITION_MB_PER_S))

    @property
    def stored_gb(self) -> float:
        """What the log holds."""
        return self.log_mb_per_s / 1000 * 86_400 * RETENTION_DAYS * REPLICAS

    @property
    def cores(self) -> int:
        """All cores."""
        services = self.brokers * BROKER_CORES + self.shards * DATABASE_CORES
        return self.edges + self.workers + services

    @property
    def monthly(self) -> float:
        """Dollars a month, of machines and disks."""
        return self.cores * CORE_HOUR * HOURS_A_MONTH + self.stored_gb * GB_MONTH


def _cores(cpu_us: float) -> int:
    return math.ceil(TARGET_PER_S * cpu_us / 1e6 / BUSY_SHARE)


def _rows(found: Figures) -> Sequence[Sequence[str]]:
    need = _Needs(found)
    return [*_machines(need), *_traffic(need), *_costs(need)]


def _machines(need: _Needs) -> Iterator[Sequence[str]]:
    each = f"{TARGET_PER_S:,}/s"
    for name, cpu_us, cores in (
        ("edges", need.found.edge_cpu_us, need.edges),
        ("consumers", need.found.worker_cpu_us, need.workers),
    ):
        machines = math.ceil(cores / CORES_PER_MACHINE)
        total = f"{each} x {cpu_us:.1f} µs / {BUSY_SHARE:g}"
        yield name, total, f"{cores:,} cores: {machines:,} machines of {CORES_PER_MACHINE}"
    total = f"{each} / ({need.found.database_per_s:,.0f}/s x {BUSY_SHARE:g}), by payment"
    yield "database shards", total, f"{need.shards:,} of {DATABASE_CORES} cores"
    total = f"{need.log_mb_per_s:,.0f} MB/s x {REPLICAS} / {BROKER_IN_MB_PER_S:g} MB/s"
    yield "brokers", total, f"{need.brokers:,} of {BROKER_CORES} cores"
    by_bytes = f"{need.log_mb_per_s:,.0f} MB/s / {PARTITION_MB_PER_S:g} MB/s"
    total = f"the more of {need.workers:,} consumers and {by_bytes}"
    yield "partitions", total, f"{need.partitions:,}"


def _traffic(need: _Needs) -> Iterator[Sequence[str]]:
    request_bytes = need.found.body_bytes + HEAD_BYTES
    total = f"{TARGET_PER_S:,}/s x ({need.found.body_bytes:,} + {HEAD_BYTES}) bytes x 8"
    yield "network, from providers", total, f"{TARGET_PER_S * request_bytes * 8 / 1e9:.1f} Gbit/s"
    # From the edge to the leader, from there to each follower, and to the consumer.
    times = REPLICAS + 1
    total = f"{need.log_mb_per_s:,.0f} MB/s x {times} x 8"
    yield "network, of the log", total, f"{need.log_mb_per_s * times * 8 / 1000:.1f} Gbit/s"
    total = f"{need.log_mb_per_s / 1000:.2f} GB/s x {RETENTION_DAYS} days x {REPLICAS}"
    yield "disk of the log", total, f"{need.stored_gb / 1000:,.0f} TB"


def _costs(need: _Needs) -> Iterator[Sequence[str]]:
    cores = f"{need.cores:,} cores x ${CORE_HOUR:g}/h x {HOURS_A_MONTH} h"
    disk = f"{need.stored_gb:,.0f} GB x ${GB_MONTH:g}"
    yield "cost of a month", f"{cores} + {disk}", f"${need.monthly / 1e6:.2f} million"
    millions = TARGET_PER_S * 3600 * HOURS_A_MONTH / 1e6
    total = f"that / {millions:,.0f} million events"
    yield "cost of a million events", total, f"${need.monthly / millions:.4f}"
