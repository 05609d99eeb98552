"""Put the files of a run into one new folder: whole under its name, or not there at all.

They are written under another name beside it, made to last, and renamed. A folder that is there
already is refused, whatever is in it: nobody's figures are written over.
"""

import os
import shutil
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path


class Taken(OSError):
    """There is something of that name already."""


def place(out: Path, files: Mapping[str, bytes]) -> None:
    """Write the folder. Raises `Taken`, and `OSError`."""
    if out.exists() or out.is_symlink():
        raise Taken(f"{out} is there already, and nothing is written over: name another folder")
    out.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(prefix=f".{out.name}.", dir=out.parent))
    try:
        for name, content in files.items():
            with (temporary / name).open("xb") as file:
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
