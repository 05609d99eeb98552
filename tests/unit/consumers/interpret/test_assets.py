"""Amounts: the registry decides what the smallest unit is, and nothing is rounded."""

from decimal import Decimal
from pathlib import Path

import pytest

from consumers import standing, weighing
from consumers.exceptions import Code
from consumers.facts import FactKind, simple
from consumers.interpret import assets
from consumers.interpret.assets import Unit
from consumers.interpret.drift import Drift
from consumers.lifecycle import State, reduce

REGISTRY = assets.load()

# Decimals as their own issuers define them: protocols, token contracts, ISO 4217.
DECIMALS = {"BTC": 8, "LTC": 8, "ETH": 18, "USDC": 6, "USDT": 6, "DAI": 18, "XMR": 12}
DECIMALS |= {"USD": 2, "EUR": 2, "JPY": 0, "KRW": 0, "KWD": 3, "BHD": 3}

ATOMIC = [
    ("10.50", "USD", Unit.MAJOR, 1050),
    ("0.0000002", "BTC", Unit.MAJOR, 20),
    ("1.00000000000", "BTC", Unit.MAJOR, 100_000_000),
    ("12.000000000000000001", "ETH", Unit.MAJOR, 12_000_000_000_000_000_001),
    (7, "USDC", Unit.MAJOR, 7_000_000),
    (Decimal("1E-8"), "BTC", Unit.MAJOR, 1),
    (Decimal("0.10"), "EUR", Unit.MAJOR, 10),
    (1050, "USD", Unit.MINOR, 1050),
    ("500", "JPY", Unit.MAJOR, 500),
    ("0", "USD", Unit.MAJOR, 0),
    (10**77, "JPY", Unit.MAJOR, 10**77),
]

WRONG = [
    ("1.001", "USD", Unit.MAJOR),
    ("0.0000000001", "BTC", Unit.MAJOR),
    ("10.5", "USD", Unit.MINOR),
    ("-1", "USD", Unit.MAJOR),
    (-1, "USD", Unit.MAJOR),
    ("1e3", "USD", Unit.MAJOR),
    ("1,000.00", "USD", Unit.MAJOR),
    (" 1", "USD", Unit.MAJOR),
    ("", "USD", Unit.MAJOR),
    ("\uff11", "USD", Unit.MAJOR),
    (True, "USD", Unit.MAJOR),
    (["1"], "USD", Unit.MAJOR),
    (Decimal("1E+400"), "USD", Unit.MAJOR),
    (Decimal("1E-400"), "USD", Unit.MAJOR),
    (Decimal("NaN"), "USD", Unit.MAJOR),
    (10**78, "JPY", Unit.MAJOR),
    ("9" * 61, "ETH", Unit.MAJOR),
]


@pytest.mark.parametrize(("symbol", "decimals"), DECIMALS.items())
def test_the_shipped_registry_agrees_with_the_issuers(symbol: str, decimals: int) -> None:
    """A wrong exponent is a factor of ten in somebody's books."""
    assert REGISTRY.decimals[symbol] == decimals


@pytest.mark.parametrize(("told", "symbol", "unit", "atomic"), ATOMIC)
def test_an_amount_becomes_its_exact_integer(
    told: object, symbol: str, unit: Unit, atomic: int
) -> None:
    """Worked out by hand, as finance would with a pencil."""
    assert REGISTRY.atomic(told, symbol, unit) == atomic


@pytest.mark.parametrize(("told", "symbol", "unit"), WRONG)
def test_an_amount_that_cannot_be_right_is_refused(told: object, symbol: str, unit: Unit) -> None:
    """Rounding, signs and other scripts' digits are how a wrong amount looks right."""
    with pytest.raises(Drift) as refused:
        REGISTRY.atomic(told, symbol, unit)
    assert refused.value.code is Code.SCHEMA_DRIFT


def test_a_symbol_is_known_in_any_case() -> None:
    """Stripe writes usd; the registry writes USD."""
    assert REGISTRY.symbol("usd") == "USD"


