"""Count how often the goods of a payment may leave: its generations. Pure.

The states of a payment's history flow in, in their order; out comes the number under which goods
leave when it is Confirmed. A payment may be Confirmed several times: money that is found to be late
and is accepted then, an event that was void and is not any more. Nothing was called back meanwhile,
so these are the same goods, under the same number. Only where a payment was Confirmed and then is
Reversed or Refunded are the goods to be called back; whatever confirms it after that is for goods
that leave anew, under the next number.

So the number is a function of the history as written, which is the same after every crash and every
repetition. Nobody keeps it: a payment that has moved more than once is read with its history.
"""

from typing import NamedTuple, Self

from consumers.lifecycle import State

# Goods that left are called back, and the money is gone.
REVOKING = frozenset({State.REVERSED, State.REFUNDED})
# The states that say anything of goods; all others leave them where they are.
TELLING = REVOKING | {State.CONFIRMED}


class Fulfilment(NamedTuple):
    """Which goods leave when a payment is Confirmed, and whether they were to leave already."""

    generation: int = 1
    is_due: bool = False

    def then(self, state: State) -> Self:
        """Return what is so after a move to `state`."""
        if state is State.CONFIRMED:
            return self._replace(is_due=True)
        if self.is_due and state in REVOKING:
            return self._replace(generation=self.generation + 1, is_due=False)
        return self


NONE_YET = Fulfilment()
