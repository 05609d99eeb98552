"""Deposits: transfers that name no payment, whose they may be, and what may be decided. Pure.

A deposit is a transfer under a key of its own: its facts are weighed like a payment's, so that a
removed block or a second sighting means for it what it means for any money. What is decided about
it is a history of words, of which the last counts.

Which payment a deposit is for is scored, and every score has its reason. An amount alone matches
nothing by itself: two customers owe the same sum every day.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import UTC, tzinfo
from typing import NamedTuple

from consumers import business_days, weighing
from consumers.facts import Fact
from consumers.interpret.assets import Assets, Unit
from consumers.interpret.deposits import TransferTold
from consumers.interpret.interpreter import Interpretation
from consumers.lifecycle import Verdict
from consumers.store.cases import AtRisk
from consumers.store.deposits import PREFIX, Deposit, DepositMove, DepositState
from consumers.store.keys import PaymentKey
from consumers.weighing import Terms
from ingress.contract import cloudevents

_S = DepositState
# From the state that counts to those that may be decided next.
MOVES: Mapping[DepositState, frozenset[DepositState]] = {
    _S.UNMATCHED: frozenset({_S.PROPOSED, _S.MATCHED, _S.RETURNED, _S.HELD, _S.WRITTEN_OFF}),
    _S.PROPOSED: frozenset({_S.PROPOSED, _S.MATCHED, _S.RETURNED, _S.HELD, _S.WRITTEN_OFF}),
    _S.MATCHED: frozenset({_S.UNMATCHED}),
    _S.HELD: frozenset({_S.MATCHED, _S.RETURNED, _S.WRITTEN_OFF}),
    _S.RETURNED: frozenset(),
    _S.WRITTEN_OFF: frozenset(),
}
# In these somebody still has to decide.
WAITING = frozenset({_S.UNMATCHED, _S.PROPOSED})
DAY_MS = 86_400_000

# At least so much, and nobody else as well: then a rule may match. In hundredths.
AUTO = 95
ADDRESS, MEMO, NAMED, PAYER, AMOUNT, NEAR = 100, 100, 95, 70, 60, 30

# Of the verdicts on an event's transfers, the first of these is the event's.
_FOREMOST = (
    Verdict.ILLEGAL,
    Verdict.CONFLICT,
    Verdict.APPLIED,
    Verdict.UNMATCHED,
    Verdict.APPLIED_NO_CHANGE,
    Verdict.SUPERSEDED,
    Verdict.DUPLICATE_FACT,
)


def key_of(payment: PaymentKey, transfer: str) -> PaymentKey:
    """Name the deposit of a transfer, told by an event of the same account as `payment`."""
    return payment._replace(reference=cloudevents.attribute(PREFIX + transfer))


def transfers(told: Interpretation) -> Iterator[tuple[TransferTold, frozenset[Fact]]]:
    """Return each transfer of an event, once, with its facts."""
    facts: dict[str, set[Fact]] = {}
    for fact in told.facts:
        facts.setdefault(fact.key, set()).add(fact)
    for key, transfer in {one.key: one for one in reversed(told.deposits)}.items():
        if key in facts:
            yield transfer, frozenset(facts[key])


def keys(payment: PaymentKey, told: Interpretation) -> Iterator[PaymentKey]:
    """Name the deposits that an event states facts of."""
    return (key_of(payment, transfer.key) for transfer, _ in transfers(told))


def foremost(verdicts: Collection[Verdict]) -> Verdict:
    """Return what became of an event, by what became of its transfers."""
    return next((one for one in _FOREMOST if one in verdicts), Verdict.APPLIED_NO_CHANGE)


def state_of(last: DepositMove | None) -> DepositState:
    """Return where a deposit is: unmatched, until somebody has decided."""
    return _S.UNMATCHED if last is None else last.state


def payment_of(last: DepositMove | None) -> PaymentKey | None:
    """Name the payment that a deposit is matched with now."""
    return last.payment if last is not None and last.state is _S.MATCHED else None


def is_there(facts: Collection[Fact]) -> bool:
    """Say whether the money of a deposit stands: not all of it was removed or dropped."""
    values = weighing.observed(facts)
    return weighing.has_value(weighing.standing(facts, values))


class Pressing(NamedTuple):
    """When a deposit that waits cannot wait: from which amounts on, and whose months are periods.

    `large` is in atomic units, by every name of an asset; what it does not name is never large.
    """

    large: Mapping[str, int] = {}
    zone: tzinfo = UTC

    def why(self, risk: AtRisk | None, since_ms: int, now_ms: int) -> str:
        """Say why nobody may leave it waiting; nothing where it may wait."""
        closes_ms = business_days.period_end(since_ms, self.zone)
        if now_ms >= closes_ms:
            closed = cloudevents.timestamp(closes_ms)
            return f"nobody has decided about it, and its period closed at {closed}"
        if risk is not None and risk.amount >= self.large.get(risk.asset, risk.amount + 1):
            return "it is large (`consumer.large_deposit`): it waits for no other business day"
        return ""


NOTHING_LARGE = Pressing()


def large(amounts: Mapping[str, str], registry: Assets) -> Mapping[str, int]:
    """Return major amounts in atomic units, by every name that the registry has for an asset.

    Raises `ValueError` for an asset that is not registered, or an amount finer than its units.
    """
    found: dict[str, int] = {}
    for asset, text in amounts.items():
        names = [name for name in registry.decimals if weighing.symbol(name) == asset]
        if not names:
            raise ValueError(f"the registry has no asset {asset}")
        found |= {name: registry.atomic(text, name, Unit.MAJOR) for name in names}
    return found


class Candidate(NamedTuple):
    """A payment that a deposit may be for: how likely, in hundredths, and in words why."""

    payment: PaymentKey
    score: int
    reasons: tuple[str, ...]


class Known(NamedTuple):
    """What is known of a payment beside its facts.

    `expected` are the places where its money was announced to come, `sharing` how many payments an
    address of these was announced for, `payers` who has paid for it before.
    """

    key: PaymentKey
    is_open: bool
    facts: frozenset[Fact]
    since_ms: int
    expected: tuple[tuple[str, str], ...] = ()
    sharing: Mapping[str, int] = {}
    payers: frozenset[str] = frozenset()


def candidates(
    deposit: Deposit, facts: Collection[Fact], known: Collection[Known], terms: Terms
) -> Sequence[Candidate]:
    """Rank the payments that a deposit may be for, the likeliest first.

    Of several reasons the strongest is the score: reasons are not independent, and a sum of weak
    ones proves nothing.
    """
    money = weighing.at_risk(facts)
    alike = [one for one in known if one.is_open and _fits(money, one, terms) == AMOUNT]
    found = []
    for one in known:
        reasons = dict(_reasons(deposit, one))
        near = abs(one.since_ms - deposit.at_ms) <= DAY_MS
        fit = _fits(money, one, terms) if one.is_open and near else 0
        if fit == AMOUNT and len(alike) > 1:
            fit = NEAR
        if fit:
            told = "it is the amount asked for, and no other open payment asks for as much"
            reasons[told if fit == AMOUNT else "the amount is about what is asked for"] = fit
        if reasons:
            ranked = sorted(reasons.items(), key=lambda item: (-item[1], item[0]))
            found.append(Candidate(one.key, ranked[0][1], tuple(reason for reason, _ in ranked)))
    return sorted(found, key=lambda one: (-one.score, one.payment))


def certain(found: Sequence[Candidate]) -> Candidate | None:
    """Return the candidate that a rule may match: the only one that is likely enough."""
    likely = [one for one in found if one.score >= AUTO]
    return likely[0] if len(likely) == 1 else None


def _reasons(deposit: Deposit, one: Known) -> Iterator[tuple[str, int]]:
    """Say what ties a deposit to a payment, beside the amount."""
    for address, memo in one.expected:
        is_there_alone = bool(address) and address == deposit.address_to and not memo
        if is_there_alone and one.sharing.get(address) == 1:
            yield "it came to the address that was announced for this payment alone", ADDRESS
        if memo and memo == deposit.memo and address in {"", deposit.address_to}:
            yield "it carries the memo that was announced for this payment", MEMO
    if deposit.named and deposit.named == one.key.reference:
        yield "it names the payment itself", NAMED
    if one.is_open and deposit.address_from and deposit.address_from in one.payers:
        yield "the same payer has paid for this payment before", PAYER


def _fits(money: tuple[str, int] | None, one: Known, terms: Terms) -> int:
    """Score how an amount compares with what a payment still asks for."""
    if money is None:
        return 0
    asset, amount = money
    values = weighing.observed(one.facts)
    stands = weighing.standing(one.facts, values)
    for price_in, price in weighing.asked(one.facts).items():
        if not weighing.is_same(asset, price_in):
            continue
        missing = price - (weighing.came(stands, price_in) or 0)
        if amount == missing:
            return AMOUNT
        if abs(amount - missing) <= weighing.tolerance(terms, price_in, price):
            return NEAR
    return 0
