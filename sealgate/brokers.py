"""What is wrong, or soon will be, with how the brokers are entered: [log.tls] and [log.sasl].

A configuration flows in; mistakes flow out, for `sealgate check` and before any start, and warnings
for `sealgate doctor`. The files are read and judged here as they will be read for each connection;
nothing of them is kept or shown, and a file's name neither: it may be the secret, put there.
"""

import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from ipaddress import ip_address
from pathlib import Path

from ingress import secretfiles, tls
from ingress.settings import Mistake
from sealgate.config import Configuration

SOON_DAYS = 30
_REFUSED = "the brokers refuse it"
_HOST = re.compile(r"(?:kafka://)?(\[[^\]]*\]|[^:,]+):[0-9]+")
_READABLE = frozenset({"plain", "oauthbearer"})


def faults(configuration: Configuration, now_ms: int) -> list[Mistake]:
    """List what keeps us from entering the brokers with these settings and files."""
    found = _mistakes(configuration, datetime.fromtimestamp(now_ms / 1000, UTC))
    file = str(configuration.file)
    return [Mistake(f"log.{place}", message, file) for place, message in found]


def warnings(configuration: Configuration, now_ms: int) -> Iterator[tuple[str, str]]:
    """Yield what works and may not for long, or is weaker than it could be, each with its place."""
    log = configuration.settings.log
    if log.sasl is not None and log.tls is None and log.sasl.mechanism not in _READABLE:
        told = (
            f"{log.sasl.mechanism} without [log.tls]: the password stays hidden, but everything"
            " else can be read and changed on the way"
        )
        yield "log.sasl", told
    if log.tls is None:
        return
    soon = datetime.fromtimestamp(now_ms / 1000, UTC) + timedelta(days=SOON_DAYS)
    files = (("ca_file", log.tls.ca_file), ("certificate_file", log.tls.certificate_file))
    for place, name in files:
        if name is not None:
            chain = tls.certificates(secretfiles.read(configuration.base, name).content)
            ends = min(one.not_valid_after_utc for one in chain)
            if ends < soon:
                yield f"log.tls.{place}", f"ends on {ends:%Y-%m-%d}: renew it before"


def _mistakes(configuration: Configuration, now: datetime) -> Iterator[tuple[str, str]]:
    log = configuration.settings.log
    if not log.url.startswith("kafka:"):
        return  # nothing is entered: that they stand beside a file is told with the url
    looks = [*_of_tls(configuration, now), *_of_sasl(configuration)]
    for place, look in looks:
        try:
            look()
        except ValueError as wrong:
            yield place, str(wrong)
    if log.sasl is not None and log.tls is None and log.sasl.mechanism in _READABLE:
        for host in [host for host in _HOST.findall(log.url) if not _is_loopback(host)][:1]:
            told = (
                f"{log.sasl.mechanism} without [log.tls] sends the password readable to {host}:"
                " add [log.tls], or use scram-sha-512"
            )
            yield "sasl.mechanism", told


def _of_tls(
    configuration: Configuration, now: datetime
) -> Iterator[tuple[str, Callable[[], None]]]:
    settings = configuration.settings.log.tls
    if settings is None:
        return
    base = configuration.base
    if settings.ca_file is not None:
        yield "tls.ca_file", partial(_look_at_authorities, base, settings.ca_file, now)
    if settings.certificate_file is not None and settings.key_file is not None:
        pair = (settings.certificate_file, settings.key_file)
        yield "tls.certificate_file", partial(_look_at_certificate, base, pair[0], now)
        yield "tls.key_file", partial(_look_at_key, base, *pair)


def _of_sasl(configuration: Configuration) -> Iterator[tuple[str, Callable[[], None]]]:
    settings = configuration.settings.log.sasl
    if settings is None:
        return
    for place, name in (
        ("sasl.password_file", settings.password_file),
        ("sasl.token_file", settings.token_file),
    ):
        if name is not None:
            yield place, partial(_look_at_secret, configuration.base, name)


def _look_at_authorities(base: Path, name: Path, now: datetime) -> None:
    found = tls.certificates(secretfiles.read(base, name).content)
    if all(now >= one.not_valid_after_utc for one in found):
        raise ValueError("every certificate in it has expired: name the authority of today")


def _look_at_certificate(base: Path, name: Path, now: datetime) -> None:
    chain = tls.certificates(secretfiles.read(base, name).content)
    tls.check_dates(chain[0], now, _REFUSED)


def _look_at_key(base: Path, certificate: Path, name: Path) -> None:
    found = secretfiles.read(base, name)
    found.check_private()
    key = tls.private_key(found.content)
    try:
        chain = tls.certificates(secretfiles.read(base, certificate).content)
    except ValueError:
        return  # told of the certificate
    if chain[0].public_key() != key.public_key():
        raise ValueError("is not the key of certificate_file: name the two made together")


def _look_at_secret(base: Path, name: Path) -> None:
    try:
        secretfiles.read_secret_file(base, name).decode()
    except UnicodeDecodeError:
        raise ValueError("holds no text in UTF-8") from None


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"
