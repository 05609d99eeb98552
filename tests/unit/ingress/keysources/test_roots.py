"""The system's roots, read as files."""

import ssl
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from ingress.keysources.roots import system_roots
from tests.support.https import authority


def paths(cafile: Path | None, capath: Path | None) -> ssl.DefaultVerifyPaths:
    """Say where the roots are, as `ssl` says it."""
    file, folder = (None if path is None else str(path) for path in (cafile, capath))
    return ssl.DefaultVerifyPaths(file, folder, "SSL_CERT_FILE", "", "SSL_CERT_DIR", "")


def test_the_roots_of_this_system_are_those_that_connections_are_verified_with() -> None:
    """A certificate must not hold for one and fail for the other."""
    mine = {root.public_bytes(Encoding.DER) for root in system_roots()}
    theirs = set(ssl.create_default_context().get_ca_certs(binary_form=True))
    assert mine
    assert theirs <= mine


def test_roots_kept_as_one_file_each_are_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So some systems keep them; and one broken file must not take the others with it."""
    (tmp_path / "0a1b2c3d.0").write_bytes(authority().cert_pem.bytes())
    (tmp_path / "ffffffff.0").write_bytes(
        b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"
    )
    (tmp_path / "README").write_text("not a certificate")
    monkeypatch.setattr(ssl, "get_default_verify_paths", lambda: paths(None, tmp_path))
    assert len(system_roots()) == 1


def test_a_system_without_roots_is_told_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An empty container is the commonest reason, and otherwise it shows at the first delivery."""
    monkeypatch.setattr(ssl, "get_default_verify_paths", lambda: paths(None, tmp_path))
    with pytest.raises(ValueError, match="ca-certificates"):
        system_roots()
