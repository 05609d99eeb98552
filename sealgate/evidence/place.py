"""The self-test's own directory: ours alone, on a disk with room, and gone afterwards.

It holds keys, if only of a gateway that is thrown away, and what is read from it becomes evidence:
so nobody else may be able to put another in its place. It is made where temporary files go, under a
name that nobody can foresee. A run that was killed leaves its own behind. A lock in it says whether
its run still lives, and the next run of the same user removes what no run holds any more.
"""

import fcntl
import os
import re
import shutil
import stat
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from sealgate.evidence.ground import SelfTestFailed

PREFIX = "sealgate-evidence-"
LOCK = "self-test.lock"
FREE_BYTES_MIN = 64 * 1024 * 1024
"""A self-test of 25 sources takes some 5 MB; without room the gateway refuses what is genuine."""
ADVICE = "name another directory in TMPDIR"
_NAME = re.compile(PREFIX + r"[a-z0-9_]{8}")


@contextmanager
def directory() -> Iterator[Path]:
    """Give a directory of our own, and remove it. Raises `SelfTestFailed`."""
    try:
        parent = Path(tempfile.gettempdir()).resolve()
        _check(parent)
        sweep(parent)
        place = Path(tempfile.mkdtemp(prefix=PREFIX, dir=parent))
    except OSError as wrong:
        raise SelfTestFailed(f"there is no place for it: {said(wrong)}; {ADVICE}") from None
    try:
        with _held(place):
            yield place
    finally:
        _remove(place)


def _check(parent: Path) -> None:
    """Refuse a directory in which somebody else could exchange ours. Raises `SelfTestFailed`."""
    for above in (parent, *parent.parents):
        found = above.stat()
        if found.st_uid not in {0, os.geteuid()}:
            raise SelfTestFailed(f"{above} belongs to another user; {ADVICE}")
        if found.st_mode & stat.S_IWOTH and not found.st_mode & stat.S_ISVTX:
            raise SelfTestFailed(
                f"everybody may exchange what is in {above} (it has no sticky bit); {ADVICE}"
            )
    free_bytes = shutil.disk_usage(parent).free
    if free_bytes < FREE_BYTES_MIN:
        raise SelfTestFailed(
            f"{parent} has {free_bytes:,} bytes of room, and it takes {FREE_BYTES_MIN:,}; {ADVICE}"
        )


@contextmanager
def _held(place: Path) -> Iterator[None]:
    """Hold the lock of a directory for as long as its run lives, however it ends."""
    with (place / LOCK).open("x") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def sweep(parent: Path) -> None:
    """Remove what runs left that were killed: ours, by its name, with a lock that nobody holds."""
    for path in parent.glob(f"{PREFIX}*"):
        if _NAME.fullmatch(path.name) and _is_left(path):
            shutil.rmtree(path, ignore_errors=True)


def _is_left(path: Path) -> bool:
    """Say whether a directory is of a run of ours that lives no more."""
    with suppress(OSError):
        found = path.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid():
            return False
        held = os.open(path / LOCK, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        finally:
            os.close(held)
        return True
    return False


def _remove(place: Path) -> None:
    """Remove it, and say so where that cannot be: there are keys in it."""
    shutil.rmtree(place, ignore_errors=True)
    if place.exists():
        print(f"careful: {place} could not be removed; remove it yourself", file=sys.stderr)


def said(wrong: OSError) -> str:
    """Say what went wrong, and where."""
    told = wrong.strerror or str(wrong)
    return f"{wrong.filename}: {told}" if wrong.filename else told
