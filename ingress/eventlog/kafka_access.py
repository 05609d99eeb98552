"""How a Kafka cluster is entered: TLS and SASL, as settings of aiokafka's clients.

Names of files flow in; the settings of one client flow out, made anew for each client, so that a
password or a certificate that was replaced is used by the next one. Nothing read here is kept,
shown, or part of an error's text. A client holds on to what it was made with: `stamp` tells whoever
keeps one for long that the files are others now. A bearer's token is read for each connection.
"""

import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiokafka.abc import AbstractTokenProvider
from aiokafka.errors import SaslAuthenticationFailed

BEARER = "oauthbearer"


@dataclass(frozen=True, slots=True)
class Tls:
    """TLS towards the brokers; the system's authorities where `ca` is absent."""

    ca: Path | None = None
    certificate: Path | None = None
    key: Path | None = None

    def context(self) -> ssl.SSLContext:
        """Make what new connections are checked and made with. Raises `ValueError`."""
        try:
            context = ssl.create_default_context(cafile=self.ca)
            context.minimum_version = ssl.TLSVersion.TLSv1_2
            if self.certificate is not None:
                context.load_cert_chain(self.certificate, self.key)
        except (ssl.SSLError, OSError) as wrong:
            why = getattr(wrong, "reason", None) or wrong.strerror
            raise ValueError(f"the files of [log.tls] cannot be used: {why}") from None
        return context

    def files(self) -> list[Path]:
        """Return the files that a client is made with."""
        return [file for file in (self.ca, self.certificate, self.key) if file is not None]


@dataclass(frozen=True, slots=True)
class Sasl:
    """Who we are. `secret` is the file of the password, or for oauthbearer of the token.

    `read` reads it, and raises `ValueError` where it cannot be had.
    """

    mechanism: str
    username: str
    secret: Path
    read: Callable[[Path], bytes] = field(repr=False)

    @property
    def name(self) -> str:
        """The mechanism, as the protocol spells it."""
        return self.mechanism.upper()

    def text(self) -> str:
        """Read the password or the token as it is now. Raises `ValueError`."""
        place = "token_file" if self.mechanism == BEARER else "password_file"
        try:
            return self.read(self.secret).decode()
        except UnicodeDecodeError:
            raise ValueError(f"log.sasl.{place} holds no text in UTF-8") from None
        except ValueError as wrong:
            raise ValueError(f"log.sasl.{place}: {wrong}") from None

    def options(self) -> Mapping[str, Any]:
        """Return the settings of a client. Raises `ValueError`."""
        if self.mechanism == BEARER:
            return {"sasl_mechanism": self.name, "sasl_oauth_token_provider": _Token(self)}
        return {
            "sasl_mechanism": self.name,
            "sasl_plain_username": self.username,
            "sasl_plain_password": self.text(),
        }


@AbstractTokenProvider.register
class _Token:
    """Reads the token for each connection: it lives for minutes, and somebody keeps it fresh."""

    def __init__(self, sasl: Sasl) -> None:
        self._sasl = sasl

    async def token(self) -> str:
        """Return the token. Raises aiokafka's own error: others would end more than a try."""
        try:
            return self._sasl.text()
        except ValueError as wrong:
            raise SaslAuthenticationFailed(str(wrong)) from None


@dataclass(frozen=True, slots=True)
class Access:
    """Everything it takes to be let in; nothing, to a cluster that asks nothing."""

    tls: Tls | None = None
    sasl: Sasl | None = None

    @property
    def who(self) -> str:
        """Say whom the brokers see, for messages."""
        if self.sasl is not None and self.sasl.mechanism == BEARER:
            return "the bearer of the token in log.sasl.token_file"
        if self.sasl is not None:
            return f"the user {self.sasl.username} ({self.sasl.name})"
        if self.tls is not None and self.tls.certificate is not None:
            return "the owner of log.tls.certificate_file"
        return "somebody without a name (neither [log.sasl] nor log.tls.certificate_file)"

    def options(self) -> Mapping[str, Any]:
        """Return the settings of a client, from the files as they are now. Raises `ValueError`."""
        if self.tls is None and self.sasl is None:
            return {}
        protocol = "PLAINTEXT" if self.tls is None else "SSL"
        found: dict[str, Any] = {"security_protocol": protocol}
        if self.tls is not None:
            found["ssl_context"] = self.tls.context()
        if self.sasl is not None:
            found |= self.sasl.options()
            found["security_protocol"] = f"SASL_{protocol}"
        return found

    def stamp(self) -> tuple[tuple[int, int] | None, ...]:
        """Return what changes when a file is replaced that a client keeps what it read of."""
        files = [] if self.tls is None else self.tls.files()
        if self.sasl is not None and self.sasl.mechanism != BEARER:
            files.append(self.sasl.secret)
        return tuple(_stamp(file) for file in files)


def _stamp(file: Path) -> tuple[int, int] | None:
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns
