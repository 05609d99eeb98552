"""The demo's directory: fresh keys that only their owner reads, and a configuration that works."""

import stat
from pathlib import Path

import pytest

from sealgate import config
from sealgate.building import build_sources
from sealgate.demo.ground import Choices, Ground, GroundTaken, directory, prepare
from sealgate.demo.scenario import SOURCES


def _prepared(place: Path, choices: Choices) -> Ground:
    place.mkdir()
    return prepare(place, choices, SOURCES)


def test_the_configuration_is_one_that_the_gateway_takes(tmp_path: Path) -> None:
    """It is read by the same code as an operator's, key files included."""
    ground = _prepared(tmp_path / "d", Choices(port=0, admin_port=0))
    configuration = config.read(ground.configuration, {})
    sources = build_sources(configuration)
    assert {slug: source.ring.ids for slug, source in sources.items()} == {
        source.slug: source.key_ids for source in SOURCES
    }
    assert configuration.settings.log.url.startswith("embedded:")
    assert configuration.settings.environment == "demo"


def test_keys_are_random_and_for_their_owner_alone(tmp_path: Path) -> None:
    """A demo's habits are copied: a key that others can read is no key."""
    first, second = (_prepared(tmp_path / name, Choices()) for name in ("a", "b"))
    assert first.secrets.keys() == second.secrets.keys()
    assert not set(first.secrets.values()) & set(second.secrets.values())
    assert len(set(first.secrets.values())) == len(first.secrets)
    for slug, key_id in first.secrets:
        mode = first.key_file(slug, key_id).stat().st_mode
        assert stat.S_IMODE(mode) == 0o600


def test_no_secret_shows(tmp_path: Path) -> None:
    """Neither in the configuration, which people paste, nor in a traceback."""
    choices = Choices(postgres="postgresql://me:pass-word@db.example.com/shop")
    ground = _prepared(tmp_path / "d", choices)
    shown = ground.configuration.read_text() + repr(ground)
    assert "pass-word" not in shown
    assert not any(secret in shown for secret in ground.secrets.values())
    password = ground.directory / "keys" / "postgres"
    assert password.read_text() == "pass-word"
    assert stat.S_IMODE(password.stat().st_mode) == 0o600
    assert config.read(ground.configuration, {}).settings.store.password_file is not None


def test_on_shared_services_every_run_has_an_environment_of_its_own(tmp_path: Path) -> None:
    """Topics of another run would be heard, and their payments counted."""
    choices = Choices(kafka="127.0.0.1:9092")
    first, second = (_prepared(tmp_path / name, choices) for name in ("a", "b"))
    assert first.environment != second.environment
    assert first.environment.startswith("demo-")
    settings = config.read(first.configuration, {}).settings
    assert settings.environment == first.environment
    assert settings.log.url == "kafka://127.0.0.1:9092?replication_factor=1"
    assert first.environment in settings.consumer.group


def test_a_start_with_stay_is_clean(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Yesterday's payments and keys would be counted and sent with."""
    monkeypatch.chdir(tmp_path)
    with directory(stay=True) as place:
        (place / "old").write_text("x")
    with directory(stay=True) as place:
        assert list(place.iterdir()) == []
        assert stat.S_IMODE(place.stat().st_mode) == 0o700


def test_two_demos_do_not_share_the_ground(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second would sweep the first one's databases away under its feet."""
    monkeypatch.chdir(tmp_path)
    with directory(stay=True) as place:
        (place / "log.db").write_text("in use")
        with pytest.raises(GroundTaken, match="another demo"), directory(stay=True):
            pass
        assert (place / "log.db").read_text() == "in use"


def test_without_stay_every_run_has_a_directory_of_its_own() -> None:
    """Nothing is left in the working directory of whoever only wanted to look."""
    with directory(stay=False) as first, directory(stay=False) as second:
        assert first != second
        assert stat.S_IMODE(first.stat().st_mode) == 0o700
        first.rmdir()
        second.rmdir()
