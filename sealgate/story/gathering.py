"""Read everything that the store knows of one payment, or of one event that concerns none.

A story flows out as it stands at one time after another: events first, the outbox last, so that a
notice shown as waiting may have gone out meanwhile, and never the other way round.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from consumers import notices
from consumers.exceptions import subject_of
from consumers.store.cases import Action, Item, ItemFilter
from consumers.store.finding import Sent
from consumers.store.port import (
    DeadLetter,
    EventKey,
    Mark,
    Payment,
    PaymentKey,
    Recorded,
    Statement,
    Store,
    Transition,
)
from sealgate.story.search import Found

# A payment has a handful; whoever has more looks at the queue itself.
ITEMS_MAX = 200
# Verdicts of events whose exception is about their kind, and not about their payment.
_ABOUT_A_KIND = frozenset({"unknown_type", "unparseable", "unmatched"})


@dataclass(frozen=True, slots=True)
class Story:
    """All that is known. `payment` is None where no fact of it was ever stated."""

    found: Found
    payment: Payment | None
    events: Sequence[Recorded]
    statements: Sequence[Statement]
    transitions: Sequence[Transition]
    items: Sequence[Item]
    actions: Sequence[Action]
    marks: Mapping[EventKey, Sequence[Mark]]
    notices: Mapping[str, Sent]

    @property
    def key(self) -> PaymentKey | None:
        """Name the payment; None where the story is of an event alone."""
        return self.found.payment

    @property
    def buried(self) -> Sequence[DeadLetter]:
        """Return the dead letters that the words stand for."""
        return self.found.buried


async def gather(store: Store, found: Found) -> Story:
    """Read the story. Raises `StoreUnavailable`."""
    key = found.payment
    if key is None:
        events: Sequence[Recorded] = found.events
        items = await _items(store, None, events)
        marks = await store.marks([one.event.key for one in events])
        return Story(found, None, events, (), (), items, (), marks, {})
    statements = await store.statements(key)
    transitions = await store.transitions(key)
    events = await _events(store, key, statements, transitions)
    return Story(
        found,
        await store.payment(key),
        events,
        statements,
        transitions,
        await _items(store, key, events),
        await store.cases.actions(key),
        await store.marks([one.event.key for one in events]),
        await _notices(store, transitions),
    )


async def _events(
    store: Store, key: PaymentKey, stated: Sequence[Statement], moved: Sequence[Transition]
) -> list[Recorded]:
    """Read the events that name the payment, and those that state something about it.

    A command of an operator and a timer's word have names of their own.
    """
    known = {one.event.key: one for one in await store.events(key)}
    for event in [one.event for one in stated] + [one.event for one in moved]:
        if event not in known and (found := await store.event(event)) is not None:
            known[event] = found
    return sorted(known.values(), key=lambda one: (one.event.received_ms, one.event.key))


async def _items(store: Store, key: PaymentKey | None, events: Sequence[Recorded]) -> list[Item]:
    """Read the exceptions about the payment, about its events, and about kinds of events."""
    subjects = {subject_of(one.event.key) for one in events}
    subjects |= {
        f"{one.event.key.provider}/{one.event.event_type}"
        for one in events
        if one.verdict in _ABOUT_A_KIND
    }
    if key is not None:
        subjects.add(subject_of(key))
    found: dict[int, Item] = {}
    for subject in sorted(subjects):
        for is_open in (True, False):
            wanted = ItemFilter(is_open=is_open, subject=subject)
            found |= {one.id: one for one in await store.cases.items(wanted, None, ITEMS_MAX)}
    return sorted(found.values(), key=lambda one: (one.anomaly.at_ms, one.id))


async def _notices(store: Store, moved: Sequence[Transition]) -> dict[str, Sent]:
    names = [notices.name(one.payment, one.version) for one in moved]
    return {name: sent for name in names if (sent := await store.finder.notice(name)) is not None}
