"""The row that is named for an observation is the row that the policy judged it by.

Both go through the same rows in the same order, and an explanation must never drift from the
judgement: any few rows, and any few observations of one event, are held against each other.
"""

from hypothesis import given
from hypothesis import strategies as st

from consumers.facts import Fact, FactKind, simple
from consumers.policy import NEVER, TRUST_PROVIDER, Final, Policy, order

ROWS = st.lists(
    st.builds(
        Final,
        st.sampled_from([TRUST_PROVIDER, 2, 6, NEVER]),
        st.sampled_from(["*", "shop"]),
        st.sampled_from(["*", "", "base", "tron"]),
        st.sampled_from(["*", "", "USDC", "BTC"]),
        st.sampled_from([0, 100, 1000]),
    ),
    max_size=6,
)
FINALS = st.frozensets(
    st.builds(
        lambda key, asset, amount: simple(FactKind.FINAL, 1, key=key, asset=asset, amount=amount),
        st.sampled_from(["tx:1", "tx:2", "agg:shop:1"]),
        st.sampled_from(["", "USDC", "USDC@base", "BTC"]),
        st.sampled_from([None, 50, 500, 5000]),
    ),
    max_size=4,
)
PRICES = st.sampled_from(
    [frozenset[Fact](), frozenset({simple(FactKind.EXPECTED, 0, asset="USDC", amount=200)})]
)


@given(ROWS, FINALS, PRICES, st.sampled_from([0, 1, 2, 6]))
def test_what_stays_final_is_what_its_row_is_met_for(
    rows: list[Final], finals: frozenset[Fact], price: frozenset[Fact], depth: int
) -> None:
    """`sealgate why` names a row; were it another one, finance would change the wrong line."""
    policy = Policy(finals=order(rows))
    named = {fact.key for fact in finals if not fact.key.startswith("agg:")}
    judged = policy.judge("shop", finals | price, dict.fromkeys(named, depth), 1)
    found = policy.rows("shop", finals | price)
    has = depth if named else 0
    for fact in finals:
        row = found[fact]
        needed = TRUST_PROVIDER if row is None else row.confirmations
        assert (fact in judged) == (has >= needed)
