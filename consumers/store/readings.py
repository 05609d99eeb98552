"""What is kept of an event that was read again: values of the port, in a module of their own."""

from typing import NamedTuple

from consumers.store.keys import EventKey, PaymentKey


class Retraction(NamedTuple):
    """A statement that an event makes no more, or, where it is not retracted, makes again.

    `statement` is the digest that identifies its row, among the facts or among the restatements.
    """

    payment: PaymentKey
    statement: bytes
    is_retracted: bool


class Reread(NamedTuple):
    """One more reading of an event: the `number`th, by which mapping, in which replay.

    `before` is the verdict of the reading before, `verdict` this one's; `replay` is the key of the
    command that did it, which says who and why. `retracted` are statements of older readings.
    """

    event: EventKey
    number: int
    mapping: str
    before: str
    verdict: str
    replay: str
    at_ms: int
    retracted: tuple[Retraction, ...] = ()
