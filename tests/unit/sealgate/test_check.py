"""`sealgate check`: what it says of a configuration that is whole."""

from pathlib import Path

import pytest

from sealgate.check import check
from sealgate.commands.running import check as command
from sealgate.config import read


def test_a_key_that_proves_nothing_is_not_listed_like_one_that_does(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Two keys in the line read as a rotation that is under way."""
    (tmp_path / "new").write_text("a secret of a test: new")
    path = tmp_path / "sealgate.toml"
    path.write_text(
        'environment = "test"\n[[source]]\nslug = "shop"\nprovider = "btcpay"\n'
        '[[source.key]]\nid = "k2"\nfile = "new"\n'
        '[[source.key]]\nid = "k1"\nfile = "old"\nstatus = "revoked"\n'
    )
    assert check(read(path, {})) == 0
    assert "keys: k2, k1 (revoked)\n" in capsys.readouterr().out


def test_a_worker_is_checked_without_the_keys_of_the_edge(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Before a rollout each pod checks what it is going to start with, and has no more."""
    path = tmp_path / "sealgate.toml"
    path.write_text(
        'environment = "test"\n[[source]]\nslug = "shop"\nprovider = "btcpay"\n'
        '[[source.key]]\nid = "k"\nfile = "nowhere"\n'
    )
    assert command(role=["worker", "relay"], config=path) == 0
    assert capsys.readouterr().out == "environment test (test): the configuration is whole\n"
    assert command(role=["worker", "edge"], config=path) == 78
    assert "source 'shop' key 'k'" in capsys.readouterr().err
    assert command(config=path) == 78


def test_each_source_is_listed_once_by_the_address_that_its_provider_is_given(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The longer one is for balancers of several environments, and said once for all."""
    for name in ("shop", "books"):
        (tmp_path / name).write_text(f"a secret of a test: {name}")
    path = tmp_path / "sealgate.toml"
    one = '[[source]]\nslug = "{}"\nprovider = "btcpay"\n[[source.key]]\nid = "k"\nfile = "{}"\n'
    path.write_text(
        'environment = "test"\n' + one.format("shop", "shop") + one.format("books", "books")
    )
    assert check(read(path, {})) == 0
    assert capsys.readouterr().out.splitlines()[1:] == [
        "  POST /hooks/shop  BTCPay Server  keys: k",
        "  POST /hooks/books  BTCPay Server  keys: k",
        "  each is served at /hooks/test/<slug>, too: there no other environment takes it",
    ]
