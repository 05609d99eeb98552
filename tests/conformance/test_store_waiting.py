"""One suite for both stores: the payments that wait, and what the timers do about them."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from consumers.facts import OFF, ON, Fact, FactKind, RefundStatus, simple
from consumers.lifecycle import State
from consumers.store.deposits import DepositMove, DepositState, Matching
from consumers.store.kept import Kept
from consumers.store.port import Changes, Payment, PaymentKey, Store
from consumers.store.waiting import BEGINNING, Asked, Page, Place, Waits
from tests.support import timed
from tests.support.store_builders import NOW_MS, PAYMENT, apply, event, event_key, fact, mark, saved
from tests.support.timed import EXPIRE_AFTER_S, GRACE_S, SETTLE_S, Timed

ALL_MS = NOW_MS + 1_000_000
DUE_MS = (EXPIRE_AFTER_S + GRACE_S) * 1000


@pytest.fixture(name="bench")
async def _bench(store: Store, tmp_path: Path) -> AsyncIterator[Timed]:
    bench = await timed.made(store, tmp_path)
    yield bench
    await bench.log.close()


def _key(reference: str) -> PaymentKey:
    return PAYMENT._replace(reference=reference)


async def _walk(store: Store, asked: Asked) -> list[Page]:
    pages = [await Waits.of(store).page(asked)]
    while pages[-1].after is not None:
        pages.append(await Waits.of(store).page(asked, pages[-1].after))
    return pages


def _references(pages: list[Page]) -> list[str]:
    return [one.key.reference for page in pages for one in page.payments]


@pytest.mark.parametrize("limit", [1, 2, 3, 7, 100])
async def test_every_payment_of_a_state_is_met_once_the_longest_waiting_first(
    store: Store, limit: int
) -> None:
    """Many enter a state in one millisecond: none may fall between two pages, or come twice."""
    at_ms = {"b": 5, "Z": 5, "a": 5, "é": 5, "new": 9, "old": 1, "/": 5}
    rows = [saved(_key(name), at_ms=NOW_MS + since) for name, since in at_ms.items()]
    other = saved(_key("late"), State.LATE)
    facts = [(one.payment.key, fact(), event_key()) for one in [*rows, other]]
    await apply(store, Changes(payments=[*rows, other], facts=facts))
    pages = await _walk(store, Asked(State.PAID, ALL_MS, 0, limit))
    assert _references(pages) == ["old", "/", "Z", "a", "b", "é", "new"]
    early = await _walk(store, Asked(State.PAID, NOW_MS + 5, 0, limit))
    assert _references(early) == ["old"]


async def test_only_what_has_money_or_a_window_that_ended_comes_and_all_are_passed(
    store: Store,
) -> None:
    """A million abandoned carts are stepped over, and the page behind them is reached."""
    names = ["cart 1", "cart 2", "open", "over", "paid"]
    rows = [saved(_key(name), State.PENDING, at_ms=NOW_MS + n) for n, name in enumerate(names)]
    asked = simple(FactKind.EXPECTED, 0, asset="USDT", amount=1)
    stated = {
        "cart 1": asked,
        "open": asked._replace(expires_ms=NOW_MS + 1),
        "over": asked._replace(expires_ms=NOW_MS),
        "paid": fact(),
    }
    facts = [(_key(name), told, event_key()) for name, told in stated.items()]
    await apply(store, Changes(payments=rows, facts=facts))
    pages = await _walk(store, Asked(State.PENDING, ALL_MS, NOW_MS + 1, 2))
    assert [_references([page]) for page in pages] == [[], ["over"], ["paid"]]
    assert pages[1].payments[0].facts == {stated["over"]}


async def test_amounts_and_restatements_come_as_everywhere_and_void_facts_do_not(
    store: Store,
) -> None:
    """A timer must weigh the same facts as a worker, or the two would undo each other's work."""
    large = fact(10**30, key="kept")
    changes = Changes(
        payments=[saved()],
        facts=[
            (PAYMENT, fact(key="forged"), event_key("forged")),
            (PAYMENT, fact(key="twice"), event_key("forged")),
            (PAYMENT, large, event_key("true")),
        ],
        restated=[(PAYMENT, fact(key="twice", at_ms=NOW_MS + 1), event_key("true"))],
        marks=[mark("forged")],
    )
    await apply(store, changes, [event("forged"), event("true")])
    [page] = await _walk(store, Asked(State.PAID, ALL_MS, 0, 10))
    assert list(page.payments) == [await store.payment(PAYMENT)]
    assert page.payments[0].facts == {large, fact(key="twice", at_ms=NOW_MS + 1)}


