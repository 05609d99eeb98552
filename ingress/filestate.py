"""What is known of files: whether one is still what it was when it was read.

Paths flow in, and signatures flow out: size, times and place on the disk, which change with the
content, and which a swapped symlink changes too. A `Memory` keeps what was made of files and hands
it out again for as long as they stay as they are, so that to reload one file of ten thousand costs
one file, not ten thousand.
"""

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, NamedTuple, TypeVar

Made = TypeVar("Made")


class Signature(NamedTuple):
    """What tells one content of a file from another without reading it."""

    device: int
    number: int
    size_bytes: int
    modified_ns: int
    changed_ns: int


def signature(path: str) -> Signature | None:
    """Return the signature of what `path` leads to, symlinks followed; None if it cannot be had."""
    try:
        found = Path(path).stat()
    except OSError:
        return None
    return Signature(
        found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns
    )


@dataclass(frozen=True, slots=True)
class Touched:
    """Which files may be others than before: these paths, and whatever is in these directories.

    `paths` are read again whatever their signature says: two writes within one tick of the disk's
    clock leave the same one. None means that nothing is known, and every signature is compared.
    """

    paths: frozenset[str] | None = None
    directories: frozenset[str] = frozenset()

    def spares(self, files: Iterable[str]) -> bool:
        """Say whether none of the files can have changed."""
        if self.paths is None or not self.paths.isdisjoint(files):
            return False
        if not self.directories:
            return True
        return not any(file.rpartition("/")[0] in self.directories for file in files)

    def names(self, files: Iterable[str]) -> bool:
        """Say whether one of the files was written for certain."""
        return self.paths is not None and not self.paths.isdisjoint(files)


ANYTHING = Touched()


class Look(NamedTuple):
    """Files, and the signatures that they had before they were read."""

    files: tuple[str, ...]
    signatures: tuple[Signature | None, ...]


def look(files: tuple[str, ...]) -> Look:
    """Take signatures; before reading, so that what changes meanwhile is seen as changed."""
    return Look(files, tuple(signature(file) for file in files))


class _Known(NamedTuple, Generic[Made]):
    inputs: tuple[object, ...]
    seen: Look
    made: Made


class Memory(Generic[Made]):
    """What was made of files, by name, until they or what else went into it change."""

    __slots__ = ("_inputs", "_known", "touched")

    def __init__(self) -> None:
        self.touched = ANYTHING
        self._inputs: tuple[object, ...] = ()
        self._known: dict[str, _Known[Made]] = {}

    def recall(self, name: str, inputs: tuple[object, ...]) -> Made | None:
        """Return what was made, if it would be made the same today; else forget it."""
        known = self._known.get(name)
        if known is None:
            return None
        if known.inputs == inputs and self._stands(known.seen):
            return known.made
        # Should it fail to be made again, what it was must not come back at the next look.
        del self._known[name]
        return None

    def keep(self, name: str, inputs: tuple[object, ...], seen: Look, made: Made) -> None:
        """Keep what was made of these files, and of whatever else went into it."""
        self._known[name] = _Known(inputs, seen, made)

    def keep_only(self, names: Collection[str]) -> None:
        """Forget what is asked for no more; names of what was never kept may be among them."""
        if len(self._known) > len(names):
            for name in self._known.keys() - set(names):
                del self._known[name]

    def depend(self, *inputs: object) -> None:
        """Forget everything, if what goes into all of it is not what it was."""
        if inputs != self._inputs:
            self._inputs = inputs
            self._known = {}

    def files(self) -> set[str]:
        """Return the files that went into what is kept, and were there."""
        return {
            file
            for known in self._known.values()
            for file, there in zip(*known.seen, strict=True)
            if there is not None
        }

    def remember(
        self,
        name: str,
        inputs: tuple[object, ...],
        files: tuple[str, ...],
        make: Callable[[], Made],
    ) -> Made:
        """Return what was made if it would be the same today, or make it now."""
        known = self.recall(name, inputs)
        if known is None:
            seen = look(files)
            known = make()
            self.keep(name, inputs, seen, known)
        return known

    def _stands(self, seen: Look) -> bool:
        if self.touched.spares(seen.files):
            return True
        return not self.touched.names(seen.files) and look(seen.files) == seen
