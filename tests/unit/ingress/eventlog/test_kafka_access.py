"""What a client of Kafka is made with: from the files as they are, and with nothing to be shown."""

import ssl
from pathlib import Path

import pytest
import trustme

from ingress.eventlog.kafka_access import Access, Sasl, Tls
from tests.support import canary

FIRST = canary.secret("a first password of Kafka", b"first-password-of-kafka")
SECOND = canary.secret("a second password of Kafka", b"second-password-of-kafka")


def sasl(file: Path, mechanism: str = "scram-sha-512") -> Sasl:
    """Come as the edge."""
    return Sasl(mechanism, "edge", file, Path.read_bytes)


def test_a_cluster_that_asks_nothing_is_told_nothing():
    """The client's own defaults are for loopback."""
    assert Access().options() == {}


def test_tls_checks_the_broker_s_name_and_speaks_no_old_version(tmp_path):
    """A password goes to whoever answers, unless its name is proven."""
    trustme.CA().cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    options = Access(tls=Tls(ca=tmp_path / "ca.pem")).options()
    context = options["ssl_context"]
    assert options["security_protocol"] == "SSL"
    assert context.check_hostname
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.minimum_version is ssl.TLSVersion.TLSv1_2
    assert len(context.get_ca_certs()) == 1


@pytest.mark.parametrize("mechanism", ["plain", "scram-sha-256", "scram-sha-512"])
def test_the_password_is_read_for_each_client(tmp_path, mechanism):
    """Whoever replaces the file need restart nothing."""
    file = tmp_path / "password"
    file.write_bytes(FIRST)
    access = Access(sasl=sasl(file, mechanism))
    before = access.stamp()
    first = access.options()
    assert first["sasl_mechanism"] == mechanism.upper()
    assert first["security_protocol"] == "SASL_PLAINTEXT"
    assert first["sasl_plain_password"] == FIRST.decode()
    file.write_bytes(SECOND)
    assert access.options()["sasl_plain_password"] == SECOND.decode()
    assert access.stamp() != before


async def test_a_token_is_read_for_each_connection(tmp_path):
    """It lives for minutes; a client lives for months, and need not be made anew."""
    file = tmp_path / "token"
    file.write_bytes(FIRST)
    access = Access(sasl=sasl(file, "oauthbearer"))
    provider = access.options()["sasl_oauth_token_provider"]
    before = access.stamp()
    assert await provider.token() == FIRST.decode()
    file.write_bytes(SECOND)
    assert await provider.token() == SECOND.decode()
    assert access.stamp() == before


def test_a_file_that_is_gone_is_told_by_its_place_and_not_by_its_name(tmp_path):
    """People put the password where its file's name belongs."""

    def gone(file: Path) -> bytes:
        raise ValueError("the file named there cannot be read: No such file or directory")

    access = Access(sasl=Sasl("plain", "edge", tmp_path / FIRST.decode(), gone))
    with pytest.raises(ValueError, match=r"^log.sasl.password_file: .* cannot be read") as wrong:
        access.options()
    assert FIRST.decode() not in str(wrong.value)
    (tmp_path / "ca.pem").write_text("no certificate")
    with pytest.raises(ValueError, match=r"the files of \[log.tls\] cannot be used"):
        Access(tls=Tls(ca=tmp_path / "ca.pem")).options()


def test_nothing_that_is_printed_shows_the_password(tmp_path):
    """A repr ends up in a log line sooner or later."""
    file = tmp_path / "password"
    file.write_bytes(FIRST)
    access = Access(sasl=sasl(file))
    assert FIRST.decode() not in repr(access)
    assert access.who == "the user edge (SCRAM-SHA-512)"
