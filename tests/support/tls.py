"""Certificates in files, and clients that make TLS connections with or without one of their own."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import trustme
from cryptography.x509 import load_pem_x509_certificate

from tests.support.gateway import Reply, read_reply
from tests.support.https import authority

NAME = "hooks.example.com"
LOOPBACK = "127.0.0.1"


def write_pair(
    directory: Path,
    *names: str,
    ca: trustme.CA | None = None,
    not_after: datetime | None = None,
    not_before: datetime | None = None,
) -> bytes:
    """Write ``tls.crt`` and ``tls.key`` for these names; return the certificate."""
    issuer = ca or authority()
    if not_before is None:
        made = issuer.issue_cert(*(names or (NAME,)), not_after=not_after)
    else:
        made = issuer.issue_cert(*(names or (NAME,)), not_after=not_after, not_before=not_before)
    chain = b"".join(blob.bytes() for blob in made.cert_chain_pems)
    (directory / "tls.crt").write_bytes(chain)
    (directory / "tls.key").write_bytes(made.private_key_pem.bytes())
    return made.cert_chain_pems[0].bytes()


def settings(**more: str) -> dict[str, str]:
    """Name the files that `write_pair` writes, as a configuration does."""
    return {"certificate_file": "tls.crt", "key_file": "tls.key", **more}


def serial(pem: bytes) -> str:
    """Return the serial number of a certificate, as `ssl` writes it."""
    return f"{load_pem_x509_certificate(pem).serial_number:X}"


def client(*names: str, ca: trustme.CA | None = None) -> ssl.SSLContext:
    """Make a client that trusts the tests' authority; `names` are on its own certificate."""
    context = ssl.create_default_context()
    authority().configure_trust(context)
    if names:
        (ca or authority()).issue_cert(*names).configure_cert(context)
    return context


@dataclass(slots=True)
class Line:
    """One open TLS connection."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    @property
    def serial(self) -> str:
        """The serial number of the certificate that the server showed."""
        shown = self.writer.get_extra_info("peercert")
        return str(shown["serialNumber"]).lstrip("0")

    async def send(self, request: bytes) -> Reply:
        """Send bytes and read one response."""
        self.writer.write(request)
        return await read_reply(self.reader)


@asynccontextmanager
async def line(
    port: int, context: ssl.SSLContext | None = None, name: str | None = NAME
) -> AsyncIterator[Line]:
    """Connect with TLS; without a `name`, no name is asked for."""
    context = context or client()
    if name is None:
        context.check_hostname = False
    reader, writer = await asyncio.open_connection(
        LOOPBACK, port, ssl=context, server_hostname=name or ""
    )
    try:
        yield Line(reader, writer)
    finally:
        writer.close()


def ends(pem: bytes) -> float:
    """Return when a certificate ends, in seconds since the epoch."""
    return load_pem_x509_certificate(pem).not_valid_after_utc.astimezone(UTC).timestamp()
