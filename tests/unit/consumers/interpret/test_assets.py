"""Amounts: the registry decides what the smallest unit is, and nothing is rounded."""

from decimal import Decimal
from pathlib import Path

import pytest

from consumers.exceptions import Code
from consumers.interpret import assets
from consumers.interpret.assets import Unit
from consumers.interpret.drift import Drift

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
