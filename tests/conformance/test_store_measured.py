"""One suite for both stores: what the monitor asks of them, and of no other door."""

from consumers.buried import PAGE, Buried
from consumers.lifecycle import State
from consumers.patience import CODES
from consumers.store.kept import Kept
from consumers.store.port import Changes, DeadLetter, Payment, Saved, Store
from consumers.store.state_reads import AgeCount, StateReads
from ingress.eventlog.port import Position
from tests.support.builders import envelope
from tests.support.store_builders import NOW_MS, PARTITION, PAYMENT, apply, event, saved

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS


async def test_payments_are_counted_by_state_and_age_and_an_age_begins_a_bucket(
    store: Store,
) -> None:
    """Four hours to the millisecond is a payment of `4-24h`, as it is with exceptions."""
    hours_ms = 4 * HOUR_MS
    ages = {"new": 0, "ahead": -5, "four": hours_ms, "just": hours_ms - 1, "old": 31 * DAY_MS}
    names = {name: PAYMENT._replace(reference=name) for name in ages}
    rows = [saved(names[name], at_ms=NOW_MS - age_ms) for name, age_ms in ages.items()]
    rows.append(saved(PAYMENT._replace(reference="late"), State.LATE, at_ms=NOW_MS - DAY_MS))
    rows.append(saved(PAYMENT._replace(reference="done"), State.CONFIRMED, at_ms=NOW_MS))
    parked = Payment(
        PAYMENT._replace(reference="parked"),
        State.PENDING,
        version=0,
        facts=frozenset(),
        changed_ms=NOW_MS,
        kept=Kept.PARKED,
    )
    await apply(store, Changes(payments=[*rows, Saved(parked, 0)]))
    found = await StateReads.of(store).ages(tuple(CODES), NOW_MS)
    assert sorted(found) == sorted(
        [
            AgeCount(State.PAID, "<1h", 2),
            AgeCount(State.PAID, "1-4h", 1),
            AgeCount(State.PAID, "4-24h", 1),
            AgeCount(State.PAID, ">30d", 1),
            AgeCount(State.LATE, "1-3d", 1),
        ]
    )


async def test_open_dead_letters_are_counted_beyond_a_page_and_each_but_once(store: Store) -> None:
    """A bad release buries thousands: they are all read, and those taken in since are not open."""
    letters = []
    for number in range(PAGE + 5):
        sealed = envelope({}, provider="stripe", event_key=f"evt-{number}")
        key, headers, value = sealed.encode()
        at = Position(PARTITION, number)
        letters.append(DeadLetter(at, "our fault", key, value, headers, NOW_MS))
    await apply(store, Changes(dead_letters=letters))
    buried = Buried(store)
    assert await buried.count() == {PARTITION.topic: PAGE + 5}
    events = [event(f"evt-{number}", offset=number) for number in range(7)]
    await apply(store, Changes(), events)
    assert await buried.count() == {PARTITION.topic: PAGE - 2}
    # Who begins anew looks at as many events in one go, and comes to the same.
    assert await Buried(store).count() == {PARTITION.topic: PAGE - 2}
