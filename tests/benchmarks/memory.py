"""What an edge holds with a thousand connections, and whether that grows.

One edge is loaded over all of them at a fixed rate, and its memory is read meanwhile. What a
program holds grows at first, while its buffers and caches fill: the slope is that of the second
half, by least squares.
"""

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import NamedTuple

from tests.benchmarks.edge import Bench
from tests.benchmarks.processes import resident_mib
from tests.benchmarks.programs import Server

CONNECTIONS = 1000
RATE_PER_S = 1000.0
LOOK_S = 0.5


class Sample(NamedTuple):
    """What was held at a moment."""

    at_s: float
    mib: float


@dataclass(frozen=True, slots=True)
class Memory:
    """What was held over time by an edge with so many connections."""

    program: str
    connections: int
    rate_per_s: float
    records: int
    samples: Sequence[Sample]

    @property
    def most_mib(self) -> float:
        """The most that was held."""
        return max(sample.mib for sample in self.samples)

    @property
    def slope_kib_per_min(self) -> float:
        """How fast it grew in the second half."""
        return slope(self.samples[len(self.samples) // 2 :]) * 1024 * 60

    @property
    def growth_share(self) -> float:
        """What ten minutes at that slope would add, as a share of what is held."""
        return self.slope_kib_per_min * 10 / 1024 / self.most_mib


def slope(samples: Sequence[Sample]) -> float:
    """Return the least squares' slope, in MiB a second. Pure."""
    count = len(samples)
    at_s = sum(sample.at_s for sample in samples) / count
    mib = sum(sample.mib for sample in samples) / count
    spread = sum((sample.at_s - at_s) ** 2 for sample in samples)
    together = sum((sample.at_s - at_s) * (sample.mib - mib) for sample in samples)
    return together / spread if spread else 0.0


def soak(bench: Bench, server: Server) -> Memory:
    """Load an edge over a thousand connections, and watch what it holds."""
    rate_per_s = min(RATE_PER_S, bench.options.rate)
    with _watching(server.running.pid) as samples:
        run = bench.at_once(server, CONNECTIONS, rate_per_s, bench.options.soak_s)
    return Memory(server.name, CONNECTIONS, rate_per_s, run.records or 0, samples)


@contextmanager
def _watching(pid: int) -> Iterator[list[Sample]]:
    """Read the memory of a process now and then, as long as this is entered."""
    samples: list[Sample] = []
    over = threading.Event()

    def look() -> None:
        began_s = time.monotonic()
        while not over.wait(LOOK_S):
            samples.append(Sample(time.monotonic() - began_s, resident_mib(pid)))

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield samples
    finally:
        over.set()
        thread.join()
