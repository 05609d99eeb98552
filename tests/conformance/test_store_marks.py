"""One suite for both stores: what keys have proven, who states what, and operators' marks.

When a key leaks these are the questions asked, and the answers decide about money: which events it
proved, what else states the same, and which facts count when some of those events are void.
"""

import asyncio
from dataclasses import replace

import pytest

from consumers.facts import Fact
from consumers.store.connect import connect
from consumers.store.port import (
    Anomaly,
    Cause,
    Changes,
    EventKey,
    Judgement,
    KeyUse,
    Marked,
    Payment,
    Recorded,
    Resolution,
    Store,
    Transaction,
)
from tests.support.store_builders import (
    NOW_MS,
    PAYMENT,
    apply,
    event,
    event_key,
    fact,
    mark,
    saved,
    transition,
)

LATER = fact(at_ms=NOW_MS + 9)
OTHER = fact(500, key="tx-2")


async def test_how_an_event_was_proven_comes_back(store: Store) -> None:
    """The scheme, what the delivery said of itself, when it was signed, when it was verified."""
    told = event("a")
    silent = event("b")._replace(mode="unknown", signed_ms=None, late_ms=None)
    await apply(store, Changes(), [told, silent])
    assert await store.event(told.key) == Recorded(told, None)
    assert await store.event(silent.key) == Recorded(silent, None)
    assert (told.signed_ms, told.late_ms) == (NOW_MS - 5, NOW_MS + 7)


async def test_each_key_of_each_source_is_told_with_what_it_proved(store: Store) -> None:
    """One key id may be used at two sources: they are two keys."""
    elsewhere = event("d", offset=9)._replace(source="another")
    events = [event("a", offset=3), event("b", offset=1), event("c", offset=2, key_id="k2")]
    await apply(store, Changes(), [*events, elsewhere])
    assert await store.key_uses() == [
        KeyUse("another", "k1", NOW_MS + 9, NOW_MS + 9),
        KeyUse("stripe-main", "k1", NOW_MS + 1, NOW_MS + 3),
        KeyUse("stripe-main", "k2", NOW_MS + 2, NOW_MS + 2),
    ]


async def test_what_an_operator_states_is_no_use_of_a_key(store: Store) -> None:
    """It says nothing about how far the news of edges have come, and an old key waits for those."""
    own = event("o", offset=99, key_id="")._replace(source="sealgate")
    await apply(store, Changes(), [event("a", offset=3), own])
    assert [use.source for use in await store.key_uses()] == ["stripe-main"]


async def test_no_event_no_use(store: Store) -> None:
    """A new installation has keys and no uses of them."""
    assert await store.key_uses() == []


async def test_what_a_key_proved_in_a_window_is_told_by_receipt(store: Store) -> None:
    """From the first instant on, and not at the last: two windows side by side share no event."""
    events = [event(f"e{n}", offset=n) for n in (3, 1, 2, 0)]
    foreign = [event("k2", offset=1, key_id="k2"), event("s", offset=1)._replace(source="another")]
    await apply(store, Changes(), [*events, *foreign])
    found = await store.proven_with("stripe-main", "k1", NOW_MS + 1, NOW_MS + 3)
    assert [one.event.key.key for one in found] == ["e1", "e2"]
    assert await store.proven_with("stripe-main", "k9", 0, 2**62) == []


async def test_marks_are_kept_in_their_order(store: Store) -> None:
    """An operator may change his mind; both words stay, with who said them and why."""
    words = [mark("a", Judgement.CONTRADICTED), mark("a", reason="r'é\n"), mark("b")]
    await apply(store, Changes(marks=words[:1]))
    await apply(store, Changes(marks=words[1:]))
    keys = [event_key(name) for name in "abc"]
    assert await store.marks(keys) == {keys[0]: words[:2], keys[1]: words[2:]}
    assert await store.marks([]) == {}


async def test_events_are_read_with_their_marks_inside_a_batch(store: Store) -> None:
    """What is decided on a mark is decided on the last word, under a lock."""
    said = [mark("a", Judgement.CORROBORATED), mark("a")]
    await apply(store, Changes(marks=said), [event("a"), event("b")])
    async with store.transaction() as tx:
        found = await tx.marked([event_key("b"), event_key("a"), event_key("never")])
        assert await tx.marked([]) == {}
    assert found == {
        event_key("a"): Marked(Recorded(event("a"), None), tuple(said)),
        event_key("b"): Marked(Recorded(event("b"), None), ()),
    }
    assert found[event_key("a")].judgement is Judgement.VOID
    assert found[event_key("b")].judgement is None


async def _payment(store: Store) -> Payment:
    """Read the payment in both ways, which must agree."""
    async with store.transaction() as tx:
        locked = (await tx.payments([PAYMENT]))[PAYMENT]
    assert await store.payment(PAYMENT) == locked
    assert await store.list_payments(9) == [locked]
    return locked


async def _state(store: Store, **stated: list[tuple[Fact, str]]) -> None:
    """Write a payment's facts and restatements, each with the name of its event."""
    changes = Changes(payments=[saved()])
    for name, pairs in stated.items():
        told = [(PAYMENT, one, event_key(by)) for one, by in pairs]
        (changes.facts if name == "facts" else changes.restated).extend(told)
    await apply(store, changes)


async def test_a_fact_that_only_a_void_event_states_does_not_count(store: Store) -> None:
    """The forged amount is gone from the payment, and stays in the record."""
    await _state(store, facts=[(fact(), "forged"), (OTHER, "real")])
    await apply(store, Changes(marks=[mark("forged")]))
    assert (await _payment(store)).facts == {OTHER}
    assert len(await store.statements(PAYMENT)) == 2


