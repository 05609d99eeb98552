"""Amounts beyond 2^63 with 18 decimals, from the event's text to both databases and back.

BitPay really sends 12,000,000,000,000,000,000: twelve units at 18 decimals. A database that turns
it into a floating point number loses the customer's last wei, and one that cannot hold it at all
stops every payment behind it.
"""

import pytest

from consumers import standing
from consumers.apply import Applier
from consumers.facts import Fact, FactKind, simple
from consumers.lifecycle import State
from consumers.store.port import PaymentKey, Store
from tests.support.builders import NOW_MS, PARTITION, envelope, record
from tests.support.store_told import Teller

LARGEST = 10**78 - 1
AMOUNTS = [2**63 - 1, 2**63, 12 * 10**18 + 1, 2**64 + 1, 2**256 - 1, LARGEST]
PAY_1 = PaymentKey("kobbopay", "main", "pay_1")


def final(amount: int, key: str = "tx:1") -> Fact:
    """Make a transfer final."""
    return simple(FactKind.FINAL, 500, key=key, asset="DAI", amount=amount)


def price(amount: int) -> Fact:
    """Ask for an amount."""
    return simple(FactKind.EXPECTED, 0, asset="DAI", amount=amount)


@pytest.mark.parametrize("amount", AMOUNTS)
async def test_an_amount_is_read_back_to_the_last_unit(store: Store, amount: int) -> None:
    """And weighed as read back: one unit less is Underpaid, through a batch and a read between."""
    teller = Teller(store)
    await teller.tell(("asked", [price(amount)]))
    await teller.tell(("short", [final(amount - 1)]))
    assert await teller.state() is State.UNDERPAID
    await teller.tell(("rest", [final(1, "tx:2")]))
    assert await teller.state() is State.CONFIRMED
    stored = await teller.payment()
    assert {fact.amount for fact in stored.facts} == {amount, amount - 1, 1}
    assert standing.amounts(stored.facts).confirmed == {"DAI": amount}
    assert await store.anomalies_open() == {}


async def test_a_sum_beyond_what_a_database_holds_is_still_a_sum(store: Store) -> None:
    """No database adds amounts up: two of the largest are more than a column can hold."""
    teller = Teller(store)
    await teller.tell(("both", [price(LARGEST), final(LARGEST), final(LARGEST, "tx:2")]))
    stored = await teller.payment()
    assert standing.amounts(stored.facts).confirmed == {"DAI": 2 * LARGEST}
    assert dict(await store.anomalies_open()) == {
        ("AMOUNT_OVER", 3): 1,
        ("DUPLICATE_PAYMENT", 2): 1,
    }


async def test_eighteen_decimals_survive_from_the_event_to_the_evidence(store: Store) -> None:
    """Every digit of the provider's text, none of a float: what is missing is one wei."""
    applier = Applier(store, "sandbox", "g", lambda: NOW_MS)
    claims = await store.claim_partitions("g", [PARTITION], "me")
    told = {"amount": "12.000000000000000001", "currency": "ETH"}
    paid = {**told, "amount_received": "12.000000000000000000"}
    events = [
        envelope(told, event_type="payment.pending", event_key="1"),
        envelope(paid, event_type="payment.paid", event_key="2"),
    ]
    await applier.apply([record(one, place) for place, one in enumerate(events)], claims)
    stored = await store.payment(PAY_1)
    assert stored is not None
    assert stored.state is State.UNDERPAID
    [wei] = [fact.amount for fact in stored.facts if fact.kind is FactKind.SEEN]
    assert wei == 12 * 10**18
    asked = {fact.amount for fact in stored.facts if fact.kind is FactKind.EXPECTED}
    assert asked == {12 * 10**18 + 1}
