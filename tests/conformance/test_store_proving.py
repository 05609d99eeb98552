"""What a store can prove of itself, on both databases: figures over all there is, and what is odd.

A question that finds nothing where something is wrong would be evidence for whoever wants to
believe it. So each contradiction is written past the program's rules, and must be found.
"""

from consumers.facts import FactKind
from consumers.lifecycle import State
from consumers.store.port import (
    Cause,
    Changes,
    Handled,
    PaymentKey,
    Resolution,
    Saved,
    Store,
    Transition,
)
from consumers.store.postgres import PostgresStore
from consumers.store.proving import At, ProvingReads
from ingress import telemetry
from tests.support.store_builders import (
    NOW_MS,
    PAYMENT,
    action,
    apply,
    event,
    event_key,
    fact,
    notice,
    raised,
    saved,
    transition,
)

POSTED = fact(key="batch-1")._replace(kind=FactKind.POSTED)
STRANGER = PaymentKey("stripe", "main", "pay-9")


def move(version: int, before: State | None, after: State, by: str = "evt-1") -> Transition:
    """Write one line of the payment's history."""
    return transition(saved(state=after), before, by)._replace(version=version)


def row(state: State, version: int) -> Saved:
    """Write the payment's row as the last of so many moves left it."""
    made = saved(state=state)
    return made._replace(payment=made.payment._replace(version=version))


SOUND = (move(1, None, State.PENDING), move(2, State.PENDING, State.PAID, "evt-2"))


async def history(store: Store, *lines: Transition, **changes: object) -> ProvingReads:
    """Write a history of the two events, and whatever else; give what asks about it."""
    written = Changes(transitions=list(lines))
    for name, value in changes.items():
        setattr(written, name, value)
    await apply(store, written, [event(), event("evt-2")])
    return ProvingReads.of(store)


async def test_events_are_counted_by_what_proved_them(store: Store) -> None:
    """How much each key proved is the first thing that anybody asks."""
    handled = {event_key(name): Handled("applied") for name in ("a", "b")}
    came = [event("a"), event("b", offset=7), event("c", key_id="k2")]
    await apply(store, Changes(verdicts=handled), came)
    counts = await ProvingReads.of(store).events()
    assert [(one.key_id, one.verdict, one.events) for one in counts] == [
        ("k1", "applied", 2),
        ("k2", "", 1),
    ]
    assert (counts[0].first_ms, counts[0].last_ms) == (NOW_MS, NOW_MS + 7)
    assert counts[0][:4] == ("stripe", "stripe-main", "k1", "A")


async def test_moves_are_counted_by_their_ends_and_cause(store: Store) -> None:
    """A million moves are a handful of kinds, and each kind is of the table or is not."""
    first = SOUND[0]._replace(mapping="stripe/1", policy="p1")
    reads = await history(store, first, SOUND[1]._replace(cause=Cause.POLL))
    assert [one[:6] for one in await reads.moves()] == [
        (None, State.PENDING, Cause.EVENT, "stripe/1", "p1", 1),
        (State.PENDING, State.PAID, Cause.POLL, "", "", 1),
    ]


async def test_nothing_is_odd_about_what_the_program_writes(store: Store) -> None:
    """A finding about a sound database would be looked into once, and never again."""
    reads = await history(
        store,
        *SOUND,
        payments=[row(State.PAID, 2)],
        notices=[notice(1, version=1), notice(2, version=2)],
        facts=[(PAYMENT, POSTED, event_key())],
    )
    assert await reads.unconnected() == []
    assert await reads.unfounded() == []
    assert await reads.moved_twice() == []
    assert await reads.uncorrelated() == []
    assert await reads.untold() == []
    assert await reads.stray_postings() == []
    assert await reads.notices() == (2, 0)


async def test_a_history_with_a_gap_or_another_beginning_is_found(store: Store) -> None:
    """A line that does not begin where the one before ended was not written by the reducer."""
    reads = await history(store, SOUND[0], move(2, State.PAID, State.CONFIRMED, "evt-2"))
    assert await reads.unconnected() == [At(PAYMENT, 2)]


async def test_a_first_line_that_comes_from_somewhere_is_found(store: Store) -> None:
    """Every payment begins out of nothing."""
    reads = await history(store, move(1, State.PENDING, State.PAID))
    assert await reads.unconnected() == [At(PAYMENT, 1)]


