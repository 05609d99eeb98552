"""Events that tell of deposits, replayed: taken in once where nobody could read them, then left."""

from dataclasses import replace
from pathlib import Path

import pytest

from consumers.facts import FactKind
from consumers.interpret import interpreter
from consumers.interpret.interpreter import Interpreters
from consumers.reading import Read
from consumers.store.kept import Kept
from consumers.store.port import Store
from tests.conformance.test_deposits import TX_2, activity, deposit_key, transfer
from tests.support.audited import audit
from tests.support.builders import record
from tests.support.replayed import ORDER, Ground
from tests.support.store_builders import tables

SILENT = """
provider = "alchemy"
version = 1
effective_from = 2020-01-01
source = "made for these tests: the word is known, and says nothing"
[[rule]]
words = ["ADDRESS_ACTIVITY"]
say = []
"""


@pytest.fixture(name="ground")
def _ground(store: Store) -> Ground:
    return Ground(store)


def without_alchemy() -> Interpreters:
    """Make the mappings of an installation that cannot read the chain's words yet."""
    known = interpreter.load()
    return replace(known, tables={**known.tables, "alchemy": ()})


async def read(ground: Ground, at: int) -> Read:
    """Read one record by the mappings in force now, under the key that it was claimed by."""
    return (
        await ground.named(ground.replayer(interpreter.load(), order=None), interpreter.load())
    )[at]


@pytest.mark.parametrize("is_one", [True, False])
async def test_a_deposit_nobody_could_read_is_taken_in_once(
    ground: Ground, store_url: str, *, is_one: bool
) -> None:
    """A replay is finished when it has nothing left to say; a claim without end proves nothing."""
    others = [] if is_one else [transfer(TX_2)]
    ground.interpreters = without_alchemy()
    await ground.apply(record(activity(transfer(), *others)))
    told = await read(ground, 0)
    looking = ground.replayer(interpreter.load(), order=None)
    looked = await looking.look(told.payment, [told])
    assert looked is not None
    assert {one.after.key for one in looked.deposits} >= {deposit_key()}
    assert all(one.before.kept is None and one.after.facts for one in looked.deposits)
    replayer = ground.replayer(interpreter.load())
    assert await replayer.apply(told.payment, [told]) is not None
    kept = await ground.store.payment(deposit_key())
    assert kept is not None
    assert (kept.kept, len(kept.facts)) == (Kept.DEPOSIT, 1)
    before = await tables(store_url)
    for name in ("ENG-1", "ENG-2"):
        again = ground.replayer(interpreter.load(), order=ORDER._replace(key=name))
        assert await again.apply(told.payment, [told]) is None
    assert await looking.look(told.payment, [told]) is None
    assert await tables(store_url) == before
    assert (await audit(ground.store)).problems == []


async def test_an_event_that_said_nothing_makes_its_deposits_by_a_new_mapping(
    ground: Ground, store_url: str, tmp_path: Path
) -> None:
    """A mapping that learns of a provider's deposit addresses finds the money of before."""
    (tmp_path / "alchemy.toml").write_text(SILENT)
    ground.interpreters = interpreter.load(tmp_path)
    applied = await ground.apply(record(activity(transfer())))
    assert [str(one.verdict) for one in applied.outcomes] == ["applied_no_change"]
    told = await read(ground, 0)
    looked = await ground.replayer(interpreter.load(), order=None).look(told.payment, [told])
    assert looked is not None
    assert [one.after.key for one in looked.deposits] == [deposit_key()]
    assert await ground.replayer(interpreter.load()).apply(told.payment, [told]) is not None
    kept = await ground.store.payment(deposit_key())
    assert kept is not None
    assert (kept.kept, len(kept.facts)) == (Kept.DEPOSIT, 1)
    before = await tables(store_url)
    again = ground.replayer(interpreter.load(), order=ORDER._replace(key="ENG-2"))
    assert await again.apply(told.payment, [told]) is None
    assert await tables(store_url) == before
    assert (await audit(ground.store)).problems == []


async def test_a_deposit_that_is_there_hears_what_was_not_read(ground: Ground) -> None:
    """The block is gone, and the word of it could not be read: its deposit is known already."""
    await ground.apply(record(activity(transfer())))
    ground.interpreters = without_alchemy()
    await ground.apply(record(activity(transfer(removed=True))))
    told = await read(ground, 1)
    looked = await ground.replayer(interpreter.load(), order=None).look(told.payment, [told])
    assert looked is not None
    [shown] = looked.deposits
    assert (shown.before.kept, len(shown.before.facts)) == (Kept.DEPOSIT, 1)
    assert {fact.kind for fact in shown.after.facts - shown.before.facts} == {FactKind.REMOVED}
    assert await ground.replayer(interpreter.load()).apply(told.payment, [told]) is not None
    kept = await ground.store.payment(deposit_key())
    assert kept is not None
    assert len(kept.facts) == 2
    codes = {one.anomaly.code for one in await ground.store.list_anomalies(9)}
    assert "UNMATCHED_DEPOSIT" not in codes
    assert (await audit(ground.store)).problems == []


async def test_events_whose_deposits_are_known_are_not_compared(
    ground: Ground, store_url: str
) -> None:
    """Their facts belong to the deposits: read as a payment's they would all be news."""
    await ground.apply(record(activity(transfer())), record(activity(transfer(), name="again")))
    before = await tables(store_url)
    for at in (0, 1):
        told = await read(ground, at)
        assert (
            await ground.replayer(interpreter.load(), order=None).look(told.payment, [told]) is None
        )
        assert await ground.replayer(interpreter.load()).apply(told.payment, [told]) is None
    assert await tables(store_url) == before
