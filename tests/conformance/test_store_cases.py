"""One suite for both stores: exceptions as people work them, and the lists they work from.

What was told first stays as it was, what comes later is kept beside it; nobody overwrites what
another did; and a list is read to its end without telling anything twice.
"""

from dataclasses import replace

import pytest

from consumers.lifecycle import State
from consumers.store.cases import (
    AtRisk,
    Closing,
    Evidence,
    Item,
    ItemFilter,
    Line,
    PaymentFilter,
    Status,
    Work,
    place_of,
)
from consumers.store.port import (
    Changes,
    EventKey,
    Fenced,
    PaymentKey,
    Resolution,
    Store,
    Unstorable,
)
from consumers.store.rows import AMOUNT_END, EVIDENCE_MAX
from tests.support.store_builders import NOW_MS, PAYMENT, action, apply, event_key, raised, saved

SUBJECT = "stripe/main/pay-1"
# 12 units of 18 decimals are more than 64 bits hold.
ETHER_12 = 12 * 10**18


async def the_item(store: Store) -> Item:
    """Read the one open item."""
    [item] = await store.cases.items(ItemFilter(), None, 9)
    return item


async def numbers(store: Store, wanted: ItemFilter) -> list[str]:
    """Name the subjects of the items that are wanted, in their order."""
    return [one.anomaly.subject for one in await store.cases.items(wanted, None, 99)]


async def test_an_item_is_read_as_it_was_raised(store: Store) -> None:
    """Everything an operator decides upon is there, to the last digit of the money."""
    told = raised(at_risk=AtRisk("ETH", ETHER_12))
    await apply(store, Changes(anomalies=[told]))
    item = await the_item(store)
    assert item == Item(item.id, told, 1, NOW_MS, Status.OPEN, "", None, 0, 0, None)
    assert await store.cases.item(item.id) == item
    assert await store.cases.item(item.id + 1) is None


async def test_later_evidence_is_kept_beside_the_first(store: Store) -> None:
    """Evidence is frozen when the exception is raised; what comes later must not replace it."""
    first = raised("first")
    again = [raised("second", key="evt-2", at_ms=NOW_MS + 1), raised("first", at_ms=NOW_MS + 2)]
    await apply(store, Changes(anomalies=[first, *again]))
    third = replace(raised("third", at_ms=NOW_MS + 3), event=None)
    await apply(store, Changes(anomalies=[third, raised("second", at_ms=NOW_MS + 4)]))
    item = await the_item(store)
    assert (item.anomaly, item.times, item.last_ms) == (first, 5, NOW_MS + 4)
    assert await store.cases.evidence(item.id) == [
        Evidence("second", event_key("evt-2"), NOW_MS + 1),
        Evidence("third", None, NOW_MS + 3),
    ]


async def test_evidence_of_one_item_has_an_end(store: Store) -> None:
    """A provider that says something else every second must not fill the disk."""
    for batch in range(3):
        told = [raised(f"{batch}-{number}") for number in range(EVIDENCE_MAX)]
        await apply(store, Changes(anomalies=told))
    kept = await store.cases.evidence((await the_item(store)).id)
    assert EVIDENCE_MAX <= len(kept) < 2 * EVIDENCE_MAX
    assert (await the_item(store)).times == 3 * EVIDENCE_MAX


async def test_the_money_at_risk_and_the_severity_follow_what_is_known(store: Store) -> None:
    """The queue is sorted by them: a payment that grew, or grew old, moves up."""
    await apply(store, Changes(anomalies=[raised(severity=3, at_risk=AtRisk("USDT", 5))]))
    await apply(store, Changes(anomalies=[raised(severity=2, at_risk=AtRisk("USDT", 7))]))
    await apply(store, Changes(anomalies=[raised(severity=4)]))
    found = (await the_item(store)).anomaly
    assert (found.severity, found.at_risk) == (2, AtRisk("USDT", 7))


async def test_money_that_no_column_holds_is_refused(store: Store) -> None:
    """An amount is kept whole or not at all."""
    huge = raised(at_risk=AtRisk("X", AMOUNT_END))
    with pytest.raises(Unstorable):
        await apply(store, Changes(anomalies=[huge]))


