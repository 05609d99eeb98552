"""Tell downstream of a hold that was placed or let go in a state that stays as it is. Pure.

A payment before and after flows in, with who said what; a notice of a type of its own flows out, or
none. Where the payment moves, the notice of the move names the holds, and there is no second one.
"""

from collections.abc import Iterator
from typing import NamedTuple

from consumers import notices, standing
from consumers.notices import Occasion
from consumers.store.port import Cause, EventKey, Notice, Payment, Transition
from consumers.weighing import Terms


class Because(NamedTuple):
    """What the change came of."""

    event: EventKey
    correlation_id: str
    cause: Cause
    at_ms: int


def heard(
    before: Payment, after: Payment, because: Because, occasion: Occasion, terms: Terms
) -> Iterator[Notice]:
    """Yield the notice of a change of holds; nothing where they are as before."""
    was, held = (
        standing.in_force(one.facts, standing.contradictions(one.facts, terms))
        for one in (before, after)
    )
    if held == was:
        return
    place = Transition(
        payment=after.key,
        version=after.version,
        before=after.state,
        after=after.state,
        event=because.event,
        correlation_id=because.correlation_id,
        at_ms=because.at_ms,
        cause=because.cause,
    )
    flags = standing.flags(after.facts, terms)
    yield notices.build_held(
        place, occasion, flags, after.fulfilment.generation, is_placed=bool(held - was)
    )
