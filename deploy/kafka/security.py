"""How a broker asks who comes: a listener with TLS and SASL, one with TLS alone, and its rules.

A certificate and users go in; settings of the broker and arguments of its formatting come out. The
listener without any protection stays, on loopback: whoever comes by it may do everything, which is
how the rules are made. All others may do what a rule lets them. For development and tests: the
passwords stand in the broker's own settings, which only their owner can read.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

_SCRAM = "org.apache.kafka.common.security.scram.ScramLoginModule required;"
_PLAIN = "org.apache.kafka.common.security.plain.PlainLoginModule required"
_BEARER = (
    "org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule required"
    ' unsecuredLoginStringClaim_sub="broker";'
)
SCRAM = ("SCRAM-SHA-256", "SCRAM-SHA-512")


@dataclass(frozen=True, slots=True)
class Security:
    """A listener with TLS and SASL at `port`, one that wants certificates at `mutual_port`.

    `key_store` is a PEM file of the private key, in PKCS 8, and its certificates; `authorities` is
    one of whom clients' certificates must come from. `users` have their passwords for SCRAM and
    PLAIN alike; a bearer's token is believed unsigned.
    """

    port: int
    mutual_port: int
    key_store: Path
    authorities: Path
    users: Mapping[str, str] = field(repr=False)

    def settings(self, plain_port: int, controller_port: int) -> str:
        """Return lines for the end of the broker's settings, where they replace others."""
        return "\n".join(self._lines(plain_port, controller_port)) + "\n"

    def format_arguments(self) -> list[str]:
        """Return the words that make the users, when the data directory is formatted."""
        words = []
        for user, password in self.users.items():
            for mechanism in SCRAM:
                words += ["--add-scram", f"{mechanism}=[name={user},password={password}]"]
        return words

    def _lines(self, plain_port: int, controller_port: int) -> Iterator[str]:
        open_to = {"PLAINTEXT": plain_port, "SECURE": self.port, "MUTUAL": self.mutual_port}
        urls = [f"{name}://127.0.0.1:{port}" for name, port in open_to.items()]
        yield f"listeners={','.join(urls)},CONTROLLER://127.0.0.1:{controller_port}"
        yield f"advertised.listeners={','.join(urls)}"
        yield (
            "listener.security.protocol.map="
            "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,SECURE:SASL_SSL,MUTUAL:SSL"
        )
        yield "authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer"
        yield "super.users=User:ANONYMOUS"
        yield "ssl.keystore.type=PEM"
        yield f"ssl.keystore.location={self.key_store}"
        yield "ssl.truststore.type=PEM"
        yield f"ssl.truststore.location={self.authorities}"
        yield "listener.name.mutual.ssl.client.auth=required"
        yield "sasl.enabled.mechanisms=SCRAM-SHA-256,SCRAM-SHA-512,PLAIN,OAUTHBEARER"
        secure = "listener.name.secure"
        for mechanism in SCRAM:
            yield f"{secure}.{mechanism.lower()}.sasl.jaas.config={_SCRAM}"
        users = "".join(f' user_{name}="{password}"' for name, password in self.users.items())
        yield f"{secure}.plain.sasl.jaas.config={_PLAIN}{users};"
        yield f"{secure}.oauthbearer.sasl.jaas.config={_BEARER}"
