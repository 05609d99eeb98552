"""One suite for both stores: what is written comes back as it was, and is found again.

Amounts of any size, texts of every script, dead letters byte for byte, the outbox in order, the
exception queue, and the counts that dashboards show.
"""

import asyncio
from dataclasses import replace

import pytest

from consumers.facts import Fact, FactKind
from consumers.lifecycle import State
from consumers.store.connect import connect
from consumers.store.port import (
    Anomaly,
    Changes,
    DeadLetter,
    EventKey,
    OpenItem,
    PaymentCount,
    PaymentKey,
    Recorded,
    Resolution,
    Saved,
    Store,
    Unstorable,
)
from ingress.eventlog.port import Position
from tests.support.store_builders import (
    GROUP,
    NOW_MS,
    PARTITION,
    PAYMENT,
    advance,
    apply,
    claimed,
    event,
    event_key,
    fact,
    notice,
    saved,
    tables,
    whole_batch,
)

# 512 characters is what an envelope's attribute may have; four bytes each is the worst of UTF-8,
# and these do not compress. PostgreSQL's index rows end at 2,704 bytes.
LONG = "".join(chr(0x20000 + number * 83 % 40_000) for number in range(512))
TEXTS = ["zażółć gęślą jaźń", "支払い №1", "🧾💸", "a'b\"c\\d%e_f;--", "\u202eabc", LONG]


@pytest.mark.parametrize(
    "amount", [2**63 - 1, 2**63, 10**30, 10**30 + 1, 2**256 - 1, 10**78 - 1, -(10**30), 1]
)
async def test_an_amount_of_any_size_is_exact(store: Store, amount: int) -> None:
    """Ten coins of an 18-decimal token pass 64 bits, and one unit lost is a mismatch."""
    await apply(store, Changes(payments=[saved()], facts=[(PAYMENT, fact(amount), event_key())]))
    payment = await store.payment(PAYMENT)
    assert payment is not None
    assert [one.amount for one in payment.facts] == [amount]


async def test_an_amount_no_column_holds_is_refused_and_writes_nothing(
    store: Store, store_url: str
) -> None:
    """It will never fit, so it is not the database being away: the event is to be buried."""
    before = await tables(store_url)
    changes = Changes(payments=[saved()], facts=[(PAYMENT, fact(10**78), event_key())])
    with pytest.raises(Unstorable):
        await apply(store, changes)
    assert await tables(store_url) == before


async def test_a_number_no_column_holds_is_refused(store: Store) -> None:
    """A provider's clock may be nonsense; the batch must learn that trying again is no use."""
    far = Changes(payments=[saved()], facts=[(PAYMENT, fact(at_ms=2**63), event_key())])
    with pytest.raises(Unstorable):
        await apply(store, far)
    with pytest.raises(Unstorable):
        await apply(store, Changes(payments=[saved(at_ms=2**63)]))


async def test_every_part_of_a_fact_comes_back(store: Store) -> None:
    """The reducer decides by all of them."""
    facts = {
        Fact(FactKind.EXPECTED, "", "EUR:2", 1000, whole=False, late=False, at_ms=0, expires_ms=9),
        Fact(FactKind.SEEN, "tx", "BTC", None, whole=False, late=True, at_ms=NOW_MS),
        Fact(FactKind.FINAL, "tx", "BTC", 0, whole=True, late=False, at_ms=-1),
        Fact(FactKind.EXPIRED, "", "", None, whole=False, late=False, at_ms=1),
        Fact(FactKind.EXPIRED, "", "", None, whole=False, late=False, at_ms=1, untold=True),
    }
    changes = Changes(payments=[saved()], facts=[(PAYMENT, one, event_key()) for one in facts])
    await apply(store, changes)
    payment = await store.payment(PAYMENT)
    assert payment is not None
    assert payment.facts == facts
    assert [one.fact.at_ms for one in await store.statements(PAYMENT)] == [-1, 0, 1, 1, NOW_MS]


