"""A second reducer, written from the domain's document alone, as slowly and plainly as it reads.

Nothing here is shared with the product but the shape of a fact: no set is built once and used
twice, no answer is kept, time is walked fact by fact. Where the document says "the instant at which
the sum first reached the price", this walks along the facts until it does. Two programs that agree
on sets nobody chose, one clever and one not, are evidence that the clever one is right.
"""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from consumers.facts import Fact


class Merchant(NamedTuple):
    """What the merchant allows: time after the window; by asset, (smallest units, basis points)."""

    grace_ms: int = 0
    tolerances: Mapping[str, tuple[int, int]] = {}


Facts = list[Fact]


STRICT = Merchant()


def state(told: Iterable[Fact], merchant: Merchant = STRICT) -> str:
    """Return the state that the facts prove: the document's list, the first that holds."""
    facts = sorted(told, key=lambda fact: fact.at_ms)
    seen = [fact for fact in observed(facts) if stands(fact, facts)]
    final = [fact for fact in seen if fact.kind == "final"]
    if is_refunded(facts):
        return "Refunded"
    if is_reversed(facts, merchant):
        return "Reversed"
    if is_met(final, facts, merchant):
        return "Confirmed" if is_timely_or_accepted(facts, merchant) else "Late"
    if has(facts, "failed"):
        return "Failed"
    if is_met(seen, facts, merchant):
        return "Paid" if is_timely_or_accepted(facts, merchant) else "Late"
    if is_money(seen):
        return "Underpaid"
    return nothing(facts)


def nothing(facts: Facts) -> str:
    """Name a payment for which no money stands."""
    if has(facts, "cancelled"):
        return "Cancelled"
    if has(facts, "expired"):
        return "Expired"
    return "Pending"


def has(facts: Facts, kind: str, detail: str | None = None) -> bool:
    """Say whether any fact is of a kind, and has a detail where one is asked for."""
    return any(fact.kind == kind and detail in (None, fact.detail) for fact in facts)


def observed(facts: Facts) -> Facts:
    """Return what was ever seen or final.

    "Wrong amount with status success: our test wins", where the merchant announced the price.
    """
    found = []
    for fact in facts:
        if fact.kind not in ("seen", "final"):
            continue
        asked = [one for one in facts if one.kind == "expected" and one.detail == "announced"]
        is_tested = any(is_one_asset(fact.asset, one.asset) for one in asked)
        is_word = fact.whole and not (is_tested and fact.amount is not None)
        found.append(fact._replace(whole=is_word))
    return found


def is_money(told: Facts) -> bool:
    """Say whether there is any value: an amount that nobody told is some, a zero is none.

    But a provider that calls a zero the whole payment has moved it, and can take it back.
    """
    return any(fact.amount is None or fact.amount > 0 or fact.whole for fact in told)


def stands(value: Fact, facts: Facts) -> bool:
    """Say whether an observation is effective.

    "Inclusions whose block is not REMOVED; a REMOVED or DROPPED only cancels that block or the
    mempool sighting; if a FINAL block was removed, mempool sightings stop counting."
    """
    is_mempool = value.kind == "seen" and value.detail == ""
    for fact in facts:
        if fact.key != value.key:
            continue
        if fact.kind == "removed" and fact.detail == value.detail:
            return False
        if fact.kind == "dropped" and is_mempool:
            return False
        if fact.kind == "removed" and is_mempool:
            for other in facts:
                if other.kind == "final" and other[1] == fact.key and other.detail == fact.detail:
                    return False
    return True


def is_one_asset(one: str, other: str) -> bool:
    """Say whether two names can mean one asset: no network on one side means any network.

    But "USDT is 6 on Ethereum and Tron, 18 on BSC": units that differ are never compared.
    """
    if ("@" in one and "@" in other) or one.endswith("@bsc") or other.endswith("@bsc"):
        return one == other
    return symbol(one) == symbol(other)


def symbol(asset: str) -> str:
    """Return the name without the network."""
    return asset.split("@", maxsplit=1)[0]


def total(told: Facts, asset: str) -> int | None:
    """Add up what came in an asset: every transfer once, or a running total if that is more."""
    is_told = False
    largest: dict[str, int] = {}
    running = 0
    for fact in told:
        if fact.amount is None or not is_one_asset(fact.asset, asset):
            continue
        is_told = True
        if fact.key.startswith("agg:"):
            running = max(running, fact.amount)
        else:
            largest[fact.key] = max(largest.get(fact.key, 0), fact.amount)
    return max(sum(largest.values()), running) if is_told else None


def prices(facts: Facts) -> dict[str, int]:
    """Return what was asked for: alternatives by asset, of each the highest."""
    asked: dict[str, int] = {}
    for fact in facts:
        if fact.kind == "expected" and fact.amount is not None:
            asked[fact.asset] = max(asked.get(fact.asset, 0), fact.amount)
    return asked


