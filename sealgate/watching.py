"""Which files may have changed: told by the operating system, or found by looking now and then.

Directories are watched, not files: a secret of Kubernetes is a symlink into a directory that is
swapped as a whole, and whoever watches the file hears nothing of it. What happens in them flows in,
and a `Touched` flows out to whoever waits for it. Where a directory cannot be watched, or when
nothing was told for long, everything is to be looked at.
"""

import asyncio
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from watchfiles import Change, awatch

from ingress import telemetry
from ingress.filestate import ANYTHING, Signature, Touched, signature

POLL_S = 1.0
RETRY_S = 30.0
# An editor writes a file in several steps: they are one change, if no step takes longer than this.
STEP_MS = 25
# However long it goes on, a revocation among it waits no longer than this.
DEBOUNCE_MS = 200
# A watch is not there yet when it is begun, and what happened until then is not told.
SETTLE_S = 0.3
_SUFFIX = ".toml"
_SWAPPED = ".."
"""Kubernetes swaps ``..data``, and all beside it that leads through it is another."""


class Places(NamedTuple):
    """What is watched: files by name, directories whose every file of settings counts, and all."""

    files: frozenset[str] = frozenset()
    listed: frozenset[str] = frozenset()
    directories: tuple[str, ...] = ()

    def stamp(self) -> tuple[Signature | None, ...]:
        """Return what changes when anything in a directory comes, goes or is renamed."""
        return tuple(signature(directory) for directory in self.directories)

    def lacks(self) -> bool:
        """Say whether a directory whose files count is there by now, and is not watched."""
        return any(Path(one).is_dir() for one in self.listed.difference(self.directories))


class Watch:
    """Waits for changes in places that may change themselves."""

    def __init__(self) -> None:
        self._places = Places()
        self._numbers: tuple[tuple[int, int] | None, ...] = ()
        self._paths: set[str] = set()
        self._directories: set[str] = set()
        self._is_anything = False
        self._looked_s = time.monotonic()
        self._woken = asyncio.Event()
        self._moved = asyncio.Event()
        self._log = telemetry.logger("reload")
        self.trouble = ""
        """Why changes are found by looking every second only; nothing where they are told."""

    def follow(self, places: Places) -> None:
        """Watch these places from now on."""
        # A directory that was replaced by another of the same name must be watched anew.
        numbers = tuple(None if one is None else (one.device, one.number) for one in places.stamp())
        is_moved = (places.directories, numbers) != (self._places.directories, self._numbers)
        self._places, self._numbers = places, numbers
        if is_moved:
            self._moved.set()

    def ask(self) -> None:
        """Have everything looked at."""
        self._is_anything = True
        self._woken.set()

    async def touched(self, within_s: float) -> Touched:
        """Wait until something may have changed, and return what.

        Everything is looked at once in so long, however much is told meanwhile: what nobody can
        tell of must not wait for a quiet moment.
        """
        due_s = self._looked_s + (min(POLL_S, within_s) if self.trouble else within_s)
        with suppress(TimeoutError):
            async with asyncio.timeout(max(0.0, due_s - time.monotonic())):
                await self._woken.wait()
        if time.monotonic() >= due_s:
            self._is_anything = True
        return self.take()

    def take(self) -> Touched:
        """Return what may have changed since the last time; anything, if nobody said."""
        is_told = (self._paths or self._directories) and not self._is_anything
        found = Touched(frozenset(self._paths), frozenset(self._directories))
        self._paths, self._directories, self._is_anything = set(), set(), False
        self._woken.clear()
        if is_told:
            return found
        self._looked_s = time.monotonic()
        return ANYTHING

    async def run(self) -> None:
        """Watch for ever; ends only by being cancelled."""
        while True:
            self._moved.clear()
            later = asyncio.get_running_loop().call_later(SETTLE_S, self.ask)
            (ended,) = await asyncio.gather(self._listen(), return_exceptions=True)
            later.cancel()
            if isinstance(ended, Exception):
                self._cannot(ended)
                with suppress(TimeoutError):
                    async with asyncio.timeout(RETRY_S):
                        await self._moved.wait()

    async def _listen(self) -> None:
        """Collect what happens in the directories, until they are others."""
        there = [
            directory
            for directory, number in zip(self._places.directories, self._numbers, strict=True)
            if number is not None
        ]
        absent = len(self._places.directories) - len(there)
        self.trouble = f"{absent} directories are not there" if absent else ""
        if not there:
            await self._moved.wait()
            return
        changes = awatch(
            *there,
            watch_filter=None,
            debounce=DEBOUNCE_MS,
            step=STEP_MS,
            stop_event=self._moved,
            recursive=False,
        )
        async for change in changes:
            self._note(change)

    def _note(self, changes: Iterable[tuple[Change, str]]) -> None:
        places = self._places
        for _, path in changes:
            directory, _, name = path.rpartition("/")
            if path in places.files or (directory in places.listed and name.endswith(_SUFFIX)):
                self._paths.add(path)
            elif name.startswith(_SWAPPED):
                self._directories.add(directory)
            elif path in places.listed or path in places.directories:
                self._directories.add(path)
        if self._paths or self._directories:
            self._woken.set()

    def _cannot(self, ended: Exception) -> None:
        kind = type(ended).__name__
        if not self.trouble:
            self._log.warning("watching_failed", kind=kind, reason=str(ended), look_every_s=POLL_S)
        self.trouble = f"the directories cannot be watched ({kind})"


def places(main: Path, listed: Iterable[Path], files: Iterable[str]) -> Places:
    """Return what to watch: the main file, directories whose every file counts, and named files."""
    named = {str(main.absolute()), *files}
    # The main file may itself be a link to where it is kept.
    standing = {file.rpartition("/")[0] for file in (*named, str(main.resolve()))}
    lists = {str(one.absolute()) for one in listed}
    there = {one for one in lists if Path(one).is_dir()}
    return Places(frozenset(named), frozenset(lists), tuple(sorted(standing | there)))
