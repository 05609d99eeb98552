"""Which open exceptions a change ends: the store closes what is open, and leaves the rest alone.

A change names every code that its payment's facts are no reason for any more. Most of them were
never raised, and to tell people that those ended would be to tell them of holds that never were.
"""

from collections.abc import Collection
from typing import NamedTuple

from consumers.exceptions import subject_of
from consumers.store.cases import ItemFilter
from consumers.store.port import Changes, PaymentKey, Store

ITEMS_MAX = 500


class Open(NamedTuple):
    """An open exception, by its code and what it is about."""

    code: str
    subject: str


async def open_now(store: Store, *keys: PaymentKey | None) -> frozenset[Open]:
    """Read which exceptions are open about payments or deposits, before they are changed."""
    found: set[Open] = set()
    for subject in {subject_of(key) for key in keys if key is not None}:
        items = await store.cases.items(ItemFilter(subject=subject), None, ITEMS_MAX)
        found |= {Open(one.anomaly.code, subject) for one in items}
    return frozenset(found)


def ended(changes: Changes, before: Collection[Open]) -> list[str]:
    """Name the codes that were open, and that a change ends."""
    return sorted({one.code for one in changes.resolved if Open(one.code, one.subject) in before})
