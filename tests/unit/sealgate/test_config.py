"""The configuration: every mistake at once, each with its file, its place and what to do."""

import os
from pathlib import Path

import pytest

from ingress.settings import ConfigurationInvalid
from sealgate.building import build_sources
from sealgate.check import faults
from sealgate.config import Configuration, examine, read
from sealgate.role import ALL_ROLES, Role

GOOD = """
environment = "test"

[[source]]
slug = "btcpay-shop"
provider = "btcpay"
[[source.key]]
id = "2026-11"
file = "secrets/btcpay"
"""


def _write(directory: Path, text: str, **fragments: str) -> Path:
    (directory / "secrets").mkdir(exist_ok=True)
    (directory / "secrets" / "btcpay").write_text("a secret of a test\n")
    (directory / "conf.d").mkdir(exist_ok=True)
    for name, fragment in fragments.items():
        (directory / "conf.d" / f"{name}.toml").write_text(fragment)
    path = directory / "sealgate.toml"
    path.write_text(text)
    return path


def _mistakes(path: Path, environ: dict[str, str] | None = None) -> list[str]:
    """List what `sealgate check` would, with paths from the configuration's directory."""
    reading = examine(path, environ or {})
    found = [*reading.mistakes, *faults(reading.configuration, ALL_ROLES)]
    return [str(mistake).removeprefix(f"{path.parent}/") for mistake in found]


def _read(path: Path, environ: dict[str, str] | None = None) -> Configuration:
    return read(path, environ or {})


def test_a_whole_configuration_is_read_with_its_defaults(tmp_path: Path) -> None:
    """The shortest useful file: an environment, and a source with a key."""
    configuration = _read(_write(tmp_path, GOOD))
    assert configuration.settings.edge.port == 8080
    source = build_sources(configuration)["btcpay-shop"]
    assert (source.profile.name, source.ring.ids) == ("btcpay", ("2026-11",))


def test_five_mistakes_are_told_at_once(tmp_path: Path) -> None:
    """Whoever fixes one and starts again four times will not read the fifth message."""
    path = _write(
        tmp_path,
        """
environment = "Test!"
[edge]
prot = 1
port = 99999
[[source]]
slug = "Shop"
provider = "btcpay"
[[source.key]]
id = "k1"
fiel = "x"
""",
    )
    mistakes = _mistakes(path)
    assert len(mistakes) == 6
    assert any(m.startswith("sealgate.toml: environment: ") for m in mistakes)
    assert "sealgate.toml: edge.prot: is not known here; did you mean 'port'?" in mistakes
    assert any(m.startswith("sealgate.toml: edge.port: ") and "65535" in m for m in mistakes)
    assert any(m.startswith("sealgate.toml: source 'Shop'.slug: ") for m in mistakes)
    assert "sealgate.toml: source 'Shop'.key 'k1'.file: is missing" in mistakes
    assert (
        "sealgate.toml: source 'Shop'.key 'k1'.fiel: is not known here; did you mean 'file'?"
        in mistakes
    )


def test_a_fragment_is_named_when_it_is_wrong(tmp_path: Path) -> None:
    """With thirty files, the number of a source is no place."""
    fragment = GOOD.replace('environment = "test"', "").replace("btcpay-shop", "second")
    path = _write(
        tmp_path,
        GOOD,
        good=fragment.replace("secrets/btcpay", "secrets/other"),
        bad='[[source]]\nslug = "third"\nprovider = "stripe"\nkeys = []\n',
    )
    assert any(m.startswith("conf.d/bad.toml: source 'third'.keys: ") for m in _mistakes(path))


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (
            ("secrets/btcpay", "secrets/none"),
            "the file named there cannot be read: No such file or directory",
        ),
        (("secrets/btcpay", "secrets"), "is not a regular file"),
        (('"btcpay"', '"btpcay"'), "btcpay"),
    ],
)
def test_what_only_the_disk_or_the_profiles_know_is_told_too(
    tmp_path: Path, change: tuple[str, str], told: str
) -> None:
    """A key file that is not there must be known before the first delivery is refused."""
    path = _write(tmp_path, GOOD.replace(*change))
    (mistake,) = _mistakes(path)
    assert mistake.startswith("sealgate.toml: source 'btcpay-shop' ")
    assert told in mistake


@pytest.mark.parametrize("content", [b"", b"\n", b"\r\n"])
def test_an_empty_key_is_refused(tmp_path: Path, content: bytes) -> None:
    """An empty HMAC key verifies whatever anybody signs with nothing."""
    path = _write(tmp_path, GOOD)
    (tmp_path / "secrets" / "btcpay").write_bytes(content)
    (mistake,) = _mistakes(path)
    assert "empty" in mistake


def test_a_key_that_cannot_seal_is_told_before_any_start(tmp_path: Path) -> None:
    """A check that passes and a start that fails is how a roll-out ends at night."""
    path = _write(tmp_path, GOOD + '[[quarantine.key]]\nid = "q1"\nfile = "secrets/seal"\n')
    (tmp_path / "secrets" / "seal").write_text("28-characters-that-seal-none")
    (mistake,) = _mistakes(path)
    assert mistake.startswith("quarantine.key 'q1'")
    assert "28-characters" not in mistake


def test_two_sources_cannot_share_a_secret_and_it_is_not_printed(tmp_path: Path) -> None:
    """A delivery to one would verify at the other."""
    second = GOOD.replace('environment = "test"', "").replace("btcpay-shop", "second")
    (mistake,) = _mistakes(_write(tmp_path, GOOD, second=second))
    assert mistake.startswith("conf.d/second.toml: source 'second' key '2026-11': the same secret")
    assert "'btcpay-shop'" in mistake
    assert "a secret of a test" not in mistake


