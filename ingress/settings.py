"""What an operator configures of the edge, with the meaning, unit and reason of each default.

Values are checked here one by one; what needs files or profiles is checked in `ingress.sources`.
Secrets are never values: a key names the file that holds it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

SLUG = r"^[a-z0-9](?:[a-z0-9-]{0,30}[a-z0-9])?$"
KEY_ID = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"
ACCOUNT = r"^[A-Za-z0-9][A-Za-z0-9._:-]{0,127}$"
URL = r"^(https?://[^\s/@]+(/\S*)?)?$"
MIB = 1024 * 1024

Port = Annotated[int, Field(ge=0, le=65535)]
Seconds = Annotated[float, Field(gt=0, le=3600)]


class Strict(BaseModel):
    """A table of the configuration: unknown names are mistakes, and errors echo no value."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


@dataclass(frozen=True, slots=True)
class Mistake:
    """One thing wrong with the configuration: the place, what to do, and the file if known."""

    place: str
    message: str
    file: str = ""

    def __str__(self) -> str:
        return ": ".join(part for part in (self.file, self.place, self.message) if part)


class ConfigurationInvalid(Exception):
    """The configuration cannot be used; carries every mistake found, not the first."""

    def __init__(self, mistakes: Sequence[Mistake]) -> None:
        super().__init__("\n".join(str(mistake) for mistake in mistakes))
        self.mistakes = tuple(mistakes)


class LogSettings(Strict):
    """Where verified events are written and read."""

    url: str = "embedded:./var/log.db"
    """``embedded:<file>`` for one machine, ``kafka://host:port,host:port`` for real."""

    partitions: Annotated[int, Field(ge=1, le=1024)] = 6
    """Partitions of a topic made by us; consumers scale up to this number."""


class EdgeSettings(Strict):
    """The public listener and its limits."""

    host: str = "127.0.0.1"
    """Loopback by default: a proxy with TLS stands in front."""

    port: Port = 8080

    body_bytes_max: Annotated[int, Field(ge=1, le=MIB)] = MIB // 2
    """Largest body of any source. Half of Kafka's usual 1 MiB record, so that headers fit beside it
    and the broker never refuses a record for its size."""

    in_flight_bytes_max: Annotated[int, Field(ge=1024)] = 64 * MIB
    """Bodies being read or published at once: 128 of the largest. Over it the edge sheds."""

    connections_max: Annotated[int, Field(ge=1)] = 4096
    """Open connections; a newer one is closed at once. Each costs some 20 KiB."""

    header_s: Seconds = 5.0
    """From the connection's opening to its first whole request head."""

    body_s: Seconds = 5.0
    """From the head to the end of the body. Providers send a body in one piece."""

    write_s: Seconds = 10.0
    """How long answers may wait for a client that does not read them."""

    keepalive_s: Seconds = 30.0
    """Idle time of a connection, and the longest a later request head may take."""

    publish_s: Seconds = 2.0
    """Deadline of one publish. The strictest provider gives up after 3 s."""

    drain_s: Annotated[float, Field(ge=0, le=60)] = 2.0
    """After SIGTERM: how long new connections are still served while the balancer looks away."""

    stop_s: Seconds = 5.0
    """After the drain: how long requests in flight may take to finish."""


class KeySettings(Strict):
    """One key of a source; several may be live at once, and each delivery is tried with all."""

    id: Annotated[
        str,
        Field(pattern=KEY_ID, description="1-64 of A-Z, a-z, 0-9, '.', '_' and '-'"),
    ]
    """Chosen by the operator, shown in metrics and logs; never derived from the secret."""

    file: Path
    """The file that holds the secret or public key; one trailing line end is not part of it."""

    kid: Annotated[
        str,
        Field(pattern=r"^[!-~]{0,256}$", description="0-256 of printable ASCII, without blanks"),
    ] = ""
    """The provider's own name of the key, where its deliveries name the key that signed them."""

    role: Literal["verify", "handshake", "api"] = "verify"
    """``handshake``: the token a provider shows when it asks whether the endpoint is ours.
    ``api``: the credential with which public keys are fetched."""


class SourceSettings(Strict):
    """One configured endpoint: ``POST /hooks/<slug>``."""

    slug: Annotated[
        str,
        Field(pattern=SLUG, description="1-32 of a-z, 0-9 and '-', which stands at neither end"),
    ]
    provider: str
    """The name of a provider profile."""

    account: Annotated[
        str,
        Field(pattern=ACCOUNT, description="1-128 of A-Z, a-z, 0-9, '.', '_', ':' and '-'"),
    ] = "default"
    """The provider's account, store or shop: event ids are unique within it."""

    public_url: Annotated[
        str,
        Field(pattern=URL, description="https://host/path, as registered at the provider"),
    ] = ""
    """The URL registered at the provider, for schemes that sign it."""

    key: Annotated[list[KeySettings], Field(max_length=10)] = []
    """At least one for every provider that signs, unless its keys are fetched."""

    parameters: dict[str, str | int | float | bool] = {}
    """What the profile asks of a source; `sealgate providers show` lists it."""

    accepts_hints: bool = False
    """Take deliveries that prove nothing (assurance E), as hints to look."""

    experimental: bool = False
    """Use a profile that nobody has confirmed (confidence D)."""

    fetch_keys: bool = True
    """Fetch the provider's public keys, where its profile says from where."""

    body_bytes_max: Annotated[int, Field(ge=1, le=MIB)] | None = None
    rate_per_s: Annotated[float, Field(gt=0)] | None = None
    """Deliveries a second, with a burst of twice that; unlimited where absent."""
