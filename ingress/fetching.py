"""The keys that are fetched: what each source needs for it, and the tasks that do it.

A profile's words about its keys flow in, checked ones flow out for a `Source`; from these, when the
edge starts, a `KeySource` each with its task. What fetching needs (TLS, certificates, an HTTP
client) is imported here, and only for a source that fetches: most do not, and start without it.
"""

import asyncio
from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from ingress import telemetry
from ingress.keyring import Secret
from ingress.providers.declaration import Declaration as Said
from ingress.providers.signature import Asym, Jws

if TYPE_CHECKING:
    from ingress.keysources.declaration import Declaration
    from ingress.keysources.fetch import Fetch
    from ingress.keysources.reading import Reader
    from ingress.keysources.result import Result
    from ingress.keysources.source import KeySource

_KEY_TYPES = {"RS256": "rsa", "RS512": "rsa", "ES256": "p256", "EdDSA": "ed25519"}
_UUID = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"


class Plan(NamedTuple):
    """What one source needs to fetch its keys, checked."""

    declaration: "Declaration"
    read: "Reader"
    credential: Secret | None


Note = Callable[[str, "Result", int], None]
"""Told of every fetch: whose, how it ended, and how many keys are held now."""


def plan(said: Said, credential: Secret | None) -> Plan:
    """Check what a profile says about its keys. Raises `ValueError`."""
    from ingress.keysources.declaration import CredentialPlace, Declaration, Kind, check_credential
    from ingress.keysources.reading import Reader
    from ingress.keysources.roots import system_roots
    from ingress.schemes.parts.public_keys import KeyType

    source = said.key_source
    assert source is not None
    declaration = Declaration(
        kind=Kind(source.kind),
        key_type=KeyType(_key_type(said)),
        hosts=source.hosts,
        url=source.url,
        paths=source.paths,
        kid=_pattern(said),
        body=source.body,
        key=source.key or "",
        credential=CredentialPlace(source.credential),
        subjects=source.subject,
        is_chained=source.is_chained,
        refresh_s=float(source.refresh_s),
    )
    check_credential(declaration, credential)
    needs_roots = declaration.kind is Kind.CERTIFICATE and declaration.is_chained
    return Plan(declaration, Reader(declaration, system_roots() if needs_roots else ()), credential)


def _key_type(said: Said) -> str:
    for one in said.signature:
        if isinstance(one, Asym):
            return one.type
        if isinstance(one, Jws) and one.algorithm in _KEY_TYPES:
            return _KEY_TYPES[one.algorithm]
    raise ValueError("key_source: no signature of the profile has a public key")


def _pattern(said: Said) -> str:
    """Return what the name of a key looks like: as the profile says, else a UUID."""
    named = (one for one in said.signature if isinstance(one, Asym) and one.key_id is not None)
    return next((one.key_id_pattern for one in named), _UUID)


class Fetching:
    """The key sources of all sources, by slug, and one task for each."""

    def __init__(
        self,
        plans: Mapping[str, Plan],
        note: Note,
        clock: telemetry.Clock,
        fetch: "Fetch | None" = None,
    ) -> None:
        self.by_slug: dict[str, KeySource] = {}
        self._tasks: list[asyncio.Task[None]] = []
        if plans:
            self._make(plans, note, clock, fetch)

    def _make(
        self,
        plans: Mapping[str, Plan],
        note: Note,
        clock: telemetry.Clock,
        fetch: "Fetch | None",
    ) -> None:
        from ingress.keysources.fetch import Fetcher
        from ingress.keysources.source import KeySource, Means

        fetch = Fetcher() if fetch is None else fetch
        for slug, needed in plans.items():
            log = telemetry.logger("keys")
            means = Means(fetch, needed.read, log, clock, note=partial(note, slug))
            self.by_slug[slug] = KeySource(slug, needed.declaration, means, needed.credential)

    def start(self) -> None:
        """Begin to fetch."""
        self._tasks = [asyncio.create_task(one.run()) for one in self.by_slug.values()]

    async def stop(self) -> None:
        """Fetch no more."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def has_keys(self, slug: str) -> bool:
        """Say whether any key of a source is held now."""
        return bool(self.by_slug[slug].keys())


def is_whole(needed: Plan) -> bool:
    """Say whether all keys of a source are fetched at once, ahead of its first delivery."""
    return needed.declaration.kind == "jwks"
