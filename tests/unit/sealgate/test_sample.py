"""The sample configuration is true: whole once its secrets exist, its defaults our own."""

import re
import shutil
from pathlib import Path

import pytest

from sealgate.building import build_sources
from sealgate.config import Settings, read

SAMPLE = Path(__file__).parents[3] / "deploy" / "sample"


@pytest.fixture(name="sample")
def _sample(tmp_path: Path) -> Path:
    shutil.copytree(SAMPLE, tmp_path, dirs_exist_ok=True)
    (tmp_path / "secrets").mkdir()
    for name in ("btcpay-shop-2026-11", "btcpay-shop-2026-05", "kobbopay-eu"):
        (tmp_path / "secrets" / name).write_text(f"a secret of a test for {name}\n")
    return tmp_path / "sealgate.toml"


def test_the_sample_is_a_whole_configuration(sample: Path) -> None:
    """It is what a newcomer copies: it must work as it stands."""
    sources = build_sources(read(sample, {}))
    assert sorted(sources) == ["btcpay-shop", "kobbopay-eu"]
    assert sources["btcpay-shop"].ring.ids == ("2026-11", "2026-05")


def test_every_default_written_in_the_sample_is_the_default(sample: Path, tmp_path: Path) -> None:
    """A comment that says `# port = 8080` is a promise; uncommented, nothing may change."""
    plain = read(sample, {}).settings
    text = sample.read_text()
    opened = re.sub(r"^# (\w+ = .*)$", r"\1", text, flags=re.MULTILINE)
    kept = [line for line in opened.splitlines() if not line.startswith(_OPTIONAL)]
    (tmp_path / "opened.toml").write_text("\n".join(kept))
    (tmp_path / "conf.d").rename(tmp_path / "elsewhere")
    assert len(opened) < len(text)
    unfolded = read(tmp_path / "opened.toml", {}).settings
    for table in ("log", "edge", "quarantine", "admin", "consumer", "policy", "audit", "logging"):
        assert getattr(unfolded, table) == getattr(plain, table)
        assert getattr(plain, table) == Settings.model_fields[table].default
    assert unfolded.source[0] in plain.source


# What is absent by default has an example in the sample, not a default.
_OPTIONAL = (
    *("mode", "password_file", "public_url", "body_bytes_max = 65_536", "rate_per_s"),
    *("ca_file", "mechanism", "username", "token_file", "certificate_file", "key_file"),
    *("client_ca_file", 'id = "q1"', 'file = "secrets/quarantine'),
    *('environment = "test" # a guard', "not_before", "not_after"),
)
