"""Every secret that a process holds, each under a name that may be shown.

A configuration and its sources flow in, `Held` secrets flow out: for the checks that compare them
with each other, with placeholders, or with those of another environment. Public keys are
everybody's, and not among them. What cannot be read is left out: whoever reads it in earnest
complains.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from ingress import secretfiles
from ingress.keyring import Secret, Status
from ingress.sources import Snapshot, Source
from sealgate.config import Configuration


class Held(NamedTuple):
    """One secret; `place` is where the configuration names it."""

    place: str
    secret: Secret
    file: str


def of_sources(configuration: Configuration, sources: Snapshot) -> Iterator[Held]:
    """Yield the secrets of every source: what proves deliveries, handshakes and ourselves."""
    for source in sources.values():
        file = configuration.files.get(source.slug, str(configuration.file))
        for key_id, secret in _of(source):
            yield Held(f"source {source.slug!r} key {key_id!r}", secret, file)


def _of(source: Source) -> Iterator[tuple[str, Secret]]:
    for live in source.ring.keys:
        if live.status is Status.REVOKED:
            continue  # it proves nothing: what is wrong with it must not keep it from being revoked
        if isinstance(live.key.material, bytes) and live.key.material:
            yield live.id, Secret(live.key.material)
    named = [
        key.id
        for key in source.setting.key
        if key.role == "handshake" and key.status is not Status.REVOKED
    ]
    for key_id, token in zip(named, source.tokens, strict=False):
        if isinstance(token.material, bytes) and token.material:
            yield key_id, Secret(token.material)
    if source.plan is not None and source.plan.credential is not None:
        api = [key.id for key in source.setting.key if key.role == "api"]
        yield api[-1] if api else "api", source.plan.credential


def of_files(configuration: Configuration, *, has_store: bool) -> Iterator[Held]:
    """Yield the keys that seal refused deliveries, and the database's and brokers' passwords."""
    settings = configuration.settings
    files: list[tuple[str, Path]] = []
    if has_store and settings.store.password_file is not None:
        files.append(("store.password_file", settings.store.password_file))
    sasl = settings.log.sasl
    if sasl is not None and sasl.password_file is not None:
        files.append(("log.sasl.password_file", sasl.password_file))
    files += [(f"quarantine.key {key.id!r}", key.file) for key in settings.quarantine.key]
    for place, name in files:
        try:
            secret = Secret(secretfiles.read(configuration.base, name).content)
        except ValueError:
            continue
        yield Held(place, secret, str(configuration.file))
