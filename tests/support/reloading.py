"""A reloader at work over a directory of files, and what it would have put in place."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from prometheus_client import CollectorRegistry

from ingress import telemetry
from ingress.sources import Snapshot
from sealgate.building import Fresh, build
from sealgate.config import Cache, Reading, examine
from sealgate.reload import Means, Reloader

MAIN = """
environment = "test"
[edge]
port = 0
[[source]]
slug = "shop"
provider = "btcpay"
[[source.key]]
id = "k1"
file = "secrets/k1"
"""
MORE = """
[[source]]
slug = "{slug}"
provider = "btcpay"
[[source.key]]
id = "k1"
file = "secrets/{slug}"
"""


@dataclass(slots=True)
class Edge:
    """What would be served: what was put in place, in order."""

    placed: list[Fresh] = field(default_factory=list)

    async def replace(self, before: Fresh, fresh: Fresh) -> None:
        self.placed.append(fresh)

    @property
    def sources(self) -> Snapshot:
        return self.placed[-1].sources


@dataclass(slots=True)
class Reloading:
    """A reloader at work over a directory of files."""

    directory: Path
    edge: Edge
    reloader: Reloader
    registry: CollectorRegistry

    def count(self, result: str) -> float:
        labels = {"result": result}
        return self.registry.get_sample_value("sealgate_config_reloads_total", labels) or 0.0

    def gauge(self, name: str) -> float:
        return self.registry.get_sample_value(f"sealgate_config_{name}") or 0.0

    async def until(self, holds: Callable[[], bool], within_s: float = 10.0) -> None:
        async with asyncio.timeout(within_s):
            while not holds():
                await asyncio.sleep(0.01)

    def told(self) -> str:
        return "\n".join(check.name for check in self.reloader.checks() if not check.holds)


def write(directory: Path, name: str, text: str) -> None:
    """Write a file as careful programs do: whole, and then in its place."""
    path = directory / name
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(path.name + "~")
    beside.write_text(text)
    beside.rename(path)


@asynccontextmanager
async def reloading(
    directory: Path, main: str = MAIN, after_read: Callable[[], None] = lambda: None
) -> AsyncIterator[Reloading]:
    """Run a reloader over a configuration written into a directory."""
    write(directory, "secrets/k1", "the-first-key")
    write(directory, "sealgate.toml", main)
    path = directory / "sealgate.toml"
    served = build(examine(path, {}).configuration, is_edge=True)
    edge, registry = Edge([served]), CollectorRegistry()

    def reread(cache: Cache) -> Reading:
        reading = examine(path, {}, cache)
        after_read()
        return reading

    means = Means(reread, is_edge=True, apply=edge.replace)
    reloader = Reloader(means, served, registry, telemetry.now_ms)
    running = Reloading(directory, edge, reloader, registry)
    task = asyncio.create_task(reloader.run())
    # The look at what may have changed before the watch was there.
    await running.until(lambda: running.count("unchanged") >= 1)
    try:
        yield running
    finally:
        task.cancel()
        await asyncio.wait({task})


def ids(snapshot: Snapshot, slug: str = "shop") -> tuple[str, ...]:
    """Return the ids of a source's keys."""
    return snapshot[slug].ring.ids


def material(snapshot: Snapshot, slug: str = "shop") -> object:
    """Return what a source's first key verifies with."""
    return snapshot[slug].ring.keys[0].key.material
