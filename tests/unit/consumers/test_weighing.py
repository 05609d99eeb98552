"""Sums over facts, against tables worked out by hand."""

import pytest

from consumers import weighing
from consumers.facts import Fact, FactKind, simple
from consumers.weighing import Refunds, Scale, Terms, Tolerance

WEI = 10**18
ASKED = simple(FactKind.EXPECTED, 0, asset="USDT", amount=100)._replace(expires_ms=1000)


def value(
    key: str, amount: int | None, asset: str = "USDT", at_ms: int = 500, block: str = ""
) -> Fact:
    """Observe value."""
    return simple(FactKind.SEEN, at_ms, key=key, asset=asset, amount=amount, detail=block)


RECEIVED = [
    ("nothing", [], {}),
    ("one transfer twice is once, the larger", [value("a", 40), value("a", 60)], {"USDT": 60}),
    ("two transfers add up", [value("a", 40), value("b", 60)], {"USDT": 100}),
    ("a total and its parts are one money", [value("agg:1", 90), value("a", 60)], {"USDT": 90}),
    ("parts that are more than the total", [value("agg:1", 50), value("a", 60)], {"USDT": 60}),
    ("two totals are one money", [value("agg:1", 50), value("agg:2", 70)], {"USDT": 70}),
    ("assets stay apart", [value("a", 40), value("b", 2, "EUR")], {"USDT": 40, "EUR": 2}),
    ("what is not told is not added", [value("a", None), value("b", 7)], {"USDT": 7}),
    ("18 decimals beyond 2^63", [value("a", 12 * WEI), value("b", 1)], {"USDT": 12 * WEI + 1}),
]


HASH = "4f" * 32
CHAIN, PROVIDER = f"tx:ETH_MAINNET:0x{HASH}:0x", f"tx:{HASH.upper()}-"
SOLANA = "5" * 88
RETOLD = [
    ("a chain and a provider tell one transfer", {CHAIN + "1": 50, PROVIDER + "0": 50}, 50),
    ("one of the two tells more", {CHAIN + "1": 50, PROVIDER + "0": 60}, 60),
    (
        "two transfers of it, and their sum",
        {CHAIN + "1": 20, CHAIN + "2": 30, "tx:" + HASH: 50},
        50,
    ),
    ("two transfers of it, told by one", {CHAIN + "1": 20, CHAIN + "2": 30}, 50),
    ("two outputs of it, told by the other", {PROVIDER + "0": 20, PROVIDER + "1": 30}, 50),
    ("with a place in it and without one", {CHAIN + "1": 20, CHAIN[:-3]: 30}, 50),
    ("two transactions", {CHAIN + "1": 50, f"tx:{'5e' * 32}-0": 50}, 100),
    ("one, and another beside", {CHAIN + "1": 50, PROVIDER + "0": 50, "tx:pay-2": 7}, 57),
    ("one in base58", {f"tx:solana:{SOLANA}:0": 50, f"tx:{SOLANA}": 50}, 50),
    ("longer digits are no hash", {f"tx:a:{HASH}00": 50, f"tx:{HASH}00": 50}, 100),
    ("and a total", {CHAIN + "1": 50, PROVIDER + "0": 50, "agg:1": 70}, 70),
]


@pytest.mark.parametrize(
    ("told", "sum_"), [row[1:] for row in RETOLD], ids=[row[0] for row in RETOLD]
)
def test_one_transaction_told_by_two_sources_counts_once(told: dict[str, int], sum_: int) -> None:
    """A deposit that somebody matched, and the provider's own word on it, are the same money."""
    values = [value(key, amount, "USDT@tron") for key, amount in told.items()]
    assert weighing.received(values) == {"USDT@tron": sum_}
    named = [one._replace(asset="USDT") if "MAINNET" not in one.key else one for one in values]
    assert weighing.came(named, "USDT") == weighing.came(values, "USDT@tron") == sum_


@pytest.mark.parametrize(
    ("values", "sums"), [row[1:] for row in RECEIVED], ids=[row[0] for row in RECEIVED]
)
def test_value_is_added_up_as_by_hand(values: list[Fact], sums: dict[str, int]) -> None:
    """Every amount that anybody sees comes from here."""
    assert weighing.received(values) == sums


CAME = [
    ("the very asset", "USDT", [value("a", 40)], 40),
    ("no network told: any", "USDT@tron", [value("a", 40)], 40),
    ("no network asked: any", "USDT", [value("a", 40, "USDT@tron")], 40),
    ("two networks, and none asked", "USDT", [value("a", 4, "USDT@tron"), value("b", 5)], 9),
    ("another network", "USDT@tron", [value("a", 40, "USDT@ethereum")], None),
    ("another asset", "USDT", [value("a", 40, "EUR")], None),
    ("one transfer in two spellings", "USDT", [value("a", 40), value("a", 40, "USDT@tron")], 40),
    ("a total and its part", "USDT", [value("agg:1", 40), value("a", 40, "USDT@tron")], 40),
    ("of other decimals: never the same", "USDT", [value("a", 40, "USDT@bsc")], None),
    ("of unknown size", "USDT", [value("a", None)], None),
]


