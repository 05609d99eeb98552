"""Commands on both stores: done once for ever, never by force, and shown before they are done."""

import asyncio
from dataclasses import replace

import pytest

from consumers.facts import Fact, FactKind, Failure, simple
from consumers.lifecycle import State, Verdict
from consumers.moving import Said
from consumers.notices import Occasion
from consumers.policy import NO_POLICY
from consumers.stating import (
    OURSELVES,
    Command,
    Desk,
    IllegalTransition,
    KeyReused,
    VersionConflict,
)
from consumers.store.port import Cause, EventKey, Payment, PaymentKey, Store
from tests.support.store_builders import NOW_MS, event, tables

PAYMENT = PaymentKey("stripe", "main", "pay-1")
ASKED = simple(FactKind.EXPECTED, 0, asset="USDT", amount=100)._replace(expires_ms=1000)
LATE = simple(FactKind.FINAL, 1500, key="tx:1", asset="USDT", amount=100)
ACCEPT = simple(FactKind.ACCEPT_LATE, 3000)


def command(
    name: str,
    *facts: Fact,
    version: int | None = None,
    digest: str = "d",
    by: Cause = Cause.OPERATOR,
) -> Command:
    """State facts as an operator does."""
    key = EventKey(OURSELVES, PAYMENT.account, name)
    claimed = event()._replace(key=key, reference=PAYMENT.reference, body_digest=digest)
    occasion = Occasion("sandbox", "operator.command", NOW_MS, "")
    said = Said(key, PAYMENT, frozenset(facts), occasion, f"c-{name}", cause=by)
    return Command(claimed, said, version)


@pytest.fixture(name="desk")
async def _desk(store: Store) -> Desk:
    """Begin with a payment whose money came too late."""
    desk = Desk(store, NO_POLICY, lambda: NOW_MS)
    await desk.do(command("begin", ASKED, LATE, by=Cause.TIMER))
    return desk


async def payment(desk: Desk) -> Payment:
    """Read the payment."""
    found = await desk.store.payment(PAYMENT)
    assert found is not None
    return found


async def test_a_command_states_facts_and_the_reducer_says_the_rest(desk: Desk) -> None:
    """The history says that a person did it; the exception ends with its reason."""
    assert (await payment(desk)).state is State.LATE
    assert dict(await desk.store.anomalies_open()) == {("LATE_FUNDS", 3): 1}
    done = await desk.do(command("k1", ACCEPT, version=1))
    assert done.transition is not None
    assert (done.transition.before, done.transition.after) == (State.LATE, State.CONFIRMED)
    assert (await payment(desk)).state is State.CONFIRMED
    moves = await desk.store.transitions(PAYMENT)
    assert [(move.version, move.cause) for move in moves] == [(1, Cause.TIMER), (2, Cause.OPERATOR)]
    assert [one.notice.version for one in await desk.store.pending(10)] == [1, 2]
    assert await desk.store.anomalies_open() == {}
    recorded = await desk.store.event(EventKey(OURSELVES, "main", "k1"))
    assert recorded is not None
    assert recorded.verdict == Verdict.APPLIED


async def test_the_same_command_again_is_done_once(desk: Desk, store_url: str) -> None:
    """A button pressed twice, a client that retries: the same key, the same answer, one effect."""
    await desk.do(command("k1", ACCEPT))
    before = await tables(store_url)
    again = await desk.do(command("k1", ACCEPT))
    assert (again.is_repeat, again.stated, again.transition) == (True, None, None)
    assert await tables(store_url) == before


async def test_a_repeated_command_is_a_repetition_at_whatever_version(desk: Desk) -> None:
    """Its own effect moved the payment: to refuse the retry would say that it was not done."""
    await desk.do(command("k1", ACCEPT, version=1))
    assert (await desk.do(command("k1", ACCEPT, version=1))).is_repeat


