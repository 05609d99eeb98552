"""Which kind of disk a directory is on: local, another machine's, or memory.

What the journal fsyncs must outlive the machine's power: on a network's file system an fsync
promises what its server does, and in memory nothing is promised at all.
"""

import re
from collections.abc import Iterator
from pathlib import Path

MOUNTS = Path("/proc/self/mounts")
_REMOTE = frozenset(
    {
        *("9p", "afs", "beegfs", "ceph", "cifs", "davfs", "glusterfs", "lustre"),
        *("ncpfs", "nfs", "nfs4", "smb3", "smbfs"),
    }
)
_MEMORY = frozenset({"ramfs", "tmpfs"})
_OCTAL = re.compile(r"\\([0-7]{3})")


def trouble(path: Path, mounts: Path = MOUNTS) -> str:
    """Say what is wrong with the kind of disk; "" where it is local, or nobody can tell."""
    kind = file_system(path, mounts)
    if kind in _REMOTE or kind.startswith("fuse."):
        return f"{path} is on {kind}, another machine's disk: name a directory on a local one"
    if kind in _MEMORY:
        return f"{path} is in memory ({kind}), which a power cut empties: name one on a disk"
    return ""


def file_system(path: Path, mounts: Path = MOUNTS) -> str:
    """Return the kind of the file system that a path is on; "" where nobody can tell."""
    try:
        lines = mounts.read_text("utf-8", "replace").splitlines()
    except OSError:
        return ""
    held = {place: kind for place, kind in _mounted(lines) if path.is_relative_to(place)}
    # Of two mounts on one place the later hides the other.
    return held[max(held, key=lambda place: len(place.parts))] if held else ""


def _mounted(lines: list[str]) -> Iterator[tuple[Path, str]]:
    for line in lines:
        _, place, kind, *_ = [*line.split(" "), "", "", ""]
        if place:
            yield Path(_OCTAL.sub(lambda found: chr(int(found[1], 8)), place)), kind
