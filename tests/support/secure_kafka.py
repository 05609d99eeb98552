"""A real Apache Kafka that asks who comes, with certificates and users made for one test run."""

import secrets
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import trustme
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from deploy.kafka import broker
from deploy.kafka.artefacts import BrokerUnavailable
from deploy.kafka.security import Security
from ingress.eventlog.kafka import KafkaLog
from ingress.eventlog.kafka_access import Access, Sasl, Tls
from tests.support import canary, ports
from tests.support.kafka import quick
from tests.support.services import missing

PAST = datetime(2020, 1, 1, tzinfo=UTC)
NAMES = ("edge", "worker", "relay", "monitor", "operator", "nobody", "rotated", "shop")


@dataclass(slots=True)
class SecureBroker:
    """A running broker, its authority, and the password of each user."""

    directory: Path
    authority: trustme.CA
    security: Security
    running: broker.Broker

    @property
    def address(self) -> str:
        """Where TLS and SASL are spoken."""
        return f"127.0.0.1:{self.security.port}"

    @property
    def ca(self) -> Path:
        """The authority's certificate."""
        return self.security.authorities

    def password_file(self, user: str, folder: Path, password: str | None = None) -> Path:
        """Write the user's password, or another, into a file of its own."""
        path = folder / f"{user}-password"
        path.touch(mode=0o600)
        path.write_text(password or self.security.users[user])
        return path

    def log(self, user: str, folder: Path, mechanism: str = "scram-sha-512") -> KafkaLog:
        """Open the log as a user."""
        return self.log_with(self.sasl(mechanism, user, self.password_file(user, folder)))

    def log_with(self, sasl: Sasl | None) -> KafkaLog:
        """Open the log with this proof of who we are."""
        return KafkaLog(
            self.address, replication_factor=1, access=Access(tls=Tls(ca=self.ca), sasl=sasl)
        )

    @staticmethod
    def sasl(mechanism: str, user: str, file: Path) -> Sasl:
        """Come as a user whose secret is in a file."""
        return Sasl(mechanism, user, file, Path.read_bytes)

    def tables(self, user: str, folder: Path) -> dict[str, Mapping[str, object]]:
        """Write the tables of a configuration that comes as a user."""
        file = self.password_file(user, folder)
        sasl = {"mechanism": "scram-sha-512", "username": user, "password_file": str(file)}
        return {"log.tls": {"ca_file": str(self.ca)}, "log.sasl": sasl}

    def restart(self, users: Mapping[str, str] | None = None) -> None:
        """Start it again; `users` have other passwords from now on, for PLAIN."""
        self.running.kill()
        self.security = replace(self.security, users=users or self.security.users)
        self.running = _start(self.directory, self.security, self.running.port)


def start(directory: Path) -> SecureBroker:
    """Start a broker with certificates and users of its own, or skip the test."""
    authority = trustme.CA()
    issued = authority.issue_cert("localhost", "127.0.0.1")
    # Java reads private keys in PKCS 8 alone.
    key = load_pem_private_key(issued.private_key_pem.bytes(), None).private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
    )
    (directory / "key-store.pem").write_bytes(
        key + b"".join(one.bytes() for one in issued.cert_chain_pems)
    )
    authority.cert_pem.write_to_path(str(directory / "ca.pem"))
    passwords = {name: secrets.token_urlsafe(18) for name in NAMES}
    for name, password in passwords.items():
        canary.secret(f"Kafka's password of {name}", password.encode())
    security = Security(
        ports.free(),
        ports.free(),
        directory / "key-store.pem",
        directory / "ca.pem",
        passwords,
    )
    return SecureBroker(directory, authority, security, _start(directory, security, 0))


def _start(directory: Path, security: Security, port: int) -> broker.Broker:
    try:
        return broker.start(directory / "kafka", port, java_options=quick(), security=security)
    except (BrokerUnavailable, subprocess.SubprocessError) as error:
        missing(f"no Kafka: {error}")
