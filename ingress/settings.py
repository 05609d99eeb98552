"""What an operator configures of the edge, with the meaning, unit and reason of each default.

Values are checked here one by one; what needs files or profiles is checked in `ingress.sources`.
Secrets are never values: a key names the file that holds it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, IPvAnyNetwork, model_validator

from ingress.keyring import Status

SLUG = r"^[a-z0-9](?:[a-z0-9-]{0,30}[a-z0-9])?$"
KEY_ID = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"
ACCOUNT = r"^[A-Za-z0-9][A-Za-z0-9._:-]{0,127}$"
URL = r"^(https?://[^\s/@]+(/\S*)?)?$"
MIB = 1024 * 1024

Port = Annotated[int, Field(ge=0, le=65535)]
Seconds = Annotated[float, Field(gt=0, le=3600)]


class Strict(BaseModel):
    """A table of the configuration: unknown names are mistakes, and errors echo no value."""

    # Deferred: a table is compiled when it is first read, and not at every start.
    model_config = ConfigDict(
        extra="forbid", frozen=True, hide_input_in_errors=True, defer_build=True
    )


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


class TlsSettings(Strict):
    """TLS on the public listener, where no proxy with TLS stands in front."""

    certificate_file: Path
    """The certificate and the chain behind it, PEM."""

    key_file: Path
    """The private key of the certificate, PEM, readable by nobody else."""

    client_ca_file: Path | None = None
    """Who may issue clients' certificates; a source demands one with `client_names`."""


class QuarantineKeySettings(Strict):
    """One key that seals refused deliveries."""

    id: Annotated[
        str,
        Field(pattern=KEY_ID, description="1-64 of A-Z, a-z, 0-9, '.', '_' and '-'"),
    ]
    file: Path
    """32 random bytes in base64; `sealgate quarantine new-key` writes one."""


class QuarantineSettings(Strict):
    """Refused deliveries of known sources, kept to be verified again."""

    enabled: bool = True

    key: Annotated[list[QuarantineKeySettings], Field(max_length=4)] = []
    """The first seals, all of them open. Without one, deliveries whose secret is a header or a part
    of the URL are not kept, for it would stand in the log."""

    days: Annotated[int, Field(ge=1, le=45)] = 7
    """How long a refused delivery is kept: longer than a weekend, shorter than a leak is useful."""

    body_bytes_max: Annotated[int, Field(ge=1024, le=MIB)] = MIB // 4
    """A larger body is refused without being kept."""

    bytes_per_day: Annotated[int, Field(ge=1024)] = 256 * MIB
    """Of one source; a quarter of it at once. One network of senders gets at most a quarter."""

    total_bytes_per_day: Annotated[int, Field(ge=1024)] = 2048 * MIB
    """Of all sources of one process."""


class EdgeSettings(Strict):
    """The public listener and its limits."""

    host: str = "127.0.0.1"
    """Loopback by default: a proxy with TLS stands in front."""

    port: Port = 8080

    workers: Annotated[int, Field(ge=1, le=64)] = 1
    """How many processes of ``serve`` share the port: one for each core that is to be used. Limits
    are those of each process."""

    tls: TlsSettings | None = None

    trusted_proxies: list[IPvAnyNetwork] = []
    """Whose word is taken for the address of a client; nobody else's is."""

    forwarded_header: Literal["forwarded", "x-forwarded-for"] = "x-forwarded-for"
    """The one header that those proxies write. They pass the other one on as the client sent it."""

    metric_sources_max: Annotated[int, Field(ge=1, le=10_000)] = 256
    """With more sources than this, metrics are by provider, and the source is ``many``."""

    state_file: Path | None = Path("var/edge-state.json")
    """Remembers, over a restart, when each source last verified; nothing else, and no secret."""

    body_bytes_max: Annotated[int, Field(ge=1, le=MIB)] = MIB // 2
    """Largest body of any source. Half of Kafka's usual 1 MiB record, so that headers fit beside it
    and the broker never refuses a record for its size."""

    in_flight_bytes_max: Annotated[int, Field(ge=1024)] = 64 * MIB
    """Bodies being read or published at once: 128 of the largest. Over it the edge sheds."""

    shed_lag_s: Seconds = 0.25
    """How far the event loop may be behind with its work. Over it the edge sheds, so that what it
    does take on is still answered in time."""

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

    status: Status = Status.ACTIVE
    """``verify-only``: on its way out, signs no answer of ours. ``revoked``: proves nothing any
    more, whatever its window; its file may be gone."""

    not_before: AwareDatetime | None = None
    """The key proves nothing before; with its zone, such as 2026-12-01T00:00:00Z."""

    not_after: AwareDatetime | None = None
    """The key proves nothing from then on."""

    role: Literal["verify", "handshake", "api"] = "verify"
    """``handshake``: the token a provider shows when it asks whether the endpoint is ours.
    ``api``: the credential with which public keys are fetched."""

    @model_validator(mode="after")
    def _window_is_open_sometime(self) -> Self:
        if self.not_before and self.not_after and self.not_before >= self.not_after:
            raise ValueError("not_before is not before not_after: the key would never be used")
        if self.role != "verify" and (self.not_before or self.not_after):
            raise ValueError(
                "not_before and not_after are for keys that verify: set a key of another role to "
                'status = "revoked" when it is over'
            )
        return self


class FetchSettings(Strict):
    """Where the provider's API is, and what opens it: payments are asked for there."""

    base_url: Annotated[
        str,
        Field(pattern=URL, min_length=1, description="https://host or https://host/path"),
    ]
    """Only this host is ever asked, by https; by http only where it is this machine."""

    key_file: Path | None = None
    """The file that holds the API's key: one that may read, and nothing else."""

    private: bool = False
    """The host stands in a network of our own, such as a BTCPay Server of the merchant's."""

    rate_per_s: Annotated[float, Field(gt=0, le=100)] = 1.0
    """Questions a second, with a burst of ten: a fraction of what the provider allows."""


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

    environment: str = ""
    """Where it is said, the process's own, or nothing starts: a guard for files that are copied."""

    public_url: Annotated[
        str,
        Field(pattern=URL, description="https://host/path, as registered at the provider"),
    ] = ""
    """The URL registered at the provider, for schemes that sign it."""

    key: Annotated[list[KeySettings], Field(max_length=10)] = []
    """At least one for every provider that signs, unless its keys are fetched."""

    parameters: dict[str, str | int | float | bool] = {}
    """What the profile asks of a source; `sealgate providers show` lists it."""

    allow: list[IPvAnyNetwork] = []
    """The networks that may deliver; any where this is empty and `allow_published` is not set."""

    allow_published: bool = False
    """Let the addresses deliver that the provider publishes, fetched from where its profile says,
    and those in `allow`."""

    client_names: list[Annotated[str, Field(min_length=1, max_length=253)]] = []
    """Names of which a client's certificate must bear one; needs `edge.tls.client_ca_file`."""

    accepts_hints: bool = False
    """Take deliveries that prove nothing (assurance E), as hints to look."""

    experimental: bool = False
    """Use a profile that nobody has confirmed (confidence D)."""

    fetch_keys: bool = True
    """Fetch the provider's public keys, where its profile says from where."""

    fetch: FetchSettings | None = None
    """Ask the provider's API for payments; without, hints wait for people. See docs/fetching.md."""

    body_bytes_max: Annotated[int, Field(ge=1, le=MIB)] | None = None
    rate_per_s: Annotated[float, Field(gt=0)] | None = None
    """Deliveries a second, with a burst of twice that; unlimited where absent."""
