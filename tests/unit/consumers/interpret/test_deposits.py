"""NOWPayments' later deposits: each is a transfer of the parent, and none of them speaks for it."""

import pytest

from consumers.exceptions import Code
from consumers.facts import Fact
from consumers.interpret import assets, interpreter, mapping
from consumers.lifecycle import State, reduce
from consumers.standing import contradictions
from tests.support.builders import envelope

INTERPRETERS = interpreter.load()
PARENT = 5077125051


def told(status: str, paid: str, *, deposit: int = PARENT, coin: str = "usdttrc20") -> set[Fact]:
    """Interpret a notification about 15 USDT, or about a later deposit."""
    parent = "" if deposit == PARENT else f'"parent_payment_id":{PARENT},'
    body = (
        f'{{"payment_id":{deposit},{parent}"payment_status":"{status}","pay_amount":15,'
        f'"actually_paid":{paid},"pay_currency":"{coin}"}}'
    )
    sealed = envelope(
        body.encode(), provider="nowpayments", event_type=status, payment_ref=str(PARENT)
    )
    return set(INTERPRETERS.interpret(sealed).facts)


def test_a_later_deposit_completes_what_was_paid_in_part() -> None:
    """9 of 15 and then 6: the customer has paid, and nobody at the provider says so in one word."""
    part = told("partially_paid", "9")
    rest = told("finished", "6", deposit=600)
    assert reduce(part) is State.UNDERPAID
    assert reduce(part | rest) is State.CONFIRMED


def test_a_later_deposit_that_is_finished_finishes_no_parent() -> None:
    """Its word is about itself: 5 more of 15 are 14."""
    both = told("partially_paid", "9") | told("finished", "5", deposit=600)
    assert reduce(both) is State.UNDERPAID


def test_a_second_full_deposit_is_a_duplicate_payment() -> None:
    """Never a second fulfilment: one state, and somebody gives the second one back."""
    both = told("finished", "15") | told("finished", "15", deposit=600)
    assert reduce(both) is State.CONFIRMED
    codes = {one.code for one in contradictions(both)}
    assert codes == {Code.AMOUNT_OVER, Code.DUPLICATE_PAYMENT}


@pytest.mark.parametrize(
    ("coin", "code"), [("trx", Code.ASSET_MISMATCH), ("usdterc20", Code.NETWORK_MISMATCH)]
)
def test_a_deposit_of_another_coin_never_meets_the_price(coin: str, code: Code) -> None:
    """Wrong-asset deposits are "finished" by default: our own test wins."""
    both = told("waiting", "0") | told("finished", "15", deposit=600, coin=coin)
    assert reduce(both) is State.UNDERPAID
    assert code in {one.code for one in contradictions(both)}


def test_a_later_deposit_that_failed_takes_only_itself_along() -> None:
    """The parent was paid without it."""
    paid = told("finished", "15")
    later = told("confirming", "2", deposit=600) | told("failed", "2", deposit=600)
    assert reduce(paid | later) is State.CONFIRMED


def test_a_refund_of_one_deposit_is_no_refund_of_all() -> None:
    """The first 15 went back, and the second 15 are still here."""
    both = told("refunded", "15") | told("finished", "15", deposit=600)
    assert reduce(both) is not State.REFUNDED
    assert reduce(both | told("refunded", "15", deposit=600)) is State.REFUNDED


def test_every_asset_that_a_table_names_is_registered() -> None:
    """A name that leads to no asset would refuse every event that uses it, one day."""
    registry = assets.load()
    for tables in mapping.load().values():
        for table in tables:
            places = [*table.expected, *table.settled, table.transfer, table.total]
            fixed = [place.asset_is for place in places if place is not None and place.asset_is]
            for asset in (*table.assets.values(), *fixed):
                assert registry.symbol(asset) == asset