@pytest.mark.parametrize(
    ("asset", "values", "sum_"), [row[1:] for row in CAME], ids=[row[0] for row in CAME]
)
def test_what_came_in_an_asset_is_found_under_each_of_its_names(
    asset: str, values: list[Fact], sum_: int | None
) -> None:
    """Counted twice under two names, half a price would be the whole."""
    assert weighing.came(values, asset) == sum_


@pytest.mark.parametrize(
    ("atomic", "bps", "price", "allowed"),
    [(0, 0, 100, 0), (3, 0, 100, 3), (0, 50, 100, 0), (0, 50, 10_000, 50), (70, 50, 10_000, 70)],
)
def test_a_tolerance_is_never_rounded_up(atomic: int, bps: int, price: int, allowed: int) -> None:
    """Half a unit too much, on every payment, is a sum somebody asks about."""
    assert Tolerance(atomic, bps).of(price) == allowed


def test_a_surplus_begins_behind_the_tolerance() -> None:
    """One unit above it is the customer's money."""
    terms = Terms(tolerances={"USDT": Tolerance(atomic=2)})
    prices = {"USDT": 100}
    assert weighing.surplus([value("a", 102)], prices, terms) is None
    assert weighing.surplus([value("a", 103)], prices, terms) == ("USDT", 3)


def test_a_price_without_its_money_is_not_met_by_nothing() -> None:
    """No price and no word is no reason to ship; a word is one, and so is any amount accepted."""
    none = Scale({}, weighing.STRICT, takes_any=False)
    assert not none.is_met([value("a", 100)])
    assert none.is_met([value("a", None)._replace(whole=True)])
    assert not Scale({}, weighing.STRICT, takes_any=True).is_met([value("a", 0)])
    assert Scale({}, weighing.STRICT, takes_any=True).is_met([value("a", None)])


WINDOWS = [
    ("never told", [], None),
    ("told beforehand", [ASKED], 1030),
    ("two ends: the earlier", [ASKED, ASKED._replace(expires_ms=900)], 930),
    ("only the end itself", [simple(FactKind.EXPIRED, 1200), simple(FactKind.EXPIRED, 1100)], 1100),
    ("the end itself does not move what was told", [ASKED, simple(FactKind.EXPIRED, 700)], 1030),
    ("called off before", [ASKED, simple(FactKind.CANCELLED, 600)], 600),
    ("called off after", [ASKED, simple(FactKind.CANCELLED, 1600)], 1030),
    ("only called off", [simple(FactKind.CANCELLED, 600)], 600),
]


@pytest.mark.parametrize(
    ("facts", "closed"), [row[1:] for row in WINDOWS], ids=[row[0] for row in WINDOWS]
)
def test_the_window_closes_when_the_document_says(facts: list[Fact], closed: int | None) -> None:
    """min(expires_at + grace, cancelled_at): a millisecond decides between Paid and Late."""
    assert weighing.window_ms(facts, Terms(grace_ms=30)) == closed


def back(amount: int | None, key: str = "r", at_ms: int = 1, status: str = "succeeded") -> Fact:
    """Give money back."""
    return simple(FactKind.REFUND, at_ms, key=key, asset="USDT", amount=amount, detail=status)


REFUNDED = [
    ("none", [], Refunds({}, is_whole=False, last_ms=None)),
    ("not yet", [back(5, status="pending")], Refunds({}, is_whole=False, last_ms=None)),
    ("one", [back(5)], Refunds({"USDT": 5}, is_whole=False, last_ms=1)),
    ("one, told twice", [back(5), back(5, at_ms=9)], Refunds({"USDT": 5}, False, 1)),
    ("one, told larger", [back(5), back(7, at_ms=9)], Refunds({"USDT": 7}, False, 1)),
    ("two", [back(5), back(7, "s", 9)], Refunds({"USDT": 12}, False, 9)),
    (
        "two, and their total",
        [back(5), back(7, "s"), back(12, "agg:1")],
        Refunds({"USDT": 12}, False, 1),
    ),
    ("a word without an amount", [back(None)._replace(whole=True)], Refunds({}, True, 1)),
]


@pytest.mark.parametrize(
    ("facts", "refunds"), [row[1:] for row in REFUNDED], ids=[row[0] for row in REFUNDED]
)
def test_refunds_are_added_up_as_by_hand(facts: list[Fact], refunds: Refunds) -> None:
    """Given back twice in our books would be a loss that nobody had."""
    assert weighing.refunds(facts) == refunds