def test_a_slug_can_be_used_once(tmp_path: Path) -> None:
    """Of two sources with one path, one would never be asked."""
    fragment = GOOD.replace('environment = "test"', "")
    mistakes = _mistakes(_write(tmp_path, GOOD, again=fragment))
    assert mistakes == [
        "conf.d/again.toml: source 'btcpay-shop': the slug is used twice; each source needs its own"
    ]


def test_one_value_can_be_overridden_by_the_environment(tmp_path: Path) -> None:
    """The same file serves two machines that differ in a port."""
    environ = {"SEALGATE__EDGE__PORT": "9999", "SEALGATE__ENVIRONMENT": "live", "PATH": "/bin"}
    settings = _read(_write(tmp_path, GOOD), environ).settings
    assert (settings.edge.port, settings.environment) == (9999, "live")


def test_a_wrong_override_is_a_mistake_and_a_source_is_never_one(tmp_path: Path) -> None:
    """A variable with a typing error must not be silently ignored."""
    path = _write(tmp_path, GOOD)
    (mistake,) = _mistakes(path, {"SEALGATE__EDGE__PROT": "1"})
    assert mistake == "SEALGATE__EDGE__PROT: is not known here; did you mean 'port'?"
    told = _mistakes(path, {"SEALGATE__SOURCE__X": "1"})
    assert told == ["SEALGATE__SOURCE__X: sources are configured in files only"]


@pytest.mark.parametrize(
    ("content", "told"), [(None, "there is no such file"), ("a = ", "is not valid TOML")]
)
def test_a_file_that_cannot_be_read_says_what_to_do(
    tmp_path: Path, content: str | None, told: str
) -> None:
    """The first thing a newcomer meets."""
    path = tmp_path / "sealgate.toml"
    if content is not None:
        path.write_text(content)
    with pytest.raises(ConfigurationInvalid, match=told) as invalid:
        _read(path)
    assert str(invalid.value).startswith(str(path))


def test_a_mistake_in_one_place_hides_none_in_another(tmp_path: Path) -> None:
    """A broken fragment, a misspelt setting and a missing key file are three things to mend."""
    path = _write(
        tmp_path,
        GOOD.replace("secrets/btcpay", "secrets/none") + "[edge]\nprot = 1\n",
        broken="a = ",
        good=GOOD.replace('environment = "test"', "")
        .replace("btcpay-shop", "second")
        .replace('"btcpay"', '"nobody"'),
    )
    mistakes = _mistakes(path)
    assert [mistake.partition(": ")[0] for mistake in mistakes] == [
        "sealgate.toml",
        "conf.d/broken.toml",
        "sealgate.toml",
        "conf.d/good.toml",
    ]


def test_a_role_is_asked_only_for_what_it_needs(tmp_path: Path) -> None:
    """A worker holds no webhook key, an edge no password: whoever breaks in finds less."""
    text = GOOD.replace("secrets/btcpay", "secrets/none")
    path = _write(tmp_path, text + '[store]\npassword_file = "secrets/none"\n')
    configuration = _read(path)
    assert len(faults(configuration, ALL_ROLES)) == 2
    (for_edge,) = faults(configuration, [Role.EDGE])
    assert "key '2026-11'" in str(for_edge)
    (for_worker,) = faults(configuration, [Role.WORKER])
    assert "store" in str(for_worker)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('[store]\nurl = "postgresql://u:p@h/db"\n', "holds a password"),
        ("[edge]\nport = 1\n[admin]\nport = 1\n", "is the edge's port too (1)"),
        ("[edge]\nbody_bytes_max = 10\n", "is above the edge's own body_bytes_max, which is 10"),
    ],
)
def test_two_settings_that_cannot_both_hold_are_a_mistake(
    tmp_path: Path, text: str, told: str
) -> None:
    """Each is right by itself; together they fail at the start, or change silently."""
    source = GOOD.replace('provider = "btcpay"', 'provider = "btcpay"\nbody_bytes_max = 99')
    (mistake,) = _mistakes(_write(tmp_path, source + text))
    assert told in mistake
    assert "u:p" not in mistake


def test_a_pipe_as_key_file_does_not_hang(tmp_path: Path) -> None:
    """Opening one waits for a writer who never comes."""
    path = _write(tmp_path, GOOD)
    (tmp_path / "secrets" / "btcpay").unlink()
    os.mkfifo(tmp_path / "secrets" / "btcpay")
    (mistake,) = _mistakes(path)
    assert "is not a regular file" in mistake


def test_checking_writes_nothing(tmp_path: Path) -> None:
    """Whoever checks may be another user, on another machine, or CI."""
    path = _write(tmp_path, GOOD)
    before = sorted(tmp_path.rglob("*"))
    assert _mistakes(path) == []
    assert sorted(tmp_path.rglob("*")) == before


def test_a_secret_in_the_wrong_place_is_not_printed(tmp_path: Path) -> None:
    """The message is pasted into a ticket before anybody looks at it."""
    canary = "whsec_c4n4ry+/="
    for wrong in ('id = "2026-11"', 'file = "secrets/btcpay"'):
        name = wrong.partition(" ")[0]
        path = _write(tmp_path, GOOD.replace(wrong, f'{name} = "{canary}"'))
        mistakes = _mistakes(path)
        assert len(mistakes) == 1
        assert "c4n4ry" not in mistakes[0]


def test_a_key_id_that_is_the_secret_is_refused(tmp_path: Path) -> None:
    """Ids go to metrics, logs, topics and rows."""
    path = _write(tmp_path, GOOD.replace('id = "2026-11"', 'id = "canary-1"'))
    (tmp_path / "secrets" / "btcpay").write_text("canary-1\n")
    (mistake,) = _mistakes(path)
    assert "its id is the secret itself" in mistake
