"""The daily round: every chain, in pieces, from the last one's end; what is wrong is raised."""

import asyncio
import io
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from consumers.audit import Audit, TooMuch
from consumers.chainwalk import Anchor, Problem, Report
from consumers.exceptions import Code
from consumers.store import chain
from consumers.store.cases import Item, ItemFilter
from consumers.store.port import Changes
from consumers.store.sqlite import SqliteStore
from consumers.store.told import TOLD
from consumers.verifying import Pace, Verifying
from tests.support.audited import CHAIN, anchor, fill, tamper
from tests.support.store_builders import NOW_MS, apply, event


@pytest.fixture(name="store")
async def _store(tmp_path: Path) -> AsyncIterator[SqliteStore]:
    store = SqliteStore(tmp_path / "store.db")
    await store.open("sandbox")
    await fill(store)
    yield store
    await store.close()


def made(store: SqliteStore, piece_entries: int = 100) -> Verifying:
    """Make one as a process does when it starts."""
    return Verifying(store, "sandbox", lambda: NOW_MS, piece_entries)


async def alarms(store: SqliteStore) -> list[Item]:
    """Read what was raised about chains."""
    wanted = ItemFilter(codes=frozenset({Code.CHAIN_INTEGRITY.value}))
    return [*await store.cases.items(wanted, None, 100)]


async def cut(store: SqliteStore, seq: int) -> None:
    """Take away a chain's entries from one on."""
    await tamper(
        f"sqlite://{store.path}", f"DELETE FROM audit WHERE chain = '{CHAIN}' AND seq >= {seq}"
    )


async def rewrite(store: SqliteStore, seq: int) -> None:
    """Write other bytes into an entry."""
    await tamper(
        f"sqlite://{store.path}",
        f"UPDATE audit SET bytes = x'7b7d' WHERE chain = '{CHAIN}' AND seq = {seq}",
    )


@pytest.mark.parametrize("piece_entries", [1, 2, 100])
async def test_a_sound_store_raises_nothing_however_small_the_pieces(
    store: SqliteStore, piece_entries: int
) -> None:
    """Each piece goes on where the last one ended: none is left out, and none read twice."""
    report = await made(store, piece_entries).round([], is_whole=True)
    assert report.problems == []
    assert report.heads == {chain.OPERATOR: 4, CHAIN: 3}
    assert report.entries == 9
    assert await alarms(store) == []


async def test_what_is_wrong_is_raised_once_for_a_chain_with_its_first_entry(
    store: SqliteStore,
) -> None:
    """Somebody is called, and told where to begin to look."""
    await rewrite(store, 2)
    await made(store, 1).round([], is_whole=True)
    [item] = await alarms(store)
    assert (item.anomaly.subject, item.anomaly.severity) == (CHAIN, 1)
    assert "entry 2: its hash is not that of the one before" in item.anomaly.evidence
    assert "more" in item.anomaly.evidence
    await made(store).round([], is_whole=True)
    [again] = await alarms(store)
    assert (again.id, again.times) == (item.id, 2)


async def test_a_round_begins_where_the_last_one_ended(store: SqliteStore) -> None:
    """A year of entries is not hashed again every night."""
    verifying = made(store)
    await verifying.round([], is_whole=False)
    await apply(store, Changes(), [event("new")])
    report = await verifying.round([], is_whole=False)
    # The last entry of each chain is looked at again, to see that it is the one that was seen.
    assert report.entries == 3
    assert report.problems == []
    whole = await verifying.round([], is_whole=True)
    assert whole.entries == 10


async def test_what_was_seen_is_missed_the_next_day(store: SqliteStore) -> None:
    """No checkpoint is needed: the process itself has seen how long the chain was."""
    verifying = made(store)
    await verifying.round([], is_whole=False)
    await cut(store, 2)
    report = await verifying.round([], is_whole=False)
    assert [one.text[:24] for one in report.problems] == ["the chain ends before it"]
    assert len(await alarms(store)) == 1


async def test_an_entry_written_anew_since_it_was_seen_is_found(store: SqliteStore) -> None:
    """Hashes can all fit, and it is another history."""
    verifying = made(store)
    await verifying.round([], is_whole=False)
    await tamper(
        f"sqlite://{store.path}",
        f"UPDATE audit SET hash = zeroblob(32) WHERE chain = '{CHAIN}' AND seq = 3",
    )
    report = await verifying.round([], is_whole=False)
    assert [one.text for one in report.problems] == [
        "this process saw another entry here: it was written anew"
    ]


async def test_a_start_begins_at_the_last_checkpoint(store: SqliteStore) -> None:
    """What a checkpoint saw somebody vouches for; it must be there, and the same."""
    seen = await anchor(store)
    await rewrite(store, 1)
    report = await made(store).round([seen], is_whole=False)
    assert [one for one in report.problems if one.chain == CHAIN] == []
    wrong = Anchor("checkpoint 7", CHAIN, 3, bytes(32))
    report = await made(store).round([wrong], is_whole=False)
    assert [one.text for one in report.problems] == [
        "checkpoint 7 saw another entry here: it was written anew"
    ]


