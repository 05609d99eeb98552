"""Which payment a deposit is for: a rule matches the certain ones, people are asked of others."""

import json
from datetime import UTC

import pytest
from prometheus_client import CollectorRegistry

from consumers import business_days, standing
from consumers.deposits import Pressing
from consumers.lifecycle import State
from consumers.metrics import KeptMetrics
from consumers.policy import NO_POLICY
from consumers.proposing import Proposing, candidates
from consumers.store.cases import Item, ItemFilter
from consumers.store.deposit_reads import DepositReads
from consumers.store.deposits import DepositState
from consumers.store.port import PaymentKey, Store
from tests.conformance.test_deposit_providers import sample_of
from tests.conformance.test_deposits import (
    BLOCK_2,
    SHOP,
    TX_2,
    activity,
    deposit_key,
    transfer,
)
from tests.support.audited import audit
from tests.support.builders import NOW_MS
from tests.support.kept import HOUR_MS, Member

PRICE = 10_000_000


def order(number: int) -> PaymentKey:
    """Name a payment that is to be paid on chain."""
    return PaymentKey("alchemy", "main", f"order-{number}")


def proposing(member: Member) -> Proposing:
    """Make what goes through the deposits of a store."""
    metrics = KeptMetrics.unmatched(CollectorRegistry())
    return Proposing(member.store, NO_POLICY, metrics, 1.0, lambda: member.occurrence)


async def expect(member: Member, number: int, amount: int = PRICE, **told: object) -> None:
    """Announce a payment on chain."""
    await member.expect(amount, payment=order(number), asset="USDC@ethereum", **told)


async def last(store: Store) -> tuple[DepositState, list[tuple[str, str]]]:
    """Read the last word on the deposit: its state, and the payments with their scores."""
    history = await DepositReads.of(store).history(deposit_key())
    told = json.loads(history[-1].detail)
    return history[-1].state, [(one["payment"], one["score"]) for one in told]


async def test_an_address_of_one_payment_matches_by_itself(store: Store) -> None:
    """The merchant gave this address to one customer: whatever comes there is that payment's."""
    member = Member(store, NO_POLICY)
    await expect(member, 1, address=SHOP.upper().replace("0X", "0x"))
    await expect(member, 2)
    await member.apply(activity(transfer()))
    await proposing(member).look()
    assert await last(store) == (DepositState.MATCHED, [("alchemy/main/order-1", "1.00")])
    assert (await member.payment(order(1))).state is State.PAID
    assert await member.open() == set()


async def test_it_matches_too_where_the_announcement_comes_after_the_money(store: Store) -> None:
    """Which of the two is told first decides nothing."""
    member = Member(store, NO_POLICY)
    await member.apply(activity(transfer()))
    watch = proposing(member)
    await watch.look()
    await expect(member, 1, address=SHOP)
    await watch.look()
    await watch.look()
    assert (await member.payment(order(1))).state is State.PAID
    await member.apply(activity(transfer(removed=True)), activity(transfer(block=BLOCK_2)))
    assert (await member.payment(order(1))).state is State.PAID


async def test_an_address_of_two_payments_matches_neither(store: Store) -> None:
    """A shared address says nothing about which: the amount proposes, and people decide."""
    member = Member(store, NO_POLICY)
    await expect(member, 1, address=SHOP)
    await expect(member, 2, PRICE + 5, address=SHOP)
    await member.apply(activity(transfer()))
    await proposing(member).look()
    assert await last(store) == (DepositState.PROPOSED, [("alchemy/main/order-1", "0.60")])
    assert (await member.payment(order(1))).state is State.PENDING


async def test_an_amount_alone_never_matches(store: Store) -> None:
    """Two customers owe the same sum every day: an exact amount is a proposal, two are weaker."""
    member = Member(store, NO_POLICY)
    await expect(member, 1)
    await member.apply(activity(transfer()))
    watch = proposing(member)
    await watch.look()
    assert await last(store) == (DepositState.PROPOSED, [("alchemy/main/order-1", "0.60")])
    await expect(member, 2)
    await watch.look()
    weak = [("alchemy/main/order-1", "0.30"), ("alchemy/main/order-2", "0.30")]
    assert await last(store) == (DepositState.PROPOSED, weak)
    await watch.look()
    assert len(await DepositReads.of(store).history(deposit_key())) == 2


async def test_other_payments_of_the_same_price_leave_the_version_alone(store: Store) -> None:
    """Whoever was shown a deposit must be able to decide, however busy the shop is."""
    member = Member(store, NO_POLICY)
    await member.apply(activity(transfer()))
    watch = proposing(member)
    reads = DepositReads.of(store)
    for number in range(8, 0, -1):
        await expect(member, number)
        await watch.look()
    assert [one.version for one in await reads.history(deposit_key())] == [1, 2]
    deposit, facts = await reads.deposit(deposit_key()), await store.payment(deposit_key())
    assert deposit is not None
    assert facts is not None
    assert len(await candidates(store, deposit, facts, NO_POLICY)) == 8


async def test_another_best_payment_is_proposed_anew(store: Store) -> None:
    """That the price is one order's alone, and then another's, is what people go by."""
    member = Member(store, NO_POLICY)
    await expect(member, 1)
    await member.apply(activity(transfer()))
    watch = proposing(member)
    await watch.look()
    await expect(member, 1, 2 * PRICE, key="a new price")
    await expect(member, 2)
    await watch.look()
    assert await last(store) == (DepositState.PROPOSED, [("alchemy/main/order-2", "0.60")])