async def test_what_facts_end_is_told_apart_from_what_people_end(store: Store) -> None:
    """Finance asks how much closes by itself, and who closed the rest."""
    await apply(store, Changes(anomalies=[raised(), raised(subject="b")]))
    healed = Resolution("AMOUNT_UNDER", SUBJECT, "topped up", NOW_MS + 1)
    signed = Resolution("AMOUNT_UNDER", "b", "accepted", NOW_MS + 2, "goodwill", "kim", "alice")
    await apply(store, Changes(resolved=[healed, signed]))
    by_hand, by_facts = await store.cases.items(ItemFilter(is_open=False), None, 9)
    assert by_facts.status is Status.AUTO_RESOLVED
    assert by_facts.closing == Closing(NOW_MS + 1, "topped up")
    assert by_hand.status is Status.RESOLVED
    assert by_hand.closing == Closing(NOW_MS + 2, "accepted", "goodwill", "kim", "alice")


async def test_what_comes_back_counts_how_often_it_was_there(store: Store) -> None:
    """An exception that returns every week has another cause than the one that was mended."""
    for times in range(3):
        await apply(store, Changes(anomalies=[raised(at_ms=NOW_MS + times)]))
        assert (await the_item(store)).reopened == times
        await apply(store, Changes(resolved=[Resolution("AMOUNT_UNDER", SUBJECT, "", NOW_MS)]))


async def test_work_on_an_item_is_written_with_who_did_it(store: Store) -> None:
    """Whose it is, for whom it waits and when to look again outlive the shift."""
    await apply(store, Changes(anomalies=[raised()]))
    item = await the_item(store)
    work = Work(item.id, 0, Status.WAITING_PROVIDER, "kim", NOW_MS + 9, None)
    done = [action("t-1", item=item.id), action("t-2", item=item.id, at_ms=NOW_MS + 1)]
    await apply(store, Changes(works=[work], actions=done))
    found = await the_item(store)
    assert (found.status, found.assignee, found.next_check_ms, found.version) == (
        Status.WAITING_PROVIDER,
        "kim",
        NOW_MS + 9,
        1,
    )
    assert await store.cases.actions(item.id) == done
    assert await store.cases.actions(PAYMENT) == []


async def test_of_two_who_work_on_one_item_the_second_is_refused(store: Store) -> None:
    """No blind overwrite: the second has decided upon what is not so any more."""
    await apply(store, Changes(anomalies=[raised()]))
    item = await the_item(store)
    work = Work(item.id, 0, Status.OPEN, "kim", None, None)
    await apply(store, Changes(works=[work]))
    with pytest.raises(Fenced):
        await apply(store, Changes(works=[work._replace(assignee="lee")]))
    assert (await the_item(store)).assignee == "kim"


async def test_an_item_that_facts_ended_is_not_worked_on(store: Store) -> None:
    """A worker may have healed it between the look and the decision."""
    await apply(store, Changes(anomalies=[raised()]))
    item = await the_item(store)
    await apply(store, Changes(resolved=[Resolution("AMOUNT_UNDER", SUBJECT, "paid", NOW_MS)]))
    end = Closing(NOW_MS, "written off", "immaterial", "kim", "alice")
    with pytest.raises(Fenced):
        await apply(store, Changes(works=[Work(item.id, 0, Status.RESOLVED, "", None, end)]))
    found = await store.cases.item(item.id)
    assert found is not None
    assert found.closing == Closing(NOW_MS, "paid")


async def test_a_closed_item_is_raised_as_a_new_one(store: Store) -> None:
    """What people closed stays closed, with what they said."""
    await apply(store, Changes(anomalies=[raised()]))
    item = await the_item(store)
    end = Closing(NOW_MS, "spread over the year", "immaterial", "kim", "alice")
    await apply(store, Changes(works=[Work(item.id, 0, Status.RESOLVED, "kim", None, end)]))
    await apply(store, Changes(anomalies=[raised("again")]))
    fresh = await the_item(store)
    assert (fresh.reopened, fresh.version, fresh.assignee) == (1, 0, "")
    closed = await store.cases.item(item.id)
    assert closed is not None
    assert (closed.status, closed.closing) == (Status.RESOLVED, end)


async def test_actions_on_a_payment_are_kept_in_order(store: Store) -> None:
    """Who accepted what, and who agreed, is asked years later."""
    done = [action(f"t-{n}", payment=PAYMENT, at_ms=NOW_MS + n) for n in range(3)]
    other = action("t-9", payment=PaymentKey("stripe", "main", "pay-2"))
    await apply(store, Changes(actions=[*done, other]))
    assert await store.cases.actions(PAYMENT) == done


async def _fill(store: Store) -> None:
    """Raise items that differ in one thing each."""
    told = [
        raised(subject="stripe/main/a", severity=3, at_ms=NOW_MS),
        raised(subject="stripe/main/b", severity=1, at_ms=NOW_MS + 5),
        raised(subject="stripe/main/c", severity=3, at_ms=NOW_MS - 5),
        raised(subject="btcpay/shop/d", code="LATE_FUNDS", severity=3, at_ms=NOW_MS + 1),
    ]
    told[3] = replace(told[3], event=EventKey("sealgate", "timer", "x"))
    await apply(store, Changes(anomalies=told))


