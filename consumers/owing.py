"""Judge what is owed: a refund that does not arrive, money that the books do not have. Pure.

Neither is a state of a payment: a refund may be on its way in any of them, and a payment that is
Confirmed may be booked or not. A payment and the time flow in; what flows out is the same
`Overstay` as of a payment that is stuck, or nothing. `debts` acts on it.
"""

from collections.abc import Collection, Iterable
from datetime import UTC, tzinfo
from typing import NamedTuple

from consumers import business_days, standing, weighing
from consumers.exceptions import HANDLING, Code
from consumers.facts import TOTAL_PREFIX, Fact, FactKind, RefundStatus
from consumers.lifecycle import State
from consumers.overdue import Overstay, limit_of, sums
from consumers.patience import Limit
from consumers.standing import Posting
from consumers.store.port import Payment
from consumers.weighing import Terms
from ingress.contract import cloudevents


class Books(NamedTuple):
    """When finance owes the books an entry. Nothing Confirmed before `since_ms` is asked for.

    `zone` is that of the books: its weekends are no business days, its months are the periods.
    """

    since_ms: int
    warn_days: int = 1
    critical_days: int = 3
    zone: tzinfo = UTC


def refund_stuck(
    payment: Payment, limits: Collection[Limit], terms: Terms, now_ms: int
) -> Overstay | None:
    """Judge the refund of a payment that is longest on its way; None where all may wait."""
    told = _on_the_way(payment.facts)
    if not told or payment.state is State.REFUNDED:
        return None
    oldest = min(told, key=lambda one: (one.at_ms, one.key))
    money = weighing.received(told)
    limit = limit_of(payment.key.provider, limits, State.REFUNDED, money or {oldest.asset: 0})
    age_s = (now_ms - oldest.at_ms) / 1000
    if limit is None or age_s < limit.warn_s:
        return None
    severity = HANDLING[Code.REFUND_STUCK].severity - (age_s >= limit.critical_s)
    since = cloudevents.timestamp(oldest.at_ms)
    evidence = f"refund {oldest.key} on its way since {since}; the limit is {limit.warn_s:g} s"
    return Overstay(
        payment=payment,
        code=Code.REFUND_STUCK,
        severity=max(1, severity),
        since_ms=oldest.at_ms,
        at_risk=money,
        evidence="; ".join(filter(None, (evidence, sums(money, terms)))),
        state=State.REFUNDED,
    )


def unposted_since_ms(payment: Payment, books: Books, terms: Terms) -> int | None:
    """Return since when the books owe an entry for a payment; None where they owe none."""
    if payment.state is not State.CONFIRMED or payment.changed_ms < books.since_ms:
        return None
    owes = standing.posting(payment.facts, terms) is Posting.UNPOSTED
    return payment.changed_ms if owes else None


def posting_lag(payment: Payment, books: Books, terms: Terms, now_ms: int) -> Overstay | None:
    """Judge a Confirmed payment that is not booked; None where it may wait."""
    since_ms = unposted_since_ms(payment, books, terms)
    if since_ms is None:
        return None
    warn_ms = business_days.after(since_ms, books.warn_days, books.zone)
    if now_ms < warn_ms:
        return None
    limit_ms = business_days.after(since_ms, books.critical_days, books.zone)
    closes_ms = business_days.period_end(_accounted_ms(payment, terms), books.zone)
    is_critical = now_ms >= min(limit_ms, closes_ms)
    money = standing.amounts(payment.facts).confirmed
    told = [
        f"Confirmed since {cloudevents.timestamp(since_ms)}, and not in the books",
        f"the limit is {_days(books.warn_days)}",
    ]
    if now_ms >= closes_ms:
        told.append(f"its period closed at {cloudevents.timestamp(closes_ms)}")
    elif is_critical:
        told.append(f"the second limit is {_days(books.critical_days)}")
    held = sorted(standing.holds(payment.facts))
    if held:
        told.append(f"the books wait for a hold to be released: {', '.join(held)}")
    return Overstay(
        payment=payment,
        code=Code.POSTING_LAG,
        severity=HANDLING[Code.POSTING_LAG].severity - is_critical,
        since_ms=since_ms,
        at_risk=money,
        evidence="; ".join(filter(None, (*told, sums(money, terms)))),
        state=State.CONFIRMED,
    )


def _on_the_way(facts: Iterable[Fact]) -> list[Fact]:
    """Return the words of refunds that are pending, and of which no end was told.

    One that was told of without a name has ended with any that succeeded since.
    """
    told = [fact for fact in facts if fact.kind is FactKind.REFUND]
    ended = {fact.key for fact in told if fact.detail != RefundStatus.PENDING}
    back_ms = max((fact.at_ms for fact in weighing.given(told)), default=-1)
    return [
        fact
        for fact in told
        if fact.key not in ended
        and not (fact.key.startswith(TOTAL_PREFIX) and fact.at_ms <= back_ms)
    ]


def _accounted_ms(payment: Payment, terms: Terms) -> int:
    """Return the instant whose month is the period: when it was final, by the provider."""
    told_ms = standing.milestones(payment.facts, terms).confirmed_ms
    return payment.changed_ms if told_ms is None else min(told_ms, payment.changed_ms)


def _days(count: int) -> str:
    return f"{count} business day{'s' if count > 1 else ''}"
