"""Batches applied to a real SQLite store: each event once, whatever the log and the code do."""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace
from pathlib import Path

import apsw
import pytest

from consumers.facts import Fact, FactKind
from consumers.interpret import interpreter
from consumers.interpret.interpreter import Interpretation, Interpreters
from consumers.lifecycle import State, Verdict
from consumers.store.port import EventKey, Fenced, StoreUnavailable
from consumers.store.sqlite import SqliteStore
from ingress.contract.envelope import Assurance, Envelope, Mode
from ingress.eventlog.port import Partition
from tests.support.builders import NOW_MS, PARTITION, envelope, record
from tests.support.store_consumer import GROUP, PAY_1, PAY_2, Consumer, build, event, log, verdicts


@pytest.fixture(name="store")
async def _store(tmp_path: Path) -> AsyncIterator[SqliteStore]:
    store = SqliteStore(tmp_path / "store.db", busy_timeout_ms=10)
    await store.open("sandbox")
    yield store
    await store.close()


@pytest.fixture(name="consumer")
def _consumer(store: SqliteStore) -> Consumer:
    return build(store)


async def test_a_payments_life_is_written_move_by_move(consumer: Consumer) -> None:
    """The whole chain: facts, state, history, one notice for each move, verdicts, position."""
    applied = await consumer.apply(log(event("pending"), event("paid"), event("confirmed")))
    assert verdicts(applied) == [Verdict.APPLIED] * 3
    assert [(move.before, move.after) for move in applied.transitions] == [
        (None, State.PENDING),
        (State.PENDING, State.PAID),
        (State.PAID, State.CONFIRMED),
    ]
    stored = await consumer.store.payment(PAY_1)
    assert stored is not None
    assert (stored.state, stored.version) == (State.CONFIRMED, 3)
    assert await consumer.history() == [State.PENDING, State.PAID, State.CONFIRMED]
    assert await consumer.notices() == [f"kobbopay/main/pay_1/{version}" for version in (1, 2, 3)]
    assert await consumer.store.positions(GROUP) == {PARTITION: 3}
    recorded = await consumer.store.event(EventKey("kobbopay", "main", "evt_pay_1_paid"))
    assert recorded is not None
    assert recorded.verdict == "applied"


async def test_a_redelivery_changes_nothing(consumer: Consumer) -> None:
    """By the log, by the provider or by an operator: the claim is for ever."""
    await consumer.apply(log(event("pending"), event("paid")))
    before = await consumer.store.payment(PAY_1)
    again = event("paid", correlation_id="another-delivery", received_ms=NOW_MS + 99_000)
    applied = await consumer.apply(log(again, event("pending"), begin=2))
    assert verdicts(applied) == [Verdict.DUPLICATE_DELIVERY] * 2
    assert await consumer.store.payment(PAY_1) == before
    assert len(await consumer.notices()) == 2


async def test_of_two_deliveries_in_one_batch_the_first_counts(consumer: Consumer) -> None:
    """The claim cannot tell them apart, because both are in the transaction that makes it."""
    first = event("paid", correlation_id="the-first")
    second = event("paid", correlation_id="the-second")
    applied = await consumer.apply(log(first, second))
    assert verdicts(applied) == [Verdict.APPLIED, Verdict.DUPLICATE_DELIVERY]
    [move] = await consumer.store.transitions(PAY_1)
    assert move.correlation_id == "the-first"
    recorded = await consumer.store.event(move.event)
    assert recorded is not None
    assert (recorded.event.correlation_id, recorded.verdict) == ("the-first", "applied")


@pytest.mark.parametrize("together", [True, False])
async def test_events_out_of_order_end_where_they_should(
    consumer: Consumer, *, together: bool
) -> None:
    """Confirmed first, then everything before it: no move backwards, in one batch or in four."""
    records = log(event("confirmed"), event("expired"), event("paid"), event("pending"))
    batches = [records] if together else [[one] for one in records]
    found = [verdict for batch in batches for verdict in verdicts(await consumer.apply(batch))]
    assert found == [Verdict.APPLIED, Verdict.SUPERSEDED, Verdict.SUPERSEDED, Verdict.SUPERSEDED]
    assert await consumer.history() == [State.CONFIRMED]
    stored = await consumer.store.payment(PAY_1)
    assert stored is not None
    assert stored.version == 1


