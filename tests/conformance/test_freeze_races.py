"""One suite for both stores: nothing that a freeze stops is committed once the freeze is on.

Two people are at it at once, each with a store of their own as from two machines: one freezes, the
other does what a freeze stops. One of them is held up in the middle of a transaction.
"""

import asyncio
from collections.abc import AsyncIterator
from typing import cast

import pytest

from consumers import standing
from consumers.actions import Act, Role
from consumers.facts import ON, FactKind, simple
from consumers.freezing import FreezeOrder, Unchanged, order, tripped
from consumers.moving import Said
from consumers.notices import Occasion
from consumers.operating import Particulars
from consumers.policy import NO_POLICY
from consumers.stating import OURSELVES, Command, Desk, FrozenNow
from consumers.store.connect import connect, postgres_address
from consumers.store.poll_store import Polls
from consumers.store.port import (
    Cause,
    Changes,
    EventKey,
    PaymentKey,
    Store,
    StoreUnavailable,
)
from consumers.store.postgres import PostgresStore
from consumers.store.postgres_connection import Patience
from tests.support.gates import At, Gate, is_done_soon
from tests.support.ordered import LATER_MS, decide, decide_at, withdraw
from tests.support.ordered import order as decision
from tests.support.store_builders import NOW_MS, event
from tests.support.store_told import Teller

PAYMENT = PaymentKey("kobbopay", "main", "pay_1")
ON_ORDER = FreezeOrder(True, "the provider shows old states", "ann", Role.OPERATIONS)
OFF_ORDER = FreezeOrder(False, "backfilled and compared", "ben", Role.FINANCE, "cleo")
POSTED = simple(FactKind.POSTED, NOW_MS, key="b1", asset="USDT", amount=1, detail=ON)
PRICE = simple(FactKind.EXPECTED, 0, asset="USDT", amount=100)
CAME = simple(FactKind.FINAL, NOW_MS, key="tx:1", asset="USDT", amount=100)
EXPIRED = simple(FactKind.EXPIRED, NOW_MS)


@pytest.fixture(name="other")
async def _other(store: Store, store_url: str) -> AsyncIterator[Store]:
    """Open the same database from elsewhere."""
    opened = connect(store_url)
    await opened.open("sandbox")
    yield opened
    await opened.close()


def stating(fact: object, cause: Cause, name: str = "said-1") -> Command:
    """Say one fact, as an operator or a timer does."""
    key = EventKey(OURSELVES, "main", name)
    claimed = event()._replace(key=key, reference=PAYMENT.reference, body_digest="d")
    occasion = Occasion("sandbox", "operator.command", NOW_MS, "t")
    return Command(claimed, Said(key, PAYMENT, frozenset({fact}), occasion, "c", cause=cause))


STOPPED = {
    "a posting": stating(POSTED, Cause.OPERATOR),
    "our own clock": stating(EXPIRED, Cause.TIMER),
}
every_stopped = pytest.mark.parametrize("command", STOPPED.values(), ids=STOPPED)


def desk(store: Store | Gate) -> Desk:
    """Take commands for a store."""
    return Desk(cast("Store", store), NO_POLICY, lambda: NOW_MS)


async def is_frozen(store: Store) -> bool:
    """Read the last word."""
    last = await Polls.of(store).freeze()
    return last is not None and last.is_on


@every_stopped
async def test_what_was_asked_for_before_the_freeze_is_refused_after_it(
    store: Store, other: Store, command: Command
) -> None:
    """Whoever froze was told that nothing moves: a command on its way at that moment must not."""
    gate = Gate(store, At.BEGIN)
    doing = asyncio.create_task(desk(gate).do(command))
    await gate.reached.wait()
    await order(other, ON_ORDER, NOW_MS)
    gate.open.set()
    with pytest.raises(FrozenNow, match="sealgate freeze off"):
        await doing
    assert await store.event(command.event.key) is None
    assert await store.payment(PAYMENT) is None


@every_stopped
@pytest.mark.parametrize("at", [At.READ, At.END])
async def test_the_freeze_is_not_on_before_what_has_read_that_it_is_off_has_ended(
    store: Store, other: Store, command: Command, at: At
) -> None:
    """A freeze that answers while a posting is being written would be followed by its commit."""
    gate = Gate(store, at)
    doing = asyncio.create_task(desk(gate).do(command))
    await gate.reached.wait()
    freezing = asyncio.create_task(order(other, ON_ORDER, NOW_MS))
    assert not await is_done_soon(freezing)
    assert not await is_frozen(store)
    gate.open.set()
    assert not (await doing).is_repeat
    await freezing
    assert await is_frozen(store)


@every_stopped
@pytest.mark.parametrize("by", ["a person", "the program"])
async def test_what_comes_while_the_freeze_is_being_written_waits_and_is_refused(
    store: Store, other: Store, command: Command, by: str
) -> None:
    """Between the word and its commit nobody may go on by the word before it."""
    gate = Gate(other, At.END)
    rival = cast("Store", gate)
    word = order(rival, ON_ORDER, NOW_MS) if by == "a person" else _trip(rival)
    freezing = asyncio.create_task(word)
    await gate.reached.wait()
    doing = asyncio.create_task(desk(store).do(command))
    assert not await is_done_soon(doing)
    gate.open.set()
    await freezing
    with pytest.raises(FrozenNow):
        await doing


