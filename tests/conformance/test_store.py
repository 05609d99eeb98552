"""One suite for both stores: what a batch may rely on.

Claims, positions, versions and the transaction around them are what makes an effect happen once.
Each test runs on SQLite and on a real PostgreSQL.
"""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from consumers.lifecycle import State
from consumers.store.connect import connect
from consumers.store.port import (
    Advance,
    Anomaly,
    Changes,
    Claim,
    DeadLetter,
    EventKey,
    Fenced,
    PaymentKey,
    Store,
    Transaction,
    WrongEnvironment,
)
from ingress.eventlog.port import Partition, Position
from tests.support.audited import answers
from tests.support.store_builders import (
    GROUP,
    NOW_MS,
    PARTITION,
    PAYMENT,
    TOPIC,
    action,
    advance,
    advance_all,
    apply,
    claimed,
    event,
    event_key,
    fact,
    mark,
    saved,
    tables,
    transition,
    whole_batch,
)


async def test_an_event_is_claimed_once(store: Store) -> None:
    """A redelivery must find the claim, whatever else it says."""
    async with store.transaction() as tx:
        assert await tx.claim([event("a"), event("b")]) == {event_key("a"), event_key("b")}
    async with store.transaction() as tx:
        assert await tx.claim([event("b", offset=9), event("c")]) == {event_key("c")}


async def test_claiming_nothing_is_allowed(store: Store) -> None:
    """A batch of records that are no events still moves its position."""
    async with store.transaction() as tx:
        assert await tx.claim([]) == frozenset()
        assert await tx.payments([]) == {}
        await tx.advance(GROUP, [])
        await tx.save(Changes())


async def test_events_differ_by_provider_and_account(store: Store) -> None:
    """Two accounts may use one event id; to merge them would drop an event."""
    keys = [
        EventKey("stripe", "a", "1"),
        EventKey("stripe", "b", "1"),
        EventKey("bitpay", "a", "1"),
    ]
    async with store.transaction() as tx:
        fresh = await tx.claim([event()._replace(key=key) for key in keys])
    assert fresh == set(keys)


async def test_of_two_batches_claiming_one_event_exactly_one_wins(store: Store) -> None:
    """Simultaneous deliveries settle a payment once: the second waits and then sees the claim."""
    winners = await asyncio.gather(*(_claim_slowly(store) for _ in range(4)))
    assert sorted(winners) == [0, 0, 0, 1]


async def test_two_stores_on_one_database_claim_an_event_once(store: Store, store_url: str) -> None:
    """Two processes share nothing but the database, and that must be enough."""
    other = connect(store_url)
    await other.open("sandbox")
    winners = await asyncio.gather(_claim_slowly(store), _claim_slowly(other))
    await other.close()
    assert sorted(winners) == [0, 1]


async def test_a_claim_that_rolls_back_frees_the_event(store: Store) -> None:
    """A batch that failed is tried again, and its events must not look like duplicates."""
    with pytest.raises(LookupError):
        await _fail(store, lambda tx: tx.claim([event("a")]))
    async with store.transaction() as tx:
        assert await tx.claim([event("a")]) == {event_key("a")}


async def test_the_first_bodys_digest_can_be_compared(store: Store) -> None:
    """The same id over another body is not a duplicate but a question for a human."""
    async with store.transaction() as tx:
        await tx.claim([event("a"), event("b")])
        found = await tx.digests([event_key("a"), event_key("never")])
    assert found == {event_key("a"): "sha256:a"}


async def test_a_partition_never_read_has_no_position(store: Store) -> None:
    """None, not 0: the reader begins at the oldest record kept."""
    claims = await store.claim_partitions(GROUP, [PARTITION], "worker-1")
    assert claims == {PARTITION: Claim(epoch=1, next_offset=None)}
    assert await store.positions(GROUP) == {}


async def test_a_position_moves_from_where_it_was(store: Store) -> None:
    """The compare-and-set is what makes a batch that is applied twice apply once."""
    epoch = await claimed(store)
    await advance(store, epoch, None, 10)
    await advance(store, epoch, 10, 25)
    assert await store.positions(GROUP) == {PARTITION: 25}


@pytest.mark.parametrize(("epoch_off", "expected"), [(-1, 10), (1, 10), (0, 9), (0, 11), (0, None)])
async def test_a_position_that_is_not_ours_is_fenced(
    store: Store, epoch_off: int, expected: int | None
) -> None:
    """A wrong epoch is a zombie, a wrong offset is a batch already applied; neither may write."""
    epoch = await claimed(store)
    await advance(store, epoch, None, 10)
    with pytest.raises(Fenced):
        await advance(store, epoch + epoch_off, expected, 20)
    assert await store.positions(GROUP) == {PARTITION: 10}


async def test_a_partition_nobody_claimed_is_fenced(store: Store) -> None:
    """A position row is made by claiming; to make one in passing would skip the fence."""
    with pytest.raises(Fenced):
        await advance(store, 1, None, 10)


