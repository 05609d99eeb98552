"""A deposit that is matched counts for its payment, with all that is told of it later."""

from dataclasses import dataclass

import pytest

from consumers.actions import Act, Reason, Role
from consumers.deposits import Candidate
from consumers.facts import FactKind
from consumers.lifecycle import State
from consumers.matching import Decided, Matcher
from consumers.operating import Order
from consumers.policy import NO_POLICY
from consumers.refusals import ApprovalRequired, NotAllowed, Unknown
from consumers.stating import IllegalTransition, KeyReused, VersionConflict
from consumers.store.deposits import DepositState
from consumers.store.port import Judgement, Mark, PaymentKey, Store
from consumers.voiding import void
from tests.conformance.test_deposits import BLOCK_2, SHOP, TX_1, activity, deposit_key, transfer
from tests.conformance.test_proposing import expect, last, order, proposing
from tests.support.audited import audit
from tests.support.builders import envelope
from tests.support.kept import Member
from tests.support.store_told import RIM

ORDER_17 = PaymentKey("alchemy", "main", "order-17")
PRICE = 10_000_000
CERTAIN = Candidate(ORDER_17, 100, ("it came to the address",))
LIMITS = {"USDC@ethereum": 10**24}
REASONS = {
    Act.MATCH_DEPOSIT: Reason.CHECK_PASSED,
    Act.UNMATCH_DEPOSIT: Reason.MISTAKE,
    Act.RETURN_DEPOSIT: Reason.CUSTOMER_ASKED,
    Act.HOLD_DEPOSIT: Reason.HANDED_OVER,
    Act.WRITE_OFF_DEPOSIT: Reason.IMMATERIAL,
}
OPERATIONS = {Act.MATCH_DEPOSIT, Act.UNMATCH_DEPOSIT}


@dataclass
class Office:
    """People who decide about the deposits of one store."""

    member: Member

    async def do(
        self,
        act: Act,
        version: int,
        *,
        found: Candidate | None = CERTAIN,
        dry_run: bool = False,
        **changes: object,
    ) -> Decided:
        """Decide about the deposit, as somebody who may."""
        role = Role.OPERATIONS if act in OPERATIONS else Role.FINANCE
        order = Order(act, "kim", role, REASONS[act], "looked", f"{act}-{version}", version, "ann")
        payment = ORDER_17 if act is Act.MATCH_DEPOSIT else None
        matcher = Matcher(self.member.store, NO_POLICY, LIMITS, self.member.occurrence)
        wanted = order._replace(**changes)
        return await matcher.do(wanted, deposit_key(), payment, found, dry_run=dry_run)


async def open_for_business(store: Store, price: int = PRICE) -> tuple[Member, Office]:
    """Announce a payment that is to be paid on chain."""
    member = Member(store, NO_POLICY)
    await member.expect(price, payment=ORDER_17, asset="USDC@ethereum")
    return member, Office(member)


async def test_a_match_makes_the_deposit_count_for_the_payment(store: Store) -> None:
    """The payment moves, downstream hears of it, and nobody is asked about the deposit any more."""
    member, office = await open_for_business(store)
    await member.apply(activity(transfer()))
    done = await office.do(Act.MATCH_DEPOSIT, 0)
    assert done.transition is not None
    assert (done.transition.before, done.transition.after) == (State.PENDING, State.PAID)
    assert (await member.payment(ORDER_17)).state is State.PAID
    assert await member.open() == set()
    assert await member.notices() == 2
    assert (await audit(store)).problems == []


async def test_what_is_told_later_follows_the_match(store: Store) -> None:
    """A block that is gone takes the payment's money away, and the next one brings it back."""
    member, office = await open_for_business(store)
    await member.apply(activity(transfer()))
    await office.do(Act.MATCH_DEPOSIT, 0)
    assert await member.verdicts(activity(transfer(removed=True))) == ["applied"]
    assert (await member.payment(ORDER_17)).state is State.REVERSED
    assert ("FUNDS_REVERSED", "alchemy/main/order-17") in await member.open()
    await member.apply(activity(transfer(block=BLOCK_2)))
    assert (await member.payment(ORDER_17)).state is State.PAID
    assert await member.open() == set()


@pytest.mark.parametrize("place", range(4))
async def test_a_match_counts_the_same_before_between_and_after_the_facts(
    store: Store, place: int
) -> None:
    """Who was faster, the chain or the operator, decides nothing."""
    member, office = await open_for_business(store)
    events = [
        activity(transfer()),
        activity(transfer(removed=True)),
        activity(transfer(block=BLOCK_2)),
    ]
    await member.apply(*events[: max(place, 1)])
    await office.do(Act.MATCH_DEPOSIT, 0)
    await member.apply(*events[max(place, 1) :])
    found = await member.payment(ORDER_17)
    told = {(fact.kind, fact.detail) for fact in found.facts}
    assert found.state is State.PAID
    assert len(told) == 4
    assert await member.open() == set()


