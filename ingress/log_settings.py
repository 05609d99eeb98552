"""What an operator configures of the event log: where it is, how it is entered, and its journal.

Secrets are files here too; each is read when a connection is made, so that one that was replaced is
used by the next connection.
"""

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from ingress.settings import MIB, Seconds, Strict


class LogTlsSettings(Strict):
    """TLS towards the brokers. The broker's name is always checked."""

    ca_file: Path | None = None
    """Who issues the brokers' certificates, PEM; the system's own authorities where absent."""

    certificate_file: Path | None = None
    """Our certificate, PEM, for brokers that ask for one."""

    key_file: Path | None = None
    """The private key of our certificate, PEM, readable by nobody else."""

    @model_validator(mode="after")
    def _certificate_has_its_key(self) -> Self:
        if (self.certificate_file is None) != (self.key_file is None):
            raise ValueError("certificate_file and key_file belong together: name both, or neither")
        return self


class LogSaslSettings(Strict):
    """Who we are to the brokers."""

    mechanism: Literal["plain", "scram-sha-256", "scram-sha-512", "oauthbearer"]

    username: str = ""
    """For all mechanisms but oauthbearer."""

    password_file: Path | None = None
    """For all mechanisms but oauthbearer; one trailing line end is not part of the password."""

    token_file: Path | None = None
    """For oauthbearer: a file that somebody else keeps fresh, such as a projected service account
    token. It is read for each connection."""

    @model_validator(mode="after")
    def _names_what_its_mechanism_needs(self) -> Self:
        if self.mechanism == "oauthbearer":
            if self.token_file is None or self.username or self.password_file is not None:
                raise ValueError("oauthbearer takes token_file, and no username or password_file")
        elif not self.username or self.password_file is None or self.token_file is not None:
            raise ValueError(
                f"{self.mechanism} takes username and password_file, and no token_file"
            )
        return self


class JournalSettings(Strict):
    """The edge's own durable journal in front of Kafka. The embedded log needs none."""

    policy: Literal["refuse", "journal", "always"] = "journal"
    """``journal``: what Kafka does not confirm is fsynced here, acknowledged, and sent when Kafka
    is back. ``always``: everything is fsynced here first, so that an acknowledgement waits for no
    broker. ``refuse``: 503 while Kafka is away; for an edge whose disk does not
    outlive it."""

    directory: Path = Path("var/journal")
    """On a local disk that outlives the process; one file for each worker, adopted when it is
    gone."""

    bytes_max: Annotated[int, Field(ge=MIB)] = 4096 * MIB
    """How much may wait for Kafka, of all workers together: some 2 million events of 2 KiB."""

    free_bytes_min: Annotated[int, Field(ge=0)] = 512 * MIB
    """Left free on the journal's disk, for everything else that lives there."""

    alarm_age_s: Seconds = 300.0
    """Older than this, what waits is told as an error, once a minute."""


class LogSettings(Strict):
    """Where verified events are written and read."""

    url: str = "embedded:./var/log.db"
    """``embedded:<file>`` for one machine, ``kafka://host:port,host:port`` for real."""

    partitions: Annotated[int, Field(ge=1, le=1024)] = 6
    """Partitions of a topic made by us; consumers scale up to this number."""

    tls: LogTlsSettings | None = None

    sasl: LogSaslSettings | None = None

    journal: JournalSettings = JournalSettings()

    accepts_unsafe_topics: bool = False
    """Acknowledge what one broker alone may have in memory only: a topic with fewer than three
    replicas, or two in sync. For development: a power cut takes back what was acknowledged."""