async def test_one_foreign_partition_fences_the_whole_batch(store: Store) -> None:
    """A batch is all or nothing, also across its partitions."""
    other = Partition(TOPIC, 1)
    epoch = await claimed(store)
    taken = await claimed(store, other)
    moves = [Advance(PARTITION, epoch, None, 5), Advance(other, taken + 1, None, 5)]
    with pytest.raises(Fenced):
        await advance_all(store, moves)
    assert await store.positions(GROUP) == {}


async def test_whoever_claims_a_partition_fences_its_former_owner(store: Store) -> None:
    """A member that was given up for dead wakes up with its batch; the new owner reads on."""
    mine = await claimed(store, owner="worker-1")
    await advance(store, mine, None, 10)
    theirs = await store.claim_partitions(GROUP, [PARTITION], "worker-2")
    assert theirs == {PARTITION: Claim(epoch=mine + 1, next_offset=10)}
    with pytest.raises(Fenced):
        await advance(store, mine, 10, 20)
    await advance(store, mine + 1, 10, 20)


async def test_several_partitions_are_claimed_at_once(store: Store) -> None:
    """An assignment brings all of a member's partitions; repeats in it count once."""
    partitions = [Partition(TOPIC, number) for number in range(3)]
    claims = await store.claim_partitions(GROUP, [*partitions, partitions[0]], "worker-1")
    assert claims == {partition: Claim(1, None) for partition in partitions}
    assert await store.claim_partitions(GROUP, [], "worker-1") == {}


async def test_groups_do_not_see_each_other(store: Store) -> None:
    """A second group reads the same topic from its own beginning."""
    epoch = await claimed(store)
    await advance(store, epoch, None, 10)
    claims = await store.claim_partitions("audit", [PARTITION], "worker-1")
    assert claims == {PARTITION: Claim(1, None)}


async def test_of_two_batches_from_one_position_exactly_one_commits(store: Store) -> None:
    """The zombie and the owner may commit at the same moment, even under one epoch."""
    epoch = await claimed(store)
    outcomes = await asyncio.gather(
        *(advance(store, epoch, None, 10) for _ in range(3)), return_exceptions=True
    )
    assert [type(outcome) for outcome in outcomes if outcome is not None] == [Fenced, Fenced]
    assert await store.positions(GROUP) == {PARTITION: 10}


async def test_a_batch_that_fails_leaves_nothing_in_any_table(store: Store, store_url: str) -> None:
    """Half a batch would be a lost notice, or a position past an event that had no effect."""
    epoch = await claimed(store)
    came, changes = whole_batch()
    # Open already, so that the batch adds its evidence to it.
    await apply(store, Changes(anomalies=[Anomaly("E_TEST", "pay-1", 1, "w", None, NOW_MS)]))
    before = await tables(store_url)
    changes.anomalies.append(Anomaly("E_TEST", "pay-1", 1, "x", came.key, NOW_MS))
    changes.actions.append(action("a", payment=PAYMENT))
    told = answers()
    changes.readings, changes.matching = told.readings, told.matching
    changes.reads, changes.freezes = told.reads, told.freezes
    changes.marks.append(mark(came.key.key))
    changes.dead_letters.append(DeadLetter(Position(PARTITION, 1), "x", b"", b"", (), NOW_MS))

    async def everything(tx: Transaction) -> None:
        await tx.advance(GROUP, [Advance(PARTITION, epoch, None, 2)])
        await tx.claim([came])
        await tx.save(changes)

    with pytest.raises(LookupError):
        await _fail(store, everything)
    assert await tables(store_url) == before

    async with store.transaction() as tx:
        await everything(tx)
    after = await tables(store_url)
    written = {name for name, rows in after.items() if rows != before[name]}
    assert written == before.keys() - {"meta", "migration"}


async def test_a_cancelled_batch_leaves_nothing_and_the_store_goes_on(
    store: Store, store_url: str
) -> None:
    """A worker is cancelled at shutdown wherever it stands, and its neighbours go on."""
    before = await tables(store_url)
    for pauses in range(12):
        task = asyncio.create_task(_fail(store, lambda tx: tx.claim([event("a"), event("b")])))
        for _ in range(pauses):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    assert await tables(store_url) == before
    async with store.transaction() as tx:
        assert await tx.claim([event("a")]) == {event_key("a")}


async def test_a_payment_unknown_is_left_out(store: Store) -> None:
    """Unknown and Pending are different answers."""
    async with store.transaction() as tx:
        assert await tx.payments([PAYMENT]) == {}
    assert await store.payment(PAYMENT) is None


async def test_a_payment_is_read_back_with_its_facts(store: Store) -> None:
    """The reducer sees exactly the set of facts that were stated."""
    stated = [fact(5, key="tx-1"), fact(None, key="tx-2")]
    changes = Changes(payments=[saved()], facts=[(PAYMENT, one, event_key()) for one in stated])
    await apply(store, changes)
    async with store.transaction() as tx:
        found = await tx.payments([PAYMENT, PAYMENT._replace(reference="other")])
    assert list(found) == [PAYMENT]
    payment = found[PAYMENT]
    assert payment == await store.payment(PAYMENT)
    assert (payment.state, payment.version, payment.changed_ms) == (State.PAID, 1, NOW_MS)
    assert payment.facts == set(stated)