async def test_two_payments_in_one_batch_do_not_meet(consumer: Consumer) -> None:
    """Each has its own versions and its own history."""
    await consumer.apply(
        log(event("pending"), event("paid", "pay_2"), event("paid"), event("late", "pay_2"))
    )
    assert await consumer.history(PAY_1) == [State.PENDING, State.PAID]
    assert await consumer.history(PAY_2) == [State.PAID, State.LATE]
    assert await consumer.codes() == ["LATE_FUNDS"]


async def test_what_is_no_envelope_is_buried_whole_and_its_neighbours_go_on(
    consumer: Consumer,
) -> None:
    """A foreign producer on the topic must not stop every payment of the partition."""
    good = log(event("pending"), event("paid"), event("confirmed"))
    bad = replace(good[1], headers=(("x", b"\xff\x00"),), value=b"\x00what")
    applied = await consumer.apply([good[0], bad, good[2]])
    assert verdicts(applied) == [Verdict.APPLIED, Verdict.BURIED, Verdict.APPLIED]
    assert applied.outcomes[1].received_ms is None
    [letter] = await consumer.store.dead_letters(10)
    assert (letter.position, letter.value, letter.headers) == (bad.position, bad.value, bad.headers)
    assert "sealgateversion" in letter.reason
    assert await consumer.store.positions(GROUP) == {PARTITION: 3}


@pytest.mark.parametrize("name", ["payment_ref", "event_key", "account", "correlation_id"])
async def test_an_attribute_no_database_can_hold_is_buried(consumer: Consumer, name: str) -> None:
    """A NUL fails the statement in PostgreSQL: the partition would stand still for ever."""
    applied = await consumer.apply(log(event("paid", **{name: "a\x00b"}), event("confirmed")))
    assert verdicts(applied) == [Verdict.BURIED, Verdict.APPLIED]


async def test_an_envelope_of_another_environment_moves_nothing_and_alarms(
    consumer: Consumer,
) -> None:
    """Nor is its event claimed: the same key may be a real event of this environment."""
    applied = await consumer.apply(log(event("confirmed", environment="production")))
    assert verdicts(applied) == [Verdict.ENV_MISMATCH]
    assert await consumer.store.payment(PAY_1) is None
    [item] = await consumer.store.list_anomalies(10)
    assert (item.anomaly.code, item.anomaly.severity) == ("ENV_MISMATCH", 1)
    assert (item.anomaly.subject, item.anomaly.event) == ("shop", None)
    assert verdicts(await consumer.apply(log(event("confirmed"), begin=1))) == [Verdict.APPLIED]


async def test_how_an_event_was_proven_is_stored_with_it(consumer: Consumer) -> None:
    """The report on a leaked key is made of these, and cannot be made later."""
    sealed = event("paid", mode=Mode.TEST, scheme="mac-2", signed_ms=NOW_MS - 1, late_ms=NOW_MS + 9)
    await consumer.apply(log(sealed))
    recorded = await consumer.store.event(EventKey("kobbopay", "main", "evt_pay_1_paid"))
    assert recorded is not None
    told = recorded.event
    assert (told.key_id, told.scheme, told.mode) == ("2026-01", "mac-2", "test")
    assert (told.signed_ms, told.late_ms) == (NOW_MS - 1, NOW_MS + 9)


async def test_an_event_that_adds_nothing_is_kept_as_one_that_states_the_same(
    consumer: Consumer,
) -> None:
    """If the first is void one day, this one is what still proves the payment."""
    await consumer.apply(log(event("paid"), event("paid", event_key="poll_1", occurred_ms=NOW_MS)))
    stated = await consumer.store.statements(PAY_1)
    by_event = {
        name: {one.fact for one in stated if one.event.key == name}
        for name in ("evt_pay_1_paid", "poll_1")
    }
    assert by_event["poll_1"] == by_event["evt_pay_1_paid"] != set()
    assert {one.event.key for one in stated if one.is_first} == {"evt_pay_1_paid"}


