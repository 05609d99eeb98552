"""Each provider's money that names no payment: from a recorded event to the deposit in a store."""

from typing import NamedTuple

import pytest

from consumers import weighing
from consumers.store.deposit_reads import DepositReads
from consumers.store.kept import Kept
from consumers.store.port import PaymentKey, Store
from tests.support import event_samples
from tests.support.event_samples import Sample, Samples
from tests.support.kept import Member

SAMPLES = event_samples.load()


class Told(NamedTuple):
    """What an event's document says of a deposit, read by hand."""

    reference: str
    network: str
    tx: str
    address: str
    memo: str
    named: str
    amount: tuple[str, int]
    is_final: bool


BVNK = "01999f5c-9d1e-7c07-8b6a-2f6d8f0a11c3"
SOLANA_TX = (
    "5VfydnLu4XwV2H2dLHPv22JxhLbYJruaM9YTaGY30TZjWNUmsgN2zbMHPxnR9iUKtzqpvp1CGwbLsdpTeGjqMYeZ"
)
SOLANA = "4Nd1mYbkTLf3sQYVvNgk8YyJwJbQeLBXLrEVm2nVbTqW"
CRYPTOPAY = "284d4b79-fea6-46ce-bc2f-0f9cbed6367e"
BITCOIN_TX = "09723bf75253f3d2bf2f150fd8b5da5bc3026b95f1fe50b1f5f76f43d67a2e30"
STELLAR = "7f131f58-a8a0-3dc2-be05-6a015c69de35"
STELLAR_TX = "fb8947c67856d8eb444211c1927d92bcf14abcfb34cdd27fc9e604b15d208fd1"
STELLAR_ADDRESS = "GAYF33NNNMI2Z6VNRFXQ64D4E4SF77PM46NW3ZUZEEU5X7FCHAZCMHKU"
CIRCLE = "d48dff97-854e-3f82-afa1-000000000000"
COINGATE_TX = "5c1a0a92-9a3d-4107-9a00-8d6a2a4b6620"

EVENTS = [
    pytest.param(
        *("bvnk", "bvnk:payment:channel:transaction-confirmed", BVNK),
        Told(BVNK, "", SOLANA_TX, SOLANA, "", "order-17", ("USDC", 10_000_000), is_final=True),
        id="bvnk",
    ),
    pytest.param(
        *("bvnk", "bvnk:payment:channel:transaction-on-hold", BVNK),
        Told(BVNK, "", SOLANA_TX, SOLANA, "", "order-17", ("USDC", 10_000_000), is_final=False),
        id="bvnk, kept back",
    ),
    pytest.param(
        *("bvnk", "transactionDetected", '"source": "channel"'),
        Told(
            "e945148c-1a94-4db7-b784-820be80b7691",
            "",
            "0xa0d6054d001ab030f7227ed0cb8e71d4c40b12e2915b524a254f9cce06318455",
            "0xea3bf80d612b5a08ba6681b57d2ab4d20015de46",
            "",
            "c1b933d5-3354-4f83-a05f-0b53f1be85f2",
            ("ETH", 33_700_000_000_000_000),
            is_final=False,
        ),
        id="bvnk, old names",
    ),
    pytest.param(
        *("cryptopay", "ChannelPayment:completed", CRYPTOPAY),
        Told(
            CRYPTOPAY,
            "bitcoin",
            BITCOIN_TX,
            "2N9uVK2MDFNgBVqPnvCTV66Dinx3cp5J7S4",
            "",
            "631044494",
            ("BTC", 2_000_000),
            is_final=True,
        ),
        id="cryptopay",
    ),
    pytest.param(
        *("circle_v1", "transfers", "8006436449031889621"),
        Told(
            STELLAR,
            "XLM",
            STELLAR_TX,
            STELLAR_ADDRESS,
            "8006436449031889621",
            "",
            ("EURC", 1_500_000),
            is_final=True,
        ),
        id="circle, with a tag",
    ),
    pytest.param(
        *("circle_v1", "transfers", "running"),
        Told(
            CIRCLE,
            "ethereum",
            "0x333000000000000000000000000000000000000000000000000000000000a121",
            "0x0000000000000000000000000000000000099342",
            "",
            "",
            ("USDC", 134_780_000),
            is_final=False,
        ),
        id="circle",
    ),
    pytest.param(
        *("coingate", "order.status.confirming", "390104"),
        Told(
            f"{COINGATE_TX}:123",
            "",
            COINGATE_TX,
            "bc1qexample",
            "",
            "",
            ("BTC", 1234),
            is_final=False,
        ),
        id="coingate",
    ),
]


def sample_of(provider: str, word: str, has: str) -> tuple[Samples, Sample]:
    """Find a recorded event by its word, and a text in its body."""
    samples = SAMPLES[provider]
    return samples, next(one for one in samples.sample if one.word == word and has in one.body)


@pytest.mark.parametrize(("provider", "word", "has", "told"), EVENTS)
async def test_money_that_names_no_payment_becomes_a_deposit(
    store: Store, provider: str, word: str, has: str, told: Told
) -> None:
    """Whose it is, people and rules say: by the address, the memo or the name in the event."""
    samples, sample = sample_of(provider, word, has)
    member = Member(store)
    assert await member.verdicts(samples.sealed(sample)) == ["unmatched"]
    key = PaymentKey(provider, "main", f"deposit:tx:{told.reference}")
    found = await DepositReads.of(store).deposit(key)
    assert found is not None
    assert (found.network, found.tx, found.address_to) == (told.network, told.tx, told.address)
    assert (found.memo, found.named) == (told.memo, told.named)
    kept = await member.payment(key)
    stands = weighing.standing(kept.facts, weighing.observed(kept.facts))
    assert (kept.kept, weighing.received(stands)) == (Kept.DEPOSIT, dict([told.amount]))
    assert bool(weighing.finals(stands)) is told.is_final
    assert await member.open() == {("UNMATCHED_DEPOSIT", f"{provider}/main/{key.reference}")}
    assert (await member.notices(), await store.counts()) == (0, [])


@pytest.mark.parametrize(
    ("provider", "word", "has"),
    [
        ("bvnk", "bvnk:payment:channel:created", ""),
        ("circle_v1", "transfers", "0d46b642"),
        ("circle_v1", "deposits", ""),
        ("coingate", "payment_channel_address.status.active", ""),
        ("coingate", "order.status.partially_refunded", ""),
    ],
)
async def test_an_event_about_an_address_or_of_money_that_goes_out_makes_none(
    store: Store, provider: str, word: str, has: str
) -> None:
    """A queue of deposits that never came would hide those that did."""
    samples, sample = sample_of(provider, word, has)
    member = Member(store)
    assert await member.verdicts(samples.sealed(sample)) == ["applied_no_change"]
    assert await DepositReads.of(store).page("", (2**62, PaymentKey("", "", "")), 9) == []
    assert await member.open() == set()
