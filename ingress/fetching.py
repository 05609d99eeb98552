"""The keys that are fetched: what each source needs for it, and the tasks that do it.

A profile's words about its keys flow in, checked ones flow out for a `Source`; from these, when the
edge starts, a `KeySource` each with its task. What fetching needs (TLS, certificates, an HTTP
client) is imported here, and only for a source that fetches: most do not, and start without it.
"""

import asyncio
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from traceback import extract_tb
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

RESTART_S = 5.0
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
        self.by_slug: Mapping[str, KeySource] = {}
        self._note = note
        self._clock = clock
        self._fetch = fetch
        self._plans: Mapping[str, Plan] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._ending: set[asyncio.Task[None]] = set()
        self._is_started = False
        self.replace(plans)

    def replace(self, plans: Mapping[str, Plan]) -> None:
        """Fetch by these plans from now on; a source whose plan stays keeps the keys it holds.

        A plan that changed may lead to other keys, so those it brought are held no more.
        """
        kept = {slug for slug, needed in plans.items() if _is_same(needed, self._plans.get(slug))}
        for slug in self._tasks.keys() - kept:
            task = self._tasks.pop(slug)
            self._ending.add(task)
            task.add_done_callback(self._ending.discard)
            task.cancel()
        by_slug = {slug: self.by_slug[slug] for slug in kept}
        made = {slug: needed for slug, needed in plans.items() if slug not in kept}
        if made:
            by_slug |= self._make(made)
        # Another mapping: a delivery under way goes on with the one it began with.
        self.by_slug, self._plans = by_slug, plans
        if self._is_started:
            self._begin()

    def _make(self, plans: Mapping[str, Plan]) -> "dict[str, KeySource]":
        from ingress.keysources.fetch import Fetcher
        from ingress.keysources.source import KeySource, Means

        if self._fetch is None:
            self._fetch = Fetcher()
        made = {}
        for slug, needed in plans.items():
            note = partial(self._note, slug)
            means = Means(
                self._fetch, needed.read, telemetry.logger("keys"), self._clock, note=note
            )
            made[slug] = KeySource(slug, needed.declaration, means, needed.credential)
        return made

    def start(self) -> None:
        """Begin to fetch."""
        self._is_started = True
        self._begin()

    async def stop(self) -> None:
        """Fetch no more."""
        tasks = {*self._tasks.values(), *self._ending}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def has_keys(self, slug: str) -> bool:
        """Say whether any key of a source is held now."""
        return bool(self.by_slug[slug].keys())

    def _begin(self) -> None:
        for slug, one in self.by_slug.items():
            if slug not in self._tasks:
                self._tasks[slug] = asyncio.create_task(_run(slug, one))


async def _run(slug: str, source: "KeySource") -> None:
    """Fetch for ever: what ends by a fault that nobody thought of is told, and begun again."""
    while True:
        (ended,) = await asyncio.gather(source.run(), return_exceptions=True)
        if not isinstance(ended, Exception):
            return
        # Where, but not its own words: they may quote a credential.
        place = extract_tb(ended.__traceback__)[-1]
        telemetry.logger("keys").error(
            "key_fetching_failed",
            source=slug,
            kind=type(ended).__name__,
            place=f"{Path(place.filename).name}:{place.lineno}",
            retry_in_s=RESTART_S,
        )
        await asyncio.sleep(RESTART_S)


def _is_same(one: Plan, other: Plan | None) -> bool:
    """Say whether two plans lead to the same keys."""
    return one is other or (
        other is not None
        and one.declaration == other.declaration
        and one.credential == other.credential
    )


def strict_fetch(answer_bytes_max: int) -> "Fetch":
    """Make the one narrow way to ask a provider, for answers as large as that."""
    from ingress.keysources.fetch import Fetcher, Policy

    return Fetcher(Policy(answer_bytes_max=answer_bytes_max))


def is_whole(needed: Plan) -> bool:
    """Say whether all keys of a source are fetched at once, ahead of its first delivery."""
    return needed.declaration.kind == "jwks"