def allowed(asset: str, price: int, merchant: Merchant) -> int:
    """Return how far from the price is still the price."""
    atomic, bps = merchant.tolerances.get(asset, (0, 0))
    return max(atomic, price * bps // 10_000)


def is_met(told: Facts, facts: Facts, merchant: Merchant) -> bool:
    """Say whether these observations reach the requirement."""
    for fact in told:
        if fact.whole:
            return True
    if (has(facts, "accept_under") or has(facts, "expected", "open")) and is_money(told):
        return True
    for asset, price in prices(facts).items():
        came = total(told, asset)
        if came is not None and came >= price - allowed(asset, price, merchant):
            return True
    return False


def done(facts: Facts) -> Facts:
    """Return the refunds that succeeded, where nothing later says that they failed.

    Of words of which nobody knows the order, that it failed is the later one: a bounce.
    """
    back = []
    for fact in facts:
        if fact.kind != "refund" or fact.detail != "succeeded":
            continue
        bounces = [one for one in facts if one.kind == "refund" and one.detail == "failed"]
        bounces = [one for one in bounces if one.key == fact.key]
        if not any(is_not_before(one, fact) for one in bounces):
            back.append(fact)
    return back


def is_not_before(one: Fact, other: Fact) -> bool:
    """Say whether it is not known that one word came before another."""
    return one.untold or other.untold or one.at_ms >= other.at_ms


def is_refunded(facts: Facts) -> bool:
    """Say whether, at some refund, all that had come until then was given back.

    "Funds first seen after a full refund are a new unmatched deposit."
    """
    return any(is_all_back(refund, facts) for refund in done(facts))


def is_all_back(refund: Fact, facts: Facts) -> bool:
    """Say whether all that came until this refund was given back by then."""
    came, back = until(refund, facts)
    return is_money(came) and is_given_back(came, back)


def until(refund: Fact, facts: Facts) -> tuple[Facts, Facts]:
    """Return what had come when a refund was made, and what had been given back.

    Of what has no instant it is supposed that it came before, and of a refund without one that it
    was the last thing to happen.
    """
    ever, back = observed(facts), done(facts)
    now_ms = begin(refund, back)
    if now_ms is None:
        return ever, back

    def was(one: Fact, told: Facts) -> bool:
        then_ms = begin(one, told)
        return then_ms is None or then_ms <= now_ms

    return [fact for fact in ever if was(fact, ever)], [fact for fact in back if was(fact, back)]


def begin(one: Fact, told: Facts) -> int | None:
    """Return when the transfer, or the refund, was first told of; None where nobody knows.

    A running total that has grown tells of more, and of it nobody had told before.
    """
    same = [fact for fact in told if fact.key == one.key]
    if one.key.startswith("agg:"):
        same = [fact for fact in same if fact._replace(at_ms=0) == one._replace(at_ms=0)]
    if any(fact.untold for fact in same):
        return None
    return min(fact.at_ms for fact in same)


def is_given_back(ever: Facts, back: Facts) -> bool:
    """Say whether refunds are as much as ever came, in each asset, or the provider says all."""
    for fact in back:
        if fact.whole:
            return True
    some = False
    for fact in ever:
        came = total(ever, fact.asset)
        if not fact.amount or not came:
            continue
        some = True
        given = total(back, fact.asset)
        if given is None or given < came:
            return False
    return some


def is_reversed(facts: Facts, merchant: Merchant) -> bool:
    """Say whether money is gone: less than the price stands, or finality was had and lost."""
    ever = observed(facts)
    seen = [fact for fact in ever if stands(fact, facts)]
    if not is_money([fact for fact in ever if not stands(fact, facts)]):
        return False
    if not is_met(seen, facts, merchant):
        return True
    was = is_met([fact for fact in ever if fact.kind == "final"], facts, merchant)
    return was and not is_met([fact for fact in seen if fact.kind == "final"], facts, merchant)


def is_too_late(value: Fact, facts: Facts, merchant: Merchant) -> bool:
    """Say whether an observation was after min(expires_at + grace, cancelled_at).

    Where nobody told when it would close, it closed when it was said to have. What was received
    before an end that was told came before it. Who says that it has closed says that it was not
    paid: money of which nobody knows whether it came before that word came after it.
    """
    ends = [fact.expires_ms + merchant.grace_ms for fact in facts if fact.expires_ms is not None]
    if any(value.at_ms > end for end in ends):
        return True
    for fact in facts:
        if fact.kind != "cancelled" and (fact.kind != "expired" or ends):
            continue
        if value.untold or fact.untold or value.at_ms > fact.at_ms:
            return True
    return False


def is_timely(facts: Facts, merchant: Merchant) -> bool:
    """Walk along time until the price is reached, leaving out what came too late.

    Of a transfer that stands every sighting counts, also one in a block that was removed: it was
    there. A transfer that the provider itself calls late never counts.
    """
    values = observed(facts)
    keys = {fact.key for fact in values if stands(fact, facts)}
    keys -= {fact.key for fact in values if fact.late}
    so_far: Facts = []
    for fact in sorted(values, key=lambda one: one.at_ms):
        if fact.key in keys and not is_too_late(fact, facts, merchant):
            so_far.append(fact)
            if is_met(so_far, facts, merchant):
                return True
    return False


def is_timely_or_accepted(facts: Facts, merchant: Merchant) -> bool:
    """Say whether the money came in time, or an operator took it late."""
    return has(facts, "accept_late") or is_timely(facts, merchant)
