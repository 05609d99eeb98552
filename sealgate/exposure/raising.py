"""Open an exception for each event that nothing bears out, and close those that are borne out now.

Once: an event whose item is open already gets no second one, so that the report can be made again
after every step of an incident without making the queue longer.
"""

from collections.abc import Sequence
from typing import NamedTuple

from consumers.exceptions import HANDLING, Code, subject_of
from consumers.exposure import Exposed, Standing
from consumers.store.port import Anomaly, Changes, Resolution, Store
from sealgate.exposure.gather import Gathered

CODE = Code.KEY_EXPOSURE_UNCORROBORATED
OPEN_MAX = 100_000
_SETTLED = frozenset({Standing.CORROBORATED, Standing.VOID})


class Raised(NamedTuple):
    """How many items were opened, how many were open already, and how many were closed."""

    opened: int
    kept: int
    closed: int


async def raise_items(store: Store, found: Gathered, now_ms: int) -> Raised:
    """Bring the queue in line with the report. Raises `StoreUnavailable`."""
    exposed = [one for stake in found.stakes for one in stake.events]
    items = await store.list_anomalies(OPEN_MAX)
    known = {item.anomaly.subject for item in items if item.anomaly.code == CODE.value}
    doubted = [one for one in exposed if one.standing is Standing.UNCORROBORATED]
    fresh = [one for one in doubted if subject_of(one.recorded.event.key) not in known]
    closed = [
        Resolution(CODE.value, name, f"{one.standing.value}: {'; '.join(one.reasons)}", now_ms)
        for one in exposed
        if one.standing in _SETTLED and (name := subject_of(one.recorded.event.key)) in known
    ]
    if fresh or closed:
        async with store.transaction() as tx:
            await tx.save(Changes(anomalies=_anomalies(fresh, now_ms), resolved=closed))
    return Raised(len(fresh), len(doubted) - len(fresh), len(closed))


def _anomalies(exposed: Sequence[Exposed], now_ms: int) -> list[Anomaly]:
    return [
        Anomaly(
            code=CODE.value,
            subject=subject_of(event.key),
            severity=HANDLING[CODE].severity,
            evidence=(
                f"{event.event_type}, proven with key {event.key_id} of {event.source}, moved"
                f" {len(one.transitions)} times; nothing else states it"
            ),
            event=event.key,
            at_ms=now_ms,
        )
        for one in exposed
        for event in [one.recorded.event]
    ]
