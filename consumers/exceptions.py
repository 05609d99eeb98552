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

    AMOUNT_UNDER = "AMOUNT_UNDER"
    LATE_FUNDS = "LATE_FUNDS"
    UNKNOWN_PAYMENT = "UNKNOWN_PAYMENT"
    UNKNOWN_ASSET = "UNKNOWN_ASSET"
    UNKNOWN_TYPE = "UNKNOWN_TYPE"
    SCHEMA_DRIFT = "SCHEMA_DRIFT"
    ILLEGAL_TRANSITION = "ILLEGAL_TRANSITION"
    ENV_MISMATCH = "ENV_MISMATCH"
    KEY_EXPOSURE_UNCORROBORATED = "KEY_EXPOSURE_UNCORROBORATED"
    CONFLICTING_BODY = "CONFLICTING_BODY"


class Owner(StrEnum):
    """Who answers for an open item."""

    PAYMENT_OPERATIONS = "payment operations"
    ENGINEERING = "engineering"
    TREASURY = "engineering and treasury"
    SECURITY = "engineering and security"


@dataclass(frozen=True, slots=True)
class Handling:
    """How an exception is worked. `severity`: 1 now, 2 this shift, 3 this business day, 4 weekly.

    `subject` says what one open item is about, and so how many there can be.
    """

    raised_when: str
    subject: str
    severity: int
    owner: Owner
    resolution: str


HANDLING: Mapping[Code, Handling] = {
    Code.AMOUNT_UNDER: Handling(
        "money came, and less than was asked",
        "payment",
        3,
        Owner.PAYMENT_OPERATIONS,
        "ask for the rest, accept the lower amount, or refund",
    ),
    Code.LATE_FUNDS: Handling(
        "the full amount came after the window had closed",
        "payment",
        3,
        Owner.PAYMENT_OPERATIONS,
        "accept it late, quote again, or refund",
    ),
    Code.UNKNOWN_PAYMENT: Handling(
        "a verified event about a payment names no payment",
        "event type",
        2,
        Owner.ENGINEERING,
        "correct the place of the payment reference in the provider's profile, then replay",
    ),
    Code.UNKNOWN_ASSET: Handling(
        "an amount is in an asset that the registry does not know",
        "asset",
        2,
        Owner.TREASURY,
        "register the asset after review, then replay",
    ),
    Code.UNKNOWN_TYPE: Handling(
        "a verified event has a type that the provider's mapping does not know",
        "event type",
        4,
        Owner.ENGINEERING,
        "add the type to the mapping, with facts or without, then replay",
    ),
    Code.SCHEMA_DRIFT: Handling(
        "a verified event of a known type cannot be read",
        "event type",
        2,
        Owner.ENGINEERING,
        "correct the mapping, then replay",
    ),
    Code.ILLEGAL_TRANSITION: Handling(
        "the facts ask for a move that the transition table does not have",
        "payment",
        2,
        Owner.ENGINEERING,
        "correct the mapping and replay, or confirm it as the provider's fault",
    ),
    Code.ENV_MISMATCH: Handling(
        "something that is, or says that it is, of another environment came to this one",
        "source",
        1,
        Owner.SECURITY,
        "correct the source's configuration, and list what else came through it",
    ),
    Code.KEY_EXPOSURE_UNCORROBORATED: Handling(
        "nothing but a key that leaked proves an event",
        "event",
        1,
        Owner.SECURITY,
        "ask the provider about the event, then mark it corroborated or void it",
    ),
    Code.CONFLICTING_BODY: Handling(
        "one event came with two bodies, and the second states what the first does not",
        "payment",
        2,
        Owner.SECURITY,
        "ask the provider which body is its own, void the other, and revoke its key if it leaked",
    ),
}


def subject_of(key: Iterable[str]) -> str:
    """Name a payment or an event as the subject of an exception."""
    return cloudevents.attribute("/".join(key))
