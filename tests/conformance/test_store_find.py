"""One suite for both stores: what a person holds an id of is found, and nothing else is.

An id comes from a screenshot, a block explorer, a Kafka console: seldom with the provider and the
account in front of it. Whoever searches must find it, find all of it, and find nothing else.
"""

import pytest

from consumers import notices
from consumers.facts import Fact, FactKind, simple
from consumers.notices import Occasion
from consumers.store.cases import Action
from consumers.store.deposits import Deposit, Matching
from consumers.store.finding import PAYMENTS_MAX, Ordered, Sent
from consumers.store.port import Changes, DeadLetter, EventKey, PaymentKey, Recorded, Store
from ingress.eventlog.port import Partition, Position
from tests.support.store_builders import (
    NOW_MS,
    PARTITION,
    PAYMENT,
    apply,
    event,
    event_key,
    fact,
    notice,
    saved,
    transition,
)

HASH = "0xA1b2C3d4e5f60718293a4b5c6d7e8f90"


async def _state(store: Store, *stated: tuple[str, Fact]) -> None:
    """Let payments of these references have these facts."""
    keys = [PAYMENT._replace(reference=reference) for reference, _ in stated]
    facts = [(key, one, event_key()) for key, (_, one) in zip(keys, stated, strict=True)]
    rows = [saved(key) for key in dict.fromkeys(keys)]
    await apply(store, Changes(payments=rows, facts=facts))


def _payments(*references: str) -> list[PaymentKey]:
    return [PAYMENT._replace(reference=reference) for reference in references]


async def test_an_event_is_found_by_its_place_in_the_log(store: Store) -> None:
    """A log line and a Kafka console name the place; the neighbours are other payments."""
    events = [event("a", offset=6), event("b", offset=7), event("c", offset=8)]
    elsewhere = event("d")._replace(position=Position(Partition("payments.other", 0), 7))
    other = event("e")._replace(position=Position(Partition(PARTITION.topic, 1), 7))
    await apply(store, Changes(), [*events, elsewhere, other])
    assert await store.finder.at(Position(PARTITION, 7)) == Recorded(events[1], None)
    assert await store.finder.at(Position(PARTITION, 9)) is None


async def test_what_was_given_up_on_is_found_by_its_place(store: Store) -> None:
    """A record that was buried has no event: its place is the only name it has."""
    letters = [
        DeadLetter(Position(PARTITION, offset), f"r{offset}", b"k", b"\x00v", (), NOW_MS)
        for offset in (3, 4)
    ]
    await apply(store, Changes(dead_letters=letters))
    assert await store.finder.buried_at(Position(PARTITION, 4)) == letters[1:]
    assert await store.finder.buried_at(Position(PARTITION, 5)) == []


async def test_an_event_is_found_by_its_key_at_every_account(store: Store) -> None:
    """The provider's own id is what a support ticket holds; two accounts may have the same."""
    keys = [
        EventKey("stripe", "main", "evt-1"),
        EventKey("stripe", "main2", "evt-1"),
        EventKey("stripe", "second", "evt-1"),
        EventKey("btcpay", "shop", "evt-1"),
        EventKey("alchemy", "", "evt-1"),
    ]
    events = [event("x", offset=place)._replace(key=key) for place, key in enumerate(keys)]
    await apply(store, Changes(), [*events, event("evt-2"), event("evt")])
    found = await store.finder.keyed("evt-1")
    assert [one.event for one in found] == events
    assert await store.finder.keyed("evt-") == []


async def test_an_empty_store_finds_nothing(store: Store) -> None:
    """The first question is often asked before the first event."""
    finder = store.finder
    assert await finder.keyed("x") == []
    assert await finder.referenced("x") == []
    assert await finder.transferred("0x12345678") == []
    assert await finder.notice("x") is None


async def test_a_payment_is_found_by_its_reference_at_every_account(store: Store) -> None:
    """An order number means one order in each shop; whoever asks must see that there are two."""
    one, other = PAYMENT, PaymentKey("btcpay", "shop", PAYMENT.reference)
    await apply(
        store, Changes(payments=[saved(one), saved(other), *map(saved, _payments("pay-2"))])
    )
    assert await store.finder.referenced("pay-1") == sorted([one, other])
    assert await store.finder.referenced("pay") == []


