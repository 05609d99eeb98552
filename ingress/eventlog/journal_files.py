"""The directory of a journal: whose each file is, what is nobody's, and how a file goes for good.

All workers of a machine share one directory. A file is `<worker>-<began ms>.db`, and beside it lies
a lock, which the kernel lets go of when its holder ends, however it ends. So a file whose lock is
free belongs to nobody, and whoever gets the lock takes it over: it is adopted by one survivor and
never by two. A name is used once; therefore a lock that was got on a file's name, and lies there
still, means the file itself.
"""

import fcntl
import os
import shutil
from dataclasses import dataclass
from pathlib import Path

_SIDES = ("-wal", "-shm")
_YEAR_2001_MS = 1_000_000_000_000
DAMAGED = ".damaged-"
"""In the name of a file that was set aside: read as far as it goes, and kept for a human."""
REFUSED = "refused.kept"
"""The file of what Kafka would not take. No journal file, until it is given such a name."""


@dataclass(slots=True)
class Held:
    """A file of the journal that is ours as long as its lock is."""

    path: Path
    began_ms: int
    lock: int

    def release(self) -> None:
        """Leave the file to whoever comes next. Again is nothing: the number may be another's."""
        lock, self.lock = self.lock, -1
        if lock >= 0:
            os.close(lock)

    def delete(self) -> None:
        """Remove the file: it must be closed, and everything in it sent. Raises `OSError`."""
        # The database goes first: what is left of it after a crash is swept, and never opened.
        for name in (self.path, *_sides(self.path), lock_of(self.path)):
            name.unlink(missing_ok=True)
        try:
            sync(self.path.parent)
        finally:
            self.release()

    def take_over(self, other: Path) -> None:
        """Give a file that is closed this name, under which nobody opens it yet. Raises `OSError`.

        A side without its file would be swept, so the file goes first.
        """
        for side in ("", *_SIDES):
            name = other.with_name(other.name + side)
            if name.exists():
                name.rename(self.path.with_name(self.path.name + side))
        sync(self.path.parent)

    def set_aside(self, now_ms: int) -> Path:
        """Keep the file under a name that nobody opens by itself, and return it."""
        kept = self.path.with_name(f"{self.path.name}{DAMAGED}{now_ms}")
        for side in ("", *_SIDES):
            name = self.path.with_name(self.path.name + side)
            if name.exists():
                name.rename(kept.with_name(kept.name + side))
        lock_of(self.path).unlink(missing_ok=True)
        try:
            sync(self.path.parent)
        finally:
            self.release()
        return kept


class Directory:
    """The files of one machine's journal."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def make(self) -> None:
        """Create the directory for its owner alone. Raises `OSError`."""
        if not self.path.is_dir():
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            sync(self.path.parent)
        if self.path.stat().st_mode & 0o077:
            self.path.chmod(0o700)

    def claim(self, worker: str, now_ms: int) -> Held:
        """Take a name that nobody had before. Raises `OSError`."""
        while True:
            path = self.path / f"{worker}-{now_ms}.db"
            if not path.exists() and (held := _hold(path)) is not None:
                try:
                    sync(self.path)
                except OSError:
                    held.delete()  # so far it is but a lock
                    raise
                return held
            now_ms += 1

    def orphans(self) -> list[Held]:
        """Take every file that belongs to nobody, oldest first. Raises `OSError`."""
        mine: list[Held] = []
        try:
            for path in self.path.glob("*.db"):
                held = _hold(path)
                if held is None:
                    continue
                if path.exists():
                    mine.append(held)
                else:  # sent and deleted by its holder between two looks
                    held.delete()
            self._sweep()
        except OSError:
            for held in mine:
                held.release()
            raise
        return sorted(mine, key=lambda held: held.began_ms)

    def size_bytes(self) -> int:
        """Return what the files take, of all workers, and of what was set aside."""
        total = 0
        with os.scandir(self.path) as entries:
            for entry in entries:
                try:
                    total += entry.stat(follow_symlinks=False).st_size
                except FileNotFoundError:
                    continue  # deleted since it was named
        return total

    def free_bytes(self) -> int:
        """Return what the disk has left. Raises `OSError`."""
        return shutil.disk_usage(self.path).free

    def _sweep(self) -> None:
        """Remove what a crash in the middle of a deletion left: sides and locks of no file."""
        for side in _SIDES:
            for name in self.path.glob(f"*.db{side}"):
                if not name.with_name(name.name.removesuffix(side)).exists():
                    name.unlink(missing_ok=True)
        for name in self.path.glob("*.db.lock"):
            path = name.with_name(name.name.removesuffix(".lock"))
            if not path.exists() and (held := _hold(path)) is not None:
                if path.exists():
                    held.release()
                else:
                    held.delete()


def has_files(path: Path) -> bool:
    """Say whether a journal was left in a directory, by whomever."""
    return next(path.glob("*.db"), None) is not None or (path / REFUSED).exists()


def lock_of(path: Path) -> Path:
    """Return the name of a file's lock."""
    return path.with_name(path.name + ".lock")


def sync(directory: Path) -> None:
    """Make names as durable as what they name. Raises `OSError`."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _hold(path: Path) -> Held | None:
    """Take a file's lock; None where somebody has it, or it went while we took it."""
    lock = lock_of(path)
    descriptor = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        # Whoever deletes a file deletes its lock too: then this is the lock of nothing.
        if lock.stat().st_ino == os.fstat(descriptor).st_ino:
            return Held(path, _began_ms(path), descriptor)
    except (BlockingIOError, FileNotFoundError):
        pass
    except BaseException:
        os.close(descriptor)
        raise
    os.close(descriptor)
    return None


def _began_ms(path: Path) -> int:
    """Read from its name when a file was begun; one with a name of a person's making has a date."""
    number = path.stem.rpartition("-")[2]
    if number.isascii() and number.isdecimal() and int(number) >= _YEAR_2001_MS:
        return int(number)
    return path.stat().st_mtime_ns // 1_000_000 if path.exists() else 0


def _sides(path: Path) -> list[Path]:
    return [path.with_name(path.name + side) for side in _SIDES]
