"""Where the event log of a configuration is, and how it is entered: opened for every command alike.

Apart from `sealgate.process`, so that a command that only asks something need not load the edge.
"""

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from ingress import secretfiles
from ingress.eventlog import connect as log_connect
from ingress.eventlog.port import EventLog
from ingress.log_settings import LogSettings
from sealgate.config import Configuration
from sealgate.stores import located

if TYPE_CHECKING:
    # A file is opened without the client of a cluster, which costs start time.
    from ingress.eventlog.kafka_access import Access


def open_log(configuration: Configuration) -> EventLog:
    """Make the event log of a configuration, not connected yet. Raises `ValueError`."""
    settings = configuration.settings.log
    url = located(settings.url, configuration.base)
    return log_connect.connect(url, access(settings, configuration.base))


def access(settings: LogSettings, base: Path) -> "Access | None":
    """Say how the brokers are entered, None where nobody asks; files are relative to `base`."""
    tls, sasl = settings.tls, settings.sasl
    if tls is None and sasl is None:
        return None
    from ingress.eventlog.kafka_access import Access, Sasl, Tls

    return Access(
        tls=None
        if tls is None
        else Tls(
            ca=_beside(base, tls.ca_file),
            certificate=_beside(base, tls.certificate_file),
            key=_beside(base, tls.key_file),
        ),
        sasl=None
        if sasl is None
        else Sasl(
            mechanism=sasl.mechanism,
            username=sasl.username,
            secret=base / (sasl.password_file or sasl.token_file or Path()),
            read=partial(secretfiles.read_secret_file, base),
        ),
    )


def _beside(base: Path, file: Path | None) -> Path | None:
    return None if file is None else base / file
