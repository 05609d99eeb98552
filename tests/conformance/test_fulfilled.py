"""One suite for both stores: which goods left is read of a payment's history, under its lock."""

import asyncio

import pytest

from consumers import notices
from consumers.fulfilment import NONE_YET, Fulfilment
from consumers.lifecycle import State
from consumers.notices import Occasion
from consumers.store.port import Changes, Payment, PaymentKey, Saved, Store
from tests.support.store_builders import NOW_MS, PAYMENT, apply, transition

OTHER = PAYMENT._replace(reference="pay-2")
OCCASION = Occasion("sandbox", "paid", NOW_MS, "00-0-0-01")
_S = State
LOCKED_S = 0.2
LIVES = [
    ((_S.PENDING,), NONE_YET),
    ((_S.CONFIRMED,), Fulfilment(1, is_due=True)),
    ((_S.PENDING, _S.PAID, _S.CONFIRMED), Fulfilment(1, is_due=True)),
    ((_S.CONFIRMED, _S.LATE, _S.CONFIRMED), Fulfilment(1, is_due=True)),
    ((_S.CONFIRMED, _S.LATE), Fulfilment(1, is_due=True)),
    ((_S.CONFIRMED, _S.REVERSED), Fulfilment(2, is_due=False)),
    ((_S.CONFIRMED, _S.LATE, _S.REFUNDED, _S.CONFIRMED), Fulfilment(2, is_due=True)),
    ((_S.PAID, _S.REVERSED, _S.CONFIRMED, _S.REVERSED, _S.REFUNDED), Fulfilment(2, is_due=False)),
    # In this order by version, and in no order by name.
    ((*(_S.CONFIRMED, _S.REVERSED) * 6, _S.CONFIRMED), Fulfilment(7, is_due=True)),
]


async def live(store: Store, key: PaymentKey, states: tuple[State, ...]) -> None:
    """Write a payment's history, a move at a time."""
    before = None
    for was, state in enumerate(states):
        row = Saved(Payment(key, state, was + 1, frozenset(), NOW_MS), was)
        moved = transition(row, before, f"evt-{key.reference}-{was}")
        await apply(store, Changes(payments=[row], transitions=[moved]))
        before = state


@pytest.mark.parametrize(("states", "expected"), LIVES)
async def test_generations_follow_from_the_history_alone(
    store: Store, states: tuple[State, ...], expected: Fulfilment
) -> None:
    """Nothing is kept that a crash could leave behind: every reader counts the same."""
    await live(store, PAYMENT, states)
    await live(store, OTHER, (_S.CONFIRMED, _S.REVERSED, _S.CONFIRMED, _S.REFUNDED))
    stored = await store.payment(PAYMENT)
    assert stored is not None
    assert stored.fulfilment == expected
    async with store.transaction() as tx:
        locked = await tx.payments([OTHER, PAYMENT])
    assert locked[PAYMENT] == stored
    assert locked[OTHER].fulfilment == Fulfilment(3, is_due=False)
    assert {one.key: one for one in await store.list_payments(9)} == locked


@pytest.mark.parametrize("account", ["main", "a/b%c"])
async def test_a_payments_notices_are_found_by_its_name(store: Store, account: str) -> None:
    """Those of a neighbour whose name begins with it are not among them, nor a bytes' neighbour."""
    mine = PaymentKey("stripe", account, "pay")
    keys = [mine, *(mine._replace(reference=name) for name in ("pay/1", "pay0", "pay.", "pa"))]
    wrote = Changes()
    for key in keys:
        row = Saved(Payment(key, State.CONFIRMED, 1, frozenset(), NOW_MS), 0)
        move = transition(row, None, f"evt-{key.reference}")
        held = ("hold: compliance",)
        wrote.payments.append(row)
        wrote.transitions.append(move)
        wrote.notices.append(notices.build(move, OCCASION, (), 1))
        wrote.notices.append(notices.build_held(move, OCCASION, held, 1, is_placed=True))
    await apply(store, wrote)
    for key in keys:
        found = await store.finder.notices(notices.begin(key), key)
        assert [one.notice.payment for one in found] == [key, key]
        assert [notices.is_of_hold(one.notice) for one in found] == [False, True]
        assert [one.is_delivered for one in found] == [False, False]
        assert [one.notice for one in found] == [one for one in wrote.notices if one.payment == key]


async def test_what_another_wrote_while_we_waited_counts(store: Store) -> None:
    """Two members have the payment in hand: the second counts what the first has just written."""
    await live(store, PAYMENT, (_S.PENDING, _S.CONFIRMED))

    async def read() -> Payment:
        async with store.transaction() as tx:
            return (await tx.payments([PAYMENT]))[PAYMENT]

    async with store.transaction() as tx:
        held = (await tx.payments([PAYMENT]))[PAYMENT]
        waiting = asyncio.create_task(read())
        # Long enough to reach the lock on any machine; if it is not, the test shows less.
        await asyncio.sleep(LOCKED_S)
        assert not waiting.done()
        row = Saved(held._replace(state=State.REVERSED, version=3), 2)
        moved = transition(row, State.CONFIRMED, "evt-3")
        await tx.save(Changes(payments=[row], transitions=[moved]))
    found = await waiting
    assert (found.version, found.fulfilment) == (3, Fulfilment(2, is_due=False))
