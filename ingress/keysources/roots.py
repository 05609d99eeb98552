"""The root certificates that this machine trusts, as the chain check wants them.

`ssl` verifies connections with them by itself, but does not always show them: where the system
keeps one file for each, OpenSSL looks them up as it needs them. So they are read here as files.
"""

import re
import ssl
import warnings
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from cryptography import x509

_PEM = re.compile(rb"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)


def system_roots() -> tuple[x509.Certificate, ...]:
    """Read the system's root certificates. Raises `ValueError` if there are none."""
    paths = ssl.get_default_verify_paths()
    roots = tuple(_certificates(_files(paths.cafile, paths.capath)))
    if not roots:
        raise ValueError(
            "this system has no root certificates; install the package ca-certificates"
        )
    return roots


def _files(cafile: str | None, capath: str | None) -> list[Path]:
    if cafile and Path(cafile).is_file():
        return [Path(cafile)]
    if capath and Path(capath).is_dir():
        # OpenSSL's own names for them: the hash of the subject, and a number.
        return sorted(Path(capath).glob("[0-9a-f]*.[0-9]"))
    return []


def _certificates(files: list[Path]) -> Iterator[x509.Certificate]:
    for file in files:
        for pem in _PEM.findall(file.read_bytes()):
            # One that cannot be read roots nothing; the others are as good as before. The oldest
            # break rules that are younger than they, which the system knew when it chose them.
            with suppress(ValueError), warnings.catch_warnings(action="ignore"):
                yield x509.load_pem_x509_certificate(pem)