@pytest.mark.parametrize("told", ["WIF", "USDC.E", "\uff35SD", "u\u017fd", "usd\n", "a\u202eb"])
def test_an_unknown_asset_is_an_exception_of_its_own(told: str) -> None:
    """Formance skips it with a log line while the cursor moves on: a lost deposit."""
    with pytest.raises(Drift) as refused:
        REGISTRY.symbol(told)
    assert refused.value.code is Code.UNKNOWN_ASSET
    assert str(refused.value).isprintable()


@pytest.mark.parametrize("told", [None, "", 7, "X" * 41])
def test_what_is_no_symbol_is_drift(told: object) -> None:
    """A number in the place of an asset is a changed format, not a new asset."""
    with pytest.raises(Drift) as refused:
        REGISTRY.symbol(told)
    assert refused.value.code is Code.SCHEMA_DRIFT


@pytest.mark.parametrize(
    "lines", ["usd = 2", "USD = -1", "USD = 78", "USD = '2'", "USD = 2.0", "USD = true"]
)
def test_a_registry_with_a_mistake_is_not_loaded(tmp_path: Path, lines: str) -> None:
    """An operator's own registry is read at start, and a start can be stopped."""
    path = tmp_path / "assets.toml"
    path.write_text(f"version = 1\nsources = ['ours']\n[decimals]\n{lines}\n")
    with pytest.raises(ValueError):
        assets.load(path)


# Read off the contracts on each network by hand; `decimals()` of a bridge's token is the bridge's.
TOKENS = [
    ("ethereum", "0xdAC17F958D2ee523a2206206994597C13D831ec7", "USDT@ethereum", 6),
    ("tron", "TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t", "USDT@tron", 6),
    ("bsc", "0x55d398326f99059fF775485246999027B3197955", "USDT@bsc", 18),
    ("bsc", "0x8AC76a51cc950d9822D68b83fE1Ad97B32Cd580d", "USDC@bsc", 18),
    ("base", "0x833589fCD6eDb6E08f4c7C32D4f71b54bdA02913", "USDC@base", 6),
    ("solana", "EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGGkZwyTDt1v", "USDC@solana", 6),
    ("ethereum", "0x6B175474E89094C44Da98b954EedeAC495271d0F", "DAI@ethereum", 18),
]


@pytest.mark.parametrize(("network", "address", "asset", "decimals"), TOKENS)
def test_a_contract_is_one_asset_of_its_network(
    network: str, address: str, asset: str, decimals: int
) -> None:
    """However the address is capitalised; and its decimals are its own."""
    assert REGISTRY.at_contract(network, address) == asset
    assert REGISTRY.decimals[asset] == decimals


FAKE = [
    ("ethereum", "0x" + "ab" * 20),
    # The right contract, on a network where anybody could have put another there.
    ("base", "0xdac17f958d2ee523a2206206994597c13d831ec7"),
    ("nowhere", "0xdac17f958d2ee523a2206206994597c13d831ec7"),
    # Base58 has capitals for digits: another spelling is another address.
    ("tron", "tr7nhqjekqxgtci8q8zy4pl8otszgjlj6t"),
    ("ethereum", ""),
]


@pytest.mark.parametrize(("network", "address"), FAKE)
def test_a_contract_nobody_registered_is_an_unknown_asset(network: str, address: str) -> None:
    """A token called USDT costs a few dollars to make."""
    with pytest.raises(Drift) as refused:
        REGISTRY.at_contract(network, address)
    assert refused.value.code is Code.UNKNOWN_ASSET
    assert address == "" or address not in str(refused.value)


def test_what_is_no_address_is_drift() -> None:
    """A number in the place of a contract is a changed format, not a new asset."""
    with pytest.raises(Drift) as refused:
        REGISTRY.at_contract("ethereum", 7)
    assert refused.value.code is Code.SCHEMA_DRIFT


