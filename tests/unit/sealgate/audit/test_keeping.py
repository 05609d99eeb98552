"""Checkpoints by themselves: in time, once, also when nothing happened, and after trouble."""

import asyncio
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from consumers.app import Parts
from consumers.settings import ConsumerSettings
from consumers.store.port import Changes
from consumers.store.sqlite import SqliteStore
from ingress.eventlog.embedded import EmbeddedLog
from sealgate.audit import checkpoints, folder
from sealgate.audit.keeping import CheckpointsApp, Desk
from tests.support.store_builders import apply, event

HOUR_MS = 3_600_000


class Clock:
    """A clock that a test sets."""

    now_ms = 10 * HOUR_MS

    def __call__(self) -> int:
        return self.now_ms


@pytest.fixture(name="desk")
def _desk(tmp_path: Path) -> Desk:
    folder.make_key(tmp_path / "key")
    return Desk(tmp_path / "audit", folder.private_key(tmp_path, Path("key")), "sandbox")


def parts(tmp_path: Path, clock: Clock) -> Parts:
    """Make what a part is made of."""
    return Parts(
        environment="sandbox",
        settings=ConsumerSettings(),
        log=EmbeddedLog(tmp_path / "log.db"),
        store=SqliteStore(tmp_path / "store.db"),
        partitions=1,
        registry=CollectorRegistry(),
        clock=clock,
        owner="us",
        checkpoint=lambda _: None,
    )


async def written(desk: Desk, count: int) -> list[checkpoints.Checkpoint]:
    """Wait until there are so many checkpoints."""
    async with asyncio.timeout(20):
        while len(found := list(folder.kept(desk.directory))) < count:
            await asyncio.sleep(0.01)
    return [checkpoints.read(one.content, desk.key.public_key()) for one in found]


async def test_one_is_written_when_the_last_is_old_enough(tmp_path: Path, desk: Desk) -> None:
    """At once, and an hour later although nothing happened: silence is on record."""
    clock = Clock()
    given = parts(tmp_path, clock)
    app = CheckpointsApp(given, desk, every_s=0.01)
    app.start()
    await written(desk, 1)
    clock.now_ms += HOUR_MS
    first, second = await written(desk, 2)
    assert (first.number, first.at_ms, first.new) == (1, 10 * HOUR_MS, 1)
    assert (second.number, second.at_ms, second.new) == (2, 11 * HOUR_MS, 0)
    assert second.chains == first.chains
    age = given.registry.get_sample_value("sealgate_audit_checkpoint_timestamp_seconds")
    assert age is not None
    await app.stop()
    await given.store.close()
    await given.log.close()


async def test_of_two_that_write_the_same_one_is_kept(tmp_path: Path, desk: Desk) -> None:
    """Two monitors look at the same clock."""
    store = SqliteStore(tmp_path / "store.db")
    await store.open("sandbox")
    await apply(store, Changes(), [event("a")])
    both = await asyncio.gather(desk.write(store, 5), desk.write(store, 5))
    numbers = [one.number for _, one, _ in both]
    assert sorted(one.number for one in folder.kept(desk.directory)) == sorted(set(numbers))
    await store.close()


async def test_a_directory_that_is_away_is_tried_again(tmp_path: Path, desk: Desk) -> None:
    """A mount that is gone stops no payment; the metric counts, and later it goes on."""
    given = parts(tmp_path, Clock())
    desk.directory.write_text("in the way")
    app = CheckpointsApp(given, desk, every_s=0.05)
    app.start()
    name = "sealgate_audit_checkpoint_failures_total"
    async with asyncio.timeout(20):
        while not given.registry.get_sample_value(name):
            await asyncio.sleep(0.01)
    desk.directory.unlink()
    assert [one.number for one in await written(desk, 1)] == [1]
    await app.stop()
    await given.store.close()
    await given.log.close()
