"""The closed list of exceptions: what each means, how bad it is, whose it is, how it ends. Pure.

An exception is work for a human, not a Python error. There is one open item for a code and a
subject; more evidence for it is added to that item. Free text is evidence, never a new code: a
drawer called "other" is how a queue stops being read.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from ingress.contract import cloudevents


class Code(StrEnum):
    """Every exception there is."""

    __hash__ = str.__hash__

    AMOUNT_UNDER = "AMOUNT_UNDER"
    AMOUNT_OVER = "AMOUNT_OVER"
    LATE_FUNDS = "LATE_FUNDS"
    DUPLICATE_PAYMENT = "DUPLICATE_PAYMENT"
    UNMATCHED_DEPOSIT = "UNMATCHED_DEPOSIT"
    UNKNOWN_PAYMENT = "UNKNOWN_PAYMENT"
    ASSET_MISMATCH = "ASSET_MISMATCH"
    NETWORK_MISMATCH = "NETWORK_MISMATCH"
    UNKNOWN_ASSET = "UNKNOWN_ASSET"
    ENV_MISMATCH = "ENV_MISMATCH"
    ILLEGAL_TRANSITION = "ILLEGAL_TRANSITION"
    CONTRADICTORY_OUTCOME = "CONTRADICTORY_OUTCOME"
    FUNDS_REVERSED = "FUNDS_REVERSED"
    STATE_DIVERGENCE = "STATE_DIVERGENCE"
    STUCK_PENDING = "STUCK_PENDING"
    STUCK_PAID = "STUCK_PAID"
    STUCK_UNDERPAID = "STUCK_UNDERPAID"
    STUCK_LATE = "STUCK_LATE"
    STUCK_FAILED = "STUCK_FAILED"
    STUCK_REVERSED = "STUCK_REVERSED"
    POSTING_LAG = "POSTING_LAG"
    POSTED_BEFORE_CONFIRMED = "POSTED_BEFORE_CONFIRMED"
    POSTED_MISMATCH = "POSTED_MISMATCH"
    REFUND_WITHOUT_FUNDS = "REFUND_WITHOUT_FUNDS"
    REFUND_STUCK = "REFUND_STUCK"
    REFUND_REQUESTED = "REFUND_REQUESTED"
    VERIFICATION_FAILURE_SPIKE = "VERIFICATION_FAILURE_SPIKE"
    KEY_EXPOSURE_UNCORROBORATED = "KEY_EXPOSURE_UNCORROBORATED"
    CONFLICTING_BODY = "CONFLICTING_BODY"
    UNKNOWN_TYPE = "UNKNOWN_TYPE"
    SCHEMA_DRIFT = "SCHEMA_DRIFT"
    COMPLIANCE_HOLD = "COMPLIANCE_HOLD"
    NEEDS_FETCH = "NEEDS_FETCH"
    CHAIN_INTEGRITY = "CHAIN_INTEGRITY"


class Owner(StrEnum):
    """Who answers for an open item."""

    PAYMENT_OPERATIONS = "payment operations"
    OPERATIONS_AND_FINANCE = "payment operations and finance"
    OPERATIONS_AND_ENGINEERING = "payment operations and engineering"
    ENGINEERING = "engineering"
    TREASURY = "treasury"
    ENGINEERING_AND_TREASURY = "engineering and treasury"
    SECURITY = "engineering and security"
    FINANCE = "finance"
    COMPLIANCE = "compliance"


@dataclass(frozen=True, slots=True)
class Handling:
    """How an exception is worked. `severity`: 1 now, 2 this shift, 3 this business day, 4 weekly.

    `subject` says what one open item is about, and so how many there can be. `heals` says that it
    closes by itself once the facts no longer give a reason for it.
    """

    raised_when: str
    subject: str
    severity: int
    owner: Owner
    resolution: str
    heals: bool


HANDLING: Mapping[Code, Handling] = {
    Code.AMOUNT_UNDER: Handling(
        "money came, and less than was asked",
        "payment",
        3,
        Owner.PAYMENT_OPERATIONS,
        "ask for the rest, take less (`sealgate payments accept-underpaid`), or give it back"
        " (`sealgate payments request-refund`)",
        heals=True,
    ),
    Code.AMOUNT_OVER: Handling(
        "more came than was asked for, and was not given back",
        "payment",
        3,
        Owner.OPERATIONS_AND_FINANCE,
        "give the surplus back (`sealgate payments request-refund`), or credit it to the customer"
        " and write it off (`sealgate exceptions write-off`)",
        heals=True,
    ),
    Code.LATE_FUNDS: Handling(
        "the full amount came after the window had closed",
        "payment",
        3,
        Owner.PAYMENT_OPERATIONS,
        "take it (`sealgate payments accept-late`), or give it back"
        " (`sealgate payments request-refund`)",
        heals=True,
    ),
    Code.DUPLICATE_PAYMENT: Handling(
        "two transfers each bring the whole price",
        "payment",
        2,
        Owner.PAYMENT_OPERATIONS,
        "give the second back (`sealgate payments request-refund`), or apply it to another invoice"
        " and write it off (`sealgate exceptions write-off`)",
        heals=True,
    ),
    Code.UNMATCHED_DEPOSIT: Handling(
        "money came that names no payment we know, or came for one after all had been given back",
        "event or payment",
        3,
        Owner.PAYMENT_OPERATIONS,
        "match it with a payment, return it, or hold it as a liability",
        heals=False,
    ),
    Code.UNKNOWN_PAYMENT: Handling(
        "a verified event about a payment names none, or one that nobody expects",
        "payment or event type",
        2,
        Owner.ENGINEERING,
        "expect the payment, or correct where the profile looks for the reference; then replay",
        heals=True,
    ),
    Code.ASSET_MISMATCH: Handling(
        "money came in another asset than was asked for",
        "payment",
        2,
        Owner.TREASURY,
        "recover it through the provider, return it, or accept it at its fair value",
        heals=True,
    ),
    Code.NETWORK_MISMATCH: Handling(
        "money came on another network than was asked for",
        "payment",
        2,
        Owner.TREASURY,
        "recover it through the provider, return it, or accept it at its fair value",
        heals=True,
    ),
    Code.UNKNOWN_ASSET: Handling(
        "an amount is in an asset that the registry does not know",
        "asset",
        2,
        Owner.ENGINEERING_AND_TREASURY,
        "register the asset after review, then replay",
        heals=False,
    ),
    Code.ENV_MISMATCH: Handling(
        "something that is, or says that it is, of another environment came to this one",
        "source",
        1,
        Owner.SECURITY,
        "correct the source's configuration, and list what else came through it",
        heals=False,
    ),
    Code.ILLEGAL_TRANSITION: Handling(
        "the facts ask for a move that the transition table does not have",
        "payment",
        2,
        Owner.ENGINEERING,
        "correct the mapping and replay, or confirm it as the provider's fault",
        heals=False,
    ),
    Code.CONTRADICTORY_OUTCOME: Handling(
        "verified facts about one payment exclude each other",
        "payment",
        1,
        Owner.OPERATIONS_AND_ENGINEERING,
        "ask the provider for its own record, and open a ticket there",
        heals=True,
    ),
    Code.FUNDS_REVERSED: Handling(
        "money that was seen is gone",
        "payment",
        1,
        Owner.OPERATIONS_AND_FINANCE,
        "stop the shipment, wait for the money to be mined again, recover it, or write it off",
        heals=True,
    ),
    Code.STATE_DIVERGENCE: Handling(
        "the provider's own record is not what we hold",
        "payment",
        2,
        Owner.ENGINEERING,
        "state what the provider holds as a fact, or open a ticket there",
        heals=True,
    ),
    Code.STUCK_PENDING: Handling(
        "a payment is Pending longer than its corridor takes",
        "payment",
        3,
        Owner.PAYMENT_OPERATIONS,
        "ask the provider, and let the payment expire by a fact",
        heals=True,
    ),
    Code.STUCK_PAID: Handling(
        "a payment is Paid longer than its corridor takes to confirm",
        "payment",
        3,
        Owner.PAYMENT_OPERATIONS,
        "ask the provider and look at the chain; never confirm by hand to clear a figure",
        heals=True,
    ),
    Code.STUCK_UNDERPAID: Handling(
        "nobody decided about an underpaid payment in time",
        "payment",
        3,
        Owner.PAYMENT_OPERATIONS,
        "ask for the rest, take less (`sealgate payments accept-underpaid`), or give it back"
        " (`sealgate payments request-refund`)",
        heals=True,
    ),
    Code.STUCK_LATE: Handling(
        "nobody decided about late money in time",
        "payment",
        3,
        Owner.PAYMENT_OPERATIONS,
        "take it (`sealgate payments accept-late`), or give it back"
        " (`sealgate payments request-refund`)",
        heals=True,
    ),
    Code.STUCK_FAILED: Handling(
        "a failed payment holds money, and nobody decided about it in time",
        "payment",
        3,
        Owner.PAYMENT_OPERATIONS,
        "ask the provider where the money is, and give it back"
        " (`sealgate payments request-refund`)",
        heals=True,
    ),
    Code.STUCK_REVERSED: Handling(
        "money that was gone has not come back in time",
        "payment",
        2,
        Owner.OPERATIONS_AND_FINANCE,
        "recover it, or write it off",
        heals=True,
    ),
    Code.POSTING_LAG: Handling(
        "a confirmed payment is not in the books in time",
        "payment",
        3,
        Owner.FINANCE,
        "book it and say so (`sealgate payments posted`), or say why not",
        heals=True,
    ),
    Code.POSTED_BEFORE_CONFIRMED: Handling(
        "more is in the books than is final",
        "payment",
        1,
        Owner.FINANCE,
        "reverse the entry, and say so (`sealgate payments unposted`)",
        heals=True,
    ),
    Code.POSTED_MISMATCH: Handling(
        "the books hold another amount than is final",
        "payment",
        1,
        Owner.FINANCE,
        "reverse the entry and say so (`sealgate payments unposted`), then post the right amount"
        " (`sealgate payments posted`)",
        heals=True,
    ),
    Code.REFUND_WITHOUT_FUNDS: Handling(
        "a refund is told of a payment for which no money was ever seen",
        "payment",
        2,
        Owner.FINANCE,
        "ask the provider which payment it belongs to",
        heals=True,
    ),
    Code.REFUND_STUCK: Handling(
        "a refund is pending longer than refunds take",
        "payment",
        2,
        Owner.FINANCE,
        "ask the provider, and tell the customer",
        heals=True,
    ),
    Code.REFUND_REQUESTED: Handling(
        "a refund was decided, and none is told of yet",
        "payment",
        3,
        Owner.FINANCE,
        "give it back where the money is, and state it (`sealgate payments refunded`); or take the"
        " request back (`sealgate payments withdraw`)",
        heals=True,
    ),
    Code.VERIFICATION_FAILURE_SPIKE: Handling(
        "deliveries of a source fail verification, and did not before",
        "source",
        1,
        Owner.SECURITY,
        "follow the runbook of verification failures",
        heals=False,
    ),
    Code.KEY_EXPOSURE_UNCORROBORATED: Handling(
        "nothing but a key that leaked proves an event",
        "event",
        1,
        Owner.SECURITY,
        "ask the provider about the event, then mark it corroborated or void it",
        heals=False,
    ),
    Code.CONFLICTING_BODY: Handling(
        "one event came with two bodies, and the second states what the first does not",
        "payment",
        2,
        Owner.SECURITY,
        "ask the provider which body is its own, void the other, and revoke its key if it leaked",
        heals=False,
    ),
    Code.UNKNOWN_TYPE: Handling(
        "a verified event has a type that the provider's mapping does not know",
        "event type",
        4,
        Owner.ENGINEERING,
        "add the type to the mapping, with facts or without, then replay",
        heals=False,
    ),
    Code.SCHEMA_DRIFT: Handling(
        "a verified event of a known type cannot be read",
        "event type",
        2,
        Owner.ENGINEERING,
        "correct the mapping, then replay",
        heals=False,
    ),
    Code.COMPLIANCE_HOLD: Handling(
        "the money is held back for a check, by the provider or by our own people",
        "payment",
        2,
        Owner.COMPLIANCE,
        "let compliance decide: release (`sealgate payments release`), return or report; nobody"
        " else can",
        heals=True,
    ),
    Code.NEEDS_FETCH: Handling(
        "the signature does not prove the content, so nothing was applied",
        "payment",
        3,
        Owner.ENGINEERING,
        "ask the provider for the payment: what it answers is applied",
        heals=True,
    ),
    Code.CHAIN_INTEGRITY: Handling(
        "the audit chain has a gap, or an entry that is not what was written",
        "chain",
        1,
        Owner.SECURITY,
        "freeze the close, compare with the last checkpoint outside, restore, report",
        heals=False,
    ),
}


def subject_of(key: Iterable[str]) -> str:
    """Name a payment or an event as the subject of an exception."""
    return cloudevents.attribute("/".join(key))
