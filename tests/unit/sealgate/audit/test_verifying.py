"""Verifying from within a process: what the configuration says, Sundays, figures, and trouble."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from consumers.app import Parts
from consumers.chainwalk import Anchor, Problem, Report
from consumers.settings import ConsumerSettings
from consumers.store.port import Changes
from consumers.store.sqlite import SqliteStore
from consumers.verifying import Verifying
from ingress.eventlog.embedded import EmbeddedLog
from sealgate.audit import folder
from sealgate.audit.keeping import Desk
from sealgate.audit.verifying import VerifyingApp, Watch
from tests.support.audited import CHAIN, fill, tamper
from tests.support.store_builders import apply, event

DAY_MS = 86_400_000
TABLES_VERIFIED = "sealgate_audit_tables_verified_timestamp_seconds"
# A Saturday, at noon.
SATURDAY_MS = 1_796_472_000_000


class Bench:
    """A store, a directory of checkpoints and a process that verifies."""

    def __init__(self, directory: Path, store: SqliteStore) -> None:
        folder.make_key(directory / "key")
        self.desk = Desk(directory / "audit", folder.private_key(directory, Path("key")), "sandbox")
        public = folder.public_key(directory, Path("key.pub"))
        self.watch = Watch("sandbox", 0.01, self.desk.directory, public, first_s=0.01)
        self.store = store
        self.now_ms = SATURDAY_MS
        self.registry = CollectorRegistry()
        self.parts = Parts(
            environment="sandbox",
            settings=ConsumerSettings(),
            log=EmbeddedLog(directory / "log.db"),
            store=store,
            partitions=1,
            registry=self.registry,
            clock=lambda: self.now_ms,
            owner="us",
            checkpoint=lambda _: None,
        )
        self.app = VerifyingApp(self.parts, self.watch)

    def value(self, name: str, **labels: str) -> float | None:
        """Read one series; None where it is absent."""
        return self.registry.get_sample_value(name, labels)


@pytest.fixture(name="bench")
async def _bench(tmp_path: Path) -> AsyncIterator[Bench]:
    store = SqliteStore(tmp_path / "store.db")
    await store.open("sandbox")
    await fill(store)
    bench = Bench(tmp_path, store)
    yield bench
    await bench.app.stop()
    await bench.parts.log.close()
    await store.close()


async def test_it_goes_on_by_itself_and_tells_how_far_it_is(bench: Bench) -> None:
    """An alert needs a figure: when all was last verified, and what was wrong."""
    bench.app.start()
    await _verified(bench)
    assert bench.value("sealgate_audit_verified_entry", chain=CHAIN) == 3
    assert bench.value("sealgate_audit_problems") == 0
    await tamper(f"sqlite://{bench.store.path}", f"DELETE FROM audit WHERE chain = '{CHAIN}'")
    async with asyncio.timeout(20):
        while not bench.value("sealgate_audit_problems"):
            await asyncio.sleep(0.01)
    [item] = [one for one in await bench.store.list_anomalies(10) if one.anomaly.subject == CHAIN]
    assert (item.anomaly.code, item.anomaly.severity) == ("CHAIN_INTEGRITY", 1)


async def test_on_a_sunday_all_of_it_is_read_once(bench: Bench) -> None:
    """What was changed far behind the last head is found within a week, also without the tables."""
    bench.app._watch = replace(bench.watch, tables=False)
    await bench.app.round()
    await tamper(
        f"sqlite://{bench.store.path}",
        f"UPDATE audit SET bytes = x'7b7d' WHERE chain = '{CHAIN}' AND seq = 1",
    )
    seen = []
    for _ in range(3):
        await bench.app.round()
        seen.append(bench.value("sealgate_audit_problems"))
        bench.now_ms += DAY_MS if len(seen) == 1 else 1
    assert seen[0] == 0, "of a Saturday only what is new is read"
    assert seen[1] == 2, "the entry has other bytes, and so another hash"
    assert seen[2] == 0


async def test_a_checkpoint_is_where_a_start_begins_and_a_lost_one_is_told(bench: Bench) -> None:
    """The witness outside is asked at every round; without the witness somebody is called."""
    for number in range(3):
        await apply(bench.store, Changes(), [event(f"e{number}", offset=number)])
        await bench.desk.write(bench.store, SATURDAY_MS + number)
    await bench.app.round()
    assert bench.value("sealgate_audit_problems") == 0
    (bench.desk.directory / folder.name(2)).unlink()
    await bench.app.round()
    assert bench.value("sealgate_audit_problems") == 1
    [item] = [one for one in await bench.store.list_anomalies(10) if one.anomaly.severity == 1]
    assert item.anomaly.subject == "checkpoints"


async def test_without_checkpoints_a_chain_is_held_against_itself(bench: Bench) -> None:
    """The key need not be on this machine for the hashes to be added up."""
    bench.app._watch = replace(bench.watch, key=None)
    await bench.app.round()
    assert bench.value("sealgate_audit_verified_entry", chain=CHAIN) == 3


async def test_a_database_that_is_away_is_no_finding(bench: Bench) -> None:
    """It is tried again, and the last figure stays with its date."""
    bench.app.start()
    await _verified(bench)
    files = [file for file in bench.store.path.parent.glob("store.db*") if file.is_file()]
    for file in files:
        file.rename(file.with_name(f"away-{file.name}"))
    bench.store.path.mkdir()
    async with asyncio.timeout(20):
        while not bench.value("sealgate_audit_verify_failures_total"):
            await asyncio.sleep(0.01)
    assert bench.value("sealgate_audit_problems") == 0
    bench.store.path.rmdir()
    for file in files:
        file.with_name(f"away-{file.name}").rename(file)
    bench.now_ms += 1000
    await _verified(bench)


async def test_the_tables_are_held_against_the_chains_every_day(bench: Bench) -> None:
    """A row changed in its place breaks no hash, and somebody is called the next morning."""
    await bench.app.round()
    assert bench.value(TABLES_VERIFIED) == SATURDAY_MS / 1000
    assert bench.value("sealgate_audit_problems") == 0
    await tamper(f"sqlite://{bench.store.path}", "UPDATE transition SET after = 'Confirmed'")
    bench.now_ms += 2 * DAY_MS
    await bench.app.round()
    assert bench.value(TABLES_VERIFIED) == bench.now_ms / 1000
    # Three rows that nobody wrote, and three that are named and gone.
    assert bench.value("sealgate_audit_problems") == 6
    raised = [one.anomaly for one in await bench.store.list_anomalies(10)]
    subjects = {one.subject for one in raised if one.code == "CHAIN_INTEGRITY"}
    assert subjects == {"tables", CHAIN}


async def test_tables_beyond_the_bounds_leave_the_figure_as_old_as_it_is(bench: Bench) -> None:
    """Who alerts on its age learns that the command is needed; the chains are verified still."""
    bench.app._verifying.memory_max_bytes = 100
    await bench.app.round()
    assert bench.value(TABLES_VERIFIED) == 0
    assert bench.value("sealgate_audit_verified_timestamp_seconds") == SATURDAY_MS / 1000


async def test_tables_may_be_left_to_the_command(bench: Bench) -> None:
    """Reading all there is every day is not for every machine."""
    bench.app._watch = replace(bench.watch, tables=False)
    await bench.app.round()
    assert bench.value(TABLES_VERIFIED) == 0


class Leaving(Verifying):
    """Verifies the chains of a database that is away right after."""

    async def round(
        self, anchors: Sequence[Anchor], others: Sequence[Problem] = (), *, is_whole: bool
    ) -> Report:
        """Verify, and take the file away."""
        report = await super().round(anchors, others, is_whole=is_whole)
        assert isinstance(self.store, SqliteStore)
        self.store.path.rename(self.store.path.with_name("away.db"))
        self.store.path.mkdir()
        return report


async def test_tables_that_cannot_be_read_do_not_begin_the_chains_anew(bench: Bench) -> None:
    """A table that is too large for a statement's time would have all be read every minute."""
    bench.app._verifying = Leaving(bench.store, "sandbox", lambda: bench.now_ms)
    await bench.app.round()
    assert bench.value("sealgate_audit_verify_failures_total") == 1
    assert bench.value("sealgate_audit_verified_timestamp_seconds") == SATURDAY_MS / 1000
    assert bench.value(TABLES_VERIFIED) == 0
    bench.store.path.rmdir()
    bench.store.path.with_name("away.db").rename(bench.store.path)


async def _verified(bench: Bench) -> None:
    """Wait until all was verified at the instant that it is."""
    async with asyncio.timeout(20):
        name = "sealgate_audit_verified_timestamp_seconds"
        while bench.value(name) != bench.now_ms / 1000:
            await asyncio.sleep(0.01)
