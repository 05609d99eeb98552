"""How a Kafka cluster is entered: TLS and SASL, as settings of aiokafka's clients.

Names of files flow in; the settings of one client flow out, made anew for each client, so that a
password or a certificate that was replaced is used by the next connection. Nothing read here is
kept, shown, or part of an error's text.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class Tls:
    """TLS towards the brokers; the system's authorities where `ca` is absent."""

    ca: Path | None = None
    certificate: Path | None = None
    key: Path | None = None


@dataclass(frozen=True, slots=True)
class Sasl:
    """Who we are. `secret` is the file of the password, or for oauthbearer of the token."""

    mechanism: str
    username: str
    secret: Path


@dataclass(frozen=True, slots=True)
class Access:
    """Everything it takes to be let in; nothing, to a cluster that asks nothing."""

    tls: Tls | None = None
    sasl: Sasl | None = None

    def options(self) -> Mapping[str, Any]:
        """Return the settings of a client, from the files as they are now."""
        return {}
