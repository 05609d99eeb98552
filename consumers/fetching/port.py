"""What the consumers need of a provider's API, said once: ask for one payment, get one answer.

Three things can come of a question. A snapshot is what the provider shows of the payment now; that
there is no such payment is an answer too; and where there is no answer, it is said when to ask
again. A fetcher raises nothing: to be away is what such APIs do.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import NamedTuple, Protocol

from consumers.store.keys import PaymentKey


class Why(StrEnum):
    """What a payment is asked about for: closed, because each value is stored."""

    HINT = "hint"  # an event that proves nothing, or names no amount
    OVERDUE = "overdue"  # it is longer in its state than such payments are
    RECENT = "recent"  # it was confirmed a short while ago
    AGAIN = "again"  # the last answer showed less than we hold


class Trouble(StrEnum):
    """Why there is no answer: closed, because each value is a metric label."""

    BUSY = "busy"  # 429, or 503 with a time to come back
    FAILED = "failed"  # any other 5xx
    REFUSED = "refused"  # 401 or 403: the key may not
    ODD = "odd"  # a redirect, or any other status
    TOO_LARGE = "too_large"
    ECHOED = "echoed"  # it holds our own key
    TIMEOUT = "timeout"
    UNREACHABLE = "unreachable"  # no connection, no TLS, or an address that must not be asked


class Snapshot(NamedTuple):
    """What the provider shows of a payment: the bytes as they came.

    `request_id` is the provider's own name of its answer, or nothing; `digest` is of the body.
    """

    body: bytes
    request_id: str
    digest: str
    fetched_ms: int


class NotThere(NamedTuple):
    """The provider knows no such payment."""

    request_id: str
    fetched_ms: int


class Later(NamedTuple):
    """No answer: ask again, and not before; `retry_after_s` is the provider's wish, or None."""

    trouble: Trouble
    retry_after_s: float | None = None


Answer = Snapshot | NotThere | Later


class Fetcher(Protocol):
    """Asks one account of one provider."""

    async def fetch(self, asked: PaymentKey, why: Why) -> Answer:
        """Ask once, off every request's path."""


class Account(NamedTuple):
    """Whom a fetcher asks: a provider's account, as payments name it."""

    provider: str
    account: str


Fetchers = Mapping[Account, Fetcher]