@pytest.mark.parametrize(
    ("asset", "is_token"),
    [("USDT@tron", True), ("USDC", True), ("ETH@base", False), ("BTC", False), ("TRX@tron", False)],
)
def test_a_token_is_told_from_a_coin(asset: str, *, is_token: bool) -> None:
    """Only a coin is what it is called, without a contract."""
    assert REGISTRY.is_token(asset) is is_token


@pytest.mark.parametrize("told", [6, "6", "0x6"])
def test_decimals_that_agree_are_no_news(told: object) -> None:
    """As providers write them: a number, a text, a hexadecimal."""
    REGISTRY.check_decimals("USDT@tron", told)


@pytest.mark.parametrize(("asset", "told"), [("USDT@tron", 18), ("USDT@bsc", "6"), ("ETH", "0x6")])
def test_an_event_that_states_other_decimals_is_about_another_asset(
    asset: str, told: object
) -> None:
    """Ten to the twelfth too much, or too little: no default is right."""
    with pytest.raises(Drift) as refused:
        REGISTRY.check_decimals(asset, told)
    assert (refused.value.code, refused.value.about) == (Code.UNKNOWN_ASSET, asset)


@pytest.mark.parametrize("told", [None, True, -6, "", "six", 6.0, "600", "\u0666"])
def test_decimals_that_are_no_number_are_drift(told: object) -> None:
    """Whoever cannot be read is not believed."""
    with pytest.raises(Drift) as refused:
        REGISTRY.check_decimals("USDT@tron", told)
    assert refused.value.code is Code.SCHEMA_DRIFT


def test_a_bridges_token_never_meets_the_price_of_its_namesake() -> None:
    """10.50 USDT is 10500000 of one and 10500000000000000000 of the other: dust would pay it."""
    deviating = {
        asset
        for asset, decimals in REGISTRY.decimals.items()
        if REGISTRY.decimals.get(weighing.symbol(asset), decimals) != decimals
    }
    assert deviating == weighing.APART
    asked = simple(FactKind.EXPECTED, 0, asset="USDT", amount=10_500_000)
    dust = simple(FactKind.FINAL, 0, key="tx:1", asset="USDT@bsc", amount=10_500_000)
    assert reduce({asked, dust}) is State.UNDERPAID
    assert reduce({asked, dust._replace(asset="USDT@tron")}) is State.CONFIRMED
    assert Code.NETWORK_MISMATCH in {found.code for found in standing.contradictions({asked, dust})}


REFUSED = [
    ("'USDT' = 6\n'USDT@new' = 18", "leave USDT out"),
    ("'usdt@tron' = 6", "in capitals"),
    ("'USDT@Tron' = 6", "small letters"),
    ("USDT = 6\n[contracts.tron]\nTR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t = 'USDT'", "register it too"),
    (
        "'USDT@bsc' = 18\n[contracts.bsc]\n0x55D398326f99059fF775485246999027B3197955 = 'USDT'",
        "in small letters",
    ),
]


@pytest.mark.parametrize(("lines", "told"), REFUSED)
def test_a_registry_that_contradicts_itself_says_what_to_do(
    tmp_path: Path, lines: str, told: str
) -> None:
    """An address that is never found, and decimals that would be compared, are found at start."""
    path = tmp_path / "assets.toml"
    path.write_text(f"version = 1\nsources = ['ours']\n[decimals]\n{lines}\n")
    with pytest.raises(ValueError, match=told):
        assets.load(path)


def test_a_registry_may_know_an_asset_by_its_networks_alone(tmp_path: Path) -> None:
    """The way out of two decimals under one name: nobody can ask for it without a network."""
    path = tmp_path / "assets.toml"
    path.write_text("version = 1\nsources = ['ours']\n[decimals]\n'X@a' = 6\n'X@b' = 18\n")
    registry = assets.load(path)
    assert registry.symbol("x@B") == "X@b"
    with pytest.raises(Drift):
        registry.symbol("X")
