"""The rows of the policy as they are written: where they stand, and which of them are blind."""

from pathlib import Path

import pytest

from consumers.facts import FactKind, simple
from consumers.policy import NEVER, Final
from sealgate import finals
from sealgate.check import check
from sealgate.config import Configuration, read
from sealgate.policies import policy_of

HEAD = 'environment = "test"\n[policy]\nversion = "a"\n'
ROWS = """
[[policy.final]] # the first
asset = "BTC"
confirmations = 2

  [[ policy . final ]]
network = "base"
asset = "USDC"
rule = "never"
"""
SOURCE = """
[[source]]
slug = "shop"
provider = "{provider}"
account = "shop"
"""


def configuration(directory: Path, text: str) -> Configuration:
    """Write a configuration and read it."""
    path = directory / "own.toml"
    path.write_text(HEAD + text)
    return read(path, {})


def test_each_row_is_found_at_its_line(tmp_path: Path) -> None:
    """Whoever mends the policy opens the file: the number is counted, the line is gone to."""
    found = finals.written(configuration(tmp_path, ROWS))
    first = found[Final(2, asset="BTC")]
    second = found[Final(NEVER, network="base", asset="USDC")]
    assert (first.number, first.line, second.number, second.line) == (1, 5, 2, 9)
    assert first.place == "[[policy.final]] number 1 in own.toml, line 5"
    assert second.words == 'network = "base", asset = "USDC", rule = "never"'


def test_rows_inside_a_list_have_a_number_and_no_line(tmp_path: Path) -> None:
    """A line that is not the row's is worse than none."""
    rows = 'final = [{ asset = "BTC", confirmations = 2 }, { rule = "never" }]\n'
    found = finals.written(configuration(tmp_path, rows))
    assert sorted((one.number, one.line) for one in found.values()) == [(1, None), (2, None)]


@pytest.mark.parametrize(
    ("row", "asset", "amount", "lacks"),
    [
        (Final(1), "", None, ()),
        (Final(1, network="base"), "USDC", 5, ("network",)),
        (Final(1, network="base"), "USDC@base", 5, ()),
        (Final(1, asset="BTC"), "", None, ("asset",)),
        (Final(1, asset="BTC", amount_from=10), "BTC", None, ("amount",)),
        (Final(1, network="tron", asset="USDT"), "", None, ("network", "asset")),
        (Final(1, network=""), "USDC", None, ()),
    ],
)
def test_what_an_event_does_not_tell_is_named(
    row: Final, asset: str, amount: int | None, lacks: tuple[str, ...]
) -> None:
    """That a row is followed which is not for this money needs its reason."""
    assert finals.untold(row, asset, amount) == lacks


def test_a_row_that_a_provider_cannot_be_told_apart_by_is_warned_of(tmp_path: Path) -> None:
    """The policy is whole, and would hold back every payment of this provider for good."""
    [told] = finals.warnings(configuration(tmp_path, ROWS + SOURCE.format(provider="kobbopay")))
    assert told.startswith("[[policy.final]] number 2 in own.toml, line 9")
    assert "events of kobbopay name no network, so all USDC of kobbopay is never final" in told


@pytest.mark.parametrize(
    "text",
    [
        ROWS + SOURCE.format(provider="alchemy"),
        ROWS
        + '[[policy.final]]\nprovider = "kobbopay"\nnetwork = ""\nrule = "trust_provider"\n'
        + SOURCE.format(provider="kobbopay"),
        ROWS,
    ],
    ids=["a provider that names networks", "a row for what is not told", "no source"],
)
def test_a_row_that_is_told_apart_is_not_warned_of(tmp_path: Path, text: str) -> None:
    """A warning that is always there is not read."""
    assert list(finals.warnings(configuration(tmp_path, text))) == []


def test_the_row_that_the_warning_advises_ends_it(tmp_path: Path) -> None:
    """Advice that does not help costs more than none."""
    text = ROWS + SOURCE.format(provider="kobbopay")
    [told] = finals.warnings(configuration(tmp_path, text))
    advised = told.rpartition("a row for it with ")[2].replace(" and ", "\n")
    mended = f'{text}\n[[policy.final]]\n{advised}\nrule = "trust_provider"\n'
    assert list(finals.warnings(configuration(tmp_path, mended))) == []


def test_check_prints_the_warning_and_is_satisfied(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It may be meant: nothing is refused, and nobody can say that they were not told."""
    source = SOURCE.format(provider="kobbopay")
    key = tmp_path / "key"
    key.write_text("a secret of this test only")
    key.chmod(0o600)
    text = f'{ROWS}{source}[[source.key]]\nid = "k"\nfile = "key"\n'
    assert check(configuration(tmp_path, text)) == 0
    assert "WARNING [[policy.final]] number 2" in capsys.readouterr().out


def test_the_rows_of_an_event_are_those_that_judge_it(tmp_path: Path) -> None:
    """An explanation by another row than the one that was followed would be a lie."""
    rows = policy_of(configuration(tmp_path, ROWS))
    price = simple(FactKind.EXPECTED, 0, asset="BTC", amount=5)
    transfer = simple(FactKind.SEEN, 1, key="tx:1", asset="BTC", amount=5)
    whole = simple(FactKind.SEEN, 1, key="agg:x:1")
    found = rows.rows("btcpay", {price, transfer, whole})
    assert found == {transfer: Final(2, asset="BTC"), whole: Final(2, asset="BTC")}
