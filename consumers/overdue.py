"""Judge the time that payments have waited: whose window is over, and who is stuck how badly. Pure.

A payment and the time flow in; what flows out is the end of its window, or an `Overstay` with the
exception to raise, its severity and the money at risk. `timers` acts on both.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from consumers import weighing
from consumers.exceptions import HANDLING, Code
from consumers.facts import Fact, FactKind, RefundStatus
from consumers.lifecycle import State
from consumers.patience import CODES, Limit
from consumers.policy import ANY
from consumers.store.port import Payment
from consumers.weighing import Terms
from ingress.contract import cloudevents

# Twice the critical age, and nobody has done anything: somebody is called.
CALL_AFTER = 2
_FROM_WINDOW = frozenset({State.PENDING, State.UNDERPAID})


class Overstay(NamedTuple):
    """A payment that is in its state for too long, or owes something: the exception, since when.

    `state` is the one that it is counted under: that of a refund on its way is Refunded.
    """

    payment: Payment
    code: Code
    severity: int
    since_ms: int
    at_risk: Mapping[str, int]
    evidence: str
    state: State


@dataclass(slots=True)
class Tally:
    """Counts who is stuck, by provider and state; the money also by asset, in atomic units.

    `providers` are those to be told of even where nobody is stuck.
    """

    providers: Collection[str]
    payments: Counter[tuple[str, State]] = field(default_factory=Counter)
    oldest_ms: dict[tuple[str, State], int] = field(default_factory=dict)
    at_risk: Counter[tuple[str, State, str]] = field(default_factory=Counter)
    # What is owed since when, overdue or not, by provider.
    owed: Counter[str] = field(default_factory=Counter)
    owed_ms: dict[str, int] = field(default_factory=dict)

    def add(self, one: Overstay) -> None:
        """Count one payment."""
        provider, state = one.payment.key.provider, one.state
        place = (provider, state)
        self.payments[place] += 1
        self.oldest_ms[place] = min(self.oldest_ms.get(place, one.since_ms), one.since_ms)
        for asset, amount in one.at_risk.items():
            self.at_risk[provider, state, asset] += amount

    def owes(self, payment: Payment, since_ms: int) -> None:
        """Count one payment of which something is owed, overdue or not."""
        provider = payment.key.provider
        self.owed[provider] += 1
        self.owed_ms[provider] = min(self.owed_ms.get(provider, since_ms), since_ms)


def window_over_ms(payment: Payment, terms: Terms) -> int | None:
    """Return when the window of a payment without money closed, or will; None where nobody said.

    A payment that has left Pending has no window to wait for: there is money, or a word on it.
    Where a refund is told and no money, there was some: that nobody paid would be a lie.
    """
    if payment.state is not State.PENDING or not _ends(payment.facts):
        return None
    if any(_is_refund(fact) for fact in payment.facts):
        return None
    return weighing.window_ms(payment.facts, terms)


def first_end_ms(payment: Payment) -> int:
    """Return the end of the window as it was told, without any grace."""
    return min(_ends(payment.facts))


def overstay(
    payment: Payment, limits: Collection[Limit], terms: Terms, now_ms: int
) -> Overstay | None:
    """Judge one payment; None where it may wait, or waits for nobody."""
    if payment.state not in CODES:
        return None
    since_ms = _since_ms(payment, terms)
    money = _at_risk(payment)
    assets = money or weighing.asked(payment.facts) or {"": 0}
    limit = limit_of(payment.key.provider, limits, payment.state, assets)
    if since_ms is None or limit is None:
        return None
    if payment.state is State.FAILED and not any(money.values()):
        return None
    age_s = (now_ms - since_ms) / 1000
    if age_s < limit.warn_s:
        return None
    code = CODES[payment.state]
    return Overstay(
        payment=payment,
        code=code,
        severity=_severity(code, limit, age_s),
        since_ms=since_ms,
        at_risk=money,
        evidence="; ".join(filter(None, (_evidence(payment, limit, since_ms), sums(money, terms)))),
        state=payment.state,
    )


def _since_ms(payment: Payment, terms: Terms) -> int | None:
    """Return from when a payment's patience counts."""
    if payment.state not in _FROM_WINDOW:
        return payment.changed_ms
    if _ends(payment.facts):
        window = weighing.window_ms(payment.facts, terms)
        return payment.changed_ms if window is None else max(window, payment.changed_ms)
    # Nobody said until when we would wait for money that nobody has seen.
    return None if payment.state is State.PENDING else payment.changed_ms


def limit_of(
    provider: str, limits: Collection[Limit], state: State, assets: Collection[str]
) -> Limit | None:
    """Choose the limit; where money is in several assets, the most patient of theirs."""
    found = [
        max(fitting, key=lambda one: (one[1].names, one[0]))[1]
        for asset in assets
        if (
            fitting := [
                (place, one)
                for place, one in enumerate(limits)
                if one.state is state and one.fits(provider, asset)
            ]
        )
    ]
    return max(found, key=lambda one: one.warn_s, default=None)


def _severity(code: Code, limit: Limit, age_s: float) -> int:
    """Return how bad it is: one worse at the critical age, another one at twice that."""
    worse = (age_s >= limit.critical_s) + (age_s >= limit.critical_s * CALL_AFTER)
    return max(1, HANDLING[code].severity - worse)


def _at_risk(payment: Payment) -> Mapping[str, int]:
    """Add up the money that is in question: what stands, or where it is gone, what there was."""
    values = weighing.observed(payment.facts)
    if payment.state is not State.REVERSED:
        values = weighing.standing(payment.facts, values)
    return weighing.received(values)


def _is_refund(fact: Fact) -> bool:
    return fact.kind is FactKind.REFUND and fact.detail != RefundStatus.FAILED


def _ends(facts: Iterable[Fact]) -> list[int]:
    return [fact.expires_ms for fact in facts if fact.expires_ms is not None]


def _evidence(payment: Payment, limit: Limit, since_ms: int) -> str:
    """Say it in a sentence that stays true: no age, which would be another one tomorrow."""
    since = cloudevents.timestamp(since_ms)
    names = (limit.provider, limit.asset, limit.network)
    corridor = " ".join(name for name in names if name != ANY)
    told = f"{payment.state}, and due to move since {since}"
    return f"{told}; the limit{' of ' + corridor if corridor else ''} is {limit.warn_s:g} s"


def sums(money: Mapping[str, int], terms: Terms) -> str:
    """Write amounts for people; nothing where there are none."""
    return ", ".join(terms.shown(asset, amount) for asset, amount in sorted(money.items()))
