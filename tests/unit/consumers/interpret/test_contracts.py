"""Tokens by their contract: what a token calls itself proves nothing."""

from pathlib import Path

import pytest

from consumers.exceptions import Code
from consumers.facts import Fact
from consumers.interpret import interpreter
from consumers.interpret.interpreter import Interpretation
from consumers.lifecycle import Verdict
from tests.support.builders import envelope

MAPPING = """
provider = "kobbopay"
version = 7
effective_from = 2020-01-01
source = "made for these tests: a transfer as a chain tells it"

[networks]
ETH_MAINNET = "ethereum"
BNB_MAINNET = "bsc"

[transfer]
key = ["/hash"]
amount = ["/raw"]
unit = "hex"
asset = ["/asset"]
network = ["/network"]
contract = ["/address"]
decimals = ["/decimals"]

[[rule]]
words = ["payment.paid"]
say = ["transfer_seen"]
"""
USDT = "0xdAC17F958D2ee523a2206206994597C13D831ec7"
BSC_USDT = "0x55d398326f99059fF775485246999027B3197955"


def told(folder: Path, **changes: object) -> Interpretation:
    """Interpret a transfer of one unit."""
    (folder / "kobbopay.toml").write_text(MAPPING)
    plain = {"hash": "aa", "raw": "0x1", "asset": "USDT", "network": "ETH_MAINNET", "address": USDT}
    return interpreter.load(folder).interpret(envelope({**plain, **changes}))


GENUINE = [
    ({}, "USDT@ethereum"),
    ({"decimals": 6}, "USDT@ethereum"),
    # Whatever it calls itself: the bridge's token says BSC-USD.
    ({"network": "BNB_MAINNET", "address": BSC_USDT, "asset": "BSC-USD"}, "USDT@bsc"),
    ({"address": None, "asset": "ETH"}, "ETH@ethereum"),
]


@pytest.mark.parametrize(("changes", "asset"), GENUINE)
def test_a_contract_says_which_asset_it_is(
    tmp_path: Path, changes: dict[str, object], asset: str
) -> None:
    """And a coin, which has none, is what the chain calls it."""
    found: frozenset[Fact] = told(tmp_path, **changes).facts
    assert [fact.asset for fact in found] == [asset]


FAKE = [
    {"address": "0x" + "ab" * 20},
    # The contract of one network, on another, where anybody could have put it.
    {"network": "BNB_MAINNET"},
    # No contract, and a ticker that only a token has.
    {"address": None},
    {"decimals": 18},
    {"network": "NEW_MAINNET"},
]


@pytest.mark.parametrize("changes", FAKE)
def test_a_token_that_only_calls_itself_so_is_an_unknown_asset(
    tmp_path: Path, changes: dict[str, object]
) -> None:
    """A token called USDT costs a few dollars to make, and has paid for real goods elsewhere."""
    found = told(tmp_path, **changes)
    assert (found.verdict, found.facts) == (Verdict.UNPARSEABLE, frozenset())
    assert [finding.code for finding in found.findings] == [Code.UNKNOWN_ASSET]
