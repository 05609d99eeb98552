"""Say what came in time, by instants that providers told and by such that nobody told. Pure.

A payment's facts flow in, and out the observations that were inside its window; `lifecycle` asks
whether they meet the price alone.

An instant that nobody told is the receipt. Events of one provider are received in any order, so it
orders nothing, and is only a bound: what was received inside a window that was told beforehand came
inside it. Against a word that the payment was closed, value is late where either of the two has no
instant, whichever was received first. The provider closes what was not paid in full, so the money
nearly always came after it; and of the two readings this is the one by which no goods move at a
stale price without a person who accepts it.
"""

from collections.abc import Collection, Iterable
from typing import NamedTuple, Self

from consumers.facts import Fact
from consumers.weighing import CALLED_OFF, CLOSING, Terms


class Window(NamedTuple):
    """Until when money was in time.

    `end_ms` is the earliest end that was told beforehand, with the grace; `closed_ms` the earliest
    instant told with a word that the payment was closed. `is_closed` says that there is such a
    word, `is_untold` that there is one without an instant.
    """

    end_ms: int | None
    closed_ms: int | None
    is_closed: bool
    is_untold: bool

    @classmethod
    def of(cls, facts: Iterable[Fact], terms: Terms) -> Self:
        """Take it from a payment's facts: a word that it expired counts where no end was told."""
        ends = [fact.expires_ms for fact in facts if fact.expires_ms is not None]
        closing = CALLED_OFF if ends else CLOSING
        words = [fact for fact in facts if fact.kind in closing]
        told = [fact.at_ms for fact in words if not fact.untold]
        return cls(
            min(ends) + terms.grace_ms if ends else None,
            min(told, default=None),
            is_closed=bool(words),
            is_untold=len(told) < len(words),
        )

    def was_open(self, fact: Fact) -> bool:
        """Say whether an observation came in time."""
        if self.end_ms is not None and fact.at_ms > self.end_ms:
            return False
        if fact.untold or self.is_untold:
            return not self.is_closed
        return self.closed_ms is None or fact.at_ms <= self.closed_ms


def on_time(values: Collection[Fact], stands: Collection[Fact], window: Window) -> list[Fact]:
    """Keep what came inside the window; a transfer once called late is late in all its facts.

    What was seen in time and then mined again, later, came in time: the observations of every
    transfer that stands count, those that were removed too.
    """
    late = {fact.key for fact in values if fact.late}
    keys = {fact.key for fact in stands} - late if late or len(stands) < len(values) else None
    return [fact for fact in values if (keys is None or fact.key in keys) and window.was_open(fact)]
