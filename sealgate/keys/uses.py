"""What each key has proven: asked of the database, which knows all, and of the edges that run.

The database knows every event since it began, up to where its workers have read; an edge knows what
it verified since it began, up to now. Together they know all. What cannot be asked is said.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from consumers.store.looking import NotMade, OlderSchema
from consumers.store.port import KeyUse, Store, StoreUnavailable, WrongDatabase, WrongEnvironment
from sealgate.config import Configuration
from sealgate.keys import edges
from sealgate.stores import open_store

STORE_S = 5.0
_REASONS: tuple[tuple[type[Exception], str], ...] = (
    (NotMade, "there is no database yet"),
    (StoreUnavailable, "the database is not available"),
    (OlderSchema, "the database is of an older version: start the workers of this one first"),
    (WrongDatabase, "the database is not of this version"),
    (WrongEnvironment, "the database belongs to another environment"),
)
"""Why the database could not be asked; of two that fit the first is the closer one."""


@dataclass(frozen=True, slots=True)
class Use:
    """When a key proved something, as far as it is known: the first is the database's alone."""

    first_ms: int | None = None
    last_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Known:
    """Uses by source (its URI) and key id; how far they are the whole story; and who was asked.

    `trouble` says why the database could not be asked, "" if it could. `told_ms` is the instant up
    to which news have come.
    """

    stored: Mapping[tuple[str, str], KeyUse]
    trouble: str
    asked: edges.Asked
    told_ms: int

    def use(self, uri: str, slug: str, key_id: str) -> Use:
        """Return what one key has proven."""
        stored = self.stored.get((uri, key_id))
        shown = [one.key(slug, key_id) for one in self.asked.shown.values()]
        last = [key.last_used_ms for key in shown if key is not None and key.last_used_ms]
        if stored is None:
            return Use(None, max(last, default=None))
        return Use(stored.first_ms, max([stored.last_ms, *last]))


def gather(configuration: Configuration, urls: Sequence[str], now_ms: int, slug: str = "") -> Known:
    """Ask the database and the edges, about one source or about all. Raises nothing."""
    asked = edges.ask_all(urls, slug)
    try:
        uses, trouble = asyncio.run(_stored(configuration)), ""
    except _NotAsked as reason:
        uses, trouble = [], str(reason)
    told_ms = told_until_ms(asked, uses, now_ms)
    return Known({(use.source, use.key_id): use for use in uses}, trouble, asked, told_ms)


def told_until_ms(asked: edges.Asked, uses: Sequence[KeyUse], now_ms: int) -> int:
    """Return the instant up to which news have come: now, if every edge that was asked answered.

    One that is silent may verify all the same, and where the workers are behind nobody else knows.
    """
    if asked.shown and not asked.silent:
        return now_ms
    return max((use.last_ms for use in uses), default=0)


class _NotAsked(Exception):
    """The database could not be asked; the message says why."""


async def _stored(configuration: Configuration) -> Sequence[KeyUse]:
    try:
        store = open_store(configuration)
    except ValueError as wrong:
        raise _NotAsked(f"the database cannot be opened: {wrong}") from None
    try:
        async with asyncio.timeout(STORE_S):
            return await _read(store, configuration.settings.environment)
    except TimeoutError:
        raise _NotAsked(f"the database took longer than {STORE_S:g} s to answer") from None
    except (StoreUnavailable, WrongDatabase, WrongEnvironment) as away:
        raise _NotAsked(next(why for kind, why in _REASONS if isinstance(away, kind))) from None


async def _read(store: Store, environment: str) -> Sequence[KeyUse]:
    try:
        await store.look(environment)
        return await store.key_uses()
    finally:
        await store.close()
