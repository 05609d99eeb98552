"""A changed configuration, judged as a whole before it is written: by the code of `sealgate check`.

The files of the configuration are laid out beside each other in a directory of their own, with the
changed one in its new words, and read from there; relative paths count from where the real ones
are. So a mistake is found while the old file still stands.
"""

import tempfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from ingress.settings import Mistake
from sealgate.check import faults
from sealgate.config import examine
from sealgate.fragments import FRAGMENTS, SUFFIX
from sealgate.role import Role


def mistakes(
    main: Path, changed: Path, content: bytes, environ: Mapping[str, str]
) -> list[Mistake]:
    """List everything that would keep an edge from taking `main`, were `changed` to say that."""
    with tempfile.TemporaryDirectory(prefix="sealgate-") as place:
        names = _lay_out(Path(place), main, changed, content)
        reading = examine(Path(place) / main.name, environ)
        files = {slug: names.get(file, file) for slug, file in reading.configuration.files.items()}
        configuration = replace(reading.configuration, file=main, files=files)
        found = [*reading.mistakes, *faults(configuration, (Role.EDGE,))]
    return [replace(one, file=names.get(one.file, one.file)) for one in found]


def _lay_out(place: Path, main: Path, changed: Path, content: bytes) -> dict[str, str]:
    """Fill the directory; return the real names of its files."""
    (place / FRAGMENTS).mkdir()
    names = {}
    for real in (main, *sorted((main.parent / FRAGMENTS).glob(f"*{SUFFIX}"))):
        laid = place / main.name if real == main else place / FRAGMENTS / real.name
        if real == changed:
            laid.write_bytes(content)
        else:
            laid.symlink_to(real.resolve())
        names[str(laid)] = str(real)
    return names