async def _trip(store: Store) -> None:
    """Freeze as the breaker does."""
    async with store.transaction() as tx:
        await tx.save(Changes(freezes=[tripped("three of a hundred", NOW_MS)]))


async def test_a_reversal_is_not_taken_back_once_the_freeze_is_on(
    store: Store, other: Store
) -> None:
    """It would be in the books again: to withdraw a reversal is to post."""
    await Teller(store).tell(("created", [PRICE]), ("paid", [CAME]))
    booked = Particulars(posting="gl", asset="USDT", amount=100)
    given = decision(Act.RECORD_POSTING, "p-1", role=Role.FINANCE)
    await decide(store, given, booked)
    gone = decision(Act.RECORD_UNPOSTING, "p-2", role=Role.FINANCE)
    await decide_at(store, LATER_MS + 1, gone, booked)
    gate = Gate(store, At.BEGIN)
    back = decision(Act.WITHDRAW, "w-1", role=Role.FINANCE)
    doing = asyncio.create_task(withdraw(cast("Store", gate), back, "p-2"))
    await gate.reached.wait()
    await order(other, ON_ORDER, NOW_MS)
    gate.open.set()
    with pytest.raises(FrozenNow):
        await doing
    found = await store.payment(PAYMENT)
    assert found is not None
    assert standing.posting(found.facts) is not standing.Posting.POSTED


async def test_what_was_done_before_is_a_repetition_while_frozen_too(store: Store) -> None:
    """A client that is not sure asks again: that it was booked is so, freeze or none."""
    command = STOPPED["a posting"]
    await desk(store).do(command)
    await order(store, ON_ORDER, NOW_MS)
    assert (await desk(store).do(command)).is_repeat


async def test_what_a_freeze_does_not_stop_does_not_ask_for_it(store: Store) -> None:
    """Money that comes is applied, and a reversal of a posting is written: both only tell less."""
    await order(store, ON_ORDER, NOW_MS)
    off = POSTED._replace(detail="off")
    assert not (await desk(store).do(stating(off, Cause.OPERATOR, "off-1"))).is_repeat


@pytest.mark.postgres
async def test_two_postings_do_not_wait_for_each_other(postgres_url: str) -> None:
    """The lock is there for freezes: whoever posts all day must not queue behind a colleague."""
    store = connect(postgres_url)
    await store.open("sandbox")
    gate = Gate(store, At.END)
    first = asyncio.create_task(desk(gate).do(STOPPED["a posting"]))
    await gate.reached.wait()
    async with store.transaction() as tx:
        assert await tx.freeze.read() is None
    assert not first.done()
    gate.open.set()
    await first
    await store.close()


@pytest.mark.postgres
async def test_a_freeze_that_has_waited_too_long_says_so_and_is_not_on(postgres_url: str) -> None:
    """A client that hangs in its transaction must not leave anybody in doubt about the freeze."""
    address = postgres_address(postgres_url, None)
    store = PostgresStore(address)
    impatient = PostgresStore(address, patience=Patience(lock_s=0.1))
    for one in (store, impatient):
        await one.open("sandbox")
    gate = Gate(store, At.END)
    doing = asyncio.create_task(desk(gate).do(STOPPED["a posting"]))
    await gate.reached.wait()
    with pytest.raises(StoreUnavailable, match="LockNotAvailable"):
        await order(impatient, ON_ORDER, NOW_MS)
    gate.open.set()
    await doing
    assert await Polls.of(store).freeze() is None
    await order(impatient, ON_ORDER, NOW_MS)
    assert await is_frozen(store)
    for one in (store, impatient):
        await one.close()


@pytest.mark.parametrize("at", [At.BEGIN, At.END])
@pytest.mark.parametrize("wanted", [ON_ORDER, OFF_ORDER], ids=["on", "off"])
async def test_of_two_who_say_the_same_one_is_told_that_it_is_so(
    store: Store, other: Store, wanted: FreezeOrder, at: At
) -> None:
    """Whoever clears has looked at what is frozen: not at what another has cleared meanwhile."""
    if wanted is OFF_ORDER:
        await order(store, ON_ORDER, NOW_MS)
    gate = Gate(store, at)
    first = asyncio.create_task(order(cast("Store", gate), wanted, NOW_MS + 1))
    await gate.reached.wait()
    second = asyncio.create_task(order(other, wanted, NOW_MS + 2))
    await is_done_soon(second)
    gate.open.set()
    ended = await asyncio.gather(first, second, return_exceptions=True)
    assert sorted(isinstance(one, Unchanged) for one in ended) == [False, True]
    said = [one.is_on for one in await Polls.of(store).freezes(10)]
    assert said == ([True] if wanted is ON_ORDER else [False, True])