async def test_an_empty_store_has_one_empty_page(store: Store) -> None:
    """The end must be told where there is no beginning."""
    found = await Waits.of(store).page(Asked(State.PAID, ALL_MS, 0, 10), BEGINNING)
    assert found == Page([], None)


async def test_a_window_expires_once_whoever_looks_and_is_undone_by_money(bench: Timed) -> None:
    """The whole story on each database: two processes, one transition, and the money wins."""
    ends_ms = await bench.expect()
    other = bench.made(CollectorRegistry())
    bench.now_ms = ends_ms + DUE_MS
    await asyncio.gather(bench.timers.sweep(), other.sweep())
    assert await bench.state() is State.PENDING
    bench.now_ms += SETTLE_S * 1000
    await asyncio.gather(bench.timers.sweep(), other.sweep())
    assert await bench.state() is State.EXPIRED
    assert len(await bench.store.pending(10)) == 2
    bench.now_ms = ends_ms - 1000
    await bench.tell("paid", amount="10", currency="USDT", amount_received="10")
    assert await bench.state() is State.PAID


async def test_a_stuck_payment_is_raised_made_worse_and_healed(bench: Timed) -> None:
    """On each database one open item, whatever its age, and none once the payment has moved."""
    await bench.tell("paid", amount="10", currency="USDT", amount_received="10")
    seen = []
    for hours in (3, 22, 24):
        bench.now_ms += hours * 3_600_000
        await bench.settle()
        seen.append(await bench.codes())
    assert seen == [[("STUCK_PAID", 3)], [("STUCK_PAID", 2)], [("STUCK_PAID", 1)]]
    [item] = await bench.open()
    assert (item.times, item.anomaly.at_risk) == (3, ("USDT", 10_000_000))
    await bench.tell("confirmed", amount="10", currency="USDT", amount_received="10")
    await bench.settle()
    assert await bench.codes() == []


DEPOSIT = PaymentKey("alchemy", "main", "deposit:tx:1")


def _linked(version: int, state: DepositState, payment: PaymentKey = PAYMENT) -> Changes:
    """Say what became of the deposit: it is matched with a payment, or no more."""
    to = payment if state is DepositState.MATCHED else None
    move = DepositMove(DEPOSIT, version, state, to, "{}", event_key(), NOW_MS)
    return Changes(matching=Matching(moves=[move]))


def _deposited(*facts: Fact, name: str = "evt_1") -> Changes:
    """State facts of the deposit, which names no payment."""
    row = saved(DEPOSIT)
    kept = row.payment._replace(version=0, kept=Kept.DEPOSIT)
    told = [(DEPOSIT, one, event_key(name)) for one in facts]
    return Changes(payments=[row._replace(payment=kept)], facts=told)


@pytest.mark.parametrize("state", [State.PENDING, State.PAID])
async def test_money_of_a_matched_deposit_is_waited_for_like_any(
    store: Store, state: State
) -> None:
    """Else a payment that was paid on chain, and matched, could stay Paid for ever unseen."""
    await apply(store, Changes(payments=[saved(state=state)]))
    await apply(store, _deposited(fact(key="transfer")), [event()])
    asked = Asked(state, ALL_MS, 0, 10)
    await apply(store, _linked(1, DepositState.MATCHED))
    [page] = await _walk(store, asked)
    assert [one.facts for one in page.payments] == [{fact(key="transfer")}]
    assert list(page.payments) == [await store.payment(PAYMENT)]
    await apply(store, _linked(2, DepositState.UNMATCHED))
    assert _references(await _walk(store, asked)) == []


async def test_what_a_matched_deposit_tells_again_comes_where_its_first_word_is_void(
    store: Store,
) -> None:
    """A forged word about a transfer must not take the true one along."""
    await apply(store, Changes(payments=[saved()]))
    await apply(store, _deposited(fact(key="transfer"), name="forged"), [event("forged")])
    again = Changes(restated=[(DEPOSIT, fact(key="transfer", at_ms=NOW_MS + 1), event_key("true"))])
    await apply(store, again, [event("true")])
    await apply(store, _linked(1, DepositState.MATCHED))
    await apply(store, Changes(marks=[mark("forged")]))
    [page] = await _walk(store, Asked(State.PAID, ALL_MS, 0, 10))
    assert [one.facts for one in page.payments] == [{fact(key="transfer", at_ms=NOW_MS + 1)}]