@pytest.mark.parametrize("text", TEXTS)
async def test_texts_of_every_script_and_length_come_back(store: Store, text: str) -> None:
    """References and ids are the provider's words: they are stored and compared as they came."""
    key, payment = EventKey("stripe", "main", text), PaymentKey("stripe", "main", text)
    came = event()._replace(key=key, reference=text, event_type=text, correlation_id=text)
    item = Anomaly("E_TEST", text, 1, text, key, NOW_MS)
    changes = Changes(
        payments=[saved(payment)],
        facts=[(payment, fact(key=text), key)],
        notices=[notice(1, payment)],
        anomalies=[item],
    )
    await apply(store, changes, [came])
    async with store.transaction() as tx:
        assert await tx.claim([came]) == frozenset()
        assert list(await tx.payments([payment])) == [payment]
    assert await store.event(key) == Recorded(came, None)
    assert await store.events(payment) == [Recorded(came, None)]
    assert await store.correlated(text) == [Recorded(came, None)]
    assert await store.list_anomalies(9) == [OpenItem(item, 1, NOW_MS)]
    assert [one.fact.key for one in await store.statements(payment)] == [text]


async def test_an_events_verdict_is_kept_with_it(store: Store) -> None:
    """An operator asks of an event what came of it."""
    came, changes = whole_batch()
    await apply(store, changes, [came])
    assert await store.event(came.key) == Recorded(came, "applied", "shop/1")
    assert await store.event(event_key("never")) is None


async def test_a_payments_events_are_told_by_receipt(store: Store) -> None:
    """The story of a payment is read from its first delivery on."""
    late, early, foreign = event("a", offset=2), event("b", offset=1), event("c", reference="x")
    await apply(store, Changes(), [late, early, foreign])
    assert [one.event for one in await store.events(PAYMENT)] == [early, late]


async def test_notices_are_told_in_the_order_of_writing(store: Store) -> None:
    """Downstream hears Paid before Confirmed."""
    for numbers in ([3, 1], [2], range(10, 40)):
        await apply(store, Changes(notices=[notice(number) for number in numbers]))
    pending = await store.pending(100)
    assert [one.notice for one in pending] == [notice(n) for n in (3, 1, 2, *range(10, 40))]
    assert [one.sequence for one in pending] == sorted(one.sequence for one in pending)
    assert await store.pending(2) == pending[:2]
    assert await store.notices_pending() == len(pending)


async def test_a_delivered_notice_is_not_told_again(store: Store) -> None:
    """Marking is by notice, not by the last one seen: one that failed in between stays."""
    await apply(store, Changes(notices=[notice(number) for number in range(4)]))
    first, second, third, fourth = await store.pending(9)
    await store.delivered([first.sequence, third.sequence])
    await store.delivered([third.sequence])
    await store.delivered([])
    assert await store.pending(9) == [second, fourth]
    assert await store.notices_pending() == 2


async def test_a_notice_that_commits_late_is_not_skipped(store: Store, store_url: str) -> None:
    """Numbers are given before the commit: the relay may see a higher one first."""
    other = connect(store_url)
    await other.open("sandbox")
    slow_wrote = asyncio.Event()
    release = asyncio.Event()

    async def slow() -> None:
        async with store.transaction() as tx:
            await tx.save(Changes(notices=[notice(1)]))
            slow_wrote.set()
            await release.wait()

    async def quick() -> None:
        await slow_wrote.wait()
        asyncio.get_running_loop().call_later(0.1, release.set)
        await apply(other, Changes(notices=[notice(2)]))
        await store.delivered([one.sequence for one in await store.pending(9)])

    await asyncio.gather(slow(), quick())
    await store.delivered([one.sequence for one in await store.pending(9)])
    await other.close()
    assert await store.notices_pending() == 0


async def test_one_exception_is_open_per_code_and_subject(store: Store) -> None:
    """A provider's fault raises the same exception a thousand times; a human wants one item."""
    first = Anomaly("E_CONFLICT", "pay-1", 2, "frozen evidence", event_key(), NOW_MS)
    again = [replace(first, evidence="other", event=None, at_ms=NOW_MS + n) for n in (1, 3, 2)]
    await apply(store, Changes(anomalies=[first, again[0]]))
    await apply(store, Changes(anomalies=again[1:]))
    other = replace(first, subject="pay-2", event=None, at_ms=NOW_MS - 1)
    urgent = replace(first, code="E_URGENT", severity=1)
    await apply(store, Changes(anomalies=[other, urgent]))
    assert await store.list_anomalies(9) == [
        OpenItem(urgent, 1, NOW_MS),
        OpenItem(other, 1, NOW_MS - 1),
        OpenItem(first, 4, NOW_MS + 3),
    ]
    assert await store.list_anomalies(1) == [OpenItem(urgent, 1, NOW_MS)]
    assert await store.anomalies_open() == {("E_CONFLICT", 2): 2, ("E_URGENT", 1): 1}


