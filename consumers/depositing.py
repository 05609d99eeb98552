"""Take the transfers of events that name no payment: keep them, and let matched ones count.

`take` writes a transfer's facts under its own key. Where the deposit is matched, the payment is
weighed with them in the same batch, so that the word that it is final, or was removed, follows the
match without anybody's doing. Where nobody has decided, UNMATCHED_DEPOSIT is raised about it, for
as long as its money stands.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import NamedTuple

from consumers import deposits, weighing
from consumers.deposits import WAITING
from consumers.exceptions import Code, subject_of
from consumers.facts import Fact
from consumers.interpret.deposits import TransferTold
from consumers.interpret.interpreter import Finding
from consumers.lifecycle import Verdict
from consumers.moving import Moves, Said, anomaly, unwritten
from consumers.store.cases import AtRisk
from consumers.store.deposits import Deposit, DepositMove
from consumers.store.kept import Kept
from consumers.store.port import (
    Changes,
    EventKey,
    Fenced,
    Payment,
    PaymentKey,
    Resolution,
    Transaction,
)
from consumers.store.rows import AMOUNT_END
from consumers.weighing import STRICT, Terms

GONE = "the money is not there any more"


async def matched(
    tx: Transaction, wanted: Collection[PaymentKey], transfers: Collection[PaymentKey]
) -> tuple[Mapping[PaymentKey, DepositMove], Mapping[PaymentKey, Payment]]:
    """Lock payments, deposits, and the payments that those are matched with, in one order.

    Raises `Fenced` where one was matched meanwhile with a payment that is not among them.
    """
    before = await tx.deposits.last(transfers)
    named = {key for one in before.values() if (key := deposits.payment_of(one)) is not None}
    payments = await tx.payments({*wanted, *named})
    # Whoever decides holds the deposit's row: from here on nobody does.
    decided = await tx.deposits.last(transfers)
    if decided != before:
        raise Fenced("a deposit was decided on by another since it was read")
    return decided, payments


def take(
    moves: Moves,
    said: Said,
    transfer: TransferTold,
    facts: frozenset[Fact],
    decided: Mapping[PaymentKey, DepositMove],
) -> Verdict:
    """Write what an event says of one transfer; return what became of it."""
    key = deposits.key_of(said.payment, transfer.key)
    own = said._replace(payment=key, facts=facts)
    kept = moves.keep(own, Kept.DEPOSIT)
    if not kept.before.kept:
        moves.changes.matching.deposits.append(_deposit(key, transfer, said, moves.now_ms))
    last = decided.get(key)
    payment = deposits.payment_of(last)
    if payment is not None:
        other = own._replace(payment=payment)
        stated = moves.state(other, is_matched=True)
        moves.weigh(other, stated)
        return stated.decision.verdict
    if not kept.decision.facts:
        return Verdict.DUPLICATE_FACT
    if deposits.state_of(last) in WAITING:
        _ask(moves, own, kept.after)
        return Verdict.UNMATCHED
    return Verdict.APPLIED_NO_CHANGE


def _ask(moves: Moves, said: Said, deposit: Payment) -> None:
    """Raise that somebody has to decide, or end it where there is nothing to decide about."""
    if not deposits.is_there(deposit.facts):
        moves.heal(Code.UNMATCHED_DEPOSIT, subject_of(said.payment), GONE)
        return
    why = evidence(deposit, moves.policy.terms)
    moves.find(said, [Finding(Code.UNMATCHED_DEPOSIT, "", why)])


class Arrived(NamedTuple):
    """A deposit that a batch tells of, before and after, and the last word on it, if any."""

    before: Payment
    after: Payment
    last: DepositMove | None


def arrived(
    named: Iterable[PaymentKey],
    stored: Mapping[PaymentKey, Payment],
    decided: Mapping[PaymentKey, DepositMove],
    changes: Changes,
) -> Iterator[Arrived]:
    """Say how each of these deposits stands before and after what is to be written."""
    for key in dict.fromkeys(named):
        before = stored.get(key, unwritten(key))
        news = {fact for about, fact, _ in changes.facts if about == key}
        yield Arrived(before, before._replace(facts=before.facts | news), decided.get(key))


def evidence(deposit: Payment, terms: Terms) -> str:
    """Say how much came, and by which transfer."""
    money = weighing.at_risk(deposit.facts)
    amount = "an amount not told" if money is None else terms.shown(*money)
    return f"{amount} came by {deposit.key.reference.partition(':')[2]}, and it names no payment"


def ask(
    changes: Changes, deposit: Payment, event: EventKey | None, at_ms: int, terms: Terms
) -> None:
    """Raise that somebody has to decide about a deposit."""
    money = weighing.at_risk(deposit.facts)
    risk = None if money is None or money[1] >= AMOUNT_END else AtRisk(*money)
    subject, why = subject_of(deposit.key), evidence(deposit, terms)
    changes.anomalies.append(anomaly(Code.UNMATCHED_DEPOSIT, subject, why, event, at_ms, risk))


def ask_again(
    changes: Changes, before: Payment, after: Payment, last: DepositMove | None, at_ms: int
) -> None:
    """Raise that somebody has to decide, or end it, where facts were taken away or given back."""
    if after.kept is not Kept.DEPOSIT or deposits.state_of(last) not in WAITING:
        return
    was, there = deposits.is_there(before.facts), deposits.is_there(after.facts)
    if was and not there:
        code, subject = Code.UNMATCHED_DEPOSIT.value, subject_of(after.key)
        changes.resolved.append(Resolution(code, subject, GONE, at_ms))
    elif there and not was:
        ask(changes, after, None, at_ms, STRICT)


def _deposit(key: PaymentKey, told: TransferTold, said: Said, at_ms: int) -> Deposit:
    return Deposit(
        key=key,
        network=told.network,
        tx=told.tx,
        address_to=told.address_to,
        address_from=told.address_from,
        memo=told.memo,
        named=told.named,
        event=said.event,
        at_ms=at_ms,
    )