async def test_taking_a_match_back_restores_exactly_what_was_before(store: Store) -> None:
    """A wrong match must leave nothing behind but its history."""
    member, office = await open_for_business(store)
    before = await member.payment(ORDER_17)
    await member.apply(activity(transfer()))
    asked = await member.open()
    await office.do(Act.MATCH_DEPOSIT, 0)
    done = await office.do(Act.UNMATCH_DEPOSIT, 1)
    after = await member.payment(ORDER_17)
    assert (after.state, after.facts) == (before.state, before.facts)
    assert done.transition is not None
    assert await member.open() == asked
    assert await member.verdicts(activity(transfer(block=BLOCK_2), name="2")) == ["unmatched"]
    assert (await member.payment(ORDER_17)).facts == before.facts
    assert (await audit(store)).problems == []


async def test_a_match_is_of_the_last_of_eighteen_decimals(store: Store) -> None:
    """One atomic unit less than the price is less than the price, above 64 bits too."""
    huge = 12_000_000_000_000_000_000
    member, office = await open_for_business(store, huge)
    await member.apply(activity(transfer(amount=huge - 1)))
    await office.do(Act.MATCH_DEPOSIT, 0)
    assert (await member.payment(ORDER_17)).state is State.UNDERPAID
    await office.do(Act.UNMATCH_DEPOSIT, 1)
    await member.apply(activity(transfer(amount=huge), name="2"))
    await office.do(Act.MATCH_DEPOSIT, 2)
    assert (await member.payment(ORDER_17)).state is State.PAID


async def test_a_void_event_takes_the_money_from_the_payment_too(store: Store) -> None:
    """A key that leaked may have signed the transfer that an operator believed."""
    member, office = await open_for_business(store)
    told = activity(transfer())
    await member.apply(told)
    await office.do(Act.MATCH_DEPOSIT, 0)
    [found] = await store.finder.keyed(told.event_key)
    await void(store, [Mark(found.event.key, Judgement.VOID, "leaked", "kim", 1)], RIM)
    after = await member.payment(ORDER_17)
    assert after.state is State.PENDING
    assert {fact.kind for fact in after.facts} == {FactKind.EXPECTED}
    assert (await audit(store)).problems == []


async def test_a_dry_run_shows_what_would_be_and_writes_nothing(store: Store) -> None:
    """Whoever decides about money sees first what follows."""
    member, office = await open_for_business(store)
    await member.apply(activity(transfer()))
    done = await office.do(Act.MATCH_DEPOSIT, 0, dry_run=True)
    assert done.now is not None
    assert done.now.state is State.PAID
    assert (await member.payment(ORDER_17)).state is State.PENDING
    assert not (await office.do(Act.MATCH_DEPOSIT, 0)).is_repeat
    assert (await office.do(Act.MATCH_DEPOSIT, 0)).is_repeat


@pytest.mark.parametrize(
    ("changes", "refusal"),
    [
        ({"role": Role.FINANCE}, NotAllowed),
        ({"expected_version": 3}, VersionConflict),
    ],
)
async def test_who_may_not_match_or_has_not_looked_is_refused(
    store: Store, changes: dict[str, object], refusal: type[Exception]
) -> None:
    """A match moves money from nobody to somebody: not by anyone, and not blindly."""
    member, office = await open_for_business(store)
    await member.apply(activity(transfer()))
    with pytest.raises(refusal):
        await office.do(Act.MATCH_DEPOSIT, 0, **changes)
    assert (await member.payment(ORDER_17)).state is State.PENDING


async def test_a_match_that_nothing_proves_needs_a_second_person(store: Store) -> None:
    """Equal amounts pair strangers: without an address or a memo one person is not enough."""
    member, office = await open_for_business(store)
    await member.apply(activity(transfer()))
    weak = Candidate(ORDER_17, 60, ("the amount",))
    for found in (None, weak):
        with pytest.raises(ApprovalRequired):
            await office.do(Act.MATCH_DEPOSIT, 0, found=found, approved_by="")
    await office.do(Act.MATCH_DEPOSIT, 0, approved_by="")


async def test_a_deposit_is_matched_once_and_under_a_key_of_its_own(store: Store) -> None:
    """One transfer is one payment's; another order under a used key is refused."""
    member, office = await open_for_business(store)
    await member.apply(activity(transfer()))
    await office.do(Act.MATCH_DEPOSIT, 0)
    with pytest.raises(IllegalTransition, match="is Matched"):
        await office.do(Act.RETURN_DEPOSIT, 1)
    with pytest.raises(KeyReused):
        await office.do(Act.MATCH_DEPOSIT, 0, note="otherwise")


