"""What identifies payments and events, apart from all that is known of them."""

from typing import NamedTuple


class PaymentKey(NamedTuple):
    """What identifies a payment in one environment."""

    provider: str
    account: str
    reference: str


class EventKey(NamedTuple):
    """What identifies a provider's event, for ever."""

    provider: str
    account: str
    key: str