async def test_what_is_owed_of_a_matched_deposit_comes_with_its_money(store: Store) -> None:
    """The books owe what is final, and a refund is of what came, whichever way it came."""
    pending = _word(FactKind.REFUND, "re", RefundStatus.PENDING)
    changes = Changes(
        payments=[saved(state=State.CONFIRMED)], facts=[(PAYMENT, pending, event_key("own"))]
    )
    await apply(store, changes, [event("own")])
    await apply(store, _deposited(fact(key="transfer")), [event()])
    await apply(store, _linked(1, DepositState.MATCHED))
    for ask in (Waits.of(store).unposted, Waits.of(store).refunding):
        assert [one.facts for one in await _all(ask, 10)] == [{pending, fact(key="transfer")}]


def _word(kind: FactKind, key: str, detail: str = "") -> Fact:
    return simple(kind, NOW_MS, key=key, asset="USDT", amount=1, detail=detail)


async def _all(ask: Callable[[int, Place], Awaitable[Page]], limit: int) -> list[Payment]:
    """Read all pages; each but the last is full, whatever comes with facts."""
    found: list[Payment] = []
    after: Place | None = BEGINNING
    while after is not None:
        page = await ask(limit, after)
        found += page.payments
        after = page.after
    return found


@pytest.mark.parametrize("limit", [1, 2, 100])
async def test_what_is_confirmed_and_in_no_book_comes_with_its_facts(
    store: Store, limit: int
) -> None:
    """A million booked payments are stepped over; an entry taken back, or doubted, is looked at."""
    stated = {
        "booked": [_word(FactKind.POSTED, "je", ON)],
        "back": [_word(FactKind.POSTED, "je", ON), _word(FactKind.POSTED, "je", OFF)],
        "new": [],
    }
    rows = [saved(_key(name), State.CONFIRMED) for name in stated]
    facts = [
        (_key(name), one, event_key()) for name, told in stated.items() for one in [fact(), *told]
    ]
    doubted, late = saved(_key("doubted"), State.CONFIRMED), saved(_key("late"), State.LATE)
    facts.append((_key("doubted"), fact(), event_key()))
    facts.append((_key("doubted"), _word(FactKind.POSTED, "je", ON), event_key("wrong")))
    facts.append((_key("late"), fact(), event_key()))
    changes = Changes(payments=[*rows, doubted, late], facts=facts, marks=[mark("wrong")])
    await apply(store, changes, [event(), event("wrong")])
    found = await _all(Waits.of(store).unposted, limit)
    assert [one.key.reference for one in found] == ["back", "doubted", "new"]
    assert found[1].facts == {fact()}, "what only a void event states is no entry"


@pytest.mark.parametrize("limit", [1, 2, 100])
async def test_what_is_on_its_way_back_comes_whatever_state_it_is_in(
    store: Store, limit: int
) -> None:
    """A refund is told of in any state; one whose end was told is stepped over."""
    pending = _word(FactKind.REFUND, "re", RefundStatus.PENDING)
    ended = _word(FactKind.REFUND, "re", RefundStatus.SUCCEEDED)
    failed = _word(FactKind.REFUND, "other", RefundStatus.FAILED)
    stated = {
        "a": (State.CONFIRMED, [pending]),
        "b": (State.CONFIRMED, [pending, ended]),
        "c": (State.LATE, [pending, failed]),
        "d": (State.PAID, [ended]),
        "e": (State.PENDING, [pending]),
    }
    rows = [saved(_key(name), state) for name, (state, _) in stated.items()]
    facts = [(_key(name), one, event_key()) for name, (_, told) in stated.items() for one in told]
    doubted = saved(_key("f"), State.CONFIRMED)
    facts.append((_key("f"), pending, event_key()))
    facts.append((_key("f"), ended, event_key("wrong")))
    changes = Changes(payments=[*rows, doubted], facts=facts, marks=[mark("wrong")])
    await apply(store, changes, [event(), event("wrong")])
    found = await _all(Waits.of(store).refunding, limit)
    assert [one.key.reference for one in found] == ["a", "c", "e", "f"]
    assert found[1].facts == {pending, failed}
