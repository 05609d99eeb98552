"""A provider's HTTPS server on loopback: real sockets, real TLS, and any answer, however rude.

What it answers is a script: bytes are sent as they are, numbers are pauses in seconds. What it was
asked it keeps, byte for byte.
"""

import asyncio
import re
import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache

import trustme
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.types import CertificateIssuerPublicKeyTypes
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from ingress.keysources.fetch import Fetcher, Policy

LOOPBACK = "127.0.0.1"
Script = Sequence[bytes | float]


@cache
def authority() -> trustme.CA:
    """Make the one authority of the tests; making keys takes time."""
    return trustme.CA()


def trusting(ca: trustme.CA) -> ssl.SSLContext:
    """Make the context of a client as production has it, with another root."""
    context = ssl.create_default_context()
    ca.configure_trust(context)
    return context


def issued(
    ca: trustme.CA, name: str, key: CertificateIssuerPublicKeyTypes, start: datetime, end: datetime
) -> bytes:
    """Make a certificate as public authorities do: trustme marks its names as critical."""
    own = ca._certificate
    builder = x509.CertificateBuilder(
        issuer_name=own.subject,
        subject_name=x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]),
        public_key=key,
        serial_number=x509.random_serial_number(),
        not_valid_before=start,
        not_valid_after=end,
    )
    identifier = own.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    extensions: list[x509.ExtensionType] = [
        x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier),
        x509.SubjectAlternativeName([x509.DNSName(name)]),
        x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]),
    ]
    for extension in extensions:
        builder = builder.add_extension(extension, critical=False)
    return builder.sign(ca._private_key, SHA256()).public_bytes(Encoding.PEM)


def ok(body: bytes, *headers: bytes) -> bytes:
    """Write an ordinary answer."""
    lines = [b"HTTP/1.1 200 OK", b"Content-Length: %d" % len(body), *headers]
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


def status(line: str, *headers: bytes) -> bytes:
    """Write an answer with another status and no body."""
    lines = [f"HTTP/1.1 {line}".encode(), b"Content-Length: 0", *headers]
    return b"\r\n".join(lines) + b"\r\n\r\n"


@dataclass(slots=True)
class HttpsServer:
    """A running server: what it answers next, and what it was asked."""

    port: int
    answer: Script = ()
    asked: list[bytes] = field(default_factory=list)
    connections: int = 0

    def fetcher(self, *addresses: str, total_s: float = 5.0) -> Fetcher:
        """Make a fetcher that finds every name at this server and otherwise is production's."""
        found = addresses or (LOOPBACK,)

        async def lookup(host: str) -> Sequence[str]:
            return found

        policy = Policy(self.port, may_reach=found.__contains__, total_s=total_s)
        return Fetcher(policy, lookup, trusting(authority()))

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Read one request and play the script."""
        self.connections += 1
        with suppress(OSError, asyncio.IncompleteReadError):
            head = await reader.readuntil(b"\r\n\r\n")
            length = re.search(rb"(?i)content-length: (\d+)", head)
            self.asked.append(head + await reader.readexactly(int(length[1]) if length else 0))
            for step in self.answer:
                if isinstance(step, bytes):
                    writer.write(step)
                    await writer.drain()
                else:
                    await asyncio.sleep(step)
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()


@asynccontextmanager
async def https(*names: str, ca: trustme.CA | None = None) -> AsyncIterator[HttpsServer]:
    """Serve HTTPS for these names until the block ends."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    (ca or authority()).issue_cert(*names).configure_cert(context)
    running = HttpsServer(port=0)
    tasks: set[asyncio.Task[None]] = set()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        with suppress(asyncio.CancelledError):
            await running.serve(reader, writer)
        writer.close()

    server = await asyncio.start_server(connected, LOOPBACK, 0, ssl=context)
    running.port = server.sockets[0].getsockname()[1]
    try:
        yield running
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
