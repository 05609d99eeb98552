"""A policy as it is written: what becomes of it, and what is said of what cannot be meant."""

from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from consumers.policy import NEVER, NO_POLICY, Corridor, Final
from consumers.store.sqlite import SqliteStore
from consumers.weighing import STRICT, Tolerance
from ingress.eventlog.embedded import EmbeddedLog
from ingress.settings import ConfigurationInvalid
from sealgate import consuming
from sealgate.check import check
from sealgate.check import faults as check_faults
from sealgate.config import Configuration, read
from sealgate.policies import faults, policy_of
from sealgate.role import Role

WHOLE = """
[policy]
version = "2026-11"
grace_s = 90.5

[[policy.final]]
asset = "BTC"
confirmations = 1

[[policy.final]]
provider = "btcpay"
network = "bitcoin"
asset = "BTC"
amount_from = "0.1"
confirmations = 3

[[policy.final]]
provider = "own_shop"
network = ""
rule = "never"

[[policy.final]]
network = "tron"
rule = "trust_provider"

[[policy.tolerance]]
asset = "USDT"
amount = "0.01"
bps = 5

[[policy.tolerance]]
asset = "USDT"
network = "bsc"
amount = "0.05"

[[policy.corridor]]
asset = "USDT"
network = "tron"

[[policy.corridor]]
provider = "stripe"
asset = "EUR"
"""
SOURCE = """
[[source]]
slug = "own"
provider = "own_shop"
"""


def configured(folder: Path, text: str, source: str = SOURCE) -> Configuration:
    """Write a configuration with this text, and read it."""
    path = folder / "sealgate.toml"
    path.write_text(f'environment = "test"\n{text}\n{source}')
    return read(path, {})


def test_a_policy_is_what_was_written(tmp_path: Path) -> None:
    """Every column, in atomic units that were worked out by hand."""
    policy = policy_of(configured(tmp_path, WHOLE))
    assert policy.version.startswith("2026-11+")
    assert policy.terms.grace_ms == 90_500
    assert set(policy.finals) == {
        Final(1, asset="BTC"),
        Final(3, "btcpay", "bitcoin", "BTC", 10_000_000),
        Final(NEVER, "own_shop", ""),
        Final(0, network="tron"),
    }
    assert policy.finals[0] == Final(NEVER, "own_shop", "")
    assert set(policy.corridors) == {
        Corridor("USDT", network="tron"),
        Corridor("EUR", provider="stripe"),
    }


def test_a_tolerance_is_in_the_smallest_unit_of_each_name_of_the_asset(tmp_path: Path) -> None:
    """A cent is 10000 of a USDT on tron, and 10 to the sixteenth of one on bsc."""
    found = policy_of(configured(tmp_path, WHOLE)).terms.tolerances
    assert found["USDT"] == found["USDT@tron"] == Tolerance(10_000, 5)
    assert found["USDT@bsc"] == Tolerance(5 * 10**16)
    assert all(name.startswith("USDT") for name in found)
    wide = '[[policy.tolerance]]\nasset = "USDT"\namount = "0.01"'
    everywhere = policy_of(configured(tmp_path, wide)).terms.tolerances
    assert everywhere["USDT@bsc"] == Tolerance(10**16)


def test_the_order_of_the_file_does_not_matter(tmp_path: Path) -> None:
    """Two people who wrote the same policy have the same version."""
    tables = WHOLE.split("\n\n")
    turned = "\n\n".join([tables[0], *tables[:0:-1]])
    assert policy_of(configured(tmp_path, WHOLE)) == policy_of(configured(tmp_path, turned))


@pytest.mark.parametrize("text", ["", "[policy]", "[policy]\ngrace_s = 0"])
def test_who_writes_no_policy_has_none(tmp_path: Path, text: str) -> None:
    """An empty version says in each transition that the provider's word was taken."""
    policy = policy_of(configured(tmp_path, text))
    assert policy.terms.decimals["USDC"] == 6
    assert policy._replace(terms=STRICT) == NO_POLICY


FORMS = [
    ("final", 'asset = "BTC"', "write either rule"),
    ("final", 'rule = "never"\nconfirmations = 1', "write either rule"),
    ("final", 'rule = "sometimes"', "trust_provider"),
    ("final", "confirmations = 0", "greater than or equal to 1"),
    ("final", "confirmations = 100001", "less than or equal to 100000"),
    ("final", 'amount_from = "1"\nconfirmations = 1', "name the asset of the row"),
    ("final", 'asset = "BTC"\namount_from = 0.1\nconfirmations = 1', "as text"),
    ("final", 'asset = "BTC"\namount_from = "-1"\nconfirmations = 1', "as text"),
    ("final", 'asset = "btc"\nconfirmations = 1', "in capitals"),
    ("final", 'network = "Tron"\nconfirmations = 1', "a network such as tron"),
    ("final", 'networks = "tron"\nconfirmations = 1', "did you mean 'network'"),
    ("tolerance", 'asset = "*"\nbps = 1', "in capitals"),
    ("tolerance", 'asset = "BTC"\nbps = 1001', "less than or equal to 1000"),
    ("tolerance", "bps = 1", "asset: is missing"),
    ("corridor", 'asset = ""', "in capitals"),
]


