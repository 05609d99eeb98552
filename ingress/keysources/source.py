"""`KeySource`: the fetched keys of one source, and the one task that keeps them.

A verifier takes the snapshot `keys()`. When it had to refuse because it did not hold the key that a
delivery names, the edge says so with `want`, which notes the wish and returns; the provider's retry
finds the key there. `run` does everything else, one fetch at a time: it fetches, refreshes, backs
off, and keeps what it holds while nothing better can be had. It ends only by being cancelled.
"""

import asyncio
import math
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from traceback import extract_tb

from ingress import telemetry
from ingress.keyring import Secret
from ingress.keysources.cache import Cache, Found
from ingress.keysources.declaration import Declaration, check_credential
from ingress.keysources.fetch import Fetch
from ingress.keysources.result import FetchFailed, Result
from ingress.schemes.parts.keys import Key

# A clock that stood still while the machine slept is noticed this soon.
REST_MAX_S = 600.0

Read = Callable[[str, bytes, int], Sequence[Found]]
"""Makes keys of an answer, given the name asked for and the time. Raises `FetchFailed`."""

Note = Callable[[Result, int], None]
"""Told of every fetch: how it ended, and how many keys are held now. For metrics."""


def note_nothing(result: Result, held: int) -> None:
    """Note nothing."""


@dataclass(frozen=True, slots=True)
class Means:
    """What a key source works with, chosen by whoever composes the process."""

    fetch: Fetch
    read: Read
    log: telemetry.Log
    clock: telemetry.Clock = telemetry.now_ms
    now_s: Callable[[], float] = time.monotonic
    note: Note = note_nothing


class KeySource:
    """Keys of one source that are fetched ahead of need. Raises `ValueError` for a bad credential.

    `name` is the source's slug, for log lines.
    """

    def __init__(
        self, name: str, declaration: Declaration, means: Means, credential: Secret | None = None
    ) -> None:
        check_credential(declaration, credential)
        self._name = name
        self._declaration = declaration
        self._means = means
        self._credential = credential
        self._cache = Cache(declaration)
        self._woken = asyncio.Event()

    def __repr__(self) -> str:
        return f"KeySource({self._name!r}, {self._declaration.kind})"

    def keys(self) -> tuple[Key, ...]:
        """Return the fetched keys that are good now."""
        return self._cache.keys(self._means.clock())

    def want(self, kid: str) -> None:
        """Note that a delivery names a key that is not held. Never waits, never raises."""
        if self._declaration.admits(kid) and self._cache.wish(kid, self._means.now_s()):
            self._woken.set()

    async def run(self) -> None:
        """Fetch what is due, for ever."""
        while True:
            now_s = self._means.now_s()
            self._drop_stale(now_s)
            errand = self._cache.next(now_s)
            if errand.at_s > now_s:
                await self._rest(errand.at_s - now_s)
            else:
                await self._fetch(errand.name)

    async def _rest(self, most_s: float) -> None:
        """Sleep until something may be due, or somebody wishes for a key."""
        self._woken.clear()
        with suppress(TimeoutError):
            async with asyncio.timeout(min(most_s, REST_MAX_S)):
                await self._woken.wait()

    async def _fetch(self, name: str) -> None:
        """Fetch one key, or the set, and hold it. Whatever comes of it, the task goes on."""
        self._cache.begin(self._means.now_s())
        # As a value, not as an exception: a fault nobody thought of must not end the task either.
        (outcome,) = await asyncio.gather(self._found(name), return_exceptions=True)
        now_s, now_ms = self._means.now_s(), self._means.clock()
        if not isinstance(outcome, BaseException):
            self._cache.succeed(name, outcome, now_s, now_ms)
            held = len(self._cache.keys(now_ms))
            self._means.log.info("keys_fetched", source=self._name, held=held)
            self._means.note(Result.FETCHED, held)
            return
        if not isinstance(outcome, Exception):
            raise outcome
        self._failed(name, outcome, now_s, now_ms)

    async def _found(self, name: str) -> Sequence[Found]:
        request = self._declaration.request(name, self._credential)
        answer = await self._means.fetch(request)
        return self._means.read(name, answer, self._means.clock())

    def _failed(self, name: str, wrong: Exception, now_s: float, now_ms: int) -> None:
        if isinstance(wrong, FetchFailed):
            result, detail = wrong.result, str(wrong)
        else:
            # Where, but not its own words: they may quote the request, with the credential.
            place = extract_tb(wrong.__traceback__)[-1]
            detail = f"{type(wrong).__name__} at {Path(place.filename).name}:{place.lineno}"
            result = Result.UNEXPECTED
        if result is Result.WITHDRAWN:
            self._cache.withdraw(name, now_s, now_ms)
        else:
            self._cache.fail(name, now_s)
        held = len(self._cache.keys(now_ms))
        retry_s = self._cache.next(now_s).at_s - now_s
        self._means.log.warning(
            "keys_not_fetched",
            source=self._name,
            result=result.value,
            detail=detail,
            held=held,
            next_in_s=None if retry_s == math.inf else round(retry_s, 1),
        )
        self._means.note(result, held)

    def _drop_stale(self, now_s: float) -> None:
        dropped = self._cache.drop_stale(now_s, self._means.clock())
        if dropped:
            self._means.log.error(
                "keys_stale",
                source=self._name,
                dropped=dropped,
                stale_s=self._declaration.stale_s,
            )
