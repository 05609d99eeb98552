"""The files that a change writes: the configuration, replaced as one; a new secret, for us alone.

A reader sees the old file or the new one and never a half of either, and two people who change keys
at once take turns. A file that is managed from elsewhere (a link into a ConfigMap, a read-only
mount) is left alone: what is written there would be gone with the next deployment.
"""

import fcntl
import os
import stat
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_ALL = 0o7777
_PRIVATE = 0o600


class NotWritable(Exception):
    """A file is not ours to write; the message says why."""


@contextmanager
def turn(directory: Path) -> Iterator[None]:
    """Wait until nobody else changes the configuration of this directory, and keep others out."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def check_ours(path: Path) -> None:
    """Raise `NotWritable` for a file that is managed from elsewhere, or that we may not write."""
    if path.is_symlink():
        raise NotWritable(f"{path} is a link: it is managed where it points to")
    if not os.access(path, os.W_OK) or not os.access(path.parent, os.W_OK):
        raise NotWritable(f"{path} or its directory may not be written by this user, or not at all")


def replace(path: Path, before: bytes, after: bytes) -> None:
    """Put new content in the place of the old, in one step. Raises `NotWritable`, `OSError`.

    `before` is what the change was made of: if the file says something else by now, it stays.
    """
    check_ours(path)
    known = path.stat()
    with _temporary(path.parent, f".{path.name}.") as (temporary, descriptor):
        _adopt(descriptor, known, stat.S_IMODE(known.st_mode), path)
        _write(descriptor, after)
        if path.read_bytes() != before:
            raise NotWritable(f"{path} was changed by somebody else just now: look, and try again")
        temporary.replace(path)
    _sync(path.parent)


@contextmanager
def draft(directory: Path, secret: bytes, beside: Path | None) -> Iterator[Path]:
    """Write a secret into a file that is gone again at the end, unless it was `kept`.

    It is readable by us alone, and by those who read the file `beside` it: the gateway may run as
    another user. Raises `NotWritable`, `OSError`.
    """
    if not os.access(directory, os.W_OK | os.X_OK):
        raise NotWritable(f"{directory} may not be written by this user, or is not there")
    with _temporary(directory, ".new-key.") as (temporary, descriptor):
        if beside is not None:
            known = beside.stat()
            _adopt(descriptor, known, _PRIVATE | known.st_mode & stat.S_IRGRP, beside)
        _write(descriptor, secret)
        yield temporary


def keep(temporary: Path, path: Path) -> Callable[[], None]:
    """Give a draft its name; return what takes it back. Raises `NotWritable` if it is taken."""
    try:
        # A link, unlike a renaming, never takes the place of another file.
        path.hardlink_to(temporary)
    except FileExistsError:
        raise NotWritable(f"{path} is there already, and nothing is written over") from None
    _sync(path.parent)
    return path.unlink


@contextmanager
def _temporary(directory: Path, prefix: str) -> Iterator[tuple[Path, int]]:
    """Make a file for us alone, open to be written, and gone at the end under this name."""
    descriptor, name = tempfile.mkstemp(prefix=prefix, dir=directory)
    try:
        yield Path(name), descriptor
    finally:
        os.close(descriptor)
        Path(name).unlink(missing_ok=True)


def _write(descriptor: int, content: bytes) -> None:
    """Write the whole content, and wait until it would last over a power cut."""
    with os.fdopen(descriptor, "wb", closefd=False) as file:
        file.write(content)
    os.fsync(descriptor)


def _adopt(descriptor: int, known: os.stat_result, mode: int, path: Path) -> None:
    """Give a new file the owner of a known one, and permissions. Raises `NotWritable`."""
    os.fchmod(descriptor, mode & _ALL)
    mine = os.fstat(descriptor)
    if (mine.st_uid, mine.st_gid) == (known.st_uid, known.st_gid):
        return
    try:
        os.fchown(descriptor, known.st_uid, known.st_gid)
    except PermissionError:
        raise NotWritable(
            f"{path} belongs to another user or group, to whom a new file cannot be given: run this"
            " as its owner, or as root"
        ) from None
    # A change of owner takes some permissions away.
    os.fchmod(descriptor, mode & _ALL)


def _sync(directory: Path) -> None:
    """Make the names in a directory last over a power cut, where the file system can."""
    with suppress(OSError):
        descriptor = os.open(directory, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
