"""How the brokers are entered: every wrong file is told at `sealgate check`, and none shown."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import trustme

from sealgate import brokers
from sealgate.config import Configuration, read
from tests.support import canary
from tests.support.tls import write_pair

NOW = datetime(2026, 11, 23, tzinfo=UTC)
NOW_MS = int(NOW.timestamp() * 1000)
PASSWORD = canary.secret("a broker's password", b"the-brokers-password-9")
REMOTE = "kafka://broker-1.example:9093,127.0.0.1:9093"


def configured(directory: Path, url: str = REMOTE, **tables: Mapping[str, str]) -> Configuration:
    """Write and read a configuration with these tables of the log."""
    lines = ['environment = "test"', "[log]", f'url = "{url}"']
    for name, values in tables.items():
        lines += [f"[log.{name}]", *(f'{key} = "{value}"' for key, value in values.items())]
    (directory / "sealgate.toml").write_text("\n".join(lines) + "\n")
    return read(directory / "sealgate.toml", {})


def password(directory: Path, content: bytes = PASSWORD, mode: int = 0o600) -> str:
    """Write the file of a password; return its name."""
    path = directory / "password"
    path.touch(mode=0o600)
    path.write_bytes(content)
    path.chmod(mode)
    return path.name


def scram(directory: Path, **more: str) -> dict[str, str]:
    """Name a user with SCRAM."""
    said = {"mechanism": "scram-sha-512", "username": "edge", "password_file": "password"}
    return said | more


def mistakes(configuration: Configuration) -> dict[str, str]:
    """Return what is wrong, by place."""
    return {one.place: one.message for one in brokers.faults(configuration, NOW_MS)}


def test_a_whole_configuration_has_no_mistakes(tmp_path):
    """A client's certificate and a password may go together."""
    write_pair(tmp_path)
    trustme.CA().cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    password(tmp_path)
    tls = {"ca_file": "ca.pem", "certificate_file": "tls.crt", "key_file": "tls.key"}
    assert mistakes(configured(tmp_path, tls=tls, sasl=scram(tmp_path))) == {}


def test_every_file_that_is_missing_is_told_with_its_place(tmp_path):
    """One start, all mistakes."""
    tls = {"ca_file": "ca.pem", "certificate_file": "tls.crt", "key_file": "tls.key"}
    told = mistakes(configured(tmp_path, tls=tls, sasl=scram(tmp_path)))
    assert told.keys() == {
        "log.tls.ca_file",
        "log.tls.certificate_file",
        "log.tls.key_file",
        "log.sasl.password_file",
    }
    assert all("cannot be read" in message for message in told.values())


@pytest.mark.parametrize(
    ("content", "mode", "words"),
    [
        (PASSWORD, 0o644, "everybody on this machine can read"),
        (PASSWORD + b"\xff", 0o600, "no text in UTF-8"),
        (b"", 0o600, "cannot be used"),
    ],
)
def test_a_password_that_cannot_be_used_is_told_and_not_shown(tmp_path, content, mode, words):
    """The message goes to a terminal, and into a ticket."""
    password(tmp_path, content, mode)
    told = mistakes(configured(tmp_path, sasl=scram(tmp_path)))["log.sasl.password_file"]
    assert words in told
    assert PASSWORD.decode() not in told


def test_a_file_that_is_no_certificate_and_a_key_of_another_are_told(tmp_path):
    """Two pairs get mixed when one is renewed."""
    write_pair(tmp_path)
    (tmp_path / "ca.pem").write_text("nothing of the kind")
    other = tmp_path / "other"
    other.mkdir()
    write_pair(other)
    tls = {"ca_file": "ca.pem", "certificate_file": "tls.crt", "key_file": "other/tls.key"}
    told = mistakes(configured(tmp_path, tls=tls))
    assert "holds no certificates" in told["log.tls.ca_file"]
    assert "not the key of certificate_file" in told["log.tls.key_file"]


def test_a_certificate_of_the_past_is_told(tmp_path):
    """The brokers would refuse it, in fewer words."""
    write_pair(tmp_path, not_after=NOW - timedelta(days=1))
    tls = {"certificate_file": "tls.crt", "key_file": "tls.key"}
    told = mistakes(configured(tmp_path, tls=tls))
    assert "expired" in told["log.tls.certificate_file"]
    assert "the brokers refuse it" in told["log.tls.certificate_file"]


@pytest.mark.parametrize("url", ["kafka://127.0.0.1:9092", "kafka://localhost:1,[::1]:9092"])
def test_plain_without_tls_is_for_this_machine_alone(tmp_path, url):
    """The password would travel readable."""
    password(tmp_path)
    plain = scram(tmp_path, mechanism="plain")
    told = mistakes(configured(tmp_path, sasl=plain))["log.sasl.mechanism"]
    assert "sends the password readable to broker-1.example" in told
    assert mistakes(configured(tmp_path, url, sasl=plain)) == {}


def test_scram_without_tls_is_a_warning(tmp_path):
    """The password is safe, the payments are not."""
    password(tmp_path)
    (found,) = brokers.warnings(configured(tmp_path, sasl=scram(tmp_path)), NOW_MS)
    assert found[0] == "log.sasl"
    assert "can be read and changed on the way" in found[1]


def test_a_certificate_that_ends_within_the_month_is_a_warning(tmp_path):
    """Renewed in time it is a chore, afterwards an outage."""
    write_pair(tmp_path, not_after=NOW + timedelta(days=20))
    tls = {"certificate_file": "tls.crt", "key_file": "tls.key"}
    (found,) = brokers.warnings(configured(tmp_path, tls=tls), NOW_MS)
    assert found == ("log.tls.certificate_file", "ends on 2026-12-13: renew it before")
    write_pair(tmp_path, not_after=NOW + timedelta(days=40))
    assert not list(brokers.warnings(configured(tmp_path, tls=tls), NOW_MS))
