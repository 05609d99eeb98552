"""From a URL to an event log: the one place that knows every implementation.

``embedded:///var/lib/sealgate/log.db`` is a file by its absolute path, ``embedded:./log.db`` one
by its path from here; ``kafka://h1:9092,h2:9092?replication_factor=3`` is a cluster. A database's
or a broker's password never stands in a URL: it would be in every process list.
"""

import re
from pathlib import Path
from urllib.parse import parse_qsl, unquote

from ingress.eventlog.embedded import EmbeddedLog
from ingress.eventlog.kafka import KafkaLog
from ingress.eventlog.kafka_access import Access
from ingress.eventlog.port import EventLog

ACCEPTED = (
    "an event log is embedded:///absolute/path/log.db, embedded:./relative/log.db,"
    " or kafka://host:9092,host:9092?replication_factor=3"
)
OPEN = Access()
"""To a cluster that asks nobody who they are."""
_HOSTS = re.compile(r"[A-Za-z0-9.\-\[\]:]+:[0-9]{1,5}(,[A-Za-z0-9.\-\[\]:]+:[0-9]{1,5})*")
_FACTOR = re.compile(r"[1-9]")


def connect(url: str, access: Access = OPEN) -> EventLog:
    """Return the log at `url`; nothing is opened yet. Raises `ValueError`, saying what may be.

    `access` is how a cluster is entered; a file asks nobody, so beside one it is a mistake.
    """
    scheme, colon, rest = url.partition(":")
    if colon and scheme == "embedded" and access == OPEN:
        return EmbeddedLog(_file(rest))
    if colon and scheme == "kafka" and rest.startswith("//"):
        hosts, _, query = rest[2:].partition("?")
        return KafkaLog(_hosts(hosts), replication_factor=_factor(query), access=access)
    raise ValueError(ACCEPTED)


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