async def test_a_payment_is_written_only_over_the_version_that_was_read(store: Store) -> None:
    """Two batches that read the same version would each lose the other's facts."""
    await apply(store, Changes(payments=[saved()]))
    await apply(store, Changes(payments=[saved(state=State.CONFIRMED, was=1)]))
    for stale in (0, 1, 3):
        with pytest.raises(Fenced):
            await apply(store, Changes(payments=[saved(state=State.LATE, was=stale)]))
    payment = await store.payment(PAYMENT)
    assert payment is not None
    assert (payment.state, payment.version) == (State.CONFIRMED, 2)


async def test_of_two_batches_writing_a_new_payment_exactly_one_commits(store: Store) -> None:
    """A row that is not there cannot be locked: the unique key decides."""
    outcomes = await asyncio.gather(
        *(apply(store, Changes(payments=[saved()])) for _ in range(3)), return_exceptions=True
    )
    assert [type(outcome) for outcome in outcomes if outcome is not None] == [Fenced, Fenced]


async def test_a_payment_being_worked_on_is_waited_for(store: Store, store_url: str) -> None:
    """The second batch sees what the first one wrote, not what was there before it."""
    other = connect(store_url)
    await other.open("sandbox")
    await apply(store, Changes(payments=[saved()]))
    first_has_it = asyncio.Event()

    async def first() -> None:
        async with store.transaction() as tx:
            await tx.payments([PAYMENT])
            first_has_it.set()
            await asyncio.sleep(0.05)
            said = [(PAYMENT, fact(7), event_key())]
            await tx.save(Changes(payments=[saved(state=State.CONFIRMED, was=1)], facts=said))

    async def second() -> tuple[int, int]:
        await first_has_it.wait()
        async with other.transaction() as tx:
            found = (await tx.payments([PAYMENT]))[PAYMENT]
            return found.version, len(found.facts)

    _, seen = await asyncio.gather(first(), second())
    await other.close()
    assert seen == (2, 1)


async def test_a_second_event_stating_a_fact_corroborates_it(store: Store) -> None:
    """Facts are a set; the event that stated one first stays its witness."""
    await apply(store, Changes(payments=[saved()], facts=[(PAYMENT, fact(), event_key("first"))]))
    again = [(PAYMENT, fact(), event_key("second")), (PAYMENT, fact(), event_key("third"))]
    await apply(store, Changes(facts=again))
    stated = await store.statements(PAYMENT)
    assert {one.fact for one in stated} == {fact()}
    assert [(one.event.key, one.is_first) for one in stated if one.is_first] == [("first", True)]
    assert {one.event.key for one in stated if not one.is_first} == {"second", "third"}
    payment = await store.payment(PAYMENT)
    assert payment is not None
    assert payment.facts == {fact()}


@pytest.mark.parametrize("amount", [None, 0])
async def test_facts_that_differ_in_one_part_are_two(store: Store, amount: int | None) -> None:
    """Nothing and zero are different statements; so are two instants, and two transfers."""
    different = {fact(amount), fact(1), fact(amount, key="tx-2"), fact(amount, at_ms=NOW_MS + 1)}
    said = [(PAYMENT, one, event_key()) for one in different]
    await apply(store, Changes(payments=[saved()], facts=[*said, *said]))
    payment = await store.payment(PAYMENT)
    assert payment is not None
    assert payment.facts == different


async def test_history_is_told_in_order(store: Store) -> None:
    """An auditor reads a payment's transitions from the first to the last."""
    first, second = saved(), saved(state=State.CONFIRMED, was=1, at_ms=NOW_MS + 5)
    lines = [transition(second, State.PAID, "b"), transition(first, None, "a")]
    await apply(store, Changes(transitions=lines))
    assert await store.transitions(PAYMENT) == [lines[1], lines[0]]
    assert await store.transitions(PaymentKey("stripe", "main", "other")) == []


async def test_another_environments_database_is_refused(store: Store, store_url: str) -> None:
    """Sandbox evidence must never move a production payment, whatever a configuration says."""
    other = connect(store_url)
    with pytest.raises(WrongEnvironment, match=r"'sandbox'.*'production'"):
        await other.open("production")
    await other.close()


async def _claim_slowly(store: Store) -> int:
    """Claim one event and hold the transaction open for a moment."""
    async with store.transaction() as tx:
        fresh = await tx.claim([event("contested")])
        await asyncio.sleep(0.02)
        return len(fresh)


async def _fail(store: Store, work: Callable[[Transaction], Awaitable[object]]) -> None:
    """Do `work` in a batch that fails at its end."""
    async with store.transaction() as tx:
        await work(tx)
        raise LookupError