async def test_an_amount_of_another_day_is_no_reason(store: Store) -> None:
    """The same price is asked for again and again: beyond a day it ties nothing together."""
    member = Member(store, NO_POLICY)
    await expect(member, 1)
    member.now_ms += 25 * HOUR_MS
    await member.apply(activity(transfer()))
    await proposing(member).look()
    assert await DepositReads.of(store).history(deposit_key()) == []


async def test_a_payer_who_paid_before_is_proposed_first(store: Store) -> None:
    """A top-up mostly comes from where the first part came from; mostly is not always."""
    member = Member(store, NO_POLICY)
    await expect(member, 1, 20_000_000, address=SHOP)
    await member.apply(activity(transfer(TX_2)))
    watch = proposing(member)
    await watch.look()
    assert (await member.payment(order(1))).state is State.UNDERPAID
    await expect(member, 2, address=SHOP)
    await member.apply(activity(transfer()))
    await watch.look()
    state, found = await last(store)
    assert state is DepositState.PROPOSED
    assert found[0] == ("alchemy/main/order-1", "0.70")


async def test_what_two_sources_tell_of_one_transaction_is_matched_once(store: Store) -> None:
    """Circle names transfers by numbers of its own: its word and the chain's would count twice."""
    member = Member(store, NO_POLICY)
    samples, sample = sample_of("circle_v1", "transfers", "running")
    tx = "0x333000000000000000000000000000000000000000000000000000000000a121"
    address = "0x0000000000000000000000000000000000099342"
    await expect(member, 1, 134_780_000, address=address)
    await member.apply(activity(transfer(tx, 134_780_000) | {"toAddress": address}))
    watch = proposing(member)
    await watch.look()
    await member.apply(samples.sealed(sample))
    await watch.look()
    matched = await DepositReads.of(store).matched_with(order(1))
    assert [move.key for move in matched] == [deposit_key(tx)]
    paid = standing.amounts((await member.payment(order(1))).facts).detected
    assert paid == {"USDC@ethereum": 134_780_000}
    assert {code for code, _ in await member.open()} == {"UNMATCHED_DEPOSIT"}


async def test_two_that_look_at_once_match_once(store: Store) -> None:
    """Every process of an installation has such a watch."""
    member = Member(store, NO_POLICY)
    await expect(member, 1, address=SHOP)
    await member.apply(activity(transfer()))
    for watch in (proposing(member), proposing(member)):
        await watch.look()
    assert len(await DepositReads.of(store).history(deposit_key())) == 1
    assert (await member.payment(order(1))).version == 2


# --- what cannot wait

CLOSES_MS = business_days.period_end(NOW_MS, UTC)


def pressing(member: Member, **large: int) -> Proposing:
    """Make what goes through deposits, with amounts from which on they are large."""
    looking = proposing(member)
    looking.pressing = Pressing(large)
    return looking


async def item(store: Store) -> Item:
    """Read the one open exception."""
    [found] = await store.cases.items(ItemFilter(), None, 9)
    return found


@pytest.mark.parametrize(
    ("large", "severity"),
    [({}, 3), ({"USDC@ethereum": PRICE + 1}, 3), ({"USDC@ethereum": PRICE}, 2)],
)
async def test_a_large_deposit_is_for_the_same_shift(
    store: Store, large: dict[str, int], severity: int
) -> None:
    """A cent to a wrong address can wait for tomorrow, and a month's wages cannot."""
    member = Member(store, NO_POLICY)
    await member.apply(activity(transfer()))
    watch = pressing(member, **large)
    for _ in range(3):
        await watch.look()
    found = await item(store)
    # Once worse it is left alone: what is told at every look is read by nobody.
    assert (found.anomaly.severity, found.times) == (severity, 4 - severity)


async def test_a_deposit_that_crosses_the_end_of_its_month_is_finances_before_the_close(
    store: Store,
) -> None:
    """Money that nobody has claimed is a liability of the period that it came in."""
    member = Member(store, NO_POLICY)
    await member.apply(activity(transfer()))
    member.now_ms = CLOSES_MS - 1
    await pressing(member).look()
    assert (await item(store)).anomaly.severity == 3
    member.now_ms = CLOSES_MS
    await pressing(member).look()
    found = await item(store)
    assert found.anomaly.severity == 2
    # A later word on the same money does not calm it down.
    await member.apply(activity(transfer(), name="again"), activity(transfer(block=BLOCK_2)))
    assert (await item(store)).anomaly.severity == 2
    assert (await audit(store)).problems == []


async def test_what_was_decided_or_is_gone_is_not_asked_about_again(store: Store) -> None:
    """An end and a worsening that cross must not leave an exception nobody can close."""
    member = Member(store, NO_POLICY)
    await member.apply(activity(transfer()))
    seen = await item(store)
    await member.apply(activity(transfer(removed=True)))
    watch = pressing(member, **{"USDC@ethereum": 1})
    await watch._press(seen, deposit_key(), NOW_MS)
    assert await member.open() == set()
    await expect(member, 1, address=SHOP)
    await member.apply(activity(transfer(block=BLOCK_2)))
    seen = await item(store)
    await proposing(member).look()
    assert (await last(store))[0] is DepositState.MATCHED
    await watch._press(seen, deposit_key(), NOW_MS)
    assert await member.open() == set()
