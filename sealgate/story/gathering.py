"""Read everything that the store knows of one payment, or of one event that concerns none.

A story flows out as it stands at one time after another: events first, the outbox last, so that a
notice shown as waiting may have gone out meanwhile, and never the other way round.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from consumers import notices
from consumers.exceptions import subject_of
from consumers.stating import OURSELVES
from consumers.store.cases import Action, Item, ItemFilter
from consumers.store.deposit_reads import DepositReads
from consumers.store.deposits import DepositMove
from consumers.store.finding import Heard, Sent
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
    holds: Sequence[Heard] = ()
    moves: Sequence[DepositMove] = ()
    """Notices of holds alone: those of moves are `notices`, by id.

    `moves` is what was decided about deposits: about this one, or to give this payment one and to
    take it back.
    """

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
        actions = await _ordered(store, events)
        return Story(found, None, events, (), (), items, actions, marks, {})
    statements = await store.statements(key)
    transitions = await store.transitions(key)
    moves = await DepositReads.of(store).decided(key)
    because = [one.event for one in statements]
    because += [one.event for one in transitions]
    because += [one.event for one in moves]
    events = await _events(store, key, because)
    return Story(
        found,
        await store.payment(key),
        events,
        statements,
        transitions,
        await _items(store, key, events),
        await _actions(store, key, moves),
        await store.marks([one.event.key for one in events]),
        await _notices(store, transitions),
        await _holds(store, key),
        moves,
    )


async def _ordered(store: Store, events: Sequence[Recorded]) -> list[Action]:
    """Read what people ordered that is about no payment: a replay, or the record of a drill."""
    names = [one.event.key.key for one in events if one.event.key.provider == OURSELVES]
    found = [await store.cases.action(name) for name in names]
    return [one for one in found if one is not None]


async def _actions(store: Store, key: PaymentKey, moves: Sequence[DepositMove]) -> list[Action]:
    """Read what people did to the payment, and to the deposits that were its own.

    Of its deposits only what tied them to it, or let them go: the rest is their own story.
    """
    found = {one.key: one for one in await store.cases.actions(key)}
    for name in [one.event.key for one in moves if one.event.provider == OURSELVES]:
        if name not in found and (action := await store.cases.action(name)) is not None:
            found[name] = action
    return sorted(found.values(), key=lambda one: one.at_ms)


async def _events(store: Store, key: PaymentKey, because: Sequence[EventKey]) -> list[Recorded]:
    """Read the events that name the payment, and those that state something about it.

    A command of an operator and a timer's word have names of their own.
    """
    known = {one.event.key: one for one in await store.events(key)}
    for event in because:
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


async def _holds(store: Store, key: PaymentKey) -> list[Heard]:
    """Read what downstream was told of holds, in the order of writing."""
    heard = await store.finder.notices(notices.begin(key), key)
    return [one for one in heard if notices.is_of_hold(one.notice)]
