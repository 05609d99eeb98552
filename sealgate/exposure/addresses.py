"""How an event or a payment is written, and what a person may type instead.

An event is `provider/account/key`, as in every report. A person holds other ids more often: the
correlation id of an answer, or the provider's own id of the event. Those are looked up, and where
they stand for more than one event nothing is guessed.
"""

from collections.abc import Collection, Sequence
from typing import NamedTuple

from consumers.stating import OURSELVES
from consumers.store.port import Event, EventKey, PaymentKey, Recorded, Store
from ingress.contract import cloudevents


class Account(NamedTuple):
    """A provider and the account there: of which event keys are unique."""

    provider: str
    account: str


class Unclear(ValueError):
    """A person's words stand for no event, or for several; the message lists them."""


def write(key: EventKey | PaymentKey) -> str:
    """Write the name of an event or a payment. Only its last part may hold a slash."""
    account = key.account.replace("%", "%25").replace("/", "%2F")
    return f"{key.provider}/{account}/{key[2]}"


def read(text: str) -> EventKey | None:
    """Read what `write` writes of an event; None for anything else.

    A key that is too long or too odd to be kept as it is told is kept as its digest, and a person
    holds it as it is told.
    """
    provider, _, rest = text.partition("/")
    account, _, key = rest.partition("/")
    if not (provider and account and key):
        return None
    account = account.replace("%2F", "/").replace("%25", "%")
    return EventKey(provider, account, cloudevents.attribute(key))


async def find(store: Store, text: str, accounts: Collection[Account]) -> Recorded:
    """Find the event that `text` stands for. Raises `Unclear`."""
    found = await _candidates(store, text, accounts)
    if len(found) == 1:
        return found[0]
    if not found:
        raise Unclear(
            f"{text}: no event is known by this; say provider/account/key, a correlation id, or"
            " the key of an event of a configured source"
        )
    listed = "".join(f"\n  {write(one.event.key)}  {one.event.event_type}" for one in found)
    raise Unclear(f"{text}: stands for {len(found)} events; say which:{listed}")


async def _candidates(store: Store, text: str, accounts: Collection[Account]) -> Sequence[Recorded]:
    whole = read(text)
    if whole is not None:
        exact = await store.event(whole)
        if exact is not None:
            return [exact]
    stored = cloudevents.attribute(text)
    keys = [EventKey(*account, stored) for account in sorted(set(accounts))]
    named = [one for key in keys if (one := await store.event(key)) is not None]
    known = {one.event.key: one for one in [*named, *await store.correlated(text)]}
    return list(known.values())


async def payment_of(store: Store, event: Event) -> PaymentKey | None:
    """Say which payment an event is about: one of ours names the reference alone."""
    key, reference = event.key, event.reference
    if not reference:
        return None
    if key.provider != OURSELVES:
        return PaymentKey(key.provider, key.account, reference)
    for payment in await store.finder.referenced(reference):
        if payment.provider != OURSELVES and await _is_moved_by(store, payment, key):
            return payment
    return None


async def _is_moved_by(store: Store, payment: PaymentKey, event: EventKey) -> bool:
    """Say whether an event stated anything about a payment."""
    return any(one.event == event for one in await store.statements(payment))
