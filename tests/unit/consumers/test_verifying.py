"""The daily round: every chain, in pieces, from the last one's end; what is wrong is raised."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from consumers.chainwalk import Anchor, Problem
from consumers.exceptions import Code
from consumers.store import chain
from consumers.store.cases import Item, ItemFilter
from consumers.store.port import Changes
from consumers.store.sqlite import SqliteStore
from consumers.verifying import Verifying
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
