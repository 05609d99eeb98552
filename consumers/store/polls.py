"""What was read from providers' APIs, and whether everything is frozen: the values, as stored.

A read is one answer to one question about a payment: what it was compared with, and how that came
out. Nothing of the answer itself is kept but its digest, for it may hold what is personal; what it
stated, if anything, are facts of the event that the read became. A freeze is a switch for a whole
environment: the last word counts, and every word is kept.
"""

from typing import NamedTuple, Protocol

from consumers.store.keys import EventKey, PaymentKey


class ProviderRead(NamedTuple):
    """One answer about a payment. `event` is what it became; None where it stated nothing.

    `why` is what it was asked for, `word` the provider's own status, `comparison` how that stands
    to what we hold; `is_held` says whether we held any money. `request_id` and `body_digest` find
    the answer again at the provider, or in its copies of what it sends.
    """

    payment: PaymentKey
    why: str
    at_ms: int
    word: str
    comparison: str
    is_held: bool
    mapping: str
    request_id: str
    body_digest: str
    event: EventKey | None = None


class Freeze(NamedTuple):
    """A word on the freeze: on or off, by whom, as what, with whose consent, and why.

    `role` is empty where nobody but the program itself said it.
    """

    is_on: bool
    reason: str
    by: str
    role: str
    approved_by: str
    at_ms: int


class FreezeHeld(Protocol):
    """The last word on the freeze, as a transaction sees it at its own place among all others.

    Neither is to be asked once payments or events are locked: everybody takes locks in one order.
    """

    async def read(self) -> Freeze | None:
        """Read the last word; nobody says another before this transaction has ended."""

    async def take(self) -> Freeze | None:
        """Read it as whoever says the next: after all who have read it, and before who will."""


class Population(NamedTuple):
    """How many payments were read since some instant, and of which the last read shows less."""

    polled: int
    regressing: tuple[PaymentKey, ...]
