"""TLS on the public port: files flow in, the context of new connections flows out, or mistakes.

A pair of certificate and key is read and judged whole before anything is served with it, at the
start and at every reload alike, so a bad pair never takes the place of a good one. What is offered
is Mozilla's "intermediate": TLS 1.3, and 1.2 with forward secrecy and authenticated encryption;
no renegotiation, no compression. Where an authority for clients is named, each is asked for a
certificate and none is made to show one: which source demands it is for `admission` to say.
"""

import ssl
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from ingress import secretfiles
from ingress.settings import ConfigurationInvalid, Mistake, TlsSettings

if TYPE_CHECKING:
    # Cryptography costs start time, and an edge behind a proxy needs none of it.
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes

# https://ssl-config.mozilla.org/guidelines/5.7.json, "intermediate", less finite-field
# Diffie-Hellman: every client that has it has elliptic curves too.
CIPHERS = (
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:"
    "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:"
    "ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305"
)
_PLACE = "edge.tls"


@dataclass(frozen=True, slots=True)
class Loaded:
    """What new connections are served with, and until when its certificate is good."""

    context: ssl.SSLContext
    not_after: datetime


def check(settings: TlsSettings | None, base: Path, now_ms: int) -> list[Mistake]:
    """List what is wrong with the files of a configuration; nothing where there is no TLS."""
    try:
        if settings is not None:
            load(settings, base, now_ms)
    except ConfigurationInvalid as invalid:
        return list(invalid.mistakes)
    return []


def load(settings: TlsSettings, base: Path, now_ms: int) -> Loaded:
    """Read and judge everything. Raises `ConfigurationInvalid` with all mistakes."""
    files = _Files(settings, base)
    mistakes = list(files.mistakes(datetime.fromtimestamp(now_ms / 1000, UTC)))
    if mistakes:
        raise ConfigurationInvalid(mistakes)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(CIPHERS)
    context.set_alpn_protocols(["http/1.1"])
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION
    try:
        context.load_cert_chain(base / settings.certificate_file, base / settings.key_file)
        if settings.client_ca_file is not None:
            context.load_verify_locations(cadata=files.authorities)
            context.verify_mode = ssl.CERT_OPTIONAL
    except (ssl.SSLError, OSError) as wrong:
        # Replaced between two looks, or of a kind that is too weak for this machine's OpenSSL.
        why = getattr(wrong, "reason", None) or wrong.strerror
        raise ConfigurationInvalid(
            [Mistake(_PLACE, f"OpenSSL does not take these files: {why}")]
        ) from None
    return Loaded(context, files.chain[0].not_valid_after_utc)


class _Files:
    """The files of one configuration, each read once and judged."""

    def __init__(self, settings: TlsSettings, base: Path) -> None:
        self._settings = settings
        self._base = base
        self.chain: list[x509.Certificate] = []
        self.authorities = b""
        self._key: PrivateKeyTypes | None = None

    def mistakes(self, now: datetime) -> Iterator[Mistake]:
        """Read everything, and say what is wrong with it."""
        readers: tuple[tuple[str, Callable[[], None]], ...] = (
            ("certificate_file", partial(self._read_chain, now)),
            ("key_file", self._read_key),
            ("client_ca_file", partial(self._read_authorities, now)),
        )
        for place, read in readers:
            try:
                read()
            except ValueError as wrong:
                yield Mistake(f"{_PLACE}.{place}", str(wrong))
        if self.chain and self._key and self.chain[0].public_key() != self._key.public_key():
            yield Mistake(
                f"{_PLACE}.key_file",
                "is not the key of the certificate; name the two that were made together, "
                "and put the server's own certificate first in certificate_file",
            )

    def _read_chain(self, now: datetime) -> None:
        found = secretfiles.read(self._base, self._settings.certificate_file)
        chain = certificates(found.content)
        # A certificate that is known to be bad is still the one that the key must belong to.
        self.chain = chain
        check_dates(chain[0], now)

    def _read_key(self) -> None:
        found = secretfiles.read(self._base, self._settings.key_file)
        found.check_private()
        self._key = private_key(found.content)

    def _read_authorities(self, now: datetime) -> None:
        name = self._settings.client_ca_file
        if name is None:
            return
        content = secretfiles.read(self._base, name).content
        found = certificates(content)
        if all(now >= one.not_valid_after_utc for one in found):
            raise ValueError("every certificate in it has expired")
        from cryptography.hazmat.primitives.serialization import Encoding

        # Not as they were written: bundles name authorities between them, in any language.
        self.authorities = b"".join(one.public_bytes(Encoding.DER) for one in found)


def certificates(content: bytes) -> "list[x509.Certificate]":
    """Read certificates in PEM form, at least one. Raises `ValueError`."""
    from cryptography import x509

    with suppress(ValueError):
        return x509.load_pem_x509_certificates(content)
    raise ValueError("holds no certificates in PEM form that can be read")


def private_key(content: bytes) -> "PrivateKeyTypes":
    """Read a private key in PEM form. Raises `ValueError`, without a word of the key."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        return load_pem_private_key(content, None)
    except TypeError:
        raise ValueError(
            "is encrypted, and nobody is there to be asked for its password; "
            "write the key without one, readable by nobody else"
        ) from None
    except (ValueError, UnsupportedAlgorithm):
        # Its own words may quote the key.
        raise ValueError("holds no private key in PEM form that can be read") from None


def check_dates(leaf: "x509.Certificate", now: datetime, then: str = "providers refuse it") -> None:
    """Raise `ValueError` if a certificate does not hold now; `then` says what comes of that."""
    begins, ends = leaf.not_valid_before_utc, leaf.not_valid_after_utc
    if now >= ends:
        raise ValueError(f"the certificate has expired, on {_day(ends)}; {then}")
    if now < begins:
        raise ValueError(
            f"the certificate is not valid before {_day(begins)}; if that is past, "
            "the clock of this machine is wrong"
        )


def _day(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC"
