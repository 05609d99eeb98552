"""The payment lifecycle: states, facts, the table of allowed moves, and the reducer. Pure.

A payment's state is a function of the *set* of verified facts about it: the same for every order of
arrival, every repetition, every retry. `reduce` computes it; `TRANSITIONS` says which moves may be
written, and whatever is not in the table never is. Amounts are integers of the asset's smallest
unit, of any size.
"""

from dataclasses import dataclass
from enum import StrEnum


class State(StrEnum):
    """The one word everybody says about a payment."""

    PENDING = "Pending"
    PAID = "Paid"
    CONFIRMED = "Confirmed"
    EXPIRED = "Expired"
    UNDERPAID = "Underpaid"
    LATE = "Late"


class FactKind(StrEnum):
    """What one verified event can state."""

    EXPECTED = "expected"  # we asked for `amount` until `expires_ms`
    SEEN = "seen"  # value was observed; it may still vanish
    FINAL = "final"  # value is final under the mapping's policy
    EXPIRED = "expired"  # the window closed at `at_ms`


@dataclass(frozen=True, slots=True)
class Fact:
    """One statement of one verified event.

    `key` names the transfer the statement is about (``agg:<provider>:<payment>`` where the provider
    reports only a status; empty for EXPECTED and EXPIRED). `amount` is atomic, None where the
    provider names none. `whole` says that the provider itself calls the amount the full one.
    `late` says that the provider itself calls the transfer late. Times are milliseconds since the
    epoch, of the provider's clock where it has one.
    """

    kind: FactKind
    key: str
    asset: str
    amount: int | None
    whole: bool
    late: bool
    at_ms: int
    expires_ms: int | None = None
