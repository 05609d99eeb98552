"""A disk under SQLite that can be watched, can fail, and forgets what was not synced.

It is SQLite's own VFS with one method changed, so every byte still goes through the real one.
"""

import errno
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import apsw
from typing_extensions import override

_REAL = "unix"


class Disk(apsw.VFS):
    """The default VFS of the process while it is in use."""

    def __init__(self, platter: Path) -> None:
        self.name = f"disk-{uuid4().hex}"
        self.syncs: list[str] = []
        self.broken = False
        self._platter = platter
        super().__init__(self.name, _REAL, makedefault=True)

    @override
    def xOpen(self, name, flags):
        return _File(self, name, flags)

    @override
    def xDelete(self, filename, syncdir):
        # Durable at once here: the log itself syncs the directory once it is open.
        super().xDelete(filename, syncdir)
        (self._platter / Path(filename).name).unlink(missing_ok=True)

    def synced(self, path: Path) -> None:
        """Note that what `path` holds now is on the platter."""
        self.syncs.append(path.name)
        # Whole or not at all, like the sync itself: the process may be killed at any moment.
        copy = self._platter / f".{path.name}"
        shutil.copyfile(path, copy)
        copy.replace(self._platter / path.name)


class _File(apsw.VFSFile):
    def __init__(self, disk: Disk, name, flags) -> None:
        self._disk = disk
        self._path = Path(name.filename() if isinstance(name, apsw.URIFilename) else name or "-")
        super().__init__(_REAL, name, flags)

    @override
    def xSync(self, flags):
        if self._disk.broken:
            raise apsw.IOError(errno.EIO, "the disk is broken")
        super().xSync(flags)
        self._disk.synced(self._path)


@contextmanager
def watched_disk(platter: Path) -> Iterator[Disk]:
    """Put a watched disk under every database opened meanwhile; its platter is a directory."""
    platter.mkdir()
    disk = Disk(platter)
    try:
        yield disk
    finally:
        disk.unregister()
