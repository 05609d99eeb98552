"""Facts: what one verified event, or one operator's command, can state about a payment. Pure.

Interpretation states facts, the store keeps them, and the reducer (`lifecycle`) reads the whole set
of a payment's facts. A fact is never changed and never taken back: what turns out differently is
another fact. Amounts are integers of the asset's smallest unit, of any size.
"""

from enum import StrEnum
from typing import NamedTuple

# A key that begins so is a running total of the whole payment, not one transfer.
TOTAL_PREFIX = "agg:"
# Between an asset's symbol and its network, where the network is known: ``USDT@tron``.
NETWORK_MARK = "@"


class FactKind(StrEnum):
    """What a fact states. `key` and `detail` of a `Fact` mean what is said here."""

    # A member equals its text, so it hashes as its text; and at the text's price, not at a call's.
    __hash__ = str.__hash__

    EXPECTED = "expected"  # we asked for `amount` until `expires_ms`; detail: OPEN, ANNOUNCED
    SEEN = "seen"  # value was observed; it may still vanish. detail: the block, if it has one
    FINAL = "final"  # value is final under the mapping's policy. detail: the block, if told
    REMOVED = "removed"  # the inclusion of `key` in the block `detail` does not stand any more
    DROPPED = "dropped"  # the sighting of `key` outside any block does not stand any more
    EXPIRED = "expired"  # the window closed at `at_ms`
    CANCELLED = "cancelled"  # called off at `at_ms`, by the merchant or the payer
    FAILED = "failed"  # the provider says it cannot succeed. detail: a `Failure`
    REFUND = "refund"  # `amount` is given back under the refund `key`. detail: a `RefundStatus`
    SETTLED = "settled"  # the provider credited our balance. detail: gross, fee or net
    HOLD = "hold"  # goods and books must not move. key: the `HoldKind`; detail: on or off
    NOTE = "note"  # a word that moves nothing. detail: a `Note` or an `OwnNote`
    ACCEPT_LATE = "accept_late"  # an operator takes late money for the payment
    ACCEPT_UNDER = "accept_under"  # an operator takes less than was asked for the payment
    POSTED = "posted"  # finance booked `amount` under the posting `key`. detail: on or off


class Failure(StrEnum):
    """Why a provider says that a payment cannot succeed."""

    UNCONFIRMED = "unconfirmed"  # the network did not confirm it in time: it still may
    REJECTED = "rejected"  # refused, by the provider or by a bank
    AML = "aml"  # refused by a check against money laundering
    OPERATOR = "operator"  # somebody said so by hand


class RefundStatus(StrEnum):
    """How far a refund is."""

    PENDING = "pending"
    SUCCEEDED = "succeeded"
    FAILED = "failed"


class HoldKind(StrEnum):
    """Who asks that nothing moves; only the same kind lets go."""

    COMPLIANCE = "compliance"
    FINANCE = "finance"
    SECURITY = "security"
    OUTAGE = "outage"
    OPERATOR = "operator"
    DISPUTE = "dispute"


class Note(StrEnum):
    """What a provider says beside the money."""

    OVERPAID = "overpaid"
    MANUALLY_MARKED = "manually_marked"
    INFERRED = "inferred"
    UNDERPAID = "underpaid"


class OwnNote(StrEnum):
    """What people here say beside the money, by commands alone: it moves nothing."""

    REFUND_REQUESTED = "refund_requested"  # `amount` is to be given back; key: the command's
    REPLACES = "replaces"  # asked for instead of the payment `key`
    REPLACED_BY = "replaced_by"  # asked for again as the payment `key`


OPEN = "open"  # of EXPECTED: any amount will do
ANNOUNCED = "announced"  # of EXPECTED: by the merchant, and no provider's word beats it
ON, OFF = "on", "off"  # of HOLD and POSTED


class Fact(NamedTuple):
    """One statement of one verified event.

    `key` names what the statement is about: the transfer (``agg:<provider>:<payment>`` where the
    provider reports only a status), the refund, the hold, the posting; nothing where the kind says
    nothing. `asset` is a symbol of the registry, with its network where that is known. `amount` is
    atomic, None where the provider names none. `whole` says that the provider itself calls the
    amount the full one. `late` says that the provider itself calls the transfer late. Times are
    milliseconds since the epoch, of the provider's clock where it has one; an expectation has no
    instant, and 0. `untold` says that the provider told none: `at_ms` is then the receipt, a bound
    and no order, because events of one provider are received in any.
    """

    kind: FactKind
    key: str
    asset: str
    amount: int | None
    whole: bool
    late: bool
    at_ms: int
    expires_ms: int | None = None
    detail: str = ""
    untold: bool = False


_INSTANT = Fact._fields.index("at_ms")


def statement(fact: Fact) -> tuple[object, ...]:
    """Return everything a fact says but the instant."""
    return (*fact[:_INSTANT], *fact[_INSTANT + 1 :])


def simple(
    kind: FactKind,
    at_ms: int,
    *,
    key: str = "",
    asset: str = "",
    amount: int | None = None,
    detail: str = "",
) -> Fact:
    """Make a fact that nobody's word on wholeness or lateness belongs to."""
    return Fact(kind, key, asset, amount, whole=False, late=False, at_ms=at_ms, detail=detail)
