"""From a URL to an event log: the one place that knows every implementation.

``embedded:///var/lib/sealgate/log.db`` is a file by its absolute path, ``embedded:./log.db`` one
by its path from here; ``kafka://h1:9092,h2:9092?replication_factor=3`` is a cluster. A database's
or a broker's password never stands in a URL: it would be in every process list.
"""

import re
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, unquote

from ingress.eventlog.port import EventLog

if TYPE_CHECKING:
    # What a log is made with costs start time: only the one that is asked for is imported.
    from ingress.eventlog.kafka_access import Access
    from ingress.eventlog.kafka_admin import KafkaAdmin

ACCEPTED = (
    "an event log is embedded:///absolute/path/log.db, embedded:./relative/log.db,"
    " or kafka://host:9092,host:9092?replication_factor=3"
)
_HOSTS = re.compile(r"[A-Za-z0-9.\-\[\]:]+:[0-9]{1,5}(,[A-Za-z0-9.\-\[\]:]+:[0-9]{1,5})*")
_FACTOR = re.compile(r"[1-9]")


def connect(url: str, access: "Access | None" = None) -> EventLog:
    """Return the log at `url`; nothing is opened yet. Raises `ValueError`, saying what may be.

    `access` is how a cluster is entered, None where it asks nobody who they are; a file never
    asks, so beside one it is a mistake.
    """
    scheme, colon, rest = url.partition(":")
    if colon and scheme == "embedded":
        if access is not None:
            raise ValueError(
                "is a file, which asks nobody who they are: take [log.tls] and [log.sasl] out, or"
                " name the brokers, kafka://host:9092"
            )
        from ingress.eventlog.embedded import EmbeddedLog

        return EmbeddedLog(_file(rest))
    if colon and scheme == "kafka" and rest.startswith("//"):
        from ingress.eventlog.kafka import KafkaLog
        from ingress.eventlog.kafka_access import Access

        hosts, _, query = rest[2:].partition("?")
        factor = _factor(query)
        return KafkaLog(_hosts(hosts), replication_factor=factor, access=access or Access())
    raise ValueError(ACCEPTED)


def administer(url: str, access: "Access | None" = None) -> "KafkaAdmin":
    """Return what looks after a cluster's topics and rules; nothing is connected yet.

    Raises `ValueError` for a log that is no cluster.
    """
    from ingress.eventlog.kafka import KafkaLog

    log = connect(url, access)
    if isinstance(log, KafkaLog):
        return log.admin()
    raise ValueError("is a file: its topics need no looking after, and it knows no users")


def is_file(url: str) -> bool:
    """Say whether a log is a file on this machine, which needs no journal in front of it."""
    return url.partition(":")[0] == "embedded"


def _file(rest: str) -> Path:
    path, _, query = rest.partition("?")
    if path.startswith("///"):
        path = path[2:]
    elif path.startswith("//"):
        raise ValueError(f"embedded:// takes three slashes before an absolute path: {ACCEPTED}")
    if query or not path or path.endswith("/"):
        raise ValueError(ACCEPTED)
    return Path(unquote(path))


def _hosts(hosts: str) -> str:
    if not _HOSTS.fullmatch(hosts.rstrip("/")):
        raise ValueError(ACCEPTED)
    return hosts.rstrip("/")


def _factor(query: str) -> int:
    settings = dict(parse_qsl(query, keep_blank_values=True))
    factor = settings.pop("replication_factor", "3")
    if settings or not _FACTOR.fullmatch(factor):
        raise ValueError(ACCEPTED)
    return int(factor)
