"""The throw-away gateway: what it has of the real one, and what it must not have."""

import stat
from pathlib import Path

import pytest

from sealgate.config import Configuration, read
from sealgate.evidence import ground
from sealgate.evidence.ground import KEY_ID, STAND_IN, prepare

REAL = """
environment = "production"
[log]
url = "kafka://broker-1.example.com:9092"
[store]
url = "postgresql://sealgate@db.example.com/sealgate"
password_file = "not-here"
[edge]
port = 443
[policy]
version = "2026-11"
grace_s = 600
expect_first = ["shop"]
[[source]]
slug = "shop"
provider = "btcpay"
account = "main"
public_url = "https://pay.example.com/hooks/shop"
allow = ["10.0.0.0/8"]
[[source.key]]
id = "2026-11"
file = "secrets/not-here"
[[source]]
slug = "card"
provider = "stripe"
rate_per_s = 0.1
[[source]]
slug = "card-2"
provider = "stripe"
account = "second"
[[source]]
slug = "hints"
provider = "bitpay"
accepts_hints = true
"""


@pytest.fixture(name="real")
def _real(tmp_path: Path) -> Configuration:
    """Write a configuration of which no key file and no password is there to be read."""
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "sealgate.toml").write_text(REAL)
    return read(tmp_path / "real" / "sealgate.toml", {})


def test_what_decides_is_the_same(tmp_path: Path, real: Configuration) -> None:
    """A self-test of another policy or another profile would prove something else."""
    made = prepare(tmp_path, real).configuration.settings
    policy = real.settings.policy
    assert made.policy == policy.model_copy(update={"expect_first": []})
    (shop, card, stand_in) = made.source
    assert (shop.provider, shop.account, shop.public_url) == (
        "btcpay",
        "main",
        "https://pay.example.com/hooks/shop",
    )
    assert (card.slug, stand_in.slug) == ("card", STAND_IN)


def test_where_things_are_is_its_own(tmp_path: Path, real: Configuration) -> None:
    """Nothing of a self-test may reach the real log, the real database or the network."""
    made = prepare(tmp_path, real).configuration
    settings = made.settings
    assert made.base == tmp_path
    assert (settings.log.url, settings.store.url) == ("embedded:./log.db", "sqlite:./store.db")
    assert settings.store.password_file is None
    assert (settings.edge.host, settings.edge.port, settings.admin.port) == ("127.0.0.1", 0, 0)
    assert settings.environment != real.settings.environment
    assert settings.mode == "test"
    for source in settings.source:
        assert (source.allow, source.rate_per_s, source.fetch) == ([], None, None)
        assert not source.fetch_keys


def test_every_key_is_new_and_private(tmp_path: Path, real: Configuration) -> None:
    """The real secrets are not needed, so they are not read: here none is even there."""
    made = prepare(tmp_path, real)
    for source in made.configuration.settings.source:
        (key,) = source.key
        assert key.id == KEY_ID
        assert key.file.is_relative_to(tmp_path)
        assert stat.S_IMODE(key.file.stat().st_mode) == 0o600
    secrets = {one.key.material for one in made.subjects} | {
        one.wrong.material for one in made.subjects
    }
    assert len(secrets) == 2 * len(made.subjects)
    assert not any(str(one.key.material) in repr(one) for one in made.subjects)


def test_one_source_stands_for_those_like_it(tmp_path: Path, real: Configuration) -> None:
    """Ten thousand sources of one profile are one way of verifying."""
    made = prepare(tmp_path, real)
    assert [one.slug for one in made.subjects] == ["shop", "card", STAND_IN]
    told = "\n".join(made.left_out)
    assert "4 sources are 3 kinds" in told
    assert "source hints was not tried: BitPay signs nothing" in told


def test_what_is_too_much_is_left_out_and_said(
    tmp_path: Path, real: Configuration, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A self-test of minutes is not run before a go-live."""
    monkeypatch.setattr(ground, "SUBJECTS_MAX", 1)
    made = prepare(tmp_path, real)
    assert [one.slug for one in made.subjects] == ["shop", STAND_IN]
    assert "2 kinds of sources were not tried: the self-test takes 1" in made.left_out