@pytest.mark.parametrize(("table", "row", "told"), FORMS)
def test_a_row_of_a_wrong_form_names_its_place_and_the_fix(
    tmp_path: Path, table: str, row: str, told: str
) -> None:
    """Whoever writes a policy is no programmer."""
    with pytest.raises(ConfigurationInvalid) as invalid:
        configured(tmp_path, f"[[policy.{table}]]\n{row}")
    [mistake] = invalid.value.mistakes
    assert mistake.place.startswith(f"policy.{table} number 1")
    assert told in str(mistake)


MEANT = [
    ("final", 'provider = "btpcay"\nconfirmations = 1', "provider: btpcay has no mapping"),
    ("final", 'network = "trom"\nconfirmations = 1', "network: trom is a network of no"),
    ("final", 'asset = "USTD"\nconfirmations = 1', "asset: USTD is not registered"),
    (
        "final",
        'asset = "BTC"\nnetwork = "tron"\nconfirmations = 1',
        "asset: BTC@tron is not registered",
    ),
    (
        "final",
        'asset = "BTC"\namount_from = "0.000000001"\nconfirmations = 1',
        "amount_from: an amount has more decimals than BTC",
    ),
    (
        "final",
        'asset = "USDT"\namount_from = "1000"\nconfirmations = 1',
        "amount_from: USDT@bsc counts in another smallest unit: write one row for each",
    ),
    ("corridor", 'asset = "BTC"\nnetwork = "tron"', "asset: BTC@tron is not registered"),
    ("corridor", 'asset = "BTC"\nprovider = "nobody"', "provider: nobody has no mapping"),
    ("tolerance", 'asset = "NONE"\nbps = 1', "asset: NONE is not registered"),
    ("tolerance", 'asset = "EUR"\namount = "0.001"', "amount: an amount has more decimals"),
]


@pytest.mark.parametrize(("table", "row", "told"), MEANT)
def test_a_row_that_could_never_fit_is_a_mistake(
    tmp_path: Path, table: str, row: str, told: str
) -> None:
    """A network misspelt would leave the money on it to the provider's word, in silence."""
    configuration = configured(tmp_path, f"[[policy.{table}]]\n{row}")
    [mistake] = faults(configuration)
    assert str(mistake).startswith(f"{configuration.file}: policy.{table} number 1.{told}")
    with pytest.raises(ConfigurationInvalid):
        policy_of(configuration)


TWICE = [
    (
        (
            '[[policy.final]]\nasset = "BTC"\namount_from = "1"\nconfirmations = 1\n'
            '[[policy.final]]\nasset = "BTC"\namount_from = "01.00"\nconfirmations = 6'
        ),
        "policy.final number 2.rule: an earlier row is for the same money",
    ),
    (
        '[[policy.tolerance]]\nasset = "BTC"\nbps = 1\n[[policy.tolerance]]\nasset = "BTC"',
        "policy.tolerance number 2.asset: has a tolerance already",
    ),
]


@pytest.mark.parametrize(("text", "told"), TWICE)
def test_two_rows_for_the_same_money_are_a_mistake(tmp_path: Path, text: str, told: str) -> None:
    """Nothing in the file could say which of the two counts."""
    [mistake] = faults(configured(tmp_path, text))
    assert told in str(mistake)


def test_the_check_tells_the_version(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What will stand in the transitions can be written into the change request beforehand."""
    assert check(configured(tmp_path, WHOLE.replace("own_shop", "btcpay"), source="")) == 0
    policy = policy_of(configured(tmp_path, WHOLE.replace("own_shop", "btcpay"), source=""))
    assert f"  policy {policy.version}\n" in capsys.readouterr().out


async def test_the_consumers_of_a_process_work_under_its_policy(tmp_path: Path) -> None:
    """A policy that is checked and then left out would be worse than none."""
    configuration = configured(tmp_path, WHOLE)
    log, store = EmbeddedLog(tmp_path / "log.db"), SqliteStore(tmp_path / "store.db")
    parts = consuming.parts(configuration, log, store, CollectorRegistry(), lambda _: None)
    assert parts.policy == policy_of(configuration)
    assert parts.policy.version
    await log.close()


def test_a_worker_does_not_start_with_a_mistake_in_its_policy(tmp_path: Path) -> None:
    """An edge has no policy, and is not kept from taking what comes."""
    configuration = configured(tmp_path, '[[policy.corridor]]\nasset = "USTD"', source="")
    assert [str(one) for one in check_faults(configuration, [Role.WORKER])] == [
        str(one) for one in faults(configuration)
    ]
    assert check_faults(configuration, [Role.EDGE]) == []


def test_ten_and_one_are_not_the_same_amount(tmp_path: Path) -> None:
    """Zeros at the end of a whole number count."""
    rows = [
        f'[[policy.final]]\nasset = "BTC"\namount_from = "{amount}"\nconfirmations = 1'
        for amount in ("1", "10", "100", "0")
    ]
    policy = policy_of(configured(tmp_path, "\n".join(rows)))
    assert [row.amount_from // 10**8 for row in policy.finals] == [100, 10, 1, 0]