async def test_a_hint_moves_nothing(consumer: Consumer) -> None:
    """A token in the body proves nothing about the status beside it."""
    applied = await consumer.apply(log(event("confirmed", assurance=Assurance.D)))
    assert verdicts(applied) == [Verdict.HINT]
    assert await consumer.store.payment(PAY_1) is None
    assert await consumer.notices() == []


async def test_an_unknown_word_is_kept_and_shown(consumer: Consumer) -> None:
    """Neither an error nor silence: one open item, however often the word comes."""
    records = log(event("teleported"), event("teleported", "pay_2"))
    assert verdicts(await consumer.apply(records)) == [Verdict.UNKNOWN_TYPE] * 2
    [item] = await consumer.store.list_anomalies(10)
    assert (item.anomaly.code, item.anomaly.severity, item.times) == ("UNKNOWN_TYPE", 4, 2)
    assert await consumer.store.payment(PAY_1) is None


async def test_an_underpayment_raises_one_exception_for_its_payment(consumer: Consumer) -> None:
    """The word and the state both say so; an operator wants to read it once."""
    told = {"amount": "10", "currency": "USDC", "amount_received": "4"}
    await consumer.apply(log(envelope(told, event_type="payment.underpaid", event_key="evt_1")))
    [item] = await consumer.store.list_anomalies(10)
    assert (item.anomaly.code, item.times) == ("AMOUNT_UNDER", 1)
    assert item.anomaly.subject == "kobbopay/main/pay_1"
    assert item.anomaly.event == EventKey("kobbopay", "main", "evt_1")


async def test_the_same_fact_from_another_event_is_a_duplicate_fact(consumer: Consumer) -> None:
    """A webhook and a poll corroborate each other and count once."""
    other = event("paid", event_key="poll_1")
    applied = await consumer.apply(log(event("paid"), other))
    assert verdicts(applied) == [Verdict.APPLIED, Verdict.DUPLICATE_FACT]


async def test_a_blank_move_is_not_written_and_a_human_is_told(consumer: Consumer) -> None:
    """The price is raised after it was paid: the state stays, history and notices too."""
    price = {"amount": "10", "currency": "USDC", "amount_received": "10"}
    paid = envelope(price, event_type="payment.underpaid", event_key="1")
    raised = envelope({**price, "amount": "20"}, event_type="payment.pending", event_key="2")
    applied = await consumer.apply(log(paid, raised))
    assert verdicts(applied) == [Verdict.APPLIED, Verdict.ILLEGAL]
    assert await consumer.history() == [State.PAID]
    assert "ILLEGAL_TRANSITION" in await consumer.codes()


class Stopped(Exception):
    """The process ends here, as far as anything inside it can tell."""


def stop_at(point: str) -> Callable[[str], None]:
    """Stop at a named crash point."""

    def checkpoint(reached: str) -> None:
        if reached == point:
            raise Stopped(point)

    return checkpoint


POINTS = ["apply.begun", "apply.advanced", "apply.claimed", "apply.saved", "apply.committed"]


@pytest.mark.parametrize("point", POINTS)
async def test_a_stop_at_any_point_loses_and_doubles_nothing(
    store: SqliteStore, point: str
) -> None:
    """All of a batch or none of it; then the log delivers the same records again."""
    records = log(event("pending"), event("paid"), event("confirmed", environment="production"))
    with pytest.raises(Stopped):
        await build(store, checkpoint=stop_at(point)).apply(records)
    committed = point == "apply.committed"
    assert await store.positions(GROUP) == ({PARTITION: 3} if committed else {})
    consumer = build(store)
    await consumer.apply(records)
    assert await consumer.history() == [State.PENDING, State.PAID]
    assert len(await consumer.notices()) == 2