async def test_one_key_for_two_commands_is_refused(desk: Desk, store_url: str) -> None:
    """The second would be taken for done, and was never heard."""
    await desk.do(command("k1", ACCEPT))
    before = await tables(store_url)
    with pytest.raises(KeyReused, match="choose another key"):
        await desk.do(command("k1", simple(FactKind.CANCELLED, 9), digest="other"))
    assert await tables(store_url) == before


async def test_who_looked_at_an_older_version_is_refused(desk: Desk, store_url: str) -> None:
    """Somebody decided on what is not so any more: nothing is written, and the key is free."""
    await desk.do(command("k1", ACCEPT))
    before = await tables(store_url)
    with pytest.raises(VersionConflict, match=r"at 2\.[0-9a-f]{8} and not at 1"):
        await desk.do(
            command("k2", simple(FactKind.HOLD, 9, key="finance", detail="on"), version=1)
        )
    assert await tables(store_url) == before
    assert not (await desk.do(command("k2", ACCEPT, version=2))).is_repeat


async def test_a_blank_move_is_refused_and_nothing_is_written(desk: Desk, store_url: str) -> None:
    """There is no force: facts that would ask for an undeclared move are not even stated."""
    await desk.do(command("k1", ACCEPT))
    before = await tables(store_url)
    with pytest.raises(IllegalTransition, match="would prove Underpaid, and Confirmed"):
        await desk.do(command("k2", ASKED._replace(amount=200)))
    assert await tables(store_url) == before


async def test_a_dry_run_shows_what_would_be_done_and_does_nothing(
    desk: Desk, store_url: str
) -> None:
    """What is approved is what then happens, to the flag."""
    before = await tables(store_url)
    shown = await desk.do(command("k1", ACCEPT, version=1), dry_run=True)
    assert await tables(store_url) == before
    done = await desk.do(command("k1", ACCEPT, version=1))
    assert (shown.transition, shown.changes) == (done.transition, done.changes)
    assert not done.is_repeat


async def test_a_dry_run_refuses_what_would_be_refused(desk: Desk) -> None:
    """Shown as possible and refused when done, it would be no dry run."""
    with pytest.raises(VersionConflict):
        await desk.do(command("k1", ACCEPT, version=7), dry_run=True)
    with pytest.raises(IllegalTransition):
        await desk.do(command("k2", ASKED._replace(amount=200)), dry_run=True)


async def test_a_command_that_contradicts_is_done_and_people_are_called(desk: Desk) -> None:
    """An operator may state what is true; that it does not fit is for more eyes, no refusal."""
    await desk.do(command("k1", ACCEPT))
    done = await desk.do(command("k2", simple(FactKind.FAILED, 9, detail=Failure.AML)))
    assert done.stated is not None
    assert (done.stated.decision.verdict, done.transition) == (Verdict.CONFLICT, None)
    assert ("CONTRADICTORY_OUTCOME", 1) in await desk.store.anomalies_open()
    assert (await payment(desk)).state is State.CONFIRMED


async def test_of_many_at_once_exactly_one_command_is_done(desk: Desk) -> None:
    """Two people press the button in the same second, and one of them sees it was done."""
    found = await asyncio.gather(*(desk.do(command("k1", ACCEPT)) for _ in range(4)))
    assert sorted(one.is_repeat for one in found) == [False, True, True, True]
    assert (await payment(desk)).version == 2


async def test_of_many_keys_at_one_version_exactly_one_is_done(desk: Desk) -> None:
    """Each decided on version 1: the second has not seen what the first did."""
    commands = [command(f"k{number}", ACCEPT, version=1) for number in range(4)]
    found = await asyncio.gather(*map(desk.do, commands), return_exceptions=True)
    assert sorted(type(one).__name__ for one in found) == ["Done", *["VersionConflict"] * 3]


async def test_a_clock_is_the_rims(store: Store) -> None:
    """Instants of facts are the author's; when it was written is the desk's clock."""
    desk = replace(Desk(store, NO_POLICY, lambda: NOW_MS), clock=lambda: 7)
    await desk.do(command("k1", ASKED))
    assert (await payment(desk)).changed_ms == 7
