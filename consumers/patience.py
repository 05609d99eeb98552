"""How long a payment may wait in a state before somebody has to look: the limits, as data. Pure.

How long is too long depends on the corridor: five minutes are much on Lightning and nothing on
Bitcoin. Of the limits that fit a payment the one that names the most counts, and of two that name
as many the later one, so that an installation's own rows come before ours. `overdue` is next: it
judges payments by them.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from consumers.exceptions import Code
from consumers.facts import NETWORK_MARK
from consumers.lifecycle import State
from consumers.policy import ANY

_MINUTE_S = 60
_HOUR_S = 3600
_DAY_S = 24 * _HOUR_S

# The exception of each state that somebody has to end. Of the others, Expired, Cancelled and
# Refunded wait for nobody, and whether Confirmed money is in the books is the finance axis: see
# `owing`.
CODES: Mapping[State, Code] = {
    State.PENDING: Code.STUCK_PENDING,
    State.PAID: Code.STUCK_PAID,
    State.UNDERPAID: Code.STUCK_UNDERPAID,
    State.LATE: Code.STUCK_LATE,
    State.FAILED: Code.STUCK_FAILED,
    State.REVERSED: Code.STUCK_REVERSED,
}
# What is owed in whatever state: a refund on its way to Refunded, and the entry for what Confirmed.
OWED: Mapping[State, Code] = {
    State.REFUNDED: Code.REFUND_STUCK,
    State.CONFIRMED: Code.POSTING_LAG,
}
# The states that a `Limit` can be about. Of the books there are business days, not seconds.
LIMITED = (*CODES, State.REFUNDED)


class Limit(NamedTuple):
    """After how long in a state a payment is stuck, and when that gets critical.

    One of Refunded is about a refund on its way.
    """

    state: State
    warn_s: float
    critical_s: float
    provider: str = ANY
    asset: str = ANY
    network: str = ANY

    @property
    def names(self) -> int:
        """Count what it names beside the state."""
        return sum(name != ANY for name in (self.provider, self.asset, self.network))

    def fits(self, provider: str, asset: str) -> bool:
        """Say whether it is about this corridor; `asset` is a symbol, maybe with its network."""
        symbol, _, network = asset.partition(NETWORK_MARK)
        return (
            self.provider in {ANY, provider}
            and self.asset in {ANY, symbol}
            and self.network in {ANY, network}
        )


# An event about a payment that nobody announced: how long it waits before it is weighed again, each
# wait behind the one before; after the last of them somebody is called (UNKNOWN_PAYMENT). They come
# to 1 h 12 min 35 s: what providers and merchants need to tell both halves of one sale, and more.
PARKED_RETRY_S = (5.0, 30.0, 2.0 * _MINUTE_S, 10.0 * _MINUTE_S, 1.0 * _HOUR_S)

# Pending and Underpaid count from the end of the window, the others from their beginning.
DEFAULTS: Sequence[Limit] = (
    Limit(State.PENDING, 30 * _MINUTE_S, _DAY_S),
    Limit(State.PAID, 2 * _HOUR_S, _DAY_S),
    Limit(State.PAID, _MINUTE_S, 5 * _MINUTE_S, network="lightning"),
    Limit(State.PAID, 5 * _MINUTE_S, 30 * _MINUTE_S, network="solana"),
    Limit(State.PAID, 10 * _MINUTE_S, _HOUR_S, network="tron"),
    *(
        Limit(State.PAID, 30 * _MINUTE_S, 2 * _HOUR_S, network=network)
        for network in ("ethereum", "base", "arbitrum", "optimism", "polygon", "bsc", "avalanche")
    ),
    Limit(State.UNDERPAID, _DAY_S, 3 * _DAY_S),
    Limit(State.LATE, _DAY_S, 3 * _DAY_S),
    Limit(State.FAILED, _DAY_S, 3 * _DAY_S),
    Limit(State.REVERSED, _HOUR_S, _DAY_S),
    Limit(State.REFUNDED, _DAY_S, 3 * _DAY_S),
)


def all_limits(given: Sequence[Limit], in_general_s: Mapping[State, float]) -> Sequence[Limit]:
    """Put an installation's limits behind ours; its general ones take the place of ours."""
    ours = [one for one in DEFAULTS if one.state not in in_general_s]
    general = [
        Limit(state, warn_s, _CRITICAL_TIMES * warn_s) for state, warn_s in in_general_s.items()
    ]
    return (*ours, *general, *given)


_CRITICAL_TIMES = 3


def earliest_warning_s(limits: Iterable[Limit], state: State) -> float | None:
    """Return the age below which no payment of a state is stuck; None where none ever is."""
    return min((one.warn_s for one in limits if one.state is state), default=None)