async def test_a_chain_that_began_since_hangs_on_the_first_one(store: SqliteStore) -> None:
    """A new partition after the checkpoint is no forgery."""
    seen = await anchor(store, chain.OPERATOR)
    assert (await made(store).round([seen], is_whole=False)).problems == []


async def test_what_is_wrong_with_checkpoints_is_raised_too(store: SqliteStore) -> None:
    """Who takes a checkpoint away wants the chain to have no witness."""
    other = Problem("checkpoints", None, "checkpoint 4 is not there")
    await made(store).round([], [other], is_whole=False)
    [item] = await alarms(store)
    assert item.anomaly.subject == "checkpoints"
    assert "checkpoint 4 is not there" in item.anomaly.evidence


async def test_every_row_of_a_sound_store_is_looked_up(store: SqliteStore) -> None:
    """A store with something in each table: none is left out, and nothing is raised."""
    report = await made(store).tables([], Report())
    assert report is not None
    assert report.problems == []
    assert len(report.rows) == len(TOLD)
    assert all(report.rows.values())
    assert await alarms(store) == []


async def test_a_row_that_no_entry_names_is_raised_about_the_tables(
    store: SqliteStore, lines: io.StringIO
) -> None:
    """Whoever wrote it past the program is looked for; which row it is, no log line says."""
    added = "INSERT INTO operator_action SELECT 99, 'k-99', name, provider, account, reference,"
    rest = " anomaly_id, done_by, role, approved_by, reason, note, detail, at_ms"
    await tamper(f"sqlite://{store.path}", f"{added}{rest} FROM operator_action")
    report = await made(store).tables([], Report())
    assert report is not None
    [item] = await alarms(store)
    assert (item.anomaly.subject, item.anomaly.severity) == ("tables", 1)
    assert "operator_action: no entry names this row" in item.anomaly.evidence
    assert "k-99" in item.anomaly.evidence
    told = lines.getvalue()
    assert '"chain":"tables"' in told
    assert "operator_action: no entry names this row" in told
    assert "k-99" not in told


async def test_what_the_chains_told_is_not_told_again(store: SqliteStore) -> None:
    """Of one broken entry there is one exception, and its figures are not doubled."""
    await rewrite(store, 2)
    verifying = made(store)
    chains = await verifying.round([], is_whole=True)
    tables = await verifying.tables([], chains)
    assert tables is not None
    assert tables.problems
    assert not set(tables.problems) & set(chains.problems)


async def test_a_chain_written_anew_as_a_whole_is_held_against_what_was_seen(
    store: SqliteStore,
) -> None:
    """The tables are looked up in a chain that somebody vouches for."""
    report = await made(store).tables([Anchor("the notary", CHAIN, 3, bytes(32))], Report())
    assert report is not None
    assert [one.text for one in report.problems] == [
        "the notary saw another entry here: it was written anew"
    ]


@pytest.mark.parametrize(("memory", "time_s"), [(17 * 20, 600.0), (50_000_000, 0.0)])
async def test_beyond_a_bound_nothing_is_said_of_the_tables(
    store: SqliteStore, memory: int, time_s: float
) -> None:
    """Half an audit proves nothing: it must neither call somebody nor look like a whole one."""
    await tamper(f"sqlite://{store.path}", "DELETE FROM transition")
    verifying = made(store)
    verifying.memory_max_bytes, verifying.moment_max_s = memory, time_s
    assert await verifying.tables([], Report()) is None
    assert await alarms(store) == []


async def test_workers_write_on_while_the_tables_are_looked_up(store: SqliteStore) -> None:
    """It sees one moment: what is written meanwhile waits for nobody, and is no finding."""
    written: list[str] = []

    async def write() -> None:
        written.append(f"meanwhile-{len(written)}")
        await apply(store, Changes(), [event(written[-1])])

    async with asyncio.timeout(20), store.auditing() as moment:
        report = await Audit(moment, "sandbox", bytes(16), pace=write).run()
    assert report.problems == []
    assert len(written) == report.entries
    assert await store.event(event(written[-1]).key) is not None


async def test_it_rests_four_times_as_long_as_it_worked_until_there_is_no_time_left() -> None:
    """Whoever shares the process has four fifths of it, and an old moment is let go of."""
    rests: list[float] = []

    async def rest(for_s: float) -> None:
        rests.append(for_s)

    # Asked at each step, and once more after a rest.
    now_s = iter([100.004, 100.006, 100.03, 100.034, 100.04, 100.08, 200.0])
    pace = Pace(100.0, 200.0, lambda: next(now_s), rest)
    for _ in range(4):
        await pace()
    assert rests == [pytest.approx(4 * 0.006), pytest.approx(4 * 0.010)]
    with pytest.raises(TooMuch):
        await pace()