async def test_a_payment_of_which_there_are_only_events_is_found(store: Store) -> None:
    """Its events were unreadable or hints: that is what the person who asks must learn."""
    await apply(store, Changes(), [event("a", reference="hinted"), event("b", reference="hinted")])
    assert await store.finder.referenced("hinted") == _payments("hinted")


@pytest.mark.parametrize(
    "text", [f"tx:{HASH}:0", HASH, HASH.lower(), HASH[2:], HASH[2:].upper(), HASH[4:20]]
)
async def test_a_payment_is_found_by_its_transactions_hash(store: Store, text: str) -> None:
    """Explorers and wallets write a hash with and without 0x, in capitals or not, or cut it."""
    await _state(
        store,
        ("paid", fact(key=f"tx:{HASH}:0")),
        ("paid", fact(key=f"tx:{HASH}:1")),
        ("other", fact(key="tx:0xffffffffffffffff:0")),
    )
    assert await store.finder.transferred(text) == _payments("paid")


@pytest.mark.parametrize("text", [HASH, HASH[2:].upper(), HASH[4:20]])
async def test_a_deposit_is_found_by_a_hash_that_its_key_does_not_hold(
    store: Store, text: str
) -> None:
    """BVNK, Cryptopay and Circle number their transfers; the customer sends the hash."""
    key = PAYMENT._replace(reference="deposit:tx:number-7")
    blank = Deposit(key, "", HASH, "", "", "", "", event_key(), 1)
    other = blank._replace(key=key._replace(reference="deposit:tx:number-8"), tx="0xfff_")
    await apply(store, Changes(matching=Matching(deposits=[blank, other])))
    assert await store.finder.transferred(text) == [key]
    assert await store.finder.transferred("0xFFF_") == [other.key]
    assert await store.finder.transferred("0xfff") == []


async def test_a_transaction_that_a_provider_and_a_chain_tell_is_found_at_both(
    store: Store,
) -> None:
    """Whoever matches a deposit by its hash must not be told that there is none."""
    await _state(
        store,
        ("invoice", fact(key=f"tx:{HASH}-1")),
        ("deposit", fact(key=f"tx:ETH_MAINNET:{HASH}:0x1")),
    )
    assert await store.finder.transferred(HASH) == _payments("deposit", "invoice")


async def test_a_hash_behind_its_network_is_found(store: Store) -> None:
    """Where the key begins with the network, the hash stands in the middle of it."""
    await _state(store, ("paid", fact(key=f"tx:tron:{HASH}:0")), ("other", fact(key="tx:tron:1:0")))
    assert await store.finder.transferred(HASH) == _payments("paid")


async def test_one_transaction_may_pay_several_payments(store: Store) -> None:
    """An exchange pays many of its customers' invoices at once: all of them are named."""
    stated = [(name, fact(key=f"tx:{HASH}:{place}")) for place, name in enumerate(("b", "a"))]
    await _state(store, *stated)
    assert await store.finder.transferred(HASH) == _payments("a", "b")


@pytest.mark.parametrize("text", ["%", "_", "tx:%", "0x_1b2c3d4", "\\", "agg:stripe:pay-1"])
async def test_nothing_is_found_by_chance(store: Store, text: str) -> None:
    """A wildcard or a total that matched everything would name a stranger's payment."""
    whole = simple(FactKind.FINAL, NOW_MS, key="agg:stripe:pay-1")
    await _state(store, ("paid", fact(key=f"tx:{HASH}:0")), ("total", whole))
    assert await store.finder.transferred(text) == []


async def test_a_short_text_is_looked_for_at_the_beginning_alone(store: Store) -> None:
    """Half of all keys hold any two letters somewhere."""
    await _state(store, ("paid", fact(key="tx:abcdef:7")), ("other", fact(key="tx:777:1")))
    assert await store.finder.transferred("7") == _payments("other")
    assert await store.finder.transferred("def") == []