async def test_the_queue_is_told_by_severity_and_then_by_age(store: Store) -> None:
    """What must be looked at first stands first."""
    await _fill(store)
    expected = ["stripe/main/b", "stripe/main/c", "stripe/main/a", "btcpay/shop/d"]
    assert await numbers(store, ItemFilter()) == expected


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        (ItemFilter(codes=frozenset({"LATE_FUNDS"})), "d"),
        (ItemFilter(codes=frozenset({"LATE_FUNDS", "AMOUNT_UNDER"})), "bcad"),
        (ItemFilter(severity=1), "b"),
        (ItemFilter(status=Status.WAITING_FINANCE), ""),
        (ItemFilter(assignee="kim"), ""),
        (ItemFilter(provider="btcpay"), "d"),
        (ItemFilter(provider="stripe"), "bca"),
        (ItemFilter(provider="strip"), ""),
        (ItemFilter(subject="stripe/main/c"), "c"),
        (ItemFilter(from_ms=NOW_MS), "bad"),
        (ItemFilter(before_ms=NOW_MS), "c"),
        (ItemFilter(from_ms=NOW_MS, before_ms=NOW_MS + 1), "a"),
        (ItemFilter(severity=3, provider="stripe", from_ms=NOW_MS), "a"),
        (ItemFilter(is_open=False), ""),
    ],
)
async def test_the_queue_is_narrowed_by_each_word_of_the_question(
    store: Store, wanted: ItemFilter, expected: str
) -> None:
    """An operator works their own part of it, and a word that is ignored would hide that."""
    await _fill(store)
    assert "".join(name[-1] for name in await numbers(store, wanted)) == expected


@pytest.mark.parametrize("is_open", [True, False])
@pytest.mark.parametrize("limit", [1, 2, 3])
async def test_the_queue_is_read_page_by_page_to_its_end(
    store: Store, limit: int, is_open: bool
) -> None:
    """Nothing is told twice and nothing is left out, where several were raised at once too."""
    told = [raised(subject=f"s{n}", severity=1 + n % 2, at_ms=NOW_MS + n // 4) for n in range(8)]
    await apply(store, Changes(anomalies=told))
    if not is_open:
        ends = [Resolution("AMOUNT_UNDER", f"s{n}", "", NOW_MS + n // 3) for n in range(8)]
        await apply(store, Changes(resolved=ends))
    whole = await store.cases.items(ItemFilter(is_open=is_open), None, 99)
    assert len(whole) == 8
    found: list[Item] = []
    after = None
    while page := await store.cases.items(ItemFilter(is_open=is_open), after, limit):
        assert len(page) <= limit
        found += page
        after = place_of(page[-1])
    assert found == list(whole)


async def _pay(store: Store) -> list[PaymentKey]:
    """Write payments that differ in one thing each, the latest last."""
    keys = [PaymentKey("stripe", "main", name) for name in "abc"]
    keys.append(PaymentKey("btcpay", "shop", "d"))
    states = [State.PAID, State.UNDERPAID, State.PAID, State.UNDERPAID]
    rows = [
        saved(key, state, at_ms=NOW_MS + number // 2)
        for number, (key, state) in enumerate(zip(keys, states, strict=True))
    ]
    await apply(store, Changes(payments=rows))
    return keys


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        (PaymentFilter(), "cdba"),
        (PaymentFilter(state="Paid"), "ca"),
        (PaymentFilter(provider="stripe"), "cba"),
        (PaymentFilter(account="shop"), "d"),
        (PaymentFilter(before_ms=NOW_MS + 1), "ba"),
        (PaymentFilter(state="Underpaid", provider="stripe"), "b"),
    ],
)
async def test_payments_are_listed_by_each_word_of_the_question(
    store: Store, wanted: PaymentFilter, expected: str
) -> None:
    """The latest changed first, and only those that were asked for."""
    await _pay(store)
    found = await store.cases.lines(wanted, None, 99)
    assert "".join(one.key.reference for one in found) == expected


@pytest.mark.parametrize("limit", [1, 2, 3, 4])
async def test_payments_are_read_page_by_page_to_their_end(store: Store, limit: int) -> None:
    """Payments of one instant are told once each, on whichever page."""
    keys = await _pay(store)
    found: list[Line] = []
    after = None
    while page := await store.cases.lines(PaymentFilter(), after, limit):
        found += page
        after = page[-1]
    assert sorted(one.key for one in found) == sorted(keys)
    assert [one.version for one in found] == [1] * 4