@pytest.mark.parametrize(
    ("act", "state"),
    [
        (Act.RETURN_DEPOSIT, DepositState.RETURNED),
        (Act.HOLD_DEPOSIT, DepositState.HELD),
        (Act.WRITE_OFF_DEPOSIT, DepositState.WRITTEN_OFF),
    ],
)
async def test_a_deposit_that_is_nobodys_ends_otherwise(
    store: Store, act: Act, state: DepositState
) -> None:
    """What is sent back, kept as a liability or given up on waits for nobody any more."""
    member, office = await open_for_business(store)
    await member.apply(activity(transfer()))
    done = await office.do(act, 0)
    assert done.after is not None
    assert done.after.state is state
    assert await member.open() == set()
    await member.apply(activity(transfer(), name="again"))
    assert await member.open() == set()
    [wrote] = await store.cases.actions(deposit_key())
    assert (wrote.name, wrote.by, wrote.approved_by) == (act, "kim", "ann")


async def test_only_what_is_there_is_matched(store: Store) -> None:
    """A misspelt payment, or a deposit that nobody saw, is no reason to write anything."""
    member = Member(store, NO_POLICY)
    with pytest.raises(Unknown, match="no such deposit"):
        await Office(member).do(Act.MATCH_DEPOSIT, 0)
    await member.apply(activity(transfer()))
    with pytest.raises(Unknown, match="no such payment"):
        await Office(member).do(Act.MATCH_DEPOSIT, 0)


async def test_money_that_its_provider_tells_of_too_counts_once(store: Store) -> None:
    """Matched by hand, and named by the payment's own provider later: it is half of the price."""
    member, invoice = Member(store, NO_POLICY), PaymentKey("btcpay", "main", "inv-17")
    await member.expect(PRICE, payment=invoice, asset="USDC")
    await member.apply(activity(transfer(amount=PRICE // 2)))
    act = Act.MATCH_DEPOSIT
    match = Order(act, "kim", Role.OPERATIONS, REASONS[act], "looked", "m-1", 0, "ann")
    await Matcher(store, NO_POLICY, LIMITS, member.occurrence).do(match, deposit_key(), invoice)
    body = {
        "type": "InvoicePaymentSettled",
        "timestamp": 1_795_424_400,
        "invoiceId": invoice.reference,
        "payment": {"id": f"{TX_1}-0", "value": "5"},
        "paymentMethodId": "USDC-CHAIN",
    }
    word = "InvoicePaymentSettled"
    told = envelope(body, provider="btcpay", event_type=word, payment_ref=invoice.reference)
    assert await member.verdicts(told) == ["applied_no_change"]
    assert (await member.payment(invoice)).state is State.UNDERPAID
    assert await member.open() == {("AMOUNT_UNDER", "btcpay/main/inv-17")}


async def test_the_deposits_of_a_payment_are_those_matched_with_it_now(store: Store) -> None:
    """Whoever compares a payment with its provider leaves out what its provider cannot know."""
    member, office = await open_for_business(store)
    await member.apply(activity(transfer()))
    await office.do(Act.MATCH_DEPOSIT, 0)
    async with store.transaction() as tx:
        [held] = await tx.deposits.matched_with([ORDER_17, deposit_key()])
        assert (held.key, held.version) == (deposit_key(), 1)
    await office.do(Act.UNMATCH_DEPOSIT, 1)
    async with store.transaction() as tx:
        assert await tx.deposits.matched_with([ORDER_17]) == []


async def test_what_people_took_back_no_rule_matches_again(store: Store) -> None:
    """Whoever unmatches a suspected fraud must not find it matched again five seconds later."""
    member = Member(store, NO_POLICY)
    await expect(member, 1, address=SHOP)
    await member.apply(activity(transfer()))
    rule = proposing(member)
    await rule.look()
    why = Act.UNMATCH_DEPOSIT, "kim", Role.OPERATIONS, Reason.SUSPECTED_FRAUD
    back = Order(*why, "stolen card", "T-1", 1, "ann")
    await Matcher(store, NO_POLICY, {}, member.occurrence).do(back, deposit_key(), None)
    for _ in range(2):
        await rule.look()
    assert await last(store) == (DepositState.PROPOSED, [("alchemy/main/order-1", "1.00")])
    assert (await member.payment(order(1))).state is State.PENDING
    assert {code for code, _ in await member.open()} == {"UNMATCHED_DEPOSIT"}
