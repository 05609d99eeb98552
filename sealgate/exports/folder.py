"""Put the files of a run into one new folder: whole under its name, or not there at all.

They are written under another name beside it, made to last, and renamed. A folder that is there
already is refused, whatever is in it: nobody's figures are written over.
"""

import errno
import os
import shutil
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

# Of 255 that a file system takes; the name it is written under at first is longer.
_NAME_MAX = 200


class Taken(OSError):
    """There is something of that name already."""


def check(out: Path) -> None:
    """Refuse a name at which no new folder can be. Raises `Taken`, and `OSError`.

    A link that leads nowhere is there, too: to rename onto it fails when all else is done.
    """
    if len(os.fsencode(out.name)) > _NAME_MAX:
        raise OSError(errno.ENAMETOOLONG, f"a name of at most {_NAME_MAX} bytes, please", str(out))
    if os.path.lexists(out):
        raise Taken(f"{out} is there already, and nothing is written over: name another folder")


def place(out: Path, files: Mapping[str, bytes]) -> None:
    """Write the folder. Raises `Taken`, and `OSError`."""
    check(out)
    out.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(prefix=f".{out.name}.", dir=out.parent))
    try:
        for name, content in files.items():
            with (temporary / name).open("xb") as file:
                # Out of the folder, too, what people paid is for whoever made the export.
                os.fchmod(file.fileno(), 0o600)
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
        _sync(temporary)
        temporary.rename(out)
    except FileExistsError:
        raise Taken(f"{out} was made by somebody else just now: name another folder") from None
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    _sync(out.parent)


def _sync(directory: Path) -> None:
    """Make the names in a directory last over a power cut, where the file system can."""
    with suppress(OSError):
        descriptor = os.open(directory, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
