"""What facts come to where providers tell less than everything; sums are worked out by hand."""

from collections.abc import Collection

from consumers.facts import Fact, FactKind, RefundStatus, simple
from consumers.store.deposits import DepositState
from sealgate.exports import balances
from tests.support.builders import NOW_MS

USDT, TRON, BSC = "USDT", "USDT@tron", "USDT@bsc"


def final(asset: str, amount: int | None, key: str = "tx:1", *, whole: bool = False) -> Fact:
    """State final money."""
    told = simple(FactKind.FINAL, NOW_MS, key=key, asset=asset, amount=amount)
    return told._replace(whole=whole)


def price(asset: str, amount: int) -> Fact:
    """State what is asked."""
    return simple(FactKind.EXPECTED, 0, asset=asset, amount=amount)


def back(amount: int | None, status: str = RefundStatus.SUCCEEDED, *, whole: bool = False) -> Fact:
    """State a refund."""
    at_ms = NOW_MS + (status == RefundStatus.FAILED)
    told = simple(FactKind.REFUND, at_ms, key="re-1", asset=USDT, amount=amount, detail=status)
    return told._replace(whole=whole)


def confirmed(*facts: Fact) -> dict[str, int]:
    """Say what is final."""
    return dict(balances.of(facts).confirmed)


def test_one_asset_under_two_names_is_one() -> None:
    """A total without its network and a transfer with it tell the same money."""
    agg = final(USDT, 70, "agg:kobbopay:p")
    assert confirmed(final(TRON, 70), agg) == {TRON: 70}
    assert confirmed(final(USDT, 70)) == {USDT: 70}
    # Of two networks nobody knows which one the bare name is of.
    bare, other = final(USDT, 9, "tx:3"), final("USDT@ethereum", 5, "tx:2")
    assert confirmed(final(TRON, 7), other, bare) == {TRON: 7, "USDT@ethereum": 5, USDT: 9}
    # And one of 18 decimals is never the same.
    assert confirmed(final(BSC, 7), bare) == {BSC: 7, USDT: 9}


def test_a_word_on_the_whole_is_the_price_where_there_is_one() -> None:
    """BTCPay's word has no figure: with one price it is that, with two nobody knows."""
    word = final("", None, "agg:btcpay:i", whole=True)
    assert confirmed(word, price(USDT, 49)) == {USDT: 49}
    assert confirmed(word, price(USDT, 49), price("EUR", 45)) == {}
    assert confirmed(word) == {}
    assert confirmed(final(USDT, 48, whole=True), price(USDT, 49)) == {USDT: 49}


def test_a_refund_counts_by_its_last_word() -> None:
    """What bounced was not given back; all of it without a figure is all that was final."""
    came = final(USDT, 50)

    def refunded(facts: Collection[Fact]) -> dict[str, int]:
        return dict(balances.of(facts).refunded)

    assert refunded([came, back(20)]) == {USDT: 20}
    assert refunded([came, back(20), back(20, RefundStatus.FAILED)]) == {}
    assert refunded([came, back(20, RefundStatus.PENDING)]) == {}
    assert refunded([came, back(None, whole=True)]) == {USDT: 50}


def test_a_deposit_comes_to_what_was_decided() -> None:
    """A payment has it, or it was given back, or nobody will ever ask for it."""
    facts = [final(USDT, 50)]
    left = {
        state: balances.of_deposit(facts, state).unposted().get(USDT, 0) for state in DepositState
    }
    assert left == {
        DepositState.UNMATCHED: 50,
        DepositState.PROPOSED: 50,
        DepositState.HELD: 50,
        DepositState.MATCHED: 0,
        DepositState.RETURNED: 0,
        DepositState.WRITTEN_OFF: 0,
    }
    assert dict(balances.of_deposit(facts, DepositState.RETURNED).refunded) == {USDT: 50}
