"""One suite for both stores: what holds of a replay at any moment, with others, in any order.

The promise is the reducer's once more: a payment ends where it would be had its events been read so
from the beginning. What was written stays; what counts no more is said by other rows.
"""

import asyncio
from dataclasses import replace
from itertools import permutations
from pathlib import Path

import pytest

from consumers.interpret import interpreter
from consumers.interpret.interpreter import Interpreters
from consumers.lifecycle import State, reduce
from consumers.reading import Read, Reader
from consumers.store.port import Fenced, Payment, Store
from consumers.store.rereads import Rereads
from consumers.voiding import Rim
from ingress.contract.envelope import Mode
from tests.support.audited import audit
from tests.support.builders import TRACEPARENT
from tests.support.replayed import (
    LATER_MS,
    NEW,
    NEW_ROW,
    ORDER,
    PAID_IS_FINAL,
    PAID_ROW,
    Ground,
    candidate,
    history,
    key,
    payment,
    sealed,
    state,
    states,
)
from tests.support.store_builders import run, tables

RIM = Rim("sandbox", lambda: LATER_MS, lambda: TRACEPARENT)


@pytest.fixture(name="ground")
def _ground(store: Store) -> Ground:
    return Ground(store)


@pytest.fixture(name="paid_final")
def _paid_final(tmp_path: Path) -> Interpreters:
    return interpreter.load(candidate(tmp_path / "paid", PAID_IS_FINAL))


@pytest.fixture(name="swept_paid")
def _swept_paid(tmp_path: Path) -> Interpreters:
    return interpreter.load(candidate(tmp_path / "both", PAID_IS_FINAL, NEW_ROW))


async def test_a_replay_can_be_undone_by_another_and_done_again(
    ground: Ground, paid_final: Interpreters
) -> None:
    """The new mapping may be the wrong one: every reading can be followed by any other."""
    await ground.apply(sealed("e1", "payment.paid"))
    moves = {"final": (State.PAID, State.CONFIRMED), "seen": (State.CONFIRMED, State.PAID)}
    shipped = interpreter.load()
    for number in range(6):
        tables_now, kind = [(paid_final, "final"), (shipped, "seen")][number % 2]
        done = await ground.replay(tables_now, order=ORDER._replace(key=f"ENG-{number}"))
        assert states(done) == moves[kind]
        assert done is not None
        stored = await ground.store.payment(payment())
        assert stored == done.after
        assert sorted(str(fact.kind) for fact in stored.facts) == ["expected", kind]
    readings = await Rereads.of(ground.store).readings(key("e1"))
    assert [one.number for one in readings] == [1, 2, 3, 4, 5, 6]
    assert (await audit(ground.store)).problems == []


@pytest.mark.parametrize("word", ["payment.paid", "Paid"])
async def test_what_another_event_states_too_is_not_lost(
    ground: Ground, tmp_path: Path, word: str
) -> None:
    """Two events state one fact; only one of them is read otherwise, the first or the second."""
    other = "Paid" if word == "payment.paid" else "payment.paid"
    apart = PAID_ROW.replace('["payment.paid", "Paid"]', f'["{other}"]')
    final = apart.replace(other, word).replace("total_seen", "total_final") + "\nwhole = true"
    change = (PAID_ROW, f"{final}\n\n[[rule]]\n{apart}")
    one_final = interpreter.load(candidate(tmp_path / "one", change))
    await ground.apply(sealed("e1", "payment.paid"), sealed("e2", "Paid"))
    done = await ground.replay(one_final)
    assert done is not None
    stored = await ground.store.payment(payment())
    assert stored == done.after
    assert stored.state is State.CONFIRMED
    assert sorted(str(fact.kind) for fact in stored.facts) == ["expected", "final", "seen"]


CRASHES = ["replay.claimed", "replay.saved", "replay.committed"]


@pytest.mark.parametrize("where", CRASHES)
async def test_a_crash_anywhere_leaves_nothing_half(
    ground: Ground, store_url: str, paid_final: Interpreters, where: str
) -> None:
    """Before the commit nothing happened; after it, a second run finds nothing to do."""
    await ground.apply(sealed("e1", "payment.paid"), sealed("e2", "payment.swept"))
    before = await tables(store_url)

    def crash(name: str) -> None:
        if name == where:
            raise KeyboardInterrupt

    replayer = replace(ground.replayer(paid_final), checkpoint=crash)
    reads = await ground.named(replayer, paid_final)
    with pytest.raises(KeyboardInterrupt):
        await replayer.apply(payment(), reads)
    if where == "replay.committed":
        assert await ground.replay(paid_final) is None
    else:
        assert await tables(store_url) == before
        assert states(await ground.replay(paid_final)) == (State.PAID, State.CONFIRMED)
    assert await state(ground) is State.CONFIRMED
    assert len(await ground.store.transitions(payment())) == 2


