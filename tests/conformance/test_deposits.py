"""Money that names no payment: one deposit for each transfer, found, watched and never lost."""

import json

from consumers.facts import FactKind
from consumers.store.kept import Kept
from consumers.store.port import Judgement, Mark, PaymentKey, Store
from consumers.voiding import void
from ingress.contract.envelope import Envelope
from tests.support.audited import audit
from tests.support.builders import envelope
from tests.support.kept import Member
from tests.support.store_told import RIM

TX_1, TX_2 = "0x" + "1" * 64, "0x" + "2" * 64
BLOCK_1, BLOCK_2 = "0x" + "b" * 64, "0x" + "c" * 64
USDC = "0xa0b86991c6218b36c1d19d4a2e9eb0ce3606eb48"
PAYER, SHOP = "0x" + "a" * 40, "0x" + "5" * 40


def deposit_key(tx: str = TX_1, index: str = "0x1") -> PaymentKey:
    """Name the deposit of a transfer, as the program does."""
    return PaymentKey("alchemy", "main", f"deposit:tx:ETH_MAINNET:{tx}:{index}")


def transfer(
    tx: str = TX_1,
    amount: int = 10_000_000,
    *,
    index: str = "0x1",
    block: str = BLOCK_1,
    removed: bool = False,
    contract: str = USDC,
) -> dict[str, object]:
    """Write one activity as the documentation of address activity shows it."""
    log = {"blockHash": block, "logIndex": index, "removed": removed}
    raw = {"rawValue": hex(amount), "address": contract, "decimals": 6}
    told = {
        "hash": tx,
        "fromAddress": PAYER,
        "toAddress": SHOP,
        "asset": "USDC",
        "category": "token",
    }
    return {**told, "rawContract": raw, "log": log}


def activity(*transfers: dict[str, object], name: str = "") -> Envelope:
    """Seal an event of Alchemy about transfers; of several transactions it names no payment."""
    body = {"n": name, "event": {"network": "ETH_MAINNET", "activity": transfers}}
    hashes = {str(one["hash"]) for one in transfers}
    return envelope(
        json.dumps(body).encode(),
        provider="alchemy",
        event_type="ADDRESS_ACTIVITY",
        type="com.alchemy.ADDRESS_ACTIVITY",
        payment_ref=hashes.pop() if len(hashes) == 1 else "",
        source="chain",
    )


async def test_every_transfer_of_an_event_is_a_deposit_of_its_own(store: Store) -> None:
    """An address activity may tell of several payers: none of them is refused for the others."""
    member = Member(store)
    told = activity(transfer(TX_1), transfer(TX_2, 7), transfer(TX_1, 3, index="0x2"))
    assert await member.verdicts(told) == ["unmatched"]
    found = [
        await member.payment(key)
        for key in (deposit_key(TX_1), deposit_key(TX_2), deposit_key(TX_1, "0x2"))
    ]
    assert [one.kept for one in found] == [Kept.DEPOSIT] * 3
    assert [next(iter(one.facts)).amount for one in found] == [10_000_000, 7, 3]
    assert {code for code, _ in await member.open()} == {"UNMATCHED_DEPOSIT"}
    assert len(await member.open()) == 3
    assert (await member.notices(), await store.counts()) == (0, [])


async def test_an_exception_of_a_deposit_names_its_money(store: Store) -> None:
    """Whoever works the queue sees how much waits, to the last of eighteen decimals."""
    member = Member(store)
    huge = 12_000_000_000_000_000_000
    await member.apply(activity(transfer(amount=huge)))
    [item] = await store.list_anomalies(10)
    assert item.anomaly.at_risk is not None
    assert (item.anomaly.at_risk.asset, item.anomaly.at_risk.amount) == ("USDC@ethereum", huge)


async def test_a_deposit_that_was_removed_asks_nobody_and_asks_again_when_mined(
    store: Store,
) -> None:
    """A reorganisation takes money away and brings it back under the same hash."""
    member = Member(store)
    await member.apply(activity(transfer()))
    assert len(await member.open()) == 1
    await member.apply(activity(transfer(removed=True)))
    assert await member.open() == set()
    await member.apply(activity(transfer(block=BLOCK_2)))
    assert len(await member.open()) == 1


async def test_a_removal_that_came_first_counts_the_same(store: Store) -> None:
    """Providers guarantee no order: the block that is gone is gone whichever word came first."""
    member = Member(store)
    await member.apply(activity(transfer(removed=True)), activity(transfer()))
    assert await member.open() == set()
    kinds = {fact.kind for fact in (await member.payment(deposit_key())).facts}
    assert kinds == {FactKind.SEEN, FactKind.REMOVED}


async def test_the_same_transfer_told_twice_is_one_deposit(store: Store) -> None:
    """Two watched addresses, or a second webhook, tell of one transfer in two events."""
    member = Member(store)
    first, second = activity(transfer(), name="1"), activity(transfer(), name="2")
    assert await member.verdicts(first, second) == ["unmatched", "duplicate_fact"]
    [item] = await store.list_anomalies(10)
    assert item.times == 1


async def test_a_contract_that_only_calls_itself_usdc_counts_nothing(store: Store) -> None:
    """Anybody can write a contract: its ticker makes no deposit, and somebody hears of it."""
    member = Member(store)
    fake = activity(transfer(contract="0x" + "f" * 40))
    assert await member.verdicts(fake) == ["unparseable"]
    assert await store.payment(deposit_key()) is None
    assert {code for code, _ in await member.open()} == {"UNKNOWN_ASSET"}


async def test_a_void_event_takes_its_deposits_away_and_gives_them_back(store: Store) -> None:
    """An event that a leaked key signed made no money, in none of its transfers."""
    member = Member(store)
    told = activity(transfer(TX_1), transfer(TX_2))
    await member.apply(told)
    [found] = await store.finder.keyed(told.event_key)
    event = found.event.key
    await void(store, [Mark(event, Judgement.VOID, "leaked", "kim", 1)], RIM)
    assert await member.open() == set()
    assert (await member.payment(deposit_key(TX_2))).facts == frozenset()
    await void(store, [Mark(event, Judgement.CORROBORATED, "looked", "kim", 2)], RIM)
    assert len(await member.open()) == 2
    assert (await audit(store)).problems == []


async def test_a_provider_may_not_name_a_payment_as_a_deposit_is_named(store: Store) -> None:
    """Two kinds of things under one name could pass for each other."""
    member = Member(store)
    sealed = envelope({"amount": "1"}, payment_ref="deposit:tx:ETH_MAINNET:0x1")
    assert await member.verdicts(sealed) == ["unmatched"]


async def test_deposits_are_in_the_audit_chain(store: Store) -> None:
    """Who sent what to which address is evidence like the amount."""
    member = Member(store)
    await member.apply(activity(transfer(TX_1), transfer(TX_2)))
    assert (await audit(store)).problems == []
