"""A platform's scale: what ten thousand sources cost at the start, at a reload, at a delivery.

``python -m tests.benchmarks.many_sources`` writes a configuration of that many merchants, a file
and a secret each, and prints the CPU time of reading it, the CPU time of one changed file, the
memory of an edge that serves it, and its rate beside that of an edge with one source.
"""

import asyncio
import gc
import json
import os
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from prometheus_client import CollectorRegistry

from ingress import telemetry
from ingress.filestate import Touched
from sealgate.building import Fresh, build
from sealgate.config import examine
from sealgate.process import GC_THRESHOLD
from sealgate.reload import Means, Reloader
from tests.support import processes
from tests.support.gateway import btcpay, request

SOURCES = 10_000
DELIVERIES = 4_000
CONNECTIONS = 16
ROUNDS = 3
PROVIDERS = ("btcpay", "stripe", "shopify", "github")


def write(directory: Path, sources: int) -> Path:
    """Write a configuration with so many sources; the first is of BTCPay."""
    (directory / "conf.d").mkdir(parents=True)
    (directory / "secrets").mkdir()
    log = json.dumps(f"embedded://{directory / 'log.db'}")
    path = directory / "sealgate.toml"
    path.write_text(
        f'environment = "test"\n[log]\nurl = {log}\n[edge]\nport = 0\ndrain_s = 0\n'
        "[admin]\nport = 0\n"
    )
    for number in range(sources):
        slug = f"m{number:05d}"
        (directory / "secrets" / slug).write_text(f"whsec-{number:05d}-{os.urandom(12).hex()}")
        (directory / "conf.d" / f"{slug}.toml").write_text(
            f'[[source]]\nslug = "{slug}"\nprovider = "{PROVIDERS[number % len(PROVIDERS)]}"\n'
            f'account = "merchant-{number}"\n[[source.key]]\nid = "k1"\nfile = "secrets/{slug}"\n'
        )
    return path


async def measure_reading(path: Path) -> tuple[float, float]:
    """Return the CPU seconds of the whole load, and of a reload of one changed file."""
    gc.set_threshold(GC_THRESHOLD)  # as `sealgate serve` does
    began_s = time.process_time()
    fresh = build(examine(path, {}).configuration, is_edge=True)
    load_s = time.process_time() - began_s
    gc.collect()
    gc.freeze()

    async def place(before: Fresh, after: Fresh) -> None:
        """Put nothing in place: that is measured at a real process."""

    means = Means(lambda cache: examine(path, {}, cache), is_edge=True, apply=place)
    reloader = Reloader(means, fresh, CollectorRegistry(), telemetry.now_ms)
    changed = (path.parent / "conf.d" / "m00001.toml").absolute()
    spent_s = []
    for _ in range(5):
        changed.write_text(changed.read_text().replace('account = "', 'account = "x'))
        began_s = time.process_time()
        await reloader.reload(Touched(frozenset({str(changed)})))
        spent_s.append(time.process_time() - began_s)
    return load_s, sorted(spent_s)[len(spent_s) // 2]


@dataclass(slots=True)
class Edge:
    """One running edge, and the secret of its first source."""

    running: processes.Running
    secret: bytes

    @classmethod
    def start(cls, path: Path) -> "Edge":
        """Start it and wait until it is ready."""
        running = processes.start(path, "serve").wait_started().wait_ready()
        return cls(running, (path.parent / "secrets" / "m00000").read_bytes())

    def resident_mb(self) -> float:
        """Return how much memory it holds."""
        pages = int(Path(f"/proc/{self.running.process.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / 2**20

    async def rate(self, label: str) -> float:
        """Return deliveries a second, over a few connections that stay open."""
        port = int(self.running.edge_url.rpartition(":")[2])
        share = DELIVERIES // CONNECTIONS
        began_s = time.monotonic()
        await asyncio.gather(
            *(self._deliver(port, f"{label}-{one}", share) for one in range(CONNECTIONS))
        )
        return share * CONNECTIONS / (time.monotonic() - began_s)

    async def _deliver(self, port: int, label: str, count: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for number in range(count):
            body = processes.event(f"{label}-{number}", "InvoiceCreated")
            writer.write(request("/hooks/m00000", body, [btcpay(body, self.secret)]))
            head = await reader.readuntil(b"\r\n\r\n")
            if b" 200 " not in head:
                raise RuntimeError(f"refused: {head!r}")
        writer.close()


async def measure_serving(few: Path, many: Path) -> tuple[float, float, float]:
    """Return the resident megabytes with many sources, and the rates with one and with many."""
    edges = {"few": Edge.start(few), "many": Edge.start(many)}
    rates: dict[str, list[float]] = {name: [] for name in edges}
    for number in range(ROUNDS + 1):
        for name, edge in edges.items():
            rate = await edge.rate(f"{name}-{number}")
            if number:  # the first warms
                rates[name].append(rate)
    return edges["many"].resident_mb(), max(rates["few"]), max(rates["many"])


def main() -> None:
    """Measure and print."""
    os.umask(0o077)
    telemetry.configure("json", "warning")
    sources = int(sys.argv[1]) if len(sys.argv) > 1 else SOURCES
    with tempfile.TemporaryDirectory() as name:
        few, many = write(Path(name) / "few", 1), write(Path(name) / "many", sources)
        load_s, reload_s = asyncio.run(measure_reading(many))
        try:
            resident_mb, rate_few, rate_many = asyncio.run(measure_serving(few, many))
        finally:
            processes.end_all()
    sys.stdout.write(
        f"sources                   {sources}\n"
        f"load                      {load_s:.2f} s of CPU\n"
        f"reload of one file        {reload_s * 1000:.0f} ms of CPU\n"
        f"resident                  {resident_mb:.0f} MB\n"
        f"rate, one source          {rate_few:.0f} deliveries/s\n"
        f"rate, all sources         {rate_many:.0f} deliveries/s\n"
        f"ratio                     {rate_many / rate_few:.2f}\n"
    )


if __name__ == "__main__":
    main()