async def test_the_marks_of_a_batch_count_within_it(store: Store) -> None:
    """What is written for a payment follows from the marks written with it."""
    await _state(store, facts=[(fact(), "forged")])
    async with store.transaction() as tx:
        await tx.save(Changes(marks=[mark("forged")]))
        assert (await tx.payments([PAYMENT]))[PAYMENT].facts == frozenset()


@pytest.mark.parametrize("again", [fact(), LATER])
async def test_a_fact_that_another_event_states_too_still_counts(store: Store, again: Fact) -> None:
    """The forger was first with the truth: the real event's own words stand, at its own time."""
    await _state(store, facts=[(fact(), "forged")], restated=[(again, "real")])
    assert (await _payment(store)).facts == {fact()}
    await apply(store, Changes(marks=[mark("forged")]))
    assert (await _payment(store)).facts == {again}
    await apply(store, Changes(marks=[mark("real")]))
    assert (await _payment(store)).facts == frozenset()


async def test_of_several_marks_the_last_counts(store: Store) -> None:
    """A void by mistake is taken back by another mark, not by removing the first."""
    await _state(store, facts=[(fact(), "e")])
    for judgement, counts in [
        (Judgement.CONTRADICTED, True),
        (Judgement.VOID, False),
        (Judgement.CORROBORATED, True),
        (Judgement.VOID, False),
    ]:
        await apply(store, Changes(marks=[mark("e", judgement)]))
        assert bool((await _payment(store)).facts) is counts


async def test_a_fact_known_from_a_void_event_is_kept_of_the_event_that_states_it(
    store: Store,
) -> None:
    """The void row is in the place of the new one; the statement must not be lost for that."""
    await _state(store, facts=[(fact(), "forged")])
    await apply(store, Changes(marks=[mark("forged")]))
    await apply(store, Changes(facts=[(PAYMENT, fact(), event_key("real"))]))
    assert (await _payment(store)).facts == {fact()}
    assert [(one.event.key, one.is_first) for one in await store.statements(PAYMENT)] == [
        ("forged", True),
        ("real", False),
    ]


async def test_a_restatement_is_kept_once_for_each_event(store: Store) -> None:
    """Who asks what corroborates a fact counts events, not deliveries."""
    said = [(PAYMENT, fact(), event_key(by)) for by in ("b", "c", "b")]
    await apply(store, Changes(payments=[saved()], facts=[(PAYMENT, fact(), event_key("a"))]))
    await apply(store, Changes(restated=said))
    await apply(store, Changes(restated=said))
    assert sorted(one.event.key for one in await store.statements(PAYMENT)) == ["a", "b", "c"]


async def test_a_mark_touches_its_own_event_alone(store: Store) -> None:
    """Another account's event of the same id is another event."""
    await _state(store, facts=[(fact(), "e")])
    other = replace(mark("e"), event=EventKey("stripe", "other", "e"))
    await apply(store, Changes(marks=[other, replace(mark("e"), event=event_key("f"))]))
    assert (await _payment(store)).facts == {fact()}


async def test_why_a_payment_moved_comes_back(store: Store) -> None:
    """History tells a correction from an event."""
    row = saved()
    lines = [transition(row, None, "a")]
    for version, cause in ((2, Cause.VOID), (3, Cause.RESTORE)):
        lines.append(lines[0]._replace(version=version, cause=cause))
    await apply(store, Changes(transitions=lines))
    assert await store.transitions(PAYMENT) == lines


async def test_exceptions_are_closed_with_the_batch_that_ends_them(store: Store) -> None:
    """And only the open ones of that subject; raised in the same batch, it opens anew."""
    item = Anomaly("E_LATE", "pay-1", 3, "x", None, NOW_MS)
    await apply(store, Changes(anomalies=[item, replace(item, subject="pay-2")]))
    ends = [Resolution("E_LATE", "pay-1", "no longer", NOW_MS + 1)]
    ends.append(Resolution("E_NEVER", "pay-1", "no longer", NOW_MS + 1))
    await apply(store, Changes(resolved=ends))
    assert [one.anomaly.subject for one in await store.list_anomalies(9)] == ["pay-2"]
    again = replace(item, subject="pay-2", at_ms=NOW_MS + 5)
    closing = Resolution("E_LATE", "pay-2", "no longer", NOW_MS + 5)
    await apply(store, Changes(resolved=[closing], anomalies=[again]))
    [reopened] = await store.list_anomalies(9)
    assert (reopened.times, reopened.anomaly.at_ms) == (1, NOW_MS + 5)


async def test_of_two_operators_marking_one_event_the_second_sees_the_first(
    store: Store, store_url: str
) -> None:
    """Also where no payment is there to lock: or one void would be written twice."""
    other = connect(store_url)
    await other.open("sandbox")
    await apply(store, Changes(), [event("a")])

    async def mark_once(by: Store) -> None:
        async with by.transaction() as tx:
            await _mark_unless_void(tx)

    await asyncio.gather(mark_once(store), mark_once(other), mark_once(store))
    await other.close()
    assert len((await store.marks([event_key("a")]))[event_key("a")]) == 1


async def _mark_unless_void(tx: Transaction) -> None:
    found = await tx.marked([event_key("a")])
    await asyncio.sleep(0.02)
    if found[event_key("a")].judgement is not Judgement.VOID:
        await tx.save(Changes(marks=[mark("a")]))
