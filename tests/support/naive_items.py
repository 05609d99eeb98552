"""Which exceptions a set of facts is reason for: the second, naive answer, from the document.

It stands beside `naive` as `consumers.standing` stands beside `consumers.lifecycle`.
"""

from collections.abc import Iterable, Iterator

from consumers.facts import Fact
from tests.support.naive import (
    STRICT,
    Facts,
    Merchant,
    allowed,
    has,
    is_money,
    is_one_asset,
    is_timely,
    observed,
    prices,
    stands,
    state,
    symbol,
    total,
)


def items(told: Iterable[Fact], merchant: Merchant = STRICT) -> set[str]:
    """Name the exceptions that should be open."""
    facts = sorted(told, key=lambda fact: fact.at_ms)
    return {
        *of_state(facts, merchant),
        *of_amounts(facts, merchant),
        *of_places(facts),
        *of_refunds(facts),
        *of_names(facts),
        *of_books(facts),
        *of_outcomes(facts, merchant),
    }


def of_state(facts: Facts, merchant: Merchant) -> Iterator[str]:
    """Name what the state itself is reason for, and the hold of compliance."""
    now = state(facts, merchant)
    if now == "Late":
        yield "LATE_FUNDS"
    if now == "Reversed":
        yield "FUNDS_REVERSED"
    if now == "Underpaid" and (prices(facts) or has(facts, "expired")):
        yield "AMOUNT_UNDER"
    holds = [fact for fact in facts if fact.kind == "hold" and fact.key == "compliance"]
    last_ms = max((fact.at_ms for fact in holds), default=0)
    if any(fact.detail == "on" for fact in holds if fact.at_ms == last_ms):
        yield "COMPLIANCE_HOLD"


def standing_values(facts: Facts) -> Facts:
    """Return what stands of what was observed."""
    return [fact for fact in observed(facts) if stands(fact, facts)]


def of_amounts(facts: Facts, merchant: Merchant) -> Iterator[str]:
    """Compare amounts with what was asked."""
    over = first_exceeded(facts, merchant)
    if over is not None or has(facts, "note", "overpaid"):
        yield "AMOUNT_OVER"
    if over is None:
        return
    price = prices(facts)[over]
    whole = 0
    for key in {fact.key for fact in standing_values(facts)}:
        own = [fact for fact in standing_values(facts) if fact.key == key and fact.amount != 0]
        if not own or key.startswith("agg:"):
            continue
        if (total(own, over) or 0) >= price - allowed(over, price, merchant):
            whole += 1
    if whole > 1:
        yield "DUPLICATE_PAYMENT"


def of_places(facts: Facts) -> Iterator[str]:
    """Compare assets and networks with what was asked."""
    asked = prices(facts)
    for fact in observed(facts):
        if not fact.asset or not fact.amount or not asked:
            continue
        if all(symbol(fact.asset) != symbol(price) for price in asked):
            yield "ASSET_MISMATCH"
        elif not any(is_one_asset(fact.asset, price) for price in asked):
            yield "NETWORK_MISMATCH"


def first_exceeded(facts: Facts, merchant: Merchant) -> str | None:
    """Return the first price, by the name of its asset, that more than the price came for."""
    for asset, price in sorted(prices(facts).items()):
        came = total(standing_values(facts), asset)
        if came is not None and came > price + allowed(asset, price, merchant):
            return asset
    return None


def of_refunds(facts: Facts) -> Iterator[str]:
    """Compare what went back with what ever came."""
    ever = observed(facts)
    done = [fact for fact in facts if fact.kind == "refund" and fact.detail == "succeeded"]
    if done and not is_money(ever):
        yield "REFUND_WITHOUT_FUNDS"
        return
    for fact in done:
        given, came = total(done, fact.asset), total(ever, fact.asset)
        if fact.amount is not None and given is not None and came is not None and given > came:
            yield "CONTRADICTORY_OUTCOME"


def of_names(facts: Facts) -> Iterator[str]:
    """Look for one transfer that was told in two assets."""
    for one in observed(facts):
        for other in observed(facts):
            is_told = one.asset and other.asset and not one.key.startswith("agg:")
            if is_told and one.key == other.key and symbol(one.asset) != symbol(other.asset):
                yield "CONTRADICTORY_OUTCOME"


def of_books(facts: Facts) -> Iterator[str]:
    """Compare the books with what is final."""
    final = [fact for fact in standing_values(facts) if fact.kind == "final"]
    for asset, booked in books(facts).items():
        if booked > (total(final, asset) or 0):
            yield "POSTED_BEFORE_CONFIRMED"


def books(facts: Facts) -> dict[str, int]:
    """Add up by asset what is in the books: of each posting its last word."""
    sums: dict[str, int] = {}
    postings = [fact for fact in facts if fact.kind == "posted"]
    for key, asset in {(fact.key, fact.asset) for fact in postings}:
        words = [fact for fact in postings if (fact.key, fact.asset) == (key, asset)]
        words.sort(key=lambda fact: (fact.at_ms, fact.detail == "on", fact.amount or 0))
        if words[-1].detail == "on":
            sums[asset] = sums.get(asset, 0) + (words[-1].amount or 0)
    return sums


def of_outcomes(facts: Facts, merchant: Merchant) -> Iterator[str]:
    """Look for ends that exclude each other: refused yet final, called off yet paid in time."""
    now = state(facts, merchant)
    is_refused = has(facts, "failed", "rejected") or has(facts, "failed", "aml")
    is_paid = now in ("Paid", "Confirmed")
    if is_refused and now == "Confirmed":
        yield "CONTRADICTORY_OUTCOME"
    if has(facts, "cancelled") and is_paid and is_timely(facts, merchant):
        yield "CONTRADICTORY_OUTCOME"