async def test_a_resolved_exception_opens_anew_when_raised_again(store: Store) -> None:
    """What comes back after it was closed is news, not a repeat."""
    item = Anomaly("E_CONFLICT", "pay-1", 2, "x", None, NOW_MS)
    await apply(store, Changes(anomalies=[item]))
    end = Resolution("E_CONFLICT", "pay-1", "accepted", NOW_MS + 1)
    await apply(store, Changes(resolved=[end]))
    await apply(store, Changes(resolved=[end]))  # nothing is open: nothing happens
    assert await store.list_anomalies(9) == []
    await apply(store, Changes(anomalies=[replace(item, at_ms=NOW_MS + 5)]))
    assert await store.list_anomalies(9) == [
        OpenItem(replace(item, at_ms=NOW_MS + 5), 1, NOW_MS + 5)
    ]


async def test_a_dead_letter_is_kept_whole(store: Store) -> None:
    """What could not be read now may be read by the next version: every byte and header of it."""
    raw = bytes(range(256))
    headers = (("b", raw), ("a", b""), ("b", b"\x00"), ("naïve\x00", "é".encode()), ("", b"x"))
    letter = DeadLetter(Position(PARTITION, 7), "unparseable", raw, raw * 300, headers, NOW_MS)
    await apply(store, Changes(dead_letters=[letter]))
    await apply(store, Changes(dead_letters=[replace(letter, reason="again", headers=())]))
    assert await store.dead_letters(9) == [replace(letter, reason="again", headers=()), letter]
    assert await store.dead_letters(1) == [replace(letter, reason="again", headers=())]


async def test_payments_are_counted_by_provider_and_state(store: Store) -> None:
    """The dashboard's first row, and since when the oldest has been waiting."""
    await apply(store, Changes(payments=_several()))
    assert sorted(await store.counts()) == [
        PaymentCount("bitpay", State.PAID, 1, NOW_MS + 9),
        PaymentCount("stripe", State.CONFIRMED, 1, NOW_MS + 2),
        PaymentCount("stripe", State.PAID, 2, NOW_MS + 1),
    ]


async def test_payments_are_listed_the_latest_changed_first(store: Store) -> None:
    """An operator looks at what has just happened; ties are told in one order by both stores."""
    same = [saved(PaymentKey("stripe", "main", reference), at_ms=NOW_MS) for reference in "bZaé"]
    newer = saved(PaymentKey("stripe", "main", "new"), at_ms=NOW_MS + 1)
    stated = [(newer.payment.key, fact(), event_key())]
    await apply(store, Changes(payments=[*same, newer], facts=stated))
    listed = await store.list_payments(10)
    assert [payment.key.reference for payment in listed] == ["new", "Z", "a", "b", "é"]
    assert [len(payment.facts) for payment in listed] == [1, 0, 0, 0, 0]
    assert await store.list_payments(2) == listed[:2]


async def test_closing_and_opening_again_keeps_everything(store: Store, store_url: str) -> None:
    """A restart is an ordinary event."""
    epoch = await claimed(store)
    await advance(store, epoch, None, 10)
    came, changes = whole_batch()
    await apply(store, changes, [came])
    before = await tables(store_url)
    await store.close()
    again = connect(store_url)
    await again.open("sandbox")
    assert await tables(store_url) == before
    assert await again.positions(GROUP) == {PARTITION: 10}
    assert len(await again.pending(9)) == 1
    await again.close()


def _several() -> list[Saved]:
    return [
        saved(PaymentKey("stripe", "a", "1"), State.PAID, at_ms=NOW_MS + 4),
        saved(PaymentKey("stripe", "b", "1"), State.PAID, at_ms=NOW_MS + 1),
        saved(PaymentKey("stripe", "b", "2"), State.CONFIRMED, at_ms=NOW_MS + 2),
        saved(PaymentKey("bitpay", "b", "2"), State.PAID, at_ms=NOW_MS + 9),
    ]