async def test_the_points_are_passed_in_their_order(store: SqliteStore) -> None:
    """A crash test that names a point which is never reached would prove nothing."""
    passed: list[str] = []
    await build(store, checkpoint=passed.append).apply(log(event("paid")))
    assert passed == POINTS


@dataclass(frozen=True)
class Faulty(Interpreters):
    """Interpreters with a fault of our own on one payment: `fault` is what they do there."""

    fault: Callable[[], Interpretation] = Interpretation

    def interpret(self, envelope: Envelope) -> Interpretation:
        """Interpret, or fail."""
        if envelope.payment_ref == "pay_2":
            return self.fault()
        return Interpreters.interpret(self, envelope)


def fail_reading() -> Interpretation:
    """Fail before anything is claimed."""
    raise KeyError("sk_live_secret")


def fail_planning() -> Interpretation:
    """Fail after the events are claimed."""
    return Interpretation(None, frozenset({"no fact"}))


def fail_storing() -> Interpretation:
    """Fail in the store: an amount that no database holds."""
    huge = Fact(FactKind.SEEN, "tx:1", "ETH", 10**80, whole=False, late=False, at_ms=0)
    return Interpretation(None, frozenset({huge}))


@pytest.mark.parametrize("fault", [fail_reading, fail_planning, fail_storing])
async def test_a_record_our_own_code_fails_on_is_buried_alone(
    store: SqliteStore, fault: Callable[[], Interpretation]
) -> None:
    """Its neighbours go on, no secret is written, and it is not claimed: it can be replayed."""
    faulty = build(store, interpreters=Faulty(interpreter.load().tables, fault))
    records = log(event("pending"), event("paid", "pay_2"), event("paid"), event("late", "pay_2"))
    applied = await faulty.apply(records)
    assert verdicts(applied) == [Verdict.APPLIED, Verdict.BURIED] * 2
    assert len(applied.transitions) == 2
    letters = await store.dead_letters(10)
    assert {letter.position.offset for letter in letters} == {1, 3}
    assert not any("sk_live" in letter.reason for letter in letters)
    assert await store.positions(GROUP) == {PARTITION: 4}
    mended = build(store)
    await mended.apply(log(event("paid", "pay_2"), begin=4))
    assert await mended.history(PAY_2) == [State.PAID]


async def test_nothing_is_buried_because_the_store_is_away(
    consumer: Consumer, tmp_path: Path
) -> None:
    """Another process holds the database: the batch is kept, and applied when it is free."""
    records = log(event("paid"), event("confirmed"))
    await consumer.take_over()
    other = apsw.Connection(str(tmp_path / "store.db"))
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreUnavailable):
        await consumer.applier.apply(records, consumer.claims)
    other.close()
    assert verdicts(await consumer.applier.apply(records, consumer.claims)) == [Verdict.APPLIED] * 2
    assert await consumer.store.dead_letters(10) == []


async def test_who_was_fenced_writes_nothing(consumer: Consumer) -> None:
    """A frozen member wakes up after its partition was given away."""
    await consumer.take_over()
    old = dict(consumer.claims)
    await consumer.apply(log(event("pending")))
    with pytest.raises(Fenced):
        await consumer.applier.apply(log(event("paid"), begin=1), old)
    assert await consumer.history() == [State.PENDING]


async def test_a_partition_that_is_not_held_is_not_applied(consumer: Consumer) -> None:
    """Without a claim there is no position to move, so nothing would happen once."""
    elsewhere = record(event("paid"), 0, Partition(PARTITION.topic, 7))
    await consumer.take_over()
    with pytest.raises(Fenced):
        await consumer.applier.apply([elsewhere], consumer.claims)


async def test_a_batch_of_several_partitions_moves_each(store: SqliteStore) -> None:
    """One transaction, two positions."""
    other = Partition(PARTITION.topic, 1)
    claims = await store.claim_partitions(GROUP, [PARTITION, other], "me")
    records = [record(event("paid"), 4), record(event("paid", "pay_2"), 9, other)]
    await build(store).applier.apply(records, claims)
    assert await store.positions(GROUP) == {PARTITION: 5, other: 10}