async def test_a_providers_colon_is_found_as_it_was_written(store: Store) -> None:
    """Keys escape what would let two of them read the same; the person knows nothing of that."""
    await _state(store, ("paid", fact(key="tx:tron%3Aabc%25def:1")))
    assert await store.finder.transferred("tron:abc%def") == _payments("paid")


async def test_no_more_payments_are_read_than_anybody_reads(store: Store) -> None:
    """A search for the beginning of everything ends."""
    stated = [(f"p{place:03}", fact(key=f"tx:0x{place}")) for place in range(PAYMENTS_MAX + 5)]
    await _state(store, *stated)
    assert len(await store.finder.transferred("0x")) == PAYMENTS_MAX


@pytest.mark.parametrize("kind", [FactKind.REFUND, FactKind.POSTED])
async def test_a_refund_or_a_posting_is_found_by_exactly_its_id(
    store: Store, kind: FactKind
) -> None:
    """Finance's own numbers begin alike: RF-1 must not name the payment of RF-10."""
    await _state(
        store,
        ("given", simple(kind, NOW_MS, key="RF-1", asset="USDT", amount=5)),
        ("given", simple(kind, NOW_MS + 1, key="RF-1", asset="USDT", amount=7)),
        ("other", simple(kind, NOW_MS, key="RF-10", asset="USDT", amount=5)),
    )
    assert await store.finder.numbered("RF-1") == [(kind, *_payments("given"))]
    assert await store.finder.numbered("RF-") == []


async def test_what_has_no_number_is_not_found_by_one(store: Store) -> None:
    """The kind of a hold is the key of every such hold, and a transfer has a search of its own."""
    held = simple(FactKind.HOLD, NOW_MS, key="compliance", detail="on")
    await _state(store, ("held", held), ("paid", fact(key="tx:1")))
    assert await store.finder.numbered("compliance") == []
    assert await store.finder.numbered("tx:1") == []


async def test_an_order_is_found_by_its_key(store: Store) -> None:
    """A ticket's number leads to the payment, or to the exception, that it was about."""
    about = {"T-1": (PAYMENT, None), "T-2": (None, 7)}
    actions = [
        Action(key, "wait", payment, item, "kim", "finance", "", "goodwill", "so", "{}", NOW_MS)
        for key, (payment, item) in about.items()
    ]
    await apply(store, Changes(actions=actions))
    assert await store.finder.ordered("T-1") == Ordered(PAYMENT, None)
    assert await store.finder.ordered("T-2") == Ordered(None, 7)
    assert await store.finder.ordered("T-3") is None


async def test_what_became_of_a_notice_is_told(store: Store) -> None:
    """Waiting until the relay has published it, delivered for ever after."""
    told = [notice(1), notice(2, version=2)]
    await apply(store, Changes(notices=told))
    [first, _] = await store.pending(9)
    assert await store.finder.notice("n-1") == Sent(PAYMENT, 1, is_delivered=False)
    await store.delivered([first.sequence])
    assert await store.finder.notice("n-1") == Sent(PAYMENT, 1, is_delivered=True)
    assert await store.finder.notice("n-2") == Sent(PAYMENT, 2, is_delivered=False)
    assert await store.finder.notice("n-3") is None


@pytest.mark.parametrize("account", ["main", "a/b%c", "", "ż" * 600])
async def test_a_notices_name_follows_from_its_payment(store: Store, account: str) -> None:
    """The story names each move's notice: by another name it would be called lost."""
    key = PaymentKey("stripe", account, "pay/1")
    row = saved(key)
    occasion = Occasion("sandbox", "paid", NOW_MS, "00-0-0-01")
    built = notices.build(transition(row, None, "evt-1"), occasion, (), 1)
    assert notices.name(key, 1) == built.id
    await apply(store, Changes(payments=[row], notices=[built]))
    assert await store.finder.notice(notices.name(key, 1)) == Sent(key, 1, is_delivered=False)
