"""A leaked key may have proved money that names no payment: the report must not overlook it."""

import pytest

from consumers.actions import Act
from consumers.exposure import Window
from consumers.store.port import Store
from sealgate.exposure import addresses, sheet, table
from sealgate.exposure.gather import gather
from sealgate.exposure.report import Document, Subject, document
from sealgate.story.search import Unclear, search
from tests.conformance.test_deposits import TX_1, TX_2, activity, deposit_key, transfer
from tests.conformance.test_matching import ORDER_17, open_for_business
from tests.support.builders import envelope

DECIMALS = {"USDC@ethereum": 6}
EVER_MS = 2**60


async def _report(store: Store) -> Document:
    sealed = envelope()
    window = Window(frozenset({"chain"}), sealed.key_id, 0, EVER_MS)
    subject = Subject("sandbox", "chain", window, EVER_MS, "none")
    return document(subject, await gather(store, window, None), DECIMALS)


async def test_deposits_that_an_exposed_key_proved_are_named_with_their_money(
    store: Store,
) -> None:
    """Said to have stated nothing, the forged money would stay, and be matched tomorrow."""
    member, _ = await open_for_business(store)
    await member.apply(activity(transfer(TX_1), transfer(TX_2, 7)))
    told = await _report(store)
    first, second = (addresses.write(deposit_key(one)) for one in (TX_1, TX_2))
    assert told["deposits"] == [
        {"deposit": first, "matched": None},
        {"deposit": second, "matched": None},
    ]
    assert (told["payments"], told["totals"]["events"], told["totals"]["deposits"]) == ([], 1, 2)
    open_ = told["totals"]["by_standing"]["uncorroborated"]
    assert (open_["events"], open_["payments"]) == (1, 0)
    assert open_["amounts"] == [{"asset": "USDC@ethereum", "atomic": "10000007", "decimals": 6}]
    assert f"deposit {first}" in table.render(told)
    assert f",{second}\r\n" in sheet.render(told)


async def test_a_payment_that_rests_on_an_exposed_deposit_is_told_without_it(store: Store) -> None:
    """The goods left for the payment, and the key signed the deposit: both have to be seen."""
    member, office = await open_for_business(store)
    await member.apply(activity(transfer(TX_1)))
    await office.do(Act.MATCH_DEPOSIT, 0)
    told = await _report(store)
    deposit, payment = addresses.write(deposit_key(TX_1)), addresses.write(ORDER_17)
    assert told["deposits"] == [{"deposit": deposit, "matched": payment}]
    [one] = told["payments"]
    assert (one["payment"], one["state"], one["state_without"]) == (payment, "Paid", "Pending")
    assert [event["standing"] for event in told["events"]] == ["uncorroborated"]


async def test_the_hash_of_a_transaction_leads_to_its_deposit_and_to_the_matched_payment(
    store: Store,
) -> None:
    """A customer sends the hash, and the event that told of it names no payment by it."""
    member, office = await open_for_business(store)
    sent = activity(transfer(TX_1))
    await member.apply(sent)
    for words in (TX_1, sent.event_key):
        assert (await search(store, words)).payment == deposit_key(TX_1)
    await office.do(Act.MATCH_DEPOSIT, 0)
    for words in (TX_1, sent.event_key):
        found = await search(store, words)
        assert found.payment == ORDER_17
        assert any(addresses.write(deposit_key(TX_1)) in one for one in found.also)
    own = await search(store, addresses.write(deposit_key(TX_1)))
    assert own.payment == deposit_key(TX_1), "a whole name is taken at its word"


async def test_the_hash_of_two_transfers_says_which_there_are(store: Store) -> None:
    """Guessing one of them would answer for the wrong customer."""
    member, _ = await open_for_business(store)
    await member.apply(activity(transfer(TX_1), transfer(TX_1, 3, index="0x2")))
    with pytest.raises(Unclear) as unclear:
        await search(store, TX_1)
    for index in ("0x1", "0x2"):
        assert addresses.write(deposit_key(TX_1, index)) in str(unclear.value)