async def test_two_replays_and_a_worker_at_once_make_one_correction(
    ground: Ground, paid_final: Interpreters
) -> None:
    """Two engineers at two machines, and the provider goes on: the same locks hold for all."""
    await ground.apply(sealed("e1", "payment.paid"))
    ground.interpreters = paid_final
    first, second, _ = await asyncio.gather(
        ground.replay(paid_final),
        ground.replay(paid_final),
        ground.apply(sealed("e2", "payment.refunded")),
        return_exceptions=True,
    )
    assert not [one for one in (first, second) if isinstance(one, BaseException)]
    assert len([one for one in (first, second) if one is not None]) == 1
    moves = await history(ground)
    assert sorted(cause for _, cause, _ in moves).count("replay") <= 1
    assert len(await Rereads.of(ground.store).readings(key("e1"))) == 1


async def test_what_was_buried_is_taken_in_once_by_two_replays_at_once(
    ground: Ground, paid_final: Interpreters
) -> None:
    """A dead letter was never claimed: the claim makes it happen once, as for any event."""
    replayer = ground.replayer(paid_final)
    read = Reader("sandbox", Mode.TEST, paid_final).read(sealed("e1", "payment.paid"))
    assert isinstance(read, Read)
    assert await replayer.is_unclaimed(read)
    done = await asyncio.gather(
        replayer.apply(payment(), [read]), replayer.apply(payment(), [read])
    )
    assert len([one for one in done if one is not None]) == 1
    assert not await replayer.is_unclaimed(read)
    assert await history(ground) == [("Confirmed", "event", NEW)]
    [reading] = await Rereads.of(ground.store).readings(key("e1"))
    assert (reading.before, reading.verdict) == ("buried", "applied")


async def test_a_payment_that_moves_all_the_time_is_left_alone(
    ground: Ground, paid_final: Interpreters
) -> None:
    """Nothing is forced upon what others keep changing: it is said, and done another time."""
    await ground.apply(sealed("e1", "payment.paid"))

    def fence(name: str) -> None:
        if name == "replay.saved":
            raise Fenced

    replayer = replace(ground.replayer(paid_final), checkpoint=fence)
    reads = await ground.named(replayer, paid_final)
    with pytest.raises(Fenced):
        await replayer.apply(payment(), reads)
    assert await state(ground) is State.PAID


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE reading SET verdict = 'applied'",
        "DELETE FROM reading",
        "UPDATE retraction SET reading = 9",
        "DELETE FROM retraction",
    ],
)
async def test_what_was_read_again_cannot_be_rewritten_with_sql(
    ground: Ground, store_url: str, paid_final: Interpreters, change: str
) -> None:
    """Another reading is appended; the one before it stays as it was, in the database itself."""
    await ground.apply(sealed("e1", "payment.paid"))
    await ground.replay(paid_final)
    before = await tables(store_url)
    with pytest.raises(Exception, match="never changed"):
        await run(store_url, change)
    assert await tables(store_url) == before


WORDS = ("payment.pending", "payment.paid", "payment.swept", "payment.refunded")


@pytest.mark.parametrize("order", list(permutations(range(len(WORDS)))), ids=str)
async def test_a_payment_ends_as_if_its_events_had_been_read_so_from_the_beginning(
    ground: Ground, swept_paid: Interpreters, order: tuple[int, ...]
) -> None:
    """Whenever the replay comes between the events, and in whatever order they came."""
    events = [sealed(f"e{number}", WORDS[number]) for number in order]
    for place in range(1, len(events)):
        reference = f"pay_{place}"
        told = [sealed(f"{place}-{number}", WORDS[number], reference) for number in order]
        ground.interpreters = interpreter.load()
        await ground.apply(*told[:place])
        await ground.replay(swept_paid, reference, order=ORDER._replace(key=f"ENG-{place}"))
        ground.interpreters = swept_paid
        await ground.apply(*told[place:])
    await ground.apply(*events)
    expected = await ground.store.payment(payment())
    assert expected is not None
    for place in range(1, len(events)):
        found = await ground.store.payment(payment(f"pay_{place}"))
        assert found is not None
        assert found.state is expected.state
        assert reduce(found.facts) is reduce(expected.facts)
        assert _said(found) == _said(expected)
    assert (await audit(ground.store)).problems == []


def _said(found: Payment) -> set[tuple[str, int | None]]:
    """Return what the facts say, but for the payment's own name in their keys."""
    return {(str(fact.kind), fact.amount) for fact in found.facts}
