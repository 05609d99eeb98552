"""What is due in the books, worked out by hand: money is owed to them once, under one name."""

import pytest

from consumers import books
from consumers.facts import ON, Fact, FactKind, simple
from tests.support.builders import NOW_MS

USDT, TRON, BSC, EUR = "USDT", "USDT@tron", "USDT@bsc", "EUR"


def final(asset: str, amount: int | None, key: str = "tx:1", *, whole: bool = False) -> Fact:
    """State final money."""
    told = simple(FactKind.FINAL, NOW_MS, key=key, asset=asset, amount=amount)
    return told._replace(whole=whole)


def price(asset: str, amount: int) -> Fact:
    """State what is asked."""
    return simple(FactKind.EXPECTED, 0, asset=asset, amount=amount)


def booked(asset: str, amount: int) -> Fact:
    """State a posting."""
    return simple(FactKind.POSTED, NOW_MS, key="b-1", asset=asset, amount=amount, detail=ON)


@pytest.mark.parametrize(
    ("facts", "due"),
    [
        ([price(USDT, 49), final(TRON, 49, whole=True)], {TRON: 49}),
        ([price(TRON, 49), final(USDT, 49, whole=True)], {USDT: 49}),
        ([price(EUR, 40), final(TRON, 49, whole=True)], {TRON: 49}),
        ([price(EUR, 40), final("", None, whole=True)], {EUR: 40}),
        ([price(EUR, 40), final("", None)], {}),
        ([final(USDT, 49, "agg:shop:p"), final(TRON, 49)], {TRON: 49}),
        ([final(TRON, 49), final(BSC, 7, "tx:2")], {TRON: 49, BSC: 7}),
        ([final(USDT, 49, "agg:shop:p"), final(TRON, 49), booked(USDT, 40)], {TRON: 9}),
        ([final(TRON, 49), booked(TRON, 49)], {}),
    ],
)
def test_money_is_due_once(facts: list[Fact], due: dict[str, int]) -> None:
    """Two names of one asset, or a price beside the money that paid it, are not two debts."""
    assert books.due(facts) == due
