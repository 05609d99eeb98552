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
    done,
    has,
    is_all_back,
    is_met,
    is_money,
    is_not_before,
    is_one_asset,
    is_timely,
    observed,
    prices,
    stands,
    state,
    symbol,
    total,
    until,
)


def items(told: Iterable[Fact], merchant: Merchant = STRICT) -> set[str]:
    """Name the exceptions that should be open."""
    facts = sorted(told, key=lambda fact: fact.at_ms)
    return {
        *of_state(facts, merchant),
        *of_amounts(facts, merchant),
        *of_places(facts),
        *of_refunds(facts),
        *of_bounces(facts),
        *of_transfers_back(facts, merchant),
        *of_names(facts),
        *of_books(facts, merchant),
        *of_outcomes(facts, merchant),
    }


def of_state(facts: Facts, merchant: Merchant) -> Iterator[str]:
    """Name what the state itself is reason for, and the hold of compliance."""
    now = state(facts, merchant)
    if now == "Late":
        yield "LATE_FUNDS"
    if now == "Reversed":
        yield "FUNDS_REVERSED"
    is_short = prices(facts) or has(facts, "expired") or has(facts, "note", "underpaid")
    if now == "Underpaid" and is_short:
        yield "AMOUNT_UNDER"
    if now == "Refunded" and is_something_left(facts, merchant):
        yield "UNMATCHED_DEPOSIT"
    holds = [fact for fact in facts if fact.kind == "hold" and fact.key == "compliance"]
    # Nobody knows which hold a release without an instant is of.
    holds = [fact for fact in holds if fact.detail == "on" or not fact.untold]
    last_ms = max((fact.at_ms for fact in holds), default=0)
    if any(fact.detail == "on" for fact in holds if fact.at_ms == last_ms):
        yield "COMPLIANCE_HOLD"


def standing_values(facts: Facts) -> Facts:
    """Return what stands of what was observed."""
    return [fact for fact in observed(facts) if stands(fact, facts)]


def of_amounts(facts: Facts, merchant: Merchant) -> Iterator[str]:
    """Compare amounts with what was asked."""
    if state(facts, merchant) == "Refunded":
        return
    is_told = has(facts, "note", "overpaid") and first_exceeded(facts, merchant, []) is None
    over = first_exceeded(facts, merchant, done(facts))
    if over is not None or is_told:
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


def first_exceeded(facts: Facts, merchant: Merchant, back: Facts) -> str | None:
    """Return the first price, by its asset, that more than the price is here for, after refunds."""
    for asset, price in sorted(prices(facts).items()):
        came, gone = total(standing_values(facts), asset), total(back, asset)
        limit = price + allowed(asset, price, merchant)
        if came is not None and came - (0 if gone is None else gone) > limit:
            return asset
    return None


def is_something_left(facts: Facts, merchant: Merchant) -> bool:
    """Say whether money is here of a payment that was refunded: new, or not given back at all."""
    full = [refund for refund in done(facts) if is_all_back(refund, facts)]
    for fact in observed(facts):
        if fact.amount != 0 and all(fact not in until(refund, facts)[0] for refund in full):
            return True
    for fact in observed(facts):
        came, back = total(observed(facts), fact.asset), total(done(facts), fact.asset)
        if fact.amount is None or came is None or back is None:
            continue
        if came - back > allowed(fact.asset, came, merchant):
            return True
    return False


def of_refunds(facts: Facts) -> Iterator[str]:
    """Compare what went back with what ever came."""
    ever, back = observed(facts), done(facts)
    if back and not is_money(ever):
        yield "REFUND_WITHOUT_FUNDS"
        return
    for fact in back:
        given, came = total(back, fact.asset), total(ever, fact.asset)
        if fact.amount is not None and given is not None and came is not None and given > came:
            yield "CONTRADICTORY_OUTCOME"


def of_bounces(facts: Facts) -> Iterator[str]:
    """Look for a refund that succeeded and failed, and nobody knows which came last."""
    words = [fact for fact in facts if fact.kind == "refund"]
    for one in words:
        for other in words:
            if (one.detail, other.detail) != ("succeeded", "failed") or one.key != other.key:
                continue
            is_equal = is_not_before(one, other) and is_not_before(other, one)
            if is_equal and all(fact.key != one.key for fact in done(facts)):
                yield "CONTRADICTORY_OUTCOME"


def of_transfers_back(facts: Facts, merchant: Merchant) -> Iterator[str]:
    """Look for a transfer that the price needs, and that was given back, nobody knows when."""
    gone = set()
    for fact in done(facts):
        came = total([one for one in observed(facts) if one.key == fact.key], fact.asset)
        is_one = fact.untold and not fact.key.startswith("agg:")
        if is_one and came and fact.amount is not None and fact.amount >= came:
            gone.add(fact.key)
    now = standing_values(facts)
    left = [one for one in now if one.key not in gone and not one.key.startswith("agg:")]
    is_needed = is_met(now, facts, merchant) and not is_met(left, facts, merchant)
    if gone and is_money(left) and is_needed and state(facts, merchant) != "Refunded":
        yield "CONTRADICTORY_OUTCOME"


def of_names(facts: Facts) -> Iterator[str]:
    """Look for one transfer that was told in two assets."""
    for one in observed(facts):
        for other in observed(facts):
            is_told = one.asset and other.asset and not one.key.startswith("agg:")
            if is_told and one.key == other.key and symbol(one.asset) != symbol(other.asset):
                yield "CONTRADICTORY_OUTCOME"


def of_books(facts: Facts, merchant: Merchant) -> Iterator[str]:
    """Compare the books with what is final: by its figure, or the price where all of it is."""
    final = [fact for fact in standing_values(facts) if fact.kind == "final"]
    for asset, booked in books(facts).items():
        sums = [total(final, asset) or 0]
        if any(fact.whole for fact in final):
            sums += [price for name, price in prices(facts).items() if is_one_asset(name, asset)]
        if booked > max(sums):
            yield "POSTED_BEFORE_CONFIRMED"
        elif 0 < booked < max(sums) and state(facts, merchant) == "Confirmed":
            yield "POSTED_MISMATCH"


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
