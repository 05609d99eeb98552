"""The promise on order, by exhaustion: every way to learn any few of these facts.

A state is a function of the set of facts, so all orders of one set end alike; what is left to show
is that every step on every way is a declared move. Each step goes from a set to that set and one
fact more: walking all pairs of sets walks all orders.
"""

from collections import Counter
from itertools import combinations

from consumers.facts import OFF, ON, Fact, FactKind, simple
from consumers.lifecycle import TRANSITIONS, State, reduce

WINDOW_MS = 1000
AT_ONCE = 4


def value(kind: FactKind, key: str, amount: int, at_ms: int, block: str = "") -> Fact:
    """Observe a transfer."""
    return simple(kind, at_ms, key=key, asset="USDC", amount=amount, detail=block)


def word(kind: FactKind, at_ms: int) -> Fact:
    """Let the provider call the payment whole."""
    return simple(kind, at_ms, key="agg:shop:1")._replace(whole=True)


def refund(key: str, amount: int, at_ms: int, status: str = "succeeded") -> Fact:
    """Give something back."""
    return simple(FactKind.REFUND, at_ms, key=key, asset="USDC", amount=amount, detail=status)


SEEN, FINAL = FactKind.SEEN, FactKind.FINAL
POOL = (
    simple(FactKind.EXPECTED, 0, asset="USDC", amount=100)._replace(expires_ms=WINDOW_MS),
    # One transfer of the whole price: in nobody's block, in one, final there, and mined again.
    value(SEEN, "tx:1", 100, 500),
    value(SEEN, "tx:1", 100, 600, "A"),
    value(FINAL, "tx:1", 100, 700, "A"),
    value(FINAL, "tx:1", 100, 1500, "B"),
    simple(FactKind.REMOVED, 800, key="tx:1", detail="A"),
    simple(FactKind.DROPPED, 800, key="tx:1"),
    # Another of a part, final too late, and taken back by the provider.
    value(SEEN, "tx:2", 40, 500),
    value(FINAL, "tx:2", 40, 1500),
    simple(FactKind.REMOVED, 1600, key="tx:2"),
    # A third that came too late.
    value(SEEN, "tx:3", 100, 1700),
    # What the provider says of the whole.
    word(SEEN, 600),
    word(FINAL, 900),
    simple(FactKind.DROPPED, 800, key="agg:shop:1"),
    simple(FactKind.EXPIRED, WINDOW_MS),
    simple(FactKind.CANCELLED, 550),
    simple(FactKind.CANCELLED, 1100),
    simple(FactKind.FAILED, 1200, detail="unconfirmed"),
    simple(FactKind.FAILED, 1200, detail="aml"),
    refund("refund:1", 100, 2000),
    refund("refund:2", 40, 2100),
    refund("refund:1", 100, 2000, "pending"),
    # What operators say.
    simple(FactKind.ACCEPT_LATE, 1800),
    simple(FactKind.ACCEPT_UNDER, 1800),
    simple(FactKind.HOLD, 700, key="compliance", detail=ON),
    simple(FactKind.HOLD, 900, key="compliance", detail=OFF),
)


def test_every_order_of_any_few_facts_goes_along_declared_moves_and_uses_them_all() -> None:
    """Orders of up to four of 26 facts, 375,076 of them; 58 moves are declared, and all happen."""
    moves: Counter[tuple[State, State]] = Counter()
    shorter: dict[frozenset[Fact], State] = {frozenset(): State.PENDING}
    for size in range(1, AT_ONCE + 1):
        longer = {frozenset(facts): reduce(facts) for facts in combinations(POOL, size)}
        for facts, after in longer.items():
            moves.update((shorter[facts - {fact}], after) for fact in facts)
        shorter = longer
    seen = {(before, after) for before, after in moves if before is not after}
    assert seen == {(before, after) for before in TRANSITIONS for after in TRANSITIONS[before]}