async def test_a_state_that_no_line_left_is_found(store: Store) -> None:
    """A state that somebody set in the payment's row alone has no history."""
    reads = await history(store, *SOUND, payments=[row(State.CONFIRMED, 2)])
    assert await reads.unfounded() == [At(PAYMENT, 2)]


async def test_an_event_that_moved_a_payment_twice_is_found(store: Store) -> None:
    """This is what must never be: one event, two effects."""
    reads = await history(store, SOUND[0], move(2, State.PENDING, State.PAID))
    assert await reads.moved_twice() == [At(PAYMENT, 2)]


async def test_a_move_of_an_unknown_event_or_another_correlation_is_found(store: Store) -> None:
    """A move that leads to no event cannot be explained to anybody."""
    strange = SOUND[1]._replace(event=event_key("nobody's"))
    reads = await history(store, SOUND[0]._replace(correlation_id="c-other"), strange)
    assert sorted(await reads.uncorrelated()) == [At(PAYMENT, 1), At(PAYMENT, 2)]


async def test_a_move_that_nobody_was_told_of_is_found(store: Store) -> None:
    """A service downstream that was not told does not ship, or does not stop shipping."""
    reads = await history(store, *SOUND, notices=[notice(2, version=2)])
    assert await reads.untold() == [At(PAYMENT, 1)]


async def test_a_posting_of_a_payment_that_is_not_there_is_found(store: Store) -> None:
    """What finance booked must lead to what was paid."""
    stray = [(PAYMENT, POSTED, event_key()), (STRANGER, POSTED, event_key())]
    reads = await history(store, facts=stray, payments=[row(State.PAID, 1)])
    assert await reads.stray_postings() == [At(STRANGER, 0)]
    (booked,) = await reads.postings()
    assert (booked.provider, booked.asset, booked.postings) == ("stripe", POSTED.asset, 2)


async def test_notices_are_counted_by_whether_they_went_out(store: Store) -> None:
    """What was written and never told is no notice yet."""
    reads = await history(store, *SOUND, notices=[notice(1, version=1), notice(2, version=2)])
    (first, _) = await store.pending(2)
    await store.delivered([first.sequence])
    assert await reads.notices() == (1, 1)


async def test_exceptions_are_counted_with_who_ended_them(store: Store) -> None:
    """A person who closed something left a name and a reason, or that is found."""
    opened = [raised(subject=subject) for subject in ("a", "b", "c")]
    await apply(store, Changes(anomalies=opened))
    ended = [
        Resolution("AMOUNT_UNDER", "a", "topped up", NOW_MS + 5),
        Resolution("AMOUNT_UNDER", "b", "goodwill", NOW_MS + 9, "goodwill", "ann", "ben"),
    ]
    await apply(store, Changes(resolved=ended))
    found = await ProvingReads.of(store).items()
    told = [(one.status, one.by, one.items, one.approved, one.nameless) for one in found]
    assert sorted(told) == [
        ("auto_resolved", "", 1, 0, 0),
        ("open", "", 1, 0, 0),
        ("resolved", "ann", 1, 1, 0),
    ]


async def test_what_people_did_is_counted_and_documents_are_found(store: Store) -> None:
    """A drill that was played is evidence for as long as the database is there."""
    played = action("DR-1")._replace(name="drill", reason="drill_passed", detail='{"drill": "x"}')
    later = action("DR-2")._replace(name="drill", reason="drill_failed")
    await apply(store, Changes(actions=[action("k-1"), played, later]))
    reads = ProvingReads.of(store)
    done = [
        (one.name, one.role, one.by, one.actions, one.approved) for one in await reads.actions()
    ]
    assert done == [
        ("accept_late", "operations", "kim", 1, 1),
        ("drill", "operations", "kim", 2, 2),
    ]
    noted = await reads.noted("drill")
    assert [(one.key, one.by, one.reason) for one in noted] == [
        ("DR-2", "kim", "drill_failed"),
        ("DR-1", "kim", "drill_passed"),
    ]
    assert noted[1].detail == '{"drill": "x"}'


async def test_a_database_with_a_clock_of_its_own_tells_it(store: Store) -> None:
    """A server's clock may be another one; a file is read by whoever asks, with theirs."""
    before_ms = telemetry.now_ms()
    told_ms = await ProvingReads.of(store).now_ms()
    if isinstance(store, PostgresStore):
        assert told_ms is not None
        assert before_ms - 2000 <= told_ms <= telemetry.now_ms() + 2000
    else:
        assert told_ms is None
