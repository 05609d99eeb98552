"""The reducer held to a second one, written from the document alone, over sets nobody chose."""

from hypothesis import example, given, settings

from consumers.facts import ANNOUNCED, Fact, FactKind, RefundStatus, simple
from consumers.lifecycle import reduce
from consumers.standing import concerns
from consumers.weighing import Terms, Tolerance
from tests.support import naive, naive_items
from tests.support.facts_drawn import fact_sets, merchants


def terms_of(merchant: naive.Merchant) -> Terms:
    """Say the same to the product."""
    told = {asset: Tolerance(*both) for asset, both in merchant.tolerances.items()}
    return Terms(merchant.grace_ms, told)


def worth(key: str, amount: int, at_ms: int, asset: str = "USDT") -> Fact:
    """Observe a transfer."""
    return simple(FactKind.FINAL, at_ms, key=key, asset=asset, amount=amount)


def back(key: str, amount: int, at_ms: int) -> Fact:
    """Give something back."""
    done = RefundStatus.SUCCEEDED
    return simple(FactKind.REFUND, at_ms, key=key, asset="USDT", amount=amount, detail=done)


def _announced(facts: set[Fact]) -> set[Fact]:
    """Let the merchant have announced what was asked for."""
    return {
        fact._replace(detail=ANNOUNCED) if fact.kind is FactKind.EXPECTED and fact.amount else fact
        for fact in facts
    }


# Sets of which the price is the provider's word, and such of which it is the merchant's.
SETS = fact_sets() | fact_sets().map(_announced)
PRICE = simple(FactKind.EXPECTED, 0, asset="USDT", amount=100)


@settings(max_examples=250, deadline=None)
@example({PRICE, worth("agg:1", 60, 1), worth("tx:1", 60, 1, "USDT@tron")}, naive.STRICT)
@example({PRICE, worth("tx:1", 60, 1), worth("tx:1", 60, 2, "USDT@tron")}, naive.STRICT)
@example(
    {PRICE, worth("tx:1", 100, 1), back("re:1", 100, 2), worth("tx:2", 40, 3), back("re:2", 10, 4)},
    naive.STRICT,
)
@example({PRICE, worth("agg:1", 100, 1), back("re", 100, 2), worth("agg:1", 140, 3)}, naive.STRICT)
@given(SETS, merchants())
def test_a_set_of_facts_proves_what_the_document_says(
    facts: set[Fact], merchant: naive.Merchant
) -> None:
    """A reducer that is only tested by its author's examples is right where its author looked."""
    assert reduce(frozenset(facts), terms_of(merchant)) == naive.state(facts, merchant)


@settings(max_examples=250, deadline=None)
@example(
    {
        PRICE,
        simple(FactKind.CANCELLED, 1),
        worth("tx:1", 100, 2),
        simple(FactKind.ACCEPT_LATE, 3),
    },
    naive.STRICT,
)
@example(
    {
        worth("tx:1", 100, 1),
        worth("tx:2", 30, 1, "USDT@tron"),
        back("re:1", 100, 1)._replace(whole=True),
    },
    naive.STRICT,
)
@given(SETS, merchants())
def test_a_set_of_facts_is_reason_for_what_the_document_says(
    facts: set[Fact], merchant: naive.Merchant
) -> None:
    """An exception that is not raised is money nobody looks for."""
    terms = terms_of(merchant)
    found = {one.code.value for one in concerns(reduce(facts, terms), facts, terms)}
    assert found == naive_items.items(facts, merchant)
