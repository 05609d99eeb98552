"""The sample configuration is true: whole once its secrets exist, its defaults our own."""

import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import get_args, get_origin

import pytest
from pydantic import BaseModel

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
    opened = re.sub(r"^# (\w+ = .*)$", r"\1", _ABSENT.sub("", text), flags=re.MULTILINE)
    kept = [line for line in opened.splitlines() if not line.startswith(_OPTIONAL)]
    (tmp_path / "opened.toml").write_text("\n".join(kept))
    (tmp_path / "conf.d").rename(tmp_path / "elsewhere")
    assert len(opened) < len(text)
    unfolded = read(tmp_path / "opened.toml", {}).settings
    for table, field in Settings.model_fields.items():
        if isinstance(field.default, BaseModel):
            assert getattr(unfolded, table) == getattr(plain, table)
            assert getattr(plain, table) == field.default
    assert unfolded.source[0] in plain.source


def test_every_setting_is_in_the_sample() -> None:
    """It says that it shows every setting: what is not in it is found by nobody."""
    text = (SAMPLE / "sealgate.toml").read_text()
    shown = _shown(text)
    missing = [place for place in _settings("", Settings) if place not in shown]
    assert not missing, (
        f"write into deploy/sample/sealgate.toml, each with its default and in a few words what it"
        f" is for: {', '.join(missing)}"
    )


def test_nothing_in_the_sample_is_no_setting() -> None:
    """A setting that was renamed stays in a comment, where nothing refuses it."""
    known = set(_settings("", Settings))
    text = (SAMPLE / "sealgate.toml").read_text()
    assert _shown(text) - known == set(), "take these out of deploy/sample/sealgate.toml"


_TABLE = re.compile(r"^(?:# )?\[+([a-z_.]+)\]+")
_NAME = re.compile(r"^(?:# )?([a-z_]+) = ")


def _shown(text: str) -> set[str]:
    """Name every setting that the sample shows, as a default or as an example."""
    table, found = "", set[str]()
    for line in text.splitlines():
        if head := _TABLE.match(line):
            table = f"{head[1]}."
        elif name := _NAME.match(line):
            found.add(table + name[1])
    return found


def _settings(table: str, model: type[BaseModel]) -> Iterator[str]:
    """Name every setting of a model and of the tables in it.

    Lists of tables have documents of their own and are shown as lists, but for the sources and
    keys, which no configuration is without.
    """
    for name, field in model.model_fields.items():
        is_list, inner = _table_in(field.annotation)
        if inner is None or (is_list and name not in {"source", "key"}):
            yield table + name
        else:
            yield from _settings(f"{table}{name}.", inner)


def _table_in(annotation: object) -> tuple[bool, type[BaseModel] | None]:
    """Return the table that a field holds, and whether it holds a list of them."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return False, annotation
    is_list = get_origin(annotation) is list
    inner = [one for part in get_args(annotation) if (one := _table_in(part)[1]) is not None]
    return is_list, inner[0] if inner else None


# A table that is absent by default is an example as a whole.
_ABSENT = re.compile(r"^# \[.*\n(?:# .*\n)*", re.MULTILINE)
# What is absent by default has an example in the sample, not a default.
_OPTIONAL = (
    *("mode", "password_file", "public_url", "body_bytes_max = 65_536", "rate_per_s"),
    *("key_file", "mappings"),
    *('environment = "test" # a guard', "not_before", "not_after"),
)
