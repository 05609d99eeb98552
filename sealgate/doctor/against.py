"""Two environments side by side: what they share, and must not.

Two configurations flow in, with their secrets in memory, findings flow out, with names and no
secret. Secrets are compared by their HMACs under a random key of this one run: ten thousand sources
against ten thousand are then no product, and no comparison tells more than yes or no.
"""

import hashlib
import hmac
import secrets
from collections.abc import Iterator, Sequence
from typing import NamedTuple
from urllib.parse import urlsplit

from sealgate.config import Configuration
from sealgate.doctor.findings import Finding, Level
from sealgate.held import Held
from sealgate.stores import located

KEY_BYTES = 32


class Party(NamedTuple):
    """One environment: its configuration and the secrets that could be read."""

    configuration: Configuration
    secrets: Sequence[Held]

    @property
    def name(self) -> str:
        """Name its environment."""
        return self.configuration.settings.environment


def compare(ours: Party, other: Party, *, is_whole: bool = True) -> Iterator[Finding]:
    """Yield what the two share; that they share nothing is one, if all of the other was read."""
    found = [*_secrets(ours, other), *_places(ours, other)]
    yield from found
    if is_whole and not any(finding.level is Level.FAIL for finding in found):
        count = len(other.secrets)
        told = f"no secret, database, topic or address in common ({count} secrets compared)"
        yield Finding(Level.OK, f"against {other.name!r}", told)


def _secrets(ours: Party, other: Party) -> Iterator[Finding]:
    key = secrets.token_bytes(KEY_BYTES)
    theirs = {_mark(key, one): one.place for one in other.secrets}
    for one in ours.secrets:
        place = theirs.get(_mark(key, one))
        if place is not None:
            told = f"the same secret is {place} of {other.name!r}: give each its own"
            yield Finding(Level.FAIL, one.place, told)


def _mark(key: bytes, one: Held) -> bytes:
    return hmac.digest(key, one.secret.reveal(), hashlib.sha256)


def _places(ours: Party, other: Party) -> Iterator[Finding]:
    us, them = ours.configuration, other.configuration
    if ours.name == other.name:
        told = f"both serve {ours.name!r}: topics, keys and rows would be the same"
        yield Finding(Level.FAIL, "environment", told)
    log = _url(us, us.settings.log.url)
    if log == _url(them, them.settings.log.url):
        yield from _shared_log(ours, other, is_file=log.startswith("embedded:"))
    if _url(us, us.settings.store.url) == _url(them, them.settings.store.url):
        told = f"is the database of {other.name!r} too: give each its own"
        yield Finding(Level.FAIL, "store.url", told)
    states = [
        (one.base / name).resolve()
        for one in (us, them)
        if (name := one.settings.edge.state_file) is not None
    ]
    if len(set(states)) < len(states):
        yield Finding(Level.FAIL, "edge.state_file", f"is that of {other.name!r} too")
    yield from _urls(ours, other)
    yield from _ports(ours, other)


def _shared_log(ours: Party, other: Party, *, is_file: bool) -> Iterator[Finding]:
    if is_file:
        yield Finding(Level.FAIL, "log.url", f"is the file of {other.name!r} too")
        return
    told = f"is the cluster of {other.name!r} too: its ACLs must keep the two apart"
    yield Finding(Level.WARN, "log.url", told)
    group = ours.configuration.settings.consumer.group
    if group == other.configuration.settings.consumer.group:
        told = f"{group!r} is the group of {other.name!r} on the same cluster: name each its own"
        yield Finding(Level.FAIL, "consumer.group", told)


def _urls(ours: Party, other: Party) -> Iterator[Finding]:
    theirs = {
        source.public_url.rstrip("/"): source.slug
        for source in other.configuration.settings.source
        if source.public_url
    }
    for source in ours.configuration.settings.source:
        slug = theirs.get(source.public_url.rstrip("/"))
        if slug is not None:
            told = f"is that of {slug!r} of {other.name!r}: one of them gets the other's deliveries"
            yield Finding(Level.FAIL, f"source {source.slug!r} public_url", told)


def _ports(ours: Party, other: Party) -> Iterator[Finding]:
    us, them = ours.configuration.settings, other.configuration.settings
    taken = {them.edge.port, them.admin.port} - {0}
    for name, port in (("edge.port", us.edge.port), ("admin.port", us.admin.port)):
        if port in taken:
            told = f"{port} is a port of {other.name!r} too: they cannot run on one machine"
            yield Finding(Level.WARN, name, told)


def _url(configuration: Configuration, url: str) -> str:
    """Write a URL so that two of the same place read the same: without user and options."""
    whole = located(url, configuration.base)
    try:
        parts = urlsplit(whole)
    except ValueError:
        return whole
    hosts = ",".join(sorted(parts.netloc.rpartition("@")[2].lower().split(",")))
    return f"{parts.scheme}://{hosts}{parts.path}"
