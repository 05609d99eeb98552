"""Certificates from files: what is taken, what is refused, and in which words."""

import ssl
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import trustme
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from cryptography.x509.oid import NameOID

from ingress import tls
from ingress.settings import TlsSettings
from tests.support.https import authority
from tests.support.tls import ends, settings, write_pair

NOW = datetime.now(UTC)
NOW_MS = round(time.time() * 1000)
CANARY = b"canary-key-41c7"


def _mistakes(directory: Path, **more: str) -> list[str]:
    configured = TlsSettings.model_validate(settings(**more))
    return [str(one) for one in tls.check(configured, directory, NOW_MS)]


def test_a_good_pair_makes_a_context_and_says_when_it_ends(tmp_path: Path) -> None:
    """The end goes into a gauge: the certificate that expires on a Sunday is seen before."""
    pem = write_pair(tmp_path)
    loaded = tls.load(TlsSettings.model_validate(settings()), tmp_path, NOW_MS)
    assert loaded.not_after.timestamp() == ends(pem)
    assert _mistakes(tmp_path) == []


def test_without_tls_there_is_nothing_to_be_wrong(tmp_path: Path) -> None:
    """Most run behind a proxy."""
    assert tls.check(None, tmp_path, NOW_MS) == []


def test_only_modern_tls_is_offered(tmp_path: Path) -> None:
    """As Mozilla's intermediate says: 1.2 and 1.3, forward secrecy, authenticated encryption."""
    write_pair(tmp_path)
    context = tls.load(TlsSettings.model_validate(settings()), tmp_path, NOW_MS).context
    assert context.minimum_version is ssl.TLSVersion.TLSv1_2
    assert context.options & ssl.OP_NO_RENEGOTIATION
    assert context.options & ssl.OP_NO_COMPRESSION
    assert context.verify_mode is ssl.CERT_NONE
    old = [one["name"] for one in context.get_ciphers() if one["protocol"] != "TLSv1.3"]
    assert len(old) == 6
    assert all(name.startswith("ECDHE-") and ("GCM" in name or "POLY" in name) for name in old)


def _world_readable(directory: Path) -> None:
    (directory / "tls.key").chmod(0o604)


def _foreign_key(directory: Path) -> None:
    other = authority().issue_cert("other.example.com")
    (directory / "tls.key").write_bytes(other.private_key_pem.bytes())


def _expired(directory: Path) -> None:
    write_pair(directory, not_after=NOW - timedelta(hours=1))


def _not_yet(directory: Path) -> None:
    begins = NOW + timedelta(hours=1)
    write_pair(directory, not_before=begins, not_after=begins + timedelta(days=1))


def _garbage_certificate(directory: Path) -> None:
    (directory / "tls.crt").write_bytes(b"-----BEGIN CERTIFICATE-----\n" + CANARY)


def _garbage_key(directory: Path) -> None:
    (directory / "tls.key").write_bytes(b"-----BEGIN PRIVATE KEY-----\n" + CANARY)


def _key_and_certificate_mixed_up(directory: Path) -> None:
    (directory / "tls.crt").write_bytes((directory / "tls.key").read_bytes())


def _encrypted_key(directory: Path) -> None:
    key = generate_private_key(SECP256R1())
    sealed = key.private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"a-password")
    )
    (directory / "tls.key").write_bytes(sealed)


def _no_certificate(directory: Path) -> None:
    (directory / "tls.crt").unlink()


def _empty_key(directory: Path) -> None:
    (directory / "tls.key").write_bytes(b"\n")


@pytest.mark.parametrize(
    ("spoil", "place", "words"),
    [
        (_world_readable, "edge.tls.key_file", "chmod 600"),
        (_foreign_key, "edge.tls.key_file", "is not the key of the certificate"),
        (_expired, "edge.tls.certificate_file", "has expired"),
        (_not_yet, "edge.tls.certificate_file", "is not valid before"),
        (_garbage_certificate, "edge.tls.certificate_file", "no certificates in PEM"),
        (_garbage_key, "edge.tls.key_file", "no private key in PEM"),
        (_key_and_certificate_mixed_up, "edge.tls.certificate_file", "no certificates in PEM"),
        (_encrypted_key, "edge.tls.key_file", "is encrypted"),
        (_no_certificate, "edge.tls.certificate_file", "No such file"),
        (_empty_key, "edge.tls.key_file", "is empty"),
    ],
)
def test_a_bad_pair_is_refused_in_words_that_help(
    tmp_path: Path, spoil: Callable[[Path], None], place: str, words: str
) -> None:
    """At three in the morning the message is the runbook; and it never quotes a key."""
    write_pair(tmp_path)
    spoil(tmp_path)
    (told,) = _mistakes(tmp_path)
    assert told.startswith(place + ": ")
    assert words in told
    assert CANARY.decode() not in told


def test_every_mistake_is_told_at_once(tmp_path: Path) -> None:
    """Whoever repairs one file must not find the next fault only at the next start."""
    write_pair(tmp_path, not_after=NOW - timedelta(hours=1))
    _world_readable(tmp_path)
    told = _mistakes(tmp_path, client_ca_file="nowhere.pem")
    assert len(told) == 3


def test_a_key_too_weak_for_this_machine_is_refused_and_not_served(tmp_path: Path) -> None:
    """What only OpenSSL objects to must be a message too, and no traceback at the first client."""
    key = rsa.generate_private_key(65537, 1024)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "hooks.example.com")])
    weak = x509.CertificateBuilder(name, name, key.public_key(), 1, NOW, NOW + timedelta(days=1))
    (tmp_path / "tls.crt").write_bytes(weak.sign(key, SHA256()).public_bytes(Encoding.PEM))
    (tmp_path / "tls.key").write_bytes(
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    )
    (told,) = _mistakes(tmp_path)
    assert told == "edge.tls: OpenSSL does not take these files: EE_KEY_TOO_SMALL"


def test_an_authority_for_clients_makes_the_edge_ask_for_certificates(tmp_path: Path) -> None:
    """It asks and does not insist: only some sources demand one."""
    write_pair(tmp_path)
    authority().cert_pem.write_to_path(tmp_path / "ca.pem")
    configured = TlsSettings.model_validate(settings(client_ca_file="ca.pem"))
    context = tls.load(configured, tmp_path, NOW_MS).context
    assert context.verify_mode is ssl.CERT_OPTIONAL
    assert len(context.get_ca_certs()) == 1


def test_a_bundle_of_authorities_may_name_them_in_any_language(tmp_path: Path) -> None:
    """The bundles of operating systems do: between the certificates stands whatever they like."""
    write_pair(tmp_path)
    one, other = (ca.cert_pem.bytes() for ca in (authority(), trustme.CA()))
    named = "# F\u0151tan\u00fas\u00edtv\u00e1ny\n".encode()
    (tmp_path / "ca.pem").write_bytes(named + one + named + other)
    configured = TlsSettings.model_validate(settings(client_ca_file="ca.pem"))
    assert len(tls.load(configured, tmp_path, NOW_MS).context.get_ca_certs()) == 2


@pytest.mark.parametrize("content", [b"", b"nonsense", CANARY])
def test_a_bad_authority_for_clients_is_refused(tmp_path: Path, content: bytes) -> None:
    """Without it nobody's certificate would hold, and the sources that want one fall silent."""
    write_pair(tmp_path)
    (tmp_path / "ca.pem").write_bytes(content)
    (told,) = _mistakes(tmp_path, client_ca_file="ca.pem")
    assert told.startswith("edge.tls.client_ca_file: ")
    assert CANARY.decode() not in told
